"""Faults of one API call: what the network or the server does instead of, or after, answering properly.

Each fault takes the simulator and the request, and returns a reply or raises `NotSent` or `Ambiguous`, which stand
for a failure of the transport. Whether the request took effect is part of the fault: "before" kinds never reach
the simulator, "after" kinds do. A kind that is made for lists spoils the result of any other call as far as it can.
"""

import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any
from zlib import compressobj

from reconciler.simulator.message import RefusedError, Reply, Request, failure, route
from reconciler.simulator.server import Simulator

Fault = Callable[[Simulator, Request], Reply]
_BOMB_BYTES = 64 * 1024 * 1024
_DEPTH = 100_000
_HTML = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Just a moment...</body></html>"


class NotSent(Exception):  # noqa: N818
    """The request surely did not reach the server."""


class Ambiguous(Exception):  # noqa: N818
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


def _lost(reason: str, commit: bool, simulator: Simulator, request: Request) -> Reply:  # noqa: FBT001
    if commit:
        simulator.handle(request)
    else:
        simulator.note(request, 0)
    raise Ambiguous(reason)


def _status(status: int, commit: bool, simulator: Simulator, request: Request) -> Reply:  # noqa: FBT001
    if commit:
        simulator.handle(request)
    else:
        simulator.note(request, status)
    if status in {502, 504}:  # what a proxy says is not JSON
        return Reply(status, {"content-type": "text/html"}, _HTML)
    return failure(status, 10000 if status in {401, 403} else 1000 + status, f"simulated answer {status}")


def _too_many(form: str, simulator: Simulator, request: Request) -> Reply:
    reply = _status(429, False, simulator, request)  # noqa: FBT003
    if form == "seconds":
        reply.headers["retry-after"] = "3"
    elif form == "date":
        reply.headers["retry-after"] = formatdate(simulator.time() + 3, usegmt=True)
    return reply


def _redirect(commit: bool, simulator: Simulator, request: Request) -> Reply:  # noqa: FBT001
    _status(307, commit, simulator, request)
    return Reply(307, {"location": f"https://elsewhere.invalid{request.path}"}, b"")


def _bytes(change: Callable[[bytes], bytes], simulator: Simulator, request: Request) -> Reply:
    reply = simulator.handle(request)
    return reply._replace(body=change(reply.body))


def _truncated(simulator: Simulator, request: Request) -> Reply:
    reply = simulator.handle(request)
    headers = {**reply.headers, "content-length": str(len(reply.body))}
    return Reply(reply.status, headers, reply.body[: len(reply.body) // 2])


def _wrong_length(simulator: Simulator, request: Request) -> Reply:
    reply = simulator.handle(request)
    cut = len(reply.body) // 2
    return Reply(reply.status, {**reply.headers, "content-length": str(cut)}, reply.body[:cut])


def _fixed(status: int, content_type: str, body: bytes, simulator: Simulator, request: Request) -> Reply:
    simulator.handle(request)
    return Reply(status, {"content-type": content_type}, body)


def _bomb(simulator: Simulator, request: Request) -> Reply:
    simulator.handle(request)
    return Reply(200, {"content-type": "application/json", "content-encoding": "gzip"}, _bomb_body())


@lru_cache(maxsize=1)
def _bomb_body() -> bytes:
    packer = compressobj(9, wbits=31)
    block = b" " * (1024 * 1024)
    packed = b"".join(packer.compress(block) for _ in range(_BOMB_BYTES // len(block)))
    return packed + packer.flush()


def _huge(simulator: Simulator, request: Request) -> Reply:
    simulator.handle(request)
    return Reply(200, {"content-type": "application/json"}, _huge_body())


@lru_cache(maxsize=1)
def _huge_body() -> bytes:
    return b'{"success":true,"errors":[],"messages":[],"result":{}' + b" " * _BOMB_BYTES + b"}"


def _deep(_: bytes) -> bytes:
    return b'{"success":true,"errors":[],"messages":[],"result":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}"


def _nan(body: bytes) -> bytes:
    return body.replace(b'"result":', b'"nan":NaN,"result":', 1)


def _envelope(change: Callable[[dict[str, Any]], None], simulator: Simulator, request: Request) -> Reply:
    reply = simulator.handle(request)
    envelope = json.loads(reply.body)
    change(envelope)
    return Reply(200, reply.headers, json.dumps(envelope).encode())


def _wrong_type(envelope: dict[str, Any]) -> None:
    key, items = _items(envelope)
    if items:
        items[0] = 7
    else:
        envelope["result"] = {key: "none"} if key else "text"


def _null_result(envelope: dict[str, Any]) -> None:
    envelope["result"] = None


def _success_false(envelope: dict[str, Any]) -> None:
    envelope.update(success=False, errors=[{"code": 1000, "message": "simulated"}], result=None)


def _with_errors(envelope: dict[str, Any]) -> None:
    envelope["errors"] = [{"code": 1000, "message": "simulated"}]


def _missing(envelope: dict[str, Any]) -> None:
    items = _items(envelope)[1]
    if items:
        items[0].pop("interface_address", None)
    else:
        envelope.pop("result", None)


def _partial(envelope: dict[str, Any]) -> None:
    items = _items(envelope)[1]
    if items:
        del items[len(items) // 2 :]
    else:
        envelope["result"] = {}


def _empty(envelope: dict[str, Any]) -> None:
    key = _items(envelope)[0]
    envelope["result"] = {key: []} if key else {}


def _twice(field: str, envelope: dict[str, Any]) -> None:
    key, items = _items(envelope)
    if not items:
        envelope["result"] = {key: [{}, {}]} if key else {}
    elif len(items) > 1:
        items[1][field] = items[0][field]
    else:
        items.append({**items[0], **({} if field == "id" else {"id": "f" * 32})})


def _more_pages(envelope: dict[str, Any]) -> None:
    items = _items(envelope)[1] or []
    count = len(items)
    envelope["result_info"] = {"page": 1, "per_page": max(1, count), "count": count, "total_count": count + 5}


def _items(envelope: dict[str, Any]) -> tuple[str, list[Any] | None]:
    """Returns the key and the list of tunnels in a result, `("", None)` when it holds no list."""
    result = envelope.get("result")
    for key in ("ipsec_tunnels", "modified_ipsec_tunnels"):
        if isinstance(result, dict) and isinstance(result.get(key), list):
            return key, result[key]
    return "", None


def _stale(simulator: Simulator, request: Request) -> Reply:
    try:
        found = route(request.method, request.path)
    except RefusedError:
        return simulator.handle(request)
    if found.operation != "list":
        return _envelope(_empty, simulator, request)
    return simulator.handle_as_before(request, found.account_id)


def _lost_write(simulator: Simulator, request: Request) -> Reply:
    if request.method == "GET":
        return _stale(simulator, request)
    simulator.note(request, 200)
    return simulator.clone().handle(request)


_STATUSES: Mapping[FaultKind, Fault] = {
    kind: partial(_status, int(kind.value[:3]), kind.value.endswith("after"))
    for kind in FaultKind
    if kind.value[:3].isdigit() and not kind.value.startswith("429")
}
_FAULTS: Mapping[FaultKind, Fault] = {
    **_STATUSES,
    FaultKind.REFUSED: partial(_not_sent, "connection refused"),
    FaultKind.TIMEOUT_CONNECT: partial(_not_sent, "time-out while connecting"),
    FaultKind.RESET_BEFORE: partial(_lost, "connection reset", False),  # noqa: FBT003
    FaultKind.RESET_AFTER: partial(_lost, "connection reset", True),  # noqa: FBT003
    FaultKind.TIMEOUT_BEFORE: partial(_lost, "time-out", False),  # noqa: FBT003
    FaultKind.TIMEOUT_AFTER: partial(_lost, "time-out", True),  # noqa: FBT003
    FaultKind.SLOW_DRIP: partial(_lost, "time-out in the middle of the answer", True),  # noqa: FBT003
    FaultKind.S429: partial(_too_many, "none"),
    FaultKind.S429_SECONDS: partial(_too_many, "seconds"),
    FaultKind.S429_DATE: partial(_too_many, "date"),
    FaultKind.REDIRECT: partial(_redirect, False),  # noqa: FBT003
    FaultKind.REDIRECT_AFTER: partial(_redirect, True),  # noqa: FBT003
    FaultKind.TRUNCATED: _truncated,
    FaultKind.WRONG_LENGTH: _wrong_length,
    FaultKind.MALFORMED: partial(_bytes, lambda body: body[:-1] + b",]"),
    FaultKind.NOT_UTF8: partial(_bytes, lambda body: body.replace(b'"messages"', b'"\xff\xfe"', 1)),
    FaultKind.HTML_200: partial(_fixed, 200, "text/html", _HTML),
    FaultKind.EMPTY_204: partial(_fixed, 204, "application/json", b""),
    FaultKind.EMPTY_200: partial(_fixed, 200, "application/json", b""),
    FaultKind.GZIP_BOMB: _bomb,
    FaultKind.HUGE_BODY: _huge,
    FaultKind.DEEP_JSON: partial(_bytes, _deep),
    FaultKind.NAN: partial(_bytes, _nan),
    FaultKind.WRONG_TYPE: partial(_envelope, _wrong_type),
    FaultKind.NULL_RESULT: partial(_envelope, _null_result),
    FaultKind.SUCCESS_FALSE: partial(_envelope, _success_false),
    FaultKind.SUCCESS_WITH_ERRORS: partial(_envelope, _with_errors),
    FaultKind.MISSING_FIELD: partial(_envelope, _missing),
    FaultKind.STALE_LIST: _stale,
    FaultKind.PARTIAL_LIST: partial(_envelope, _partial),
    FaultKind.EMPTY_LIST: partial(_envelope, _empty),
    FaultKind.DUPLICATE_ID: partial(_envelope, partial(_twice, "id")),
    FaultKind.DUPLICATE_NAME: partial(_envelope, partial(_twice, "name")),
    FaultKind.LYING_PAGINATION: partial(_envelope, _more_pages),
    FaultKind.LOST_WRITE: _lost_write,
}
