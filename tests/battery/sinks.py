"""Applies of tunnels whose keys are generated, and the sinks of these keys, which outlive the processes.

The sinks are simple ones in memory; what is done with them is done by the program itself. The oracles look into them
and into the simulator: does a sink hold the key that is in force, and does a report say so where it does not?
"""

import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import NoReturn

from reconciler.api.call import Denied
from reconciler.api.exchange import SecretAccess
from reconciler.engine import apply as engine
from reconciler.engine.listing import read_list
from reconciler.model.desired import CommandRef, Declared, FileRef, Generated
from reconciler.model.live import Live
from reconciler.model.problems import Problem
from reconciler.model.psk import SinkState
from reconciler.plan import build as core
from reconciler.plan.diff import Action
from reconciler.report.make import applied, with_psks
from reconciler.secrets.deliver import deliver, prepare
from reconciler.secrets.rotate import rotate
from reconciler.secrets.secret import Secret, reveal
from reconciler.secrets.sinks import SinkError, carry_out
from reconciler.secrets.steps import SinkOutcome, SinkStep
from tests.battery.guarded import Guarded
from tests.battery.port import Killed, Mishaps
from tests.battery.run import Conversation, Ending, Result, Story, finish, turns
from tests.battery.two import by_chance, together
from tests.battery.world import ACCOUNT, Clock, World, world

SINK_KINDS = ("kill-before", "kill-after", "sink-fails")
"""What may happen at a step of a sink."""

_STRIDE = 16_000
_REMEDIES = 3


class Store:
    """One tunnel's sink, a file's or a command's, that any number of processes use."""

    def __init__(self, clock: Clock, *, shows: bool) -> None:
        self.current: Secret | None = None
        self.pending: Secret | None = None
        self._clock = clock
        self.shows = shows
        self._record: dict[str, str] = {}

    def probe(self) -> None:
        """Nothing is wrong with it."""

    def put(self, secret: Secret) -> None:
        if self.pending not in (None, secret):
            raise SinkError("another key is pending")
        self.pending = secret

    def get(self) -> Secret | None:
        return self.pending

    def promote(self, secret: Secret, made_on: str = "") -> None:
        if self.pending != secret:
            if self.shows and self.current == secret:
                return
            raise SinkError("another key is pending, or none")
        self.current, self.pending = secret, None
        now = datetime.fromtimestamp(self._clock.server(), UTC).isoformat()
        self._record = {"set_on": now, **({"made_on": made_on} if made_on else {})}

    def note(self, before: str) -> None:
        self._record.setdefault("noted", before)

    def release(self) -> None:
        """Nothing was set aside."""

    def state(self) -> SinkState:
        pending = self.pending is not None
        return SinkState(self.current is not None, pending, **self._record) if self.shows else SinkState()

    def holds(self, key: str | None) -> bool:
        """Whether it has the key where it belongs; of a command's store nobody can see whether it is only pending."""
        places = [self.current] if self.shows else [self.current, self.pending]
        return key is not None and any(place is not None and reveal(place) == key for place in places)


class _Broken(Store):
    """A sink of which nothing works."""

    def __init__(self) -> None:
        """It holds nothing, as far as anybody can see."""

    def _fail(self, *_: object) -> NoReturn:
        raise SinkError("broken")

    probe = put = get = promote = note = _fail

    def release(self) -> None:
        """Nothing was set aside."""


@lru_cache(maxsize=4)
def generated_world(seed: int) -> World:
    """The world of a seed, or the next one of its variant that creates something; all keys are generated."""
    found = next(w for i in count() if (w := world(seed + i * _STRIDE)).made and not w.blocked)
    rng = random.Random(seed)
    tunnels = {name: _generating(t, rng) if name in found.made else t for name, t in found.desired.tunnels.items()}
    return replace(found, desired=found.desired._replace(tunnels=tunnels), keyed=frozenset(), memo={})


def _generating(declared: Declared, rng: random.Random) -> Declared:
    by = rng.choice(["local", "cloudflare"])
    place = rng.choice([FileRef(declared.name), FileRef(declared.name), CommandRef(("put",), "/")])
    return declared._replace(psk=Generated(by, place))


def _key(declared: Declared | None) -> Generated | None:
    return declared.psk if declared and isinstance(declared.psk, Generated) else None


def tool(story: "Keeping", world: World, guarded: Guarded) -> Conversation:
    """What `apply --auto-approve` does for one account, keys and sinks included."""
    found = yield from read_list()
    if isinstance(found, Denied):
        return Ending("auth")
    if not isinstance(found, Live):
        return Ending("error")
    held = {name: store.state() for name, store in story.stores.items()}
    plan = core.build_plan(world.desired, found, world.options, held)
    if plan.unread:
        return Ending("invalid", plan)
    if plan.guards:
        return Ending("blocked", plan)
    guarded.approve(plan)
    made = {c.name: key for c in plan.changes if c.action is Action.CREATE and (key := _key(c.declared))}
    local = frozenset(name for name, key in made.items() if key.by == "local")
    if (yield from prepare(local, made.keys() - local)):
        return Ending("error", plan)
    ended = yield from engine.apply(plan, local)
    verdicts = yield from deliver(plan, ended)
    report = with_psks(applied(plan, ended), plan, verdicts)
    return Ending(report.outcome, plan, ended, report)


class _Approved:
    """Stands for an approved plan that lists nothing, since keys are no changes."""

    changes = ()


def _rotated(targets: list[Declared]) -> Conversation:
    yield from rotate(targets)
    return Ending("rotated")


def troubles(ending: Ending) -> dict[str, Problem]:
    """What the report says is wrong, by tunnel name."""
    if ending.report is None:
        return {}
    entries = [*ending.report.changes, *ending.report.keys]
    return {entry.name: entry.error for entry in entries if entry.error is not None}


@dataclass(slots=True)
class Keeping(Story):
    """A story whose keys are generated."""

    stores: dict[str, Store] = field(init=False)
    together: bool = False

    def __post_init__(self) -> None:
        Story.__post_init__(self)
        self.stores = {
            name: Store(self.world.clock, shows=isinstance(key.deliver_to, FileRef))
            for name, declared in self.world.desired.tunnels.items()
            if (key := _key(declared))
        }

    def start(self, world: World | None = None) -> tuple[Generator[None, None, Ending], Guarded]:
        """A fresh process that applies."""
        allowance, port, guarded = self.allowance(world)
        ring: dict[str, Secret] = {}
        allowance.secrets = SecretAccess(lambda _, name: reveal(ring[name]), Secret, lambda _: False)
        protocol = tool(self, guarded.world, guarded)
        return turns(protocol, allowance, port, lambda step: self._sink(step, ring)), guarded

    def _sink(self, step: SinkStep, ring: dict[str, Secret]) -> SinkOutcome:
        kind = self.mishaps.next_at_a_sink()
        if kind == "kill-before":
            raise Killed
        sinks = {step.tunnel: _Broken()} if kind == "sink-fails" else self.stores
        done = carry_out(step, sinks, ring, lambda _: None)
        if kind == "kill-after":
            raise Killed
        return done

    def close(self, ending: Ending, guarded: Guarded) -> None:
        """Judges an invocation that has ended."""
        if self.together:  # the other one may write while this one delivers its keys, after its last list
            self.watch.raced = True
        Story.close(self, ending, guarded)
        if ending.outcome != "killed" and not self.together:
            self.judge([ending])

    def judge(self, endings: list[Ending]) -> None:
        """S16 and S17: of every key that no sink holds, and of every tunnel without one, some report speaks.

        A command shows nothing of itself, so of what it does not hold only those can know who made the tunnel.
        """
        said = {name for ending in endings for name in troubles(ending)}
        reported = [ending.plan for ending in endings if ending.report is not None and ending.plan is not None]
        made = {c.name for plan in reported for c in plan.changes if c.action is Action.CREATE}
        for name, key in self.wrong().items() if reported else ():
            if name not in said and (key is None or name in made or self.stores[name].shows):
                oracle, text = ("S17", "no key") if key is None else ("S16", "a key that its sink does not hold")
                self.watch.breach(oracle, f"{name} has {text}, and the report does not say so")

    def wrong(self) -> dict[str, str | None]:
        """The keys in force that their sinks do not hold, by tunnel name; None for a tunnel without a key.

        Of no tunnel that somebody else made with a key of his own, and of none while the server lies about keys.
        """
        account = self.simulator.account(ACCOUNT)
        names = [t["name"] for t in account.tunnels.values()]
        lost = any(kind == "lost-write" for kind, _ in self.mishaps.fired)
        if lost or self.simulator.semantics.replaced_psk == "cleared":
            return {}
        return {
            t["name"]: account.psks.get(i)
            for i, t in account.tunnels.items()
            if t["name"] in self.stores
            and i not in self.watch.strangers
            and names.count(t["name"]) == 1
            and not self.stores[t["name"]].holds(account.psks.get(i))
        }

    def invoke(self) -> Ending:
        """Runs the tool once, and does what its report advises if that is to rotate keys."""
        ending = Story.invoke(self)
        if not self.mishaps.left and ending.report is not None:
            advised = [n for n, why in troubles(ending).items() if f"psk rotate {n}" in (why.remedy or "")]
            self._rotate([self.world.desired.tunnels[name] for name in sorted(advised)])
        return ending

    def _rotate(self, targets: list[Declared]) -> None:
        there = {t["name"]: i for i, t in self.simulator.account(ACCOUNT).tunnels.items()}
        if not targets or any(t.name not in there for t in targets):
            return
        allowance, port, guarded = self.allowance()
        guarded.keying = frozenset(there[t.name] for t in targets)
        guarded.plan = _Approved  # type: ignore[assignment]
        ring: dict[str, Secret] = {}
        allowance.secrets = SecretAccess(lambda _, name: reveal(ring[name]), Secret, lambda _: False)
        for _ in turns(_rotated(targets), allowance, port, lambda step: self._sink(step, ring)):
            pass


def _ended(story: Keeping) -> Result:
    result = finish(story)
    if story.endings[-1].outcome == "ok":
        story.judge(story.endings[-1:])
    return result


def _begun(known: World, faults: Mapping[int, str], seed: int) -> Keeping:
    generated = any(_key(declared) for declared in known.desired.tunnels.values())
    return Keeping(known if generated else generated_world(known.seed), Mishaps(faults), random.Random(seed))


def run_sinks(known: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Tells one story of generated keys; a fault of a sink's step has a number below zero."""
    story = _begun(known, faults, seed)
    first = story.invoke()
    if not story.mishaps.fired and first.outcome != "ok":
        story.watch.breach("L1", f"{first.outcome} without any fault")
    while story.mishaps.left and len(story.endings) < _REMEDIES and story.endings[-1].outcome != "ok":
        story.invoke()
    return _ended(story)


def run_shared_sinks(known: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Two processes with the same files and the same sinks, their calls and steps interleaved as the seed says."""
    story = _begun(known, faults, seed)
    story.together = True
    together(story, story.world, by_chance(story.rng))
    story.together = False
    story.judge([e for e in story.endings if e.outcome != "killed"])
    return _ended(story)
