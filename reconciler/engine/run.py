"""What one account's apply knows while it goes on: the latest list, a verdict per change, and why it stopped."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Call,
    Denied,
    NotSent,
    Outcome,
    Pause,
    Refused,
    Send,
    Step,
    Verb,
)
from reconciler.api.outcome import contradicts, problem_of
from reconciler.core.change import Change
from reconciler.core.live import Live, LiveTunnel
from reconciler.core.plan import Plan
from reconciler.core.report import Problem
from reconciler.core.tunnel import Malformed, Settings, canonical

TRIES = 4
"""How often one write is sent in all when its outcome stays ambiguous."""

BACKOFF = (2.0, 4.0, 8.0)
"""Seconds between looking at the list and sending an ambiguous write again."""

AGREEMENT_SECONDS = 5.0
"""Time between two lists that must agree before either is believed."""

Protocol = Generator[Step, tuple[Outcome, ...], "object"]


class Result(StrEnum):
    """How a change ended."""

    APPLIED = "applied"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a change ended and, unless it was applied, why."""

    result: Result
    problem: Problem | None = None


APPLIED = Verdict(Result.APPLIED)


class Run:
    """The mutable state of one account's apply.

    Attributes:
        plan: What is carried out.
        live: The latest trusted list.
        verdicts: Change key to verdict, for the changes that are decided.
        keyed: Names of tunnels to create whose pre-shared key is sent with the create.
        size: Items of one bulk update; shrinks when the server says that the body is too large.
        bulk_usable: False once a lone item was refused in bulk and taken alone.
        notes: What the report should say about how it went.
        stop: Why nothing more is sent, or None.
        touched: True once a write may have been carried out.
        answered: Tunnel id to the settings that the last answer to an update gave.
        passing: Change key to the borrowed settings a tunnel passes through while a cycle is broken.
    """

    def __init__(self, plan: Plan, keyed: frozenset[str]) -> None:
        self.plan = plan
        self.live = plan.live
        self.verdicts: dict[str, Verdict] = {}
        self.final: set[str] = set()
        self.keyed = keyed
        self.size = plan.options.batch_size
        self.bulk_usable = True
        self.notes: list[str] = []
        self.stop: Denied | NotSent | Problem | None = None
        self.touched = False
        self.passing: dict[str, Settings] = {}
        self.answered: dict[str, Settings] = {}
        self._mates = {c.key: frozenset(m.key for m in g) - {c.key} for g in plan.steps.updates for c in g}

    def key_of(self, change: Change) -> str | None:
        """Key name of a created tunnel, or None when no key is sent with it."""
        return change.name if change.name in self.keyed else None

    def send(self, calls: Sequence[Call]) -> Generator[Step, tuple[Outcome, ...], tuple[Outcome, ...]]:
        """Carry calls out; remembers what stops the account and whether anything may have been written."""
        outcomes = yield Send(tuple(calls))
        for call, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, (Denied, NotSent)):
                self.stop = self.stop or outcome
            elif call.verb is not Verb.LIST:
                self.touched = True
            if isinstance(outcome, Answered):
                self._remember(outcome.result.get("tunnels", {}))
        return outcomes

    def _remember(self, tunnels: Mapping[str, Any]) -> None:
        """What an answer says a tunnel has now: a list that says the same does not lag behind the write."""
        for tunnel_id, tunnel in tunnels.items():
            with suppress(Malformed):
                self.answered[tunnel_id] = canonical(tunnel)

    def observe(self) -> Generator[Step, tuple[Outcome, ...], Live | None]:
        """List again. None when there is no trusted list, and then the account stops."""
        (outcome,) = yield from self.send([Call(Verb.LIST)])
        if isinstance(outcome, Answered) and outcome.live is not None:
            self.live = outcome.live
            return outcome.live
        if self.stop is None and not isinstance(outcome, Answered):
            self.stop = problem_of(outcome)
        return None

    def pause(self, attempt: int, why: str) -> Generator[Step, tuple[Outcome, ...], None]:
        """Wait before the given attempt (from 0) is repeated."""
        yield Pause(BACKOFF[min(attempt, len(BACKOFF) - 1)], why)

    def decide(self, changes: Iterable[Change], verdict: Verdict) -> None:
        """Give these changes a verdict."""
        for change in changes:
            self.verdicts[change.key] = verdict

    def unknown(self, changes: Iterable[Change], outcome: Ambiguous | Refused) -> None:
        """Their write may have been carried out and no list could tell."""
        remedy = "Run apply again: it lists the account first and continues from what is there."
        self.decide(changes, Verdict(Result.UNKNOWN, problem_of(outcome, remedy)))

    def ready(self, changes: Iterable[Change], together: frozenset[str] = frozenset()) -> list[Change]:
        """Those that may be sent now; the others are skipped with the reason.

        A member of a cycle goes only with those of its mates that are not done yet.

        Args:
            changes: In order.
            together: Keys of changes that go in the same call.
        """
        sendable = []
        for change in changes:
            needs = self.plan.steps.needs.get(change.key, frozenset()) | self._mates.get(change.key, frozenset())
            unmet = sorted(k for k in needs - together if self.verdicts.get(k) != APPLIED)
            if self.stop is not None:
                self.verdicts[change.key] = Verdict(Result.SKIPPED, self.stopped())
            elif unmet:
                self.verdicts[change.key] = Verdict(Result.SKIPPED, self._waits_for(unmet))
            else:
                sendable.append(change)
        return sendable

    def _waits_for(self, keys: list[str]) -> Problem:
        names = {c.key: c.previous_name or c.name for c in self.plan.changes}
        holders = ", ".join(names.get(k, k) for k in keys)
        return Problem("needs-earlier", f"it needs a name, network or identity that {holders} still holds")

    def stopped(self) -> Problem:
        """Why nothing more was sent."""
        stop = self.stop
        assert stop is not None  # noqa: S101 - callers ask only after a stop
        return stop if isinstance(stop, Problem) else problem_of(stop)

    def settle_unsent(self, changes: Iterable[Change], outcome: Denied | NotSent) -> None:
        """A call that was not carried out: refused for the token, or never sent."""
        result = Result.FAILED if isinstance(outcome, Denied) else Result.SKIPPED
        self.decide(changes, Verdict(result, problem_of(outcome)))


Judge = Callable[[Change, LiveTunnel | None], Verdict | None]
"""After an ambiguous write and a new list: the change's verdict, or None when it must be sent again."""


def write(
    run: Run, changes: list[Change], make: Callable[[list[Change]], Call], judge: Judge
) -> Generator[Step, tuple[Outcome, ...], Refused | None]:
    """Send one write for these changes until its outcome is certain, never blindly again.

    Args:
        run: The account's state.
        changes: What the call carries; those that need it no more drop out on the way.
        make: Makes the call for the changes that still need it.
        judge: Decides from a new list what became of a change.

    Returns:
        The refusal, which leaves the remaining changes undecided; or None when all are decided.
    """
    pending = list(changes)
    for attempt in range(TRIES):
        (outcome,) = yield from run.send([make(pending)])
        if isinstance(outcome, Refused) and not contradicts(outcome):
            return outcome
        if not isinstance(outcome, Refused | Ambiguous):
            _certain(run, pending, outcome)
            return None
        pending = yield from look(run, pending, outcome, judge)
        if pending and isinstance(outcome, Refused):
            yield Pause(AGREEMENT_SECONDS, "before a second list that must agree that nothing was done")
            pending = yield from look(run, pending, outcome, judge)
        pending = _still_sendable(run, pending)
        if not pending or isinstance(outcome, Refused):
            return outcome if pending and isinstance(outcome, Refused) else None
        if attempt == TRIES - 1:
            run.unknown(pending, outcome)
        else:
            yield from run.pause(attempt, "before an uncertain write is sent again")
    return None


def _still_sendable(run: Run, pending: list[Change]) -> list[Change]:
    """Without those that need a change which fell out of their call and was not applied."""
    while True:
        fewer = run.ready(pending, frozenset(c.key for c in pending))
        if len(fewer) == len(pending):
            return fewer
        pending = fewer


def _certain(run: Run, changes: list[Change], outcome: Answered | Denied | NotSent) -> None:
    if isinstance(outcome, Answered):
        run.decide(changes, APPLIED)
    else:
        run.settle_unsent(changes, outcome)


def look(
    run: Run, pending: Sequence[Change], outcome: Ambiguous | Refused, judge: Judge
) -> Generator[Step, tuple[Outcome, ...], list[Change]]:
    """List again and let `judge` decide these changes; returns those that must be sent again.

    Without a trusted list all are unknown, and the account has stopped.
    """
    live = yield from run.observe()
    if live is None:
        run.unknown(pending, outcome)
        return []
    again = []
    for change in pending:
        verdict = judge(change, live.tunnels.get(change.live.id) if change.live else None)
        if verdict is None:
            again.append(change)
        else:
            run.verdicts[change.key] = verdict
    return again
