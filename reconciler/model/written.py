"""What the models of all mappings in the files share: a model's fields are the mapping's keys, and no others may occur.

    class Paused(Written):
        reason: Annotated[Name, Field(description="Why; shown by apply.")]

pydantic checks a file against such models, reports everything that is wrong with it at once, each with its path, and
makes the JSON Schema for editors. `null`, where it may stand, says that the default of the file or account is not
inherited.

A scalar's type is the field's and not YAML's, which would guess too much (`on`, `010`, `1:30`). Only the field knows
that `name: 010` is the text "010", that `replay_protection: true` is a boolean, and that the same in quotes is a
mistake. So the reader of YAML keeps the text, and as `Plain` the fact that there were no quotes, and a function of
`checks` makes the value of it.
"""

from collections.abc import Callable
from types import NoneType
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.fields import FieldInfo

ANY_SCALAR = ["string", "number", "boolean"]
"""JSON Schema's types of a field that takes text: to an editor `name: 010` is a number, and here it is the text."""


class Plain(str):
    """Text written without quotes that YAML 1.2 reads as a boolean or a number (`true`, `010`, `1.5`), as written."""

    __slots__ = ()


class Written(BaseModel):
    """A mapping in a file; `model_fields_set` has the keys that were written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    short: ClassVar[str] = ""
    """The key whose value may stand in place of the whole mapping: with "saved", `target: 192.0.2.1` is short for
    `target: {saved: 192.0.2.1}`. Empty where there is no short form."""


Marks = tuple[BeforeValidator, WithJsonSchema]


def scalar(check: Callable[[Any], Any], **json: Any) -> Marks:
    """The marks of a scalar's type: how it is checked, and what JSON Schema says of it to an editor."""
    return BeforeValidator(check), WithJsonSchema(json)


def keys_of(model: type[Written]) -> dict[str, FieldInfo]:
    """The keys of a mapping, each with its field, which has another name where the key is a word of Python (`from`)."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def type_of(annotation: Any) -> Any:
    """A field's type without `Annotated` and `| None`: a model, `list[…]`, or the type of a scalar."""
    if get_origin(annotation) is Annotated:
        return type_of(get_args(annotation)[0])
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return type_of(kinds[0]) if NoneType in get_args(annotation) else annotation


def model_of(annotation: Any) -> type[Written] | None:
    """The model of a field's value, or of the items of its list; None for scalars."""
    kind = type_of(annotation)
    if get_origin(kind) is list:
        return model_of(get_args(kind)[0])
    return kind if isinstance(kind, type) and issubclass(kind, Written) else None


def marks_of(field: FieldInfo) -> list[Any]:
    """All that a field and the parts of its type are annotated with."""

    def below(annotation: Any) -> list[Any]:
        own = list(getattr(annotation, "__metadata__", ()))
        return own + [mark for part in get_args(annotation) for mark in below(part)]

    return [*field.metadata, *below(field.annotation)]
