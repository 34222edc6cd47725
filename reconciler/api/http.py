"""Requests over the network: the one module that knows httpx. Slow to import, so it is imported late."""

import logging
import os
import random
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from reconciler import __version__
from reconciler.api.envelope import MAX_BODY
from reconciler.api.exchange import AmbiguousError, NotSentError
from reconciler.api.proxy import check_proxy, proxy_scheme
from reconciler.api.wire import Reply, Request

# httpx imports its own command line, with click, rich and pygments, wherever these are installed: a fifth of the start.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpx  # noqa: E402

_CONNECT_TIMEOUT = 10.0
_PIECE = 16 * 1024
_SLICE = 0.05
_GZIP = 16 + zlib.MAX_WBITS
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


class _Stream(httpcore.NetworkStream):
    """A stream that keeps to one end for all: httpx's own time-outs begin anew with every packet."""

    def __init__(self, inner: httpcore.NetworkStream, left: Callable[[], float]) -> None:
        self._inner = inner
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        late = httpcore.ReadTimeout("the answer took too long")
        return self._inner.read(max_bytes, _within(self._left(), timeout, late))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces: one large write has no end of its own where the other side takes a little at a time.
        late = httpcore.WriteTimeout("the request took too long")
        for start in range(0, len(buffer), _PIECE):
            self._inner.write(buffer[start : start + _PIECE], _within(self._left(), timeout, late))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = _within(self._left(), timeout, httpcore.ConnectTimeout("the connection took too long"))
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _within(left: float, timeout: float | None, late: Exception) -> float:
    if left <= 0:
        raise late
    return left if timeout is None else min(left, timeout)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, left: Callable[[], float]) -> None:
        self._inner = httpcore.SyncBackend()
        self._left = left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._left)


def _quiet() -> None:
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))  # their lines hold URLs and headers


def _tls(base_url: str) -> SSLContext:
    os.environ.pop("SSLKEYLOGFILE", None)  # Python would write there what opens every call, token and keys included
    if base_url.startswith("https:"):
        return httpx.create_ssl_context()
    return SSLContext(PROTOCOL_TLS_CLIENT)  # trusts nobody, and saves reading the certificates for plain loopback


def _proxy(base_url: str) -> httpx.Proxy | None:
    """The proxy that the environment names for the API, None to go there directly.

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


def _variable(scheme: str) -> str:
    # The lower-case spelling is preferred by getproxies too.
    names = sorted((name for name in os.environ if name.lower() == f"{scheme}_proxy"), reverse=True)
    return next((name for name in names if os.environ[name]), "the system's settings")


def _check_token(token: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("the API token holds characters that no token has; was it copied whole?")
    return token


def _gunzip(chunks: Iterable[bytes], limit: int) -> bytes:
    decoder = zlib.decompressobj(_GZIP)
    body = bytearray()
    for chunk in chunks:
        body += decoder.decompress(chunk, limit + 1 - len(body))
        _check_size(body, limit)
    if not decoder.eof or decoder.unused_data:
        raise AmbiguousError("the answer's compression is broken")
    return bytes(body)


def _check_size(body: bytearray, limit: int) -> None:
    if len(body) > limit:
        raise AmbiguousError("the answer is too long")


def _read(response: httpx.Response, limit: int) -> bytes:
    """The body, decoded, stopped at the limit: what unpacks to gigabytes is never unpacked."""
    if response.is_stream_consumed:  # made in process, whole
        return response.content
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "gzip":
        return _gunzip(response.iter_raw(), limit)
    if encoding != "identity":
        raise AmbiguousError("the answer has an unknown content encoding")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        _check_size(body, limit)
    return bytes(body)


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

    def __init__(
        self,
        base_url: str,
        token: str,
        parallelism: int,
        stopping: Callable[[], bool],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        _quiet()
        self._base_url = base_url
        self._stopping = stopping
        self._ends = threading.local()
        local = transport is not None or base_url.startswith("http:")
        self._client = httpx.Client(
            headers={
                "authorization": f"Bearer {_check_token(token)}",
                "user-agent": f"reconciler/{__version__}",
                "accept-encoding": "gzip",
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            verify=_tls(base_url),
            limits=httpx.Limits(max_connections=parallelism, max_keepalive_connections=parallelism),
            follow_redirects=False,
            proxy=None if local else _proxy(base_url),  # what stays on this machine needs none
            trust_env=False,
            transport=transport,
        )
        self._cap_time()

    def _cap_time(self) -> None:
        for transport in (self._client._transport, *self._client._mounts.values()):  # noqa: SLF001
            if isinstance(transport, httpx.HTTPTransport):
                # httpx has no public place for a backend; a test with dripping headers guards this line.
                transport._pool._network_backend = _Backend(self._left)  # noqa: SLF001

    def _left(self) -> float:
        return float(self._ends.at) - time.monotonic()

    def send(self, request: Request, timeout: float) -> Reply:
        """The whole answer within `timeout` seconds.

        Raises:
            NotSentError: No connection was made.
            AmbiguousError: No whole answer came.
        """
        self._ends.at = time.monotonic() + timeout
        try:
            return self._exchange(request, timeout)
        except _NOT_SENT as problem:
            raise NotSentError(f"no connection to Cloudflare ({_reason(problem)})") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, UnicodeError, zlib.error) as problem:
            raise AmbiguousError(f"no whole answer from Cloudflare ({_reason(problem)})") from None

    def _exchange(self, request: Request, timeout: float) -> Reply:
        with self._client.stream(
            request.method,
            self._base_url + request.path,
            params=dict(request.query) or None,
            headers=dict(request.headers),
            content=request.body or None,
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT)),
        ) as response:
            body = _read(response, MAX_BODY)
            return Reply(response.status_code, dict(response.headers), body)

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def epoch(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait, in slices, so that a request to stop ends it."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stopping():
            time.sleep(min(left, _SLICE))

    def random(self) -> float:
        """A random number in [0, 1)."""
        return random.random()  # noqa: S311

    def stopping(self) -> bool:
        """Whether nothing more may be sent."""
        return self._stopping()

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
