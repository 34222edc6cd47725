"""Carries the engine's steps out: one call, several side by side, or a pause."""

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

from reconciler.api.call import Call, Outcome, Pause, Step
from reconciler.api.exchange import Port, Session, exchange

CLOUDFLARE = "https://api.cloudflare.com/client/v4"
"""The API's base URL."""

_REMEDY = f"give an https URL such as {CLOUDFLARE}, or http on loopback"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _problem(url: SplitResult) -> str | None:
    if url.username is not None or url.password is not None:
        return "it holds a user name"
    if url.query or url.fragment:
        return "it holds a query or a fragment"
    if not url.hostname or url.port == 0:
        return "it names no host"
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.hostname)):
        return "it is neither https nor http on loopback"
    odd = "%" in url.path or {".", ".."} & set(url.path.split("/"))
    return "its path holds dots or percent signs" if odd else None


def check_base_url(text: str) -> str:
    """The base URL without a slash at its end.

    Raises:
        ValueError: It is not https (or http on loopback), or holds more than scheme, host, port and path. It says
            what to give instead, and does not repeat the URL, which may hold a password.
    """
    plain = text.isascii() and text.isprintable() and not set(text) & set(" \\?#")
    try:
        url = urlsplit(text)
        problem = _problem(url) if plain else "it holds characters that a base URL can't have"
    except ValueError:
        raise ValueError(f"the base URL can't be read: {_REMEDY}") from None
    if problem is not None:
        raise ValueError(f"the base URL is refused, since {problem}: {_REMEDY}")
    return f"{url.scheme}://{url.netloc.lower()}{url.path.rstrip('/')}"


class Client:
    """One account's calls.

    Args:
        account_id: Whose tunnels.
        session: Shared by all accounts of the token.
        port: Shared by all accounts of the token.
        parallelism: Calls side by side at most.
    """

    def __init__(self, account_id: str, session: Session, port: Port, parallelism: int) -> None:
        self._account_id = account_id
        self._session = session
        self._port = port
        self._parallelism = parallelism
        self._pool: ThreadPoolExecutor | None = None

    def run(self, step: Step) -> tuple[Outcome, ...]:
        """Carry a step out: the outcomes in the order of its calls; none for a pause."""
        if isinstance(step, Pause):
            self._port.sleep(max(0.0, min(step.seconds, self._session.left(self._port.now()))))
            return ()
        if len(step.calls) <= 1 or self._parallelism <= 1:
            return tuple(self._call(call) for call in step.calls)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._parallelism, "call")
        return tuple(self._pool.map(self._call, step.calls))

    def _call(self, call: Call) -> Outcome:
        return exchange(self._qualified(call), self._account_id, self._session, self._port)

    def _qualified(self, call: Call) -> Call:
        """Key names are tunnel names, unique only in their account, while accounts may share a session."""
        if not call.keys:
            return call
        return replace(call, keys={i: f"{self._account_id}/{name}" for i, name in call.keys.items()})

    def close(self) -> None:
        """End the threads. The port stays open, since other accounts may use it."""
        if self._pool is not None:
            self._pool.shutdown()
