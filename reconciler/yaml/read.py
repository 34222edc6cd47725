"""One YAML file's bytes to plain data, or to every problem in it.

A usual file is read line by line (`lines`), any other in a single pass over the parser's events (`parser`).

Data keeps what was written: every value but null is text, since the field decides its type later, not YAML
(`on`, `010` and `1:30` stay what they are). Plain text that YAML 1.2 reads as a boolean or a number is
`Plain`, so that a field can tell `65010` from `"65010"`. Nothing is built for a file that is wrong.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reconciler.model.problems import Diagnostic, Location, error, in_order
from reconciler.yaml.lines import read_lines
from reconciler.yaml.plain import Path, Plain, Value
from reconciler.yaml.screen import MAX_PROBLEMS, screen

if TYPE_CHECKING:  # PyYAML is imported for the first file that is not a usual one
    from reconciler.yaml.positions import Positions

__all__ = ["Document", "DocumentError", "Parsed", "Plain", "Reader", "Value", "parse"]

Reader = Literal["lines", "libyaml", "pure"]
"""Line by line, by libyaml, by PyYAML's parser written in Python; each hands on to the next what it can't read, the
second where PyYAML was built without libyaml."""


class DocumentError(ValueError):
    """A file that is refused; `diagnostics` holds all that is wrong with it, sorted by place."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(map(str, diagnostics)))
        self.diagnostics = diagnostics


class Document:
    """A file that was read: its text, and where things stand in it.

    Attributes:
        text: The file's bytes.
        file: Its name for messages.
    """

    __slots__ = ("_positions", "_reader", "file", "text")

    def __init__(self, text: bytes, file: str, reader: Reader) -> None:
        self.text = text
        self.file = file
        self._reader = reader
        self._positions: Positions | None = None

    def locate(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """The line and column, from 1, of what stands at a path of keys and indexes.

        Args:
            path: As ("tunnels", 3, "bgp"). When it leads nowhere, as for a value that came from an alias, a
                merge or a default, the place of the nearest part that exists.
            key: The place of the last key instead of its value's.
        """
        if self._reader == "lines" and len(path) == 1 and not key:
            # In a usual file nothing but a key of the root begins a line.
            here = re.search(rf"^{path[0]}: +(?=[^ \n#])".encode(), self.text, re.MULTILINE)
            if here:
                return self.text.count(b"\n", 0, here.start()) + 1, here.end() - here.start() + 1
        return self._all_positions().find(path, key=key)

    def holds(self, path: Path) -> bool:
        """True when something stands at a path, or an alias on the way to it."""
        return self._all_positions().holds(path)

    def _all_positions(self) -> "Positions":
        if self._positions is None:
            from reconciler.yaml.positions import read_positions
            from reconciler.yaml.syntax import events

            self._positions = read_positions(events(self.text, pure=self._reader == "pure"))
        return self._positions

    def location(self, path: Path, *, key: bool = False) -> Location:
        """As `locate`, with the file's name."""
        return Location(self.file, *self.locate(path, key=key))


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file holds.

    Attributes:
        document: The file. It does not hold the value, which is worth freeing as soon as it is typed.
        value: Dicts with text keys, lists, `str`, `Plain` and None. What an alias stands for is the same
            object wherever it is used: treat the value as read-only. None for an empty file.
        starts: The line and column, from 1, of the items of lists below the root's keys, by the list's `id`.
    """

    document: Document
    value: Value
    starts: Mapping[int, list[tuple[int, int]]]

    def item_locations(self, key: str) -> list[Location]:
        """The place of each item of the list under a key of the root."""
        items = self.value.get(key) if isinstance(self.value, dict) else None
        if not isinstance(items, list):
            return []
        starts = self.starts.get(id(items), ())
        if len(starts) != len(items):
            return [self.document.location((key, index)) for index in range(len(items))]
        return [Location(self.document.file, *start) for start in starts]


def parse(data: bytes, file: str, reader: Reader = "lines") -> Parsed:
    """Reads one file.

    Args:
        data: All its bytes.
        file: Its name for messages.
        reader: The first of the three ways to read that is tried. All give the same; the tests compare them.

    Raises:
        DocumentError: Something is wrong with the file. Several problems are told at once, but nothing can be
            said about what follows an error of YAML's syntax.
    """
    if refused := screen(data, file):
        raise DocumentError(_told(refused))
    if reader == "lines":
        if usual := read_lines(data):
            return Parsed(Document(data, file, reader), *usual)
        reader = "libyaml"
    from reconciler.yaml.parser import read_events

    value, starts, problems = read_events(data, file, pure=reader == "pure")
    if problems:
        raise DocumentError(_told(in_order(problems)))
    return Parsed(Document(data, file, reader), value, starts)


def _told(problems: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The problems of a file that can't be read; after so many of them its rest is not looked at."""
    told = tuple(problems[:MAX_PROBLEMS])
    if len(told) < MAX_PROBLEMS:
        return told
    detail = "After so many problems the rest is not looked at. Correct these, then look again."
    return (*told, error("more-problems", "there may be more problems in this file", detail, told[-1].location))
