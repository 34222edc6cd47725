from hypothesis import settings

from tests.battery.bugs import BUGS
from tests.battery.machine import Account, run_machine
from tests.battery.planted import planted
from tests.battery.world import world

STEPS = {
    *("create", "edit", "delete", "rename", "swap", "set_keys", "edit_by_hand", "make_by_hand", "delete_by_hand"),
    *("apply", "apply_twice_at_once", "let_the_clock_jump"),
}

Account.TestCase.settings = settings(max_examples=60, stateful_step_count=15)
TestAccount = Account.TestCase


def test_stories_of_the_machine_take_every_step_in_many_variants():
    # What Hypothesis draws for a seed depends on the modules that are loaded, so one story alone proves little.
    stories = [run_machine(world(0), {}, number) for number in range(2)]

    seen = {name for story in stories for name in story.outcomes}
    assert [breach for story in stories for breach in story.breaches] == []
    assert seen >= STEPS
    assert sum(name.startswith("variant ") for name in seen) >= 8
    assert len({kind for story in stories for kind, _ in story.fired}) >= 10


def test_the_machine_catches_a_planted_bug():
    with planted(BUGS["nothing is verified"]()):
        (breach,) = run_machine(world(0), {}, 0, shrink=False).breaches

    assert breach.oracle == "machine"
    assert "S12" in breach.text
    assert "state.begin" in breach.text
