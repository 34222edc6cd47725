"""The batteries: which stories are told. Each is a list of chunks that workers tell, in any order, with one sum."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, count, product

from tests.battery.keys import KEY_KINDS, run_keys
from tests.battery.machine import run_machine
from tests.battery.measured import MEASURED_KINDS, measured_world, run_measured
from tests.battery.memo import remembering
from tests.battery.names import named_world, run_named
from tests.battery.paths import run_path
from tests.battery.port import KINDS, STRANGE
from tests.battery.routed import routed_world, run_routed
from tests.battery.run import Result, run
from tests.battery.sinks import SINK_KINDS, generated_world, run_shared_sinks, run_sinks
from tests.battery.two import SYSTEMATIC, run_rivals, run_two
from tests.battery.waves import run_waves, wave_world
from tests.battery.world import World, world

PAIRED = (
    *("reset-before", "reset-after", "500-after", "truncated", "429-seconds", "refused", "409-after"),
    *(
        "stale-list",
        "partial-list",
        "success-false",
        "lost-write",
        "kill-before",
        "kill-after",
        "foreign-edit",
        "foreign-create",
    ),
)
"""Kinds of which every pair is tried at every pair of requests: one of each sort."""

_STRIDE = 16_000
"""A multiple of the number of variants, beyond all seeds in use."""

Spec = tuple[str, int, int, tuple[tuple[int, str], ...], int]
"""One story: mode, seed of the world, its size (0: by the seed), faults by request, seed of the rest."""

_MODES: Mapping[str, Callable[[World, Mapping[int, str], int], Result]] = {
    "one": run,
    "two": run_two,
    "rivals": run_rivals,
    "path": run_path,
    "keys": run_keys,
    "named": run_named,
    "sinks": run_sinks,
    "shared": run_shared_sinks,
    "waves": run_waves,
    "routed": run_routed,
    "measured": run_measured,
    "machine": run_machine,
}


def replay_text(spec: Spec) -> str:
    """What `--replay` takes."""
    mode, seed, size, faults, draw = spec
    return f"{mode}/{seed}/{size}/{','.join(f'{i}={kind}' for i, kind in faults)}/{draw}"


def parse_replay(text: str) -> Spec:
    """The story of a `--replay` text."""
    mode, seed, size, faults, draw = text.split("/")
    pairs = [part.partition("=") for part in faults.split(",") if part]
    return mode, int(seed), int(size), tuple((int(i), kind) for i, _, kind in pairs), int(draw)


def tell(spec: Spec, known: World | None = None) -> Result:
    """Tells one story."""
    mode, seed, size, faults, draw = spec
    return _MODES[mode](known or world(seed, size or None), dict(faults), draw)


@dataclass
class Tally:
    """The sum of many stories.

    Attributes:
        fired: Fault and operation to how often the one met the other.
        breaches: Fault, operation and oracle to the number of breaches, for stories with a breach.
        limits: The same for breaches that no client could prevent.
        repairs: Runs needed without a fault, to the number of stories.
        failures: Replay text and what went wrong.
        limited: Stories with such a limit.
        unseen: Stories in which something of others was overwritten between list and write.
    """

    runs: int = 0
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    breaches: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    limits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    repairs: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    limited: int = 0
    unseen: int = 0

    def add(self, spec: Spec, result: Result) -> None:
        """Counts one story."""
        self.runs += result.told
        self.unseen += bool(result.unseen)
        self.limited += bool(result.limits)
        self.fired.update(result.fired)
        self.repairs[result.repairs] += 1
        self.outcomes.update(result.outcomes)
        for into, found in ((self.breaches, result.breaches), (self.limits, result.limits)):
            for breach in found:
                into.update((kind, asked, breach.oracle) for kind, asked in result.fired or [("none", "none")])
        if result.breaches:
            text = "; ".join(f"{b.oracle} {b.text}" for b in result.breaches)
            self.failures.append((replay_text(spec), text))

    def merge(self, other: "Tally") -> None:
        """Adds another sum."""
        self.runs += other.runs
        self.limited += other.limited
        self.unseen += other.unseen
        for name in ("fired", "breaches", "limits", "repairs", "outcomes"):
            getattr(self, name).update(getattr(other, name))
        self.failures += other.failures


def _faultless(seed: int, size: int) -> tuple[World, int]:
    found = world(seed, size or None)
    return found, run(found, {}).requests


def single(seed: int) -> Iterator[tuple[Spec, World]]:
    """Every request of a world's faultless story, and one more, meets every kind of fault."""
    found, requests = _faultless(seed, 0)
    for index, kind in product(range(requests + 1), KINDS):
        yield ("one", seed, 0, ((index, kind),), 0), found


def pairs(seed: int) -> Iterator[tuple[Spec, World]]:
    """Every pair of requests of a small world meets every pair of kinds."""
    size = 1 + seed % 3
    found, requests = _faultless(seed, size)
    for (first, second), (one, two) in product(combinations(range(requests + 2), 2), product(PAIRED, repeat=2)):
        yield ("one", seed, size, ((first, one), (second, two)), 0), found


def _some_faults(rng: random.Random, count: int, requests: int) -> tuple[tuple[int, str], ...]:
    drawn = {rng.randrange(requests + 8): rng.choice(KINDS) for _ in range(count)}
    return tuple(sorted(drawn.items()))


def chance(seed: int) -> Iterator[tuple[Spec, World]]:
    """A hundred stories of one world with 1 to 6 faults anywhere."""
    found, requests = _faultless(seed, 0)
    rng = random.Random(seed)
    for draw in range(100):
        yield ("one", seed, 0, _some_faults(rng, rng.randrange(1, 7), requests), draw), found


def together(seed: int) -> Iterator[tuple[Spec, World]]:
    """Fifty interleavings of two appliers, every second one with a fault."""
    found, requests = _faultless(seed, 1 + seed % 4)
    rng = random.Random(seed)
    for draw in range(50):
        faults = _some_faults(rng, 1, 2 * requests) if draw % 2 else ()
        yield ("two", seed, 1 + seed % 4, faults, draw), found


def rivals(seed: int) -> Iterator[tuple[Spec, World]]:
    """Two appliers of different files: each lets the other go first for any number of calls; then by chance."""
    size = 1 + seed % 4
    found, requests = _faultless(seed, size)
    rng = random.Random(seed)
    for draw in range(SYSTEMATIC + 60):
        faults = () if draw < SYSTEMATIC else _some_faults(rng, draw % 3, 2 * requests)
        yield ("rivals", seed, size, faults, draw), found


def strangers(seed: int) -> Iterator[tuple[Spec, World]]:
    """Somebody else makes a tunnel of a name that is to be created, at every request and with another fault.

    The variant is that of the seed; the world is the next one with a create.
    """
    found = next(w for i in count() if (w := world(seed + i * _STRIDE)).made and not w.blocked)
    requests = run(found, {}).requests
    for index, kind, draw in product(range(requests + 1), STRANGE, range(6)):
        yield ("one", found.seed, 0, ((index, kind),), draw), found
    rng = random.Random(seed)
    for index, kind, draw in product(range(requests + 1), STRANGE, range(6, 10)):
        both = dict([(index, kind), *_some_faults(rng, 1, requests)])
        yield ("one", found.seed, 0, tuple(sorted(both.items())), draw), found


def paths(seed: int) -> Iterator[tuple[Spec, World]]:
    """Ways from one wish to another."""
    found = world(seed)
    for draw in range(10):
        yield ("path", seed, 0, (), draw), found


def names(seed: int) -> Iterator[tuple[Spec, World]]:
    """Every request of a story on a server that keeps names in a form of its own meets every kind of fault."""
    found = named_world(seed)
    requests = run_named(found, {}).requests
    for index, kind in product(range(requests + 1), KINDS):
        yield ("named", seed, 0, ((index, kind),), 0), found


def secrets(seed: int) -> Iterator[tuple[Spec, World]]:
    """Keys set and generated, every request met by every kind of fault."""
    found = world(seed, 2)
    for draw, index, kind in product(range(2), range(4), KEY_KINDS):
        yield ("keys", seed, 2, ((index, kind),), draw), found


def sinks(seed: int) -> Iterator[tuple[Spec, World]]:
    """Generated keys: every request and step of a sink meets every kind of fault, and two processes share sinks."""
    found = generated_world(seed)
    kinds = [kind for kind in KINDS if kind != "foreign-edit"]  # what is edited after the last diff nobody can see
    requests = run_sinks(found, {}).requests
    rng = random.Random(seed)
    for draw in range(60):
        faults = tuple((i, kind) for i, kind in _some_faults(rng, draw % 3, 2 * requests) if kind in kinds)
        yield ("shared", seed, 0, faults, draw), found
    for index, kind in product(range(1, 12), SINK_KINDS):
        yield ("sinks", seed, 0, ((-index, kind),), 0), found
    for index, kind in product(range(requests + 1), kinds):
        yield ("sinks", seed, 0, ((index, kind),), 0), found


def waves(seed: int) -> Iterator[tuple[Spec, World]]:
    """Every request of a rollout, while it is watched and rolled back too, meets every kind of fault."""
    found = wave_world(seed)
    requests = run_waves(found, {}).requests
    every = [(index, kind) for index, kind in product(range(requests + 1), KINDS)]
    random.Random(seed).shuffle(every)  # so that a slice of them is one of all
    yield ("waves", seed, 0, (), 0), found
    for number, fault in enumerate(every):
        yield ("waves", seed, 0, (fault,), number % 7), found


def routed(seed: int) -> Iterator[tuple[Spec, World]]:
    """Every request of a story with static routes meets every kind of fault, and pairs of them by chance."""
    found = routed_world(seed)
    requests = run_routed(found, {}).requests
    for index, kind in product(range(requests + 1), KINDS):
        yield ("routed", seed, 0, ((index, kind),), 0), found
    rng = random.Random(seed)
    for draw in range(60):
        yield ("routed", seed, 0, _some_faults(rng, 2, requests), draw), found


def measured(seed: int) -> Iterator[tuple[Spec, World]]:
    """Every request of a measurement and of its clean-up meets every kind of fault, and pairs of them by chance."""
    found = measured_world(seed)
    requests = run_measured(found, {}).requests
    every = [(index, kind) for index, kind in product(range(requests + 1), MEASURED_KINDS)]
    rng = random.Random(seed)
    rng.shuffle(every)  # so that a slice of them is one of all
    yield ("measured", seed, 0, (), 0), found
    for number, fault in enumerate(every):
        both = (fault, (rng.randrange(requests + 8), rng.choice(MEASURED_KINDS))) if number % 3 == 2 else (fault,)
        yield ("measured", seed, 0, tuple(sorted(dict(both).items())), number % 7), found


def machines(seed: int) -> Iterator[tuple[Spec, World]]:
    """Examples of the Hypothesis state machine."""
    yield ("machine", 0, 0, (), seed), world(0)


BATTERIES: Mapping[str, Callable[[int], Iterator[tuple[Spec, World]]]] = {
    "single": single,
    "pairs": pairs,
    "random": chance,
    "two": together,
    "rivals": rivals,
    "strangers": strangers,
    "paths": paths,
    "keys": secrets,
    "names": names,
    "sinks": sinks,
    "waves": waves,
    "routed": routed,
    "measured": measured,
    "machine": machines,
}


def work(task: tuple[str, int, int]) -> tuple[str, Tally]:
    """Tells a chunk of a battery.

    Args:
        task: Name of the battery, seed, and the most stories to tell.
    """
    name, seed, most = task
    tally = Tally()
    with remembering():
        for (spec, found), _ in zip(BATTERIES[name](seed), range(most), strict=False):
            tally.add(spec, tell(spec, found))
    return name, tally
