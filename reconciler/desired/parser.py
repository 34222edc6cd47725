"""A file that is not a usual one: its value, or every problem in it, in a single pass over the parser's events."""

import re

from reconciler.core.diagnostic import Diagnostic, Location, error
from reconciler.desired.builder import KEY_FIELDS, Builder, Stop, shown
from reconciler.desired.encoding import decode
from reconciler.desired.plain import Value
from reconciler.desired.positions import Positions, read_positions
from reconciler.desired.syntax import BROKEN, events, explain

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
    comments = frozenset(data.count(b"\n", 0, found.start()) for found in _COMMENT.finditer(data))
    careful = bool(comments) or any(sign in data for sign in (b"\\", b"&", b"!"))
    builder = Builder(events(data, pure=pure), file, careful=careful, comments=comments)
    value: Value = None
    try:
        value = builder.document()
    except Stop:
        pass
    except BROKEN as broken:
        builder.problems.append(explain(broken, decode(data), file))
    if builder.repeated:
        builder.problems += _duplicates(read_positions(events(data, pure=pure)), file)
    return value, builder.starts, builder.problems


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
