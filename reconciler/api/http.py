"""Requests over the network: the one module that knows httpx. Slow to import, so it is imported late.

httpx limits the wait for each packet and not the call, so an answer that comes a byte at a time would hold up a run for
as long as it likes. Here the time of a call is one span, from the look for a connection to the last byte of the answer:
httpcore (the connections beneath httpx) takes a network backend of ours, whose streams look at what is left of the span
before each read and write.
"""

import logging
import os
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from queue import Empty, SimpleQueue
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from reconciler import __version__
from reconciler.api.answers import MAX_BODY
from reconciler.api.exchange import AmbiguousError, NotSentError
from reconciler.api.proxy import check_proxy, proxy_scheme
from reconciler.api.wire import Reply, Request

_CONNECT_TIMEOUT = 10.0
_PIECE = 16 * 1024  # bytes of one write
_SLICE = 0.05  # seconds between looks at whether the run is being stopped
_GZIP = 16 + zlib.MAX_WBITS  # zlib's number for a gzip header
# What httpx raises before the first byte of a request has gone. After any other fault the server may have acted.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class BadProxyError(Exception):
    """The proxy that the environment names can't be used.

    Attributes:
        variable: Where it is named.
        why: What is wrong and what to do, without the proxy's URL.
    """

    def __init__(self, variable: str, why: str) -> None:
        super().__init__(variable, why)
        self.variable = variable
        self.why = why


class _Span(threading.local):
    """The time of the call that this thread makes. Connections outlive calls and serve any thread, so they ask here."""

    end = 0.0

    def left(self, timeout: float | None, late: Exception) -> float:
        """Seconds that one operation may take; raises `late` when the call's time is used up."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise late
        return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, span: _Span) -> None:
        self._inner = inner
        self._span = span

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        late = httpcore.ReadTimeout("the answer took too long")
        return self._inner.read(max_bytes, self._span.left(timeout, late))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces: one large write has no end of its own where the other side takes a little at a time.
        late = httpcore.WriteTimeout("the request took too long")
        for start in range(0, len(buffer), _PIECE):
            self._inner.write(buffer[start : start + _PIECE], self._span.left(timeout, late))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._span.left(timeout, httpcore.ConnectTimeout("the connection took too long"))
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._span)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _look_up(host: str, port: int, timeout: float, late: Exception) -> list[Any]:
    """The addresses of a host, as `getaddrinfo` gives them; raises `late` when it takes too long.

    Nothing can interrupt the system's look-up, so a thread asks, which is left behind when it is late: it keeps neither
    this call waiting nor, as a daemon, the end of the process.
    """
    answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as problem:
            answers.put(httpcore.ConnectError(str(problem)))

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        found = answers.get(timeout=timeout)
    except Empty:
        raise late from None
    if isinstance(found, Exception):
        raise found
    return found


class _Backend(httpcore.NetworkBackend):
    def __init__(self, span: _Span) -> None:
        self._inner = httpcore.SyncBackend()
        self._span = span

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first of the host's addresses that answers.

        The look-up and each address may take `timeout`, since the first address may be of a network that leads nowhere;
        all together may take what is left of the call.
        """
        late = httpcore.ConnectTimeout("the name could not be looked up in time")
        found = _look_up(host, port, self._span.left(timeout, late), late)
        failure: Exception = httpcore.ConnectError("the name has no address")
        for *_, address in found:
            left = self._span.left(timeout, httpcore.ConnectTimeout("the connection took too long"))
            try:
                stream = self._inner.connect_tcp(str(address[0]), port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as problem:
                failure = problem
            else:
                return _Stream(stream, self._span)
        raise failure


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Turn exceptions of httpcore into those of the same name that a transport of httpx has to raise."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as problem:
        raise getattr(httpx, type(problem).__name__)(str(problem)) from problem


def _read(response: httpcore.Response) -> bytes:
    """The body, decoded, stopped at the limit: what unpacks to gigabytes is never unpacked."""
    encodings = [value.strip().lower() for name, value in response.headers if name.lower() == b"content-encoding"]
    if encodings not in ([], [b"identity"], [b"gzip"]):
        raise AmbiguousError("the answer has an unknown content encoding")
    decoder = zlib.decompressobj(_GZIP) if encodings == [b"gzip"] else None
    body = bytearray()
    for chunk in response.iter_stream():
        body += decoder.decompress(chunk, MAX_BODY + 1 - len(body)) if decoder else chunk
        if len(body) > MAX_BODY:
            raise AmbiguousError("the answer is too long")
    if decoder and (not decoder.eof or decoder.unused_data):
        raise AmbiguousError("the answer's compression is broken")
    return bytes(body)


class _Transport(httpx.BaseTransport):
    """Calls over the network, each within the time that httpx gives for reading."""

    def __init__(self, tls: SSLContext, parallelism: int, proxy: httpx.Proxy | None) -> None:
        self._span = _Span()
        common: dict[str, Any] = {
            "ssl_context": tls,
            "max_connections": parallelism,
            "max_keepalive_connections": parallelism,
            "keepalive_expiry": 5.0,
            "network_backend": _Backend(self._span),
        }
        if proxy is None:
            self._pool = httpcore.ConnectionPool(**common)
        else:
            self._pool = httpcore.HTTPProxy(_url(proxy.url), proxy.raw_auth, **common)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._span.end = time.monotonic() + request.extensions["timeout"]["read"]
        content = request.stream
        assert isinstance(content, httpx.SyncByteStream)  # noqa: S101 - tells mypy what a synchronous client sends
        sent = httpcore.Request(
            request.method,
            _url(request.url),
            headers=request.headers.raw,
            content=content,
            extensions=request.extensions,
        )
        with _as_httpx():
            response = self._pool.handle_request(sent)
            try:
                body = _read(response)
            finally:
                response.close()
        headers = [(name, value) for name, value in response.headers if name.lower() != b"content-encoding"]
        return httpx.Response(response.status, headers=headers, content=body)

    def close(self) -> None:
        self._pool.close()


def _url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def proxy_for(base_url: str) -> httpx.Proxy | None:
    """The proxy that the environment names for the API, its URL without credentials; None to go there directly.

    Raises:
        BadProxyError: It can't be used.
    """
    found = getproxies()
    scheme = proxy_scheme(found)
    if scheme is None or proxy_bypass(urlsplit(base_url).hostname or ""):
        return None
    try:
        return httpx.Proxy(check_proxy(found[scheme]))
    except httpx.InvalidURL:
        raise BadProxyError(_variable(scheme), "It is not the URL of a proxy. Correct it, or unset it.") from None
    except ValueError as refused:
        raise BadProxyError(_variable(scheme), str(refused)) from None


def trusted() -> SSLContext:
    """The certificates that a server is proved by: those that the environment names, else those of certifi.

    Raises:
        OSError: They can't be read.
    """
    return httpx.create_ssl_context()


def _variable(scheme: str) -> str:
    # The lower-case spelling is preferred by getproxies too.
    names = sorted((name for name in os.environ if name.lower() == f"{scheme}_proxy"), reverse=True)
    return next((name for name in names if os.environ[name]), "the system's settings")


class HttpPort:
    """One token's way to the API, shared by its accounts and their threads; a `Port`.

    Args:
        base_url: As `check_base_url` returned it.
        token: The API token.
        parallelism: Connections at most.
        stopping: Whether the run is being stopped.
        transport: Replaces the network, for the simulator in process.

    Raises:
        ValueError: The token can't be one.
        BadProxyError: The environment names a proxy that can't be used.
    """

    now = staticmethod(time.monotonic)
    epoch = staticmethod(time.time)
    random = staticmethod(random.random)

    def __init__(
        self,
        base_url: str,
        token: str,
        parallelism: int,
        stopping: Callable[[], bool],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("the API token holds characters that no token has")
        for name in ("httpx", "httpcore"):
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))  # their lines hold URLs and headers
        os.environ.pop("SSLKEYLOGFILE", None)  # Python would write there what opens every call, token and keys included
        if transport is None and base_url.startswith("http:"):
            # What stays on this machine needs no proxy. A context that trusts nobody saves reading the certificates.
            transport = _Transport(SSLContext(PROTOCOL_TLS_CLIENT), parallelism, None)
        elif transport is None:
            transport = _Transport(trusted(), parallelism, proxy_for(base_url))
        self._base_url = base_url
        self.stopping = stopping
        self._client = httpx.Client(
            headers={
                "authorization": f"Bearer {token}",
                "user-agent": f"reconciler/{__version__}",
                "accept-encoding": "gzip",
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def send(self, request: Request, timeout: float) -> Reply:
        """The whole answer within `timeout` seconds.

        Raises:
            NotSentError: No connection was made.
            AmbiguousError: No whole answer came.
        """
        try:
            response = self._client.request(
                request.method,
                self._base_url + request.path,
                params=dict(request.query) or None,
                headers=dict(request.headers),
                content=request.body or None,
                timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT)),
            )
            return Reply(response.status_code, dict(response.headers), response.content)
        except _NOT_SENT as problem:
            raise NotSentError(f"no connection to Cloudflare ({_reason(problem)})") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, UnicodeError, zlib.error) as problem:
            raise AmbiguousError(f"no whole answer from Cloudflare ({_reason(problem)})") from None

    def sleep(self, seconds: float) -> None:
        """Wait, in slices, so that a request to stop ends it."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.stopping():
            time.sleep(min(left, _SLICE))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _reason(problem: Exception) -> str:
    """The kind of fault and the system's words for it, which hold neither headers nor bodies."""
    words = str(problem)[:200]
    if isinstance(problem, httpx.RemoteProtocolError):
        words = words.partition(":")[0]  # behind it the server is quoted, and it may quote what it was sent
    if isinstance(problem, httpx.ProxyError):
        words = words.partition(" ")[0]  # the status; the proxy's words behind it may quote its password
    return f"{type(problem).__name__}: {words}" if words else type(problem).__name__
