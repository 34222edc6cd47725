"""The simulated server: requests in, replies out, no I/O and no clock of its own."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from reconciler.simulator.account import Account, restored
from reconciler.simulator.calls import Call
from reconciler.simulator.checks import Json
from reconciler.simulator.limits import Limiter, authorize
from reconciler.simulator.message import RefusedError, Reply, Request, Route, decode, failure, ok, route
from reconciler.simulator.operations import HANDLERS
from reconciler.simulator.semantics import DEFAULT, Semantics
from reconciler.simulator.tunnels import shown

FORMAT = 1
_FORM = "x-magic-new-hc-target"
_EPOCH = 1_767_225_600.0


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


class Simulator:
    """All accounts of a simulated API. Every account id exists and is empty at first.

    Not thread-safe: the transports hold a lock.

    Attributes:
        semantics: The switches.
        log: Every request in order.
    """

    def __init__(self, semantics: Semantics = DEFAULT, now: Callable[[], float] = _stopped_clock) -> None:
        self.semantics = semantics
        self.log: list[LogEntry] = []
        self._now = now
        self._accounts: dict[str, Account] = {}
        self._limiter = Limiter()
        self._ids = 0
        self._reads = 0
        self._micros = 0

    def handle(self, request: Request) -> Reply:
        """Answers one request, as the API would."""
        token = request.headers.get("authorization", "")
        extra, reply = self._limiter.admit(token, self._now(), self.semantics)
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
        """Answers one list request with the state before the last write (a fault: a read that is stale)."""
        account = self.account(account_id)
        account.stale.insert(0, (account.before, 1))
        return self.handle(request)

    def time(self) -> float:
        """Returns the clock's time, seconds since the epoch."""
        return self._now()

    def note(self, request: Request, status: int, touched: tuple[str, ...] = ()) -> None:
        """Adds a line to the log; faults that answer instead of the server use it too."""
        self.log.append(LogEntry(request.method, request.path, request.query, status, touched))

    def _call(self, found: Route, request: Request, body: Any) -> Call:
        account = self.account(found.account_id)
        query = parse_qsl(request.query, keep_blank_values=True)
        dry = _boolean("validate_only", [value for name, value in query if name == "validate_only"])
        object_form = _boolean(_FORM, [request.headers[_FORM]] if _FORM in request.headers else [])
        return Call(account, found.tunnel_id, body, object_form, dry)

    def account(self, account_id: str) -> Account:
        """Returns the account, made empty when it was never spoken of."""
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = Account()
        return account

    def new_id(self) -> str:
        """Returns the next tunnel id: 32 hexadecimal digits that depend on the seed alone."""
        self._ids += 1
        return blake2b(f"{self.semantics.seed}:{self._ids}".encode(), digest_size=16).hexdigest()

    def moment(self, *, nanoseconds: bool = False) -> str:
        """Returns the next timestamp, always later than the one before (API: trailing zeros are cut)."""
        self._micros = max(int(self._now() * 1_000_000), self._micros + 1)
        seconds, micros = divmod(self._micros, 1_000_000)
        text = _second(seconds)
        if nanoseconds:
            return f"{text}.{micros:06d}001Z"
        return f"{text}.{micros:06d}".rstrip("0").rstrip(".") + "Z"

    def rank(self, tunnel_id: str) -> bytes:
        """Returns the sort key of a shuffled list, another one at each read."""
        return blake2b(f"{self.semantics.seed}:{self._reads}:{tunnel_id}".encode(), digest_size=8).digest()

    def count_read(self) -> None:
        """Counts a list read, so that the next shuffle differs."""
        self._reads += 1

    def tunnels(self, account_id: str) -> list[Json]:
        """Returns the tunnels as an answer with object targets would give them, in order of creation."""
        kept = self.account(account_id).tunnels.values()
        return [shown(tunnel, self.semantics, object_form=True) for tunnel in kept]

    def keys(self, account_id: str) -> dict[str, str]:
        """Returns tunnel id to pre-shared key, which no answer of the API ever shows."""
        return dict(self.account(account_id).keys)

    def created(self, account_id: str) -> dict[str, int]:
        """Returns how often a create of each name took effect."""
        return dict(self.account(account_id).created)

    def deleted(self, account_id: str) -> dict[str, int]:
        """Returns how often a delete of each name took effect."""
        return dict(self.account(account_id).deleted)

    def settle(self) -> None:
        """Makes the present state the start of a story: no past for stale reads, no log, no counts."""
        self.log.clear()
        for account in self._accounts.values():
            account.settle()

    def clone(self) -> "Simulator":
        """Returns an independent copy, log and counters included; cheap, since kept tunnels are shared."""
        twin = Simulator(self.semantics, self._now)
        twin.log = list(self.log)
        twin._accounts = {account_id: account.copy() for account_id, account in self._accounts.items()}
        twin._limiter = self._limiter.copy()
        twin._ids, twin._reads, twin._micros = self._ids, self._reads, self._micros
        return twin

    def snapshot(self) -> Json:
        """Returns the state as a JSON-able value.

        It holds the pre-shared keys. Lagging views, rate limits and the log are not in it.
        """
        accounts = {account_id: account.snapshot() for account_id, account in self._accounts.items()}
        return {"format": FORMAT, "ids": self._ids, "micros": self._micros, "accounts": accounts}

    @classmethod
    def restore(
        cls,
        state: Any,
        semantics: Semantics = DEFAULT,
        now: Callable[[], float] = _stopped_clock,
    ) -> "Simulator":
        """Returns the simulator of a snapshot.

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
        simulator._accounts = {account_id: restored(value, semantics) for account_id, value in entries}
        return simulator


Answer = Callable[[Simulator, Request], Reply]
"""What answers a request: `Simulator.handle`, or something in its place that adds faults or saves the state."""


def _boolean(name: str, values: list[str]) -> bool:
    """Returns the value of an optional parameter: a client that means a dry run must never get a real one."""
    if values not in ([], ["true"], ["false"]):
        raise RefusedError(f'Invalid Request: "{name}" must be true or false, once')
    return values == ["true"]


def _named(found: Route, body: Any) -> tuple[str, ...]:
    if found.tunnel_id:
        return (found.tunnel_id,)
    items = body
    if isinstance(body, dict):
        items = body.get("ipsec_tunnels", body.get("psks", [body]))
    if not isinstance(items, list):
        return ()
    spoken = (item.get("id") or item.get("name") for item in items if isinstance(item, dict))
    return tuple(text for text in spoken if isinstance(text, str))
