"""Faults of one API call: what the network or the server does instead of, or after, answering properly.

Each fault takes the simulator and the request, and returns a reply or raises `NotSent` or `Ambiguous`, which
stand for a failure of the transport. Whether the request took effect is part of the fault: "before" kinds
never reach the simulator, "after" kinds do. A kind made for lists spoils other results as far as it can.
"""

from collections.abc import Mapping
from email.utils import formatdate
from enum import StrEnum
from functools import partial

from reconciler.simulator.bodies import (
    HTML,
    add_error,
    add_nan,
    claim_more,
    deepen,
    deny,
    drop_field,
    empty,
    halve,
    mistype,
    nullify,
    nullify_list,
    truncated,
    twice,
    with_bomb,
    with_bytes,
    with_envelope,
    with_fixed,
    with_huge_body,
    wrong_length,
)
from reconciler.simulator.message import RefusedError, Reply, Request, failure, route
from reconciler.simulator.server import Answer, Simulator


class NotSent(Exception):
    """The request surely did not reach the server."""


class Ambiguous(Exception):
    """Nobody on the client's side can know whether the request took effect; `args[0]` is the reason."""


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


def apply_fault(kind: FaultKind, simulator: Simulator, request: Request) -> Reply:
    """Lets one request meet a fault.

    Args:
        kind: The fault.
        simulator: The server; it is changed by the kinds that take effect.
        request: The request.

    Returns:
        The reply that the client sees.

    Raises:
        NotSent: The request was not sent.
        Ambiguous: It may or may not have been carried out.
    """
    return _FAULTS[kind](simulator, request)


def _not_sent(reason: str, simulator: Simulator, request: Request) -> Reply:
    del simulator, request
    raise NotSent(reason)


def _lost_before(reason: str, simulator: Simulator, request: Request) -> Reply:
    simulator.note(request, 0)
    raise Ambiguous(reason)


def _lost_after(reason: str, simulator: Simulator, request: Request) -> Reply:
    simulator.handle(request)
    raise Ambiguous(reason)


def _status_before(status: int, simulator: Simulator, request: Request) -> Reply:
    simulator.note(request, status)
    return _said(status)


def _status_after(status: int, simulator: Simulator, request: Request) -> Reply:
    simulator.handle(request)
    return _said(status)


def _said(status: int) -> Reply:
    if status in {502, 504}:  # what a proxy says is not JSON
        return Reply(status, {"content-type": "text/html"}, HTML)
    return failure(status, 10000 if status in {401, 403} else 1000 + status, f"simulated answer {status}")


def _too_many(form: str, simulator: Simulator, request: Request) -> Reply:
    reply = _status_before(429, simulator, request)
    if form == "seconds":
        reply.headers["retry-after"] = "3"
    elif form == "date":
        reply.headers["retry-after"] = formatdate(simulator.time() + 3, usegmt=True)
    return reply


def _redirect_before(simulator: Simulator, request: Request) -> Reply:
    simulator.note(request, 307)
    return _elsewhere(request)


def _redirect_after(simulator: Simulator, request: Request) -> Reply:
    simulator.handle(request)
    return _elsewhere(request)


def _elsewhere(request: Request) -> Reply:
    return Reply(307, {"location": f"https://elsewhere.invalid{request.path}"}, b"")


def _stale(simulator: Simulator, request: Request) -> Reply:
    try:
        found = route(request.method, request.path)
    except RefusedError:
        return simulator.handle(request)
    if found.operation != "list":
        return with_envelope(empty, simulator, request)
    return simulator.handle_as_before(request, found.account_id)


def _lost_write(simulator: Simulator, request: Request) -> Reply:
    if request.method == "GET":
        return _stale(simulator, request)
    simulator.note(request, 200)
    return simulator.clone().handle(request)


_STATUSES: Mapping[FaultKind, Answer] = {
    kind: partial(_status_after if kind.endswith("after") else _status_before, int(kind[:3]))
    for kind in FaultKind
    if kind[:3].isdigit() and not kind.startswith("429")
}
_FAULTS: Mapping[FaultKind, Answer] = {
    **_STATUSES,
    FaultKind.REFUSED: partial(_not_sent, "connection refused"),
    FaultKind.TIMEOUT_CONNECT: partial(_not_sent, "time-out while connecting"),
    FaultKind.RESET_BEFORE: partial(_lost_before, "connection reset"),
    FaultKind.RESET_AFTER: partial(_lost_after, "connection reset"),
    FaultKind.TIMEOUT_BEFORE: partial(_lost_before, "time-out"),
    FaultKind.TIMEOUT_AFTER: partial(_lost_after, "time-out"),
    FaultKind.SLOW_DRIP: partial(_lost_after, "time-out in the middle of the answer"),
    FaultKind.S429: partial(_too_many, "none"),
    FaultKind.S429_SECONDS: partial(_too_many, "seconds"),
    FaultKind.S429_DATE: partial(_too_many, "date"),
    FaultKind.REDIRECT: _redirect_before,
    FaultKind.REDIRECT_AFTER: _redirect_after,
    FaultKind.TRUNCATED: truncated,
    FaultKind.WRONG_LENGTH: wrong_length,
    FaultKind.MALFORMED: partial(with_bytes, lambda body: body[:-1] + b",]"),
    FaultKind.NOT_UTF8: partial(with_bytes, lambda body: body.replace(b'"messages"', b'"\xff\xfe"', 1)),
    FaultKind.HTML_200: partial(with_fixed, 200, "text/html", HTML),
    FaultKind.EMPTY_204: partial(with_fixed, 204, "application/json", b""),
    FaultKind.EMPTY_200: partial(with_fixed, 200, "application/json", b""),
    FaultKind.GZIP_BOMB: with_bomb,
    FaultKind.HUGE_BODY: with_huge_body,
    FaultKind.DEEP_JSON: partial(with_bytes, deepen),
    FaultKind.NAN: partial(with_bytes, add_nan),
    FaultKind.WRONG_TYPE: partial(with_envelope, mistype),
    FaultKind.NULL_RESULT: partial(with_envelope, nullify),
    FaultKind.NULL_LIST: partial(with_envelope, nullify_list),
    FaultKind.SUCCESS_FALSE: partial(with_envelope, deny),
    FaultKind.SUCCESS_WITH_ERRORS: partial(with_envelope, add_error),
    FaultKind.MISSING_FIELD: partial(with_envelope, drop_field),
    FaultKind.STALE_LIST: _stale,
    FaultKind.PARTIAL_LIST: partial(with_envelope, halve),
    FaultKind.EMPTY_LIST: partial(with_envelope, empty),
    FaultKind.DUPLICATE_ID: partial(with_envelope, partial(twice, "id")),
    FaultKind.DUPLICATE_NAME: partial(with_envelope, partial(twice, "name")),
    FaultKind.LYING_PAGINATION: partial(with_envelope, claim_more),
    FaultKind.LOST_WRITE: _lost_write,
}
