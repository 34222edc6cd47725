"""Adds `ignore` rules to the text of an `account.yaml`, leaving the rest of it as it is."""

from collections.abc import Collection
from textwrap import dedent, indent

from reconciler.core.diagnostic import Diagnostic, error
from reconciler.desired.document import parse
from reconciler.desired.dump import Ignored, ignore_text
from reconciler.desired.tree import SourceFile


def add_ignores(source: SourceFile, ignored: Collection[Ignored]) -> str | Diagnostic:
    """The file's text with rules for these tunnels, or why they must be added by hand.

    Args:
        source: A valid `account.yaml`.
        ignored: At least one tunnel that can't be declared.
    """
    document = parse(source.data, source.path)
    text = source.data.decode("utf-8-sig")
    if not text.endswith("\n"):
        text += "\n"
    items = dedent(ignore_text(ignored))
    value = document.value
    if not isinstance(value, dict) or "ignore" not in value:
        return f"{text}ignore:\n{indent(items, '  ')}"
    line, column = document.locate(("ignore", 0))
    lines = text.splitlines(keepends=True)
    before = lines[line - 1][: column - 1]
    if not value["ignore"] or before.strip() != "-":
        place = document.location(("ignore",), key=True)
        detail = f"Add these lines to its items by hand, then import again:\n{items}"
        return error("ignore-by-hand", "the list `ignore` is not written as a block list", detail, place)
    dash = before.index("-")
    return "".join(lines[: line - 1]) + indent(items, " " * dash) + "".join(lines[line - 1 :])
