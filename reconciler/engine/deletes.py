"""Deletes: by id, side by side; done when the id is gone."""

from collections.abc import Iterable

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Call,
    CallOutcome,
    Conversation,
    Denied,
    NotSent,
    Refused,
    Verb,
    contradicts,
    problem_of,
)
from reconciler.engine.run import TRIES, Run
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan.diff import Change

_EDITED = Problem(
    "changed-meanwhile",
    "the tunnel was to be deleted, and somebody else changed it meanwhile",
    "Run plan again and look.",
)


def delete(run: Run, changes: Iterable[Change]) -> Conversation[None]:
    """Delete these tunnels.

    After an ambiguous answer the list decides: an id that is gone is done, one that is still there is sent again.
    """
    pending = run.ready(_as_planned(run, changes))
    for attempt in range(TRIES):
        if not pending:
            return
        outcomes = yield from run.send([Call(Verb.DELETE, tunnel_id=c.id) for c in pending])
        unsure = _settle(run, zip(pending, outcomes, strict=True))
        if not unsure:
            return
        live = yield from run.observe()
        if live is not None:
            run.decide((c for c, _ in unsure if c.id not in live.tunnels), APPLIED)
            kept = {c.ref for c in _as_planned(run, [c for c, _ in unsure if c.id in live.tunnels])}
            unsure = [(c, o) for c, o in unsure if c.ref in kept]
        if live is None or attempt == TRIES - 1:
            for change, outcome in unsure:
                run.unknown([change], outcome)
            return
        pending = [c for c, _ in unsure]
        if pending:
            yield from run.pause(attempt, "before an uncertain delete is sent again")


def _as_planned(run: Run, changes: Iterable[Change]) -> list[Change]:
    """Those whose tunnel the latest list shows as the plan was made for; one that somebody has edited since stays."""
    pending = list(changes)
    if not run.looked_again:
        return pending
    edited = [c for c in pending if c.live and (t := run.live.tunnels.get(c.ref)) and _differs(t, c.live)]
    run.decide(edited, Verdict(Result.FAILED, _EDITED))
    return [c for c in pending if c not in edited]


def _differs(now: LiveTunnel, before: LiveTunnel) -> bool:
    return bool(now.unreadable) or now.settings != before.settings


def _settle(run: Run, answers: Iterable[tuple[Change, CallOutcome]]) -> list[tuple[Change, Ambiguous | Refused]]:
    """Give a verdict to each certain answer; returns the uncertain ones."""
    unsure = []
    for change, outcome in answers:
        match outcome:
            case Answered():
                run.decide([change], APPLIED)
            case Refused() if not contradicts(outcome):
                run.decide([change], Verdict(Result.FAILED, problem_of(outcome)))
            case Denied() | NotSent():
                run.settle_unsent([change], outcome)
            case Refused() | Ambiguous():
                unsure.append((change, outcome))
    return unsure
