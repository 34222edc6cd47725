"""What one account's apply knows while it goes on: the latest list, a verdict per change, and why it stopped."""

from collections.abc import Callable, Iterable, Sequence

from reconciler.api.call import (
    Answered,
    Call,
    CallOutcome,
    Conversation,
    Denied,
    Failure,
    NotSent,
    Refused,
    Send,
    Verb,
    problem_of,
    unclear,
)
from reconciler.engine.listing import read_list
from reconciler.model.desired import External, Generated
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.psk import psk_command
from reconciler.model.settings import Settings, readable
from reconciler.model.verdict import APPLIED, THERE, Result, Verdict
from reconciler.plan.claims import NETWORKS, claims, clash
from reconciler.plan.diff import Change
from reconciler.plan.plan import Plan

Judge = Callable[[Change, LiveTunnel | None], Verdict | None]
"""The verdict on a change whose tunnel is now listed so, or not at all; None when the change is still to be sent."""

Open = list[tuple[Change, CallOutcome]]
"""Changes of which an answer can't tell whether they were made, each with that answer."""

_ABOUT_PSKS = ("key-not-in-sink", "key-not-set")


def name_changed(change: Change, kept: str, message: str) -> Problem:
    """The server keeps a tunnel's name in another form than it was sent: only the file can change that."""
    remedy = f"Cloudflare seems to keep names in another form: write `name: {kept}` at {change.place}, then run plan."
    return Problem("name-changed", message, remedy)


def psk_remedy(change: Change) -> str | None:
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
        with_psk: Names of tunnels to create whose pre-shared key is sent with the create.

        live: Seen so far: the latest trusted list.
        answered: Tunnel id to the settings that the last answer to an update gave.
        sent: Ids of the tunnels of which an update was sent.
        wrote: True once an answer said that a write was done.
        stop: What became of the call after which nothing more is sent, or None.
        ended: Whether a rollout ended before its last wave, so that nothing may follow.

        verdicts: Decided so far: change ref to verdict.
        for_good: Refs of changes whose verdict no later list corrects.
        made: Refs of creates that surely made their tunnel, with the key that was sent for it.
        notes: What the report should say about how it went.

        passing: For updates: change ref to the borrowed settings a tunnel passes through while a cycle is broken.
        size: Items of one bulk update. It shrinks when the server says that the body is too large, and is 0 once a lone
            item was refused in bulk and taken alone.
    """

    def __init__(self, plan: Plan, with_psk: frozenset[str]) -> None:
        self.plan = plan
        self.with_psk = with_psk

        self.live = plan.live
        self._expected = set(plan.live.tunnels)  # what a list must hold, so that null is not taken for an empty account
        self.answered: dict[str, Settings] = {}
        self.sent: set[str] = set()
        self.wrote = False
        self.stop: Failure | None = None
        self.ended = False

        self.verdicts: dict[str, Verdict] = {}
        self.for_good: set[str] = set()
        self.made: set[str] = set()
        self.notes: list[str] = []

        self.passing: dict[str, Settings] = {}
        self.size = plan.options.batch_size

    def psk_of(self, change: Change) -> str | None:
        """The name of the pre-shared key of a tunnel to create, or None when none is sent with it."""
        return change.name if change.name in self.with_psk else None

    # What may be sent.

    def left_to_do(self, changes: Iterable[Change], judge: Judge) -> list[Change]:
        """The changes that are still to be made as planned; the others are decided.

        The list may have been read again since the plan was made, because of some other change. What others did
        meanwhile shows in it: to go on as planned would undo their work unseen, or make a second tunnel of a name.
        """
        pending = list(changes)
        if self.live is self.plan.live:  # not read again: nothing can be new
            return pending
        found = {change.ref: judge(change, self.live.tunnels.get(change.ref)) for change in pending}
        self.verdicts.update((ref, verdict) for ref, verdict in found.items() if verdict is not None)
        return [change for change in pending if found[change.ref] is None]

    def ready(self, changes: Iterable[Change]) -> list[Change]:
        """Those of one call that may be sent now; the others are skipped with the reason.

        What one of them frees another may take, since they go together. So one that is left out can leave another
        without what it needs, and so on: hence the loop. (Deletes and creates, which go side by side, never need each
        other: a delete takes nothing, and what is yet to be made holds nothing.)
        """
        sendable = list(changes)
        while True:
            beside = {change.ref for change in sendable}
            why = {change.ref: self._why_not(change, beside) for change in sendable}
            self.verdicts.update((ref, Verdict(Result.SKIPPED, problem)) for ref, problem in why.items() if problem)
            left = [change for change in sendable if not why[change.ref]]
            if len(left) == len(sendable):
                return left
            sendable = left

    def _why_not(self, change: Change, beside: set[str]) -> Problem | None:
        if self.stop is not None:
            return problem_of(self.stop)
        needs = self.plan.phases.needs.get(change.ref, frozenset())
        unmet = sorted(ref for ref in needs - beside if self.verdicts.get(ref) != APPLIED)
        if not unmet:
            return None
        names = {c.ref: c.previous_name or c.name for c in self.plan.changes}
        holders = ", ".join(names[ref] for ref in unmet)
        return Problem("needs-earlier", f"it needs a name, network or identity that {holders} still holds")

    # Sending and looking.

    def send(self, calls: Sequence[Call]) -> Conversation[tuple[CallOutcome, ...]]:
        """Carry calls out; remembers what stops the account and what was written."""
        for call in calls:
            self.sent |= {item["id"] for item in call.body.get("items", ())}
            if call.verb is Verb.UPDATE_ONE and call.tunnel_id:
                self.sent.add(call.tunnel_id)
        outcomes: tuple[CallOutcome, ...] = yield Send(tuple(calls))
        for call, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, (Denied, NotSent)):
                self.stop = self.stop or outcome
            if call.verb is Verb.DELETE and (isinstance(outcome, Answered) or unclear(outcome)):
                self._expected.discard(call.tunnel_id or "")  # surely or perhaps gone
            if isinstance(outcome, Answered):
                self.wrote = True
                for tunnel_id, tunnel in outcome.tunnels.items():
                    settings, wrong = readable(tunnel)
                    if not wrong:
                        self.answered[tunnel_id] = settings
        return outcomes

    def send_each(self, calls: Sequence[tuple[Change, Call]], *, resent: bool = False) -> Conversation[Open]:
        """Send these calls side by side, each for its change; returns the changes that only a list can decide.

        Args:
            calls: One per change.
            resent: Whether they go once more: a refusal may then come from their own first try, so a list must decide.
        """
        outcomes = yield from self.send([call for _, call in calls])
        answers = [(change, outcome) for (change, _), outcome in zip(calls, outcomes, strict=True)]
        return [(c, o) for c, o in answers if (resent and isinstance(o, Refused)) or not self.settle([c], o)]

    def observe(self) -> Conversation[Live | None]:
        """List again. None when there is no trusted list, and then the account stops.

        Without a list nobody knows what is there, and whatever were sent next could repeat or undo something.
        """
        found = yield from read_list(self._expected)
        if isinstance(found, Live):
            self.live = found
            self._expected |= found.tunnels.keys() - self.plan.live.tunnels.keys()
            return found
        self.stop = self.stop or found
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

    # Deciding.

    def decide(self, changes: Iterable[Change], verdict: Verdict) -> None:
        """Give these changes a verdict."""
        self.verdicts.update((change.ref, verdict) for change in changes)

    def judge_for_good(self, change: Change, verdict: Verdict) -> None:
        """Give a change a verdict on what it did, which shows in no difference between files and list."""
        self.verdicts[change.ref] = verdict
        self.for_good.add(change.ref)

    def settle(self, changes: Iterable[Change], outcome: CallOutcome) -> bool:
        """Decide about the changes of a call as its answer says; False when only a list can tell."""
        if unclear(outcome):
            return False
        if isinstance(outcome, Answered):
            self.decide(changes, APPLIED)
        else:
            result = Result.SKIPPED if isinstance(outcome, NotSent) else Result.FAILED
            self.decide(changes, Verdict(result, problem_of(outcome)))
        return True

    def unknown(self, still: Open) -> None:
        """Say of these changes that their write may have been carried out, and that no list could tell."""
        remedy = "Run apply again: it lists the account first and continues from what is there."
        for change, outcome in still:
            self.verdicts[change.ref] = Verdict(Result.UNKNOWN, problem_of(outcome, remedy))

    def unproved(self, change: Change, why: str) -> None:
        """Decide about a create whose tunnel is listed, while no answer says that this run made it, or set its key.

        Whoever made it may have given it another key: the one that is meant for it must not be taken for the one it
        has. So a create is `applied` only if the key that went with it is surely in force. The first reason stays.

        Args:
            change: The create.
            why: What is known of it, without a full stop.
        """
        said = self.verdicts.get(change.ref)
        remedy = psk_remedy(change)
        if remedy is None:
            self.verdicts[change.ref] = THERE
        elif not (said and said.problem and said.problem.code in _ABOUT_PSKS):
            if change.declared and isinstance(change.declared.psk, Generated):
                code, so = "key-not-in-sink", "its key may be in no sink"
            else:
                code, so = "key-not-set", "it may have another key"
            self.verdicts[change.ref] = Verdict(Result.UNKNOWN, Problem(code, f"{why}, so {so}", remedy))
