"""The changes of a Markdown report: table rows and folded diffs, one for all tunnels that change alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from reconciler.model.problems import Location, Problem, Source
from reconciler.model.tunnel import SETTINGS, WHOLE
from reconciler.plan.diff import FieldChange
from reconciler.render import safe, words
from reconciler.render.groups import Group, groups
from reconciler.render.safe import clipped, documentation, fence, few, first, https
from reconciler.report.values import ChangeReport, Report

_ACTIONS = {"create": "🟢 create", "update": "🟡 update", "delete": "🔴 delete"}
_OUTCOMES = {"applied": "✅ applied", "failed": "❌ failed", "skipped": "⏭️ skipped", "unknown": "❓ unknown"}
# Characters of a name, a place, a cell of fields, a value; items of a list and facts about one problem, at most.
_NAME, _PLACE, _FIELDS, _VALUE, _ITEMS, _SAID = 100, 120, 150, 600, 20, 30


@dataclass(frozen=True, slots=True)
class Row:
    """A change, the account it is of, and the other tunnels of the account that change in the same way."""

    account: str
    change: ChangeReport
    others: tuple[ChangeReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a table needs besides the usual ones, and where its links lead."""

    account: bool
    drift: bool
    outcome: bool
    link: str | None


def rows(report: Report) -> list[Row]:
    """All changes, the gravest first; equal ones share a row, but in a drift report, where each has a history."""
    drift = report.command == "drift"
    found = []
    for account in report.accounts:
        for group in (
            [Group((c,)) for c in account.changes]
            if drift
            else groups(words.gravest_first(account.changes, report.command))
        ):
            alike = [group.changes] if group.equal else [(change,) for change in group.changes]
            found += [Row(account.account, change, tuple(others)) for change, *others in alike]
    return sorted(found, key=lambda row: words.gravity(row.change, report.command))


def columns(report: Report) -> Columns:
    """The columns of a report."""
    done = any(change.outcome for account in report.accounts for change in account.changes)
    link = https(report.context.get("source_url"))
    return Columns(len(report.accounts) > 1, report.command == "drift", done, link)


def header(shape: Columns) -> str:
    """The table's two first lines."""
    names = ["Account"] if shape.account else []
    names += ["Severity", "Drift"] if shape.drift else ["Action"]
    names += ["Tunnel"]
    names += ["Outcome"] if shape.outcome else []
    names += ["Seen"] if shape.drift else ["Impact"]
    names += ["Fields", "Declared at"]
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


def row(item: Row, shape: Columns) -> str:
    """One line of the table."""
    change = item.change
    cells = [clipped(item.account, safe.markdown, _NAME)] if shape.account else []
    kind = [change.severity or "", change.drift_class or ""] if shape.drift else [_ACTIONS[change.action]]
    cells += [*kind, tunnel(change) + (f" and {len(item.others):,} more" if item.others else "")]
    cells += [_OUTCOMES.get(change.outcome or "", "")] if shape.outcome else []
    cells += [_seen(change) if shape.drift else _impact(change)]
    cells += [_paths(change), place(change.source, shape.link)]
    return f"| {' | '.join(cells)} |"


def tunnel(change: ChangeReport) -> str:
    """The tunnel's name as code, `old` → `new` for a rename."""
    name = clipped(change.name, safe.markdown_code, _NAME)
    if change.previous_name is None:
        return name
    return f"{clipped(change.previous_name, safe.markdown_code, _NAME)} → {name}"


def _seen(change: ChangeReport) -> str:
    """The history; of what only git changed without saying so, since the table's heading does."""
    return safe.markdown(words.history(change) if words.is_drift(change) else words.seen(change))[:200]


def _impact(change: ChangeReport) -> str:
    cause = " (both in git and on Cloudflare)" if change.cause == "both" else ""
    return ("⚠️ traffic" if change.impact == "traffic" else "none") + cause


def _paths(change: ChangeReport) -> str:
    if change.action != "update":
        return words.count(len(change.fields), "field") if change.fields else ""
    return clipped(", ".join(field.path for field in change.fields), safe.markdown, _FIELDS)


def place(source: Source | Location | None, link: str | None) -> str:
    """`file:line`, as a link when the repository's address is known."""
    if source is None:
        return ""
    text = f"{source.file}:{source.line}"
    if link is None or len(source.file) > _PLACE:
        return clipped(text, safe.markdown_code, _PLACE)
    path = quote(source.file, safe="/", errors="replace")
    return f"[{clipped(text, safe.markdown, _PLACE)}]({link}/{path}#L{source.line})"


def detail(item: Row, shape: Columns, *, unfolded: bool) -> str:
    """A fold with the tunnel's diff, and why it was not applied."""
    change = item.change
    name = clipped(words.label(change).replace(" -> ", " → "), safe.html, _NAME)
    about = [safe.html(item.account)[:_NAME]] if shape.account else []
    about += [words.count(len(change.fields), "field")] if change.fields else []
    weight = change.severity if shape.drift else change.impact
    about += [weight] if weight and weight != "none" else []
    opening = "<details open>" if unfolded else "<details>"
    facts = ", ".join(about) or "no fields"
    more = f" and {len(item.others):,} more" if item.others else ""
    head = f"{opening}<summary>{words.SIGNS[change.action]} <code>{name}</code>{more} ({facts})</summary>"
    parts = [head, fence(list(_diff(change, drift=shape.drift)), "diff")] if change.fields else [head]
    if item.others:
        parts.append(f"All of them: {', '.join(map(tunnel, (change, *item.others)))}")
    if change.error:
        parts.append("\n- ".join([trouble(change.error), *said(change.error, _SAID)]))
    return "\n\n".join([*parts, "</details>"])


def trouble(error: Problem) -> str:
    """Why something was not done, and what to do."""
    message = clipped(error.message, safe.markdown_prose, 250)
    remedy = f" To do: {clipped(error.remedy, safe.markdown_prose, 250)}" if error.remedy else ""
    return f"{message} ({clipped(error.code, safe.markdown_code, 60)}).{remedy}"


def said(error: Problem, most: int) -> Iterator[str]:
    """What else is known of it, each a sentence."""
    return few(list(words.more(error)), _sentence, most)


def _sentence(part: tuple[str, str | None]) -> str:
    text, url = part
    sentence = clipped(f"{text[0].upper()}{text[1:]}", safe.markdown_prose, 250)
    if url is None:
        return f"{sentence}."
    known = documentation(url)
    return f"{sentence} [documentation]({known})." if known else f"{sentence} {clipped(url, safe.markdown, 250)}."


def _diff(change: ChangeReport, *, drift: bool) -> Iterator[str]:
    if drift:
        yield from ("--- live", "+++ declared")
    for field in change.fields:
        yield from _lines(field, change.action)
    if key := words.key_source(change):
        yield f"+ psk: {safe.visible(key)[:_VALUE]}"
    if change.action == "update":
        seen = sum(len(WHOLE.get(field.path, (field.path,))) for field in change.fields)
        yield f"  (unchanged: {max(len(SETTINGS) - seen, 0)})"


def _lines(field: FieldChange, action: str) -> Iterator[str]:
    path = safe.visible(field.path)[:_NAME]
    items = words.items(field)
    if field.sensitive:
        yield f"! {path}: (sensitive, changes)"
    elif items:
        unchanged = words.kept(field)
        yield f"  {path}{f' ({unchanged})' if unchanged else ''}:"
        yield from first((f"{sign}   {_value(item)}" for sign, item in items), len(items), _ITEMS, "    ")
    else:
        if action != "create" and not (field.before is None and action == "delete"):
            yield f"- {path}: {_value(field.before)}"
        if action != "delete":
            yield f"+ {path}: {_value(field.after)}"


def _value(item: object) -> str:
    shown = words.value(item)
    more = f"… ({len(shown) - _VALUE:,} more characters)" if len(shown) > _VALUE else ""
    return safe.visible(shown[:_VALUE]) + more
