"""No crash and no fault, at whatever step, loses a key: it is in the sink, or a report says that it may not be."""

import random

from reconciler.secrets.rotate import rotate
from tests.secrets.honest import ALL, FAULTS, NAMES, CrashError, World, drive


def live_through(runs: list[dict[int, str]]) -> None:
    """Several runs with faults, the promise checked after each, then one without."""
    world = World()
    for faults in runs:
        world.ring = {}
        world.sent.clear()
        try:
            verdicts = drive(rotate(ALL), world, faults)
        except CrashError:
            unknown = set()
        else:
            unknown = {name for name, v in verdicts.items() if v.result == "unknown"}
            for name, v in verdicts.items():
                assert v.result != "applied" or world.current[name] == world.key[name], (runs, name)
        assert max(world.sent.values(), default=0) <= 1, runs
        for name in NAMES:
            assert world.held(name) or name in unknown or world.seen_by_status(name), (runs, name)
    world.ring = {}
    verdicts = drive(rotate(ALL), world, {})
    assert [v.result for v in verdicts.values()] == ["applied"] * 3, runs
    assert world.current == world.key, runs
    assert world.pending == {}, runs


STEPS = 26  # a run without faults takes 23


def test_no_single_fault_at_any_step_loses_a_key() -> None:
    for step in range(STEPS):
        for fault in FAULTS:
            live_through([{step: fault}])
            live_through([{step: fault, step + 1: fault}])
            live_through([{step: fault}, {step: fault}])


def test_thousands_of_lives_with_crashes_and_faults_lose_no_key() -> None:
    rng = random.Random(5)
    for _ in range(6_000):
        live_through(
            [
                {rng.randrange(STEPS): rng.choice(FAULTS) for _ in range(rng.randint(1, 4))}
                for _ in range(rng.randint(1, 3))
            ]
        )
