from typing import Any

import pytest
from pydantic_core import PydanticCustomError, ValidationError

from reconciler.files.shapes import Items, Key, Record, Scalar, json_schema, optional, required, validator


def digits(value: Any) -> int:
    if not isinstance(value, str) or not value.isdigit():
        raise PydanticCustomError("no-digits", "no digits")
    return int(value)


NUMBER = Scalar(digits, {"type": "integer"})
INNER = Record(
    "Inner", "Inside.", {"n": Key(NUMBER, "A number.", 7)}, lambda v, check: check({"n": v}), ({"const": 1},)
)
OUTER = Record(
    "Outer",
    "Outside.",
    {
        "one": required(NUMBER, "Needed."),
        "many": optional(Items(NUMBER, 1, 2), "Some."),
        "inner": Key(INNER),
    },
)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"one": "1"}, {"one": 1}),
        ({"one": "1", "many": None}, {"one": 1, "many": None}),
        ({"one": "1", "many": ["2", "3"], "inner": "4"}, {"one": 1, "many": [2, 3], "inner": {"n": 4}}),
    ],
)
def test_only_what_was_written_comes_back_typed(value: Any, result: Any):
    assert validator(OUTER).validate_python(value) == result


@pytest.mark.parametrize(
    ("value", "kind", "place"),
    [
        ([], "dict_type", ()),
        ({}, "missing", ("one",)),
        ({"one": None}, "no-digits", ("one",)),
        ({"one": "1", "two": "2"}, "extra_forbidden", ("two",)),
        ({"one": "1", "many": ("2",)}, "list_type", ("many",)),
        ({"one": "1", "many": []}, "too_short", ("many",)),
        ({"one": "1", "many": ["1", "2", "3"]}, "too_long", ("many",)),
        ({"one": "1", "many": ["1", "x"]}, "no-digits", ("many", 1)),
        ({"one": "1", "inner": "x"}, "no-digits", ("inner", "n")),
    ],
)
def test_what_is_wrong_is_told_with_its_place(value: Any, kind: str, place: tuple[str | int, ...]):
    with pytest.raises(ValidationError) as refused:
        validator(OUTER).validate_python(value)
    assert [(e["type"], e["loc"]) for e in refused.value.errors()] == [(kind, place)]


def test_the_same_table_gives_the_json_schema():
    assert json_schema(OUTER) == {
        "anyOf": [{"$ref": "#/$defs/Outer"}],
        "$defs": {
            "Inner": {
                "type": "object",
                "description": "Inside.",
                "properties": {"n": {"type": "integer", "description": "A number.", "default": 7}},
                "required": [],
                "additionalProperties": False,
            },
            "Outer": {
                "type": "object",
                "description": "Outside.",
                "properties": {
                    "one": {"type": "integer", "description": "Needed."},
                    "many": {
                        "anyOf": [
                            {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
                            {"type": "null"},
                        ],
                        "description": "Some.",
                    },
                    "inner": {"anyOf": [{"$ref": "#/$defs/Inner"}, {"const": 1}]},
                },
                "required": ["one"],
                "additionalProperties": False,
            },
        },
    }
