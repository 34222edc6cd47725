"""Apply: carry out one account's plan and prove that the account converged."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

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
from reconciler.engine.creates import create
from reconciler.engine.run import TRIES, Run
from reconciler.engine.updates import update
from reconciler.engine.verify import verify
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.verdict import APPLIED, THERE, Result, Verdict, may_have_written
from reconciler.plan.build import Plan, unreadable
from reconciler.plan.diff import Change
from reconciler.plan.scope import LeftAlone

S = TypeVar("S")
T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class Applied:
    """How an account's apply ended.

    Attributes:
        verdicts: Change ref to verdict, for every change of the plan.
        left: What the last list still shows as different; None when there was no trusted last list.
        live: The latest trusted list.
        notes: What the report should say about how it went.
        stop: Why the account stopped early, or None.
        made: Refs of creates that surely made their tunnel, with the key that was sent for it.
        answered: Whether any answer said that a write was done, whatever became of its change later: a tunnel that was
            parked and could not be brought to its end is a failed change, and the account is not what it was.
        unreadable: Tunnels of these files that the latest list shows and that can't be compared.
    """

    verdicts: Mapping[str, Verdict]
    left: tuple[Change, ...] | None
    live: Live
    notes: tuple[str, ...]
    stop: Denied | NotSent | Problem | None
    answered: bool = False
    unreadable: tuple[LeftAlone, ...] = ()
    made: frozenset[str] = frozenset()

    @property
    def written(self) -> bool:
        """True when anything was, or may have been, written."""
        return self.answered or may_have_written(self.verdicts.values())

    @property
    def converged(self) -> bool:
        """True only when the last list was trusted and readable, nothing differs and all is applied, by whomever."""
        done = all(v in (APPLIED, THERE) for v in self.verdicts.values())
        return self.left == () and not self.unreadable and done


def apply(plan: Plan, keyed: frozenset[str] = frozenset()) -> Conversation[Applied]:
    """Carry out a plan, step by step.

    The order keeps every moment valid: what frees a name or an address goes before what takes it, so deletes that free
    something come first, then updates, then creates. Deletes that free nothing come last, and only when all else is
    applied, since nothing is harder to undo.

    Args:
        plan: From a trusted list less than 30 seconds old. Guards are the caller's business.
        keyed: Names of tunnels to create whose pre-shared key the carrier can put into the call.

    Yields:
        `Send` (answered by one outcome per call) and `Pause` (answered by an empty tuple).

    Returns:
        A verdict per change and what the last list says.
    """
    run = Run(plan, keyed)
    yield from delete(run, plan.phases.freeing)
    yield from update(run, plan.phases.updates)
    yield from create(run, plan.phases.creates)
    yield from last_deletes(run)
    left: tuple[Change, ...] | None = None
    if not plan.changes:
        left = ()  # nothing was sent: the plan's own list has just shown that nothing differs
    elif run.stop is None:
        left = yield from verify(run)
    return Applied(
        verdicts=run.verdicts,
        left=left,
        live=run.live,
        notes=tuple(run.notes),
        stop=run.stop,
        answered=run.wrote,
        unreadable=unreadable(plan, run.live),
        made=frozenset(run.made),
    )


def last_deletes(run: Run) -> Conversation[None]:
    """Delete what frees nothing, if all else was applied."""
    last = run.plan.phases.deletes
    if run.stop is None and any(verdict != APPLIED for verdict in run.verdicts.values()):
        run.decide(last, Verdict(Result.SKIPPED, _EARLIER))
        return
    yield from delete(run, last)


def delete(run: Run, changes: Iterable[Change]) -> Conversation[None]:
    """Delete these tunnels.

    After an ambiguous answer the list decides: an id that is gone is done, one that is still there is sent again.
    """
    pending = run.ready(run.left_to_do(changes, edited_meanwhile))
    for attempt in range(TRIES):
        if not pending:
            return
        outcomes = yield from run.send([Call(Verb.DELETE, tunnel_id=c.id) for c in pending])
        unsure = _settle_deletes(run, zip(pending, outcomes, strict=True))
        if not unsure:
            return
        live = yield from run.observe()
        if live is not None:
            run.decide((c for c, _ in unsure if c.id not in live.tunnels), APPLIED)
            there = run.left_to_do((c for c, _ in unsure if c.id in live.tunnels), edited_meanwhile)
            unsure = [(c, o) for c, o in unsure if c.ref in {one.ref for one in there}]
        if live is None or attempt == TRIES - 1:
            for change, outcome in unsure:
                run.unknown([change], outcome)
            return
        pending = [c for c, _ in unsure]
        if pending:
            yield from run.pause(attempt, "before an uncertain delete is sent again")


def edited_meanwhile(change: Change, now: LiveTunnel | None) -> Verdict | None:
    """The verdict on a delete whose tunnel somebody has changed since the plan was made; else None."""
    if now is None or change.live is None or (now.settings == change.live.settings and not now.unreadable):
        return None
    return Verdict(Result.FAILED, _EDITED)


def _settle_deletes(
    run: Run, answers: Iterable[tuple[Change, CallOutcome]]
) -> list[tuple[Change, Ambiguous | Refused]]:
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


def drive(protocol: Generator[S, Any, T], carry: Callable[[S], Any]) -> T:
    """Run a protocol to its end and return its result.

    Args:
        protocol: For example `apply(plan)`, or the rotation of keys.
        carry: Carries one step out: for a `Send` one outcome per call, for a `Pause` nothing.
    """
    try:
        step = next(protocol)
        while True:
            step = protocol.send(carry(step))
    except StopIteration as end:
        result: T = end.value
        return result
