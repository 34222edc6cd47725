import pytest

from tests.battery.bugs import BUGS
from tests.battery.measure_bugs import ABOUT_MEASURING
from tests.battery.oracles import ORACLES
from tests.battery.planted import ALONE, catch, catch_alone
from tests.battery.wave_bugs import ABOUT_WAVES

HANDFUL = [
    "creates are resent blindly",
    "an unreadable list is an empty account",
    "nothing is verified",
    "cycles are split",
    "the limit of deletes is off by one",
    "a rename is a delete and a create",
    "generated keys are asked for again",
    "retry after is not obeyed",
    "one list of null is an empty account",
    "a tunnel of another name is not recognised",
    "bgp of zeros is bgp",
    "a key that was not read is cleared",
    "the name of its variable is sent for a key that was not read",
    "owns is forgotten",
    "a tunnel of others is left in an account that is emptied",
    "what others own is left to be done",
    "routes in use block nothing",
    "routes that can not be read are none",
    "a next hop is looked for on one side of a tunnel",
    "no wave is waited for",
    "a rollback undoes what others wrote",
    "the time that is watched counts",
    "what a killed run left down is forgotten",
    "a scratch tunnel may be anywhere",
    "the clean up heeds a stop",
    "what ends early is not cleaned up",
]


def test_there_are_at_least_25_bugs_to_plant_12_about_rollouts_and_10_about_measurements():
    assert len(BUGS) >= 25
    assert len(ABOUT_WAVES & BUGS.keys()) >= 12
    assert len(ABOUT_MEASURING & BUGS.keys()) >= 10


@pytest.mark.parametrize("bug", HANDFUL)
def test_a_planted_bug_is_caught(bug):
    assert catch(bug, 1_000)[1] > 0


def test_every_oracle_has_a_bug_that_only_it_catches():
    assert ALONE.keys() == ORACLES.keys() - {"machine"}
    assert set(ALONE.values()) <= BUGS.keys()


@pytest.mark.parametrize(
    "oracle", ["S1", "S4", "S8", "S14", "S10", "R5", "M1", "M2", "M3", "M4", "M5", "L2", "L3", "crash"]
)
def test_an_oracle_complains_when_no_other_does(oracle):
    assert catch_alone(oracle, 1_000)[1] > 0
