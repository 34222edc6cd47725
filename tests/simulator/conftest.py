import json
from typing import Any

import pytest

from reconciler.simulator.message import Request
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
PATH = f"/client/v4/accounts/{ACCOUNT}/magic/ipsec_tunnels"


class Api:
    """A simulator and a way to call it with literal requests."""

    account = ACCOUNT
    path = PATH

    def __init__(self, switches: str) -> None:
        self.seconds = 1_800_000_000.0
        self.simulator = Simulator(Semantics.parse(switches), lambda: self.seconds)

    def call(self, method: str, tail: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        reply = self.raw(method, tail, b"" if body is None else json.dumps(body).encode(), **headers)
        return reply.status, json.loads(reply.body)

    def raw(self, method: str, tail: str = "", body: bytes = b"", **headers: str):
        path, _, query = tail.partition("?")
        sent = {"authorization": "Bearer secret", "x-magic-new-hc-target": "true"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.simulator.handle(Request(method, PATH + path, query, sent, body))

    def create(self, name: str = "lon-a", number: int = 0, **fields: Any) -> str:
        status, answer = self.call("POST", "", self.body(name, number, **fields))
        assert status == 200, answer
        result = answer["result"]
        return (result["ipsec_tunnels"][0] if "ipsec_tunnels" in result else result)["id"]

    def get(self, tunnel_id: str, **headers: str) -> Any:
        return self.call("GET", f"/{tunnel_id}", **headers)[1]["result"]["ipsec_tunnel"]

    def names(self) -> list[str]:
        return [tunnel["name"] for tunnel in self.call("GET")[1]["result"]["ipsec_tunnels"]]

    @staticmethod
    def body(name: str = "lon-a", number: int = 0, **fields: Any) -> dict[str, Any]:
        address = f"10.0.{number // 128}.{number % 128 * 2}/31"
        return {"name": name, "cloudflare_endpoint": "203.0.113.1", "interface_address": address} | fields


@pytest.fixture
def api():
    """Makes a simulated API from switches."""

    def make(switches: str = "") -> Api:
        return Api(switches)

    return make
