"""Calls and their outcomes as values: the language between the apply engine and whatever carries calls out.

    Call(Verb.UPDATE, {"items": [{"id": "1f…", "name": "lon", …}]})

    Answered     the server did it                        a success that says so
    Refused      it did not, and said why                 400, 404, 409; a list that can't be trusted
    Denied       the token may not, or is wrong           401, 403
    NotSent      surely not carried out, for our reasons  no connection, time used up, interrupted
    Ambiguous    nobody knows                             a time-out, a 502, an answer that breaks off

The difference between the last two is the most important one here: what was surely not carried out can be sent again,
and what may have been can't (`engine`).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from reconciler.model.live import Live
from reconciler.model.problems import Problem, Reason
from reconciler.model.routes import Route
from reconciler.model.settings import Settings


class Verb(StrEnum):
    """The calls this program makes, one per endpoint.

    (API: no call creates or deletes several tunnels at once; `UPDATE` is the bulk update, `UPDATE_ONE` a PUT by id.)
    """

    LIST = "list"
    ROUTES = "routes"
    GET = "get"
    CREATE = "create"
    UPDATE = "update"
    UPDATE_ONE = "update_one"
    DELETE = "delete"
    SET_PSKS = "set_psks"
    GENERATE_PSK = "generate_psk"


READS = frozenset((Verb.LIST, Verb.GET, Verb.ROUTES))
"""The calls that change nothing; their answers are believed when they are whole and plain."""

_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Call(NamedTuple):
    """One call.

    Attributes:
        verb: Which endpoint.
        body: JSON object to send. CREATE: one tunnel without its key; UPDATE: a list under `items`, each with `id`;
            UPDATE_ONE: one tunnel; SET_PSKS: nothing (see `psks`); else empty.
        tunnel_id: For GET, UPDATE_ONE, DELETE, GENERATE_PSK.
        psks: Names of the pre-shared keys to put in: for CREATE `{"": name}`, for SET_PSKS `{tunnel_id: name}`.
            The edge looks the names up in its key ring, so that no key ever stands in a call.
        validate_only: Ask the server to check and not to persist.
    """

    verb: Verb
    body: Mapping[str, Any] = _EMPTY
    tunnel_id: str | None = None
    psks: Mapping[str, str] = _EMPTY
    validate_only: bool = False


UNKNOWN = "unknown"
"""Code of an error that has none."""


class ApiError(NamedTuple):
    """One thing that an answer says of a failure, or one of ours for an answer that says nothing.

    Attributes:
        code: Cloudflare's number, as text.
        message: Its words.
        remedy: What to do about it, where an error of ours knows that.
        documentation_url: Where it is explained.
        field: What it is about: the path of one of our fields, or the answer's pointer as it is.
    """

    code: str
    message: str
    remedy: str | None = None
    documentation_url: str | None = None
    field: str | None = None


class Answered(NamedTuple):
    """The server did it. What its answer says beside that stands in the fields of the call's verb.

    Attributes:
        live: LIST: the trusted tunnels; None when the list is null.
        routes: ROUTES: the static routes.
        tunnels: GET, UPDATE, UPDATE_ONE: tunnels as answered, by id.
        taken: SET_PSKS: by id, whether the tunnel has its key now. An id of which nothing is said is missing.
        psk: GENERATE_PSK: the key, as the secret that the edge makes of it.
        made_on: GENERATE_PSK: when it was made, in Cloudflare's words; empty when the answer does not say.
    """

    live: Live | None = None
    routes: tuple[Route, ...] = ()
    tunnels: Mapping[str, Any] = _EMPTY
    taken: Mapping[str, bool] = _EMPTY
    psk: Any = None
    made_on: str = ""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What an answer that says no has.

    Attributes:
        status: HTTP status.
        errors: All that was said: errors, what is chained to them, messages beside them. At least one.
        ray: Header `cf-ray`, or None.
    """

    status: int
    errors: tuple[ApiError, ...]
    ray: str | None = None


class Refused(_Refusal):
    """The server understood it and did not do it (4xx other than those below), or the list can't be trusted."""

    __slots__ = ()


class Denied(_Refusal):
    """401, 403 (but with a code that speaks of what was asked for), or an error about the token.

    The token is wrong or may not do this: all accounts of the token stop.

    So they do when somebody else than the API answers 403 (`blocked`): nothing would get through to it.
    """

    __slots__ = ()

    @property
    def blocked(self) -> bool:
        """Whether a proxy or firewall answered and not the API, which never says 403 without an error."""
        return self.errors[0].code == "http-403"


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """What a call has to which there is no answer to go by.

    Attributes:
        code: What happened, in a word or two.
        message: The same in a sentence, which quotes no secret.
        ray: Header `cf-ray` of the last answer, or None.
        errors: What the last answer said, if there was one.
    """

    code: str
    message: str
    ray: str | None = None
    errors: tuple[ApiError, ...] = ()


class NotSent(_Unanswered):
    """It surely was not carried out: connection refused, budget or deadline used up, 429 to the end, interrupted.

    Its code is `unreachable`, `rate-limited`, `deadline`, `interrupted`, `budget`, `auth-stopped` or `stopped`.
    """

    __slots__ = ()


class Ambiguous(_Unanswered):
    """It may or may not have been carried out: time-out, reset, 5xx, an unreadable answer."""

    __slots__ = ()


Failure = Refused | NotSent | Ambiguous | Denied
CallOutcome = Answered | Failure


class Send(NamedTuple):
    """The engine's step: carry these calls out, side by side if there are several."""

    calls: tuple[Call, ...]


class Ask(NamedTuple):
    """The engine's step: send this once, whatever it is, and hand over the answer as it came.

    To find out what the API does, one has to send what no `Call` may hold (null, a body in another shape) and to see
    what no outcome tells (a status, an order). It is answered by one `Said`, `NotSent` or `Ambiguous`.

    Attributes:
        verb: Which endpoint.
        body: JSON to send; it holds no key, since none could be looked for in the answer.
        tunnel_id: For GET, UPDATE_ONE, DELETE.
        validate_only: Ask the server to check and not to persist.
    """

    verb: Verb
    body: Any = None
    tunnel_id: str | None = None
    validate_only: bool = False


class Said(NamedTuple):
    """What came back, unjudged.

    Attributes:
        status: HTTP status.
        envelope: The JSON object in the body; empty when there is none that can be read.
    """

    status: int
    envelope: Mapping[str, Any] = _EMPTY


class Pause(NamedTuple):
    """The engine's step: wait this many seconds (answered by an empty tuple; shorter when the run is being stopped)."""

    seconds: float
    why: str


class StopClock(NamedTuple):
    """The engine's step: from now on time does not count against the run's deadline, or counts again.

    Who waits for tunnels to come up must be able to look at them to the end, and to take back what did harm.
    """

    stopped: bool


class Probe(NamedTuple):
    """The engine's step: ask the user's own program of each of these tunnels whether it carries traffic.

    Attributes:
        tunnels: Name and settings of each. It is answered by a `Probed` for each.
    """

    tunnels: tuple[tuple[str, Settings], ...]


class Probed(NamedTuple):
    """What a probe said of a tunnel.

    Attributes:
        healthy: Whether it carries traffic.
        said: Why not, with what the program printed, without secrets.
    """

    healthy: bool
    said: str = ""


Step = Send | Ask | Pause | StopClock | Probe

Carry = Callable[[Step], tuple[Any, ...]]
"""Carries a step out. A `Send` is answered by a `CallOutcome` for each call, an `Ask` by one answer, a `Probe` by a
`Probed` for each tunnel, any other by an empty tuple."""

S = TypeVar("S")
T = TypeVar("T")
Conversation = Generator[Step, tuple[Any, ...], T]
"""A conversation with the API as a generator: yields steps, is sent their outcomes, returns a value."""


def drive(protocol: Generator[S, Any, T], carry: Callable[[S], Any]) -> T:
    """Run a protocol to its end and return its result.

    Args:
        protocol: A conversation, or one that yields steps of its own beside calls (the rotation of keys).
        carry: Carries one step out: for a `Send` one outcome per call, for a `Pause` nothing.
    """
    try:
        step = next(protocol)
        while True:
            step = protocol.send(carry(step))
    except StopIteration as end:
        result: T = end.value
        return result


_ACCOUNT = "Check `account_id` in account.yaml, and --base-url: the API knows nothing at this address."
_TOKEN = "Check the token and its permission: Magic Transit or Magic WAN, read to plan, write to apply."  # noqa: S105
OF_THE_PATH = frozenset(("1012", "7000", "7003"))
"""Codes that speak of the account, or of a path that the API does not know: they say nothing of a tunnel."""

_MALFORMED = "Set the token again, and see that it was copied whole: it does not look like one to Cloudflare."
_REMEDIES = {
    "1012": "Is `account_id` right? Else ask Cloudflare to onboard the account to Magic Transit or Cloudflare WAN.",
    "1032": "Run plan again and look: somebody else deleted the tunnel meanwhile.",
    "6003": _MALFORMED,
    "6111": _MALFORMED,
    "7000": _ACCOUNT,
    "7003": _ACCOUNT,
}
"""What to do about a code of Cloudflare's. The others don't tell more than their message does."""
_NOT_THE_API = frozenset(f"http-{status}" for status in range(400, 500) if status not in (401, 413))
"""Codes of refusals without an error of the API in them. (401 and 413 are left out: Cloudflare's own front may answer
so to a call without a token, or with a body that is too large for it.)"""
_WHO = "A proxy or firewall answered, not the API: see what may be reached from here, and --base-url and HTTPS_PROXY."


def problem_of(outcome: CallOutcome, remedy: str | None = None) -> Problem:
    """Why a call did not do its work, in Cloudflare's words where there are some.

    Args:
        outcome: Of the call.
        remedy: What to do, where no code says it better.
    """
    if isinstance(outcome, Answered):
        return Problem("unclear-answer", "the answer doesn't say what was asked", remedy)
    codes = [error.code for error in outcome.errors]
    known = next((_REMEDIES[code] for code in codes if code in _REMEDIES), None)
    if known is None and codes and codes[0] in _NOT_THE_API:
        known = _WHO
    elif known is None and isinstance(outcome, Denied):
        known = _TOKEN
    remedy = known or remedy
    also = tuple(Reason(e.code, e.message, e.documentation_url, e.field) for e in outcome.errors)
    if isinstance(outcome, (NotSent, Ambiguous)):
        return Problem(outcome.code, outcome.message, remedy, outcome.ray, also=also)
    first = outcome.errors[0]
    remedy = remedy or first.remedy
    return Problem(first.code, first.message, remedy, outcome.ray, first.documentation_url, first.field, also=also[1:])


def unclear(outcome: CallOutcome) -> bool:
    """Whether only a list can tell if a write was done: there is no answer to believe, or it contradicts itself.

    A refusal in an answer whose status is a success does that. (API: nobody knows whether `modified: false` means that
    nothing was done or that nothing had to be done.)
    """
    contradictory = isinstance(outcome, Refused) and outcome.status // 100 == 2  # noqa: PLR2004 - the class of codes
    return contradictory or isinstance(outcome, Ambiguous)
