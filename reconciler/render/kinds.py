"""What a table of JSON keys is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class When(Enum):
    """When a key is written: always, always in the commands it is about, or only when it says something."""

    ALWAYS = "always"
    DRIFT = "drift"
    ACCOUNTS = "accounts"
    SET = "set"


class Type(Enum):
    """What a value is. COUNTS maps words to numbers; VALUE is one setting of a tunnel, whatever its type."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    COUNTS = "counts"
    TEXTS = "texts"
    VALUE = "value"
    OBJECT = "object"
    OBJECTS = "objects"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a JSON object.

    Attributes:
        name: The key.
        type: What its value is.
        about: What it means, for the schema and its page.
        null: Whether it may be null.
        choices: All values of a text, when they are known.
        shape: The shape of an object or of each object of a list.
        when: When it is written.
        attribute: The dataclass's name of it, where it is another.
    """

    name: str
    type: Type
    about: str
    null: bool = False
    choices: tuple[str, ...] = ()
    shape: "Shape | None" = None
    when: When = When.ALWAYS
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of one kind of object, in the order written, and what makes the value from them."""

    title: str
    make: Callable[..., Any]
    keys: tuple[Key, ...]
