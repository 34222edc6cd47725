"""Cloudflare and sinks that do what they are asked, and what can go wrong at any step of a protocol of keys."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from reconciler.api.call import (
    Ambiguous,
    Answered,
    ApiError,
    Call,
    CallOutcome,
    Denied,
    NotSent,
    Pause,
    Refused,
    Send,
    Verb,
)
from reconciler.model.desired import (
    Account,
    Declared,
    Desired,
    FileRef,
    Generated,
    PskRef,
)
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Location, Problem
from reconciler.model.psk import SinkState
from reconciler.model.verdict import Verdict
from reconciler.secrets.secret import Secret, reveal
from reconciler.secrets.status import psk_statuses
from reconciler.secrets.steps import PskConversation, SinkOp, SinkOutcome, SinkStep

T = TypeVar("T")

HERE = Location("t.yaml", 3)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def declared(name: str, key: PskRef | None) -> Declared:
    return Declared(name, {}, HERE, key)


LOCAL = declared("lon-a", Generated("local", FileRef("a.key")))
LOCAL_B = declared("lon-b", Generated("local", FileRef("b.key")))
THERE = declared("par-a", Generated("cloudflare", FileRef("c.key")))
ALL = (LOCAL, LOCAL_B, THERE)
NAMES = ("lon-a", "lon-b", "par-a")


class CrashError(Exception):
    """The process is gone."""


class World:
    """Cloudflare and the sinks, both honest; faults are put in by `drive`. All of it by tunnel name.

    Attributes:
        key: Which one Cloudflare has.
        current, pending: Which ones the sink has.
        ring: The key ring.
        generated: When Cloudflare last made a key, as seconds of `clock`, which goes on by one a step.
        notes: What the sink noted before Cloudflare was asked.
        promoted: When the current key became current.
        sent: How often Cloudflare was asked to make one.
    """

    def __init__(self) -> None:
        self.key: dict[str, str] = dict.fromkeys(NAMES, "old")
        self.current: dict[str, str] = dict.fromkeys(NAMES, "old")
        self.pending: dict[str, str] = {}
        self.ring: dict[str, str] = {}
        self.clock = 0
        self.generated: dict[str, int] = {}
        self.notes: dict[str, str] = {}
        self.promoted: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.sent: Counter[str] = Counter()

    def time(self, seconds: int) -> str:
        return (EPOCH + timedelta(seconds=seconds)).isoformat()

    def live(self) -> Live:
        raw = {n: {"psk_metadata": {"last_generated_on": self.time(at)}} for n, at in self.generated.items()}
        return Live({f"id-{n}": LiveTunnel(f"id-{n}", n, {}, raw.get(n, {})) for n in NAMES})

    def call(self, call: Call) -> CallOutcome:
        self.clock += 1
        if call.verb is Verb.LIST:
            return Answered(self.live())
        if call.verb is Verb.SET_PSKS:
            for name in call.psks.values():
                self.key[name] = self.ring[name]
            return Answered(taken=dict.fromkeys(call.psks, True))
        name = str(call.tunnel_id).removeprefix("id-")
        self.sent[name] += 1
        self.key[name] = f"there{self.clock}"
        self.generated[name] = self.clock
        return Answered(psk=Secret(self.key[name]), made_on=self.time(self.clock))

    def sink(self, step: SinkStep) -> SinkOutcome:
        self.clock += 1
        name = step.tunnel
        match step.op:
            case SinkOp.PROBE | SinkOp.NOTE:
                self.begin(step)
            case SinkOp.PENDING:
                if name in self.pending:
                    self.ring[name] = self.pending[name]
                return name in self.pending
            case SinkOp.MAKE:
                self.ring[name] = f"made{self.clock}"
            case SinkOp.PUT:
                return self.put(name)
            case SinkOp.CHECK:
                return self.pending.get(name) == self.ring[name]
            case SinkOp.PROMOTE:
                self.current[name] = self.pending.pop(name)
                self.promoted[name] = self.clock
                self.notes.pop(name, None)
        return True

    def begin(self, step: SinkStep) -> None:
        if step.op is SinkOp.NOTE:
            self.notes.setdefault(step.tunnel, step.before)

    def put(self, name: str) -> SinkOutcome:
        if self.pending.setdefault(name, self.ring[name]) == self.ring[name]:
            return True
        return Problem("sink-failed", "another key is pending")

    def held(self, name: str) -> bool:
        """Whether the sink has the key that Cloudflare has."""
        return self.key[name] in (self.current[name], self.pending.get(name))

    def seen_by_status(self, name: str) -> bool:
        now = EPOCH + timedelta(seconds=self.clock)
        held = {
            n: SinkState(current=True, pending=n in self.pending, noted=self.notes.get(n), set_on=self.time(at))
            for n, at in self.promoted.items()
        }
        desired = Desired(Account("x", "0", prune=True, location=HERE), {t.name: t for t in ALL})
        reports = psk_statuses(desired, self.live(), held, now)
        return any(r.name == name and r.outcome == "unknown" for r in reports)


def _partly(world: World, call: Call, *, silent: bool) -> CallOutcome:
    """One of the keys is not taken, or taken and not mentioned."""
    if call.verb is not Verb.SET_PSKS:
        return Ambiguous("timeout", "no answer")
    left_out = min(call.psks)
    before = world.key[call.psks[left_out]]
    world.call(call)
    if not silent:
        world.key[call.psks[left_out]] = before
    return Answered(taken={i: i != left_out for i in call.psks if not silent or i != left_out})


def _lost(world: World, call: Call) -> CallOutcome:
    world.call(call)
    return Ambiguous("timeout", "no answer")


def _another_was_made(world: World, call: Call) -> CallOutcome:
    """Another run has had a key made meanwhile."""
    world.generated["par-a"] = world.clock
    return world.call(call)


def _list_from_before(world: World, call: Call) -> CallOutcome:
    """The list lags: it does not show the key that was just made."""
    made = world.generated.pop("par-a")
    listed = world.call(call)
    world.generated["par-a"] = made
    return listed


CALL_FAULTS: dict[str, Callable[[World, Call], CallOutcome]] = {
    "not sent": lambda _w, _c: NotSent("deadline", "no time left"),
    "refused": lambda _w, _c: Refused(400, (ApiError("1004", "no"),)),
    "denied": lambda _w, _c: Denied(403, (ApiError("10000", "no"),)),
    "request lost": lambda _w, _c: Ambiguous("timeout", "no answer"),
    "answer lost": _lost,
    "one refused": lambda w, c: _partly(w, c, silent=False),
    "one not mentioned": lambda w, c: _partly(w, c, silent=True),
}


def _tunnel_is_gone(world: World, call: Call) -> CallOutcome:
    """Somebody has deleted it meanwhile."""
    listed = world.call(call)
    assert isinstance(listed, Answered)
    assert listed.live
    return Answered(Live({i: t for i, t in listed.live.tunnels.items() if t.name != "par-a"}))


AFTER_A_KEY_WAS_MADE = {"overtaken": _another_was_made, "lags": _list_from_before, "gone": _tunnel_is_gone}
"""What may come of a list of a world in which Cloudflare has made the key of `par-a`."""


def _stored_but_failed(world: World, step: SinkStep) -> SinkOutcome:
    world.sink(step)
    return Problem("sink-failed", "after")


def _stored_wrong(world: World, step: SinkStep) -> SinkOutcome:
    done = world.sink(step)
    if step.op is SinkOp.PUT:
        world.pending[step.tunnel] = "garbled"
    return done


SINK_FAULTS: dict[str, Callable[[World, SinkStep], SinkOutcome]] = {
    "fails before": lambda _w, _s: Problem("sink-failed", "before"),
    "fails after": _stored_but_failed,
    "garbles": _stored_wrong,
}
CRASHES = ("crash before", "crash after")
FAULTS = (*CALL_FAULTS, *SINK_FAULTS, *CRASHES)


def drive(steps: PskConversation[T], world: World, faults: dict[int, str]) -> T:
    """Run to the end; the fault stands by the number of its step, and does nothing where it doesn't fit."""
    answer: object = None
    number = 0
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            ended: T = end.value
            return ended
        if isinstance(step, Pause):
            answer = ()
            continue
        fault = faults.get(number, "")
        number += 1
        if fault == "crash before":
            raise CrashError
        if isinstance(step, SinkStep):
            if step.secret is not None:
                world.ring[step.tunnel] = reveal(step.secret)
            answer = SINK_FAULTS.get(fault, World.sink)(world, step)
        else:
            (call,) = step.calls
            answer = ((CALL_FAULTS | AFTER_A_KEY_WAS_MADE).get(fault, World.call)(world, call),)
        if fault == "crash after":
            raise CrashError


def outcomes(verdicts: dict[str, Verdict]) -> dict[str, tuple[str, str | None]]:
    return {name: (v.result, v.problem.code if v.problem else None) for name, v in verdicts.items()}


def trace(steps: PskConversation[T], world: World, faults: dict[int, str]) -> list[str]:
    """What a run asks for, in order."""
    asked: list[str] = []

    def watched() -> PskConversation[T]:
        answer: object = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                ended: T = end.value
                return ended
            if isinstance(step, SinkStep):
                asked.append(f"{step.op} {step.tunnel}")
            elif isinstance(step, Send):
                asked.append(step.calls[0].verb)
            answer = yield step

    drive(watched(), world, faults)
    return asked
