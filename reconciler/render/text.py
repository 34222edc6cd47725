"""The report as text, for people at a terminal and for logs: the headline is the last line.

Diagnostics come as a compiler prints them: place, what is wrong, and the line with a caret under the spot. A key may
stand anywhere in a wrong file: under a misspelt name, in the place of a name, behind a broken quote. What may be one
comes marked with the line; of this only a name is shown, and only where the message quotes it itself.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from reconciler.model.problems import Diagnostic, Location, Part, Problem, shown
from reconciler.model.psk import KeyStatus
from reconciler.render import words
from reconciler.render.groups import Group, groups, is_long
from reconciler.render.headline import headline, stops
from reconciler.render.layout import COLOR, Paint, aligned, columns, padded, widest
from reconciler.render.safe import terminal
from reconciler.render.tunnels import tunnels
from reconciler.report.values import AccountReport, ChangeReport, CheckReport, Report

LineOf = Callable[[str, int], Sequence[Part] | None]

_LONGEST = 160
_MASK = "***"
_NAME_LIMIT = 48
_NAMED = 10
_WHOLE = 20
"""Problems of the files that are told with the line that they are about."""
_INDENT, _DEEPER = 6, 10
_ENDED: dict[str, Any] = {"reference": "", "age_days": None, "rotate_after_days": None}
"""What is not told once more of a key when it is told how it ended."""

_HEALTH_COLOR = {"up": "green", "down": "yellow"}
_CHECKED = 25
"""Columns before what is said of a check."""


def text(
    report: Report,
    *,
    width: int | None = None,
    color: bool = False,
    line_of: LineOf | None = None,
    shown: Report | None = None,
    quiet: bool = False,
) -> str:
    """The report as lines of text, the last one the headline.

    Args:
        report: What to say.
        width: Columns of the terminal; what is wider goes on lines of its own. None leaves lines whole.
        color: Whether to colour by action, impact and outcome.
        line_of: Gives the source line of a file; only what is surely not a key is shown under a problem.
        shown: The plan that the reader has just seen, with a line for each change as it was done: not told again.
        quiet: Whether only results are wanted, warnings and errors: what a run that went well has to add is left out.
    """
    paint = Paint(color, width)
    well = report.outcome in {"ok", "changes"}
    sentence = list(paint.below(terminal(headline(report)), 0, "bold" if well else "red"))
    first = report.command == "drift" and well  # "failed" would stand before the error that it is about
    blocks = [[paint(words.SANDBOX, "yellow")]] if report.sandbox and shown is None and not quiet else []
    if first:
        since = words.since_last(report)
        blocks.append([*sentence, *(paint.below(f"Since the last report: {since}.", 0) if since else ())])
    problems = [one for one in report.diagnostics if shown is None or one not in shown.diagnostics]
    blocks.append(list(_diagnostics(problems, line_of, paint)))
    blocks.append(list(_checks(report.checks, paint)))
    if report.command == "accounts":
        blocks.append(list(_account_rows(report, paint)))
    else:
        every = _not_shown_yet(report.accounts, shown.accounts) if shown else report.accounts
        for account in (replace(one, notes=()) for one in every) if quiet and well else every:
            single = bool(account.tunnels or account.devices)  # which tell of the keys themselves
            parts = [
                _checks(account.checks, paint),
                _behaviours(account, paint),
                _trouble(account, paint),
                _changes(account, paint),
                _ways_out(account, paint),
            ]
            parts += [tunnels(account, paint) if single else _psks(account.keys, paint)]
            parts += [_left(account, report.command, paint)]
            if filled := [lines for part in parts if (lines := list(part))]:
                blocks += [[paint(f"Account {terminal(account.account)}", "bold")], *filled]
    if not first:
        blocks.append([*_ending(report, paint, shown=shown is not None, calls=not (quiet and well)), *sentence])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _not_shown_yet(accounts: Iterable[AccountReport], shown: Iterable[AccountReport]) -> Iterator[AccountReport]:
    """Accounts without what was shown before the changes were made, and without the changes that were."""
    before = {account.account: account for account in shown}
    for now in accounts:
        plan = before.get(now.account)
        if plan is None:
            yield now
            continue
        parts = [(part.name, getattr(now, part.name)) for part in fields(now)]
        nothing: dict[str, Any] = {n: () for n, part in parts if isinstance(part, tuple) and part == getattr(plan, n)}
        undone = (change for change in now.changes if change.outcome not in (None, "applied"))
        changes = tuple(replace(change, fields=(), psk=None) for change in undone)
        notes = tuple(note for note in now.notes if note not in plan.notes)
        planned = {psk.name for psk in plan.keys}
        keys = tuple(replace(psk, **_ENDED) if psk.name in planned else psk for psk in nothing.get("keys", now.keys))
        yield replace(now, **{**nothing, "changes": changes, "notes": notes, "keys": keys, "paused": None})


def _account_rows(report: Report, paint: Paint) -> Iterator[str]:
    every = ((account.account, account.account_id, *words.account(account)) for account in report.accounts)
    rows = [[terminal(cell) for cell in cells] for cells in every]
    for cells in aligned(rows, _NAME_LIMIT):
        yield from paint.flow(((cell, None) for cell in cells), 0, 2)


def _ending(report: Report, paint: Paint, *, shown: bool, calls: bool) -> Iterator[str]:
    """What stops it, and the calls. Of a long plan one sees the end, so that its deletes are named there once more."""
    deletes = words.dangers(report).get("Deletes")
    if deletes and is_long(report) and not shown:
        yield paint(f"Deletes {words.count(len(deletes), 'tunnel')}:", "red")
        yield from paint.below(", ".join(terminal(change.name) + words.marked(change) for change in deletes), 2)
    said = [] if shown else [*stops(report)]
    if calls and (not shown or report.seconds is not None):
        said.append(words.calls_line(report))
    for line in filter(None, [*said, words.to_go_on(report)]):
        yield from paint.below(line, 0)


def _diagnostics(found: Sequence[Diagnostic], line_of: LineOf | None, paint: Paint) -> Iterator[str]:
    """Each as `file:line:column: error: … [code]`, then its source line.

    The same slip in hundreds of files is no reason to say the same hundreds of times: all keep place, summary and code.
    """
    shown = set()
    quoted = words.errors_first(found)[:_WHOLE]
    for one in found:
        place = f"{terminal(str(one.location))}: " if one.location else ""
        start = f"{paint(place, 'bold')}{paint(f'{one.severity}:', COLOR[one.severity])}"
        whole = one in quoted
        detail = one.detail if whole or one.detail not in shown else ""
        shown.add(one.detail)
        said = f"{one.summary}{f'. {detail}' if detail else ''} [{one.code}]"
        if paint.fits(terminal(said), columns(f"{place}{one.severity}: ")):
            yield f"{start} {terminal(said)}"
        else:
            used = columns(f"{place}{one.severity}: ")
            yield from paint.below(terminal(f"{one.summary} [{one.code}]"), 4, begin=f"{start} ", used=used)
            yield from paint.below(terminal(detail), 4)
        if whole and line_of and one.location:
            yield from _source(one.location, line_of, said, paint)
    if len(found) > _WHOLE:
        yield ""
        said = f"Lines are quoted for {_WHOLE} problems, errors first; advice is not repeated. -o json has it all."
        yield from paint.below(said, 0)


def _source(place: Location, line_of: LineOf, said: str, paint: Paint) -> list[str]:
    """The line of a problem and a caret under its column; nothing when too little of the line may be shown.

    What is masked or spelled out changes the width of the line, so the caret is placed while the line is put together.
    """
    parts = line_of(place.file, place.line) or ()
    if place.column > _LONGEST:
        return []
    line, caret, begin = "", None, 0
    for part in parts:
        kept = part.shown or (part.name is not None and shown(part.name) in said)
        text, ahead = part.text.replace("\t", " "), place.column - 1 - begin
        if caret is None and ahead < len(text):
            caret = columns(terminal(line + (text[:ahead] if kept else "")))
        # Masks beside each other are one, so that nobody can count the words of a key.
        line = line if not kept and line.endswith(_MASK) else line + (text if kept else _MASK)
        begin += len(text)
        if len(line) > _LONGEST:
            break
    line = terminal(line.rstrip())
    if not line or (_MASK in line and not any(c.isalnum() for c in line)):
        return []
    at = columns(line) if caret is None else caret
    if paint.width is not None and line.isascii():  # a line that the terminal breaks would have its caret elsewhere
        room = max(paint.width - 8, 20)
        begin = min(max(at - room // 2, 0), max(len(line) - room, 0))
        line, at = line[begin : begin + room], at - begin
    number = f"{place.line:>5} | "
    return [paint(number, "blue") + line[:_LONGEST], paint(" " * 5 + " | ", "blue") + " " * at + paint("^", "red")]


def _checks(checks: Iterable[CheckReport], paint: Paint) -> Iterator[str]:
    """`  warning  git           2 files not as committed: a.yaml. …`; what to do goes below where it has no room."""
    for check in checks:
        begin = f"  {paint(f'{check.severity:<7}', COLOR[check.severity])}  {check.name:<12}  "
        said, remedy = terminal(check.summary), terminal(check.remedy or "")
        if remedy and paint.fits(f"{said}. {remedy}", _CHECKED):
            said, remedy = f"{said}. {remedy}", ""
        yield from paint.below(said, _CHECKED, begin=begin)
        yield from paint.below(remedy, _CHECKED) if remedy else ()


def _behaviours(account: AccountReport, paint: Paint) -> Iterator[str]:
    """A row for each thing that could be measured, below it how this program copes if it is not as assumed."""
    measured = [one for one in account.behaviours if not one.not_measured]
    if not measured:
        return
    rows = [("behaviour", "seen", "assumed"), *((b.switch, b.seen or "undecided", b.assumed) for b in measured)]
    head, *lines = aligned(rows, _NAME_LIMIT)
    yield paint(f"    {'  '.join(head)}".rstrip(), "dim")
    for one, cells in zip(measured, lines, strict=True):
        style = "yellow" if one.differs else "dim" if one.seen is None else None
        yield paint(f"  {'!' if one.differs else ' '} {'  '.join(cells)}".rstrip(), style)
        if one.differs:
            yield from paint.below(f"{one.decides[0].upper()}{one.decides[1:]}. {one.copes}", 6)
    yield ""
    others = ", ".join(one.switch for one in account.behaviours if one.not_measured)
    yield from paint.said("not measured:", others, 2, "dim")
    yield from paint.said("the same server:", f"reconciler simulate --semantics '{account.semantics}'", 2)


def _trouble(account: AccountReport, paint: Paint) -> Iterator[str]:
    """What has to be read first: why it failed, what blocks it, what to know before approving."""
    if account.error:
        yield from _problem(account.error, paint, 2)
    if account.paused is not None:
        reason = f"{terminal(account.paused)}; apply is refused until its lines go"
        yield from paint.said("paused:", reason, 2, "yellow")
    for guard in account.guards:
        yield from paint.said("blocked:", f"{terminal(guard.message)} [{terminal(guard.code)}]", 2, "red")
        yield from paint.said("to go on:", terminal(guard.remedy), 11)
    if down := words.down(account):
        yield from paint.said("down:", ", ".join(map(terminal, down)), 2, "yellow")
    if window := words.window(account):
        yield from paint.said("window:", terminal(window), 2, "cyan")
    for number, line in enumerate(words.waves(account)):
        yield from paint.below(terminal(line), 4) if number else paint.said("rollout:", line, 2, "cyan")
    for note in account.notes:
        yield from paint.said("note:", terminal(note), 2, "cyan")


def _problem(error: Problem, paint: Paint, indent: int, why: str = "error") -> Iterator[str]:
    ray = f" (ray {terminal(error.ray)})" if error.ray else ""
    yield from paint.said(f"{why}:", f"{terminal(error.message)} [{terminal(error.code)}]{ray}", indent, "red")
    for text, link in words.more(error):
        yield from paint.below(terminal(f"{text} {link}" if link else text), indent + 2)
    if error.remedy:
        yield from paint.said("to do:", terminal(error.remedy), indent + 2)


def _changes(account: AccountReport, paint: Paint) -> Iterator[str]:
    every = groups([account], drift=True)
    width = widest([terminal(group.label) for group in every], _NAME_LIMIT)
    health_width = max((len(group.health) for group in every), default=0)
    for number, group in enumerate(every):
        change = group.first
        # A change of one line stands close to its like, one of several lines apart.
        if number and any(words.fields(one.first) or one.first.error for one in (group, every[number - 1])):
            yield ""
        label, place = padded(terminal(group.label), width), "" if group.several else words.place(change.source)
        yield from _head(change, label, place, f"{group.health:<{health_width}}", paint)
        if history := words.cause(change) if group.several else words.history(change):
            yield from paint.below(terminal(history), _INDENT, "dim")
        for line in words.beyond(change):
            yield from paint.below(terminal(line), _INDENT, "yellow")
        yield from (_each(group, paint) if group.share == "field" else _fields(change, paint))
        if group.several and change.drift_class:
            rows = [[terminal(one.name), terminal(words.place(one.source))] for one in group.changes]
            for one, cells in zip(group.changes, aligned(rows, _NAME_LIMIT), strict=True):
                past = terminal(words.past(one))
                yield from _line(_INDENT, "", "  ".join(cells), past, paint.below(past, _DEEPER), paint)
        elif group.several and group.share == "all":
            yield from paint.below(", ".join(terminal(one.name) for one in group.changes), _INDENT)
        if change.error:
            why = "error" if change.outcome in {None, "failed"} else words.ended(change)
            yield from _problem(change.error, paint, _INDENT, why)


def _head(change: ChangeReport, label: str, place: str, health: str, paint: Paint) -> Iterator[str]:
    """`  ~ lon-a  traffic  tunnels/prod/london.yaml:4`, with the outcome when there is one."""
    weight = words.weight(change)
    cells: list[tuple[str, str | None]] = [(f"{words.SIGNS[change.action]} {label}", COLOR[change.action])]
    cells += [(f"{weight:<8}", COLOR.get(weight))]
    cells += [(health, _HEALTH_COLOR.get(change.health or ""))] if health else []
    cells += [(f"{change.drift_class:<9}", None)] if change.drift_class else []
    cells += [(f"{words.ended(change):<7}", COLOR[change.outcome])] if change.outcome else []
    cells += [(f"{change.check:<11}", COLOR.get(change.check))] if change.check else []
    yield from paint.flow([*cells, (terminal(place), "dim")], 2, _INDENT)


def _fields(change: ChangeReport, paint: Paint) -> Iterator[str]:
    """Each field with its sign, and of a create where its key comes from."""
    fields = words.fields(change)
    psk = words.psk_source(change)
    width = widest([terminal(field.path) for field in fields] + ["psk"] * bool(psk), _NAME_LIMIT)
    sign = f"{paint(words.SIGNS[change.action], COLOR[change.action])} "
    for field in fields:
        path = padded(terminal(field.path), width)
        if items := words.items(field):
            yield f"{' ' * _INDENT}{sign}{path}  {words.kept(field)}".rstrip()
            yield from _sides(items, ("  live only", "  declared only") if change.drift_class else ("", ""), paint)
            continue
        value = terminal(words.difference(change, field))
        whole = change.action != "update" or field.sensitive
        sides = ("  live", "  declared") if change.drift_class == "changed" else ("", "")
        both = _sides([("-", field.before), ("+", field.after)], sides, paint)
        yield from _line(_INDENT, sign, path, value, paint.below(value, _DEEPER) if whole else both, paint)
    if psk:
        yield from _line(_INDENT, sign, padded("psk", width), terminal(psk), paint.below(terminal(psk), _DEEPER), paint)


def _each(group: Group, paint: Paint) -> Iterator[str]:
    """The one field of many tunnels: its path, then each tunnel with its own values."""
    action = group.first.action
    yield f"{' ' * _INDENT}{paint(words.SIGNS[action], COLOR[action])} {terminal(group.first.fields[0].path)}"
    width = widest([terminal(change.name) for change in group.changes], _NAME_LIMIT)
    for change in group.changes:
        (field,) = change.fields
        both = _sides([("-", field.before), ("+", field.after)], ("", ""), paint)
        value = terminal(words.difference(change, field))
        yield from _line(_DEEPER, "", padded(terminal(change.name), width), value, both, paint)


def _line(indent: int, sign: str, name: str, value: str, below: Iterable[str], paint: Paint) -> Iterator[str]:
    """A name and its value; where the line has no room for it, the name and what stands below it then."""
    start = f"{' ' * indent}{sign}{name}"
    if paint.fits(value, indent + 2 * bool(sign) + columns(name) + 2):
        yield f"{start}  {value}".rstrip()
    else:
        yield start.rstrip()
        yield from below


def _sides(items: Iterable[tuple[str, Any]], said: tuple[str, str], paint: Paint) -> Iterator[str]:
    """What goes and what comes, each on lines of its own: items of a list, or the old value and the new one."""
    for sign, item in items:
        color, about = (COLOR["delete"], said[0]) if sign == "-" else (COLOR["create"], said[1])
        if item is not None:
            begin = f"{' ' * _DEEPER}{paint(sign, color)} "
            yield from paint.below(terminal(words.value(item)) + about, _DEEPER + 2, color, begin)


def _ways_out(account: AccountReport, paint: Paint) -> Iterator[str]:
    if account.ways_out is None:
        return
    yield paint("  To revert it, which makes Cloudflare equal to the files:", "bold")
    yield f"    {terminal(account.ways_out.revert)}"
    if account.ways_out.accept_command:
        yield paint("  To accept it, which makes the files equal to Cloudflare:", "bold")
        yield from (f"    {terminal(line)}" for line in account.ways_out.accept_command.split("\n"))


def _psks(psks: tuple[KeyStatus, ...], paint: Paint) -> Iterator[str]:
    rows = [[terminal(cell) for cell in (psk.name, *words.psk(psk))] for psk in psks]
    for psk, cells in zip(psks, aligned(rows, _NAME_LIMIT), strict=True):
        styles = (None, COLOR.get(psk.outcome or ""), "red", None, None, None)
        yield from paint.flow(zip(cells, styles, strict=True), 2, _INDENT)
        if psk.error:
            yield from _problem(psk.error, paint, _INDENT)


def _left(account: AccountReport, command: str, paint: Paint) -> Iterator[str]:
    """Counts of what is left alone; by name in a drift report, and always what was not checked."""
    for reason, names in words.held_back([account]).items():
        yield from paint.below(f"{reason}:", 2, "yellow")
        yield from paint.below(", ".join(map(terminal, names)), 4)
    others = f"{account.not_owned:,} not owned" if account.not_owned else ""
    if counts := ", ".join(filter(None, (words.left_counts(account), others))):
        yield from paint.said("Left alone:", f"{counts}.", 2)
    if account.unmanaged and command != "drift":
        names = [terminal(item.name) for item in account.unmanaged]
        yield from paint.below(f"no file declares {words.named(names, _NAMED)}", 4)
    for kind, lines in words.left(account).items():
        if command == "drift" or kind in ("not checked", "not shown"):
            style = "green" if kind == "resolved" else "dim"
            for line in lines:
                yield from paint.said(f"{kind:<11} ", terminal(line), 4 if counts else 2, style)
