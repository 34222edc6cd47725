"""The simulated server: requests in, replies out, no I/O and no clock of its own."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from reconciler.simulator.account import Account
from reconciler.simulator.message import Json, RefusedError, Reply, Request, Route, decode, failure, ok, route
from reconciler.simulator.operations import HANDLERS, Call, Stamps
from reconciler.simulator.semantics import DEFAULT, Semantics

FORMAT = 1
_FORM = "x-magic-new-hc-target"
_EPOCH = 1_767_225_600.0  # 2026-01-01, where the clock stands when none is given
_WRITES = frozenset({"create", "bulk", "update", "delete", "psk_generate", "psk_set", "route_create", "route_delete"})


class LogEntry(NamedTuple):
    """One request as answered; `touched` holds the tunnel ids and names that it spoke of."""

    method: str
    path: str
    query: str
    status: int
    touched: tuple[str, ...]


class _Window(NamedTuple):
    """The calls of a token since `start`; the one over the limit blocks it `until` a window later."""

    start: float
    calls: int
    until: float


def _stopped_clock() -> float:
    return _EPOCH


class Simulator:
    """All accounts of a simulated API. Every account id exists and is empty at first.

    Not thread-safe: the transports hold a lock.

    Attributes:
        semantics: The switches.
        stamps: Ids and timestamps.
        accounts: By id, those that were ever spoken of.
        log: Every request in order.
    """

    def __init__(self, semantics: Semantics = DEFAULT, now: Callable[[], float] = _stopped_clock) -> None:
        self.semantics = semantics
        self.stamps = Stamps(semantics.seed, now)
        self.accounts: dict[str, Account] = defaultdict(Account)
        self.log: list[LogEntry] = []
        self._windows: dict[str, _Window] = {}

    def handle(self, request: Request) -> Reply:
        """Answer one request, as the API would."""
        extra, reply = self._admit(request.headers.get("authorization", ""))  # refused requests count as well
        touched: tuple[str, ...] = ()
        if reply is None:
            try:
                found = route(request.method, request.path)
                _authorize(found.operation, request.headers, self.semantics)
                body = decode(request.body) if request.body else None
                touched = _named(found, body)
                reply = ok(self._carry_out(found, request, body))
            except RefusedError as refused:
                reply = failure(refused.status, refused.code, refused.message)
        self.note(request, reply.status, touched)
        reply.headers.update(extra)
        reply.headers["cf-ray"] = f"{len(self.log):016x}-SIM"
        return reply

    def _admit(self, token: str) -> tuple[dict[str, str], Reply | None]:
        """Count one call: the rate headers of its answer, and the 429 answer when it is over the limit."""
        if self.semantics.rate_limit is None:
            return {}, None
        limit, seconds = self.semantics.rate_limit
        now = self.stamps.now()
        start, calls, until = self._windows.get(token, _Window(now, 0, now))
        if now >= start + seconds:
            start, calls = now, 0
        calls += 1
        if calls > limit and until <= now:
            until = now + seconds
        self._windows[token] = _Window(start, calls, until)
        blocked = until > now
        reset = math.ceil(max(until, start + seconds) - now)
        headers = {
            "ratelimit": f'"default";r={0 if blocked else limit - calls};t={reset}',
            "ratelimit-policy": f'"default";q={limit};w={seconds:g}',
        }
        if not blocked:
            return headers, None
        if self.semantics.retry_after == "seconds":
            headers["retry-after"] = str(math.ceil(until - now))
        elif self.semantics.retry_after == "date":
            headers["retry-after"] = formatdate(math.ceil(until), usegmt=True)
        return headers, failure(429, 10429, "Too many requests")

    def _carry_out(self, found: Route, request: Request, body: Any) -> Json:
        """The result of a request. A write works on a copy of the account, which a refusal or a dry run drops."""
        query = parse_qsl(request.query, keep_blank_values=True)
        dry = _boolean("validate_only", [value for name, value in query if name == "validate_only"])
        object_form = _boolean(_FORM, [request.headers[_FORM]] if _FORM in request.headers else [])
        if dry and found.operation == "psk_generate":  # what the API answers is unknown, and a key could be replaced
            raise RefusedError("Invalid Request: psk_generate cannot be validated only")
        writes = found.operation in _WRITES and not dry
        account = self.account(found.account_id)
        work = account.copy() if found.operation in _WRITES else account
        call = Call(work, found.tunnel_id, body, object_form, self.semantics, self.stamps)
        try:
            result = HANDLERS[found.operation](call)
        except RefusedError:
            if writes and found.operation == "bulk" and self.semantics.bulk == "prefix":
                account.become(work, self.semantics.list_lag)
            raise
        if writes:
            account.become(work, self.semantics.list_lag)
        return result

    def note(self, request: Request, status: int, touched: tuple[str, ...] = ()) -> None:
        """Add a line to the log; faults that answer instead of the server use it too."""
        self.log.append(LogEntry(request.method, request.path, request.query, status, touched))

    def account(self, account_id: str) -> Account:
        """The account; each exists, and is empty when it was never spoken of."""
        return self.accounts[account_id]

    def tunnels(self, account_id: str) -> list[Json]:
        """The tunnels as an answer with object targets would give them, in order of creation."""
        kept = self.account(account_id).tunnels.values()
        return [self.stamps.shown(tunnel, self.semantics, object_form=True) for tunnel in kept]

    def psks(self, account_id: str) -> dict[str, str]:
        """Tunnel id to pre-shared key, which no answer of the API ever shows."""
        return dict(self.account(account_id).psks)

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
        twin = Simulator(self.semantics)
        twin.stamps = replace(self.stamps)
        twin.accounts.update((account_id, account.copy()) for account_id, account in self.accounts.items())
        twin.log = list(self.log)
        twin._windows = dict(self._windows)
        return twin

    def snapshot(self) -> Json:
        """The state as a JSON-able value.

        It holds the pre-shared keys. Lagging views, rate limits and the log are not in it.
        """
        accounts = {account_id: account.snapshot() for account_id, account in self.accounts.items()}
        return {"format": FORMAT, "ids": self.stamps.ids, "micros": self.stamps.micros, "accounts": accounts}

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
            simulator.stamps.ids, simulator.stamps.micros = int(state["ids"]), int(state["micros"])
            simulator.accounts.update((name, Account.restore(value)) for name, value in state["accounts"].items())
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a state of the simulator: {error!r}") from None
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


def _authorize(operation: str, headers: Mapping[str, str], semantics: Semantics) -> None:
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
