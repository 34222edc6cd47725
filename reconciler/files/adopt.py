"""Adds `ignore` rules to the text of an `account.yaml`, leaving the rest of it as it is."""

import re
from collections.abc import Collection
from textwrap import dedent, indent

from reconciler.files.dump import Ignored, ignore_flow, ignore_text
from reconciler.files.tree import SourceFile
from reconciler.model.problems import Diagnostic, error
from reconciler.yaml.read import DocumentError, Parsed, parse

_NOTHING = re.compile(r"ignore:[ ]*(?:~|null|\[[ ]*\])?[ ]*(#.*)?(?=\r?\n|\Z)")


def add_ignores(source: SourceFile, ignored: Collection[Ignored]) -> str | Diagnostic:
    """The file's text with rules for these tunnels, or why they must be added by hand.

    Args:
        source: A valid `account.yaml`.
        ignored: At least one tunnel that can't be declared.
    """
    parsed = parse(source.data, source.path)
    text = source.data.decode("utf-8-sig")
    if not text.endswith("\n"):
        text += "\n"
    changed = _changed(parsed, text, ignored)
    if changed is not None and _grew(parsed, changed, len(ignored)):
        return changed
    place = parsed.document.location(("ignore",), key=True)
    detail = f"Add these items to it by hand, then import again: {ignore_flow(ignored)}"
    return error("ignore-by-hand", "a program can't add to the list `ignore` as it is written", detail, place)


def _changed(parsed: Parsed, text: str, ignored: Collection[Ignored]) -> str | None:
    """The text with the rules put before the first one that is there, or None where there is no place for them."""
    items, value = ignore_text(ignored), parsed.value
    if not isinstance(value, dict) or "ignore" not in value:
        return f"{text}ignore:\n{items}"
    lines = text.splitlines(keepends=True)
    if not value["ignore"]:
        number = parsed.document.location(("ignore",), key=True).line
        rest = "".join(lines[number - 1 :])
        if not (empty := _NOTHING.match(rest)):
            return None
        note = f"  {empty[1]}" if empty[1] else ""
        after = rest[empty.end() :].lstrip("\r\n")
        return f"{''.join(lines[: number - 1])}ignore:{note}\n{items}{after}"
    place = parsed.document.location(("ignore",))
    number, column = place.line, place.column
    line = lines[number - 1]
    if line[column - 1] == "[":
        return "".join(
            [*lines[: number - 1], line[:column], ignore_flow(ignored), ", ", line[column:], *lines[number:]]
        )
    before = line[: column - 1]
    return "".join([*lines[: number - 1], indent(dedent(items), before), *lines[number - 1 :]])


def _grew(parsed: Parsed, text: str, count: int) -> bool:
    """True when the text reads as before, with so many more rules at the front of the list and nothing else new."""
    try:
        new = parse(text.encode(), parsed.document.file).value
    except DocumentError:
        return False
    old = parsed.value
    if not isinstance(new, dict) or not isinstance(old, dict):
        return False
    rules, known = new.get("ignore"), old.get("ignore") or []
    same = {k: v for k, v in new.items() if k != "ignore"} == {k: v for k, v in old.items() if k != "ignore"}
    return same and isinstance(rules, list) and len(rules) == count + len(known) and rules[count:] == known
