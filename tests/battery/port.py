"""The way of a request in a story: the faults it may meet, and a clock that costs nothing."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from reconciler.api.answers import MAX_BODY
from reconciler.api.exchange import AmbiguousError, NotSentError
from reconciler.api.wire import Reply, Request
from reconciler.simulator import message
from reconciler.simulator.faults import Ambiguous, FaultKind, NotSent, apply_fault
from reconciler.simulator.server import Simulator
from tests.battery.guarded import Guarded
from tests.battery.oracles import operation
from tests.battery.world import LATENCY

if TYPE_CHECKING:
    from tests.battery.run import Story

STRANGE = ("foreign-create", "foreign-create-lost", "foreign-create-unsent")
"""Somebody makes a tunnel of a name that is about to be created: before the request is answered, after it took effect
while its answer is lost, and when it never arrived."""

EXTRA = ("kill-before", "kill-after", "stop", "clock-forward", "clock-back", "quoted", "foreign-edit", *STRANGE)
KINDS: tuple[str, ...] = (*(kind.value for kind in FaultKind), *EXTRA)
"""All faults: those of a call, and what happens to the process, the clock and the account at a call."""

DAY = 86400.0
_SLOW = frozenset({"timeout-before", "timeout-after", "slow-drip", "timeout-connect"})
_FAULTS = {kind.value: kind for kind in FaultKind}


class Killed(BaseException):
    """The process is gone, as after SIGKILL."""


class Mishaps:
    """Which request of a story meets which fault, and which met one: `fired` counts fault and operation."""

    def __init__(self, plan: Mapping[int, str]) -> None:
        self.left = dict(plan)
        self.asked = 0
        self.stepped = 0
        self.fired: list[tuple[str, str]] = []

    def next(self, request: Request) -> str | None:
        """The fault of the next request, if any."""
        kind = self.left.pop(self.asked, None)
        self.asked += 1
        if kind is not None:
            self.fired.append((kind, operation(request)))
        return kind

    def next_at_a_sink(self) -> str | None:
        """The fault of the next step of a sink, if any; in the plan they stand under -1, -2 and so on."""
        self.stepped += 1
        kind = self.left.pop(-self.stepped, None)
        if kind is not None:
            self.fired.append((kind, "sink"))
        return kind


class VirtualPort:
    """A `Port` over the simulator, with a clock that costs nothing."""

    def __init__(self, story: "Story", guarded: Guarded, draw: Callable[[], float]) -> None:
        self.random = draw
        self._story = story
        self._clock = story.world.clock
        self._guarded = guarded

    def send(self, request: Request, timeout: float) -> Reply:
        story, guarded = self._story, self._guarded
        guarded.before(request, self._clock.seconds)
        kind = story.mishaps.next(request)
        self._clock.seconds += timeout if kind in _SLOW else LATENCY
        reply = None
        try:
            reply = _carry(None, story.simulator, request) if kind is None else self._meet(kind, request)
        finally:
            guarded.after(request, reply, kind, self._clock.seconds)
        if kind == "kill-after":
            raise Killed
        return reply

    def _meet(self, kind: str, request: Request) -> Reply:
        story, guarded = self._story, self._guarded
        if kind == "kill-before":
            raise Killed
        if kind == "stop":
            guarded.stopped = True
        elif kind.startswith("clock"):
            story.world.clock.skew += DAY if kind == "clock-forward" else -DAY
        elif kind == "foreign-edit":
            guarded.race()
            story.foreign_edit()
        elif kind == "quoted":
            return _refuse_quoting(story.simulator, request)
        elif kind in STRANGE:
            return self._meet_a_stranger(kind, request)
        return _carry(_FAULTS.get(kind), story.simulator, request)

    def _meet_a_stranger(self, kind: str, request: Request) -> Reply:
        self._guarded.race()
        simulator = self._story.simulator
        name = json.loads(request.body)["name"] if operation(request) == "create" else None
        if kind == "foreign-create-lost":
            _carry(None, simulator, request)
            self._guarded.took_effect()
        self._story.foreign_create(name)
        if kind == "foreign-create":
            return _carry(None, simulator, request)
        raise AmbiguousError("connection reset")

    def now(self) -> float:
        return self._clock.seconds

    def epoch(self) -> float:
        return self._clock.server() + self._clock.skew

    def sleep(self, seconds: float) -> None:
        self._clock.seconds += seconds

    def stop_clock(self, *, stopped: bool) -> None:
        """The tool says whether the time counts."""
        if self._guarded.waves:
            self._guarded.waves.clock(self._clock.seconds, stopped=stopped)

    def stopping(self) -> bool:
        return self._guarded.stopped


def _refuse_quoting(simulator: Simulator, request: Request) -> Reply:
    """A refusal in whose message stands all that was sent."""
    simulator.note(message.Request(request.method, request.path, "", {}, b""), 400)
    reply = message.failure(400, 1022, f"Invalid Request: {(request.body or b'').decode()}")
    return Reply(reply.status, reply.headers, reply.body)


def _carry(fault: FaultKind | None, simulator: Simulator, request: Request) -> Reply:
    headers = {**request.headers, "authorization": "Bearer token"}
    path, query = f"{message.PREFIX}{request.path}", urlencode(request.query)
    sent = message.Request(request.method, path, query, headers, request.body)
    try:
        reply = simulator.handle(sent) if fault is None else apply_fault(fault, simulator, sent)
    except NotSent as problem:
        raise NotSentError(str(problem)) from None
    except Ambiguous as problem:
        raise AmbiguousError(str(problem)) from None
    announced = reply.headers.get("content-length")
    if announced is not None and int(announced) != len(reply.body):
        raise AmbiguousError("the answer is cut short")
    if "content-encoding" in reply.headers or len(reply.body) > MAX_BODY:
        raise AmbiguousError("the answer is too long")
    return Reply(reply.status, reply.headers, reply.body)
