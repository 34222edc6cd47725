"""Plain data to YAML text, as people would write it and so that every reader reads the same.

Text that another reader would take for a number, a date or a truth value comes in quotes, text of several lines stands
on one, and what can't be seen is escaped: a reviewer must see what is there. A short mapping or list stands on one line
behind its key, in brackets:

    health_check: {rate: high, target: {saved: 192.0.2.20}}
"""

from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node

_SHORT = 110
"""Characters of what people write on one line."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """PyYAML's, faster where it was built with libyaml; nodes of another text come out as they were written there."""

    def serialize(self, node: Node) -> None:
        """Write a node that was made of plain data."""
        if isinstance(node, CollectionNode) and node.start_mark is None:
            _put_short_on_one_line(node)
        super().serialize(node)


def _text_node(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text_node)
_Dumper.add_multi_representer(yaml.Node, lambda _, node: node)  # `files.edit` keeps parts of a file as they are


def _put_short_on_one_line(node: Node) -> None:
    """Brackets for what is short and stands behind a key; mappings that are the items of a list keep their lines."""
    entries = node.value if isinstance(node, MappingNode) else [(None, item) for item in node.value]
    for key, value in entries:
        if isinstance(value, CollectionNode) and value.start_mark is None:  # else it comes from another text
            if key is not None and _length(key) + _length(value) <= _SHORT:
                value.flow_style = True
            _put_short_on_one_line(value)


def _length(node: Node) -> int:
    """Characters of a node on one line, about; its brackets, colons and commas too."""
    if not isinstance(node, CollectionNode):
        return len(node.value)
    parts = [part for entry in node.value for part in (entry if isinstance(node, MappingNode) else (entry,))]
    return sum(_length(part) + 2 for part in parts)


def yaml_text(value: Any, *, flow: bool = False) -> str:
    """A value in lines, or with `flow` on one line that can stand anywhere in another text."""
    # No line is ever so wide: PyYAML would fold it, and a folded text changes more lines than its value does.
    options: dict[str, Any] = {"sort_keys": False, "width": 1 << 20, "default_flow_style": flow}
    # The list keeps PyYAML from ending a lone text with "...".
    wrapped = [value] if flow else value
    text: str = yaml.dump(wrapped, Dumper=_Dumper, allow_unicode=True, **options)
    # PyYAML leaves some of what can't be seen as it is, a mark of direction for one. Told to write ASCII it escapes all
    # of it, though with it every other letter beyond ASCII.
    if not text.replace("\n", "").isprintable():
        text = yaml.dump(wrapped, Dumper=_Dumper, allow_unicode=False, **options)
    return text.strip()[1:-1] if flow else text
