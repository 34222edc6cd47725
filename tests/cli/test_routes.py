"""Static routes from one end to the other: when they are read, what is said of them, which delete they block."""

import json
import os
import signal

import pytest

from reconciler.simulator.message import Reply, Request, failure, ok
from reconciler.simulator.server import Simulator
from tests.cli.world import World, tunnel


@pytest.fixture
def estate(world: World) -> World:
    """Two tunnels as declared, a third that no file has, and a route through each of the last two."""
    world.live(tunnel(1), tunnel(2), tunnel(3))
    world.declare(tunnel(1), tunnel(2))
    world.route("10.66.0.0/16", "10.0.2.1")
    world.route("10.77.0.0/16", "10.0.3.1")
    return world


def test_an_unnamed_delete_of_a_tunnel_that_routes_use_is_blocked(estate: World) -> None:
    ran = estate.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, estate.calls) == (5, ["GET", "ROUTES"])
    assert [guard["code"] for guard in ran.account["guards"]] == ["routes-in-use"]
    assert ran.account["changes"][0]["routes"] == ["10.77.0.0/16"]
    assert ran.account["api_calls"]["routes"] == 1
    text = estate.run("plan").out
    assert "takes away the next hop of static routes to 10.77.0.0/16" in text
    assert "Blocked by 1 guard" in text


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_every_format_names_the_prefixes(estate: World, form: str) -> None:
    assert "next hop of static routes to 10.77.0.0/16" in estate.run("plan", "-o", form).out


def test_a_named_delete_goes_and_says_what_it_takes_away(estate: World) -> None:
    ran = estate.run("apply", "--auto-approve", "--allow-delete", "t003", "-o", "json")
    assert (ran.code, estate.calls) == (0, ["GET", "ROUTES", "DELETE", "GET"])
    assert [(c["name"], c["routes"], c["outcome"]) for c in ran.account["changes"]] == [
        ("t003", ["10.77.0.0/16"], "applied")
    ]
    assert ran.account["calls_made"] == {"list": 2, "routes": 1, "delete": 1}


def test_a_moved_interface_address_only_says_so(estate: World) -> None:
    estate.declare(tunnel(1), tunnel(2, interface_address="10.9.9.0/31"), tunnel(3))
    ran = estate.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, estate.calls) == (0, ["GET", "ROUTES", "PUT", "GET"])
    assert ran.account["changes"][0]["routes"] == ["10.66.0.0/16"]


@pytest.mark.parametrize("argv", [["plan"], ["apply", "--auto-approve"], ["drift"]], ids=" ".join)
def test_routes_are_not_read_for_a_change_that_takes_no_network(estate: World, argv: list[str]) -> None:
    estate.declare(tunnel(1, description="x", customer_endpoint="198.51.100.77"), tunnel(2), tunnel(3), tunnel(4))
    estate.run(*argv)
    assert "ROUTES" not in estate.calls


def test_drift_reads_no_routes(estate: World) -> None:
    ran = estate.run("drift", "-o", "json")
    assert (ran.code, estate.calls) == (2, ["GET"])
    assert "routes" not in ran.account["changes"][0]


def answering(reply: Reply) -> object:
    def answer(sim: Simulator, request: Request) -> Reply:
        if request.path.endswith("/routes"):
            sim.note(request, reply.status)
            return reply
        return sim.handle(request)

    return answer


PAGED = json.loads(ok({"routes": []}).body) | {"result_info": {"page": 1, "total_pages": 2}}
ROUTE = {"id": "1", "prefix": "10.77.0.0/16", "nexthop": "10.0.3.1"}


@pytest.mark.parametrize(
    ("reply", "why", "tries"),
    [
        (failure(403, 10000, "Authentication error"), "the token may not read them: Authentication error (10000)", 1),
        (failure(401, 10000, "Authentication error"), "the token may not read them: Authentication error (10000)", 1),
        (failure(404, 7003, "no route"), "no route (7003)", 1),
        (failure(500, 1000, "broken"), "HTTP 500 (http-500)", 2),
        (Reply(200, {}, b"<html>"), "the answer is not JSON (HTTP 200) (unreadable)", 2),
        (Reply(200, {}, json.dumps(PAGED).encode()), "the answer says that there is more than the 0 that it holds", 1),
        (ok({"routes": [ROUTE, ROUTE]}), "two routes have the same id (list-untrusted)", 1),
        (ok({"routes": [ROUTE | {"nexthop": 7}]}), "a route has no text as its prefix or nexthop", 1),
        (ok({}), "the answer holds no list of routes (list-untrusted)", 1),
        (Reply(307, {"location": "https://elsewhere.invalid"}, b""), "HTTP 307: a redirect", 1),
    ],
    ids=str,
)
def test_routes_that_can_not_be_read_fail_no_plan_and_the_plan_says_so(
    estate: World, reply: Reply, why: str, tries: int
) -> None:
    estate.answer = answering(reply)
    ran = estate.run("apply", "--auto-approve", "-o", "json")
    (note,) = ran.account["notes"]
    assert note.startswith(f"Static routes through t003 were not checked: {why}")
    assert note.endswith("Nobody named the delete of t003, so look first whether routes use it.")
    assert (ran.code, estate.calls) == (0, ["GET", *["ROUTES"] * tries, "DELETE", "GET"])


def test_no_routes_at_all_are_no_news(estate: World) -> None:
    estate.become(routes="null")
    ran = estate.run("plan", "-o", "json")
    assert (ran.code, estate.calls) == (0, ["GET", "ROUTES"])
    assert "notes" not in ran.account


def test_a_saved_plan_shows_the_prefixes_too(estate: World) -> None:
    estate.run("plan", "--out", "plan.json", "--allow-delete", "t003")
    (change,) = estate.bare("show", "--plan", "plan.json", "-o", "json").account["changes"]
    assert change["routes"] == ["10.77.0.0/16"]
    estate.route("10.78.0.0/16", "10.0.3.1")  # which changes neither what is done nor whether it may be
    assert estate.run("apply", "--plan", "plan.json", "--allow-delete", "t003").code == 0


def test_who_stops_the_run_while_routes_are_listed_has_stopped_it(estate: World) -> None:
    def stop(sim: Simulator, request: Request) -> Reply:
        if request.path.endswith("/routes"):
            os.kill(os.getpid(), signal.SIGINT)
        return sim.handle(request)

    estate.answer = stop
    ran = estate.run("apply", "--auto-approve", "--allow-delete", "t003", "-o", "json")
    assert (ran.code, estate.calls) == (8, ["GET", "ROUTES"])
    assert "t003" in estate.names()


def test_an_offline_plan_says_that_routes_were_not_checked(estate: World) -> None:
    estate.run("plan", "--save-live", "live.json")
    ran = estate.bare("plan", "--live", "live.json", "-o", "json")
    assert (ran.code, estate.calls) == (0, [])
    assert "were not checked: the plan was made offline" in ran.account["notes"][0]
    assert ran.account["api_calls"] == {"list": 2, "update": 0, "create": 0, "delete": 1, "routes": 1}


def test_a_saved_plan_stands_whatever_routes_there_are_and_its_guards_are_asked_anew(estate: World) -> None:
    estate.become(routes="absent")
    assert estate.run("plan", "--out", "plan.json").code == 0
    estate.become(routes="listed")
    ran = estate.run("apply", "--plan", "plan.json", "-o", "json")
    assert (ran.code, [guard["code"] for guard in ran.account["guards"]]) == (5, ["routes-in-use"])
    assert estate.run("apply", "--plan", "plan.json", "--allow-delete", "t003").code == 0
    assert "t003" not in estate.names()


def test_a_route_that_is_made_while_the_plan_waits_for_approval_blocks_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1))
    monkeypatch.setattr("reconciler.cli.apply.LIST_LASTS", -1.0)
    lists = []

    def answer(sim: Simulator, request: Request) -> Reply:
        lists.append(request.path)
        if len(lists) == 3:
            world.route("10.77.0.0/16", "10.0.2.1")
        return sim.handle(request)

    world.answer = answer
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, [guard["code"] for guard in ran.account["guards"]]) == (5, ["routes-in-use"])
    assert [path.rpartition("/")[2] for path in lists] == ["ipsec_tunnels", "routes", "routes", "ipsec_tunnels"]
    assert "t002" in world.names()
