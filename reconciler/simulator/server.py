"""The simulated server: requests in, replies out, no I/O and no clock of its own."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from reconciler.simulator.account import Account, restored
from reconciler.simulator.checks import Json
from reconciler.simulator.message import RefusedError, Reply, Request, Route, decode, failure, ok, route
from reconciler.simulator.operations import HANDLERS, Call
from reconciler.simulator.semantics import DEFAULT, Semantics
from reconciler.simulator.tunnels import shown

FORMAT = 1
_FORM = "x-magic-new-hc-target"
_EPOCH = 1_767_225_600.0  # 2026-01-01, where the clock stands when none is given
_WRITES = frozenset({"create", "bulk", "update", "delete", "psk_generate", "psk_set"})


class LogEntry(NamedTuple):
    """One request as answered; `touched` holds the tunnel ids and names that it spoke of."""

    method: str
    path: str
    query: str
    status: int
    touched: tuple[str, ...]


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def _stopped_clock() -> float:
    return _EPOCH


class Limiter:
    """Counts calls per token in windows; the call over the limit blocks the token for one more window."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}
        self._blocked: dict[str, float] = {}

    def copy(self) -> "Limiter":
        """An independent copy."""
        twin = Limiter()
        twin._windows, twin._blocked = dict(self._windows), dict(self._blocked)
        return twin

    def admit(self, token: str, now: float, semantics: Semantics) -> tuple[dict[str, str], Reply | None]:
        """Count one call.

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
        until = self._blocked.get(token, now)  # until when the token is blocked; a time that is over does not count
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


class Simulator:
    """All accounts of a simulated API. Every account id exists and is empty at first.

    Not thread-safe: the transports hold a lock.

    Attributes:
        semantics: The switches.
        accounts: By id, those that were ever spoken of.
        log: Every request in order.
    """

    def __init__(self, semantics: Semantics = DEFAULT, now: Callable[[], float] = _stopped_clock) -> None:
        self.semantics = semantics
        self.log: list[LogEntry] = []
        self._now = now
        self.accounts: dict[str, Account] = {}
        self._limiter = Limiter()
        self._ids = 0
        self._reads = 0
        self._micros = 0

    def handle(self, request: Request) -> Reply:
        """Answer one request, as the API would."""
        token = request.headers.get("authorization", "")
        extra, reply = self._limiter.admit(token, self._now(), self.semantics)  # refused requests count as well
        touched: tuple[str, ...] = ()
        if reply is None:
            try:
                found = route(request.method, request.path)
                authorize(found.operation, request.headers, self.semantics)
                body = decode(request.body) if request.body else None
                touched = _named(found, body)
                reply = ok(HANDLERS[found.operation](self, self._call(found, request, body)))
            except RefusedError as refused:
                reply = failure(refused.status, refused.code, refused.message)
        self.note(request, reply.status, touched)
        reply.headers.update(extra)
        reply.headers["cf-ray"] = f"{len(self.log):016x}-SIM"
        return reply

    def handle_as_before(self, request: Request, account_id: str) -> Reply:
        """Answer one list request with the tunnels before the last write: a fault, a read that is stale."""
        account = self.account(account_id)
        account.stale.insert(0, (account.before, 1))
        return self.handle(request)

    def time(self) -> float:
        """The clock's time, seconds since the epoch."""
        return self._now()

    def note(self, request: Request, status: int, touched: tuple[str, ...] = ()) -> None:
        """Add a line to the log; faults that answer instead of the server use it too."""
        self.log.append(LogEntry(request.method, request.path, request.query, status, touched))

    def _call(self, found: Route, request: Request, body: Any) -> Call:
        account = self.account(found.account_id)
        query = parse_qsl(request.query, keep_blank_values=True)
        dry = _boolean("validate_only", [value for name, value in query if name == "validate_only"])
        object_form = _boolean(_FORM, [request.headers[_FORM]] if _FORM in request.headers else [])
        return Call(account, found.tunnel_id, body, object_form, dry)

    def account(self, account_id: str) -> Account:
        """The account, made empty when it was never spoken of."""
        account = self.accounts.get(account_id)
        if account is None:
            account = self.accounts[account_id] = Account()
        return account

    def new_id(self) -> str:
        """The next tunnel id: 32 hexadecimal digits that depend on the seed alone."""
        self._ids += 1
        return blake2b(f"{self.semantics.seed}:{self._ids}".encode(), digest_size=16).hexdigest()

    def moment(self, *, nanoseconds: bool = False) -> str:
        """The next timestamp, always later than the one before (API: trailing zeros are cut)."""
        self._micros = max(int(self._now() * 1_000_000), self._micros + 1)
        seconds, micros = divmod(self._micros, 1_000_000)
        text = _second(seconds)
        if nanoseconds:
            return f"{text}.{micros:06d}001Z"
        return f"{text}.{micros:06d}".rstrip("0").rstrip(".") + "Z"

    def rank(self, tunnel_id: str) -> bytes:
        """The sort key of a shuffled list, another one at each read."""
        return blake2b(f"{self.semantics.seed}:{self._reads}:{tunnel_id}".encode(), digest_size=8).digest()

    def count_read(self) -> None:
        """Count a list read, so that the next shuffle differs."""
        self._reads += 1

    def tunnels(self, account_id: str) -> list[Json]:
        """The tunnels as an answer with object targets would give them, in order of creation."""
        kept = self.account(account_id).tunnels.values()
        return [shown(tunnel, self.semantics, object_form=True) for tunnel in kept]

    def keys(self, account_id: str) -> dict[str, str]:
        """Tunnel id to pre-shared key, which no answer of the API ever shows."""
        return dict(self.account(account_id).keys)

    def created(self, account_id: str) -> dict[str, int]:
        """How often a create of each name took effect."""
        return dict(self.account(account_id).created)

    def deleted(self, account_id: str) -> dict[str, int]:
        """How often a delete of each name took effect."""
        return dict(self.account(account_id).deleted)

    def settle(self) -> None:
        """Make the present state the start of a story: no past for stale reads, no log, no counts."""
        self.log.clear()
        for account in self.accounts.values():
            account.settle()

    def clone(self) -> "Simulator":
        """An independent copy, log and counters included; cheap, since kept tunnels are shared."""
        twin = Simulator(self.semantics, self._now)
        twin.log = list(self.log)
        twin.accounts = {account_id: account.copy() for account_id, account in self.accounts.items()}
        twin._limiter = self._limiter.copy()
        twin._ids, twin._reads, twin._micros = self._ids, self._reads, self._micros
        return twin

    def snapshot(self) -> Json:
        """The state as a JSON-able value.

        It holds the pre-shared keys. Lagging views, rate limits and the log are not in it.
        """
        accounts = {account_id: account.snapshot() for account_id, account in self.accounts.items()}
        return {"format": FORMAT, "ids": self._ids, "micros": self._micros, "accounts": accounts}

    @classmethod
    def restore(
        cls,
        state: Any,
        semantics: Semantics = DEFAULT,
        now: Callable[[], float] = _stopped_clock,
    ) -> "Simulator":
        """The simulator of a snapshot.

        Raises:
            ValueError: Not a snapshot, or one of another format.
        """
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise ValueError("not a state of the simulator: unknown format")
        simulator = cls(semantics, now)
        try:
            simulator._ids, simulator._micros = int(state["ids"]), int(state["micros"])
            entries = state["accounts"].items()
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a state of the simulator: {error!r}") from None
        simulator.accounts = {account_id: restored(value, semantics) for account_id, value in entries}
        return simulator


Answer = Callable[[Simulator, Request], Reply]
"""What answers a request: `Simulator.handle`, or something in its place that adds faults or saves the state."""


def _boolean(name: str, values: list[str]) -> bool:
    """The value of an optional parameter: a client that means a dry run must never get a real one."""
    if values not in ([], ["true"], ["false"]):
        raise RefusedError(f'Invalid Request: "{name}" must be true or false, once')
    return values == ["true"]


def _named(found: Route, body: Any) -> tuple[str, ...]:
    """The ids and names that a request speaks of, whatever its body is: the log is written for refused ones too."""
    if found.tunnel_id:
        return (found.tunnel_id,)
    items = body
    if isinstance(body, dict):
        items = body.get("ipsec_tunnels", body.get("psks", [body]))
    if not isinstance(items, list):
        return ()
    spoken = (item.get("id") or item.get("name") for item in items if isinstance(item, dict))
    return tuple(text for text in spoken if isinstance(text, str))


def authorize(operation: str, headers: Mapping[str, str], semantics: Semantics) -> None:
    """Check the bearer token against the operation.

    Raises:
        RefusedError: 401 without a known token, 403 when the token may only read, both with code 10000.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    right = "write" if semantics.tokens is None else semantics.tokens.get(token)
    if scheme.lower() != "bearer" or not token.strip() or right is None:
        raise RefusedError("Authentication error", code=10000, status=401)
    if right != "write" and operation in _WRITES:
        raise RefusedError("Authentication error: the token may not write", code=10000, status=403)
