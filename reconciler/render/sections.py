"""What the text says of one account: its plan, what was done, its drift, its keys."""

from collections.abc import Iterator

from reconciler.model.problems import Problem
from reconciler.model.psk import KeyStatus
from reconciler.plan.diff import FieldChange
from reconciler.render import words
from reconciler.render.paint import ACTION_COLOR, OUTCOME_COLOR, WEIGHT_COLOR, Paint, columns, padded, widest
from reconciler.render.safe import terminal
from reconciler.report.values import AccountReport, ChangeReport

_NAME_LIMIT = 48
_NAMED = 10
_INDENT = 6


def section(account: AccountReport, command: str, paint: Paint) -> list[str]:
    """The account's lines without a heading; none when there is nothing to say."""
    parts = [
        _trouble(account, paint),
        _changes(account, command, paint),
        _ways_out(account, paint),
        _keys(account.keys, paint),
        _left(account, command, paint),
    ]
    found: list[str] = []
    for part in parts:
        lines = list(part)
        found += ["", *lines] if found and lines else lines
    return found


def _trouble(account: AccountReport, paint: Paint) -> Iterator[str]:
    """What has to be read first: why it failed, what blocks it, what to know before approving."""
    if account.error:
        yield from _problem(account.error, paint, "  ")
    if account.paused is not None:
        yield f"  {paint('paused:', 'yellow')} {terminal(account.paused)}; apply is refused until its lines go"
    for guard in account.guards:
        yield f"  {paint('blocked:', 'red')} {terminal(guard.message)} [{terminal(guard.code)}]"
        yield f"           to go on: {terminal(guard.remedy)}"
    for note in account.notes:
        yield f"  {paint('note:', 'cyan')} {terminal(note)}"


def _problem(error: Problem, paint: Paint, indent: str, why: str = "error") -> Iterator[str]:
    ray = f" (ray {terminal(error.ray)})" if error.ray else ""
    yield f"{indent}{paint(f'{why}:', 'red')} {terminal(error.message)} [{terminal(error.code)}]{ray}"
    for text, link in words.more(error):
        yield f"{indent}  {terminal(f'{text} {link}' if link else text)}"
    if error.remedy:
        yield f"{indent}  to do: {terminal(error.remedy)}"


def _changes(account: AccountReport, command: str, paint: Paint) -> Iterator[str]:
    drift = command == "drift"
    changes = words.by_severity(account.changes) if drift else words.by_impact(account.changes)
    name_width = widest([terminal(words.label(change)) for change in changes], _NAME_LIMIT)
    for number, change in enumerate(changes):
        if number and _is_long(change, changes[number - 1]):
            yield ""
        yield _head(change, name_width, paint)
        notes = words.history(change) if drift else _cause(change)
        if notes:
            yield " " * _INDENT + paint(terminal(notes), "dim")
        yield from _fields(change, paint, drift=drift)
        if change.error:
            why = "error" if change.outcome in {None, "failed"} else str(change.outcome)
            yield from _problem(change.error, paint, " " * _INDENT, why)


def _is_long(*changes: ChangeReport) -> bool:
    return any(change.fields or change.error for change in changes)


def _head(change: ChangeReport, name_width: int, paint: Paint) -> str:
    """`  ~ lon-a  traffic  tunnels/prod/london.yaml:4`, with the outcome when there is one."""
    color = ACTION_COLOR[change.action]
    name = padded(terminal(words.label(change)), name_width)
    weight = change.severity or ("traffic" if change.impact == "traffic" else "")
    cells = [(f"{words.SIGNS[change.action]} {name}", color), (f"{weight:<8}", WEIGHT_COLOR.get(weight))]
    cells += [(f"{change.drift_class:<9}", None)] if change.drift_class else []
    cells += [(f"{change.outcome:<7}", OUTCOME_COLOR[change.outcome])] if change.outcome else []
    cells += [(f"{change.check:<11}", WEIGHT_COLOR.get(change.check))] if change.check else []
    return "  " + paint.row(*cells, (terminal(words.place(change)), None))


def _cause(change: ChangeReport) -> str:
    causes = {
        "git": "from git",
        "drift": "already different on Cloudflare",
        "both": "from git, and already different on Cloudflare",
    }
    return causes.get(change.cause or "", "")


def _fields(change: ChangeReport, paint: Paint, *, drift: bool) -> Iterator[str]:
    width = widest([terminal(field.path) for field in change.fields], _NAME_LIMIT)
    for field in change.fields:
        path = padded(terminal(field.path), width)
        shown = terminal(_difference(field, change, drift=drift))
        yield f"{' ' * _INDENT}{path}  {paint.cut(shown, _INDENT + columns(path) + 2)}"


def _difference(field: FieldChange, change: ChangeReport, *, drift: bool) -> str:
    if drift and change.drift_class == "changed":
        return words.drift_difference(field)
    return words.difference(field, change.action)


def _ways_out(account: AccountReport, paint: Paint) -> Iterator[str]:
    if account.ways_out is None:
        return
    yield f"  {paint('Revert on Cloudflare:', 'bold')}  {terminal(account.ways_out.revert)}"
    if account.ways_out.accept:
        yield f"  {paint('Accept into git:', 'bold')}       save these lines and run `git apply` on them"
        yield ""
        yield from (terminal(line) for line in account.ways_out.accept.rstrip("\n").split("\n"))


def _keys(keys: tuple[KeyStatus, ...], paint: Paint) -> Iterator[str]:
    width = widest([terminal(key.name) for key in keys], _NAME_LIMIT)
    for key in keys:
        age = "age unknown" if key.age_days is None else words.count(key.age_days, "day")
        due = f"rotate after {words.count(key.rotate_after_days, 'day')}" if key.rotate_after_days else ""
        yield "  " + paint.row(
            (padded(terminal(key.name), width), None),
            (f"{key.outcome or '':<7}", OUTCOME_COLOR.get(key.outcome or "")),
            ("overdue" if key.overdue else " " * 7, "red"),
            (f"{age:<11}", None),
            (terminal(key.reference or "no psk"), None),
            (due, None),
        )
        if key.error:
            yield from _problem(key.error, paint, " " * _INDENT)


def _left(account: AccountReport, command: str, paint: Paint) -> Iterator[str]:
    """Counts of what is left alone; by name in a drift report, and always what was not checked."""
    counts = words.left_counts(account)
    if counts:
        yield f"  Left alone: {counts}."
    if account.unmanaged and command != "drift":
        names = [terminal(item.name) for item in account.unmanaged[:_NAMED]]
        more = f" and {len(account.unmanaged) - _NAMED:,} more" if len(account.unmanaged) > _NAMED else ""
        yield f"    no file declares {', '.join(names)}{more}"
    named = (("unmanaged", account.unmanaged), ("ignored", account.ignored)) if command == "drift" else ()
    for kind, items in (*named, ("not checked", account.not_checked)):
        for item in items:
            yield f"    {paint(f'{kind:<11}', 'dim')}  {terminal(words.left_alone(item))}"
    for gone in account.resolved:
        yield f"    {paint('resolved   ', 'green')}  {terminal(words.resolved(gone))}"
