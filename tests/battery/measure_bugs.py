"""Bugs to plant in measurements: in what tells scratch tunnels from others, in experiments, in the clean-up."""

from collections.abc import Callable
from typing import Any

from reconciler.api.call import drive
from reconciler.engine import bench, experiments
from reconciler.engine.bench import Bench, taken
from reconciler.model.scratch import PREFIX, is_scratch
from tests.battery import measured
from tests.battery.bugs import Patch, bug

ABOUT_MEASURING: set[str] = set()
"""Bugs that only a measurement can show."""


def measure_bug(make: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
    """Registers a bug that only a measurement can show."""
    ABOUT_MEASURING.add(make.__name__.replace("_", " "))
    return bug(make)


@measure_bug
def a_scratch_tunnel_is_told_by_its_name_alone() -> list[Patch]:
    return [(bench, "is_scratch", lambda tunnel, *_: tunnel.name.startswith(PREFIX))]


@measure_bug
def a_scratch_tunnel_may_be_anywhere() -> list[Patch]:
    return [(bench, "is_scratch", lambda tunnel, *_: is_scratch(tunnel))]


@measure_bug
def some_requests_carry_no_marker() -> list[Patch]:
    real = Bench.identity

    def identity(self: Bench, tunnel: Any) -> dict[str, Any]:
        body = real(self, tunnel)
        return {**body, "description": str(self.step)} if self.step % 7 == 3 else body

    return [(Bench, "identity", identity)]


@measure_bug
def the_spare_address_lies_outside() -> list[Patch]:
    return [(Bench, "spare", "10.254.0.0/31")]


@measure_bug
def what_an_earlier_run_left_is_somebody_elses() -> list[Patch]:
    def own(self: Bench, live: Any) -> dict[str, str]:
        return {t.id: t.name for t in live.tunnels.values() if t.name.startswith(self.name(""))}

    return [(Bench, "leftovers", own)]


@measure_bug
def the_clean_up_ends_at_the_first_failure() -> list[Patch]:
    return [(bench, "is_final", lambda _: True)]


@measure_bug
def the_clean_up_heeds_a_stop() -> list[Patch]:
    def once(place: Bench, carry: Any, _: Any) -> Any:
        drive(bench.clear(place), carry)

    return [(measured, "clear_whatever_comes", once)]


@measure_bug
def no_list_is_waited_for() -> list[Patch]:
    return [(bench, "PATIENCE", ())]


@measure_bug
def a_create_without_an_answer_did_nothing() -> list[Patch]:
    return [(bench, "unclear", lambda _: False)]


@measure_bug
def what_ends_early_is_not_cleaned_up() -> list[Patch]:
    return [(Bench, "may_hold", property(lambda self: bool(self.second.id)))]


@measure_bug
def whatever_is_not_a_success_is_a_refusal() -> list[Patch]:
    return [(experiments, "refused", lambda said: not taken(said))]
