import threading

import httpx
import pytest

from reconciler.simulator.faults import FaultKind, apply_fault
from reconciler.simulator.transport import SimulatorTransport

HEADERS = {"Authorization": "Bearer secret", "X-Magic-New-HC-Target": "true"}


def client(transport, world):
    url = f"https://api.example.com{world.path.removesuffix('/ipsec_tunnels')}"
    return httpx.Client(transport=transport, base_url=url, headers=HEADERS)


def test_httpx_talks_to_the_simulator(api):
    world = api()
    with client(SimulatorTransport(world.simulator), world) as http:
        made = http.post("/ipsec_tunnels", json=world.body(description="ü")).json()["result"]
        assert http.get(f"/ipsec_tunnels/{made['id']}").json()["result"]["ipsec_tunnel"]["description"] == "ü"
        assert http.delete(f"/ipsec_tunnels/{made['id']}", params={"validate_only": "true"}).status_code == 200
        assert http.get(f"/ipsec_tunnels/{made['id']}").status_code == 200
        assert http.get("/nothing").json()["errors"][0]["code"] == 7003


def test_threads_may_share_it(api):
    world = api()

    def add(number):
        assert http.post("/ipsec_tunnels", json=world.body(f"t{number}", number)).status_code == 200

    with client(SimulatorTransport(world.simulator), world) as http:
        threads = [threading.Thread(target=add, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(world.simulator.tunnels(world.account)) == 40


@pytest.mark.parametrize(
    ("kind", "error"), [(FaultKind.REFUSED, httpx.ConnectError), (FaultKind.RESET_AFTER, httpx.ReadError)]
)
def test_faults_become_errors_of_httpx(api, kind, error):
    world = api()
    transport = SimulatorTransport(world.simulator, lambda simulator, request: apply_fault(kind, simulator, request))
    with client(transport, world) as http, pytest.raises(error):
        http.get("/ipsec_tunnels")


def test_a_coded_body_is_decoded_only_when_read(api):
    world = api()
    transport = SimulatorTransport(
        world.simulator, lambda simulator, request: apply_fault(FaultKind.GZIP_BOMB, simulator, request)
    )
    with client(transport, world) as http, http.stream("GET", "/ipsec_tunnels") as reply:
        assert reply.headers["content-encoding"] == "gzip"
        assert sum(len(chunk) for chunk in reply.iter_raw()) < 100_000
