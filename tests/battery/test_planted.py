import pytest

from tests.battery.planted import BUGS, catch

HANDFUL = [
    "creates are resent blindly",
    "an unreadable list is an empty account",
    "nothing is verified",
    "cycles are split",
    "the limit of deletes is off by one",
    "a rename is a delete and a create",
    "generated keys are asked for again",
    "retry after is not obeyed",
]


def test_there_are_at_least_25_bugs_to_plant():
    assert len(BUGS) >= 25


@pytest.mark.parametrize("bug", HANDFUL)
def test_a_planted_bug_is_caught(bug):
    assert catch(bug, 1_000)[1] > 0
