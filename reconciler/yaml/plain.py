"""Plain data as it stands in a YAML file: text that no type was guessed for."""

import re
from typing import TypeAlias


class Plain(str):
    """Text written without quotes that YAML 1.2 reads as a boolean or a number, as it was written."""

    __slots__ = ()


Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root, as ("tunnels", 3, "bgp")."""

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"

NULLS = ("", "~", "null", "Null", "NULL")
_FACTS = ("true", "True", "TRUE", "false", "False", "FALSE", ".nan", ".NaN", ".NAN")
_INFINITIES = tuple(sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF"))
_WORDS: dict[str, Value] = {**dict.fromkeys(NULLS), **{word: Plain(word) for word in _FACTS + _INFINITIES}}
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+")
_STARTS = frozenset(("", *"0123456789+-.~nNtTfF"))
_DOTS = 2  # no number has so many, every IPv4 address has more


def typed(text: str) -> Value:
    """Text without quotes as YAML 1.2's core schema sorts it: null, `Plain` for booleans and numbers, or text."""
    if text[:1] not in _STARTS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text.count(".") < _DOTS and _NUMBER.fullmatch(text):
        return Plain(text)
    return text
