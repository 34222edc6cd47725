"""Asks a person at a terminal. Elsewhere nobody can approve."""

from dataclasses import replace

from reconciler.cli.context import Context, halt
from reconciler.model.report import Report, worst

_REMEDY = "Run it on a terminal, or add --auto-approve."
_REVIEWED = " A plan that was reviewed goes with apply --plan FILE."


def require_approval(ctx: Context, shown: Report, what: str) -> None:
    """Show what would be done and ask; only `yes` approves.

    Args:
        ctx: Surroundings; the plan and the question go to standard error, so that standard output stays parseable.
        shown: The plan.
        what: What is asked, as in "Do you want to …?".

    Raises:
        Halt: `blocked` when nobody approves, `interrupted` when the run is stopped meanwhile.
    """
    if not (ctx.stdin.isatty() and ctx.stderr.isatty()):
        raise _refused(shown, "nobody approved the changes; nothing was written")
    from reconciler.render import render

    ctx.stderr.write(render(replace(shown, outcome="ok"), "text", color=ctx.color(ctx.stderr)))
    ctx.stderr.write(f"\nDo you want to {what}? Only 'yes' is taken: ")
    ctx.stderr.flush()
    answer = ctx.ask()
    if ctx.stop.is_set():
        raise halt("interrupted", "interrupted", "stopped before anything was written", "Run it again.", shown.accounts)
    if answer.strip() != "yes":
        raise _refused(shown, "the changes were not approved; nothing was written")


def _refused(shown: Report, why: str) -> Exception:
    outcome = worst((*(a.outcome for a in shown.accounts), "blocked"))
    remedy = _REMEDY + _REVIEWED if shown.command == "plan" else _REMEDY
    return halt(outcome, "not-approved", why, remedy, shown.accounts)
