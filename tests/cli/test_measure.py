"""`doctor --measure` as a user runs it: asked for, measured, told, and nothing left behind."""

import json
import signal

import pytest

from reconciler.model.scratch import MARKER
from reconciler.simulator.message import Reply, Request, failure
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests.cli.test_signals import Gate, stopped
from tests.cli.world import Ran, World, tunnel

NETWORK = "10.255.0.0/29"
MEASURE = ("doctor", "--measure", "--account", "prod", "--network", NETWORK)
SCRATCH = {"name": "reconciler-doctor-old", "interface_address": "10.255.0.2/31", "description": f"{MARKER} 7"}


@pytest.fixture
def empty(world: World) -> World:
    world.declare(tunnel(1))
    return world


def seen(ran: Ran) -> dict[str, str | None]:
    return {one["switch"]: one["seen"] for one in ran.account["behaviours"]}


def test_nothing_is_written_unless_somebody_approves(empty: World) -> None:
    ran = empty.run(*MEASURE)
    assert (ran.code, empty.calls) == (5, ["GET"])
    assert ran.err == ""
    assert next(line for line in ran.out.splitlines() if line.startswith("  note: Calls")) == (
        "  note: Calls, at most, if all are answered: 60 lists, 1 route list, 60 tunnel reads, 20 bulk updates, "
        "45 single updates, 2 creates, 8 deletes."
    )


def test_what_was_seen_makes_the_same_server(empty: World) -> None:
    switches = {"bulk": "sequential", "single_put": "replace", "unset_text": "null", "order": "name", "list_lag": 1}
    empty.become(**switches)
    ran = empty.run(*MEASURE, "--auto-approve", "--json")
    assert (ran.code, ran.json["outcome"], empty.names()) == (0, "ok", {})
    assert Semantics.parse(ran.account["semantics"]) == Semantics(**switches)
    assert {b["switch"] for b in ran.account["behaviours"] if b["differs"]} == set(switches)
    assert (seen(ran)["bulk_limit"], seen(ran)["seed"], seen(ran)["names"]) == (None, None, "as_sent")
    assert ran.account["calls_made"]["create"] == 2


def test_the_text_shows_what_is_not_as_assumed_with_how_the_program_copes(empty: World) -> None:
    empty.become(bulk="prefix")
    lines = empty.run(*MEASURE, "--auto-approve").out.splitlines()
    at = next(n for n, line in enumerate(lines) if "prefix" in line)
    assert lines[at - 1 : at + 2] == [
        "    conflict_status      400             400",
        "  ! bulk                 prefix          atomic",
        "      Whether a bulk PUT is judged as a whole or item by item. A swap goes in one call, or else by a detour.",
    ]
    assert "    bulk_limit           undecided       0" in lines
    assert any(
        line.startswith("  the same server: reconciler simulate --semantics 'empty_list=list,") for line in lines
    )
    assert lines[-1] == "Doctor: 30 of 32 behaviours measured, 1 not as assumed; the scratch tunnels are gone."


def test_an_account_with_other_tunnels_is_left_alone_unless_told_otherwise(empty: World) -> None:
    empty.live(tunnel(1), SCRATCH | {"cloudflare_endpoint": "203.0.113.1"})
    before = dict(empty.names())
    ran = empty.run(*MEASURE, "--auto-approve", "--json")
    assert (ran.code, ran.account["error"]["code"], empty.names(), empty.calls) == (
        1,
        "account-in-use",
        before,
        ["GET"],
    )
    ran = empty.run(*MEASURE, "--auto-approve", "--beside-live", "--json")
    assert (ran.code, empty.names()) == (0, {"t001": before["t001"]})
    assert [body for body in empty.bodies if before["t001"] in json.dumps(body)] == []


def test_a_network_that_the_files_declare_is_refused(empty: World) -> None:
    empty.declare(tunnel(2, interface_address="10.255.0.4/31"))
    ran = empty.run(*MEASURE, "--auto-approve", "--json")
    assert (ran.code, ran.account["error"]["code"]) == (1, "network-in-use")
    assert ran.account["error"]["message"] == "the files declare 10.255.0.4/31, which has addresses in 10.255.0.0/29"
    assert empty.run(*MEASURE, "--auto-approve").out.splitlines()[-1] == (
        "Doctor failed: the measurement is not complete, for the reason above."
    )


def test_cloudflares_address_is_the_declared_one_or_must_be_given(world: World) -> None:
    world.account("prod")
    world.write("tunnels/prod/a.yaml", "tunnels: []\n")
    ran = world.run(*MEASURE, "--auto-approve")
    assert (ran.code, ran.err) == (
        64,
        "reconciler: give --endpoint IP, an address of Cloudflare's for this account: the files declare none\n",
    )
    assert world.run(*MEASURE, "--auto-approve", "--endpoint", "203.0.113.9").code == 0
    assert {body["cloudflare_endpoint"] for body in world.bodies if body and "name" in body} == {"203.0.113.9"}


def test_a_paused_account_is_not_measured(empty: World) -> None:
    empty.account("prod", paused={"reason": "freeze"})
    assert (empty.run(*MEASURE, "--auto-approve").code, empty.calls) == (5, [])


def test_a_token_that_may_only_read_is_told(empty: World) -> None:
    empty.become(tokens={"simulated-token-for-tests": "read"})
    ran = empty.run(*MEASURE, "--auto-approve", "--json")
    assert (ran.code, ran.account["outcome"], empty.names()) == (9, "auth", {})


def test_each_call_is_logged(empty: World) -> None:
    ran = empty.run(*MEASURE, "--auto-approve", "-v", "--log-format", "json")
    calls = [line for line in map(json.loads, ran.err.splitlines()) if line["event"] == "call"]
    assert len(calls) == len(empty.calls)
    assert {(line["call"], line["outcome"], line["status"]) for line in calls if "status" in line} >= {
        ("update_one", "said", 200),
        ("update_one", "said", 400),
    }


@pytest.mark.parametrize(
    ("method", "number"), [("POST", signal.SIGINT), ("PUT", signal.SIGINT), ("PUT", signal.SIGHUP)]
)
def test_who_stops_it_is_obeyed_once_nothing_is_left(empty: World, method: str, number: int) -> None:
    gate = Gate(method)
    code, out, err = stopped(empty, gate, number, *MEASURE, "--auto-approve", "--json", "-o", "text=said")
    assert (code, json.loads(out)["outcome"], empty.names()) == (8, "interrupted", {})
    assert "the scratch tunnels are removed" in err
    assert empty.read("said").splitlines()[-1] == "Doctor interrupted: it is not complete."
    assert empty.calls.count("PUT") == (method == "PUT")


class AtTheEnd(Gate):
    """Waits with the first list after the last experiment: the one that the tunnels are removed by."""

    def __init__(self) -> None:
        super().__init__("PUT, which it is not until")

    def __call__(self, sim: Simulator, request: Request) -> Reply:
        reply: Reply = super().__call__(sim, request)
        if request.path.endswith("/routes"):
            self.method = "GET"
        return reply


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_stops_it_while_the_tunnels_are_removed_does_not_keep_them(empty: World, number: int) -> None:
    code, out, _ = stopped(empty, AtTheEnd(), number, *MEASURE, "--auto-approve")
    assert (code, empty.names(), "scratch-left" in out) == (8, {}, False)
    assert out.splitlines()[-1] == "Doctor interrupted: it is not complete."


def test_after_the_deadline_the_tunnels_are_removed_all_the_same(empty: World) -> None:
    empty.become(list_lag=1)  # so that it waits for a second
    ran = empty.run(*MEASURE, "--auto-approve", "--json", "--timeout", "1")
    assert (ran.code, ran.account["error"]["code"], empty.names()) == (1, "deadline", {})


def test_what_can_not_be_removed_is_told_and_removed_by_the_next_run(empty: World) -> None:
    def no_deletes(sim: Simulator, request: Request) -> Reply:
        return failure(403, 10000, "may not") if request.method == "DELETE" else sim.handle(request)

    empty.answer = no_deletes
    ran = empty.run(*MEASURE, "--auto-approve", "--json")
    error = ran.account["error"]
    assert (ran.code, error["code"], len(empty.names())) == (1, "scratch-left", 2)
    assert all(name in error["message"] for name in empty.names())
    empty.answer = Simulator.handle
    leftovers = empty.run("doctor", "--json").account["checks"][-1]
    assert (leftovers["name"], leftovers["severity"]) == ("leftovers", "warning")
    assert empty.run(*MEASURE, "--auto-approve").code == 0
    assert empty.names() == {}
