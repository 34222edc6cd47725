"""The changes of a Markdown report: table rows and folded diffs, one for all tunnels that change alike.

What is said here of one change or problem is cut to a size, so that a part of the comment asks for little room.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import quote

from reconciler.model.problems import Location, Problem, Source
from reconciler.render import safe, words
from reconciler.render.groups import Group
from reconciler.render.safe import clipped, few, first, size
from reconciler.report.values import ChangeReport, Report

T = TypeVar("T")

_ACTIONS = {"create": "🟢 create", "update": "🟡 update", "delete": "🔴 delete"}
_OUTCOMES = {
    "applied": "✅ applied",
    "failed": "❌ failed",
    "skipped": "⏭️ skipped",
    "unknown": "❓ unknown",
    "rolled_back": "↩️ rolled back",
}
# Characters of a name, a place, a cell of fields, a value; how many names in a cell, items of a list, facts about one
# problem, problems of a fold.
_NAME, _PLACE, _FIELDS, _VALUE, _NAMES, _ITEMS, _FACTS, _PROBLEMS = 100, 120, 150, 600, 3, 20, 30, 20
_LARGEST_NAMES = 10_000  # bytes


class Shape:
    """What a report's table and folds need besides the usual, and where their links lead."""

    def __init__(self, report: Report) -> None:
        self.several = len(report.accounts) > 1
        self.drift = report.command == "drift"
        self.done = any(change.outcome for change in report.changes)
        self.link = safe.https(report.context.get("source_url"))


def cells(group: Group, shape: Shape) -> dict[str, str]:
    """A row of the table, each cell with its heading."""
    change = group.first
    found = {"Account": clipped(group.account, safe.markdown, _NAME)} if shape.several else {}
    if shape.drift:
        found |= {"Severity": _with_health(change.severity or "", group), "Drift": change.drift_class or ""}
    else:
        found["Action"] = _ACTIONS[change.action]
    found["Tunnel"] = ", ".join(few(group.changes, tunnel, _NAMES))
    if shape.done:
        found["Outcome"] = _OUTCOMES.get(change.outcome or "", "")
    if shape.drift:  # of what only git changed the heading says so
        seen = words.history(change) if words.is_drift(change) else words.seen(change)
        found["Seen"] = "" if group.several else clipped(seen, safe.markdown, _FIELDS)
    else:
        found["Impact"] = _with_health("⚠️ traffic" if change.impact == "traffic" else "none", group)
        found["Impact"] += f" ({words.cause(change)})" if change.cause == "both" else ""
        if routes := sum(len(one.routes) for one in group.changes):
            found["Impact"] += f", {words.count(routes, 'static route')}"
    found["Fields"] = _fields(group, safe.markdown)
    found["Declared at"] = "" if group.several else place(change.source, shape.link)
    return found


def _with_health(weight: str, group: Group) -> str:
    """`traffic, BGP up`; since when it is down of a single change, for drift says that where it was seen."""
    change = group.first
    since = "" if group.several or change.drift_class else words.down_since(change)
    return ", ".join(filter(None, [weight, clipped(since or group.health, safe.markdown, _FIELDS)]))


def _fields(group: Group, inert: Callable[[str], str]) -> str:
    """What the changes are about; of many that only come or go, nothing."""
    update = group.first.action == "update"
    paths = words.about(group.first) if group.share == "all" else ", ".join(group.paths) or "name" * update
    return clipped(paths, inert, _FIELDS)


def summary(group: Group, shape: Shape) -> str:
    """The line of a fold: `- old-site (2 fields, traffic)`, `~ 75 updates: customer_endpoint (traffic)`."""
    change = group.first
    facts = [clipped(group.account, safe.html, _NAME)] if shape.several else []
    if group.several:
        fields = _fields(group, safe.html)
        of_kind = "tunnel" if shape.drift else change.action  # drift carries nothing out
        what = f"<b>{words.count(len(group.changes), of_kind)}</b>{fields and f': {fields}'}"
        facts += [change.drift_class or "", words.ended(change)]
    else:
        what = f"<code>{clipped(words.label(change).replace(' -> ', ' → '), safe.html, _NAME)}</code>"
        facts += ["" if change.outcome == "applied" else words.ended(change)]
        facts += [words.count(len(words.fields(change)), "field")] if words.fields(change) else []
    about = ", ".join(filter(None, [*facts, words.weight(change), group.health]))
    return f"<summary>{words.SIGNS[change.action]} {what}{about and f' ({about})'}</summary>"


def blocks(group: Group) -> Iterator[tuple[int, list[str]]]:
    """The lines of a fold's diff in parts, each with the number of changes that it tells of."""
    if not group.several or group.share == "all":
        if words.fields(group.first):
            yield len(group.changes), list(_diff(group.first))
        return
    shared = [f"! {safe.visible(line)}" for line in words.beyond(group.first)]
    for change in group.changes:
        name = safe.visible(words.label(change))[:_NAME]
        if group.share == "field":
            (field,) = change.fields
            value = words.CHANGES if field.sensitive else f"{_value(field.before)} -> {_value(field.after)}"
            yield 1, [*(shared if change is group.first else []), f"! {name}: {value}"]
        elif words.fields(change):
            seen = safe.visible(words.seen(change))[:_FIELDS]
            yield 1, [f"@@ {name} @@ {seen}".rstrip(), *_diff(change)]


def after(group: Group) -> str:
    """What stands behind a fold's diff: all names where it is one for all, and why something was not done."""
    parts = [f"All of them: {names(group.changes, tunnel)}"] if group.several and group.share == "all" else []
    if group.several:
        alike: dict[tuple[str, ...], list[ChangeReport]] = {}
        for change in group.changes:
            if error := change.error:
                alike.setdefault((error.code, error.message, error.remedy or ""), []).append(change)
        lines = (
            f"- {', '.join(few(found, tunnel, _NAMES))}: {trouble(found[0].error)}"
            for found in alike.values()
            if found[0].error
        )
        parts += ["\n".join(first(lines, len(alike), _PROBLEMS, "- "))] if alike else []
    elif group.first.error:
        parts += ["\n- ".join([trouble(group.first.error), *said(group.first.error, _FACTS)])]
    return "\n\n".join(parts)


def tunnel(change: ChangeReport) -> str:
    """The tunnel's name as code, `old` → `new` for a rename."""
    name = clipped(change.name, safe.markdown_code, _NAME)
    if change.previous_name is None:
        return name
    return f"{clipped(change.previous_name, safe.markdown_code, _NAME)} → {name}"


def names(items: Sequence[T], draw: Callable[[T], str]) -> str:
    """All names. Only thousands are cut, which would take the room of all else."""
    kept: list[str] = []
    filled = 0
    for name in map(draw, items):
        filled += size(name) + 2
        if filled > _LARGEST_NAMES:
            break
        kept.append(name)
    return ", ".join(first(iter(kept), len(items), len(kept)))


def place(source: Source | Location | None, link: str | None) -> str:
    """`file:line`, as a link when the repository's address is known."""
    if source is None:
        return ""
    text = f"{source.file}:{source.line}"
    if link is None or len(source.file) > _PLACE:
        return clipped(text, safe.markdown_code, _PLACE)
    path = quote(source.file, safe="/", errors="replace")
    return f"[{clipped(text, safe.markdown, _PLACE)}]({link}/{path}#L{source.line})"


def trouble(error: Problem) -> str:
    """Why something was not done, and what to do."""
    message = clipped(error.message, safe.markdown_prose, 250)
    remedy = f" To do: {clipped(error.remedy, safe.markdown_prose, 250)}" if error.remedy else ""
    return f"{message} ({clipped(error.code, safe.markdown_code, 60)}).{remedy}"


def said(error: Problem, most: int) -> Iterator[str]:
    """What else is known of it, each a sentence."""

    def sentence(part: tuple[str, str | None]) -> str:
        text, url = part
        spoken = clipped(f"{text[0].upper()}{text[1:]}", safe.markdown_prose, 250)
        if url is None:
            return f"{spoken}."
        known = safe.documentation(url)
        return f"{spoken} [documentation]({known})." if known else f"{spoken} {clipped(url, safe.markdown, 250)}."

    return few(list(words.more(error)), sentence, most)


def _diff(change: ChangeReport) -> Iterator[str]:
    yield from (f"! {safe.visible(line)}" for line in words.beyond(change))
    for field in words.fields(change):
        path, items = safe.visible(field.path)[:_NAME], words.items(field)
        if field.sensitive:
            yield f"! {path}: {words.CHANGES if change.action == 'update' else words.SENSITIVE}"
        elif items:
            unchanged = words.kept(field)
            yield f"  {path}{f' ({unchanged})' if unchanged else ''}:"
            yield from first((f"{sign}   {_value(item)}" for sign, item in items), len(items), _ITEMS, "    ")
        else:
            if change.action == "update" or (change.action == "delete" and field.before is not None):
                yield f"- {path}: {_value(field.before)}"
            if change.action != "delete":
                yield f"+ {path}: {_value(field.after)}"
    if psk := words.psk_source(change):
        yield f"+ psk: {safe.visible(psk)[:_VALUE]}"


def _value(item: object) -> str:
    shown = words.value(item)
    more = f"… ({len(shown) - _VALUE:,} more characters)" if len(shown) > _VALUE else ""
    return safe.visible(shown[:_VALUE]) + more
