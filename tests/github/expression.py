"""The expressions of workflows that decide on a gate, a token or a job, worked out as GitHub does."""

import re
from collections.abc import Mapping
from typing import Any

WORD = re.compile(r"'[^']*'|[A-Za-z_][\w-]*(?:\.[\w-]+)*|[!=]=|&&|\|\||[!()]|\d+")
OPERATORS = {"&&": "and", "||": "or", "!": "not", "==": "==", "!=": "!=", "(": "(", ")": ")"}


def look(context: Mapping[str, Any], path: str) -> Any:
    """What stands at `needs.plan.outputs.digests`; what is not there, or was dropped, is an empty text."""
    found: Any = context
    for name in path.split("."):
        found = found.get(name, "") if isinstance(found, Mapping) else ""
    return found


def work_out(expression: str, context: Mapping[str, Any]) -> Any:
    """The value of an expression, with or without its `${{ }}`; booleans compare with booleans only."""
    text = re.sub(r"^\s*\$\{\{|\}\}\s*$", "", expression)
    words = []
    for word in WORD.findall(text):
        if word in OPERATORS:
            words.append(OPERATORS[word])
        elif word[0] == "'" or word.isdigit():
            words.append(word)
        else:
            words.append({"true": "True", "false": "False"}.get(word, f"look(context, {word!r})"))
    return eval(" ".join(words), {"look": look, "context": context})  # noqa: S307 - of our own workflows
