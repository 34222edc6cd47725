"""One call to its outcome: pacing, deadline, retries; over the network as over a virtual clock.

All that a call may have to wait for is decided here, and what waits is a `Port`: the battery's moves a clock in place
of sleeping. Calls of one token share an `Allowance` over threads and accounts, since Cloudflare counts by token.
"""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from reconciler.api.answers import WITHHELD, Quotes
from reconciler.api.call import (
    Ambiguous,
    Answered,
    Ask,
    Call,
    CallOutcome,
    Denied,
    NotSent,
    Pause,
    Probe,
    Probed,
    Said,
    Step,
    StopClock,
    Verb,
)
from reconciler.api.pace import Pacer
from reconciler.api.retry import next_delay, parse_retry_after
from reconciler.api.wire import Reply, Request, decode, decode_ask, encode, encode_ask
from reconciler.model.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")

READ_TIMEOUT = 30.0
"""Longest wait for one answer, in seconds."""

_LONGEST = 600.0
"""Seconds of silence, at most, that a call is put off for while no deadline counts: a server that asks for a day of it
would hold up a run that watches tunnels until somebody kills it."""

LeftAt = Callable[[float], float]
"""Seconds until the deadline, by the time that it is."""

_BUDGET = 200
"""Retries of a whole run. Where more are needed nothing works, and each would be one more call for a server in
trouble."""


class NotSentError(Exception):
    """The request surely did not reach the server. Its text is shown to users."""


class AmbiguousError(Exception):
    """The request may have reached the server, and there is no whole answer. Its text is shown to users."""


class Port(Protocol):
    """What carries requests out and keeps the time."""

    def send(self, request: Request, timeout: float) -> Reply:
        """The whole answer, within so many seconds; raises `NotSentError` or `AmbiguousError`."""

    def now(self) -> float:
        """Seconds of a monotonic clock."""

    def epoch(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float) -> None:
        """Wait so long, or less when the run is being stopped."""

    def random(self) -> float:
        """A random number in [0, 1)."""

    def stopping(self) -> bool:
        """Whether nothing more may be sent."""


class SecretAccess(NamedTuple):
    """How the edge gets at secrets.

    Attributes:
        reveal: Text of a key by account id and name: names are unique in an account, and accounts may share a token.
        wrap: Makes a secret of the text of a generated key.
        quotes: Tells whether a text holds a key or the token, in whatever spelling.
    """

    reveal: Callable[[str, str], str]
    wrap: Callable[[str], Any]
    quotes: Quotes


class Heard(NamedTuple):
    """What an answer says beside its body, for whoever looks at the way and not at the tunnels.

    Attributes:
        headers: Names in lower case.
        seconds: How long the answer took.
        epoch: When it was there, in seconds since 1970 by the clock of this machine.
    """

    headers: Mapping[str, str]
    seconds: float
    epoch: float


class Allowance:
    """What the calls of one token may do in one run, all together: pace, retry budget, deadline, refusal of the token.

    Args:
        deadline: In seconds of the port's monotonic clock.
        secrets: How to get at secrets.
        budget: Retries in the whole run.

    Attributes:
        denied: What refused the token, or everything; then no further call goes.
        heard: With the last answer; None before the first.
    """

    def __init__(self, deadline: float, secrets: SecretAccess, budget: int = _BUDGET) -> None:
        self.secrets = secrets
        self.denied: Denied | None = None
        self.heard: Heard | None = None
        self._deadline = deadline
        self._budget = budget
        self._pacer = Pacer()
        self._lock = Lock()

    def extend(self, seconds: float) -> None:
        """Put the deadline off (the time that an approval took does not count)."""
        with self._lock:
            self._deadline += seconds

    def left(self, now: float) -> float:
        """Seconds until the deadline."""
        with self._lock:
            return self._deadline - now

    def reserve(self, now: float) -> float:
        """Take a place for one call: 0 when it may go now, else the seconds to wait before asking again."""
        with self._lock:
            return self._pacer.reserve(now)

    def spend(self) -> bool:
        """Take one retry from the budget; False when it is used up."""
        with self._lock:
            self._budget -= 1
            return self._budget >= 0

    def lost(self) -> None:
        """A call that had a place got no answer."""
        with self._lock:
            self._pacer.lost()

    def note(self, reply: Reply, now: float, epoch: float) -> None:
        """Learn the pace from an answer; a `Retry-After` silences every call of the token."""
        silence = None
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            silence = parse_retry_after(reply.headers.get("retry-after"), epoch)
        with self._lock:
            self._pacer.note(reply.headers, now, epoch)
            if silence is not None:
                self._pacer.silence(silence, now)

    def silence(self, seconds: float, now: float) -> None:
        """Let no call of the token go for so long."""
        with self._lock:
            self._pacer.silence(seconds, now)


def _gate(allowance: Allowance, port: Port, left_at: LeftAt, last: NotSent | Ambiguous | None) -> NotSent | None:
    """Wait until the call may go, then None; or why it never may.

    Args:
        allowance: Of the token.
        port: Keeps the time.
        left_at: Seconds until the deadline, by the time that it is.
        last: What became of the try before, whose words are shown with ours.
    """
    because = "" if last is None else f"; before that: {last.message}"
    errors = () if last is None else last.errors
    while True:
        if allowance.denied is not None and allowance.denied.blocked:
            return NotSent("stopped", "not sent, since a proxy or firewall answers in Cloudflare's place")
        if allowance.denied is not None:
            return NotSent("auth-stopped", "not sent, since Cloudflare refused the token")
        if port.stopping():
            return NotSent("interrupted", "not sent, since the run is being stopped")
        left = left_at(port.now())
        if left <= 0:
            return NotSent(_used_up(last), f"not sent, since the time of the run is used up{because}", errors=errors)
        wait = allowance.reserve(port.now())
        if wait <= 0:
            return None
        if wait >= left:
            asked = f"the rate limit asks for {wait:.0f} s of silence and the run has {left:.0f} s left"
            return NotSent("rate-limited", f"not sent: {asked}{because}", errors=errors)
        port.sleep(wait)


def _used_up(last: NotSent | Ambiguous | None) -> str:
    """The code of a call that the run has no time left for. Where nothing could be reached, more time won't help."""
    return "unreachable" if last is not None and last.code == "unreachable" else "deadline"


def _send(request: Request, allowance: Allowance, port: Port, left: float) -> Reply | NotSent | Ambiguous:
    """Send it once."""
    timeout = min(READ_TIMEOUT, max(0.001, left))  # above zero, should the time just be used up
    asked = port.now()
    try:
        reply = port.send(request, timeout)
    except (NotSentError, AmbiguousError) as problem:
        allowance.lost()
        message = WITHHELD if allowance.secrets.quotes(str(problem)) else str(problem)
        unsent = isinstance(problem, NotSentError)
        return NotSent("unreachable", message) if unsent else Ambiguous("no-answer", message)
    allowance.heard = Heard(reply.headers, port.now() - asked, port.epoch())
    allowance.note(reply, port.now(), port.epoch())
    return reply


def ask(what: Ask, account_id: str, allowance: Allowance, port: Port, left_at: LeftAt) -> Said | NotSent | Ambiguous:
    """Carry one request out, once, and hand over what came back; for the arguments see `exchange`."""
    request = encode_ask(what, account_id)
    reply = _gate(allowance, port, left_at, None) or _send(request, allowance, port, left_at(port.now()))
    return decode_ask(reply) if isinstance(reply, Reply) else reply


def exchange(
    call: Call, account_id: str, allowance: Allowance, port: Port, left_at: LeftAt | None = None
) -> CallOutcome:
    """Carry one call out, as often as is safe, and say what became of it.

    Args:
        call: What to ask for.
        account_id: Whose tunnels.
        allowance: Shared by all calls of the token.
        port: Carries requests out and keeps the time.
        left_at: Seconds until the deadline, by the time that it is; the allowance's when left out.
    """
    left_at = left_at or allowance.left
    request = encode(call, account_id, partial(allowance.secrets.reveal, account_id))
    last: NotSent | Ambiguous | None = None
    attempt = 0
    while True:
        attempt += 1
        stopped = _gate(allowance, port, left_at, last)
        if stopped is not None:
            return stopped
        asked = port.now()
        reply = _send(request, allowance, port, left_at(asked))
        outcome = (
            decode(call, reply, allowance.secrets.wrap, allowance.secrets.quotes) if isinstance(reply, Reply) else reply
        )
        if isinstance(outcome, Answered) and outcome.live:
            outcome = outcome._replace(live=outcome.live._replace(asked=asked, at=port.now()))
        # A 403 on a dry run says that the token may only read, so whoever reads on can do so. And what it may do with
        # routes says nothing of tunnels.
        dry = call.validate_only and isinstance(outcome, Denied) and outcome.status == HTTPStatus.FORBIDDEN
        if isinstance(outcome, Denied) and not dry and call.verb is not Verb.ROUTES:
            allowance.denied = outcome
        if not isinstance(outcome, (NotSent, Ambiguous)):
            return outcome
        last = outcome
        delay = next_delay(call, last, attempt, port.random())
        if delay is None:
            return last
        # From here on it is safe to say that nothing was done: only such a try is repeated.
        if not allowance.spend():
            return NotSent("budget", f"{last.message}; the run's retries are used up", last.ray, last.errors)
        now = port.now()
        if last.code == "rate-limited":
            allowance.silence(delay, now)  # a longer one that was asked for stays; the gate waits
        elif delay >= left_at(now):
            return NotSent(_used_up(last), f"{last.message}; the time of the run is used up", last.ray, last.errors)
        else:
            port.sleep(delay)


class Deadline:
    """That of one account: the run's, put off by the time that did not count while tunnels were watched."""

    def __init__(self) -> None:
        self._off = 0.0
        self._stopped_at: float | None = None

    def stop(self, now: float, *, stopped: bool) -> None:
        """Stop it, or let it go on."""
        if self._stopped_at is not None:
            self._off += now - self._stopped_at
        self._stopped_at = now if stopped else None

    def left_for_call(self, allowance: Allowance, now: float) -> float:
        """Seconds that a call has. While the clock is stopped it may not wait for ever either."""
        return _LONGEST if self._stopped_at is not None else self.left(allowance, now)

    def left(self, allowance: Allowance, now: float) -> float:
        """Seconds until the account's deadline."""
        return inf if self._stopped_at is not None else allowance.left(now) + self._off


class Client:
    """One account's calls.

    Args:
        account_id: Whose tunnels.
        allowance: Shared by all accounts of the token.
        port: Shared by all accounts of the token.
        parallelism: Calls side by side at most.

    Attributes:
        watch: Told of each call that has ended, from the thread that made it.
        probe: Runs the account's probe of a tunnel, where it has one.
    """

    def __init__(self, account_id: str, allowance: Allowance, port: Port, parallelism: int) -> None:
        self._account_id = account_id
        self._allowance = allowance
        self._port = port
        self._parallelism = parallelism
        self._deadline = Deadline()
        self._pool: ThreadPoolExecutor | None = None
        self.watch: Callable[[Call, CallOutcome], None] | None = None
        self.probe: Callable[[tuple[str, Settings]], Probed] = lambda _: Probed(healthy=False)

    def run(self, step: Step) -> tuple[Any, ...]:
        """Carry a step out: the answers in the order of its calls or tunnels; none for any other step."""
        if isinstance(step, StopClock):
            self._deadline.stop(self._port.now(), stopped=step.stopped)
            return ()
        if isinstance(step, Pause):
            self._port.sleep(max(0.0, min(step.seconds, self._left(self._port.now()))))
            return ()
        if isinstance(step, Probe):
            return self._side_by_side(self.probe, step.tunnels)
        if isinstance(step, Ask):
            return (ask(step, self._account_id, self._allowance, self._port, self._left_for_call),)
        return self._side_by_side(self._call, step.calls)

    def _side_by_side(self, work: Callable[[T], R], items: tuple[T, ...]) -> tuple[R, ...]:
        if len(items) <= 1 or self._parallelism <= 1:
            return tuple(work(item) for item in items)
        if self._pool is None:  # late, since most runs make one call after the other
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._parallelism, "call")
        return tuple(self._pool.map(work, items))

    def _call(self, call: Call) -> CallOutcome:
        outcome = exchange(call, self._account_id, self._allowance, self._port, self._left_for_call)
        if self.watch is not None:
            self.watch(call, outcome)
        return outcome

    def _left_for_call(self, now: float) -> float:
        return self._deadline.left_for_call(self._allowance, now)

    def _left(self, now: float) -> float:
        return self._deadline.left(self._allowance, now)

    def close(self) -> None:
        """End the threads. The port stays open, since other accounts may use it."""
        if self._pool is not None:
            self._pool.shutdown()
