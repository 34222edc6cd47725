"""What one account's apply knows while it goes on: the latest list, a verdict per change, and why it stopped."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Call,
    CallOutcome,
    Conversation,
    Denied,
    NotSent,
    Pause,
    Refused,
    Send,
    Verb,
    contradicts,
    problem_of,
)
from reconciler.engine.listing import read_list
from reconciler.model.desired import External, Generated
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.psk import psk_command
from reconciler.model.settings import Malformed, Settings, canonical
from reconciler.model.verdict import APPLIED, THERE, Result, Verdict
from reconciler.plan.build import Plan
from reconciler.plan.claims import NETWORKS, claims, clash
from reconciler.plan.diff import Change

TRIES = 4
"""How often one write is sent at most, when its outcome is ambiguous each time."""

BACKOFF = (2.0, 4.0, 8.0)
"""Seconds before an ambiguous write is sent for the second, third and fourth time."""


def name_changed(change: Change, kept: str, message: str) -> Problem:
    """The server keeps a tunnel's name in another form than it was sent: only the file can change that."""
    remedy = f"Cloudflare seems to keep names in another form: write `name: {kept}` at {change.place}, then run plan."
    return Problem("name-changed", message, remedy)


def key_remedy(change: Change) -> str | None:
    """How a tunnel that somebody else may have made gets the key that is meant for it; None where no key is known."""
    match change.declared.psk if change.declared else None:
        case None | External():
            return None
        case Generated("cloudflare"):
            return "Run apply again: it has Cloudflare make the key if nobody has had it made."
        case Generated():
            return f"Give it the key of its sink, and its device too: {psk_command('rotate', change.name)}"
        case _:
            return f"Set its key: {psk_command('set', change.name)}"


class Run:
    """All that changes while one account's apply goes on.

    Three rules live here, because every kind of change needs them: once something stopped the account nothing more is
    sent (`send` notices, `ready` obeys); a change goes only after those it needs were applied (`ready`); and live state
    is replaced by a whole trusted list or not at all (`observe`).

    Attributes:
        plan: What is carried out.
        live: The latest trusted list.
        verdicts: Change ref to verdict, for the changes that are decided.
        final: Refs of changes whose verdict is about a pre-shared key, of which a list says nothing.
        keyed: Names of tunnels to create whose pre-shared key is sent with the create.
        size: Items of one bulk update; shrinks when the server says that the body is too large.
        bulk_usable: False once a lone item was refused in bulk and taken alone.
        notes: What the report should say about how it went.
        stop: Why nothing more is sent, or None.
        made: Refs of creates that surely made their tunnel, with the key that was sent for it.
        wrote: True once an answer said that a write was done.
        answered: Tunnel id to the settings that the last answer to an update gave.
        passing: Change ref to the borrowed settings a tunnel passes through while a cycle is broken.
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
        self.made: set[str] = set()
        self.wrote = False
        self.passing: dict[str, Settings] = {}
        self.answered: dict[str, Settings] = {}
        # Together they say which tunnels a list must hold, so that null is not taken for an empty account.
        self._seen = set(plan.live.tunnels)
        self._deleted: set[str | None] = set()  # surely or perhaps
        # By ref, the other members of a change's cycle.
        self._mates = {c.ref: frozenset(m.ref for m in g) - {c.ref} for g in plan.phases.updates for c in g}

    def psk_of(self, change: Change) -> str | None:
        """The name of the pre-shared key of a tunnel to create, or None when none is sent with it."""
        return change.name if change.name in self.keyed else None

    def send(self, calls: Sequence[Call]) -> Conversation[tuple[CallOutcome, ...]]:
        """Carry calls out; remembers what stops the account and what was written."""
        outcomes = yield Send(tuple(calls))
        for call, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, (Denied, NotSent)):
                self.stop = self.stop or outcome
            if call.verb is Verb.DELETE and (isinstance(outcome, (Answered, Ambiguous)) or contradicts(outcome)):
                self._deleted.add(call.tunnel_id)
            if isinstance(outcome, Answered):
                self.wrote = True
                self._remember(outcome.tunnels)
        return outcomes

    def _remember(self, tunnels: Mapping[str, Any]) -> None:
        """What an answer says a tunnel has now: a list that says the same does not lag behind the write."""
        for tunnel_id, tunnel in tunnels.items():
            with suppress(Malformed):
                self.answered[tunnel_id] = canonical(tunnel)

    def observe(self) -> Conversation[Live | None]:
        """List again. None when there is no trusted list, and then the account stops.

        Without a list nobody knows what is there, and whatever were sent next could repeat or undo something.
        """
        outcome = yield from read_list(self._seen - self._deleted)
        if isinstance(outcome, Answered) and outcome.live is not None:
            self.live = outcome.live
            self._seen |= self.live.tunnels.keys()
            return outcome.live
        self.stop = self.stop or (outcome if isinstance(outcome, (Denied, NotSent)) else problem_of(outcome))
        return None

    def stand_in(self, change: Change, live: Live) -> LiveTunnel | None:
        """A tunnel on the interface network of a tunnel to be made, which the plan's list did not show.

        A server may keep names in another form than they are sent (in lower case, say), or addresses without their host
        bits. So this may be the very tunnel that was sent, as may one of its name with a field that can't be read; in
        any case a list that shows it does not lack the tunnel.
        """
        wants = list(claims(change.target, NETWORKS))
        for tunnel in (t for i, t in live.tunnels.items() if i not in self.plan.live.tunnels):
            if any(clash(a, b) for a in wants for b in claims(tunnel.settings, NETWORKS)):
                return tunnel
            if tunnel.wrong_types and tunnel.name == change.name:
                return tunnel
        return None

    def left_to_do(
        self, changes: Iterable[Change], judge: Callable[[Change, LiveTunnel | None], Verdict | None]
    ) -> list[Change]:
        """The changes that are still to be made as planned; the others are decided.

        The list may have been read again since the plan was made, because of some other change. What others did
        meanwhile shows in it: to go on as planned would undo their work unseen, or make a second tunnel of a name.

        Args:
            changes: About to be sent.
            judge: The verdict on a change whose tunnel is now listed so, or not at all; None when it is to be sent.
        """
        pending = list(changes)
        if self.live is self.plan.live:  # not read again: nothing can be new
            return pending
        found = {change.ref: judge(change, self.live.tunnels.get(change.ref)) for change in pending}
        self.verdicts.update((ref, verdict) for ref, verdict in found.items() if verdict is not None)
        return [change for change in pending if found[change.ref] is None]

    def pause(self, attempt: int, why: str) -> Conversation[None]:
        """Wait before the given attempt (from 0) is repeated."""
        yield Pause(BACKOFF[attempt], why)

    def decide(self, changes: Iterable[Change], verdict: Verdict) -> None:
        """Give these changes a verdict."""
        for change in changes:
            self.verdicts[change.ref] = verdict

    def unknown(self, changes: Iterable[Change], outcome: Ambiguous | Refused) -> None:
        """Say of these changes that their write may have been carried out, and that no list could tell."""
        remedy = "Run apply again: it lists the account first and continues from what is there."
        self.decide(changes, Verdict(Result.UNKNOWN, problem_of(outcome, remedy)))

    def unproved(self, change: Change, why: str) -> None:
        """Decide about a create whose tunnel is listed, while no answer says that this run made it, or set its key.

        Whoever made it may have given it another key: the one that is meant for it must not be taken for the one it
        has. So a create is `applied` only if the key that went with it is surely in force.

        Args:
            change: The create.
            why: What is known of it, without a full stop.
        """
        remedy = key_remedy(change)
        if remedy is None:
            self.verdicts[change.ref] = THERE
        elif change.declared and isinstance(change.declared.psk, Generated):
            problem = Problem("key-not-in-sink", f"{why}, so its key may be in no sink", remedy)
            self.verdicts[change.ref] = Verdict(Result.UNKNOWN, problem)
        else:
            problem = Problem("key-not-set", f"{why}, so it may have another key", remedy)
            self.verdicts[change.ref] = Verdict(Result.UNKNOWN, problem)

    def ready(self, changes: Iterable[Change], *, together: bool = False) -> list[Change]:
        """Those that may be sent now; the others are skipped with the reason.

        A member of a cycle goes only with those of its mates that are not done yet: alone it would take what a mate
        still holds.

        Args:
            changes: In order.
            together: Whether they go in one call, in which one may free what another takes. Then each that is left out
                can leave another without what it needs, and so on: hence the loop.
        """
        sendable = list(changes)
        while True:
            beside = frozenset(c.ref for c in sendable) if together else frozenset()
            left = [change for change in sendable if self._may_go(change, beside)]
            if not together or len(left) == len(sendable):
                return left
            sendable = left

    def _may_go(self, change: Change, beside: frozenset[str]) -> bool:
        needs = self.plan.phases.needs.get(change.ref, frozenset()) | self._mates.get(change.ref, frozenset())
        unmet = sorted(ref for ref in needs - beside if self.verdicts.get(ref) != APPLIED)
        if self.stop is not None:
            self.verdicts[change.ref] = Verdict(Result.SKIPPED, self.stopped())
        elif unmet:
            self.verdicts[change.ref] = Verdict(Result.SKIPPED, self._waits_for(unmet))
        return self.stop is None and not unmet

    def _waits_for(self, refs: list[str]) -> Problem:
        names = {c.ref: c.previous_name or c.name for c in self.plan.changes}
        holders = ", ".join(names[ref] for ref in refs)
        return Problem("needs-earlier", f"it needs a name, network or identity that {holders} still holds")

    def stopped(self) -> Problem:
        """Why nothing more was sent."""
        stop = self.stop
        assert stop is not None  # noqa: S101 - callers ask only after a stop
        return stop if isinstance(stop, Problem) else problem_of(stop)

    def settle_unsent(self, changes: Iterable[Change], outcome: Denied | NotSent) -> None:
        """Decide about changes whose call was not carried out: the token was refused, or it was never sent."""
        result = Result.FAILED if isinstance(outcome, Denied) else Result.SKIPPED
        self.decide(changes, Verdict(result, problem_of(outcome)))
