"""Changes values in a YAML file and leaves all else as somebody wrote it: comments, order, quotes, spaces.

Libraries that read a file and write it back lay the whole of it out anew, and a review would drown in lines that mean
nothing. So the file's nodes, which know their places in the text, are compared with what they shall be. Here one entry
goes and one comes, and the first line is not touched:

    - name: lon-a  # the first        {"name": <its node>,           - name: lon-a  # the first
      replay_protection: true          "description": "x"}             description: x

A node that stays is the node itself; a dict or a list in the place of a node says what that holds now. Lists keep their
length, so that an item is still known by its index: `GONE` stands for one that goes. A collection in brackets is
written anew when entries come or go.

Only files that were loaded without errors come here: PyYAML's composer can be brought down by hostile ones.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from difflib import unified_diff
from itertools import accumulate, takewhile
from textwrap import indent
from typing import Any, Final, NamedTuple

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from reconciler.files.tree import SourceFile
from reconciler.yaml.read import LOADER
from reconciler.yaml.write import yaml_text

GONE: Final = object()
"""In the place of an item: it goes."""

_BOM = "\ufeff"
_INDENT = 2
_CONTEXT = 3  # lines that a diff shows around a change, as git does


class NotEditable(ValueError):
    """A layout in which the places of nodes don't say what is theirs; the message says what is unusual."""


class Edit(NamedTuple):
    """Other text between two offsets of a text."""

    start: int
    stop: int
    text: str


class EditableFile:
    """A file of tunnels with the nodes of what it holds."""

    def __init__(self, source: SourceFile) -> None:
        r"""Read a file that was loaded without errors.

        Raises:
            NotEditable: Its layout is unusual.
        """
        own = source.data.decode()
        # Edits see one kind of line end, at the end of every line, and `edited` gives the file its own back. That is
        # exact only if it has one kind.
        self._newline = "\r\n" if "\r\n" in own else "\n"
        self._bom = own[: own.startswith(_BOM)]
        text = own.removeprefix(_BOM).replace("\r\n", "\n")
        if "\r" in text or text.count("\n") != own.count(self._newline):
            raise NotEditable("its lines end in different ways")
        self._complete = text.endswith("\n")
        self.path = source.path
        self.text = text if self._complete else f"{text}\n"
        self._starts = [*accumulate(map(len, self.text.splitlines(keepends=True)), initial=0)]
        try:
            self.root: Node | None = yaml.compose(self.text, Loader=LOADER)
        except (yaml.YAMLError, ValueError):
            self.root = None
        tunnels = entries(self.root).get("tunnels")
        if not isinstance(tunnels, SequenceNode) or self.text[_start(tunnels)] == "&":
            raise NotEditable("its list of tunnels is written in an unusual way")
        self.tunnels: SequenceNode = tunnels
        self._places = {(n.start_mark.line + 1, n.start_mark.column + 1): i for i, n in enumerate(tunnels.value)}

    def find(self, line: int, column: int) -> int:
        """The index of the tunnel that begins at a place, both from 1.

        Raises:
            NotEditable: It can't be edited on its own.
        """
        index = self._places.get((line, column))
        if index is None:
            raise NotEditable("it comes from an alias")
        self._check(self.tunnels, self.tunnels.value[index])
        return index

    def edits(self, tunnels: list[Any]) -> list[Edit]:
        """What gives the file another list of tunnels, in order: its nodes, some of them replaced, and new ones."""
        found = self._edits(self.root, {**entries(self.root), "tunnels": tunnels})
        return sorted(found, key=lambda edit: edit[:2])

    def edited(self, edits: Collection[Edit]) -> str:
        """The file's own text with edits made."""
        text = self.text
        for start, stop, new in reversed([*edits]):  # from the end, so that the offsets before stay right
            text = text[:start] + new + text[stop:]
        return self._bom + (text if self._complete else text.removesuffix("\n")).replace("\n", self._newline)

    def lines_shown(self, edits: Collection[Edit]) -> list[range]:
        """The lines, from 0, that a diff shows for each edit."""
        starts, out = self._starts, []
        for edit in edits:
            first = bisect_right(starts, edit.start) - 1
            stop = bisect_right(starts, max(edit.stop - 1, edit.start - 1))
            out.append(range(max(first - _CONTEXT, 0), min(stop + _CONTEXT, len(starts) - 1)))
        return out

    def diff(self, edits: Collection[Edit], path: str) -> str:
        """The edits as a unified diff that `git apply` takes.

        difflib sees the hunks one by one: on a whole file, in which most lines stand often, it takes many seconds.
        """
        hunks: list[list[int]] = []  # first line, line behind the last, lines gained
        for edit, lines in zip(edits, self.lines_shown(edits), strict=True):
            gained = edit.text.count("\n") - self.text.count("\n", edit.start, edit.stop)
            if hunks and lines.start <= hunks[-1][1]:
                hunks[-1][1] = max(hunks[-1][1], lines.stop)
                hunks[-1][2] += gained
            else:
                hunks.append([lines.start, lines.stop, gained])
        tab = "\t" if " " in path else ""  # git ends a name that holds blanks with one
        out = [f"--- a/{path}{tab}\n+++ b/{path}{tab}\n"]
        old, new = (self.edited(made).splitlines(keepends=True) for made in ((), edits))
        shift = 0
        for first, stop, gained in hunks:
            before, after = old[first:stop], new[first + shift : stop + shift + gained]
            out.append(f"@@ -{first + 1},{len(before)} +{first + shift + 1},{len(after)} @@\n")
            out += [*unified_diff(before, after, n=len(before))][3:]  # without its own header
            shift += gained
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in out)

    def lines_with(self, names: frozenset[str]) -> set[int]:
        """The lines, from 0, on which one of these keys or its value stands; a mapping only says where a value is."""
        lines: set[int] = set()
        todo, seen = [self.root], set()
        while todo:
            node = todo.pop()
            if id(node) in seen:  # an alias is the very node of its anchor
                continue
            seen.add(id(node))
            todo += entries(node).values()
            for key, value in node.value if isinstance(node, MappingNode) else ():
                if key.value in names and not isinstance(value, MappingNode):
                    for part in (key, value):  # the value of an alias stands elsewhere
                        lines.update(range(part.start_mark.line, part.end_mark.line + 1))
        return lines

    def _check(self, parent: Node, node: Node) -> None:
        """Refuses what would make an edit of a node change another one too, or cut where nothing begins."""
        at = _start(node)
        if self.text[at] == "&":  # an alias is the node of its anchor
            raise NotEditable("it uses an anchor or an alias")
        in_list = isinstance(parent, SequenceNode) and _is_block(parent)
        if in_list and self.text[self._line_start(at) : at].strip() != "-":
            raise NotEditable("its first line is written in an unusual way")
        for name, inner in entries(node).items():
            if name == "<<":
                raise NotEditable("it uses a merge key")
            self._check(node, inner)
        if any(_start(key) != at and not self._begins_line(_start(key)) for key in _keys(node).values()):
            raise NotEditable("its keys are written in an unusual way")

    def _edits(self, old: Any, new: Any) -> Iterator[Edit]:
        """What makes the text of a node that of its successor."""
        if not _by_entry(old, new):
            at, stop = _start(old), self._end(old)
            # Of `key:` the value is an empty text right behind the colon, which needs a blank.
            yield Edit(at, stop, " " * (at == stop) + _text(new, flow=True))
            return
        successors = dict(enumerate(new)) if isinstance(new, list) else new
        keys = _keys(old)
        leading = [*takewhile(lambda name: name not in new, keys)]
        if leading and not self._begins_line(first := _start(keys[leading[0]])):
            # The first keys stand behind the dash of their item, which has to stay: the first that stays moves there.
            yield Edit(first, _start(next(key for name, key in keys.items() if name in new)), "")
        else:
            leading = []
        here = entries(old)
        for name, value in here.items():
            now = successors.get(name, GONE)
            if now is GONE and name not in leading:
                yield self._removal(keys.get(name, value), value)
            elif now is not value and now is not GONE:
                yield from self._entry(keys.get(name), value, now)
        if added := {name: now for name, now in successors.items() if name not in here}:
            yield self._addition(old, added)

    def _entry(self, key: Node | None, value: Node, now: Any) -> Iterator[Edit]:
        """Another value of an entry; with a key (of a block mapping) it may change between one line and several."""
        if key is None or _holds(value) == _holds(now) or not (_is_block(value) or _holds(now)):
            yield from self._edits(value, now)
            return
        colon = self.text.index(":", self._end(key)) + 1
        below = self._line_end(colon)
        if _is_block(value):  # lines become `tunnels: []`, before what stands behind the colon: it may be a comment
            yield Edit(colon, colon, f" {_text(now, flow=True)}")
            yield Edit(below, self._line_end(self._end(value)), "")
        else:  # `tunnels: []` or `bgp: null` becomes lines of its own
            yield Edit(colon, self._end(value), "")
            yield Edit(below, below, indent(_text(now), " " * (key.start_mark.column + _INDENT)))

    def _removal(self, first: Node, last: Node) -> Edit:
        """Without the lines of an entry, and without the empty line before them when one follows too."""
        start, stop = self._line_start(_start(first)), self._line_end(self._end(last))
        doubled = self.text.startswith("\n\n", start - 2) and self.text[stop : stop + 1] in ("\n", "")
        return Edit(start - doubled, stop, "")

    def _addition(self, old: Node, added: dict[Any, Any]) -> Edit:
        """New lines behind a block collection's last entry, at a distance when the items of a list have one."""
        at = self._line_end(self._end(old))
        if isinstance(old, MappingNode):
            return Edit(at, at, indent(_text(added), " " * old.value[0][0].start_mark.column))
        spaced = len(old.value) > 1 and self.text.startswith("\n\n", self._line_start(_start(old.value[-1])) - 2)
        lines = ["\n" * spaced + indent(_text([item]), " " * old.start_mark.column) for item in added.values()]
        return Edit(at, at, "".join(lines))

    def _end(self, node: Node) -> int:
        """The offset behind a node's last character; PyYAML's own mark may lie behind comments and empty lines."""
        stop = int(node.end_mark.index)
        if _is_block(node) and node.value:
            last = [*entries(node).values()][-1]
            if _start(last) >= _start(node):  # otherwise it is an alias, and knows its anchor's place alone
                return self._end(last)
        elif not (isinstance(node, ScalarNode) and node.style in ("|", ">")):
            return stop
        return _start(node) + len(self.text[_start(node) : stop].rstrip())

    def _line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        return self.text.index("\n", at) + 1

    def _begins_line(self, at: int) -> bool:
        return not self.text[self._line_start(at) : at].strip()


def entries(node: Node | None) -> dict[Any, Any]:
    """The nodes that a node holds, by key or index."""
    if isinstance(node, MappingNode):
        return {key.value: value for key, value in node.value}
    return dict(enumerate(node.value)) if isinstance(node, SequenceNode) else {}


def _keys(node: Node) -> dict[str, Node]:
    """The keys of a mapping in lines, by name."""
    return {key.value: key for key, _ in node.value} if isinstance(node, MappingNode) and _is_block(node) else {}


def _by_entry(old: Node, new: Any) -> bool:
    """True when entries can be edited one by one; in brackets only if none comes or goes, for the sake of commas."""
    if isinstance(old, MappingNode) and isinstance(new, dict):
        return _is_block(old) or list(new) == list(entries(old))
    if isinstance(old, SequenceNode) and isinstance(new, list):
        return _is_block(old) or (len(new) == len(old.value) and GONE not in new)
    return False


def _text(new: Any, *, flow: bool = False) -> str:
    """The value as YAML, without what is `GONE`; a node in it is written as it was."""

    def staying(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: staying(inner) for key, inner in value.items()}
        return [staying(item) for item in value if item is not GONE] if isinstance(value, list) else value

    return yaml_text(staying(new), flow=flow)


def _is_block(node: Node) -> bool:
    """True for a collection that is written in lines, not in brackets."""
    return isinstance(node, CollectionNode) and not node.flow_style


def _holds(value: Any) -> bool:
    """True for a collection with something in it."""
    if isinstance(value, CollectionNode):
        return bool(value.value)
    return isinstance(value, dict | list) and any(item is not GONE for item in value)


def _start(node: Node) -> int:
    return int(node.start_mark.index)
