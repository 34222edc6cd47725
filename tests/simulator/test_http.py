"""The HTTP server, driven by plain sockets and by the official SDK through every verb."""

import http.client
import json
import socket

import httpx
import pytest
from cloudflare import APIConnectionError, BadRequestError, Cloudflare, NotFoundError, PermissionDeniedError

from reconciler.simulator.faults import FaultKind, apply_fault
from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
PATH = f"/client/v4/accounts/{ACCOUNT}/magic/ipsec_tunnels"
WORD = "secret"
HEADERS = {"Authorization": f"Bearer {WORD}"}


@pytest.fixture
def server(request):
    simulator = Simulator(Semantics.parse(getattr(request, "param", "")))
    with LoopbackServer(simulator) as running:
        yield running, simulator


@pytest.fixture
def tunnels(server):
    with Cloudflare(api_token=WORD, base_url=server[0].base_url, max_retries=0) as client:
        yield client.magic_transit.ipsec_tunnels


def create(tunnels, name="lon-a", address="10.0.0.0/31", **fields):
    required = {"cloudflare_endpoint": "203.0.113.1", "interface_address": address, "name": name}
    return tunnels.create(account_id=ACCOUNT, **required, **fields)


def test_the_sdk_creates_lists_and_gets(tunnels):
    made = create(
        tunnels,
        customer_endpoint="198.51.100.10",
        bgp={"customer_asn": 65010, "extra_prefixes": ["10.9.0.0/16"], "md5_key": "k"},
        health_check={"rate": "high", "target": {"saved": "192.0.2.10"}},
        x_magic_new_hc_target=True,
    )
    assert made.bgp.customer_asn == 65010
    listed = tunnels.list(account_id=ACCOUNT, x_magic_new_hc_target=True).ipsec_tunnels
    assert [(tunnel.id, tunnel.health_check.target.saved) for tunnel in listed] == [(made.id, "192.0.2.10")]
    got = tunnels.get(made.id, account_id=ACCOUNT).ipsec_tunnel
    assert (got.name, got.health_check.target) == ("lon-a", "192.0.2.10")
    assert got.modified_on == made.modified_on


def test_the_sdk_updates_one(tunnels):
    made = create(tunnels, description="old")
    required = {"cloudflare_endpoint": "203.0.113.1", "interface_address": "10.0.0.0/31", "name": "lon-b"}
    answer = tunnels.update(made.id, account_id=ACCOUNT, **required, replay_protection=True)
    assert answer.modified is True
    assert answer.modified_ipsec_tunnel.name == "lon-b"
    assert answer.modified_ipsec_tunnel.description == "old"
    assert answer.modified_ipsec_tunnel.replay_protection is True


def test_the_sdk_updates_many(tunnels):
    ids = [create(tunnels, "a").id, create(tunnels, "b", "10.0.0.2/31").id]
    body = {"ipsec_tunnels": [{"id": tunnel_id, "description": "new"} for tunnel_id in ids]}
    answer = tunnels.bulk_update(account_id=ACCOUNT, body=body)
    assert answer.modified is True
    assert [tunnel.description for tunnel in answer.modified_ipsec_tunnels] == ["new", "new"]


def test_the_sdk_deletes(tunnels):
    made = create(tunnels)
    answer = tunnels.delete(made.id, account_id=ACCOUNT)
    assert (answer.deleted, answer.deleted_ipsec_tunnel.name) == (True, "lon-a")
    assert tunnels.list(account_id=ACCOUNT).ipsec_tunnels == []
    with pytest.raises(NotFoundError):
        tunnels.delete(made.id, account_id=ACCOUNT)


def test_the_sdk_generates_and_sets_keys(server, tunnels):
    made = create(tunnels)
    generated = tunnels.psk_generate(made.id, account_id=ACCOUNT)
    assert generated.ipsec_tunnel_id == made.id
    assert server[1].psks(ACCOUNT) == {made.id: generated.psk}
    done = tunnels.psk_set(account_id=ACCOUNT, psks=[{"id": made.id, "psk": "0123"}, {"id": "f" * 32, "psk": "x"}])
    assert done.successfully_applied_psks[made.id].psk == "0123"
    assert done.unapplied_psks.keys() == {"f" * 32}
    assert server[1].psks(ACCOUNT) == {made.id: "0123"}


def test_the_sdk_sees_refusals(tunnels):
    create(tunnels)
    with pytest.raises(BadRequestError) as refused:
        create(tunnels)
    assert [error.code for error in refused.value.errors] == [1022]


@pytest.mark.parametrize("server", ["tokens=secret:read"], indirect=True)
def test_the_sdk_sees_a_token_that_may_not_write(tunnels):
    with pytest.raises(PermissionDeniedError):
        create(tunnels)


def test_it_listens_on_loopback_only_and_keeps_connections(server):
    connection = http.client.HTTPConnection("127.0.0.1", server[0].port, timeout=5)
    try:
        for _ in range(3):
            connection.request("GET", f"/client/v4/accounts/{ACCOUNT}/magic/ipsec_tunnels", headers=HEADERS)
            socket = connection.sock
            reply = connection.getresponse()
            assert (reply.status, reply.version) == (200, 11)
            assert json.loads(reply.read())["success"] is True
            assert connection.sock is socket
        assert socket.getpeername()[0] == "127.0.0.1"
    finally:
        connection.close()


def test_a_body_that_is_too_long_is_not_read(server):
    connection = http.client.HTTPConnection("127.0.0.1", server[0].port, timeout=5)
    try:
        connection.putrequest("POST", "/")
        connection.putheader("content-length", str(10**9))
        connection.endheaders()
        reply = connection.getresponse()
        assert (reply.status, reply.headers["connection"]) == (413, "close")
    finally:
        connection.close()


def test_a_chunked_body_is_refused(server):
    reply = httpx.post(server[0].base_url, content=iter([b"{}"]))
    assert reply.status_code == 411


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.RESET_AFTER, httpx.RemoteProtocolError),
        (FaultKind.TRUNCATED, httpx.RemoteProtocolError),
        (FaultKind.GZIP_BOMB, None),
        (FaultKind.EMPTY_204, None),
    ],
)
def test_faults_travel_over_the_wire(kind, error):
    url = f"/accounts/{ACCOUNT}/magic/ipsec_tunnels"
    with (
        LoopbackServer(Simulator(), answer=lambda simulator, request: apply_fault(kind, simulator, request)) as running,
        httpx.Client(base_url=running.base_url, headers=HEADERS) as client,
    ):
        if error is None:
            assert client.get(url).status_code == (204 if kind is FaultKind.EMPTY_204 else 200)
        else:
            with pytest.raises(error):
                client.get(url)


def test_a_stopped_server_is_gone():
    with LoopbackServer(Simulator()) as running:
        url = running.base_url
    with Cloudflare(api_token=WORD, base_url=url, max_retries=0) as client, pytest.raises(APIConnectionError):
        client.magic_transit.ipsec_tunnels.list(account_id=ACCOUNT)


def test_a_port_can_be_used_again_at_once(server):
    with socket.create_connection(("127.0.0.1", server[0].port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 404")  # to the end: the server closed first
    server[0].shutdown()
    with LoopbackServer(Simulator(), server[0].port) as again:
        assert httpx.get(f"{again.base_url}/accounts/{ACCOUNT}/magic/ipsec_tunnels", headers=HEADERS).status_code == 200


def test_a_port_that_is_in_use_is_refused(server):
    with pytest.raises(OSError, match="in use"):
        LoopbackServer(Simulator(), server[0].port)


@pytest.mark.parametrize("method", ["PATCH", "FOO", "get", "OPTIONS", "TRACE"])
def test_an_unknown_method_is_answered_in_the_envelope(server, method):
    connection = http.client.HTTPConnection("127.0.0.1", server[0].port, timeout=5)
    try:
        connection.request(method, PATH, body=b"{}", headers=HEADERS)
        reply = connection.getresponse()
        answer = json.loads(reply.read())
        assert (reply.status, reply.headers["content-type"]) == (405, "application/json")
        assert answer["success"] is False
        assert answer["errors"] == [{"code": 7001, "message": f"method {method} is not allowed here"}]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET", 400),
        (b"GET / HTTP/x", 400),
        (b"GET / HTTP/2.0", 505),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1", 414),
    ],
)
def test_what_is_not_http_is_answered_in_the_envelope(server, request_line, status):
    with socket.create_connection(("127.0.0.1", server[0].port), timeout=5) as client:
        client.sendall(request_line + b"\r\n\r\n")
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert (json.loads(body)["success"], json.loads(body)["errors"][0]["code"]) == (False, 1022)
