from hypothesis import HealthCheck, settings

from tests.battery.bugs import BUGS
from tests.battery.machine import Account, run_machine
from tests.battery.planted import planted
from tests.battery.world import world

STEPS = {
    *("create", "edit", "delete", "rename", "swap", "set_keys", "edit_by_hand", "make_by_hand", "delete_by_hand"),
    *("apply", "apply_twice_at_once", "let_the_clock_jump"),
}

Account.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=15,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAccount = Account.TestCase


def test_a_story_of_the_machine_takes_every_step_in_many_variants():
    found = run_machine(world(0), {}, 0)

    assert found.breaches == []
    assert found.outcomes.keys() >= STEPS
    assert sum(name.startswith("variant ") for name in found.outcomes) >= 8
    assert {kind for kind, _ in found.fired} >= {"reset-after", "kill-after", "foreign-edit", "foreign-create"}


def test_the_machine_catches_a_planted_bug():
    with planted(BUGS["nothing is verified"]()):
        (breach,) = run_machine(world(0), {}, 0, shrink=False).breaches

    assert breach.oracle == "machine"
    assert "S12" in breach.text
    assert "state.begin" in breach.text
