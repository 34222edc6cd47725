"""Faults of one API call: what the network or the server does instead of, or after, answering properly.

Each fault takes the simulator and the request, and returns a reply or raises `NotSent` or `Ambiguous`, which
stand for a failure of the transport. Whether the request took effect is part of the fault: "before" kinds
never reach the simulator, "after" kinds do. A kind made for lists spoils other results as far as it can.
"""

import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from enum import StrEnum
from functools import lru_cache, partial
from itertools import count
from typing import Any
from zlib import compressobj

from reconciler.simulator.message import RefusedError, Reply, Request, failure, route
from reconciler.simulator.server import Answer, Simulator

_HTML = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Just a moment...</body></html>"
_BOMB_BYTES = 64 * 1024 * 1024
_DEPTH = 100_000


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
    """Let one request meet a fault.

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


def _not_sent(reason: str, simulator: Simulator, request: Request) -> Reply:
    del simulator, request
    raise NotSent(reason)


def _lost_before(reason: str, simulator: Simulator, request: Request) -> Reply:
    simulator.note(request, 0)
    raise Ambiguous(reason)


def _lost_after(reason: str, simulator: Simulator, request: Request) -> Reply:
    simulator.handle(request)
    raise Ambiguous(reason)


# A status of 4xx or 5xx says nothing of whether the request took effect: some time-outs come after it did.


def _status_before(status: int, simulator: Simulator, request: Request) -> Reply:
    simulator.note(request, status)
    return _said(status)


def _status_after(status: int, simulator: Simulator, request: Request) -> Reply:
    simulator.handle(request)
    return _said(status)


def _said(status: int) -> Reply:
    if status in {409, 502, 504}:  # what a proxy says is not JSON
        return Reply(status, {"content-type": "text/html"}, _HTML)
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
        return _with_envelope(_empty, simulator, request)
    return simulator.handle_as_before(request, found.account_id)


def _lost_write(simulator: Simulator, request: Request) -> Reply:
    if request.method == "GET":
        return _stale(simulator, request)
    simulator.note(request, 200)
    return simulator.clone().handle(request)


# Ways to spoil the body of an answer that the simulator gave. The request takes effect in all of them.


def _with_bytes(change: Callable[[bytes], bytes], simulator: Simulator, request: Request) -> Reply:
    """Answer properly and change the bytes of the body."""
    reply = simulator.handle(request)
    return reply._replace(body=change(reply.body))


def _truncated(simulator: Simulator, request: Request) -> Reply:
    """Announce the whole body and send half of it."""
    reply = simulator.handle(request)
    headers = {**reply.headers, "content-length": str(len(reply.body))}
    return Reply(reply.status, headers, reply.body[: len(reply.body) // 2])


def _wrong_length(simulator: Simulator, request: Request) -> Reply:
    """Announce half of the body and send as much."""
    reply = simulator.handle(request)
    cut = len(reply.body) // 2
    return Reply(reply.status, {**reply.headers, "content-length": str(cut)}, reply.body[:cut])


def _with_fixed(status: int, content_type: str, body: bytes, simulator: Simulator, request: Request) -> Reply:
    """Let the request take effect and answer something else."""
    simulator.handle(request)
    return Reply(status, {"content-type": content_type}, body)


def _with_bomb(simulator: Simulator, request: Request) -> Reply:
    """Answer with a small gzip body that unpacks to 64 MiB."""
    simulator.handle(request)
    return Reply(200, {"content-type": "application/json", "content-encoding": "gzip"}, _bomb_body())


@lru_cache(maxsize=1)
def _bomb_body() -> bytes:
    packer = compressobj(9, wbits=31)
    block = b" " * (1024 * 1024)
    packed = b"".join(packer.compress(block) for _ in range(_BOMB_BYTES // len(block)))
    return packed + packer.flush()


def _with_huge_body(simulator: Simulator, request: Request) -> Reply:
    """Answer with a valid body of 64 MiB."""
    simulator.handle(request)
    return Reply(200, {"content-type": "application/json"}, _huge_body())


@lru_cache(maxsize=1)
def _huge_body() -> bytes:
    return b'{"success":true,"errors":[],"messages":[],"result":{}' + b" " * _BOMB_BYTES + b"}"


def _deepen(_: bytes) -> bytes:
    """JSON nested 100,000 levels deep."""
    return b'{"success":true,"errors":[],"messages":[],"result":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}"


def _add_nan(body: bytes) -> bytes:
    """Add a NaN, which JSON does not have."""
    return body.replace(b'"result":', b'"nan":NaN,"result":', 1)


def _with_envelope(change: Callable[[dict[str, Any]], None], simulator: Simulator, request: Request) -> Reply:
    """Answer properly and change the decoded envelope."""
    reply = simulator.handle(request)
    envelope = json.loads(reply.body)
    change(envelope)
    return reply._replace(body=json.dumps(envelope).encode())


def _mistype(envelope: dict[str, Any]) -> None:
    """Put a number in the place of a tunnel."""
    key, items = _items(envelope)
    if items:
        items[0] = 7
    else:
        envelope["result"] = {key: "none"} if key else "text"


def _nullify(envelope: dict[str, Any]) -> None:
    """Make the result null in a success."""
    envelope["result"] = None


def _nullify_list(envelope: dict[str, Any]) -> None:
    """Make the list of tunnels null, as for an account that has none."""
    key = _items(envelope)[0]
    envelope["result"] = {key: None} if key else None


def _deny(envelope: dict[str, Any]) -> None:
    """Say that the call failed, with status 200."""
    envelope.update(success=False, errors=[{"code": 1000, "message": "simulated"}], result=None)


def _add_error(envelope: dict[str, Any]) -> None:
    """Say success, yet list an error."""
    envelope["errors"] = [{"code": 1000, "message": "simulated"}]


def _drop_field(envelope: dict[str, Any]) -> None:
    """Take a required field from the first tunnel."""
    items = _items(envelope)[1]
    if items:
        items[0].pop("interface_address", None)
    else:
        envelope.pop("result", None)


def _halve(envelope: dict[str, Any]) -> None:
    """Drop the second half of the tunnels."""
    items = _items(envelope)[1]
    if items:
        del items[len(items) // 2 :]
    else:
        envelope["result"] = {}


def _empty(envelope: dict[str, Any]) -> None:
    """Drop all tunnels."""
    key = _items(envelope)[0]
    envelope["result"] = {key: []} if key else {}


def _twice(field: str, envelope: dict[str, Any]) -> None:
    """Let two tunnels share a field."""
    key, items = _items(envelope)
    if not items:
        envelope["result"] = {key: [{}, {}]} if key else {}
    elif len(items) > 1:
        items[1][field] = items[0][field]
    else:
        items.append({**items[0], **({} if field == "id" else {"id": "f" * 32})})


def _claim_more(envelope: dict[str, Any]) -> None:
    """Add a page count that says there is more."""
    items = _items(envelope)[1] or []
    count = len(items)
    envelope["result_info"] = {"page": 1, "per_page": max(1, count), "count": count, "total_count": count + 5}


def _items(envelope: dict[str, Any]) -> tuple[str, list[Any] | None]:
    """The key and the list of tunnels in a result, `("", None)` when it holds no such key; the list may be null."""
    result = envelope.get("result")
    for key in ("ipsec_tunnels", "modified_ipsec_tunnels"):
        if isinstance(result, dict) and key in result:
            return key, result[key]
    return "", None


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
    FaultKind.TRUNCATED: _truncated,
    FaultKind.WRONG_LENGTH: _wrong_length,
    FaultKind.MALFORMED: partial(_with_bytes, lambda body: body[:-1] + b",]"),
    FaultKind.NOT_UTF8: partial(_with_bytes, lambda body: body.replace(b'"messages"', b'"\xff\xfe"', 1)),
    FaultKind.HTML_200: partial(_with_fixed, 200, "text/html", _HTML),
    FaultKind.EMPTY_204: partial(_with_fixed, 204, "application/json", b""),
    FaultKind.EMPTY_200: partial(_with_fixed, 200, "application/json", b""),
    FaultKind.GZIP_BOMB: _with_bomb,
    FaultKind.HUGE_BODY: _with_huge_body,
    FaultKind.DEEP_JSON: partial(_with_bytes, _deepen),
    FaultKind.NAN: partial(_with_bytes, _add_nan),
    FaultKind.WRONG_TYPE: partial(_with_envelope, _mistype),
    FaultKind.NULL_RESULT: partial(_with_envelope, _nullify),
    FaultKind.NULL_LIST: partial(_with_envelope, _nullify_list),
    FaultKind.SUCCESS_FALSE: partial(_with_envelope, _deny),
    FaultKind.SUCCESS_WITH_ERRORS: partial(_with_envelope, _add_error),
    FaultKind.MISSING_FIELD: partial(_with_envelope, _drop_field),
    FaultKind.STALE_LIST: _stale,
    FaultKind.PARTIAL_LIST: partial(_with_envelope, _halve),
    FaultKind.EMPTY_LIST: partial(_with_envelope, _empty),
    FaultKind.DUPLICATE_ID: partial(_with_envelope, partial(_twice, "id")),
    FaultKind.DUPLICATE_NAME: partial(_with_envelope, partial(_twice, "name")),
    FaultKind.LYING_PAGINATION: partial(_with_envelope, _claim_more),
    FaultKind.LOST_WRITE: _lost_write,
}
