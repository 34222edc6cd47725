"""Requests, replies, routes and the envelope of the API."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]

PREFIX = "/client/v4"
_ID = "([0-9a-f]{32})"
_MAGIC = f"(?:{PREFIX})?/accounts/{_ID}/magic"
_COLLECTION = f"{_MAGIC}/ipsec_tunnels"
_ROUTES: Mapping[str, Mapping[str, str]] = {
    _COLLECTION: {"GET": "list", "POST": "create", "PUT": "bulk"},
    f"{_COLLECTION}/psk": {"POST": "psk_set"},
    f"{_COLLECTION}/{_ID}": {"GET": "get", "PUT": "update", "DELETE": "delete"},
    f"{_COLLECTION}/{_ID}/psk_generate": {"POST": "psk_generate"},
    f"{_MAGIC}/routes": {"GET": "routes", "POST": "route_create"},
    f"{_MAGIC}/routes/{_ID}": {"DELETE": "route_delete"},
}
_JSON_HEADERS = {"content-type": "application/json"}
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


class Request(NamedTuple):
    """One HTTP request. `headers` has lower-case names, `query` is the raw text after the question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Reply(NamedTuple):
    """One HTTP reply with lower-case header names."""

    status: int
    headers: dict[str, str]
    body: bytes


class Route(NamedTuple):
    """What a request asks for: an operation, the account id, and the id of a tunnel or static route, or nothing."""

    operation: str
    account_id: str
    tunnel_id: str = ""


class RefusedError(Exception):
    """The API refuses a request: HTTP status, code and message of the error envelope."""

    def __init__(self, message: str, code: int = 1022, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


def ok(result: object) -> Reply:
    """A 200 reply with the success envelope around `result`."""
    body = _encode({"success": True, "errors": [], "messages": [], "result": result})
    return Reply(200, dict(_JSON_HEADERS), body.encode())


def failure(status: int, code: int, message: str) -> Reply:
    """A reply with the failure envelope (API: `result` is null, `errors` has code and message)."""
    errors = [{"code": code, "message": message}]
    body = _encode({"success": False, "errors": errors, "messages": [], "result": None})
    return Reply(status, dict(_JSON_HEADERS), body.encode())


def route(method: str, path: str) -> Route:
    """The operation of a request, whose path may lack the prefix.

    Raises:
        RefusedError: 404 with code 7003 for an unknown path, 405 for a method that the path does not take.
    """
    for pattern, methods in _ROUTES.items():
        if found := re.fullmatch(pattern, path):
            if method not in methods:
                raise RefusedError(f"method {method} is not allowed here", code=7001, status=405)
            return Route(methods[method], *found.groups())
    raise RefusedError(f"Could not route to {path}: no route for the URI", code=7003, status=404)


def decode(body: bytes) -> Any:
    """Read a JSON request body.

    Raises:
        RefusedError: Not JSON, not UTF-8, nested too deeply, or holding NaN, Infinity or half a surrogate pair.
    """
    try:
        value = json.loads(body, parse_constant=_no_constant)
        if b"\\ud" in body.lower():
            _encode(value).encode()  # refuses half of a surrogate pair, which no answer could carry
    except (ValueError, RecursionError):
        raise RefusedError("Invalid Request: the body is not valid JSON") from None
    return value


def _no_constant(text: str) -> None:
    raise ValueError(text)
