"""A file that is not a usual one: its value, or every problem in it, in a single pass over the parser's events."""

import codecs
import re
from collections.abc import Callable

from yaml.error import MarkedYAMLError

from reconciler.model.problems import Diagnostic, Location, error, shown
from reconciler.yaml.builder import KEY_FIELDS, Builder, Stop
from reconciler.yaml.plain import Value
from reconciler.yaml.positions import Positions, read_positions
from reconciler.yaml.screen import decode
from reconciler.yaml.syntax import BROKEN, events, explain

_COMMENT = re.compile(rf"(?:{'|'.join(KEY_FIELDS)})[\"']?[ \t]*:[ \t]+#[^\s#]".encode())
"""A comment that may be meant as a value, since it begins without a space."""


def read_events(
    data: bytes, file: str, *, pure: bool
) -> tuple[Value, dict[int, list[tuple[int, int]]], list[Diagnostic]]:
    """What a file holds, where the items of the lists below the root's keys begin, and its problems.

    Args:
        data: A file that `encoding.screen` found nothing wrong with.
        file: Its name for messages.
        pure: Use PyYAML's parser written in Python.

    Returns:
        The value, places (line and column from 1) by the list's `id`, and the problems; the first two mean
        nothing when there is a problem.
    """
    data = data.removeprefix(codecs.BOM_UTF8)  # only the pure parser counts it as a character
    comments = frozenset(data.count(b"\n", 0, found.start()) for found in _COMMENT.finditer(data))
    careful = bool(comments) or any(sign in data for sign in (b"\\", b"&", b"!"))

    def build(part: bytes) -> Builder:
        return Builder(events(part, pure=pure), file, careful=careful, comments=comments)

    builder = build(data)
    value: Value = None
    try:
        value = builder.document()
    except Stop:
        pass
    except BROKEN as broken:
        text = decode(data)
        builder.problems.append(explain(broken, text, file))
        builder = _stopped_before(broken, text, build) or builder
    if builder.repeated:
        builder.problems += _duplicates(read_positions(events(data, pure=pure)), file)
    return value, builder.starts, builder.problems


def _stopped_before(broken: Exception, text: str, build: Callable[[bytes], Builder]) -> Builder | None:
    """The builder that stops at what stands before a parser's error, None when nothing there stops one.

    To tell keys from values a parser reads up to 1,024 characters ahead of the events it gives, and it raises an error
    when it meets it: libyaml 0.2.6 ends at its own limit of 1,000 levels before it gives the first bracket of `[[[[…`.
    So what stands before the error is read alone, where a file that is too deep shows itself with any parser.
    """
    if not isinstance(broken, MarkedYAMLError) or broken.problem_mark is None:
        return None
    before = build(text[: broken.problem_mark.index].encode())
    try:
        before.document()
    except Stop:
        return before
    except BROKEN:
        pass  # it was cut, so it need not be whole
    return None


def _duplicates(positions: Positions, file: str) -> list[Diagnostic]:
    """One problem for each key that its mapping holds already."""
    return [
        error(
            "duplicate-key",
            f"the key {shown(key)} stands twice in one mapping",
            f"It stands at line {first[0]} already, and only one of the two can count. Remove one.",
            Location(file, *second),
        )
        for key, first, second in positions.repeats
    ]
