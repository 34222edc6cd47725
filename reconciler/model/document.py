"""What JSON documents (answers, reports, saved plans and lists) have in common: how they are read and described.

Pydantic's models say what a document of ours holds. This is what they leave to be said.
"""

import json
from math import isfinite
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, SkipJsonSchema
from pydantic_core import PydanticKnownError

T = TypeVar("T")

_WORDS = {"missing": "is missing", "extra_forbidden": "is unknown", "unexpected_keyword_argument": "is unknown"}


_MAX_DEPTH = 64
_CONTAINERS = frozenset((dict, list))


class TwoMeanings(ValueError):
    """JSON that readers may understand differently, or not at all. Its text begins with "it" and quotes nothing."""


def read_json(document: str | bytes) -> Any:
    """What a JSON document holds, if it holds the same for every reader: it may be anybody's, and be made to mislead.

    Raises:
        TwoMeanings: A key stands twice in one object, a number is none of JSON's or too large, or it is nested deeper
            than 64 levels.
        ValueError: It is not JSON in UTF-8 (a byte order mark may lead), or has a number of thousands of digits.
    """
    text = document if isinstance(document, str) else document.decode("utf-8-sig")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise TwoMeanings("it is nested too deeply") from None
    # Level by level and not by recursion, which could exhaust Python's stack.
    level: list[Any] = [value] if type(value) in _CONTAINERS else []
    for _ in range(_MAX_DEPTH):
        within = (child for parent in level for child in (parent.values() if type(parent) is dict else parent))
        level = [child for child in within if type(child) in _CONTAINERS]
    if level:
        raise TwoMeanings("it is nested too deeply")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TwoMeanings("it has an object with the same key twice")
    return found


def _finite(number: str) -> float:
    """A number that is written with a fraction or an exponent, or one of Python's own: NaN, Infinity."""
    value = float(number)
    if not isfinite(value):
        raise TwoMeanings("it holds a number that JSON does not allow, or one that is too large")
    return value


def says_nothing(value: object) -> bool:
    """Whether an optional key is left out for what it holds; for a field's `exclude_if`."""
    return value in (None, (), 0)


def _refused(_: object) -> NoReturn:
    raise PydanticKnownError("extra_forbidden")


NotWritten = Annotated[T, SkipJsonSchema(), Field(exclude=True), BeforeValidator(_refused)]
"""A field that no document has: neither written nor described, and refused when it is read."""


def first_fault(wrong: ValidationError) -> str:
    """The first thing that keeps a document from being what it should be, with its place: `accounts[0].id is missing`.

    The document may be anybody's, so nothing is said of the values in it.
    """
    fault = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{ascii(step)[1:-1]}" for step in fault["loc"])
    words = _WORDS.get(fault["type"], fault["msg"].removeprefix("Input "))
    return f"{place.removeprefix('.') or 'the document'} {words}"


class _Schema(GenerateJsonSchema):
    """A key is required unless it may be left out. Defaults of the models are ours: they say nothing to a reader."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002, FBT001 - pydantic's own
        return "serialization_exclude_if" not in field

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


def schema_of(document: type) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every such document fulfils."""
    return {"$schema": _Schema.schema_dialect, **TypeAdapter(document).json_schema(schema_generator=_Schema)}
