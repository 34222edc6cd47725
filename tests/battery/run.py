"""One story: a world, a fault plan, the tool with its virtual clock, and the runs that repair what the faults left."""

import random
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reconciler.api import exchange as edge
from reconciler.api.call import Answered, Call, Denied, Outcome, Pause, Send, Step, Verb
from reconciler.api.envelope import MAX_BODY
from reconciler.api.exchange import AmbiguousError, KeyAccess, NotSentError, Session, exchange
from reconciler.api.wire import Reply, Request
from reconciler.core import build as core
from reconciler.core import diff as comparing
from reconciler.core.live import Live
from reconciler.core.plan import Plan
from reconciler.engine import apply as engine
from reconciler.simulator import message
from reconciler.simulator.faults import Ambiguous, FaultKind, NotSent, apply_fault
from reconciler.simulator.server import Simulator
from tests.battery.oracles import Breach, Guarded, Watch, operation
from tests.battery.world import ACCOUNT, LATENCY, Clock, World, key_text

EXTRA = ("kill-before", "kill-after", "stop", "clock-forward", "clock-back", "foreign-edit")
KINDS: tuple[str, ...] = (*(kind.value for kind in FaultKind), *EXTRA)
"""All faults: those of a call, and what happens to the process, the clock and the account at a call."""

DAY = 86400.0
_SLOW = frozenset({"timeout-before", "timeout-after", "slow-drip", "timeout-connect"})
_FAULTS = {kind.value: kind for kind in FaultKind}
_RUNS_TO_REPAIR = 3


class Killed(BaseException):
    """The process is gone, as after SIGKILL."""


class Mishaps:
    """Which request of a story meets which fault, and which met one: `fired` counts fault and operation."""

    def __init__(self, plan: Mapping[int, str]) -> None:
        self.left = dict(plan)
        self.asked = 0
        self.fired: list[tuple[str, str]] = []

    def next(self, request: Request) -> str | None:
        """The fault of the next request, if any."""
        kind = self.left.pop(self.asked, None)
        self.asked += 1
        if kind is not None:
            self.fired.append((kind, operation(request)))
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
        if kind is None:
            fault = None
        else:
            fault = _FAULTS.get(kind)
            _happen(kind, story, guarded)
        reply = None
        try:
            reply = _carry(fault, story.simulator, request)
        finally:
            guarded.after(request, reply, kind, self._clock.seconds)
        if kind == "kill-after":
            raise Killed
        return reply

    def now(self) -> float:
        return self._clock.seconds

    def epoch(self) -> float:
        return self._clock.server() + self._clock.skew

    def sleep(self, seconds: float) -> None:
        self._clock.seconds += seconds

    def stopping(self) -> bool:
        return self._guarded.stopped


def _happen(kind: str, story: "Story", guarded: Guarded) -> None:
    if kind == "kill-before":
        raise Killed
    if kind == "stop":
        guarded.stopped = True
    elif kind.startswith("clock"):
        story.world.clock.skew += DAY if kind == "clock-forward" else -DAY
    elif kind == "foreign-edit":
        guarded.race()
        story.foreign_edit()


def _carry(fault: FaultKind | None, simulator: Simulator, request: Request) -> Reply:
    headers = {**request.headers, "authorization": "Bearer token"}
    sent = message.Request(request.method, f"{message.PREFIX}{request.path}", "", headers, request.body)
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


@dataclass(slots=True)
class Ending:
    """How one invocation ended: an outcome in the words of the exit codes, or `killed`."""

    outcome: str
    plan: Plan | None = None
    applied: engine.Applied | None = None


Protocol = Generator[Step, tuple[Outcome, ...], Ending]


def tool(world: World, guarded: Guarded) -> Protocol:
    """What `apply --auto-approve` does for one account: list, plan, guards, carry out, prove."""
    (outcome,) = yield Send((Call(Verb.LIST),))
    if isinstance(outcome, Denied):
        return Ending("auth")
    if not isinstance(outcome, Answered) or outcome.live is None:
        return Ending("error")
    plan = _plan(world, outcome.live)
    if plan.guards:
        return Ending("blocked", plan)
    guarded.approve(plan)
    applied = yield from engine.apply(plan, world.keyed)
    return Ending("ok" if applied.converged else "partial", plan, applied)


def _plan(world: World, live: Live) -> Plan:
    """The plan, which the same inputs always give: remembered, since making it costs more than a whole story."""
    key = (core.build_plan, repr([t.raw for t in live.tunnels.values()]))
    found = world.memo.get(key)
    if found is None:
        found = world.memo[key] = core.build_plan(world.desired, live, world.options)
    return found


@dataclass(slots=True)
class Story:
    """A world on its way, with everything that happened."""

    world: World
    mishaps: Mishaps
    rng: random.Random
    simulator: Simulator = field(init=False)
    watch: Watch = field(init=False)
    endings: list[Ending] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.clock.reset()
        self.simulator = self.world.start.clone()
        self.watch = Watch(self.world, self.simulator)

    def foreign_edit(self) -> None:
        """Somebody edits a tunnel by hand."""
        names = self.watch.editable()
        if names:
            name = self.rng.choice(names)
            self.simulator.foreign_edit(ACCOUNT, name, {"description": f"edited {self.mishaps.asked}"})
            tunnel = next(t for t in self.simulator.account(ACCOUNT).tunnels.values() if t["name"] == name)
            self.watch.foreign(tunnel["id"])

    def session(self) -> tuple[Session, VirtualPort, Guarded]:
        """A fresh process of the tool."""
        clock: Clock = self.world.clock
        guarded = Guarded(self.watch, clock.seconds)
        keys = KeyAccess(key_text, lambda text: text, ("token",))
        return Session(clock.seconds + 600, keys), VirtualPort(self, guarded, self.rng.random), guarded

    def start(self) -> tuple[Generator[None, None, Ending], Guarded]:
        """A fresh process of the tool, and its oracles."""
        session, port, guarded = self.session()
        return turns(tool(self.world, guarded), session, port), guarded

    def invoke(self) -> Ending:
        """Runs the tool once."""
        taking, guarded = self.start()
        ending: Ending | None = None
        while ending is None:
            ending = self.turn(taking, guarded)
        return ending

    def turn(self, taking: Generator[None, None, Ending], guarded: Guarded) -> Ending | None:
        """One call of an invocation; its ending when that was the last."""
        try:
            next(taking)
        except StopIteration as end:
            ending = end.value
        except Killed:
            ending = Ending("killed")
        except Exception as problem:  # noqa: BLE001 - any exception is a finding
            self.watch.breach("crash", f"{type(problem).__name__}: {problem}")
            ending = Ending("internal")
        else:
            return None
        self.close(ending, guarded)
        return ending

    def close(self, ending: Ending, guarded: Guarded) -> None:
        """Judges an invocation that has ended."""
        self.endings.append(ending)
        if ending.outcome != "killed":
            guarded.end(ending.outcome, self.world.clock.seconds)
            told(ending, self.watch)
        self.world.clock.seconds += 60
        if ending.outcome != "ok":
            self.watch.unfenced()

    def repair(self) -> int:
        """Runs without faults until it is said that the account has converged, then twice more; counts the former."""
        watch = self.watch
        again = 0
        outcome = ""
        while again < _RUNS_TO_REPAIR and outcome not in ("ok", "blocked"):
            again += 1
            outcome = self.invoke().outcome
        expected = "blocked" if self.world.blocked else "ok"
        if self.endings[-1].outcome != expected:
            watch.breach("L1", f"still {self.endings[-1].outcome} after {again} runs without a fault")
            return again
        if expected == "ok":
            why = watch.settled()
            if why:
                watch.breach("L1", f"said to be converged, and {why}")
            self._quiet()
        return again

    def _quiet(self) -> None:
        plan = self.endings[-1].plan
        again = 1 if plan is not None and not plan.changes else 2
        for _ in range(again):
            ending = self.invoke()
            if ending.outcome != "ok" or ending.plan is None or ending.plan.changes:
                self.watch.breach("L2", "a plan after convergence is not empty")


def told(ending: Ending, watch: Watch) -> None:
    """S9: no key in what would be reported."""
    applied = ending.applied
    if applied is None:
        return
    texts = [p.message for v in applied.verdicts.values() if (p := v.problem) is not None]
    if any("canary-" in text for text in (*texts, *applied.notes)):
        watch.breach("S9", "a key in the report")


def turns(protocol: Protocol, session: Session, port: VirtualPort) -> Generator[None, None, Ending]:
    """Drives the tool over the virtual clock; yields before every call, so that others may have a turn."""
    outcomes: tuple[Outcome, ...] | None = None
    while True:
        try:
            step = next(protocol) if outcomes is None else protocol.send(outcomes)
        except StopIteration as end:
            ending: Ending = end.value
            return ending
        if isinstance(step, Pause):
            port.sleep(min(step.seconds, max(0.0, session.left(port.now()))))
            outcomes = ()
            continue
        done = []
        for call in step.calls:
            yield
            done.append(exchange(call, ACCOUNT, session, port))
        outcomes = tuple(done)


@dataclass(slots=True)
class Result:
    """What a story came to.

    Attributes:
        requests: Requests before the runs that repair.
        repairs: Runs without a fault until convergence, the one that only finds that all is well included.
    """

    breaches: list[Breach]
    limits: list[Breach]
    fired: list[tuple[str, str]]
    requests: int
    repairs: int
    outcomes: Counter[str]


def finish(story: Story) -> Result:
    """Repairs what the faults left, and sums up."""
    requests = story.mishaps.asked
    story.mishaps.left.clear()
    repairs = story.repair()
    watch = story.watch
    outcomes = Counter(ending.outcome for ending in story.endings)
    return Result(watch.breaches, watch.limits, story.mishaps.fired, requests, repairs, outcomes)


def run(world: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Tells one story.

    Args:
        world: Where it begins.
        faults: Index of a request, counted over the faulty invocations, to the fault it meets.
        seed: For back-off and foreign edits.
    """
    story = Story(world, Mishaps(faults), random.Random(seed))
    first = story.invoke()
    if not story.mishaps.fired and first.outcome != ("blocked" if world.blocked else "ok"):
        story.watch.breach("L1", f"{first.outcome} without any fault")
    while story.mishaps.left and len(story.endings) < 3 and story.endings[-1].outcome != "ok":
        story.invoke()
    return finish(story)


def run_two(world: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Two processes of the tool at once, their calls interleaved as the seed says."""
    story = Story(world, Mishaps(faults), random.Random(seed))
    story.watch.race()
    going = [story.start(), story.start()]
    bias = story.rng.random()
    while going:
        one = going[0] if story.rng.random() < bias else going[-1]
        if story.turn(*one) is not None:
            going.remove(one)
    story.watch.raced = False
    return finish(story)


@contextmanager
def remembering() -> Iterator[None]:
    """Remembers what clean lists mean and how two settings differ, since the same input always gives the same."""
    decode, differing = edge.decode, comparing.differing_paths
    edge.decode, comparing.differing_paths = _memoized_decode(decode), _memoized_paths(differing)
    try:
        yield
    finally:
        edge.decode, comparing.differing_paths = decode, differing


def _memoized_decode(real: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[bytes, Any] = {}

    def decode(call: Call, reply: Reply, *rest: Any) -> Any:
        if call.verb is not Verb.LIST or reply.status != 200:
            return real(call, reply, *rest)
        found = known.get(reply.body)
        if found is None:
            found = real(call, reply, *rest)
            if isinstance(found, Answered):
                _keep(known, reply.body, found)
        return found

    return decode


def _memoized_paths(real: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[Any, Any] = {}

    def differing(before: Any, after: Any) -> Any:
        key = tuple(before.items()), tuple(after.items())
        return known[key] if key in known else _keep(known, key, real(before, after))

    return differing


def _keep(known: dict[Any, Any], key: Any, value: Any) -> Any:
    if len(known) > 5_000:
        known.clear()
    known[key] = value
    return value
