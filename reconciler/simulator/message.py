"""Requests, replies, routes and the envelope of the API."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]

PREFIX = "/client/v4"
_HEX = frozenset("0123456789abcdef")
_JSON_HEADERS = {"content-type": "application/json"}
_COLLECTION = {"GET": "list", "POST": "create", "PUT": "bulk"}
_ITEM = {"GET": "get", "PUT": "update", "DELETE": "delete"}
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
    """What a request asks for: an operation, the account id, and the tunnel id or an empty text."""

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
    """Find the operation of a request.

    Args:
        method: HTTP method in upper case.
        path: Path with or without the `/client/v4` prefix.

    Returns:
        The route.

    Raises:
        RefusedError: 404 with code 7003 for an unknown path, 405 for a method that the path does not take.
    """
    parts = path.removeprefix(PREFIX).split("/")
    if parts[:2] != ["", "accounts"] or parts[3:5] != ["magic", "ipsec_tunnels"] or not is_id(parts[2]):
        raise _no_route(path)
    account_id, rest = parts[2], parts[5:]
    if not rest:
        methods, tunnel_id = _COLLECTION, ""
    elif rest == ["psk"]:  # the literal wins over the tunnel id on the same level
        methods, tunnel_id = {"POST": "psk_set"}, ""
    elif rest[1:] == ["psk_generate"] and is_id(rest[0]):
        methods, tunnel_id = {"POST": "psk_generate"}, rest[0]
    elif len(rest) == 1 and is_id(rest[0]):
        methods, tunnel_id = _ITEM, rest[0]
    else:
        raise _no_route(path)
    if method not in methods:
        raise RefusedError(f"method {method} is not allowed here", code=7001, status=405)
    return Route(methods[method], account_id, tunnel_id)


def is_id(text: str) -> bool:
    """Whether `text` is an identifier: 32 lower-case hexadecimal digits."""
    return len(text) == 32 and _HEX.issuperset(text)  # noqa: PLR2004


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


def _no_route(path: str) -> RefusedError:
    return RefusedError(f"Could not route to {path}: no route for the URI", code=7003, status=404)
