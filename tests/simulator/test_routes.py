"""Static routes of the simulator: as much of them as a test of tunnels needs."""

import json
from typing import Any

import pytest

from reconciler.simulator.message import Request
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator

ROUTES = "/client/v4/accounts/023e105f4ecef8ad9ca31a8372d0c353/magic/routes"
ONE = {"prefix": "10.9.0.0/16", "nexthop": "10.20.0.1", "priority": 100, "description": "head office"}


def ask(simulator: Simulator, method: str, path: str = ROUTES, body: Any = None, token: str = "t") -> tuple[int, Any]:  # noqa: S107 - the simulator takes any
    sent = b"" if body is None else json.dumps(body).encode()
    reply = simulator.handle(Request(method, path, "", {"authorization": f"Bearer {token}"}, sent))
    return reply.status, json.loads(reply.body)


def test_a_route_is_made_listed_and_deleted():
    simulator = Simulator()
    assert ask(simulator, "GET")[1]["result"] == {"routes": []}
    status, made = ask(simulator, "POST", body=ONE)
    assert (status, {k: made["result"][k] for k in ONE}) == (200, ONE)
    assert ask(simulator, "GET")[1]["result"] == {"routes": [made["result"]]}
    assert ask(simulator, "DELETE", f"{ROUTES}/{made['result']['id']}")[1]["result"]["deleted"] is True
    assert ask(simulator, "GET")[1]["result"] == {"routes": []}
    assert ask(simulator, "DELETE", f"{ROUTES}/{made['result']['id']}")[0] == 404


@pytest.mark.parametrize("wrong", [{"prefix": "10.9.0.0"}, {"nexthop": "lon-a"}, {"priority": "100"}], ids=str)
def test_a_route_that_is_none_is_refused(wrong):
    simulator = Simulator()
    assert ask(simulator, "POST", body=ONE | wrong)[0] == 400
    assert ask(simulator, "GET")[1]["result"] == {"routes": []}


@pytest.mark.parametrize(
    ("switch", "status", "result"), [("null", 200, {"routes": None}), ("forbidden", 403, None), ("absent", 404, None)]
)
def test_a_switch_says_how_routes_are_listed(switch, status, result):
    found, envelope = ask(Simulator(Semantics.parse(f"routes={switch}")), "GET")
    assert (found, envelope["result"]) == (status, result)


def test_a_token_that_may_only_read_makes_no_route():
    simulator = Simulator(Semantics.parse("tokens=r:read"))
    assert ask(simulator, "GET", token="r")[0] == 200  # noqa: S106 - the simulator's own
    assert ask(simulator, "POST", body=ONE, token="r")[0] == 403  # noqa: S106


def test_routes_outlive_a_snapshot_and_a_state_without_them_is_read():
    simulator = Simulator()
    ask(simulator, "POST", body=ONE)
    state = simulator.snapshot()
    assert ask(Simulator.restore(state), "GET") == ask(simulator, "GET")
    for account in state["accounts"].values():
        del account["routes"]
    assert ask(Simulator.restore(state), "GET")[1]["result"] == {"routes": []}
