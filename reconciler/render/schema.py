"""The JSON Schema of the report, made from the table that writes it."""

from typing import Any

from reconciler.model.problems import Severity
from reconciler.model.report import EXIT_CODES, FORMAT_VERSION
from reconciler.render.kinds import Key, Shape, Type, When
from reconciler.render.shape import ACCOUNT, DIAGNOSTIC, SUMMARY, TOP

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_TYPES: dict[Type, dict[str, Any]] = {
    Type.TEXT: _TEXT,
    Type.NUMBER: {"type": "integer"},
    Type.FLAG: {"type": "boolean"},
    Type.COUNTS: {"type": "object", "additionalProperties": _COUNT},
    Type.TEXTS: {"type": "array", "items": _TEXT},
    Type.VALUE: {},
}


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every JSON report fulfils."""
    definitions: dict[str, Any] = {}
    account = _object(ACCOUNT, definitions)
    properties = {
        "format_version": {"const": FORMAT_VERSION},
        "command": _TEXT,
        "outcome": {"enum": list(EXIT_CODES)},
        "sandbox": {
            "type": "boolean",
            "description": "True when the built-in simulator stood in for Cloudflare",
        },
        "summary": _closed(dict.fromkeys(SUMMARY, _COUNT)) | {"additionalProperties": _COUNT},
        "accounts": {"type": "array", "items": account},
        "diagnostics": {"type": "array", "items": _diagnostic()},
        "generated_at": {"type": "string", "description": "Time of the run (RFC 3339, UTC)"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report",
        **_closed(properties, TOP),
        "$defs": definitions,
    }


def _closed(properties: dict[str, Any], required: tuple[str, ...] | None = None) -> dict[str, Any]:
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _object(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to the shape's definition, which is made on first use."""
    if shape.title not in definitions:
        definitions[shape.title] = {}
        properties = {key.name: _property(key, definitions) for key in shape.keys}
        required = tuple(key.name for key in shape.keys if key.when is When.ALWAYS)
        definitions[shape.title] = _closed(properties, required)
    return {"$ref": f"#/$defs/{shape.title}"}


def _property(key: Key, definitions: dict[str, Any]) -> dict[str, Any]:
    if key.shape is not None:
        item = _object(key.shape, definitions)
        found = item if key.type is Type.OBJECT else {"type": "array", "items": item}
    else:
        found = {"enum": list(key.choices)} if key.choices else _TYPES[key.type]
    if key.null and key.type is not Type.VALUE:
        found = {"anyOf": [found, {"type": "null"}]}
    return {**found, "description": key.about}


def _diagnostic() -> dict[str, Any]:
    place = {"anyOf": [_TEXT, {"type": "null"}]}
    number = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    kinds = ({"enum": [str(s) for s in Severity]}, _TEXT, _TEXT, _TEXT, place, number, number)
    return _closed(dict(zip(DIAGNOSTIC, kinds, strict=True)))
