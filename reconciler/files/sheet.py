"""One file of tunnels as text that can be edited: where its items stand, how they come and go."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.files.dump import yaml_text
from reconciler.files.edit import Odd, compose, end, flow, line_end, line_start, newline, start
from reconciler.files.hunks import Edit
from reconciler.files.tree import SourceFile
from reconciler.yaml.screen import decode

_BOM = b"\xef\xbb\xbf"
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file.

    Attributes:
        source: The file as it was read.
        text: Its text, without a byte order mark.
        mark: Its byte order mark, or nothing.
        key: The node of the key `tunnels`.
        items: The node of the list.
        whole_flow: True when the whole file is one flow mapping.
        shared: Ids of nodes that an alias uses again.
        secret: Lines, from 0, on which a BGP MD5 key stands.
        inherited: The defaults of the account and the file, typed and merged.
    """

    source: SourceFile
    text: str
    mark: str
    key: Node
    items: SequenceNode
    whole_flow: bool
    shared: frozenset[int]
    secret: frozenset[int]
    inherited: Mapping[str, Any]


def read_sheet(source: SourceFile, inherited: Mapping[str, Any]) -> Sheet:
    """A file that was loaded without errors.

    Raises:
        Odd: Its layout can't be edited.
    """
    text = decode(source.data)
    if "\r" in text.replace("\r\n", ""):
        raise Odd("its lines end in an unusual way")
    root = compose(text)
    pairs = root.value if isinstance(root, MappingNode) else []
    key, items = next(((k, v) for k, v in pairs if k.value == "tunnels"), (root, root))
    if not isinstance(items, SequenceNode):
        raise Odd("its list of tunnels is not written out")
    uses: dict[int, int] = {}
    secret: set[int] = set()
    _walk(root, uses, secret)
    return Sheet(
        source,
        text,
        "\ufeff" if source.data.startswith(_BOM) else "",
        key,
        items,
        isinstance(root, MappingNode) and bool(root.flow_style),
        frozenset(node for node, count in uses.items() if count > 1),
        frozenset(secret),
        inherited,
    )


def _walk(node: Node, uses: dict[int, int], secret: set[int]) -> None:
    """Counts how often each node is used, and notes the lines of MD5 keys."""
    uses[id(node)] = uses.get(id(node), 0) + 1
    if uses[id(node)] > 1:
        return
    if isinstance(node, SequenceNode):
        for item in node.value:
            _walk(item, uses, secret)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == "md5_key":
                secret.update(range(key.start_mark.line, value.end_mark.line + 1))
            _walk(key, uses, secret)
            _walk(value, uses, secret)


def find(sheet: Sheet, line: int, column: int) -> int:
    """The index of the item that begins at a place, counted from 1.

    Raises:
        Odd: It can't be edited on its own.
    """
    for index, item in enumerate(sheet.items.value):
        if (item.start_mark.line + 1, item.start_mark.column + 1) == (line, column):
            _check(sheet, item)
            return index
    raise Odd("it comes from an alias")


def _check(sheet: Sheet, node: Node) -> None:
    """Refuses aliases, anchors in use and merge keys anywhere in an item."""
    if id(node) in sheet.shared:
        raise Odd("it shares lines with others by an alias")
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == "<<":
                raise Odd("it uses a merge key")
            _check(sheet, key)
            _check(sheet, value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            _check(sheet, item)


def span(sheet: Sheet, index: int) -> tuple[int, int]:
    """The offsets of one item: its lines in a block list, its brackets in a flow list.

    Raises:
        Odd: Its first line is unusual.
    """
    item, text = sheet.items.value[index], sheet.text
    if sheet.items.flow_style:
        return start(item), end(item, text)
    first = line_start(text, start(item))
    dash = text[first : start(item)]
    if not dash.startswith(" " * sheet.items.start_mark.column + "- ") or dash.strip() != "-":
        raise Odd("its first line is written in an unusual way")
    return first, line_end(text, end(item, text))


def removals(sheet: Sheet, gone: Collection[int], *, refilled: bool) -> dict[int, Edit]:
    """The edits that remove items, by index.

    Args:
        sheet: The file.
        gone: The items' indexes.
        refilled: Whether others are added, so that the list does not become empty.

    Raises:
        Odd: One of them is written in an unusual way.
    """
    if sheet.items.flow_style:
        return {index: _flow_removal(sheet, index, gone) for index in gone}
    out = {index: _removal(sheet, index) for index in gone}
    if gone and len(gone) == len(sheet.items.value) and not refilled:
        first = min(gone)
        # One edit from the key to the end of the first item: the list's own lines go with it.
        behind = end(sheet.key, sheet.text)
        colon = sheet.text.find(":", behind) + 1
        between = sheet.text[colon : out[first].start]
        out[first] = Edit(colon, out[first].stop, f" []{between}")
    return out


def _removal(sheet: Sheet, index: int) -> Edit:
    """Without the item's lines, and without the empty line before them when one follows too."""
    text = sheet.text
    at, stop = span(sheet, index)
    above = line_start(text, at - 1) if at else at
    before, after = text[above:at], text[stop : line_end(text, stop)]
    if not before.strip() and not after.strip():
        at = above
    return Edit(at, stop, "")


def _flow_removal(sheet: Sheet, index: int, gone: Collection[int]) -> Edit:
    items, text = sheet.items.value, sheet.text
    lead = next((i for i in range(len(items)) if i not in gone), len(items))
    if index >= lead:
        return Edit(end(items[index - 1], text), end(items[index], text), "")
    stop = index + 1
    return Edit(start(items[index]), start(items[stop]) if stop < len(items) else end(items[index], text), "")


def additions(sheet: Sheet, tunnels: Collection[Mapping[str, Any]], *, emptied: bool) -> list[Edit]:
    """The edits that add items behind the last one.

    Args:
        sheet: The file.
        tunnels: Nested fields of each.
        emptied: Whether all items of the list go.

    Raises:
        Odd: The list is written in an unusual way.
    """
    items, text = sheet.items, sheet.text
    if items.flow_style and (items.value or sheet.whole_flow):
        new = ", ".join(flow(dict(tunnel)) for tunnel in tunnels)
        at = end(items.value[-1], text) if items.value else int(items.end_mark.index) - 1
        return [Edit(at, at, new if emptied or not items.value else f", {new}")]
    if items.flow_style:
        at = line_end(text, end(items, text))
        clear = Edit(text.rindex(":", 0, start(items)) + 1, end(items, text), "")
        return [clear, _block(sheet, at, tunnels, _INDENT, spaced=False)]
    at = span(sheet, len(items.value) - 1)[1]
    return [_block(sheet, at, tunnels, items.start_mark.column, spaced=_spaced(sheet))]


def _spaced(sheet: Sheet) -> bool:
    """True when empty lines stand between the items."""
    if len(sheet.items.value) < 2:  # noqa: PLR2004 - one item has no neighbour
        return False
    at = span(sheet, len(sheet.items.value) - 1)[0]
    return not sheet.text[line_start(sheet.text, at - 1) : at].strip()


def _block(sheet: Sheet, at: int, tunnels: Collection[Mapping[str, Any]], column: int, *, spaced: bool) -> Edit:
    nl = newline(sheet.text)
    between = "\n" if spaced else ""
    text = "".join(between + indent(yaml_text([dict(tunnel)]), " " * column) for tunnel in tunnels)
    text = text.replace("\n", nl)
    if not sheet.text[:at].endswith("\n"):
        text = nl + text.removesuffix(nl)
    return Edit(at, at, text)
