"""Lines for a terminal: colour, columns, and what to do with what is wider than the line. Nothing is ever cut.

Where a terminal's width is not known, as in a pipe or a log, each line is as long as it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from unicodedata import combining, east_asian_width

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
COLOR = {
    **dict.fromkeys(("create", "applied", "ok"), "green"),
    **dict.fromkeys(("update", "skipped", "warning"), "yellow"),
    **dict.fromkeys(("delete", "failed", "unknown", "rolled_back", "traffic", "security", "refused", "error"), "red"),
}
"""Of what is done, how it ended, and how bad it is."""
_NARROWEST = 20
"""Columns for a text, also where the line has less left."""


class Paint(NamedTuple):
    """How a terminal is written to.

    Attributes:
        color: Whether colour is wanted.
        width: Columns of the terminal, or None where lines may be as long as they are.
    """

    color: bool = False
    width: int | None = None

    def __call__(self, text: str, style: str | None) -> str:
        """The text in a style, or as it is."""
        if not self.color or style is None or not text.strip():
            return text
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m"

    def flow(self, cells: Iterable[tuple[str, str | None]], begin: int, indent: int) -> Iterator[str]:
        """Cells, each with its style, two spaces apart; one that has no room in its line begins the next.

        Args:
            cells: As wide as their columns; one that is empty in all rows is left out.
            begin: Columns before the first line.
            indent: Columns before each other line.
        """
        line, used, blanks = "", begin, begin
        for text, style in cells:
            said = text.rstrip()
            if line and said and not self.fits(said, used):
                yield line
                line, used, blanks = "", indent, indent
            if said:
                line, blanks = line + " " * blanks + self(said, style), 0
            if text:
                used, blanks = used + columns(text) + 2, blanks + len(text) - len(said) + 2
        yield line

    def fits(self, text: str, used: int) -> bool:
        """Whether the text has room in a line of which so many columns are used."""
        return self.width is None or used + columns(text) <= self.width

    def below(
        self, text: str, indent: int, style: str | None = None, begin: str | None = None, used: int | None = None
    ) -> Iterator[str]:
        """The text on lines of its own, parted at blanks only, so that an address can still be copied.

        Args:
            text: What to say.
            indent: Columns before each line.
            style: Of the text.
            begin: What stands before the first line in place of blanks.
            used: Columns that `begin` fills, where they are more than `indent`.
        """
        lines = [text]
        if self.width is not None:
            lines = _wrapped(text, max(self.width - indent, _NARROWEST), (used or indent) - indent)
        for number, line in enumerate(lines):
            yield ((begin if begin and number == 0 else " " * indent) + self(line, style)).rstrip(" ")

    def said(self, label: str, text: str, indent: int, style: str | None = None) -> Iterator[str]:
        """`note: …`; what does not fit stands under the beginning of the text."""
        begin = f"{' ' * indent}{self(label, style)} "
        return self.below(text, indent + columns(label) + 1, begin=begin)


def _wrapped(text: str, room: int, ahead: int) -> list[str]:
    """Lines of at most `room` columns, the first with `ahead` fewer: it stays empty where no word fits."""
    lines, line, left = list[str](), "", room - ahead
    for word in text.split(" ") if text else ():
        if columns(line) + bool(line) + columns(word) <= left or not (line or left < room):
            line = f"{line} {word}" if line else word
        else:
            lines.append(line)
            line, left = word, room
    return [*lines, line] if text else []


def columns(text: str) -> int:
    """How many columns of a terminal the text fills."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int) -> str:
    """The text filled with spaces up to a width in columns."""
    return text + " " * (width - columns(text))


def aligned(rows: Sequence[Sequence[str]], limit: int) -> list[list[str]]:
    """Rows of cells, each filled up to the width of its column, at most `limit`."""
    widths = [widest(cells, limit) for cells in zip(*rows, strict=True)]
    return [list(map(padded, cells, widths)) for cells in rows]


def widest(texts: Sequence[str], limit: int) -> int:
    """Columns of the widest text, at most `limit`."""
    return min(max(map(columns, texts), default=0), limit)
