"""The report as GitHub annotations: problems, guards and changes on the lines of the YAML files."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.model.problems import Problem
from reconciler.render import words
from reconciler.render.headline import headline
from reconciler.render.safe import workflow, workflow_property
from reconciler.report.values import AccountReport, ChangeReport, Report

_SHOWN = 9  # and one that counts the rest
_RANKS = ("error", "warning", "notice")
_LONGEST, _TITLE = 800, 200


@dataclass(frozen=True, slots=True)
class _Note:
    """One annotation: how grave, its title and message, and where it belongs."""

    rank: str
    title: str
    message: str
    file: str | None = None
    line: int = 1
    column: int | None = None


def github(report: Report) -> str:
    """Workflow commands, the gravest first: at most 9 and one that counts the rest, then the headline.

    GitHub keeps ten annotations of each kind per step and drops the others unsaid.
    """
    notes = sorted(_notes(report), key=lambda note: _RANKS.index(note.rank))
    shown = notes[:_SHOWN]
    if rest := notes[_SHOWN:]:
        shown.append(_Note(rest[0].rank, "More", f"… and {len(rest):,} more; the job summary has them."))
    shown.append(_Note("notice", "Verdict", headline(report)))
    return "".join(f"{_command(note)}\n" for note in shown)


def _command(note: _Note) -> str:
    place = {"file": note.file, "line": str(note.line)} if note.file else {}
    place |= {"col": str(note.column)} if note.file and note.column else {}
    place["title"] = note.title[:_TITLE]
    properties = ",".join(f"{name}={workflow_property(value)}" for name, value in place.items())
    return f"::{note.rank} {properties}::{workflow(note.message[:_LONGEST])}"


def _notes(report: Report) -> Iterator[_Note]:
    for found in report.diagnostics:
        place = found.location
        where = (place.file, place.line, place.column) if place else ()
        yield _Note(found.severity.value, found.code, f"{found.summary}. {found.detail}", *where)
    for account in report.accounts:
        yield from _account(account)
        yield from _keys(account, report.command)
        pick = words.by_severity if report.command == "drift" else words.by_impact
        yield from (_change(change, report.command) for change in pick(account.changes))


def _account(account: AccountReport) -> Iterator[_Note]:
    if account.error:
        error = account.error
        where = (error.source.file, error.source.line) if error.source else ()
        yield _Note("error", error.code, f"{account.account}: {error.message}. {_more(error)}".rstrip(), *where)
    for guard in account.guards:
        yield _Note("error", guard.code, f"{account.account} is blocked: {guard.message}. To go on: {guard.remedy}")


def _keys(account: AccountReport, command: str) -> Iterator[_Note]:
    places = {change.name: change.source for change in account.changes}
    for key in account.keys:
        if key.error:
            text = f"{key.name}: {key.error.message} ({key.error.code}). {_more(key.error)}".rstrip()
            place = places.get(key.name)
            where = (place.file, place.line) if place else ()
            yield _Note("error" if command == "apply" else "warning", key.error.code, text, *where)


def _more(error: Problem) -> str:
    """What to do about it, then what else was said: an annotation may be cut."""
    said = [f"{text[0].upper()}{text[1:]} {url or ''}".rstrip() for text, url in words.more(error)]
    if not said:
        return error.remedy or ""  # it may end with a command, which no full stop must follow
    remedy = [error.remedy.removesuffix(".")] if error.remedy else []
    return "".join(f"{part}. " for part in (*remedy, *said))


def _change(change: ChangeReport, command: str) -> _Note:
    where = (change.source.file, change.source.line) if change.source else ()
    if change.error and change.outcome != "skipped":
        error = change.error
        where = (error.source.file, error.source.line) if error.source else where
        text = f"{words.label(change)}: {error.message} ({error.code}). {_more(error)}".rstrip()
        return _Note("error", change.outcome or "refused", text, *where)
    names = [field.path for field in change.fields]
    fields = words.count(len(names), "field") if names and change.action != "update" else ", ".join(names)
    what = change.outcome or (change.drift_class if command == "drift" else change.action) or change.action
    rank = "warning" if command == "drift" and words.is_drift(change) else "notice"
    impact = ", can interrupt traffic" if change.impact == "traffic" else ""
    return _Note(rank, f"{what} {words.label(change)}", f"{fields or change.action}{impact}", *where)
