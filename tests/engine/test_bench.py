"""The scratch tunnels: what keeps a measurement from an account, lost answers, and what is removed."""

from ipaddress import IPv4Network
from typing import Any

import pytest

from reconciler.api.call import Answered, ApiError, Denied, NotSent, Refused, Step, StopClock, Verb, drive
from reconciler.engine.bench import Bench, Hindrance, clear, make, survey
from reconciler.model.live import Live, live_tunnel
from reconciler.model.problems import Problem
from reconciler.model.scratch import MARKER
from tests.build import ACCOUNT_ID, settings
from tests.engine.harness import LOST, World

NETWORK = IPv4Network("10.255.0.0/29")


def bench(**fields: Any) -> Bench:
    return Bench(NETWORK, "203.0.113.1", "x1", **fields)


def scratch(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {"description": f"{MARKER} 1", "interface_address": f"10.255.0.{2 * number}/31"} | fields


def left(world: World) -> list[str]:
    return [tunnel["name"] for tunnel in world.simulator.tunnels(ACCOUNT_ID)]


def code(found: Live | Hindrance | None) -> str:
    assert isinstance(found, (Problem, NotSent))
    return found.code


def test_another_live_tunnel_keeps_it_away_unless_told_otherwise() -> None:
    world = World("lon")
    assert code(drive(survey(bench()), world.carry)) == "account-in-use"
    assert isinstance(drive(survey(bench(beside_live=True)), world.carry), Live)


@pytest.mark.parametrize("address", ["10.255.0.0/31", "10.255.0.6/31", "10.255.0.4/30"])
def test_a_network_that_a_live_tunnel_has_is_refused(address: str) -> None:
    world = World("lon", lon={"interface_address": address})
    assert code(drive(survey(bench(beside_live=True)), world.carry)) == "network-in-use"


def test_a_live_tunnel_with_an_address_that_can_not_be_read_may_be_anywhere() -> None:
    world = World()
    odd = live_tunnel({"id": "a1", **settings("lon"), "interface_address6": ["fd00::/127"]})
    world.instead[Verb.LIST, 0] = Answered(live=Live({"a1": odd}))
    assert code(drive(survey(bench(beside_live=True)), world.carry)) == "network-in-use"


def test_a_network_that_the_files_declare_is_refused() -> None:
    world = World()
    assert code(drive(survey(bench(declared=[IPv4Network("10.255.0.2/31")])), world.carry)) == "network-in-use"
    assert isinstance(drive(survey(bench(declared=[IPv4Network("10.255.0.8/31")])), world.carry), Live)


def test_what_an_earlier_run_left_elsewhere_is_named_with_the_way_to_remove_it() -> None:
    elsewhere = {"description": MARKER, "interface_address": "10.9.0.0/31"}
    world = World("reconciler-doctor-a", **{"reconciler-doctor-a": elsewhere})
    found = drive(survey(bench(beside_live=True)), world.carry)
    assert isinstance(found, Problem)
    assert (found.code, found.message) == (
        "scratch-left",
        "an earlier measurement left reconciler-doctor-a (10.9.0.0/31) outside 10.255.0.0/29",
    )


def test_only_a_tunnel_with_all_three_signs_is_removed() -> None:
    tunnels = {
        "reconciler-doctor-a": scratch(0),
        "reconciler-doctor-b": scratch(1, description="mine"),
        "reconciler-doctor-c": scratch(interface_address="10.9.0.0/31"),
        "lon": scratch(2),
        "reconciler-doctor-d": scratch(3, interface_address6="2606:54c1:7::/127"),
    }
    world = World(*tunnels, **tunnels)
    assert isinstance(drive(clear(bench()), world.carry), Live)
    assert left(world) == ["reconciler-doctor-b", "reconciler-doctor-c", "lon", "reconciler-doctor-d"]


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_create_whose_answer_is_lost_is_looked_for_and_never_repeated(lag: int) -> None:
    world, place = World(semantics=f"list_lag={lag}"), bench()
    world.after[Verb.CREATE, 0] = LOST
    assert drive(make(place, place.first), world.carry) is None
    assert (world.verbs.count("create"), left(world)) == (1, ["reconciler-doctor-x1-8"])
    assert place.known == {place.first.id: "reconciler-doctor-x1-8"}


def test_a_create_that_no_list_shows_is_not_repeated_either() -> None:
    world, place = World(), bench()
    world.instead[Verb.CREATE, 0] = LOST
    assert code(drive(make(place, place.first), world.carry)) == "scratch-not-listed"
    assert world.verbs == ["create", *["list"] * 6]


def test_a_create_that_is_refused_is_told_as_everywhere() -> None:
    world, place = World(), bench()
    place.endpoint = "nowhere"
    found = drive(make(place, place.second), world.carry)
    assert isinstance(found, Refused)
    assert (found.status, "cloudflare_endpoint" in found.errors[0].message, place.lost) == (400, True, set())


def made(world: World) -> Bench:
    place = bench()
    for tunnel in (place.first, place.second):
        assert drive(make(place, tunnel), world.carry) is None
    world.verbs.clear()
    return place


def test_a_delete_that_fails_is_sent_again_and_keeps_none_from_being_sent() -> None:
    world = World()
    place = made(world)
    world.instead[Verb.DELETE, 0] = LOST
    assert isinstance(drive(clear(place), world.carry), Live)
    assert world.verbs == ["list", "delete", "delete", "list", "delete", "list"]
    assert left(world) == []


def test_without_a_list_what_was_listed_before_is_removed_all_the_same() -> None:
    world = World()
    place = made(world)
    world.instead[Verb.LIST, 0] = Refused(200, (ApiError("list-untrusted", "two of one name"),))
    assert isinstance(drive(clear(place), world.carry), Live)
    assert (world.verbs, left(world)) == (["list", "delete", "delete", "list"], [])


def test_the_deadline_does_not_count_while_tunnels_are_removed() -> None:
    world = World()
    place = made(world)
    counts: list[bool] = []

    def carry(step: Step) -> tuple[Any, ...]:
        if isinstance(step, StopClock):
            counts.append(not step.stopped)
        return world.carry(step)

    drive(clear(place), carry)
    assert counts == [False, True]


def test_a_list_that_hides_the_tunnels_proves_nothing() -> None:
    world = World()
    place = made(world)
    world.instead[Verb.LIST, 0] = Answered(live=Live({}))
    assert isinstance(drive(clear(place), world.carry), Live)
    assert left(world) == []


def test_a_create_that_no_list_has_shown_yet_is_waited_for() -> None:
    world, place = World(semantics="list_lag=4"), bench()
    world.after[Verb.CREATE, 0] = LOST
    world.instead[Verb.LIST, 0] = NotSent("interrupted", "not sent")
    assert code(drive(make(place, place.first), world.carry)) == "interrupted"
    assert isinstance(drive(clear(place), world.carry), Live)
    assert left(world) == []


def test_a_tunnel_that_somebody_made_his_own_meanwhile_stays() -> None:
    world = World()
    place = made(world)
    kept = world.simulator.account(ACCOUNT_ID).tunnels[place.first.id]
    world.simulator.account(ACCOUNT_ID).keep({**kept, "description": "mine now"})
    assert isinstance(drive(clear(place), world.carry), Live)
    assert left(world) == ["reconciler-doctor-x1-8"]


def test_what_can_not_be_removed_is_named_with_what_to_do() -> None:
    world = World()
    place = made(world)
    denied = Denied(403, (ApiError("10000", "may not"),))
    world.instead |= {(Verb.DELETE, n): denied for n in range(2)}
    found = drive(clear(place), world.carry)
    assert found == Problem(
        "scratch-left",
        "there may still be reconciler-doctor-x1-5, reconciler-doctor-x1-8 in 10.255.0.0/29: may not",
        "Run it again with the same --network: it removes them first. Or delete them by hand, by their names.",
    )
    assert world.verbs == ["list", "delete", "delete"]
