import random
from typing import Any

import pytest

from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests import build
from tests.battery.port import Mishaps
from tests.battery.run import Story
from tests.battery.world import ACCOUNT, Clock, World
from tests.strangers import foreign_create


def story(live: list[dict[str, Any]], wanted: list[Any], switches: str = "", faults: dict[int, str] | None = None):
    """A world made by hand: all that is live and not wanted may be deleted, all that is wanted and not live made."""
    clock = Clock()
    start = Simulator(Semantics.parse(switches), clock.server)
    ids = {body["name"]: foreign_create(start, ACCOUNT, body) for body in live}
    start.settle()
    names = {t.name for t in wanted}
    gone = frozenset(ids.keys() - names)
    made = World(
        seed=0,
        variant="",
        desired=build.desired(*wanted, of=build.account(removed=sorted(gone))),
        options=build.options(),
        start=start,
        clock=clock,
        ids=ids,
        kept=frozenset(i for name, i in ids.items() if name in names),
        alien=frozenset(),
        doomed=gone,
        made=frozenset(names - ids.keys()),
        keyed=frozenset(),
        blocked=False,
        fenced=True,
    )
    return Story(made, Mishaps(faults or {}), random.Random(0))


def sent(one: Story, method: str) -> int:
    return sum(entry.method == method for entry in one.simulator.log)


def verdicts(ending: Any) -> list[str]:
    return sorted(v.result.value for v in ending.applied.verdicts.values())


def test_35_creates_and_deletes_keep_within_8_calls_in_2_seconds():
    live = [build.settings(f"old-{i}") for i in range(17)]
    one = story(live, [build.tunnel(f"new-{i}") for i in range(18)], "rate_limit=8/2")

    ending = one.invoke()

    assert ending.outcome == "ok"
    assert one.watch.breaches == []
    assert sum(entry.status == 429 for entry in one.simulator.log) <= 1


def test_one_refused_update_of_60_is_found_and_the_others_are_applied():
    live = [build.settings(f"t{i}") for i in range(60)]
    wanted = [build.tunnel(f"t{i}", description="new", automatic_return_routing=i == 41) for i in range(60)]
    one = story(live, wanted, "coupler_integration=false")

    ending = one.invoke()

    assert verdicts(ending) == ["applied"] * 59 + ["failed"]
    assert sent(one, "PUT") <= 16


def test_500_updates_are_5_calls():
    live = [build.settings(f"t{i}") for i in range(500)]
    one = story(live, [build.tunnel(f"t{i}", description="new") for i in range(500)])

    assert one.invoke().outcome == "ok"
    assert sent(one, "PUT") == 5
    assert sent(one, "GET") == 2


@pytest.mark.parametrize("status", [413, 400])
def test_500_updates_converge_where_only_30_go_at_once(status):
    live = [build.settings(f"t{i}") for i in range(500)]
    wanted = [build.tunnel(f"t{i}", description="new") for i in range(500)]
    one = story(live, wanted, f"bulk_limit=30,bulk_limit_status={status}")

    assert one.invoke().outcome == "ok"
    assert sent(one, "PUT") <= 25


def test_bgp_that_a_merging_server_keeps_is_a_failure_that_says_so():
    one = story([build.settings("a", bgp={"customer_asn": 65010})], [build.tunnel("a")])

    ending = one.invoke()

    assert ending.outcome == "partial"
    assert [v.problem.code for v in ending.applied.verdicts.values()] == ["not-cleared"]


@pytest.mark.parametrize("kind", ["429-seconds", "429-date"])
def test_retry_after_3_means_3_seconds_of_silence(kind):
    quiet = story([], [build.tunnel("a")])
    quiet.invoke()
    one = story([], [build.tunnel("a")], faults={1: kind})
    one.invoke()

    assert one.endings[0].outcome == "ok"
    # A date has whole seconds, so it may ask for up to one second less.
    assert one.world.clock.seconds - quiet.world.clock.seconds >= (3 if kind == "429-seconds" else 2)


LOST = ["reset-before", "reset-after", "truncated", "html-200", "500-after"]


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("nth", [0, 1])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_first_and_second_write_of_each_sort_may_be_lost(method, nth, kind):
    live = [build.settings(name, description="x") for name in ("a", "b", "gone-1", "gone-2")]
    wanted = [build.tunnel("a", description="y"), build.tunnel("b"), build.tunnel("c"), build.tunnel("d")]
    plain = story(live, wanted)
    plain.invoke()
    at = [i for i, entry in enumerate(plain.simulator.log) if entry.method == method]
    one = story(live, wanted, faults={at[min(nth, len(at) - 1)]: kind})

    one.invoke()
    one.repair()

    assert one.watch.breaches == []
    assert one.simulator.created(ACCOUNT) == {"c": 1, "d": 1}
    assert one.simulator.deleted(ACCOUNT) == {"gone-1": 1, "gone-2": 1}
