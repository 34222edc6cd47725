"""Deletes: side by side, and only of tunnels that are still as the plan saw them."""

from collections.abc import Iterable

from reconciler.api.call import Call, Conversation, Pause, Verb
from reconciler.engine.run import Run
from reconciler.engine.write import WAITS, look
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan.diff import Change

_EARLIER = Problem(
    "earlier-not-applied",
    "an earlier change of the account was not applied",
    "Run apply again once that is done.",
)
_EDITED = Problem(
    "changed-meanwhile",
    "the tunnel was to be deleted, and somebody else changed it meanwhile",
    "Run plan again and look.",
)


def last_deletes(run: Run) -> Conversation[None]:
    """Delete what frees nothing, if all else was applied."""
    last = run.plan.phases.last_deletes
    if run.stop is None and any(verdict != APPLIED for verdict in run.verdicts.values()):
        run.decide(last, Verdict(Result.SKIPPED, _EARLIER))
        return
    yield from delete(run, last)


def delete(run: Run, changes: Iterable[Change]) -> Conversation[None]:
    """Delete these tunnels.

    After an answer that can't tell the list decides: an id that is gone is done, one that is still there is sent again.
    """
    pending = run.ready(run.left_to_do(changes, edited_meanwhile))
    for wait in WAITS:
        if not pending:
            return
        still = yield from run.send_each([(c, Call(Verb.DELETE, tunnel_id=c.id)) for c in pending])
        still = yield from look(run, lambda c, now: edited_meanwhile(c, now) if now else APPLIED, still)
        pending = [change for change, _ in still]
        if wait is None:
            run.unknown(still)
        elif pending:
            yield Pause(wait, "before an uncertain delete is sent again")


def edited_meanwhile(change: Change, now: LiveTunnel | None) -> Verdict | None:
    """The verdict on a delete whose tunnel somebody has changed since the plan was made; else None."""
    if now is None or (now.settings == change.before and not now.unreadable):
        return None
    return Verdict(Result.FAILED, _EDITED)
