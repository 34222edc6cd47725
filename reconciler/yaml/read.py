"""One YAML file's bytes to plain data with places, or to every problem in it.

YAML guesses types from spelling, and its versions guess differently: `on` is true in one and text in the other, `010`
is 8 or 10, `1:30` is 90 or text. So every value but null stays the text that was written, and the field decides its
type later. Text without quotes that YAML 1.2 takes for a boolean or a number is `Plain`, so that a field can tell
`65010` from `"65010"`. For a file that is wrong there is no data at all, only its problems.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import yaml

from reconciler.model.problems import MAX_LISTED, MORE, Diagnostic, Location, error, in_order
from reconciler.yaml.events import BAD_ESCAPE, TAB, TOO_DEEP, Data, Reader, Spot, Stop, place
from reconciler.yaml.screen import decode, screen, split_lines

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root, as ("tunnels", 3, "bgp")."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, or PyYAML's own where PyYAML was built without it; nothing but events is taken from either."""

_BROKEN = (yaml.MarkedYAMLError, ValueError, OverflowError)
"""What a parser raises on text that is not YAML; the last two for tags and escapes that make no text."""


class DocumentError(ValueError):
    """A file that is refused; `diagnostics` holds all that is wrong with it, sorted by place."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(map(str, diagnostics)))
        self.diagnostics = diagnostics


class Document(NamedTuple):
    """Where everything stands in a file that was read.

    Attributes:
        file: Its name for messages.
        root: The places of all that is in it.
    """

    file: str
    root: Spot

    def location(self, path: KeyPath, *, key: bool = False) -> Location:
        """The place of what stands at a path.

        Args:
            path: When it leads nowhere, as for a value that came from an alias or a default, the place of the nearest
                part that exists.
            key: The place of the last key instead of its value's.
        """
        spot = self.root
        for part in path:
            inner = _entry(spot, part)
            if inner is None:
                break
            spot = inner
        return Location(self.file, *place(spot, key=key))

    def holds(self, path: KeyPath) -> bool:
        """True when something stands at a path, or an alias or a merge key on the way to it."""
        spot = self.root
        for part in path:
            if isinstance(spot, int):  # nothing is written out below it
                return True
            inner = _entry(spot, part)
            if inner is None:
                return False
            spot = inner
        return True


def _entry(spot: Spot, part: str | int) -> Spot | None:
    """The spot of a key of a mapping or of an item of a list."""
    places = None if isinstance(spot, int) else spot[1]
    if isinstance(places, dict):
        return places.get(str(part))
    if isinstance(places, list) and isinstance(part, int) and part < len(places):
        return places[part]
    return None


class Parsed(NamedTuple):
    """What a file holds.

    Attributes:
        document: The places. They do not hold the value, which is worth freeing as soon as it is typed.
        value: Dicts with text keys, lists, `str`, `Plain` and None. What an alias stands for is the same
            object wherever it is used: treat the value as read-only. None for an empty file.
        glued: Comments that may be meant as a part of the text before them, with the field that each stands in.
    """

    document: Document
    value: Data
    glued: tuple[tuple[str, Location], ...] = ()

    def item_locations(self, key: str) -> list[Location]:
        """The place of each item of the list under a key of the root."""
        items = self.value.get(key) if isinstance(self.value, dict) else None
        return [self.document.location((key, index)) for index in range(len(items))] if isinstance(items, list) else []


def parse(data: bytes, file: str, loader: Any = LOADER) -> Parsed:
    """Reads one file.

    Args:
        data: All its bytes.
        file: Its name for messages.
        loader: The parser that gives the events.

    Raises:
        DocumentError: Something is wrong with the file. Several problems are reported at once, but nothing can be
            said about what follows an error of YAML's syntax.
    """
    if refused := screen(data, file):
        raise DocumentError(_capped(refused))
    text = decode(data)
    reader = Reader(loader(text).get_event, text, file)
    try:
        reader.read()
    except Stop:
        pass
    except _BROKEN as broken:
        reader.problems.append(_syntax(broken, text, file))
    if reader.problems:  # found on the way, or when the reader stopped
        raise DocumentError(_capped(in_order(reader.problems)))
    return Parsed(Document(file, reader.root), reader.value, tuple(reader.glued))


def _capped(problems: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The problems of a file that can't be read; after so many of them its rest is not looked at."""
    first = tuple(problems[:MAX_LISTED])
    if len(first) < MAX_LISTED:
        return first
    detail = "After so many problems the rest is not looked at. Correct these, then look again."
    return (*first, error(MORE, "there may be more problems in this file", detail, first[-1].location))


_CHECK_INDENT = "Check the indentation of this line against the lines above it."
_QUOTE_TEXT = "Put text that holds such characters in quotes."
_TAG = ("tag", "a tag that can't be read", "Tags are not needed here. Remove what begins with '!'.")
# What libyaml and PyYAML's own parser say, and the problem in words of ours. The first entry whose words stand in the
# parser's message counts, so the special ones come first.
_PHRASES = (
    ("escape", BAD_ESCAPE),
    ("hexdecimal", BAD_ESCAPE),  # a parser spells it so
    ("tag", _TAG),
    # libyaml from 0.2.6 on has a limit of its own, and may meet it before the reader sees ours: to tell keys from
    # values it reads up to 1,024 characters ahead of the events that it gives.
    ("nesting depth", TOO_DEEP),
)
_SYNTAX = (
    (
        "mapping values",
        "a ':' where no key can stand",
        "Text that holds ': ' needs quotes; else check the indentation.",
    ),
    (
        "expected ':'",
        "a line that is neither 'key: value' nor a list item",
        f"A ':' is missing after it. {_CHECK_INDENT}",
    ),
    ("quoted scalar", "a quote that is never closed", "Text that begins with a quote must end with the same one."),
    ("start any token", "a value can't begin with this character", _QUOTE_TEXT),
    ("'-' indicator", "a line that does not belong to the list above it", _CHECK_INDENT),
    ("parsing a block", "a line that fits no level above it", _CHECK_INDENT),
    ("flow sequence", "a list in [ ] without a ',' or ']'", "Close the list with ']', separate items with ','."),
    ("flow mapping", "a mapping in { } without a ',' or '}'", "Close it with '}', separate entries with ','."),
    ("flow node", "a '[' or '{' that is never closed", "Add the missing bracket."),
    ("entries are not allowed", "a list item where none can stand", _CHECK_INDENT),
    ("anchor", "an anchor or alias without a proper name", "Names of anchors hold letters, digits, - and _."),
    ("alias", "an anchor or alias without a proper name", _QUOTE_TEXT),
    ("block scalar", "a block of text that is not well formed", _CHECK_INDENT),
    ("document start", "text after the end of the document", "Remove the line with ... or what follows it."),
    ("", "something that can't be read", _CHECK_INDENT),
)


def _syntax(broken: Exception, text: str, file: str) -> Diagnostic:
    """The problem behind a parser's error, in words that say what to do.

    Args:
        broken: What the parser raised.
        text: What was parsed.
        file: The file's name for the message.
    """
    # Raised without a place while a tag or an escape was turned into text: a UnicodeError by a tag's %-escapes.
    if not isinstance(broken, yaml.MarkedYAMLError):
        return error(*(_TAG if isinstance(broken, UnicodeError) else BAD_ESCAPE), Location(file))
    message = f"{broken.context} {broken.problem}"
    found = next((said for words, said in _PHRASES if words in message), None)
    begins = found == BAD_ESCAPE or "quoted scalar" in message  # the place is then where the text begins
    mark: Any = broken.context_mark if begins else broken.problem_mark
    lines = split_lines(text.rstrip())
    where = Location(file, mark.line + 1, mark.column + 1)
    if mark.line >= len(lines):  # behind the last line with text, where parsers differ
        where = Location(file, len(lines), len(lines[-1]) + 1)
    if text[mark.index : mark.index + 1] == "\t":
        found = TAB
    if found:
        return error(*found, where)
    summary, remedy = next((summary, remedy) for words, summary, remedy in _SYNTAX if words in message)
    return error("syntax", summary, f"This is not valid YAML. {remedy}", where)
