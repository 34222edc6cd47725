"""Calls to HTTP requests and HTTP replies to outcomes; pure, so it serves network and simulator alike.

    Call(DELETE, tunnel_id="1f…")  ->  DELETE /accounts/…/magic/ipsec_tunnels/1f…    {}
    200 {"success": true, "result": {"deleted": true, …}}  ->  Answered()
    502                                                    ->  Ambiguous("http-502"): it may have been carried out

In doubt a reply is read so that nothing is taken for done or for refused that may be otherwise.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from reconciler.api.answers import (
    UNTRUSTED,
    Quotes,
    UnreadableError,
    Wrap,
    open_envelope,
    result_of,
    said,
    unsuccessful,
)
from reconciler.api.call import (
    OF_THE_PATH,
    READS,
    Ambiguous,
    Answered,
    ApiError,
    Ask,
    Call,
    CallOutcome,
    Denied,
    NotSent,
    Refused,
    Said,
    Verb,
)
from reconciler.model.kind import IPSEC_TUNNEL
from reconciler.model.live import ListUntrusted

_HIDDEN = "the list is not whole, and what it says is withheld, since it may hold a secret"
_MAYBE_DONE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}  # 4xx, and yet no refusal
_TOKEN_REFUSED = {"1025", "6003", "9109", "10000"}
"""Codes that speak of the token and not of what was asked for. (API: 10000 is the authentication error and 1025 a token
that may not use Magic WAN; a malformed Authorization header is 6003, an invalid token 9109. The status may be 400.)"""
_OF_WHAT_WAS_ASKED = {"1022", "1032", *OF_THE_PATH}
"""Codes that speak of what was asked for: a 403 with one of them is no word on the token. (API: account not onboarded,
invalid request, no such tunnel, no such route. No source says which status they come with.)"""
# (API: the largest body and the number of its items are not documented, nor how too many are refused. A gateway answers
# 413; these are words that the API might use.)
_TOO_LARGE = (
    r"(?is)(request|body|payload|entity)\b.{0,60}\b(too (large|big|long)|exceeds)"
    r"|too many (ipsec )?(tunnels|items|psks)|too large a (request|body|payload)"
)
_RAY = re.compile(r"[0-9a-f]{8,32}(-[A-Z]{3,4})?")


_METHODS = {**dict.fromkeys(READS, "GET"), Verb.UPDATE: "PUT", Verb.UPDATE_ONE: "PUT", Verb.DELETE: "DELETE"}
"""HTTP's method of a call; POST where nothing stands here."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request without host and credentials.

    Attributes:
        path: Below the base URL, percent-encoded, beginning with a slash.
        headers: Names in lower case.
        body: Hidden in the representation, since it may hold keys.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer.

    Attributes:
        headers: Names in lower case.
        body: Decoded (no content encoding); hidden in the representation, since it may hold keys.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


def encode(call: Call, account_id: str, reveal: Callable[[str], str]) -> Request:
    """The request for a call.

    Args:
        call: What to ask for.
        account_id: Whose tunnels.
        reveal: Gives the text of a key by its name.

    Raises:
        ValueError: An id is missing, or the body can't be written as JSON.
    """
    body: dict[str, Any] = {}
    match call.verb:
        case Verb.CREATE:
            body = dict(call.body)
            for name in call.psks.values():  # one at most
                body["psk"] = reveal(name)
        case Verb.UPDATE:  # (API: the body is undocumented; all evidence points to this wrapper.)
            body = {IPSEC_TUNNEL.collection: list(call.body["items"])}
        case Verb.UPDATE_ONE:
            body = dict(call.body)
        case Verb.SET_PSKS:
            body = {"psks": [{"id": i, "psk": reveal(name)} for i, name in call.psks.items()]}
        case Verb.LIST | Verb.ROUTES | Verb.GET | Verb.DELETE | Verb.GENERATE_PSK:
            pass  # (API: DELETE and psk_generate have a required body that may be empty.)
    return encode_ask(Ask(call.verb, body, call.tunnel_id, call.validate_only), account_id)


def encode_ask(ask: Ask, account_id: str) -> Request:
    """The request that carries any body to an endpoint; none to one that only reads.

    Raises:
        ValueError: An id is missing, or the body can't be written as JSON.
    """
    magic = f"/accounts/{_segment(account_id)}/magic"
    path = f"{magic}/{IPSEC_TUNNEL.collection}"
    match ask.verb:
        case Verb.LIST | Verb.CREATE | Verb.UPDATE:
            pass
        case Verb.ROUTES:
            path = f"{magic}/routes"
        case Verb.GET | Verb.UPDATE_ONE | Verb.DELETE:
            path += f"/{_segment(ask.tunnel_id)}"
        case Verb.SET_PSKS:
            path += "/psk"
        case Verb.GENERATE_PSK:
            path += f"/{_segment(ask.tunnel_id)}/psk_generate"
    method = _METHODS.get(ask.verb, "POST")
    headers = {"accept": "application/json"}
    if ask.verb not in {Verb.ROUTES, Verb.SET_PSKS, Verb.GENERATE_PSK}:
        headers |= IPSEC_TUNNEL.headers
    query = {"validate_only": "true"} if ask.validate_only else {}
    if ask.verb in READS:
        return Request(method, path, query, headers)
    headers["content-type"] = "application/json"
    return Request(method, path, query, headers, json.dumps(ask.body, separators=(",", ":"), allow_nan=False).encode())


def _segment(text: str | None) -> str:
    """One part of a path. An id that is empty or dots would make it the path of something else: of all tunnels, say."""
    if text in {None, "", ".", ".."}:
        raise ValueError("not an id")
    return quote(str(text), safe="")


def decode(call: Call, reply: Reply, wrap: Wrap, quotes: Quotes) -> CallOutcome:
    """What a reply means for its call, by status first.

    Args:
        call: What was sent.
        reply: What came back.
        wrap: Makes a secret of the text of a key that Cloudflare generated.
        quotes: Tells whether a message quotes a key or token.

    Returns:
        The outcome of this one try. Where it is `NotSent` or `Ambiguous`, `exchange` decides whether another is safe.
    """
    status, ray = reply.status, ray_of(reply)
    if status // 100 == 2:  # noqa: PLR2004 - the class of status codes
        return _succeeded(call, reply, wrap, quotes)
    try:
        errors, shown = said(call, open_envelope(reply.body), quotes)
    except UnreadableError:
        errors, shown = (), ()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotSent("rate-limited", "too many calls (HTTP 429)", ray, shown)
    if status // 100 == 3:  # noqa: PLR2004
        message = f"HTTP {status}: a redirect, which is never followed; is the base URL right?"
        if call.verb in READS:
            return Refused(status, (ApiError(UNTRUSTED, message),), ray)
        return Ambiguous("redirect", message, ray)
    # A conflict that the API explains is its refusal (a name is in use); one without a word may come from a proxy that
    # sent the request twice. A list conflicts with nothing, and is asked for again.
    conflict = status == HTTPStatus.CONFLICT and (not errors or call.verb in READS)
    if conflict or status in _MAYBE_DONE or status // 100 != 4:  # noqa: PLR2004
        return Ambiguous(f"http-{status}", f"HTTP {status}", ray, shown)
    html = reply.body.lstrip().startswith(b"<")
    what = "with a web page in place of the API's answer" if html else "without an error in it"
    why = shown if errors else (ApiError(f"http-{status}", f"HTTP {status} {what}"), *shown)
    codes = {error.code for error in errors}
    forbidden = status == HTTPStatus.FORBIDDEN and codes.isdisjoint(_OF_WHAT_WAS_ASKED)
    if status == HTTPStatus.UNAUTHORIZED or forbidden or codes & _TOKEN_REFUSED:
        return Denied(status, why, ray)
    # A 404 on DELETE is what was wanted, if it is the API that speaks (not a proxy), and of the tunnel.
    if call.verb is Verb.DELETE and status == HTTPStatus.NOT_FOUND and codes.isdisjoint(OF_THE_PATH):
        return Answered() if errors else Ambiguous("http-404", why[0].message, ray)
    too_large = call.verb not in READS and any(re.search(_TOO_LARGE, error.message) for error in errors)
    return Refused(413 if too_large else status, why, ray)


def decode_ask(reply: Reply) -> Said | NotSent:
    """What came back, as it is. A call too many says nothing of what was asked for."""
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotSent("rate-limited", "too many calls (HTTP 429)", ray_of(reply))
    try:
        return Said(reply.status, open_envelope(reply.body))
    except UnreadableError:
        return Said(reply.status)


def ray_of(reply: Reply) -> str | None:
    """Cloudflare's id of the answer, for its support; None for anything that does not look like one.

    (API: hexadecimal digits and the code of a data centre.) Whoever else answers may write into this header what it
    likes, also what it was sent.
    """
    ray = reply.headers.get("cf-ray", "")
    return ray if _RAY.fullmatch(ray) else None


def _succeeded(call: Call, reply: Reply, wrap: Wrap, quotes: Quotes) -> CallOutcome:
    """What an answer with a good status says: it may still be a failure, or not to be believed."""
    status, ray = reply.status, ray_of(reply)
    if call.verb in READS and status != HTTPStatus.OK:
        return Refused(status, (ApiError(UNTRUSTED, f"HTTP {status} is not an answer to a list"),), ray)
    try:
        envelope = open_envelope(reply.body)
        failure = unsuccessful(call, envelope, quotes)
        return Refused(status, failure, ray) if failure else result_of(call, envelope, reply.headers, wrap)
    except UnreadableError as problem:
        return Ambiguous("unreadable", f"{problem} (HTTP {status})", ray)
    except ListUntrusted as problem:
        message = _HIDDEN if quotes(str(problem)) else str(problem)
        return Refused(status, (ApiError(UNTRUSTED, message, problem.remedy),), ray)
