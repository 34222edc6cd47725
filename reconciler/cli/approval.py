"""Asks the person at the terminal before anything is written."""

import time

from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, Halt, halt
from reconciler.render import render
from reconciler.report.outcome import worst
from reconciler.report.values import Report

_REMEDY = "Run it on a terminal, or add --auto-approve."
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
        raise _refused(shown, "nobody approved the changes; nothing was written")
    stderr.write(render(shown.model_copy(update={"outcome": "ok"}), "text", color=ctx.color(stderr)))
    stderr.write(f"\nDo you want to {what}? Only 'yes' is taken: ")
    stderr.flush()
    answer = ctx.read_line()
    if ctx.stop.is_set():
        raise halt("interrupted", "interrupted", "stopped before anything was written", "Run it again.", shown.accounts)
    if answer.strip() != "yes":
        raise _refused(shown, "the changes were not approved; nothing was written")
    clients.extend(time.monotonic() - began)


def _refused(shown: Report, why: str) -> Halt:
    outcome = worst((*(a.outcome for a in shown.accounts), "blocked"))
    remedy = _REMEDY + _REVIEWED if shown.command == "plan" else _REMEDY
    return halt(outcome, "not-approved", why, remedy, shown.accounts)
