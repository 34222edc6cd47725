"""Plain data to YAML text, as people would write it and so that every reader reads the same.

Text that another reader would take for a number, a date or a truth value comes in quotes, text of several lines stands
on one, and what can't be seen is escaped: a reviewer must see what is there.
"""

from typing import Any

import yaml


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """PyYAML's, faster where it was built with libyaml; nodes of another text come out as they were written there."""


def _text_node(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text_node)
_Dumper.add_multi_representer(yaml.Node, lambda _, node: node)  # `files.edit` keeps parts of a file as they are


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
