"""The usual file, read line by line: the value that libyaml's events give, for less than half of their price.

Most files hold nothing but `key: value`, `key:`, `- item`, comments and short `[a, b]` and `{k: v}`. libyaml reads such
a file fast, but PyYAML then makes three Python objects of each of its events. Here one regular expression knows the few
forms of a line that can mean only one thing. A file with any other line, or with an indentation that is not plainly one
of a level, is left to the parser, which also says what is wrong with it if something is. The tests compare the two on
a great many files.
"""

import json
import re
from collections.abc import Iterable
from typing import TypeAlias

from reconciler.yaml.plain import Value, typed

MAX_LEVELS = 8
"""Containers in each other; the deepest thing anybody can declare has 6."""

Place = tuple[int, int]
Fields: TypeAlias = dict[str, Value]
_Lines: TypeAlias = Iterable[tuple[str, str, str]]

_ODD = r"\x00-\x1f\"#$%&'*!?<>\\^`|~"  # what one of these may mean is for the parser to say
_FIRST = rf"[^{_ODD}\[\]{{}}@,: -]"
_LEAD = r"( *+(?:- )?+)"
_KEY = r"(?:([a-z_][a-z0-9_]{0,60}+):(?=[ \n]) *+)?+"
_TEXT = rf"{_FIRST}(?:[^{_ODD}\[\]{{}}]*[^{_ODD}\[\]{{}}: ])?"
_QUOTED = r""""[^"\\\n]*+"|'[^'\n]*+'"""
_FLOW = rf"[\[{{][^{_ODD}]*[\]}}]"
_REST = r"(?:\n| *+(?:(?<![^ \n])#[^\n]*+)?+\n)"
_LINE = re.compile(f"^{_LEAD}{_KEY}({_TEXT}|{_QUOTED}|{_FLOW})?+{_REST}", re.MULTILINE)
"""One line: indentation with a dash, a key, a value as it is written; empty for what it lacks."""
_FLOW_TEXT = re.compile(rf"{_FIRST}(?:[^{_ODD}\[\]{{}},:]*[^{_ODD}\[\]{{}},: ])?")
_OPENING = re.compile(r"[\[{]")
_MAX_BRACKETS = 4
_MARKS = frozenset("\"'[{")
_NOWHERE = "\n"  # an indentation that no line has


class _UnusualError(Exception):
    """Only the parser can tell what the file means."""


def read_lines(data: bytes) -> tuple[Fields, dict[int, list[Place]]] | None:
    """What a usual file holds, or None when the parser has to read it.

    Args:
        data: A file that `encoding.screen` found nothing wrong with.

    Returns:
        The mapping, and where the items of the lists directly below its keys begin (line and column from 1) by
        the list's `id`.
    """
    if b"\r" in data or b"null:" in data:
        return None
    text = data.decode() if data.endswith(b"\n") else data.decode() + "\n"
    lines = _LINE.findall(text)
    if len(lines) != text.count("\n"):  # a line of no known form was passed over
        return None
    levels = _Levels()
    try:
        _fill(levels, lines)
    except _UnusualError:
        return None
    return (levels.root, levels.starts) if levels.root and not levels.waiting else None


def _fill(levels: "_Levels", lines: _Lines) -> None:
    fields, indent = levels.root, ""
    for number, (lead, key, written) in enumerate(lines, 1):
        if lead == indent and key and written:  # one more field of the same mapping
            if key in fields:
                raise _UnusualError
            fields[key] = _value(written)
        elif key or written:
            fields, indent = levels.turn(number, lead, key, written)
        elif lead.endswith("- "):
            raise _UnusualError


class _Levels:
    """The containers that are open at a line.

    Attributes:
        root: The whole value.
        starts: As `read_lines` returns them.
        waiting: The key of the innermost mapping whose value begins on a later line.
    """

    def __init__(self) -> None:
        self.root: Fields = {}
        self.starts: dict[int, list[Place]] = {}
        self.waiting = ""
        # Outermost first, by the lead of their lines: spaces for a mapping, spaces and a dash for a list. No two that
        # are open have the same, since each begins right of the one around it; only a list may begin below its key.
        self._open: dict[str, Fields | list[Value]] = {"": self.root}

    def turn(self, number: int, lead: str, key: str, written: str) -> tuple[Fields, str]:
        """Takes a line that may open or close something; returns the mapping it is in, and the lead of its lines."""
        top = self._begin(lead) if self.waiting else self._close(lead)
        if isinstance(top, list):
            if id(top) in self.starts:
                self.starts[id(top)].append((number, len(lead) + 1))
            if not key:
                top.append(_value(written))
                return {}, _NOWHERE
            items, top, lead = top, {}, " " * len(lead)
            items.append(top)
            self._open[lead] = top
        if not key or key in top:
            raise _UnusualError
        if written:
            top[key] = _value(written)
            return top, lead
        self.waiting = key
        return top, _NOWHERE

    def _begin(self, lead: str) -> Fields | list[Value]:
        """The value that a key waits for; its first line has this lead."""
        outer, parent = self._open.popitem()
        self._open[outer] = parent
        container: Fields | list[Value] = [] if lead.endswith("- ") else {}
        least = len(outer) + (2 if lead.endswith("- ") else 1)
        if len(lead) < least or len(self._open) > MAX_LEVELS or not isinstance(parent, dict):
            raise _UnusualError
        parent[self.waiting] = self._open[lead] = container
        if len(self._open) == 2 and isinstance(container, list):  # noqa: PLR2004 - the root and a list in it
            self.starts[id(container)] = []
        self.waiting = ""
        return container

    def _close(self, lead: str) -> Fields | list[Value]:
        """The open container whose lines have this lead, after closing those inside it."""
        if lead not in self._open:
            raise _UnusualError
        while True:
            last, container = self._open.popitem()
            if last == lead:
                self._open[lead] = container
                return container


def _value(written: str) -> Value:
    """One value as it is written on a line."""
    if written[0] in _MARKS:
        return _marked(written)
    if ": " in written:
        raise _UnusualError
    return typed(written)


def _marked(written: str) -> Value:
    """A value in quotes or brackets. In brackets it is JSON once its texts are in quotes, if each colon ends a key."""
    if written[0] in "\"'":
        return written[1:-1]
    if written.count(":") > written.count(": ") or " :" in written or len(_OPENING.findall(written)) > _MAX_BRACKETS:
        raise _UnusualError
    try:
        return _typed(json.loads(_FLOW_TEXT.sub(r'"\g<0>"', written), object_pairs_hook=_unique))
    except ValueError:
        raise _UnusualError from None


def _unique(pairs: list[tuple[str, Value]]) -> Fields:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _UnusualError
    return found


def _typed(value: Value) -> Value:
    """A value of texts with each of them typed."""
    if isinstance(value, dict):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return typed(str(value))
