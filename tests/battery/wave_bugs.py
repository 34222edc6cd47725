"""Bugs to plant in waves, in what watches them, in what takes them back and in the clock."""

from collections.abc import Callable
from math import inf
from typing import Any

from reconciler.api import exchange as edge
from reconciler.engine import apply, rollout
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan import build, guard, waves
from tests.battery.bugs import Patch, bug

ABOUT_WAVES: set[str] = set()
"""Bugs that only a rollout can show."""


def wave_bug(make: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
    """Registers a bug that only a rollout can show."""
    ABOUT_WAVES.add(make.__name__.replace("_", " "))
    return bug(make)


def _real(name: str) -> Any:
    """What a bug replaces."""
    return getattr(rollout, name)


@wave_bug
def no_wave_is_waited_for() -> list[Patch]:
    return [(rollout, "healthy", lambda *_: True)]


@wave_bug
def a_session_that_reads_up_is_healthy() -> list[Patch]:
    return [(rollout, "healthy", lambda history, *_: history.up_since is not None)]


@wave_bug
def a_session_older_than_the_change_is_as_good_as_a_new_one() -> list[Patch]:
    return [(rollout, "is_fresh", lambda *_: True)]


@wave_bug
def a_session_need_not_settle() -> list[Patch]:
    real = _real("healthy")
    return [(rollout, "healthy", lambda history, asked, how: real(history, asked, how._replace(settle=0)))]


def _watching(change: Callable[[Any], Any]) -> list[Patch]:
    real = _real("watch")

    def watch(*given: Any) -> Any:
        return change((yield from real(*given)))

    return [(rollout, "watch", watch)]


@wave_bug
def a_wave_that_does_not_come_up_in_time_is_fine() -> list[Patch]:
    return _watching(lambda unhealthy: unhealthy and {})


@wave_bug
def a_wave_that_was_not_watched_to_its_end_is_fine() -> list[Patch]:
    return _watching(lambda unhealthy: {} if unhealthy is None else unhealthy)


def _rolled(**other: Any) -> list[Patch]:
    real = build.in_waves
    return [(build, "in_waves", lambda phases, how: real(phases, how._replace(**other)))]


@wave_bug
def files_are_not_kept_apart() -> list[Patch]:
    return _rolled(apart="none")


@wave_bug
def all_goes_in_one_wave() -> list[Patch]:
    return _rolled(waves=("100%",), apart="none")


@wave_bug
def bounds_are_counted_for_each_wave_anew() -> list[Patch]:
    return [(waves, "most", lambda bound, total: 2 * int(bound.rstrip("%")) if "%" not in bound else total)]


@wave_bug
def a_rollback_undoes_what_others_wrote() -> list[Patch]:
    def as_before(change: Any, *_: Any) -> Any:
        return change.live.settings, []

    return [(rollout, "as_before", as_before)]


@wave_bug
def a_rollback_gives_back_the_first_field_alone() -> list[Patch]:
    real = _real("as_before")

    def as_before(change: Any, now: Any, answered: Any) -> Any:
        target, foreign = real(change, now, answered)
        first = next((p for p in sorted(target.keys() | now.keys()) if target.get(p) != now.get(p)), None)
        return {p: v for p, v in {**now, first: target.get(first)}.items() if p and v is not None}, foreign

    return [(rollout, "as_before", as_before)]


@wave_bug
def only_the_unhealthy_tunnels_of_a_wave_are_rolled_back() -> list[Patch]:
    real = _real("roll_back")
    return [
        (
            rollout,
            "roll_back",
            lambda run, done, unhealthy: real(run, [c for c in done if c.ref in unhealthy], unhealthy),
        )
    ]


@wave_bug
def what_was_rolled_back_is_said_to_be_applied() -> list[Patch]:
    def verdict(*_: Any) -> Verdict:
        return APPLIED

    return [(rollout, "verdict_of", verdict)]


@wave_bug
def a_rollback_is_not_proved() -> list[Patch]:
    def nothing(run: Any, *_: Any) -> Any:
        return run
        yield

    def believed(*_: Any) -> Verdict:
        return Verdict(Result.ROLLED_BACK)

    return [(rollout, "carry_back", nothing), (rollout, "verdict_of", believed)]


@wave_bug
def the_rest_goes_on_after_a_wave_that_failed() -> list[Patch]:
    real = rollout.roll_out

    def roll_out(run: Any) -> Any:
        yield from real(run)
        return True

    return [(apply, "roll_out", roll_out), (rollout, "skip_the_rest", lambda *_: None), (apply, "last_deletes", _all)]


def _all(run: Any) -> Any:
    yield from apply.delete(run, run.plan.phases.last_deletes)


@wave_bug
def what_a_killed_run_left_down_is_forgotten() -> list[Patch]:
    return [(guard, "down_after_change", lambda _: ())]


@wave_bug
def lists_while_watching_are_a_second_apart() -> list[Patch]:
    return [(rollout, "LOOK_SECONDS", 1.0)]


@wave_bug
def the_time_that_is_watched_counts() -> list[Patch]:
    return [(edge.Deadline, "stop", lambda *_, **__: None)]


@wave_bug
def the_deadline_is_forgotten_once_a_wave_was_watched() -> list[Patch]:
    real = edge.Deadline.left
    return [(edge.Deadline, "left", lambda self, *given: inf if self._off else real(self, *given))]
