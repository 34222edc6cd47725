import contextlib
import gzip
import logging
import os
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from reconciler.api.exchange import AmbiguousError, NotSentError
from reconciler.api.http import BadProxyError, HttpPort
from reconciler.api.retry import parse_retry_after
from reconciler.api.wire import Reply, Request

GET = Request("GET", "/accounts/a/magic/ipsec_tunnels", {}, {"accept": "application/json"})
PUT = Request("PUT", "/x%2Fy", {"validate_only": "true"}, {"content-type": "application/json"}, b"{}")
BIG = gzip.compress(b"0" * (33 * 1024 * 1024), 1)


def answer(body=b"", status=b"200 OK", **headers):
    lines = [f"{name.replace('_', '-')}: {value}".encode() for name, value in headers.items()]
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *lines, b"", body])


def drip(text):
    return [text[i : i + 1] for i in range(len(text))]


def received(connection):
    """One request, with its body; empty when the test is over."""
    data = connection.recv(65536)
    while data and (b"\r\n\r\n" not in data or (b"content-length: 2" in data.lower() and not data.endswith(b"{}"))):
        data += connection.recv(65536)
    return data


class Server:
    """Answers each connection on loopback with the same pieces, 20 ms apart, and closes it."""

    def __init__(self, pieces, *, reset=False):
        self.pieces = pieces
        self.reset = reset
        self.requests = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            connection, _ = self.socket.accept()
            with connection:
                request = received(connection)
                if not request:
                    return
                self.requests.append(request)
                self._answer(connection)

    def _answer(self, connection):
        if self.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        try:
            for number, piece in enumerate(self.pieces):
                time.sleep(0.02 if number else 0)
                connection.sendall(piece)
        except OSError:
            return

    def close(self):
        socket.create_connection(self.socket.getsockname()).close()
        self.thread.join()
        self.socket.close()


@pytest.fixture
def serve():
    servers = []

    def start(*pieces, **options):
        servers.append(Server(pieces, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def send(url, request=GET, timeout=5.0, **options):
    port = HttpPort(url, "t0ken", 2, lambda: False, **options)
    try:
        return port.send(request, timeout)
    finally:
        port.close()


def test_an_answer_comes_back_whole(serve):
    server = serve(answer(b'{"a":1}', status=b"404 Not Found", CF_Ray="r1"))
    reply = send(server.url + "/v4", PUT)
    assert (reply.status, reply.headers["cf-ray"], reply.body) == (404, "r1", b'{"a":1}')
    head, body = server.requests[0].split(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"put /v4/x%2fy?validate_only=true http/1.1"
    assert body == b"{}"
    assert {b"authorization: bearer t0ken", b"accept-encoding: gzip", b"content-type: application/json"} <= set(lines)
    assert any(line.startswith(b"user-agent: reconciler/") for line in lines)


def test_a_compressed_answer_is_unpacked(serve):
    assert send(serve(answer(gzip.compress(b"{}"), Content_Encoding="GZIP")).url).body == b"{}"


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"nonsense\r\n\r\n"],
        [answer(b'{"a":1}')[:-3]],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}"],
        [answer(BIG, Content_Encoding="gzip")],
        [answer(gzip.compress(b"{}")[:-4], Content_Encoding="gzip")],
        [answer(gzip.compress(b"{}") + b"more", Content_Encoding="gzip")],
        [answer(b"{}", Content_Encoding="gzip")],
        [answer(b"{}", Content_Encoding="br")],
        [answer(b"0" * (32 * 1024 * 1024 + 1))],
    ],
    ids=["nothing", "no-http", "short", "chunk", "length", "bomb", "cut", "trailing", "plain", "br", "long"],
)
def test_an_answer_that_is_not_whole_is_ambiguous(serve, pieces):
    with pytest.raises(AmbiguousError):
        send(serve(*pieces).url)


def test_a_reset_is_ambiguous(serve):
    with pytest.raises(AmbiguousError):
        send(serve(b"HTTP/1.1 200 OK\r\n", reset=True).url)


@pytest.mark.parametrize(
    "pieces",
    [drip(answer(b"{}", X_Pad="x" * 100)), [answer(b" " * 100)[:-100], *drip(b" " * 100)]],
    ids=["head", "body"],
)
def test_a_drip_ends_with_the_time_of_the_answer(serve, pieces):
    with pytest.raises(AmbiguousError):
        send(serve(*pieces).url, timeout=0.15)


def test_of_two_waits_that_are_asked_for_both_arrive(serve):
    server = serve(answer(status=b"429 Too Many Requests", Retry_After="3", retry_after="30"))
    assert parse_retry_after(send(server.url).headers["retry-after"], 0.0) == 30


class Sink:
    """Takes one connection and reads a little of the request at a time, or nothing."""

    def __init__(self, size):
        self.size = size
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self._read)
        self.ended = threading.Event()
        self.thread.start()

    def _read(self):
        connection, _ = self.socket.accept()
        with connection, contextlib.suppress(ConnectionError):
            while not self.ended.wait(0.01):
                if self.size and not connection.recv(self.size):
                    return

    def close(self):
        self.ended.set()
        self.thread.join()
        self.socket.close()


@pytest.mark.parametrize("size", [0, 256 * 1024], ids=["nothing", "little"])
def test_the_time_of_the_answer_ends_an_upload_that_is_read_slowly(size):
    sink = Sink(size)
    request = Request("PUT", "/x", {}, {"content-type": "application/json"}, bytes(32 * 1024 * 1024))
    try:
        with pytest.raises(AmbiguousError, match="WriteTimeout"):
            send(sink.url, request, timeout=0.3)
    finally:
        sink.close()


def test_silence_is_ambiguous():
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(AmbiguousError):
        send(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.1)


def test_a_refused_connection_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(NotSentError):
        send(url)


@contextlib.contextmanager
def deaf_address(host):
    """A port of this address that takes no further connection and refuses none, as a network that leads nowhere."""
    with socket.create_server((host, 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):
            filler = waiting.enter_context(socket.socket())
            filler.settimeout(0.0)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()[1]


@pytest.fixture
def resolve(monkeypatch):
    """Lets the name `several.invalid` have these addresses, or this fault."""
    system = socket.getaddrinfo

    def to(*addresses, fault=None):
        def look_up(host, port, *args, **options):
            if host != "several.invalid":
                return system(host, port, *args, **options)
            if fault is not None:
                raise fault
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return to


def test_addresses_that_lead_nowhere_share_the_time_of_the_call(resolve):
    resolve("127.0.0.2", "127.0.0.1")
    with deaf_address("127.0.0.2") as port, socket.create_server(("127.0.0.1", port)) as live:
        live.settimeout(0.0)
        with pytest.raises(NotSentError, match="ConnectTimeout: the connection took too long"):
            send(f"http://several.invalid:{port}", timeout=0.2)
        with pytest.raises(BlockingIOError):
            live.accept()


def test_an_address_that_refuses_is_followed_by_the_next(serve, resolve):
    resolve("127.0.0.2", "127.0.0.1")
    server = serve(answer(b"{}"))
    assert send(server.url.replace("127.0.0.1", "several.invalid")).body == b"{}"


def test_a_name_that_takes_long_to_look_up_shares_the_time_of_the_call(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [over.wait(60)] * 0)
    with pytest.raises(NotSentError, match="ConnectTimeout: the name could not be looked up in time"):
        send("http://several.invalid:1", timeout=0.05)
    over.set()


LOOKS_UP = """
import socket, threading
from reconciler.api.http import HttpPort
from reconciler.api.wire import Request
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
try:
    HttpPort("https://several.invalid", "token", 1, lambda: False).send(Request("GET", "/", {}, {}), 0.05)
except Exception as problem:
    print(type(problem).__name__)
"""


def test_the_process_does_not_wait_for_a_late_look_up():
    ran = subprocess.run([sys.executable, "-c", LOOKS_UP], capture_output=True, text=True, timeout=120, check=True)  # noqa: S603
    assert ran.stdout == "NotSentError\n"


@pytest.mark.parametrize(
    "fault", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long"), None], ids=repr
)
def test_a_name_without_an_address_was_not_sent(resolve, fault):
    resolve(fault=fault)
    with pytest.raises(NotSentError, match="ConnectError"):
        send("http://several.invalid")


def test_a_redirect_is_returned_and_not_followed(serve):
    other = serve(answer(b"{}"))
    server = serve(answer(status=b"307 Temporary Redirect", Location=other.url))
    assert send(server.url, PUT).status == 307
    assert other.requests == []


def test_a_cookie_is_not_kept(serve):
    server = serve(answer(b"{}", Set_Cookie="a=b; Path=/", Connection="close"))
    port = HttpPort(server.url, "t0ken", 2, lambda: False)
    for _ in range(2):
        port.send(GET, 5.0)
    port.close()
    assert len(server.requests) == 2
    assert b"cookie" not in server.requests[1].lower()


def test_loopback_is_never_reached_through_a_proxy(serve, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert send(serve(answer(b"{}")).url).body == b"{}"


def test_a_proxy_that_refuses_means_not_sent(serve, monkeypatch):
    proxy = serve(answer(status=b"403 Forbidden"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(NotSentError):
        send("https://api.invalid")
    assert proxy.requests[0].startswith(b"CONNECT api.invalid:443")
    assert b"t0ken" not in proxy.requests[0]


@pytest.fixture
def proxies(monkeypatch):
    """Sets these variables and no other about proxies."""

    def only(**chosen):
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            monkeypatch.delenv(name)
        for name, value in chosen.items():
            monkeypatch.setenv(name, value)

    return only


@pytest.mark.parametrize(
    ("chosen", "variable"),
    [
        ({"HTTPS_PROXY": "socks5://127.0.0.1:9"}, "HTTPS_PROXY"),
        ({"https_proxy": "socks5h://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}, "https_proxy"),
        ({"ALL_PROXY": "ftp://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}, "ALL_PROXY"),
        ({"all_proxy": "http://127.0.0.1:port"}, "all_proxy"),
        ({"Https_Proxy": "http://[::1"}, "Https_Proxy"),
    ],
    ids=str,
)
def test_a_proxy_that_can_not_be_used_is_an_error_that_names_its_variable(proxies, chosen, variable):
    proxies(**chosen)
    with pytest.raises(BadProxyError) as bad:
        HttpPort("https://127.0.0.1:9", "t0ken", 1, lambda: False)
    assert bad.value.variable == variable


@pytest.mark.parametrize(
    "unused",
    [
        {"HTTP_PROXY": "socks5://127.0.0.1:9"},
        {"FTP_PROXY": "nonsense://"},
        {"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "api.invalid"},
        {"ALL_PROXY": "socks5://127.0.0.1:9", "no_proxy": "localhost, *"},
    ],
    ids=str,
)
def test_a_proxy_that_is_not_on_the_way_is_nobodys_business(proxies, unused):
    proxies(**unused)
    HttpPort("https://api.invalid", "t0ken", 1, lambda: False).close()


def test_the_proxy_for_https_is_used_and_told_its_password_alone(serve, proxies):
    proxy = serve(answer(status=b"407 Proxy Authentication Required"))
    proxies(HTTPS_PROXY=proxy.url.replace("//", "//user:p%40ss@"), ALL_PROXY="socks5://127.0.0.1:9")
    with pytest.raises(NotSentError, match=r"ProxyError: 407\)"):
        send("https://api.invalid")
    assert b"\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n" in proxy.requests[0]
    assert b"t0ken" not in proxy.requests[0]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (httpx.ConnectError, NotSentError),
        (httpx.ConnectTimeout, NotSentError),
        (httpx.PoolTimeout, NotSentError),
        (httpx.ProxyError, NotSentError),
        (httpx.UnsupportedProtocol, NotSentError),
        (httpx.LocalProtocolError, NotSentError),
        (httpx.ReadTimeout, AmbiguousError),
        (httpx.WriteTimeout, AmbiguousError),
        (httpx.ReadError, AmbiguousError),
        (httpx.WriteError, AmbiguousError),
        (httpx.CloseError, AmbiguousError),
        (httpx.RemoteProtocolError, AmbiguousError),
        (httpx.DecodingError, AmbiguousError),
        (OSError, AmbiguousError),
    ],
)
def test_every_fault_is_either_not_sent_or_ambiguous(fault, error):
    def fail(_):
        raise fault("boom")

    with pytest.raises(error, match=f"{fault.__name__}: boom"):
        send("https://api.invalid", transport=httpx.MockTransport(fail))


def test_a_transport_in_process_takes_the_place_of_the_network():
    made = httpx.MockTransport(lambda request: httpx.Response(200, text=request.url.path))
    reply = send("https://api.invalid/v4", transport=made)
    assert isinstance(reply, Reply)
    assert reply.body == b"/v4/accounts/a/magic/ipsec_tunnels"


@pytest.mark.parametrize("token", ["", "a b", "a\n", "a\r\nx: y", "tok\u00e9n"])
def test_a_token_that_can_not_be_one_is_refused_without_showing_it(token):
    with pytest.raises(ValueError, match="the API token holds") as caught:
        HttpPort("http://127.0.0.1", token, 1, lambda: False)
    assert "x: y" not in str(caught.value)


def test_the_libraries_log_nothing_of_a_call(serve, caplog):
    caplog.set_level(logging.DEBUG)
    send(serve(answer(b"{}")).url)
    assert caplog.records == []


def test_a_request_to_stop_ends_a_wait():
    port = HttpPort("http://127.0.0.1", "t0ken", 1, iter([False, True]).__next__)
    begun = time.monotonic()
    port.sleep(60.0)
    assert time.monotonic() - begun < 1.0
    port.close()


def test_no_tls_keys_are_written_whatever_the_environment_wants(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    HttpPort("https://127.0.0.1:1", "t0ken", 1, lambda: False).close()
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys")
    HttpPort("https://127.0.0.1:1", "t0ken", 1, lambda: False).close()
    assert list(tmp_path.iterdir()) == []
