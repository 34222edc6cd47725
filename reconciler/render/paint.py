"""Colour and cutting for a terminal. Text is made inert before it gets here."""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
ACTION_COLOR = {"create": "green", "update": "yellow", "delete": "red"}
OUTCOME_COLOR = {"applied": "green", "failed": "red", "skipped": "yellow", "unknown": "red"}
WEIGHT_COLOR = {"traffic": "red", "security": "red", "error": "red", "warning": "yellow", "refused": "red"}

_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Paint:
    """How a terminal is written to.

    Attributes:
        color: Whether colour is wanted.
        width: Columns of the terminal, or None where lines may be as long as they are.
    """

    color: bool = False
    width: int | None = None

    def __call__(self, text: str, style: str | None) -> str:
        """The text in a style, or as it is."""
        if not self.color or style is None or not text:
            return text
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m"

    def row(self, *cells: tuple[str, str | None]) -> str:
        """Cells, each with its style, two spaces apart and without blanks at the end of the line."""
        last = max((index for index, (text, _) in enumerate(cells) if text.strip()), default=-1)
        kept = [*cells[:last], (cells[last][0].rstrip(), cells[last][1])] if last >= 0 else []
        return "  ".join(self(text, style) for text, style in kept)

    def cut(self, text: str, used: int) -> str:
        """The text cut to what is left of the line after `used` columns, with a mark where it was cut."""
        if self.width is None:
            return text
        room = max(self.width - used, _NARROWEST)
        if columns(text) <= room:
            return text
        kept = list(text[: room - 1])
        while columns("".join(kept)) > room - 1:
            kept.pop()
        return "".join(kept) + "…"


def columns(text: str) -> int:
    """How many columns of a terminal the text fills."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int) -> str:
    """The text filled with spaces up to a width in columns."""
    return text + " " * (width - columns(text))


def widest(texts: Sequence[str], limit: int) -> int:
    """Columns of the widest text, at most `limit`."""
    return min(max(map(columns, texts), default=0), limit)
