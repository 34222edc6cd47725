"""What the HTML report says of one account."""

from collections.abc import Iterator

from reconciler.model.problems import Problem
from reconciler.model.psk import KeyStatus
from reconciler.plan.diff import FieldChange
from reconciler.render import words
from reconciler.render.safe import documentation, few, html, visible
from reconciler.report.values import AccountReport, ChangeReport

_CHANGES, _OPEN, _LEFT, _NOTES = 2_000, 12, 500, 100
_VALUE = 2_000
_CAUSES = {"git": "from git", "drift": "already different on Cloudflare", "both": "from git and on Cloudflare"}


def section(account: AccountReport, command: str) -> str:
    """One account as a card."""
    drift = command == "drift"
    parts = [f"<h2>{html(account.account)}</h2>", *_trouble(account), *_changes(account, drift=drift)]
    parts += _ways_out(account)
    parts += _keys(account.keys)
    parts += _left(account)
    what = "Planned calls" if command == "apply" else "Calls"
    calls = f"{what}: {html(words.calls(account.api_calls))}. " if account.api_calls else ""
    digest = f"Digest: <code>{html(account.digest)}</code>" if account.digest and account.changes else ""
    if calls or digest:
        parts.append(f'<p class="dim">{calls}{digest}</p>')
    return f"<section>{''.join(parts)}</section>"


def box(kind: str, title: str, *lines: str) -> str:
    """A coloured box; the lines are HTML."""
    return f'<div class="box {kind}"><b>{html(title)}</b>{"<br>".join(lines)}</div>'


def _trouble(account: AccountReport) -> Iterator[str]:
    if account.error:
        yield box("bad", "Failed", *_problem(account.error))
    if account.paused is not None:
        yield box("warn", "Paused", html(account.paused))
    for guard in account.guards:
        code = f" <code>{html(guard.code)}</code>"
        yield box("bad", "Blocked", html(guard.message) + code, f"To go on: {html(guard.remedy)}")
    yield from (box("", "Note", note) for note in few(account.notes, html, _NOTES))


def _problem(error: Problem) -> list[str]:
    ray = f" (ray {html(error.ray)})" if error.ray else ""
    remedy = [f"To do: {html(error.remedy)}"] if error.remedy else []
    more = [html(text) + (f" {_link(url)}" if url else "") for text, url in words.more(error)]
    return [f"{html(error.message)} <code>{html(error.code)}</code>{ray}", *more, *remedy]


def _link(url: str) -> str:
    known = documentation(url)
    return f'<a href="{html(known)}" rel="noreferrer">{html(url)}</a>' if known else html(url)


def _changes(account: AccountReport, *, drift: bool) -> Iterator[str]:
    """One fold per change, open while there are few of them; beyond the cap they are only counted."""
    changes = words.by_severity(account.changes) if drift else words.by_impact(account.changes)
    unfolded = " open" if len(changes) <= _OPEN else ""
    for change in changes[:_CHANGES]:
        inside = "".join(_inside(change, drift=drift))
        color = "delete" if change.drift_class == "missing" else change.action
        yield f'<details class="{color}"{unfolded}>{_head(change)}<div class="inside">{inside}</div></details>'
    if len(changes) > _CHANGES:
        yield f"<p>{len(changes) - _CHANGES:,} more changes are not shown here; the JSON report holds them.</p>"


def _head(change: ChangeReport) -> str:
    tags: list[str | None] = [change.severity or ("traffic" if change.impact == "traffic" else "")]
    tags += [change.outcome, change.check]
    tags += [change.cause and _CAUSES.get(change.cause)] if change.drift_class is None else [change.age]
    shown = "".join(f' <span class="tag {html(tag)}">{html(tag)}</span>' for tag in tags if tag)
    kind = change.drift_class or change.action
    action = f'<span class="tag act">{html(kind)}</span>'
    place = f' <code class="place">{html(words.place(change))}</code>' if change.source else ""
    name = html(words.label(change).replace(" -> ", " → "))
    return f'<summary>{action} <code class="name">{name}</code>{shown}{place}</summary>'


def _inside(change: ChangeReport, *, drift: bool) -> Iterator[str]:
    if change.error:
        kind, title = ("warn", "Skipped") if change.outcome == "skipped" else ("bad", change.outcome or "Failed")
        yield box(kind, title.capitalize(), *_problem(change.error))
    if drift and words.history(change):
        yield f'<p class="dim">{html(words.history(change))}</p>'
    if change.fields:
        columns = _columns(change, drift=drift)
        head = "".join(f"<th>{title}</th>" for title in ("Field", *columns.values()))
        body = "".join(_row(field, columns) for field in change.fields)
        yield f'<table class="fields"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    elif not change.error:
        yield '<p class="dim">No field is shown for it.</p>'


def _columns(change: ChangeReport, *, drift: bool) -> dict[str, str]:
    """The sides that have values, with their titles: what is created has no before, what is deleted no after."""
    titles = {"before": "Live", "after": "Declared"} if drift else {"before": "Before", "after": "After"}
    empty = {"create": "before", "delete": "after"}.get(change.action)
    return {side: title for side, title in titles.items() if side != empty}


def _row(field: FieldChange, columns: dict[str, str]) -> str:
    items = {"before": field.before, "after": field.after}
    values = (_cell(side, title, items[side], sensitive=field.sensitive) for side, title in columns.items())
    return f'<tr><td class="path"><code>{html(field.path)}</code></td>{"".join(values)}</tr>'


def _cell(kind: str, title: str, item: object, *, sensitive: bool) -> str:
    faded = ' class="unset"' if item is None else ""
    shown = words.SENSITIVE if sensitive else _value(item)
    return f'<td class="{kind}" data-is="{title}"><code{faded}>{html(shown)}</code></td>'


def _value(item: object) -> str:
    shown = words.value(item)
    over = len(shown) - _VALUE
    return shown if over <= 0 else f"{shown[:_VALUE]}… ({over:,} more characters)"


def _ways_out(account: AccountReport) -> Iterator[str]:
    if account.ways_out is None:
        return
    yield f"<h3>Revert on Cloudflare</h3><pre><code>{html(account.ways_out.revert)}</code></pre>"
    if account.ways_out.accept:
        lines = "\n".join(html(line) for line in account.ways_out.accept.rstrip("\n").split("\n"))
        yield "<h3>Accept into git</h3><p>Save these lines and run <code>git apply</code> on them.</p>"
        yield f"<pre><code>{lines}</code></pre>"


def _keys(keys: tuple[KeyStatus, ...]) -> Iterator[str]:
    if not keys:
        return
    rows = []
    for key in keys:
        tags = [key.outcome, "overdue" if key.overdue else None]
        shown = "".join(f'<span class="tag {html(tag)}">{html(tag)}</span> ' for tag in tags if tag)
        age = "unknown" if key.age_days is None else words.count(key.age_days, "day")
        why = "<br>".join(_problem(key.error)) if key.error else ""
        cells = (
            f"<code>{html(key.name)}</code>",
            age,
            f"<code>{html(key.reference or 'no psk')}</code>",
            f"{shown}{why}",
        )
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "".join(f"<th>{title}</th>" for title in ("Tunnel", "Age", "Key", "State"))
    yield f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _left(account: AccountReport) -> Iterator[str]:
    kinds = {"Not checked": account.not_checked, "Unmanaged": account.unmanaged, "Ignored": account.ignored}
    for title, items in kinds.items():
        if items:
            lines = few(items, lambda item: html(words.left_alone(item)), _LEFT)
            yield _list(f"{title} ({len(items):,})", lines)
    if account.resolved:
        lines = few(account.resolved, lambda gone: html(words.resolved(gone)), _LEFT)
        yield _list(f"Resolved since the last report ({len(account.resolved):,})", lines)


def _list(title: str, lines: Iterator[str]) -> str:
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f'<details><summary>{visible(title)}</summary><ul class="plain inside">{items}</ul></details>'
