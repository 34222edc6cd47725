"""Edits the YAML text of one tunnel in place: only the characters of what changes, comments and layout stay.

A text is either the lines of one item of a block list (`  - name: a` and what follows) or one flow mapping. Every
function parses it anew, so that edits can follow each other without keeping track of moved places.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.model.tunnel import prefix

Path: TypeAlias = tuple[str, ...]
"""Keys from the tunnel down to a field."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_WIDTH = 1 << 20
_BLOCK_STYLES = ("|", ">")
_COLON = re.compile(r"[ \t]*:")


class Odd(ValueError):
    """A layout that can't be edited safely; the message says what is odd."""


def compose(text: str) -> Node:
    """The node of YAML text, with places as offsets into it.

    Raises:
        Odd: It can't be read on its own.
    """
    try:
        node: Node | None = yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError):
        raise Odd("its lines can't be read on their own") from None
    if node is None:
        raise Odd("there is nothing to edit")
    return node


def start(node: Node) -> int:
    """The offset at which a node begins."""
    return int(node.start_mark.index)


def end(node: Node, text: str) -> int:
    """The offset behind a node's last character, without comments and empty lines behind it."""
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return end(node.value[-1][1], text)
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return end(node.value[-1], text)
    last = int(node.end_mark.index)
    if isinstance(node, ScalarNode) and node.style in _BLOCK_STYLES:
        return start(node) + len(text[start(node) : last].rstrip())
    return last


def line_start(text: str, at: int) -> int:
    """The offset at which the line of an offset begins."""
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """The offset behind the line of an offset, its newline included."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def newline(text: str) -> str:
    """The line end that a text uses."""
    return "\r\n" if "\r\n" in text else "\n"


def flow(value: Any) -> str:
    """A plain value as YAML on one line that can stand anywhere."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    text: str = yaml.dump([value], Dumper=_DUMPER, default_flow_style=True, width=_WIDTH, allow_unicode=True)
    text = text.rstrip("\n")[1:-1]
    if not text.isprintable():
        text = yaml.dump(value, Dumper=_DUMPER, default_style='"', width=_WIDTH).rstrip("\n")
    return text


def inherits(inherited: Any, path: Path) -> bool:
    """True when defaults hold something at a path."""
    for part in path:
        if not isinstance(inherited, dict) or part not in inherited:
            return False
        inherited = inherited[part]
    return True


def put(text: str, path: Path, value: Any, inherited: Mapping[str, Any]) -> str:
    """The text with a field set.

    Args:
        text: One tunnel's text.
        path: The field.
        value: Its new value, None for an explicit null.
        inherited: What the tunnel's defaults hold.

    Raises:
        Odd: The layout does not allow it.
    """
    mapping = tunnel_node(text)
    for depth, part in enumerate(path):
        rest = path[depth + 1 :]
        index = _index(mapping, part)
        if index is None:
            return _insert(text, mapping, part, flow(_nest(rest, value)))
        key, node = mapping.value[index]
        if not rest or (part == "target" and isinstance(node, ScalarNode)):
            return _replace(text, key, node, value)
        if not isinstance(node, MappingNode):
            return _replace(text, key, node, _unhidden(path[: depth + 1], _nest(rest, value), inherited))
        mapping = node
    raise Odd("a field without a name")


def drop(text: str, path: Path, inherited: Mapping[str, Any]) -> str:
    """The text with a field unset: its entry goes, or is null where defaults would show through.

    Args:
        text: One tunnel's text.
        path: The field.
        inherited: What the tunnel's defaults hold.

    Raises:
        Odd: The layout does not allow it.
    """
    mapping = tunnel_node(text)
    for depth, part in enumerate(path):
        index = _index(mapping, part)
        if index is None:
            return put(text, path, None, inherited) if inherits(inherited, path) else text
        node = mapping.value[index][1]
        if depth == len(path) - 1:
            return _drop_entry(text, mapping, index, path, inherited)
        if part == "target" and isinstance(node, ScalarNode):
            return _drop_entry(text, mapping, index, path[: depth + 1], inherited)
        if not isinstance(node, MappingNode):
            return text
        mapping = node
    return text


def _drop_entry(text: str, mapping: MappingNode, index: int, path: Path, inherited: Mapping[str, Any]) -> str:
    if inherits(inherited, path):
        return put(text, path, None, inherited)
    if len(mapping.value) > 1:
        return _remove(text, mapping, index)
    above = path[:-1]
    return put(text, path, None, inherited) if inherits(inherited, above) else drop(text, above, inherited)


def tunnel_node(text: str) -> MappingNode:
    """The mapping of one tunnel's text.

    Raises:
        Odd: It is none, or uses merge keys.
    """
    node = compose(text)
    if isinstance(node, SequenceNode) and node.value:
        node = node.value[0]
    if not isinstance(node, MappingNode) or not node.value:
        raise Odd("it is not written as a mapping")
    return node


def _index(mapping: MappingNode, key: str) -> int | None:
    return next((i for i, (own, _) in enumerate(mapping.value) if own.value == key), None)


def _nest(path: Path, value: Any) -> Any:
    for part in reversed(path):
        value = {part: value}
    return value


def _unhidden(path: Path, value: dict[str, Any], inherited: Any) -> dict[str, Any]:
    """A mapping in place of a null that hid inherited fields; they stay hidden."""
    for part in path:
        inherited = inherited.get(part) if isinstance(inherited, dict) else None
    return {**dict.fromkeys(inherited or ()), **value}


def _replace(text: str, key: Node, node: Node, value: Any) -> str:
    """The text with another value behind a key."""
    at, stop = start(node), end(node, text)
    if isinstance(value, list | tuple) and isinstance(node, SequenceNode) and node.value:
        items = _items(text, node, value)
        if not node.flow_style and items:
            between = newline(text) + " " * node.start_mark.column
            return text[:at] + between.join(f"- {item}" for item in items) + text[stop:]
        new = f"[{', '.join(items)}]"
    else:
        new = flow(value)
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style:
        colon = _COLON.match(text, end(key, text))
        if not colon:
            raise Odd("its keys are written in an unusual way")
        return f"{text[: colon.end()]} {new}{text[stop:]}"
    if at == stop:
        new = f" {new}"
    return text[:at] + new + text[stop:]


def _items(text: str, node: SequenceNode, value: Any) -> list[str]:
    """The items of a list of prefixes: those that stay as they are written, then the new ones."""
    wanted = dict.fromkeys(value)
    kept = {prefix(item.value): text[start(item) : end(item, text)] for item in node.value}
    stay = [written for known, written in kept.items() if known in wanted]
    return stay + [flow(item) for item in wanted if item not in kept]


def _insert(text: str, mapping: MappingNode, key: str, value: str) -> str:
    """The text with a new last entry in a mapping."""
    if mapping.flow_style:
        return _insert_flow(text, mapping, f"{key}: {value}")
    if not mapping.value:
        raise Odd("a mapping without entries")
    first, last = mapping.value[0][0], mapping.value[-1][1]
    at = line_end(text, end(last, text))
    entry = " " * first.start_mark.column + f"{key}: {value}"
    nl = newline(text)
    return text[:at] + (f"{entry}{nl}" if text[:at].endswith("\n") else f"{nl}{entry}") + text[at:]


def _insert_flow(text: str, mapping: MappingNode, entry: str) -> str:
    if not mapping.value:
        at = int(mapping.end_mark.index) - 1
        return text[:at] + entry + text[at:]
    last = mapping.value[-1][1]
    at = end(last, text)
    if at == start(last):
        raise Odd("an entry without a value")
    return f"{text[:at]}, {entry}{text[at:]}"


def _remove(text: str, mapping: MappingNode, index: int) -> str:
    """The text without an entry of a mapping that has others."""
    key, node = mapping.value[index]
    stop = end(node, text)
    if mapping.flow_style and index:
        at = end(mapping.value[index - 1][1], text)
    elif mapping.flow_style or text[line_start(text, start(key)) : start(key)].strip():
        at, stop = start(key), start(mapping.value[1][0])
    else:
        at, stop = line_start(text, start(key)), line_end(text, stop)
    return text[:at] + text[stop:]
