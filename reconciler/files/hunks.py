"""Unified diffs of single texts, as `git apply` takes them, that never show certain lines."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT = 3
"""Lines shown before and after a change, where nothing forbids it."""

_NO_NEWLINE = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Edit:
    """Other text between two offsets of a text."""

    start: int
    stop: int
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `first` to `last` (from 0, without `last`) and what stands there instead."""

    first: int
    last: int
    new: tuple[str, ...]


class Hidden(Exception):
    """A line that may not be shown would have to be; `first` and `last` bound the lines of the change."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(first, last)
        self.first = first
        self.last = last


def lines(text: str) -> list[str]:
    """The lines as git counts them, with their ends."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def edited(text: str, edits: Collection[Edit]) -> str:
    """The text with edits made, which must not overlap."""
    for edit in sorted(edits, key=lambda e: (e.start, e.stop), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.stop :]
    return text


def blocks(text: str, edits: Collection[Edit]) -> list[Block]:
    """The lines that edits change, in order, as few as possible."""
    out: list[Block] = []
    for group in _groups(text, edits):
        at = text.rfind("\n", 0, group[0].start) + 1
        stop = max(edit.stop for edit in group)
        moved = [Edit(e.start - at, e.stop - at, e.text) for e in group]
        if any(half and not half.endswith("\n") for half in (text[at:stop], edited(text[at:stop], moved))):
            stop = _after(text, stop)
        first = text.count("\n", 0, at)
        before, after = lines(text[at:stop]), lines(edited(text[at:stop], moved))
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if tag != "equal":
                out.append(Block(first + i1, first + i2, tuple(after[j1:j2])))
    return out


def _after(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _groups(text: str, edits: Collection[Edit]) -> Iterator[list[Edit]]:
    """Edits in order, those that share a line together."""
    group: list[Edit] = []
    reach = -1
    for edit in sorted(edits, key=lambda e: (e.start, e.stop)):
        if group and text.rfind("\n", 0, edit.start) + 1 >= reach:
            yield group
            group = []
        group.append(edit)
        reach = max(reach, _after(text, edit.stop))
    if group:
        yield group


def unified(path: str, before: str, changes: Collection[Block], hidden: Collection[int]) -> str:
    """The diff of one file.

    Args:
        path: The file's path in the repository.
        before: Its text.
        changes: What changes, in order.
        hidden: Lines (from 0) of `before` that the diff may not show.

    Raises:
        Hidden: A change can't be told without showing one.
    """
    old = lines(before)
    tail = "\t" if " " in path else ""
    out = [f"--- a/{path}{tail}\n", f"+++ b/{path}{tail}\n"]
    shift = 0
    for group in _hunks(list(changes), hidden):
        text, more = _hunk(old, group, hidden, shift)
        out.append(text)
        shift += more
    return "".join(out)


def _hunks(changes: list[Block], hidden: Collection[int]) -> Iterator[list[Block]]:
    """Changes near each other together, unless a hidden line lies between."""
    group: list[Block] = []
    for change in changes:
        if group:
            gap = range(group[-1].last, change.first)
            if len(gap) > 2 * CONTEXT or any(line in hidden for line in gap):
                yield group
                group = []
        group.append(change)
    if group:
        yield group


def _hunk(old: list[str], group: list[Block], hidden: Collection[int], shift: int) -> tuple[str, int]:
    """One hunk, and by how many lines it moves what follows."""
    first, last = group[0].first, group[-1].last
    top, bottom = first, last
    while top > max(0, first - CONTEXT) and top - 1 not in hidden:
        top -= 1
    while bottom < min(len(old), last + CONTEXT) and bottom not in hidden:
        bottom += 1
    shown = any(line in hidden for change in group for line in range(change.first, change.last))
    # git takes a hunk that ends with a change for one at the file's end.
    if shown or (bottom == last and last < len(old)):
        raise Hidden(first, last)
    body, at = [], top
    for change in group:
        body += [f" {line}" for line in old[at : change.first]]
        body += [f"-{line}" for line in old[change.first : change.last]]
        body += [f"+{line}" for line in change.new]
        at = change.last
    body += [f" {line}" for line in old[at:bottom]]
    more = sum(len(c.new) - (c.last - c.first) for c in group)
    head = f"@@ -{_range(top, bottom - top)} +{_range(top + shift, bottom - top + more)} @@\n"
    return head + "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in body), more


def _range(first: int, count: int) -> str:
    """A hunk's range: lines count from 1, and an empty range names the line before it."""
    return f"{first + 1 if count else first},{count}"
