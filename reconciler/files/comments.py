"""Warns where YAML takes the end of a text for a comment: `description: rack #7` says `rack` and no more.

A file with such a line is read once more for it (`load` looks for one). Only fields that hold free text count: behind
an address or a word like `mid` nobody can mean the comment as a part of the value.
"""

import re
from collections.abc import Iterator
from typing import Any

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.model.problems import Diagnostic, Location, warning
from reconciler.yaml.screen import decode, split_lines
from reconciler.yaml.syntax import NextEvent, events

_NAMES = ("name", "renamed_from", "removed", "protect", "import_filter_id", "export_filter_id")
_FREE_TEXT = frozenset((*_NAMES, "description", "reason", "md5_key", "file", "command"))
_GLUED = re.compile(r"[ \t]+#(?=[^\s#])")


def glued_comments(data: bytes, file: str) -> Iterator[Diagnostic]:
    """A warning for each comment without a blank behind its sign that follows a text without quotes.

    Args:
        data: A file that was read without a problem.
        file: Its name for messages.
    """
    lines = split_lines(decode(data))
    for field, event in _values(events(data)):
        if field in _FREE_TEXT and event.implicit[0]:
            line, column = event.end_mark.line, event.end_mark.column
            if found := _GLUED.match(lines[line], column):
                yield warning(
                    "glued-comment",
                    "a comment that may be meant as a part of the text before it",
                    "What begins with a # behind a blank is not part of the value. Put the text in quotes if it "
                    "should be, else write a blank behind the #.",
                    Location(file, line + 1, found.end()),
                )


def _values(get: NextEvent) -> Iterator[tuple[str, Any]]:
    """Each scalar that is a value, with the field that it or the list around it belongs to."""
    field, opened = "", list[tuple[bool, str]]()  # for each open container: whether it is a mapping, and its field
    wants_key = False
    while type(event := get()) is not StreamEndEvent:
        kind = type(event)
        if kind in (MappingStartEvent, SequenceStartEvent):
            opened.append((kind is MappingStartEvent, field))
            wants_key = kind is MappingStartEvent
        elif kind is ScalarEvent and wants_key:
            field, wants_key = event.value, False
        else:
            if kind is ScalarEvent:
                yield field, event
            elif kind in (MappingEndEvent, SequenceEndEvent):
                _, field = opened.pop()
            elif kind is not AliasEvent:
                continue
            wants_key = bool(opened) and opened[-1][0]
