import pytest

from tests.battery.__main__ import report, silent, tell_all
from tests.battery.batteries import parse_replay, replay_text, tell

AMOUNTS = {
    "single": (6, 10_000),
    "pairs": (2, 700),
    "random": (20, 100),
    "two": (12, 30),
    "rivals": (4, 141),
    "strangers": (16, 30),
    "paths": (12, 10),
    "keys": (2, 400),
    "names": (8, 150),
    "sinks": (8, 130),
    "waves": (16, 10),
    "routed": (6, 300),
    "measured": (12, 120),
}


@pytest.fixture(scope="module")
def sums():
    return tell_all(AMOUNTS, 0, 1)


@pytest.mark.parametrize("battery", sorted(AMOUNTS))
def test_no_fault_breaks_a_promise(sums, battery):
    assert sums[battery].failures == []
    assert sums[battery].runs > 100


def test_every_fault_met_every_operation(sums):
    assert silent(sums) == []


def test_every_story_converged_after_at_most_three_more_runs(sums):
    assert {runs for tally in sums.values() for runs in tally.repairs} <= {1, 2, 3}


def test_the_report_counts_every_story(sums):
    found = report(sums, 1.0)

    assert found["runs"] == sum(tally["runs"] for tally in found["batteries"].values())


def test_a_story_told_again_is_the_same_story():
    spec = parse_replay("one/24/0/6=kill-after,9=stale-list/3")

    assert replay_text(spec) == "one/24/0/6=kill-after,9=stale-list/3"
    assert tell(spec) == tell(spec)
