"""Worlds in which no window is open at first, or one closes during a rollout: nothing touches traffic then."""

from dataclasses import replace
from itertools import product

import pytest

from reconciler.engine import rollout
from reconciler.model.desired import Window
from reconciler.plan import windows
from tests.battery.planted import planted
from tests.battery.port import KINDS
from tests.battery.run import run
from tests.battery.waves import run_waves, wave_world
from tests.battery.world import World, world

OPENS = 57_600.0  # a world begins on a Friday at 08:00
SATURDAY = Window((5,), 0, 1440, "UTC")
SEEDS = range(6)


def closed(seed: int) -> World:
    """A world whose window opens when the runs with faults are long over."""
    found = world(seed)
    account = found.desired.account._replace(windows=(SATURDAY,))
    return replace(found, desired=found.desired._replace(account=account), opens=OPENS, memo={})


@pytest.mark.parametrize("seed", SEEDS)
def test_no_fault_lets_anything_touch_traffic_outside_a_window(seed: int) -> None:
    found = closed(seed)
    requests = run(found, {}).requests
    for index, kind in product(range(requests + 1), KINDS):
        assert run(found, {index: kind}).breaches == [], f"{seed}/{index}={kind}"


def test_something_waits_in_most_of_these_worlds() -> None:
    outcomes = [run(closed(seed), {}).outcomes for seed in SEEDS]
    assert sum(found["waits"] for found in outcomes) > len(SEEDS) // 2


def _but(left_out: object) -> list[tuple[object, str, object]]:
    """A bug: some changes do not wait."""
    real = windows.waiting

    def waiting(plan, decided=()):
        return frozenset(ref for ref in real(plan, decided) if not left_out(plan, ref))  # type: ignore[operator]

    return [(windows, "waiting", waiting)]


def _is_delete(plan, ref):
    return any(change.ref == ref and change.declared is None for change in plan.changes)


def _needs(plan, ref):
    return bool(plan.phases.needs.get(ref))


BUGS = {
    "no window is heeded": lambda: [(windows, "hold_back", lambda *plan_and_time: plan_and_time[0])],
    "deletes do not wait": lambda: _but(_is_delete),
    "what needs another change does not wait": lambda: _but(_needs),
    "what waits counts as not converged": lambda: [
        (windows, "hold_back", lambda *given, real=windows.hold_back: real(*given)._replace(held_back=()))
    ],
}


def closing(seed: int) -> World:
    """A rollout that begins a minute before the window closes."""
    found = wave_world(seed)
    account = found.desired.account._replace(windows=(Window((4,), 480, 481, "UTC"), SATURDAY))
    return replace(found, desired=found.desired._replace(account=account), closes=60.0, opens=OPENS, memo={})


@pytest.mark.parametrize("seed", range(40))
def test_no_wave_begins_after_the_window_has_closed(seed: int) -> None:
    assert run_waves(closing(seed), {}).breaches == []
    for index, kind in (((seed * 7) % 11, KINDS[seed % len(KINDS)]), ((seed * 5) % 7, "timeout-after")):
        assert run_waves(closing(seed), {index: kind}).breaches == [], f"{seed}/{index}={kind}"


def test_something_waits_after_some_of_these_rollouts() -> None:
    outcomes = [run_waves(closing(seed), {}).outcomes for seed in range(40)]
    assert sum(found["waits"] for found in outcomes) > 5


def test_a_rollout_that_heeds_no_window_is_caught() -> None:
    with planted([(rollout, "hold_back", lambda *plan_and_time: plan_and_time[0])]):
        assert any(run_waves(closing(seed), {}).breaches for seed in range(40))


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(bug: str) -> None:
    with planted(BUGS[bug]()):
        assert any(run(closed(seed), {}).breaches for seed in range(60))
