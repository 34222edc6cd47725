"""Faults of one API call: what the network or the server does instead of, or after, answering properly.

Whether the request took effect is part of a fault: the kinds that end in `-before` and those in `_WITHOUT_EFFECT` never
reach the simulator, all others do, and only their answer is lost or spoiled. A kind made for lists spoils other results
as far as it can.
"""

import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from enum import StrEnum
from functools import lru_cache
from itertools import count
from typing import Any
from zlib import compress

from reconciler.simulator.message import Json, RefusedError, Reply, Request, failure, route
from reconciler.simulator.server import Answer, Simulator

_HTML = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Just a moment...</body></html>"
_BIG = 64 * 1024 * 1024
_DEPTH = 100_000
_SUCCESS = b'{"success":true,"errors":[],"messages":[],"result":'
_ERROR = {"code": 1000, "message": "simulated"}


class NotSent(Exception):
    """The request surely did not reach the server."""


class Ambiguous(Exception):
    """Nobody on the client's side can know whether the request took effect."""


class FaultKind(StrEnum):
    """All kinds of faults of a call."""

    REFUSED = "refused"
    RESET_BEFORE = "reset-before"
    RESET_AFTER = "reset-after"
    TIMEOUT_CONNECT = "timeout-connect"
    TIMEOUT_BEFORE = "timeout-before"
    TIMEOUT_AFTER = "timeout-after"
    SLOW_DRIP = "slow-drip"
    S408_BEFORE = "408-before"
    S408_AFTER = "408-after"
    S409_BEFORE = "409-before"
    S409_AFTER = "409-after"
    S500_BEFORE = "500-before"
    S500_AFTER = "500-after"
    S502_BEFORE = "502-before"
    S502_AFTER = "502-after"
    S503_BEFORE = "503-before"
    S503_AFTER = "503-after"
    S504_BEFORE = "504-before"
    S504_AFTER = "504-after"
    S429 = "429"
    S429_SECONDS = "429-seconds"
    S429_DATE = "429-date"
    S401 = "401"
    S403 = "403"
    S404 = "404"
    S413 = "413"
    REDIRECT = "redirect"
    REDIRECT_AFTER = "redirect-after"
    TRUNCATED = "truncated"
    WRONG_LENGTH = "wrong-length"
    MALFORMED = "malformed"
    NOT_UTF8 = "not-utf8"
    HTML_200 = "html-200"
    EMPTY_204 = "empty-204"
    EMPTY_200 = "empty-200"
    GZIP_BOMB = "gzip-bomb"
    HUGE_BODY = "huge-body"
    DEEP_JSON = "deep-json"
    NAN = "nan"
    WRONG_TYPE = "wrong-type"
    NULL_RESULT = "null-result"
    NULL_LIST = "null-list"
    SUCCESS_FALSE = "success-false"
    SUCCESS_WITH_ERRORS = "success-with-errors"
    MISSING_FIELD = "missing-field"
    STALE_LIST = "stale-list"
    PARTIAL_LIST = "partial-list"
    EMPTY_LIST = "empty-list"
    DUPLICATE_ID = "duplicate-id"
    DUPLICATE_NAME = "duplicate-name"
    LYING_PAGINATION = "lying-pagination"
    LOST_WRITE = "lost-write"


_WITHOUT_EFFECT = frozenset(
    (
        FaultKind.S429,
        FaultKind.S429_SECONDS,
        FaultKind.S429_DATE,
        FaultKind.S401,
        FaultKind.S403,
        FaultKind.S404,
        FaultKind.S413,
        FaultKind.REDIRECT,
    )
)


def apply_fault(kind: FaultKind, simulator: Simulator, request: Request) -> Reply:
    """Let one request meet a fault; returns what the client sees.

    Raises:
        NotSent: The request was not sent.
        Ambiguous: It may or may not have been carried out.
    """
    if kind in (FaultKind.REFUSED, FaultKind.TIMEOUT_CONNECT):
        raise NotSent(kind.value)
    if kind is FaultKind.LOST_WRITE and request.method != "GET":
        simulator.note(request, 200)
        return simulator.clone().handle(request)
    if kind in (FaultKind.STALE_LIST, FaultKind.LOST_WRITE):
        return _stale(simulator, request)
    status = 307 if kind.startswith("redirect") else int(kind[:3]) if kind[:3].isdigit() else 0
    reply = Reply(status, {}, b"")
    if kind in _WITHOUT_EFFECT or kind.endswith("-before"):
        simulator.note(request, status)
    else:
        reply = simulator.handle(request)
    if kind.startswith(("reset", "timeout", "slow")):
        raise Ambiguous(kind.value)
    if kind.startswith("redirect"):
        return Reply(status, {"location": f"https://elsewhere.invalid{request.path}"}, b"")
    if not status:
        return _SPOILS[kind](reply)
    if status in (409, 502, 504):  # what a proxy says is not JSON
        return Reply(status, {"content-type": "text/html"}, _HTML)
    reply = failure(status, 10000 if status in (401, 403) else 1000 + status, f"simulated answer {status}")
    if kind is FaultKind.S429_SECONDS:
        reply.headers["retry-after"] = "3"
    if kind is FaultKind.S429_DATE:
        reply.headers["retry-after"] = formatdate(simulator.stamps.now() + 3, usegmt=True)
    return reply


def _stale(simulator: Simulator, request: Request) -> Reply:
    """A list of the tunnels before the last write; of any other answer an empty one."""
    try:
        found = route(request.method, request.path)
    except RefusedError:
        return simulator.handle(request)
    if found.operation != "list":
        return _SPOILS[FaultKind.EMPTY_LIST](simulator.handle(request))
    account = simulator.account(found.account_id)
    account.stale.insert(0, (account.before, 1))
    return simulator.handle(request)


def parse_faults(text: str) -> dict[int, FaultKind]:
    """Read faults as `N=KIND,N=KIND`; the first request is 1.

    Raises:
        ValueError: Not a number above 0, or an unknown kind; the message names the choices.
    """
    faults: dict[int, FaultKind] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        number, _, kind = part.partition("=")
        if not (number.isascii() and number.isdigit() and int(number)):
            raise ValueError(f"{part!r}: write N=KIND, N being the number of a request from 1")
        if kind not in set(FaultKind):
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(FaultKind)}")
        faults[int(number)] = FaultKind(kind)
    return faults


def scripted(faults: Mapping[int, FaultKind]) -> Answer:
    """An `answer` under which the requests of these numbers meet their faults."""
    numbers = count(1)

    def answer(simulator: Simulator, request: Request) -> Reply:
        kind = faults.get(next(numbers))
        return simulator.handle(request) if kind is None else apply_fault(kind, simulator, request)

    return answer


# Ways to spoil the answer that the simulator gave.

_Spoil = Callable[[Reply], Reply]
_Tunnels = list[Any]


def _body(change: Callable[[bytes], bytes]) -> _Spoil:
    return lambda reply: reply._replace(body=change(reply.body))


def _instead(status: int, content_type: str, body: bytes) -> _Spoil:
    return lambda _: Reply(status, {"content-type": content_type}, body)


def _half(reply: Reply, announced: int) -> Reply:
    return Reply(reply.status, {**reply.headers, "content-length": str(announced)}, reply.body[: len(reply.body) // 2])


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return compress(b" " * _BIG, wbits=31)  # gzip


@lru_cache(maxsize=1)
def _huge() -> bytes:
    return _SUCCESS + b"{}" + b" " * _BIG + b"}"


def _envelope(change: Callable[[Json], Json]) -> _Spoil:
    return _body(lambda body: json.dumps(change(json.loads(body))).encode())


def _list(change: Callable[[_Tunnels], _Tunnels | None], other: object) -> _Spoil:
    """Change the list of tunnels in an answer; a result that holds none becomes `other`."""

    def changed(envelope: Json) -> Json:
        key, tunnels = _listed(envelope)
        return envelope | {"result": {key: change(tunnels)} if key else other}

    return _envelope(changed)


def _listed(envelope: Json) -> tuple[str, _Tunnels]:
    """The key and the list of tunnels in a result; no key when it holds none."""
    result = envelope["result"]
    for key in ("ipsec_tunnels", "modified_ipsec_tunnels"):
        if isinstance(result, dict) and key in result:
            return key, result[key] or []
    return "", []


def _without_field(envelope: Json) -> Json:
    """Take the address from the first tunnel, or the whole result from what is no list."""
    key, tunnels = _listed(envelope)
    if not tunnels:
        return {name: value for name, value in envelope.items() if name != "result"}
    first = {name: value for name, value in tunnels[0].items() if name != "interface_address"}
    return envelope | {"result": {key: [first, *tunnels[1:]]}}


def _doubled(field: str) -> _Spoil:
    """Let two tunnels share a field."""

    def change(tunnels: _Tunnels) -> _Tunnels:
        first = tunnels[0] if tunnels else {}
        second = tunnels[1] if tunnels[1:] else {**first, "id": "f" * 32}
        return [first, {**second, field: first.get(field)}, *tunnels[2:]]

    return _list(change, {})


def _with_more_to_come(envelope: Json) -> Json:
    count = len(_listed(envelope)[1])
    pages = {"page": 1, "per_page": max(1, count), "count": count, "total_count": count + 5}
    return envelope | {"result_info": pages}


_SPOILS: Mapping[FaultKind, _Spoil] = {
    FaultKind.TRUNCATED: lambda reply: _half(reply, len(reply.body)),
    FaultKind.WRONG_LENGTH: lambda reply: _half(reply, len(reply.body) // 2),
    FaultKind.MALFORMED: _body(lambda body: body[:-1] + b",]"),
    FaultKind.NOT_UTF8: _body(lambda body: body.replace(b'"messages"', b'"\xff\xfe"', 1)),
    FaultKind.HTML_200: _instead(200, "text/html", _HTML),
    FaultKind.EMPTY_204: _instead(204, "application/json", b""),
    FaultKind.EMPTY_200: _instead(200, "application/json", b""),
    FaultKind.GZIP_BOMB: lambda _: Reply(
        200, {"content-type": "application/json", "content-encoding": "gzip"}, _bomb()
    ),
    FaultKind.HUGE_BODY: lambda _: Reply(200, {"content-type": "application/json"}, _huge()),
    FaultKind.DEEP_JSON: _body(lambda _: _SUCCESS + b"[" * _DEPTH + b"]" * _DEPTH + b"}"),
    FaultKind.NAN: _body(lambda body: body.replace(b'"result":', b'"nan":NaN,"result":', 1)),
    FaultKind.WRONG_TYPE: _list(lambda tunnels: [7, *tunnels[1:]], "text"),
    FaultKind.NULL_RESULT: _envelope(lambda envelope: envelope | {"result": None}),
    FaultKind.NULL_LIST: _list(lambda _: None, None),
    FaultKind.SUCCESS_FALSE: _envelope(
        lambda envelope: envelope | {"success": False, "errors": [_ERROR], "result": None}
    ),
    FaultKind.SUCCESS_WITH_ERRORS: _envelope(lambda envelope: envelope | {"errors": [_ERROR]}),
    FaultKind.MISSING_FIELD: _envelope(_without_field),
    FaultKind.PARTIAL_LIST: _list(lambda tunnels: tunnels[: len(tunnels) // 2], {}),
    FaultKind.EMPTY_LIST: _list(lambda _: [], {}),
    FaultKind.DUPLICATE_ID: _doubled("id"),
    FaultKind.DUPLICATE_NAME: _doubled("name"),
    FaultKind.LYING_PAGINATION: _envelope(_with_more_to_come),
}
