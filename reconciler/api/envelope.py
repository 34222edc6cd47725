"""Cloudflare's answer envelope, read strictly. What is odd is refused, and no reason ever quotes the body."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import isinf
from typing import Any

from reconciler.api.call import UNKNOWN, ApiError
from reconciler.model.fields import PATHS

MAX_BODY = 32 * 1024 * 1024
"""Longest answer that is read, in bytes after decoding."""

_MAX_DEPTH = 64
_MAX_CODE = 64
_MAX_MESSAGE = 500
_MAX_ERRORS = 20
_MAX_MESSAGES = 10
_MAX_CHAIN = 5
_WRAPPERS = ("body", "ipsec_tunnels", "psks")
"""What a pointer may begin with, since a request may: it is no part of a tunnel."""
_CONTAINERS = frozenset((dict, list))
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class UnreadableError(Exception):
    """An answer that can't be believed. Its text is fixed, so it holds nothing of the answer."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of an answer, unchecked: `success` and `errors` may be of any JSON type. `beside` is all the rest."""

    success: object
    errors: object
    messages: object
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
    named = {key: value.pop(key, None) for key in ("success", "errors", "messages", "result", "result_info")}
    return Envelope(**named, beside=value)


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _code(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else UNKNOWN


def _field(source: object) -> str | None:
    """What an error's `source.pointer` names: `bgp.customer_asn` for `/ipsec_tunnels/0/bgp/customer_asn`.

    (API: the form of the pointer is not documented.)
    """
    pointer = _text(source.get("pointer")) if isinstance(source, dict) else None
    parts = [part for part in re.split(r"[][/.#]", pointer or "") if part and not part.isdigit()]
    path = ".".join(part for part in parts if part not in _WRAPPERS)
    return path if path in PATHS else pointer


def _api_errors(entry: object, depth: int = 0) -> Iterator[ApiError]:
    """An entry of `errors`, and behind it those of its `error_chain`."""
    fields = entry if isinstance(entry, dict) else {"message": entry}
    message = _text(fields.get("message")) or "no message"
    url, field = _text(fields.get("documentation_url")), _field(fields.get("source"))
    yield ApiError(_code(fields.get("code")), message, documentation_url=url, field=field)
    chain = fields.get("error_chain")
    if isinstance(chain, list) and depth < _MAX_CHAIN:
        for cause in chain:
            yield from _api_errors(cause, depth + 1)


def api_errors(errors: object) -> tuple[ApiError, ...]:
    """The entries of `errors` and what is chained to them (API: every part of an entry may be missing)."""
    entries = errors if isinstance(errors, list) else []
    return tuple(islice((error for entry in entries for error in _api_errors(entry)), _MAX_ERRORS))


def api_messages(messages: object) -> tuple[ApiError, ...]:
    """The entries of `messages` that say something."""
    entries = messages if isinstance(messages, list) else []
    spoken = [e for e in entries if _text(e.get("message") if isinstance(e, dict) else e)]
    return tuple(next(_api_errors(entry)) for entry in spoken[:_MAX_MESSAGES])


def clipped(errors: Iterable[ApiError]) -> tuple[ApiError, ...]:
    """The same, none longer than anybody reads. Not before secrets were looked for: half a secret is not found."""
    return tuple(
        ApiError(
            error.code[:_MAX_CODE],
            error.message[:_MAX_MESSAGE],
            documentation_url=error.documentation_url and error.documentation_url[:_MAX_MESSAGE],
            field=error.field and error.field[:_MAX_CODE],
        )
        for error in errors
    )
