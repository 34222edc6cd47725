"""A file's values and their places in one pass over libyaml's events, with every refusal that needs the events.

    tunnels:          the value   {"tunnels": [{"name": "lon"}]}
      - name: lon     the places  {"tunnels": (1:1 and 2:3, [(2:5, {"name": 2:5 and 2:11})])}

Events are what a parser says of a text piece by piece: a mapping begins, a scalar, a mapping ends. PyYAML's own trees
are made from them, and leave out what is needed here: they read a key that stands twice without a word, forget tags on
lists and mappings, know no limit of depth, and cost several times as much. libyaml, which is written in C, gives the
events; PyYAML's own parser serves where PyYAML was built without it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeAlias

from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.model.problems import MAX_LISTED, Diagnostic, Location, error, shown
from reconciler.model.tunnel import SENSITIVE_NAMES
from reconciler.model.written import Plain
from reconciler.yaml.screen import has_control, split_lines

MAX_DEPTH = 32
"""Levels of nesting; the deepest thing anybody can declare has 6."""
MAX_EXPANSION = 10_000
"""Nodes that all aliases and merge keys of a file may stand for."""
SECRET_FIELDS = ("psk", "token", *sorted(SENSITIVE_NAMES))
"""Fields whose value is a key, or says where one is: none of them is null by mistake."""

Data: TypeAlias = "str | list[Data] | dict[str, Data] | None"
"""What a file holds: every scalar but null is text, some of it `Plain`."""
Places: TypeAlias = dict[str, "Spot"] | list["Spot"]
Spot: TypeAlias = int | tuple[int, Places]
"""Where an entry stands, and for a list or a mapping that is written out there the places in it."""

_BITS = 21  # a file has at most 2**20 characters, so a line or a column fits
_MASK = (1 << _BITS) - 1

_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = ("true", "True", "TRUE", "false", "False", "FALSE")
_INFINITIES = tuple(sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF"))
_NOT_TEXT = (*_BOOLEANS, *_INFINITIES, ".nan", ".NaN", ".NAN")
_WORDS: dict[str, Data] = {**dict.fromkeys(_NULLS), **{word: Plain(word) for word in _NOT_TEXT}}
# YAML 1.2 says by regular expressions which scalars are numbers; these are those of its core schema.
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+")
_QUOTES = ("'", '"')
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")


def typed(text: str) -> Data:
    """Text without quotes as YAML 1.2's core schema sorts it: null, `Plain` for booleans and numbers, or text."""
    if text in _WORDS:
        return _WORDS[text]
    # The two cheap tests spare most values the pattern: no number has two dots, and every IPv4 address has three.
    # Text is never empty here: "" is one of the nulls.
    if text[0] in "0123456789+-." and text.count(".") < 2 and _NUMBER.fullmatch(text):  # noqa: PLR2004
        return Plain(text)
    return text


def spot(key: Any, value: Any) -> int:
    """The places of a key and of its value, from their first events, packed into one number.

    A large file has many thousands of them, and as tuples they would take several times the memory.
    """
    mark, own = key.start_mark, value.start_mark
    packed: int = ((mark.line << _BITS | mark.column) << _BITS | own.line) << _BITS | own.column
    return packed


def place(spot: Spot, *, key: bool = False) -> tuple[int, int]:
    """The line and the column, both from 1, of a spot's value or of its key."""
    packed = spot if isinstance(spot, int) else spot[0]
    at = packed >> 2 * _BITS if key else packed
    return (at >> _BITS & _MASK) + 1, (at & _MASK) + 1


def _may_hold_glued(text: str) -> bool:
    """True when a `#` has a blank before it and none behind it, as in `rack #7`; it may still stand in quotes.

    A quick look that most files and lines fail; `Reader._comment` then tells one from the other.
    """
    return any(rest[:1] not in ("", " ", "#", "\n") for rest in text.split(" #")[1:])


class Stop(Exception):
    """Nothing more can be said about the file."""


class Reader:
    """One pass over a file's events.

    Args:
        get: Gives the next event.
        text: The file.
        file: Its name for messages.

    Attributes:
        value: What the only document holds; None when there is none.
        root: Where it stands, with the places of all that is in it.
        problems: What is wrong, in the order found.
        glued: The comments without a blank behind their sign that follow a text without quotes, each with the field
            that it stands in: `description: rack #7` says `rack` and no more.
    """

    def __init__(self, get: Callable[[], Any], text: str, file: str) -> None:
        self.value: Data = None
        self.root: Spot = 0
        self.problems: list[Diagnostic] = []
        self.glued: list[tuple[str, Location]] = []
        self._get = get
        self._text = text
        self._file = file
        self._open: list[Data] = []
        self._anchors: dict[str, Data] = {}
        # By id of a value: its nodes and levels. It holds the value too, so that no other value can get its id.
        self._extents: dict[int, tuple[Data, int, int]] = {}
        self._expanded = 0
        self._names: dict[str, str] = {}  # each key's name once: the same few names stand in every tunnel
        self._quoted: list[tuple[int, int]] = []  # from where to where text stands in quotes, for `_tabs`
        lines = enumerate(split_lines(text)) if _may_hold_glued(text) else ()
        self._glued_lines = {number: line for number, line in lines if _may_hold_glued(line)}

    def read(self) -> None:
        """Reads the file.

        Raises:
            Stop: `problems` is full, or its last one makes the rest unreadable.
            yaml.YAMLError: The text is not YAML.
            ValueError, OverflowError: A tag or an escape in it stands for no text.
        """
        documents = 0
        while type(event := self._get()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._stop(event, "multiple-documents", "a second document begins here", _ONE_DOCUMENT)
                self.value, self.root = self._node(self._get(), "")
        if "\t" in self._text:
            self.problems += self._tabs()

    def _node(self, event: Any, field: str, key: Any = None) -> tuple[Data, Spot]:
        """The value that begins with an event, and where it stands with its key if it has one."""
        kind = type(event)
        at = spot(key or event, event)
        if kind is ScalarEvent:
            return self._scalar(event, field), at
        if kind is AliasEvent:
            return self._alias(event), at
        if event.tag not in (None, "!"):
            self._problem(event, "tag", "a tag, which is not allowed", _NO_TAG)
        # Before the next level is read: hostile depth must end here, not in Python's limit of recursion.
        if len(self._open) >= MAX_DEPTH:
            self._stop(event, *TOO_DEEP)
        value, places = self._mapping(event) if kind is MappingStartEvent else self._sequence(event, field)
        return value, (at, places)

    def _mapping(self, start: Any) -> tuple[Data, Places]:
        """The mapping after its start event."""
        out: dict[str, Data] = {}
        places: dict[str, Spot] = {}
        merge: Any = None
        self._begin(start, out)
        while type(key := self._get()) is not MappingEndEvent:
            name = self._key(key, places)
            event = self._get()
            value, at = self._node(event, name or "", key)
            if name is None:  # a key that is refused; its value was read, so that the events stay in step
                continue
            out[name], places[name] = value, at
            if name == "<<" and key.implicit[0]:  # in quotes it is a key like any other
                merge = event
            # `psk: #x7…` is a key that begins with a #, pasted without quotes: YAML reads nothing.
            if value is None and name in SECRET_FIELDS and self._comment(key.end_mark, colon=True):
                self._problem(event, "comment-value", "a comment where a value belongs", _NO_COMMENT)
        self._open.pop()
        # Only now are all own keys known, which win over merged ones wherever they stand.
        if merge is not None:
            self._merge(merge, out, places)
        return out, places

    def _sequence(self, start: Any, field: str) -> tuple[Data, Places]:
        """The list after its start event."""
        out: list[Data] = []
        places: list[Spot] = []
        self._begin(start, out)
        while type(event := self._get()) is not SequenceEndEvent:
            value, at = self._node(event, field)
            out.append(value)
            places.append(at)
        self._open.pop()
        return out, places

    def _begin(self, start: Any, container: Data) -> None:
        """Notes an open container, so that an alias inside it can be told from one behind it."""
        self._open.append(container)
        if start.anchor is not None:
            self._anchors[start.anchor] = container

    def _scalar(self, event: Any, field: str) -> Data:
        """A value that is not a container."""
        value: Data = event.value
        if event.implicit[0] and event.tag is None:  # without quotes
            value = typed(event.value)
            if self._glued_lines and (where := self._comment(event.end_mark)):
                self.glued.append((field, where))
        elif event.tag not in _TEXT_TAGS:
            self._problem(event, "tag", "a tag, which is not allowed", _NO_TAG)
        elif has_control(event.value):  # by an escape; PyYAML's own parser takes surrogates too
            surrogate = any("\ud800" <= character <= "\udfff" for character in event.value)
            self._problem(event, *(BAD_ESCAPE if surrogate else _ESCAPED_CONTROL))
        if event.style in _QUOTES:
            self._quoted.append((event.start_mark.index, event.end_mark.index))
        if event.anchor is not None:
            self._anchors[event.anchor] = value
            if value is None and not event.value:
                self._problem(event, "empty-anchor", "an anchor without a value", _NO_VALUE)
        return value

    def _key(self, event: Any, places: dict[str, Spot]) -> str | None:
        """The name of a key of a mapping; None for one that is refused."""
        if type(event) is not ScalarEvent:
            self._problem(event, "bad-key", "a key must be text", _TEXT_KEY)
            if type(event) is not AliasEvent:
                self._node(event, "")
            return None
        name: str = event.value
        plain = event.implicit[0] and event.anchor is None
        # The same few names stand in every tunnel, and one that was good as plain text is good again.
        if not (plain and name in self._names) and self._scalar(event, "") is None:
            self._problem(event, "null-key", "a key that is empty or null", _NAME_KEY)
            return None
        if name in places:
            line, _ = place(places[name], key=True)
            detail = f"It stands at line {line} already, and only one of the two can count. Remove one."
            self._problem(event, "duplicate-key", f"the key {shown(name)} stands twice in one mapping", detail)
            return None
        return self._names.setdefault(name, name) if plain else name

    def _alias(self, event: Any) -> Data:
        """What an alias stands for, counted as if it were written out; a refused one is empty."""
        name = event.anchor
        if name not in self._anchors:
            self._problem(event, "unknown-alias", "an alias that stands for nothing", _NO_ANCHOR)
            return {}
        value = self._anchors[name]
        if any(value is container for container in self._open):
            self._problem(event, "recursive-alias", "an alias that holds itself", _WRITE_OUT)
            return {}
        # Without the limit a few hundred bytes ("billion laughs": aliases of aliases) stand for more than memory holds.
        size, depth = self._extent(value)
        if isinstance(value, dict | list):
            self._extents[id(value)] = value, size, depth
        self._expanded += size
        if self._expanded > MAX_EXPANSION:
            summary = f"aliases stand for more than {MAX_EXPANSION:,} values"
            self._stop(event, "alias-expansion", summary, _WRITE_OUT)
        if len(self._open) + depth > MAX_DEPTH:
            self._stop(event, *TOO_DEEP)
        return value

    def _extent(self, value: Data) -> tuple[int, int]:
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

    def _merge(self, event: Any, out: dict[str, Data], places: dict[str, Spot]) -> None:
        """Adds what `<<` stands for, in its place. The mapping's own keys win, then those of the earlier source."""
        self._extents[id(out)] = out, *self._extent(out)  # with the aliases behind `<<`, which is about to go
        sources = out.pop("<<")
        for source in sources if isinstance(sources, list) else [sources]:
            if not isinstance(source, dict):
                self._problem(event, "bad-merge", "'<<' needs a mapping or a list of mappings", _MERGE_WHAT)
                return
            for key, value in source.items():
                if key not in out:
                    out[key] = value
                    places[key] = spot(event, event)

    def _comment(self, mark: Any, *, colon: bool = False) -> Location | None:
        """Where a comment without a blank behind its sign begins, if one follows a mark, or the colon behind it."""
        line = self._glued_lines.get(mark.line, "")
        rest = line[mark.column :]
        if colon:
            rest = rest.lstrip(" ").removeprefix(":")
        comment = rest.lstrip(" ")
        if comment == rest or not comment.startswith("#") or comment[1:2] in ("", "#") or comment[1].isspace():
            return None
        return Location(self._file, mark.line + 1, len(line) - len(comment) + 1)

    def _tabs(self) -> Iterator[Diagnostic]:
        """A problem for each line with a tab outside quotes and comments, on which YAML's parsers disagree.

        In quotes tabs and signs of comments become spaces first: what is left of either is outside.
        """
        parts: list[str] = []
        at = 0
        for start, end in self._quoted:
            parts += self._text[at:start], self._text[start:end].replace("\t", " ").replace("#", " ")
            at = end
        for number, line in enumerate(split_lines("".join([*parts, self._text[at:]])), 1):
            before, sign, _ = line.partition("\t")
            if sign and not before.startswith("#") and " #" not in before:
                yield error(*TAB, Location(self._file, number, len(before) + 1))

    def _stop(self, event: Any, code: str, summary: str, detail: str) -> NoReturn:
        self._problem(event, code, summary, detail)
        raise Stop

    def _problem(self, event: Any, code: str, summary: str, detail: str) -> None:
        mark = event.start_mark
        self.problems.append(error(code, summary, detail, Location(self._file, mark.line + 1, mark.column + 1)))
        if len(self.problems) >= MAX_LISTED:  # what is not listed is not worth reading for
            raise Stop


BAD_ESCAPE = (
    "bad-escape",
    "an escape in double quotes that stands for no character",
    r"After \ only what YAML knows may follow. Write \\ for a backslash, or use single quotes.",
)
TAB = (
    "tab",
    "a tab outside quotes and comments",
    'YAML counts spaces, and programs disagree on tabs. Use spaces, or "\\t" inside double quotes.',
)
TOO_DEEP = (
    "too-deep",
    f"nested deeper than {MAX_DEPTH} levels",
    "Nothing that can be declared is so deep. Is a bracket not closed?",
)
_ESCAPED_CONTROL = (
    "control-character",
    "an escape that stands for a control character",
    "No value may hold one. Remove the escape.",
)
# None of these quotes what was found: text without quotes that begins with such a sign may be a key.
_NO_TAG = "The field decides the type of its value. Remove what begins with '!', or put it in quotes if it is text."
_NO_VALUE = "Nothing stands behind the anchor. Remove what begins with '&', or put it in quotes if it is text."
_NO_COMMENT = "What begins with '#' is a comment, so nothing stands here. Put it in quotes, or a space behind the '#'."
_ONE_DOCUMENT = "One file is one document. Remove the line with ---, or move what follows to a file of its own."
_TEXT_KEY = "A list, a mapping or an alias can't be a key. Write the key out, or put it in quotes."
_NAME_KEY = "Name the key. A key that is really called so needs quotes."
_NO_ANCHOR = (
    "No anchor of that name stands above it. Check the spelling, or put the text in quotes if it is not an alias."
)
_WRITE_OUT = "Write the values out, or use 'defaults' for what tunnels share."
_MERGE_WHAT = "Put an alias of a mapping behind it, as in '<<: *name', or use 'defaults'."
