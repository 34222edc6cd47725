"""Tests the tests: bugs planted one at a time, each of which the battery must catch within 10,000 stories."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from tests.battery.batteries import PAIRED, Spec, replay_text, tell
from tests.battery.bugs import BUGS, Patch
from tests.battery.keys import KEY_KINDS
from tests.battery.lone_bugs import ALONE
from tests.battery.measure_bugs import ABOUT_MEASURING
from tests.battery.measured import MEASURED_KINDS
from tests.battery.oracles import Breach
from tests.battery.port import KINDS
from tests.battery.sinks import SINK_KINDS
from tests.battery.wave_bugs import ABOUT_WAVES
from tests.battery.world import world

LIMIT = 10_000


@contextmanager
def planted(patches: list[Patch]) -> Iterator[None]:
    """Puts a bug in, and takes it out again."""
    kept = [(place, name, place.__dict__.get(name)) for place, name, _ in patches]
    try:
        for place, name, value in patches:
            setattr(place, name, value)
        yield
    finally:
        for place, name, value in kept:
            if value is None:
                delattr(place, name)
            else:
                setattr(place, name, value)


def _stories() -> Iterator[Spec]:
    """Stories of every battery, mixed."""
    rng = random.Random(0)
    for seed in range(LIMIT):
        size = 0
        yield "one", seed, size, (), 0
        for draw in range(12):
            yield "one", seed, size, ((rng.randrange(9), rng.choice(KINDS)),), draw
        for draw in range(4):
            faults = {rng.randrange(12): rng.choice(KINDS) for _ in range(3)}
            yield "one", seed, size, tuple(sorted(faults.items())), draw
        for draw in range(4):
            at, lost = rng.randrange(9), rng.choice(("reset-before", "reset-after"))
            yield "one", seed, size, ((at, rng.choice(PAIRED)), (at + 1, rng.choice(PAIRED))), draw
            yield "one", seed, size, ((at, lost), (at + 1, "foreign-edit")), draw
        yield "two", seed, size, (), seed
        for _ in range(4):
            fault = ((rng.randrange(12), rng.choice(KINDS)),)
            yield "rivals", seed, size, fault, rng.randrange(200)
        yield "path", seed, size, (), seed
        own = random.Random(seed)
        yield "sinks", seed, size, ((own.randrange(8), own.choice(KINDS)),), 0
        for draw in range(2):
            yield "sinks", seed, size, ((-own.randrange(1, 10), own.choice(SINK_KINDS)),), draw
            yield "shared", seed, size, (), seed + draw
        yield "routed", seed, 0, ((own.randrange(5), own.choice(KINDS)),) if seed % 2 else (), 0
        yield "keys", seed, 2, ((rng.randrange(4), rng.choice(KEY_KINDS)),), seed
        yield "named", seed, 0, ((rng.randrange(6), rng.choice(KINDS)),), seed
        yield "named", 4 * seed + 1, 0, ((rng.randrange(4), rng.choice(("reset-after", "500-after"))),), seed


def _rollouts() -> Iterator[Spec]:
    """Stories of rollouts, without a fault and with one or two."""
    rng = random.Random(0)
    for seed in range(LIMIT):
        yield "waves", seed, 0, (), 0
        for draw in range(4):
            yield "waves", seed, 0, ((rng.randrange(24), rng.choice(KINDS)),), draw
            yield "waves", seed, 0, ((rng.randrange(24), "foreign-edit"),), draw


def _measurements() -> Iterator[Spec]:
    """Stories of measurements, without a fault and with one or two."""
    rng = random.Random(0)
    for seed in range(LIMIT):
        yield "measured", seed, 0, (), 0
        for draw in range(8):
            yield "measured", seed, 0, ((rng.randrange(40), rng.choice(MEASURED_KINDS)),), draw
            faults = {rng.randrange(40): rng.choice(MEASURED_KINDS) for _ in range(2)}
            yield "measured", seed, 0, tuple(sorted(faults.items())), draw


def _breaches(limit: int, bug: str) -> Iterator[tuple[int, Spec, list[Breach]]]:
    """The stories that end with a breach, each with its number."""
    found, last = world(0), 0
    stories = _rollouts() if bug in ABOUT_WAVES else _measurements() if bug in ABOUT_MEASURING else _stories()
    for count, spec in enumerate(stories, 1):
        if count > limit:
            return
        if spec[1] != last:
            found, last = world(spec[1]), spec[1]
        result = tell(spec, None if spec[2] else found)
        if result.breaches:
            yield count, spec, result.breaches


def catch(name: str, limit: int = LIMIT) -> tuple[str, int, str, str]:
    """Plants a bug and tells stories until one is a breach.

    Returns:
        The bug's name, the number of stories (0 when it was not caught), the story and its breach.
    """
    with planted(BUGS[name]()):
        for count, spec, found in _breaches(limit, name):
            # A crash proves nothing, and nothing that follows from it: the bug may be planted where it does not fit.
            if name == ALONE["crash"] or all(breach.oracle != "crash" for breach in found):
                return name, count, replay_text(spec), f"{found[0].oracle} {found[0].text}"
    return name, 0, "", ""


def catch_alone(oracle: str, limit: int = LIMIT) -> tuple[str, int, str, str]:
    """Plants the bug of an oracle and tells stories until one is a breach of that oracle and of no other.

    Returns:
        The oracle, the number of stories (0 when there was none), the story and its breach.
    """
    with planted(BUGS[ALONE[oracle]]()):
        for count, spec, found in _breaches(limit, ALONE[oracle]):
            if {breach.oracle for breach in found} == {oracle}:
                return oracle, count, replay_text(spec), f"{ALONE[oracle]}: {found[0].text}"
    return oracle, 0, "", ALONE[oracle]


def main(workers: int) -> int:
    """Shows for each bug after how many stories it is caught, and for each oracle a bug that only it catches.

    Returns 0 when there is nothing missing.
    """
    missed = 0
    with get_context("fork").Pool(workers) as pool:
        for catching, what in ((catch, BUGS), (catch_alone, ALONE)):
            for name, count, story, why in pool.imap(catching, what):
                missed += not count
                found = f"caught by story {count}: {why}   [{story}]" if count else f"NOT CAUGHT {why}"
                alone = " alone" if what is ALONE else ""
                sys.stdout.write(f"{name}{alone}: {found}\n")
                sys.stdout.flush()
    checks = len(BUGS) + len(ALONE)
    sys.stdout.write(f"{len(BUGS)} planted bugs, {len(ALONE)} oracles alone: {checks - missed} of {checks} caught")
    sys.stdout.write(f" within {LIMIT} stories each\n")
    return 1 if missed else 0
