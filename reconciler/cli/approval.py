"""Asks the person at the terminal: before anything is written, and with `--confirm` whether it is to stay.

    09:41 left. Keep the updates, yes or no?

The second question is what network devices call a confirmed commit: who has cut off himself, or others, does nothing,
and all is as it was. So nothing but a `yes` keeps the updates.
"""

import signal
import termios
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.options import UsageError
from reconciler.cli.reports import as_text, to_copy
from reconciler.engine.rollout import updated
from reconciler.engine.run import Run
from reconciler.model.verdict import APPLIED
from reconciler.render.safe import few, terminal
from reconciler.report.outcome import worst
from reconciler.report.values import Report

_REMEDY = "Run it on a terminal, or add --auto-approve."
_AGAIN = "Run it again, and answer yes when it is what you want."
_IN_FULL = "Run it again, and type yes: in full, and in small letters."
_SHOWN = 5
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


def require_terminal(ctx: Context) -> None:
    """Refuse `--confirm` where nobody could answer, before anything is done."""
    if ctx.options.confirm and not (ctx.stdin.isatty() and ctx.output.stderr.isatty()):
        raise UsageError("--confirm asks a person: it needs a terminal for its input and its messages")


def ask_to_keep(ctx: Context, clients: Clients, runs: Iterable[Run]) -> str | None:
    """Ask whether the updates of these runs are to be kept: empty if so, else why not; None if there are none.

    Who stops the run instead of answering does not keep them. What takes them back must go on then, so the wish to stop
    ends with the question; a second signal still ends the process.
    """
    began, stderr = time.monotonic(), ctx.output.stderr
    changed = [run for run in runs if updated(run)]
    if not changed:
        return None
    clients.progress.end()
    for run in changed:
        stderr.write("".join(f"{terminal(line)}\n" for line in _what_was_done(run)))
    why = _unless_yes(ctx, began + (ctx.options.confirm or 0))
    clients.extend(time.monotonic() - began)
    if why:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        ctx.stop.clear()
        stderr.write(f"\nRolling back: {why}.\n")
        stderr.flush()
    return why


def _what_was_done(run: Run) -> list[str]:
    """What a person has to know of an account to answer."""
    done, phases = updated(run), run.plan.phases
    updates = [change for group in phases.all_updates for change in group]
    freed = [change.name for change in phases.first_deletes if run.verdicts.get(change.ref) == APPLIED]
    waiting = [c.name for c in (*phases.first_deletes, *phases.last_deletes) if c.ref not in run.verdicts]
    named = {
        "Updated": [change.name for change in done],
        "Not updated": [change.name for change in updates if change not in done],
        "Deleted, which a no does not undo": freed,
        "To create after a yes": [change.name for change in phases.creates if not run.ended],
        "To delete after a yes": [name for name in waiting if not run.ended],
    }
    account = f"{run.plan.desired.account.name}: "
    return [f"{account}{what}: {', '.join(few(names, str, _SHOWN))}" for what, names in named.items() if names]


def _unless_yes(ctx: Context, until: float) -> str:
    """Empty when the person says yes before `until`, else why not.

    The time left is drawn at the beginning of the question's line, and what is being typed behind it stays.
    """
    stderr = ctx.output.stderr
    draws = ctx.env.get("TERM") != "dumb"
    with suppress(termios.error):  # what was typed before the question was there to be read is no answer to it
        termios.tcflush(ctx.stdin, termios.TCIFLUSH)
    shown = ""

    def waits() -> bool:
        nonlocal shown
        left = max(0, round(until - time.monotonic()))
        clock = f"{left // 60:02}:{left % 60:02}"
        if shown and draws and clock != shown:
            stderr.write(f"\x1b7\r{clock:>{len(shown)}}\x1b8")
        elif not shown:
            stderr.write(f"{clock} left. Keep the updates, yes or no? ")
        stderr.flush()
        shown = f"{clock:>{len(shown)}}"
        return time.monotonic() < until

    while not ctx.stop.is_set():
        line = ctx.read_line(waits)
        answer = line.strip()
        if ctx.stop.is_set():
            break
        if answer == "yes":
            return ""
        if answer == "no":
            return "the answer was no"
        if not line:
            return "nobody said yes in time" if time.monotonic() >= until else "there was no answer"
        shown = ""  # anything else is asked again
    return "the run was stopped before anybody said yes"
