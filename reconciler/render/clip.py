"""Cutting text of any size down to what a page has room for."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

_RUN = re.compile(r"`+")
_DOCUMENTATION = re.compile(r"https://(?:[a-z0-9-]+\.)*cloudflare\.com(?:/[A-Za-z0-9._~/#-]*)?\Z")
_URL = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~-]+)*/?\Z")


def clipped(text: str, sink: Callable[[str], str], limit: int) -> str:
    """The text made inert, in at most `2 * limit` bytes however much it takes to escape it."""
    kept = text[:limit]
    while size(shown := sink(kept if len(kept) == len(text) else f"{kept}…")) > 2 * limit:
        kept = kept[: len(kept) // 2]
    return shown


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def fence(lines: list[str], language: str) -> str:
    """A fenced block, its fence longer than any run of backticks inside.

    Hidden markers are sought line by line, fences or not, so no line of a block may look like one.
    """
    lines = [f"\\u{{3c}}{line[1:]}" if line.startswith("<!--") else line for line in lines]
    longest = max((len(run) for line in lines for run in _RUN.findall(line)), default=0)
    ticks = "`" * max(3, longest + 1)
    return "\n".join([f"{ticks}{language}", *lines, ticks])


def few(items: Sequence[T], draw: Callable[[T], str], limit: int) -> Iterator[str]:
    """The first items drawn, then how many more there are."""
    return first(map(draw, items), len(items), limit)


def first(lines: Iterator[str], total: int, limit: int) -> Iterator[str]:
    """The first of `total` lines, then how many more there are; the others are never drawn."""
    yield from islice(lines, limit)
    if total > limit:
        yield f"and {total - limit:,} more"


def documentation(url: str) -> str | None:
    """The URL if it leads to a page of Cloudflare's, else None: a link from an answer may be anybody's."""
    return url if _DOCUMENTATION.match(url) else None


def https(url: str | None) -> str | None:
    """The URL without a closing slash if it is plain https, else None: it may be anybody's."""
    return url.rstrip("/") if url and _URL.match(url) else None
