"""What a message may quote of the line that it is about: all but what may be a key.

Keys stand below `psk`, `md5_key` and `token`, below a name that no file holds, or where a mapping belongs. The parser
says where these are, so it does not matter how a file is written. What stands on or behind the line that stops it is
quoted only where it can't be a key: names of fields, and addresses, numbers and fixed words beside them.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from yaml.error import YAMLError
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.files import schema
from reconciler.files.shapes import Items, Record, Scalar, Shape
from reconciler.model.problems import Part
from reconciler.yaml.events import KEY_FIELDS, MAX_DEPTH
from reconciler.yaml.read import LOADER
from reconciler.yaml.screen import screen, split_lines

_FILE = Record("File", "Either kind of file.", {**schema.ACCOUNT_FILE.keys, **schema.TUNNEL_FILE.keys})
_COMMENT = re.compile(r"(?:^|(?<=\s))#")


def _names(shape: Shape, beyond: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of a shape at every level, but not of what stands below some of them."""
    if isinstance(shape, Items):
        yield from _names(shape.shape, beyond)
    elif isinstance(shape, Record):
        for name, key in shape.keys.items():
            yield name
            if name not in beyond:
                yield from _names(key.shape, beyond)


_KNOWN = frozenset(_names(_FILE))
"""These say nothing, wherever they stand."""


_WORD = (
    r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?:/\d{1,3})?|\d{1,10}|\d{4}-\d\d-\d\d|null|~|true"
    r"|false|on|off|yes|no|low|mid|high|request|reply|unidirectional|bidirectional"
)
_HARMLESS = re.compile(
    rf"(?<![\w-])['\"]?(?:{'|'.join(KEY_FIELDS)})['\"]?:(?=\s|$)"
    rf"|(?<![\w-])['\"]?(?:{'|'.join(sorted({*_names(_FILE, KEY_FIELDS)} - {*KEY_FIELDS}))})['\"]?:(?=\s|$)"
    rf"(?:\s+\[?(?:{_WORD})(?:,\s*(?:{_WORD}))*(?=[\s,\]}}]|$))?",
    re.IGNORECASE,
)
"""Names of fields; behind those that hold no key, what can't be one."""

_Span = tuple[int, int, str | None]
"""Columns of what is hidden, from 0, and the name that a message may quote."""


class Excerpts:
    """The lines of a file.

    Args:
        data: The whole file, whatever it holds.
    """

    def __init__(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace").removeprefix("\ufeff")
        self._lines = split_lines(text)
        self._hidden: dict[int, list[_Span]] = {}
        self._read = 0  # lines that the parser has seen all of
        if not screen(data, ""):
            with suppress(YAMLError, ValueError, _TooDeepError):
                self._parse(LOADER(text).get_event)

    def line(self, number: int) -> tuple[Part, ...] | None:
        """The parts of a line, counted from 1; None when there is none."""
        if not 0 < number <= len(self._lines):
            return None
        text = self._lines[number - 1].rstrip()
        if number > self._read:
            return tuple(_parts(text, list(_between(text))))
        spans = sorted(self._hidden.get(number - 1, ()), key=lambda span: span[:2])
        if spans and (comment := _COMMENT.search(text, spans[-1][1])):
            spans.append((comment.start(), len(text), None))
        return tuple(_parts(text, spans))

    def _parse(self, get: Callable[[], Any]) -> None:
        def following() -> Any:
            event = get()
            self._read = event.start_mark.line
            return event

        while not isinstance(event := following(), StreamEndEvent):
            if isinstance(event, NodeEvent):
                self._node(event, following, _FILE, hidden=False)
        self._read = len(self._lines)

    def _node(self, event: Any, get: Callable[[], Any], shape: Shape | None, *, hidden: bool, depth: int = 0) -> None:
        """Go through one node; where it is hidden, every value in it is."""
        if depth > 2 * MAX_DEPTH:
            raise _TooDeepError
        if isinstance(event, ScalarEvent | AliasEvent):
            if hidden or not _takes_text(shape):
                self._hide(event.start_mark, event.end_mark)
            return
        if hidden and (event.anchor or event.tag):
            self._hide(event.start_mark, event.end_mark)
        is_mapping = isinstance(event, MappingStartEvent)
        item = shape.shape if isinstance(shape, Items) else shape
        while not isinstance(event := get(), MappingEndEvent | SequenceEndEvent):
            if is_mapping:
                self._entry(event, get, shape, hidden=hidden, depth=depth + 1)
            else:
                self._node(event, get, item, hidden=hidden, depth=depth + 1)

    def _entry(self, event: Any, get: Callable[[], Any], shape: Shape | None, *, hidden: bool, depth: int) -> None:
        """Go through one key of a mapping and its value."""
        keys = shape.keys if isinstance(shape, Record) else {}
        name = event.value if isinstance(event, ScalarEvent) else ""
        below = keys[name].shape if name in keys else shape if name == "<<" else None
        if not isinstance(event, ScalarEvent):
            self._node(event, get, None, hidden=True, depth=depth)
        elif name not in _KNOWN and name != "<<":
            self._hide(event.start_mark, event.end_mark, name)
        secret = hidden or below is None or name in KEY_FIELDS
        if secret:
            self._hide(event.end_mark, event.end_mark)  # nothing; but a comment behind it may be a key
        self._node(get(), get, below, hidden=secret, depth=depth)

    def _hide(self, start: Any, end: Any, name: str | None = None) -> None:
        for line in range(start.line, min(end.line + 1, len(self._lines))):
            first = start.column if line == start.line else 0
            last = end.column if line == end.line else len(self._lines[line])
            self._hidden.setdefault(line, []).append((first, last, name))


def _takes_text(shape: Shape | None) -> bool:
    return isinstance(shape, Scalar) or (isinstance(shape, Record) and bool(shape.instead))


def _between(text: str) -> Iterator[_Span]:
    """What is not surely harmless in a line that the parser did not get through."""
    edges = [0, *(edge for found in _HARMLESS.finditer(text) for edge in found.span()), len(text)]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if text[start:end].strip(" -{}[],"):
            yield end - len(text[start:end].lstrip()), end, None


class _TooDeepError(Exception):
    """The rest of the file is not worth reading."""


def _parts(text: str, spans: list[_Span]) -> Iterator[Part]:
    at = 0
    for start, end, name in spans:
        if text[at:start]:
            yield Part(text[at:start])
        if text[max(at, start) : end]:
            yield Part(text[max(at, start) : end], shown=False, name=name)
        at = max(at, end)
    if text[at:]:
        yield Part(text[at:])
