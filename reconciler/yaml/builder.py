"""Parser events to plain data in one pass, with every refusal that needs the events."""

import re
from typing import Any, NoReturn

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.model.problems import Diagnostic, Location, error
from reconciler.yaml.plain import NULLS, Value, typed
from reconciler.yaml.positions import MAX_DEPTH
from reconciler.yaml.screen import MAX_PROBLEMS, has_control
from reconciler.yaml.syntax import NextEvent, bad_escape

MAX_EXPANSION = 10_000
"""Nodes that all aliases and merge keys of a file may stand for."""

_MERGE = "\0<<"  # no key of the file can equal it: a NUL is refused
_REFUSED = "\0"
_SURROGATE = re.compile("[\ud800-\udfff]")
_ODD_KEYS = frozenset((*NULLS, "<<"))
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
KEY_FIELDS = ("psk", "md5_key", "token")
"""Fields whose value is a key, or says where one is: none of them is null by mistake."""

_ITEM_LEVEL = 2  # the root mapping and a list in it are open


class Stop(Exception):
    """Nothing more can be said about the file."""


class Builder:
    """One pass over a file's events.

    Args:
        get: Gives the events.
        file: The file's name for messages.
        careful: Look at each scalar for tags, anchors and characters that an escape has smuggled in. Only text
            with an exclamation mark, an ampersand or a backslash can hold these; needed for `comments` too.
        comments: Lines, from 0, on which a comment without a space may stand in the place of a key.

    Attributes:
        problems: What is wrong, in the order found, except for duplicate keys.
        repeated: How many keys their mapping held already; `positions` knows where.
        starts: Where the items of the lists directly below the root's keys begin, by the list's `id`.
    """

    def __init__(self, get: NextEvent, file: str, *, careful: bool, comments: frozenset[int] = frozenset()) -> None:
        self.problems: list[Diagnostic] = []
        self.repeated = 0
        self.starts: dict[int, list[tuple[int, int]]] = {}
        self._get = get
        self._file = file
        self._careful = careful
        self._comments = comments
        self._open: list[Value] = []
        self._anchors: dict[str, Value] = {}
        self._extents: dict[int, tuple[Value, int, int]] = {}  # holds the value too, so its id stays its own
        self._expanded = 0

    def document(self) -> Value:
        """The value of the only document, None when there is none.

        Raises:
            Stop: `problems` is full, or its last one makes the rest unreadable.
            yaml.error.MarkedYAMLError: The text is not YAML.
        """
        value: Value = None
        documents = 0
        while type(event := self._get()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._stop(event, "multiple-documents", "a second document begins here", _ONE_DOCUMENT)
                value = self._node(self._get())
        return value

    def _node(self, event: Any) -> Value:
        """The value that begins with an event."""
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            return self._alias(event)
        if event.tag not in (None, "!"):
            self._tag(event)
        if len(self._open) >= MAX_DEPTH:
            self._too_deep(event)
        return self._mapping(event) if kind is MappingStartEvent else self._sequence(event)

    def _mapping(self, start: Any) -> Value:
        """The mapping after its start event."""
        get, careful, scalar = self._get, self._careful, ScalarEvent
        out: dict[str, Value] = {}
        self._begin(start, out)
        while type(event := get()) is not MappingEndEvent:
            if careful or type(event) is not scalar or (key := event.value) in out or key in _ODD_KEYS:
                key = self._odd_key(event, out)
            name, event = event, get()
            if careful or type(event) is not scalar:
                out[key] = self._node(event)
                if key in KEY_FIELDS and out[key] is None and name.start_mark.line in self._comments:
                    self._problem(event, "comment-value", "a comment where a value belongs", _NO_COMMENT)
            else:
                out[key] = typed(event.value) if event.implicit[0] else event.value
        self._open.pop()
        if _MERGE in out:
            self._merge(out, start)
        return out

    def _sequence(self, start: Any) -> Value:
        """The list after its start event."""
        out: list[Value] = []
        self._begin(start, out)
        starts: list[tuple[int, int]] | None = None
        if len(self._open) == _ITEM_LEVEL:
            starts = self.starts[id(out)] = []
        while type(event := self._get()) is not SequenceEndEvent:
            if starts is not None:
                starts.append((event.start_mark.line + 1, event.start_mark.column + 1))
            out.append(self._node(event))
        self._open.pop()
        return out

    def _begin(self, start: Any, container: Value) -> None:
        """Notes an open container, so that an alias inside it can be told from one behind it."""
        self._open.append(container)
        if start.anchor is not None:
            self._anchors[start.anchor] = container

    def _scalar(self, event: Any) -> Value:
        """A value that is no container."""
        text = event.value
        value: Value = text
        if event.tag not in _TEXT_TAGS:
            self._tag(event)
        elif event.implicit[0] and event.tag is None:
            value = typed(text)
        elif self._careful and has_control(text):
            self._escaped_control(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
            if not text and value is None:
                self._problem(event, "empty-anchor", "an anchor without a value", _NO_VALUE)
        return value

    def _odd_key(self, event: Any, out: dict[str, Value]) -> str:
        """The name of a key that the short way does not take; one that can't be meant if it is refused."""
        if type(event) is not ScalarEvent:
            self._problem(event, "bad-key", "a key must be text", _TEXT_KEY)
            if type(event) is not AliasEvent:
                self._node(event)
            return _REFUSED
        value = self._scalar(event)
        name: str = event.value
        if value is None:
            self._problem(event, "null-key", "a key that is empty or null", _NAME_KEY)
            return _REFUSED
        if name == "<<" and event.implicit[0]:
            name = _MERGE
        if name in out:
            self.repeated += 1
            if self.repeated >= MAX_PROBLEMS:
                raise Stop
            return _REFUSED
        return name

    def _alias(self, event: Any) -> Value:
        """What an alias stands for, counted as if it were written out; a refused one is empty."""
        name = event.anchor
        if name not in self._anchors:
            self._problem(event, "unknown-alias", "an alias that stands for nothing", _NO_ANCHOR)
            return {}
        value = self._anchors[name]
        if any(value is container for container in self._open):
            self._problem(event, "recursive-alias", "an alias that holds itself", _WRITE_OUT)
            return {}
        size, depth = self._extent(value)
        if isinstance(value, dict | list):
            self._extents[id(value)] = value, size, depth
        self._expanded += size
        if self._expanded > MAX_EXPANSION:
            summary = f"aliases stand for more than {MAX_EXPANSION:,} values"
            self._stop(event, "alias-expansion", summary, _WRITE_OUT)
        if len(self._open) + depth > MAX_DEPTH:
            self._too_deep(event)
        return value

    def _extent(self, value: Value) -> tuple[int, int]:
        """Nodes and levels of a value with its aliases and merges written out, counted up to the limit."""
        if not isinstance(value, dict | list):
            return 1, 0
        if id(value) in self._extents:
            return self._extents[id(value)][1:]
        size, depth = 1, 0
        for child in value.values() if isinstance(value, dict) else value:
            more, levels = self._extent(child)
            size += more
            depth = max(depth, levels)
            if size > MAX_EXPANSION:
                break
        return size, depth + 1

    def _merge(self, out: dict[str, Value], start: Any) -> None:
        """Adds what `<<` stands for. Keys of the mapping itself win, then those of the earlier source."""
        self._extents[id(out)] = out, *self._extent(out)
        sources = out.pop(_MERGE)
        for source in sources if isinstance(sources, list) else [sources]:
            if not isinstance(source, dict):
                self._problem(start, "bad-merge", "'<<' needs a mapping or a list of mappings", _MERGE_WHAT)
                return
            for key, value in source.items():
                out.setdefault(key, value)

    def _tag(self, event: Any) -> None:
        self._problem(event, "tag", "a tag, which is not allowed", _NO_TAG)

    def _escaped_control(self, event: Any) -> None:
        if _SURROGATE.search(event.value):  # libyaml refuses these by itself, the pure parser does not
            self.problems.append(bad_escape(event.start_mark, self._file))
            return
        what = "an escape that stands for a control character"
        self._problem(event, "control-character", what, "No value may hold one. Remove the escape.")

    def _too_deep(self, event: Any) -> NoReturn:
        what = f"nested deeper than {MAX_DEPTH} levels"
        self._stop(event, "too-deep", what, "Nothing that can be declared is so deep. Is a bracket not closed?")

    def _stop(self, event: Any, code: str, summary: str, detail: str) -> NoReturn:
        self._problem(event, code, summary, detail)
        raise Stop

    def _problem(self, event: Any, code: str, summary: str, detail: str) -> None:
        mark = event.start_mark
        where = Location(self._file, mark.line + 1, mark.column + 1)
        self.problems.append(error(code, summary, detail, where))
        if len(self.problems) >= MAX_PROBLEMS:
            raise Stop


# None of these quotes what was found: text without quotes that begins with such a sign may be a key.
_NO_TAG = "The field decides the type of its value. Remove what begins with '!', or put it in quotes if it is text."
_NO_VALUE = "Nothing stands behind the anchor. Remove what begins with '&', or put it in quotes if it is text."
_NO_COMMENT = "What begins with '#' is a comment, so nothing stands here. Put it in quotes, or a space behind the '#'."
_ONE_DOCUMENT = "One file is one document. Remove the line with ---, or move what follows to a file of its own."
_TEXT_KEY = "A list, a mapping or an alias can't be a key. Write the key out, or put it in quotes."
_NAME_KEY = "Name the key. A key that is really called so needs quotes."
_NO_ANCHOR = "No anchor of that name stands above it. Check the spelling, or put the text in quotes if it is no alias."
_WRITE_OUT = "Write the values out, or use 'defaults' for what tunnels share."
_MERGE_WHAT = "Put an alias of a mapping behind it, as in '<<: *name', or use 'defaults'."
