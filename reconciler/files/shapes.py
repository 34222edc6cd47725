"""Shapes of data as one small table, from which both the validator and an editor's JSON Schema are made.

pydantic's own types would say the same, but importing and building them costs 70 ms at each start, a third of a
small run; so the table goes to pydantic's core directly.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic_core import SchemaValidator

Json = dict[str, Any]
Wrap = Callable[[Any, Callable[[Any], Any]], Any]
"""Takes a value and the check of it; may change what goes in and judge what comes out."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value.

    Attributes:
        check: Gives the typed value, or raises `PydanticCustomError`.
        json: What an editor is told.
    """

    check: Callable[[Any], Any]
    json: Json


@dataclass(frozen=True, slots=True)
class Items:
    """A list.

    Attributes:
        shape: Each item.
        least: Fewest items.
        most: Most items, or None for any number.
    """

    shape: "Shape"
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """What may stand under one key of a mapping.

    Attributes:
        shape: Its value.
        about: What it means, for editors.
        default: What holds without it, for editors; None when there is nothing to tell.
        required: It must be there.
        null: It may be null: "not inherited".
    """

    shape: "Shape"
    about: str = ""
    default: object = None
    required: bool = False
    null: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A mapping with these keys and no others.

    Attributes:
        title: Its name in the JSON Schema.
        about: What it is, for editors.
        keys: What may stand in it.
        wrap: Goes around its check.
        instead: What an editor accepts in its place.
        rules: What an editor is told of `wrap`, in the words of JSON Schema.
    """

    title: str
    about: str
    keys: Mapping[str, Key]
    wrap: Wrap | None = None
    instead: tuple[Json, ...] = ()
    rules: Json = field(default_factory=dict)


Shape = Scalar | Items | Record


def required(shape: Shape, about: str) -> Key:
    """A key that must be there."""
    return Key(shape, about, required=True)


def optional(shape: Shape, about: str, default: object = None) -> Key:
    """A key that may be left out, or be null."""
    return Key(shape, about, default, null=True)


@cache
def validator(record: Record) -> SchemaValidator:
    """What turns a mapping as it was read into plain typed dicts with only the keys that were written."""
    return SchemaValidator(_core(record))


def _core(shape: Shape) -> Any:
    """A shape in the words of pydantic's core."""
    if isinstance(shape, Scalar):
        return {"type": "function-plain", "function": {"type": "no-info", "function": shape.check}}
    if isinstance(shape, Items):
        most = {} if shape.most is None else {"max_length": shape.most}
        return {"type": "list", "items_schema": _core(shape.shape), "strict": True, "min_length": shape.least, **most}
    fields = {name: _core_field(key) for name, key in shape.keys.items()}
    core = {"type": "typed-dict", "fields": fields, "strict": True, "extra_behavior": "forbid"}
    if shape.wrap is None:
        return core
    return {"type": "function-wrap", "function": {"type": "no-info", "function": shape.wrap}, "schema": core}


def _core_field(key: Key) -> Json:
    core = _core(key.shape)
    core = {"type": "nullable", "schema": core} if key.null else core
    return {"type": "typed-dict-field", "schema": core, "required": key.required}


def json_schema(*roots: Record) -> Json:
    """A JSON Schema that any of these fits, with descriptions and defaults."""
    definitions: Json = {}
    choices = [_json(root, definitions) for root in roots]
    return {"anyOf": choices, "$defs": dict(sorted(definitions.items()))}


def _json(shape: Shape, definitions: Json) -> Json:
    """A shape in the words of JSON Schema; mappings become references to `definitions`."""
    if isinstance(shape, Scalar):
        return dict(shape.json)
    if isinstance(shape, Items):
        bounds = {"minItems": shape.least or None, "maxItems": shape.most}
        return {
            "type": "array",
            "items": _json(shape.shape, definitions),
            **{name: bound for name, bound in bounds.items() if bound is not None},
        }
    if shape.title not in definitions:
        definitions[shape.title] = {
            "type": "object",
            "description": shape.about,
            "properties": {name: _json_key(key, definitions) for name, key in shape.keys.items()},
            "required": [name for name, key in shape.keys.items() if key.required],
            "additionalProperties": False,
            **shape.rules,
        }
    own = {"$ref": f"#/$defs/{shape.title}"}
    return {"anyOf": [own, *shape.instead]} if shape.instead else own


def _json_key(key: Key, definitions: Json) -> Json:
    found = _json(key.shape, definitions)
    if key.null:
        found = {"anyOf": [*found.get("anyOf", (found,)), {"type": "null"}]}
    about = {"description": key.about} if key.about else {}
    return {**found, **about, **({} if key.default is None else {"default": key.default})}
