"""Cloudflare's answer envelope, read strictly. What is odd is refused, and no reason ever quotes the body."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any

from reconciler.api.call import UNKNOWN, ApiError

MAX_BODY = 32 * 1024 * 1024
"""Longest answer that is read, in bytes after decoding."""

_MAX_DEPTH = 64
_MAX_CODE = 64
_MAX_MESSAGE = 500
_MAX_ERRORS = 20
_CONTAINERS = frozenset((dict, list))
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class UnreadableError(Exception):
    """An answer that can't be believed. Its text is fixed, so it holds nothing of the answer."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of an answer, unchecked: `success` and `errors` may be of any JSON type. `beside` is all the rest."""

    success: object
    errors: object
    result: object
    result_info: object
    beside: Mapping[str, object]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("the answer has an object with the same key twice")
    return found


def _constant(_: str) -> Any:
    raise UnreadableError("the answer holds a number that JSON does not allow")


def _float(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise UnreadableError("the answer holds a number that is too large")
    return value


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        if not level:
            return
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)  # type: ignore[attr-defined]
            if type(child) in _CONTAINERS
        ]
    raise UnreadableError("the answer is nested too deeply")


def _check_text(text: str, value: object) -> None:
    if _SURROGATE_ESCAPE.search(text) is None:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UnreadableError("the answer holds broken Unicode") from None


def open_envelope(body: bytes) -> Envelope:
    """The envelope in a body.

    Raises:
        UnreadableError: Not one JSON object in UTF-8 (a byte order mark may lead) within the limits of size
            and depth, with unique keys, finite numbers and whole characters.
    """
    if len(body) > MAX_BODY:
        raise UnreadableError("the answer is too long")
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float)
    except (
        ValueError,
        RecursionError,
    ):  # ValueError covers bad UTF-8, bad JSON and integers of thousands of digits
        raise UnreadableError("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise UnreadableError("the answer is not a JSON object")
    _check_depth(value)
    _check_text(text, value)
    named = {key: value.pop(key, None) for key in ("success", "errors", "result", "result_info")}
    return Envelope(**named, beside=value)


def _api_error(entry: object) -> ApiError:
    fields = entry if isinstance(entry, dict) else {}
    code, message = fields.get("code"), fields.get("message")
    known = isinstance(code, str) or (isinstance(code, int) and not isinstance(code, bool))
    return ApiError(str(code) if known else UNKNOWN, message if isinstance(message, str) else "no message")


def api_errors(errors: object) -> tuple[ApiError, ...]:
    """The entries of `errors`, verbatim (API: code and message may be missing)."""
    if not isinstance(errors, list):
        return ()
    return tuple(_api_error(entry) for entry in errors[:_MAX_ERRORS])


def clipped(errors: Iterable[ApiError]) -> tuple[ApiError, ...]:
    """The same, none longer than anybody reads. Not before secrets were looked for: half a secret is not found."""
    return tuple(ApiError(error.code[:_MAX_CODE], error.message[:_MAX_MESSAGE]) for error in errors)
