"""Asks the person at the terminal before anything is written."""

import time
from dataclasses import replace

from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.show import as_text, to_copy
from reconciler.report.outcome import worst
from reconciler.report.values import Report

_REMEDY = "Run it on a terminal, or add --auto-approve."
_AGAIN = "Run it again, and answer yes when it is what you want."
_IN_FULL = "Run it again, and type yes: in full, and in small letters."
_REVIEWED = " A plan that was reviewed goes with apply --plan FILE."


def require_approval(ctx: Context, clients: Clients, shown: Report, what: str) -> None:
    """Show what would be done and ask the person at the terminal; only `yes` approves. Elsewhere nobody can.

    Args:
        ctx: Surroundings; the plan and the question go to standard error, so that standard output stays parseable.
        clients: Their deadlines don't run meanwhile.
        shown: The plan.
        what: What is asked, as in "Do you want to …?".

    Raises:
        Halt: `blocked` when nobody approves, `interrupted` when the run is stopped meanwhile.
    """
    began, stderr = time.monotonic(), ctx.output.stderr
    if not (ctx.stdin.isatty() and stderr.isatty()):
        remedy = _REMEDY + _REVIEWED if shown.command == "plan" else _REMEDY
        raise _refused(shown, "nobody approved the changes; nothing was written", remedy)
    clients.progress.end()
    _show(ctx, shown)
    stderr.write(f"\nDo you want to {what}? Only 'yes' is taken: ")
    stderr.flush()
    line = ctx.read_line()
    if not line.endswith("\n") and not ctx.stop.is_set():
        stderr.write("\n")  # Ctrl-D leaves the cursor behind the question
    answer = line.strip()
    if ctx.stop.is_set():
        raise halt("interrupted", "interrupted", "stopped before anything was written", "Run it again.", shown.accounts)
    if answer != "yes":
        remedy = _IN_FULL if answer.lower() in {"y", "yes"} else _AGAIN
        raise _refused(shown, "the changes were not approved; nothing was written", remedy)
    clients.extend(time.monotonic() - began)


def show_plan(ctx: Context, clients: Clients, shown: Report) -> None:
    """Show what will be done without a question to the person at the terminal, if the report is for the same eyes."""
    wanted = ctx.options.output or (("text", None),)
    if not ctx.options.quiet and ctx.output.stderr.isatty() and ctx.output.stdout.isatty() and ("text", None) in wanted:
        clients.progress.end()
        _show(ctx, shown)
        ctx.output.stderr.write("\n")


def _show(ctx: Context, shown: Report) -> None:
    stderr = ctx.output.stderr
    ctx.shown = to_copy(ctx, shown)
    report = replace(ctx.shown, outcome="ok")
    stderr.write(as_text(report, color=ctx.color(stderr), width=ctx.width(stderr)))
    stderr.flush()


def _refused(shown: Report, why: str, remedy: str) -> Halt:
    outcome = worst((*(a.outcome for a in shown.accounts), "blocked"))
    return halt(outcome, "not-approved", why, remedy, shown.accounts)
