"""What our JSON documents (reports, saved plans) have in common: how they are described, and what is wrong with one.

Pydantic's models say what a document holds. This is what they leave to be said.
"""

from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, SkipJsonSchema
from pydantic_core import PydanticKnownError

T = TypeVar("T")

_WORDS = {"missing": "is missing", "extra_forbidden": "is unknown", "unexpected_keyword_argument": "is unknown"}


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
