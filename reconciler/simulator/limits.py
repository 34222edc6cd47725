"""Who may call, and how often."""

import math
from collections.abc import Mapping
from email.utils import formatdate

from reconciler.simulator.message import RefusedError, Reply, failure
from reconciler.simulator.semantics import Semantics

_WRITES = frozenset({"create", "bulk", "update", "delete", "psk_generate", "psk_set"})


def authorize(operation: str, headers: Mapping[str, str], semantics: Semantics) -> None:
    """Checks the bearer token against the operation.

    Raises:
        RefusedError: 401 without a known token, 403 when the token may only read, both with code 10000.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    right = "write" if semantics.tokens is None else semantics.tokens.get(token)
    if scheme.lower() != "bearer" or not token.strip() or right is None:
        raise RefusedError("Authentication error", code=10000, status=401)
    if right != "write" and operation in _WRITES:
        raise RefusedError("Authentication error: the token may not write", code=10000, status=403)


class Limiter:
    """Counts calls per token in windows; the call over the limit blocks the token for one more window."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}
        self._blocked: dict[str, float] = {}

    def copy(self) -> "Limiter":
        """Returns an independent copy."""
        twin = Limiter()
        twin._windows, twin._blocked = dict(self._windows), dict(self._blocked)
        return twin

    def admit(self, token: str, now: float, semantics: Semantics) -> tuple[dict[str, str], Reply | None]:
        """Counts one call.

        Args:
            token: Whose call it is.
            now: Seconds since the epoch.
            semantics: The limit and the form of `Retry-After`.

        Returns:
            The rate headers of the answer, and the 429 answer when the call is over the limit.
        """
        if semantics.rate_limit is None:
            return {}, None
        calls, seconds = semantics.rate_limit
        start, count = self._windows.get(token, (now, 0))
        if now >= start + seconds:
            start, count = now, 0
        count += 1
        self._windows[token] = (start, count)
        until = self._blocked.get(token, now)
        if count > calls and until <= now:
            until = self._blocked[token] = now + seconds
        reset = math.ceil(max(until, start + seconds) - now)
        headers = {
            "ratelimit": f'"default";r={max(0, calls - count) if until <= now else 0};t={reset}',
            "ratelimit-policy": f'"default";q={calls};w={seconds:g}',
        }
        return headers, _too_many(until, now, semantics) if until > now else None


def _too_many(until: float, now: float, semantics: Semantics) -> Reply:
    reply = failure(429, 10429, "Too many requests")
    if semantics.retry_after == "seconds":
        reply.headers["retry-after"] = str(math.ceil(until - now))
    elif semantics.retry_after == "date":
        reply.headers["retry-after"] = formatdate(math.ceil(until), usegmt=True)
    return reply
