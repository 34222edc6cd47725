"""One story: a world, a fault plan, the tool with its virtual clock, and the runs that repair what the faults left."""

import random
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconciler.api.call import Denied, Pause, StopClock
from reconciler.api.exchange import Allowance, Deadline, SecretAccess, exchange
from reconciler.engine import apply as engine
from reconciler.engine.listing import read_list, read_routes
from reconciler.model.live import Live
from reconciler.model.settings import nested
from reconciler.model.verdict import APPLIED
from reconciler.plan import build as core
from reconciler.plan import routes as routing
from reconciler.plan import windows
from reconciler.plan.plan import Plan
from reconciler.report.values import AccountReport
from reconciler.secrets.steps import SinkOutcome, SinkStep
from reconciler.simulator.message import RefusedError
from reconciler.simulator.server import Simulator
from tests.battery.guarded import Guarded
from tests.battery.oracles import Breach, Watch
from tests.battery.port import Killed, Mishaps, VirtualPort
from tests.battery.world import ACCOUNT, Clock, World, key_text
from tests.strangers import foreign_create, foreign_delete, foreign_edit

_RUNS_TO_REPAIR = 3


@dataclass(slots=True)
class Ending:
    """How one invocation ended: an outcome in the words of the exit codes, `waits` (for a window), or `killed`."""

    outcome: str
    plan: Plan | None = None
    applied: engine.Applied | None = None
    report: AccountReport | None = None


Conversation = Generator[Any, Any, Ending]


def tool(world: World, guarded: Guarded) -> Conversation:
    """What `apply --auto-approve` does for one account: list, plan, guards, carry out, prove."""
    found = yield from read_list()
    if isinstance(found, Denied):
        return Ending("auth")
    if not isinstance(found, Live):
        return Ending("error")
    plan = _plan(world, found)
    if plan.unread:  # such as a tunnel with a key that can't be read, which the list lacks
        return Ending("invalid", plan)
    if world.routed and plan.frees_networks:
        plan = routing.with_routes(plan, (yield from read_routes()))
    if plan.guards:
        return Ending("blocked", plan)
    guarded.approve(plan)
    now = datetime.fromtimestamp(world.clock.server(), UTC)
    rest = windows.hold_back(plan, now)
    run = yield from engine.begin(rest, world.keyed)
    applied = yield from engine.finish(run)  # (a window may have closed meanwhile)
    return Ending("partial" if not applied.converged else "waits" if run.plan.held_back else "ok", plan, applied)


def _plan(world: World, live: Live) -> Plan:
    """The plan, which the same inputs always give: remembered, since making it costs more than a whole story."""
    options = world.options
    if world.desired.account.rollout:
        options = options._replace(now=datetime.fromtimestamp(world.clock.server(), UTC))
    key = (core.build_plan, options.now, repr([t.raw for t in live.tunnels.values()]))
    found = world.memo.get(key)
    if found is None:
        found = world.memo[key] = core.build_plan(world.desired, live, options)
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
            self.watch.ledger.begin()
            foreign_edit(self.simulator, ACCOUNT, name, {"description": f"edited {self.mishaps.asked}"})
            tunnel = next(t for t in self.simulator.account(ACCOUNT).tunnels.values() if t["name"] == name)
            self.watch.foreign(tunnel["id"])

    def foreign_create(self, name: str | None) -> None:
        """Somebody makes a tunnel of this name, or of any that is ours to make; nothing if the server refuses it."""
        names = sorted(self.world.made)
        if self.world.blocked or not names:  # another tunnel would move the limits
            return
        declared = self.world.desired.tunnels[name if name in self.world.made else self.rng.choice(names)]
        own: dict[str, Any] = self.rng.choice([{}, {"customer_endpoint": "192.0.2.200"}, _elsewhere(self.watch)])
        self.watch.ledger.begin()
        try:
            made = foreign_create(self.simulator, ACCOUNT, nested(declared.settings) | own | {"psk": "theirs"})
        except RefusedError:
            return
        self.watch.stranger(made, same=not own)

    def clear(self) -> None:
        """Of two tunnels of one name somebody takes his own away, as the tool, which can't, asks for.

        Before that minutes pass, in which no list hides any more what somebody made.
        """
        if self.watch.strangers:
            self.simulator.account(ACCOUNT).stale.clear()
        doubled = self.watch.doubled()
        if doubled:
            self.invoke()
        for tunnel_id in doubled:
            foreign_delete(self.simulator, ACCOUNT, tunnel_id)
            self.watch.ledger.wrote(None, {}, {}, None)

    def allowance(self, world: World | None = None) -> tuple[Allowance, VirtualPort, Guarded]:
        """A fresh process of the tool, with the files of the story's world or of another."""
        clock: Clock = self.world.clock
        guarded = Guarded(self.watch, clock.seconds, world or self.world)
        keys = SecretAccess(lambda _, name: key_text(name), lambda text: text, lambda text: "token" in text)
        return (
            Allowance(clock.seconds + self.world.deadline, keys),
            VirtualPort(self, guarded, self.rng.random),
            guarded,
        )

    def start(self, world: World | None = None) -> tuple[Generator[None, None, Ending], Guarded]:
        """A fresh process of the tool, and its oracles."""
        allowance, port, guarded = self.allowance(world)
        return turns(tool(guarded.world, guarded), allowance, port), guarded

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
            guarded.undone(lambda i, name: mentioned(ending, i, name))
            if guarded.waves:
                now = self.world.clock.seconds
                guarded.waves.end(ending, now, lambda i, name: mentioned(ending, i, name), guarded.undid())
        self.world.clock.seconds += 60
        if ending.outcome != "ok":
            self.watch.unfenced()

    @property
    def expected(self) -> str:
        """How a run without a fault must end now."""
        return "blocked" if self.world.blocked or self.watch.in_use() else "ok"

    def repair(self) -> int:
        """Runs without faults until it is said that the account has converged, then twice more; counts the former."""
        watch, clock = self.watch, self.world.clock
        clock.seconds = max(clock.seconds, self.world.opens)
        again = 0
        outcome = ""
        while again < _RUNS_TO_REPAIR and outcome not in ("ok", "blocked"):
            again += 1
            outcome = self.invoke().outcome
        expected = self.expected
        if self.endings[-1].outcome != expected:
            watch.breach("L1", f"still {self.endings[-1].outcome} after {again} runs without a fault")
            return again
        if expected == "ok":
            why = watch.settled(self.world)
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


def _elsewhere(watch: Watch) -> dict[str, Any]:
    return {"interface_address": f"10.250.{len(watch.strangers)}.0/31", "description": "not yours"}


def mentioned(ending: Ending, tunnel_id: str, name: str) -> bool:
    """Whether the report says of a tunnel that something is not as it should be."""
    applied = ending.applied
    if applied is None:
        return False
    verdict = applied.verdicts.get(tunnel_id)
    left = {c.ref for c in applied.left or ()}
    return verdict not in (None, APPLIED) or tunnel_id in left or any(name in note for note in applied.notes)


def told(ending: Ending, watch: Watch) -> None:
    """S9: no key in what would be reported."""
    applied = ending.applied
    if applied is None:
        return
    texts = [p.message for v in applied.verdicts.values() if (p := v.problem) is not None]
    if any("canary-" in text for text in (*texts, *applied.notes, str(applied.stop))):
        watch.breach("S9", "a key in the report")


def turns(
    protocol: Conversation,
    allowance: Allowance,
    port: VirtualPort,
    sink: Callable[[SinkStep], SinkOutcome] | None = None,
) -> Generator[None, None, Ending]:
    """Drives the tool over the virtual clock; yields before every call, so that others may have a turn."""
    outcomes: Any = None
    clock = Deadline()
    while True:
        try:
            step = next(protocol) if outcomes is None else protocol.send(outcomes)
        except StopIteration as end:
            ending: Ending = end.value
            return ending
        if isinstance(step, SinkStep) and sink is not None:
            yield
            outcomes = sink(step)
            continue
        if isinstance(step, Pause):
            port.sleep(min(step.seconds, max(0.0, clock.left(allowance, port.now()))))
            outcomes = ()
            continue
        if isinstance(step, StopClock):
            clock.stop(port.now(), stopped=step.stopped)
            port.stop_clock(stopped=step.stopped)
            outcomes = ()
            continue
        done = []
        for call in step.calls:
            yield
            done.append(exchange(call, ACCOUNT, allowance, port, lambda now: clock.left_for_call(allowance, now)))
        outcomes = tuple(done)


@dataclass(slots=True)
class Result:
    """What a story came to.

    Attributes:
        requests: Requests before the runs that repair.
        repairs: Runs without a fault until convergence, the one that only finds that all is well included.
        unseen: Values of others that were overwritten between list and write, which nobody can see.
        told: Stories that this is the sum of.
    """

    breaches: list[Breach]
    limits: list[Breach]
    fired: list[tuple[str, str]]
    requests: int
    repairs: int
    outcomes: Counter[str]
    unseen: int = 0
    told: int = 1


def finish(story: Story) -> Result:
    """Repairs what the faults left, and sums up."""
    requests = story.mishaps.asked
    story.mishaps.left.clear()
    story.clear()
    repairs = story.repair()
    watch = story.watch
    outcomes = Counter(ending.outcome for ending in story.endings)
    unseen = sum(not one.seen for one in watch.ledger.overwrites)
    return Result(watch.breaches, watch.limits, story.mishaps.fired, requests, repairs, outcomes, unseen)


def run(world: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Tells one story.

    Args:
        world: Where it begins.
        faults: Index of a request, counted over the faulty invocations, to the fault it meets.
        seed: For back-off and foreign edits.
    """
    story = Story(world, Mishaps(faults), random.Random(seed))
    first = story.invoke()
    well = {"blocked"} if world.blocked else {"ok", "waits"} if world.opens else {"ok"}
    if not story.mishaps.fired and first.outcome not in well:
        story.watch.breach("L1", f"{first.outcome} without any fault")
    while story.mishaps.left and len(story.endings) < 3 and story.endings[-1].outcome != "ok":
        story.invoke()
    return finish(story)
