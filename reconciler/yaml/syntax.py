"""The two event parsers of PyYAML behind one function, and their messages in plain words.

libyaml's parser is fast; the pure one serves where PyYAML was built without it. Both give the same events.
"""

from collections.abc import Callable
from typing import Any

from yaml.error import MarkedYAMLError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError

from reconciler.model.problems import Diagnostic, Location, error
from reconciler.yaml.screen import split_lines

try:
    from yaml._yaml import CParser
except ImportError:  # pragma: no cover - PyYAML without libyaml
    CParser = None  # type: ignore[assignment,misc]

NextEvent = Callable[[], Any]
"""Gives the next event; None after the last one."""

BROKEN = (MarkedYAMLError, ValueError)
"""What a parser raises on text that is not YAML; ValueError for escapes that make no character."""

_CHECK_INDENT = "Check the indentation of this line against the lines above it."
_QUOTE_TEXT = "Put text that holds such characters in quotes."
_PHRASES = (
    (
        "mapping values are not allowed",
        "a ':' where no key can stand",
        "Text that holds ': ' needs quotes; else check the indentation.",
    ),
    (
        "could not find expected ':'",
        "a line that is neither 'key: value' nor a list item",
        f"A ':' is missing after it. {_CHECK_INDENT}",
    ),
    (
        "quoted scalar",
        "a quote that is never closed",
        "Text that begins with a quote must end with the same one.",
    ),
    ("cannot start any token", "a value can't begin with this character", _QUOTE_TEXT),
    ("'-' indicator", "a line that does not belong to the list above it", _CHECK_INDENT),
    ("parsing a block", "a line that fits no level above it", _CHECK_INDENT),
    (
        "flow sequence",
        "a list in [ ] without a ',' or ']'",
        "Close the list with ']', separate items with ','.",
    ),
    (
        "flow mapping",
        "a mapping in { } without a ',' or '}'",
        "Close it with '}', separate entries with ','.",
    ),
    ("flow node", "a '[' or '{' that is never closed", "Add the missing bracket."),
    ("entries are not allowed", "a list item where none can stand", _CHECK_INDENT),
    ("anchor", "an anchor or alias without a proper name", "Names of anchors hold letters, digits, - and _."),
    ("alias", "an anchor or alias without a proper name", _QUOTE_TEXT),
    ("block scalar", "a block of text that is not well formed", _CHECK_INDENT),
    ("document start", "text after the end of the document", "Remove the line with ... or what follows it."),
)
_ESCAPES = ("escape", "hexdecimal")
_TAGS = ("tag", "undefined tag handle")


class _PureParser(Reader, Scanner, Parser):
    """The pure parser, with errors of its own where it would leak those of `chr`."""

    def __init__(self, data: bytes) -> None:
        Reader.__init__(self, data)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_flow_scalar(self, style: str) -> Any:
        """As the base class; an escape beyond Unicode is an error of the text, not of the program."""
        start = self.get_mark()
        try:
            return super().scan_flow_scalar(style)
        except (ValueError, OverflowError) as broken:
            here = self.get_mark()
            raise ScannerError("while parsing", start, "found invalid escape", here) from broken


def events(data: bytes, *, pure: bool = False) -> NextEvent:
    """A function that gives the parse events of UTF-8 text one by one.

    Args:
        data: Text that `encoding.screen` found nothing wrong with.
        pure: Use the parser written in Python even where libyaml is there.
    """
    parser = _PureParser(data) if pure or CParser is None else CParser(data)
    return parser.get_event


def explain(broken: Exception, text: str, file: str) -> Diagnostic:
    """The problem behind a parser's error, in words that say what to do.

    Args:
        broken: One of `BROKEN`, as a `NextEvent` raised it.
        text: What was parsed.
        file: The file's name for the message.
    """
    if not isinstance(broken, MarkedYAMLError):
        return _tag(Location(file))
    message = f"{broken.context} {broken.problem}"
    mark, start = broken.problem_mark, broken.context_mark
    if "quoted scalar" in message or "invalid escape" in message:
        mark = start
    if any(word in message for word in _ESCAPES):
        return bad_escape(start, file)
    where = _within(mark, text, file)
    if any(word in message for word in _TAGS):
        return _tag(where)
    for words, summary, remedy in _PHRASES:
        if words in message:
            return error("syntax", summary, f"This is not valid YAML. {remedy}", where)
    return error("syntax", "this is not valid YAML", _CHECK_INDENT, where)


def _within(mark: Any, text: str, file: str) -> Location:
    """The place of a mark; the end of the last line with text for one behind it, where parsers differ."""
    lines = split_lines(text.rstrip())
    if mark.line < len(lines):
        return Location(file, mark.line + 1, mark.column + 1)
    return Location(file, len(lines), len(lines[-1]) + 1)


def bad_escape(mark: Any, file: str) -> Diagnostic:
    """The problem of an escape without a character, at the beginning of its quoted text."""
    return error(
        "bad-escape",
        "an escape in double quotes that stands for no character",
        r"After \ only what YAML knows may follow. Write \\ for a backslash, or use single quotes.",
        Location(file, mark.line + 1, mark.column + 1),
    )


def _tag(where: Location) -> Diagnostic:
    return error("tag", "a tag that can't be read", "Tags are not needed here. Remove what begins with '!'.", where)
