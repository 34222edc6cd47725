"""What all mappings of the files have in common: a model's fields are their keys, and nothing else may stand in them.

    class Paused(Written):
        reason: Annotated[Name, Field(description="Why; shown by apply.")]

pydantic checks a file against such models, tells everything that is wrong with it at once, each with its path, and
makes the JSON Schema for editors. A scalar's type is its field's, not YAML's, which would guess too much (`on`, `010`,
`1:30`): a function of `checks` makes it from the text that was written. None, where it may stand, says "not inherited".
"""

from collections.abc import Callable
from types import NoneType
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.fields import FieldInfo


class Written(BaseModel):
    """A mapping in a file; what was not written is not set."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    short: ClassVar[str] = ""
    """The key that a scalar in the place of the mapping is the value of."""


def scalar(check: Callable[[Any], Any], **json: Any) -> tuple[BeforeValidator, WithJsonSchema]:
    """How a scalar of the files is checked, and what an editor is told of it."""
    return BeforeValidator(check), WithJsonSchema(json)


def kind_of(annotation: Any) -> Any:
    """A field's type without `Annotated` and `| None`: a model, `list[…]`, or the type of a scalar."""
    if get_origin(annotation) is Annotated:
        return kind_of(get_args(annotation)[0])
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kind_of(kinds[0]) if NoneType in get_args(annotation) else annotation


def model_of(annotation: Any) -> type[Written] | None:
    """The model of a field's value, or of the items of its list; None for scalars."""
    kind = kind_of(annotation)
    if get_origin(kind) is list:
        return model_of(get_args(kind)[0])
    return kind if isinstance(kind, type) and issubclass(kind, Written) else None


def marks_of(field: FieldInfo) -> list[Any]:
    """All that a field and the parts of its type are annotated with."""

    def below(annotation: Any) -> list[Any]:
        own = list(getattr(annotation, "__metadata__", ()))
        return own + [mark for part in get_args(annotation) for mark in below(part)]

    return [*field.metadata, *below(field.annotation)]


ANY_SCALAR = ["string", "number", "boolean"]
