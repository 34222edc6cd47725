"""Where the nodes of a YAML file stand: a second pass over its events, made only when there is a problem."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.yaml.plain import Path
from reconciler.yaml.syntax import BROKEN, NextEvent

MAX_DEPTH = 32
"""Levels of nesting; the deepest thing anybody can declare has 6."""

MAX_REPEATS = 100
"""Duplicate keys that are told of one file."""

Place: TypeAlias = tuple[int, int]

_SHIFT = 21  # a file has at most 2**20 characters; one int a node keeps a hostile file small
_MASK = (1 << _SHIFT) - 1


@dataclass(slots=True)
class _Mapping:
    """A mapping: where it begins, and for each key its place and the node of its value."""

    place: int
    entries: dict[str, tuple[int, "_Node"]] = field(default_factory=dict)


@dataclass(slots=True)
class _Sequence:
    """A list: where it begins, and the nodes of its items."""

    place: int
    items: list["_Node"] = field(default_factory=list)


_Node: TypeAlias = "_Mapping | _Sequence | int"


@dataclass(slots=True)
class Positions:
    """Every place of one file.

    Attributes:
        root: The node of the document.
        repeats: Keys that their mapping holds already: the key, its first place, this place.
    """

    root: _Node
    repeats: list[tuple[str, Place, Place]]

    def find(self, path: Path, *, key: bool = False) -> Place:
        """The place of the node at a path, or of the nearest part of the path that exists.

        Args:
            path: Keys and indexes from the root.
            key: The place of the last key found, where there is one, instead of its value's.
        """
        node = self.root
        place = _start(node)
        for part in path:
            match node, part:
                case _Mapping(), str() if part in node.entries:
                    at, node = node.entries[part]
                case _Sequence(), int() if 0 <= part < len(node.items):
                    node = node.items[part]
                    at = _start(node)
                case _:
                    break
            place = at if key else _start(node)
        return _unpack(place)

    def holds(self, path: Path) -> bool:
        """True when a node stands at a path, or an alias on the way to it."""
        node = self.root
        for part in path:
            match node, part:
                case _Mapping(), str() if part in node.entries:
                    node = node.entries[part][1]
                case _Sequence(), int() if 0 <= part < len(node.items):
                    node = node.items[part]
                case _:
                    return isinstance(node, int)
        return True


def read_positions(get: NextEvent) -> Positions:
    """Reads the places of all nodes, as far as the text can be parsed and is not nested too deeply.

    Args:
        get: The events of a file from its beginning.
    """
    reader = _Reader(get)
    root: _Node = (1 << _SHIFT) + 1
    # The first pass has told what stops a reader; the repeats before it still count.
    with suppress(*BROKEN, _Enough):
        while not isinstance(event := get(), StreamEndEvent):
            if isinstance(event, NodeEvent):
                root = reader.node(event)
                break
    return Positions(root, reader.repeats)


class _Enough(Exception):
    """The rest of the file is not worth reading."""


class _Reader:
    """One pass; what is read before an error keeps its repeats."""

    def __init__(self, get: NextEvent) -> None:
        self.repeats: list[tuple[str, Place, Place]] = []
        self._get = get

    def node(self, event: Any, depth: int = 0) -> _Node:
        """The node that begins with an event."""
        place = _pack(event)
        if depth > MAX_DEPTH:
            raise _Enough
        if isinstance(event, MappingStartEvent):
            return self._mapping(place, depth)
        if not isinstance(event, SequenceStartEvent):
            return place
        items: list[_Node] = []
        while not isinstance(event := self._get(), SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return _Sequence(place, items)

    def _mapping(self, place: int, depth: int) -> _Node:
        entries: dict[str, tuple[int, _Node]] = {}
        while not isinstance(event := self._get(), MappingEndEvent):
            at = _pack(event)
            name = event.value if isinstance(event, ScalarEvent) else None
            if name is None:
                self.node(event, depth + 1)
            elif name in entries and len(self.repeats) == MAX_REPEATS:
                raise _Enough
            elif name in entries:
                self.repeats.append((name, _unpack(entries[name][0]), _unpack(at)))
            else:
                entries.setdefault(name, (at, at))
            value = self.node(self._get(), depth + 1)
            if name is not None and entries[name][0] == at:
                entries[name] = at, value
        return _Mapping(place, entries)


def _start(node: _Node) -> int:
    return node if isinstance(node, int) else node.place


def _pack(event: Any) -> int:
    line: int = event.start_mark.line
    column: int = event.start_mark.column
    return ((line + 1) << _SHIFT) + column + 1


def _unpack(place: int) -> Place:
    return place >> _SHIFT, place & _MASK
