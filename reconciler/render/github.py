"""The report as GitHub annotations: problems, guards and changes on the lines of the YAML files."""

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.model.problems import Location, Problem, Source
from reconciler.render import words
from reconciler.render.headline import full_headline
from reconciler.render.safe import workflow, workflow_property
from reconciler.report.values import AccountReport, ChangeReport, Report

_SHOWN = 10
"""Annotations of each rank. GitHub keeps so many of each in a step and drops the others unsaid."""

# Characters of a message, of a title, and of a message that names all tunnels which are deleted.
_LONGEST, _TITLE, _NAMES = 800, 200, 10_000


class _Note(NamedTuple):
    """One annotation: how grave, its title and message, and where it belongs."""

    rank: str
    title: str
    message: str
    place: Location | Source | None = None


def github(report: Report) -> str:
    """Workflow commands, the gravest first and the headline last; of too many of a rank the last counts the rest."""
    notes = list(_notes(report))
    last = _Note("notice" if report.outcome in {"ok", "changes"} else "error", "Verdict", full_headline(report))
    shown: list[_Note] = []
    for rank in ("error", "warning", "notice"):
        found = [note for note in notes if note.rank == rank]
        room = _SHOWN - (rank == last.rank)
        if len(found) > room:
            rest = len(found) - room + 1
            found[room - 1 :] = [_Note(rank, "More", f"… and {rest:,} more; the job summary has them.")]
        shown += found
    lines = []
    for note in (*shown, last):
        properties = {"file": note.place.file, "line": str(note.place.line)} if note.place else {}
        properties |= {"col": str(note.place.column)} if isinstance(note.place, Location) else {}
        properties["title"] = note.title[:_TITLE]
        given = ",".join(f"{name}={workflow_property(value)}" for name, value in properties.items())
        lines.append(f"::{note.rank} {given}::{workflow(note.message)}\n")
    return "".join(lines)


def _notes(report: Report) -> Iterator[_Note]:
    yield from _deletes(report)
    for found in report.diagnostics:
        text = f"{found.summary}. {found.detail}"
        yield _Note(found.severity.value, found.code, text[:_LONGEST], found.location)
    for account in report.accounts:
        if account.error:
            yield _annotation(
                "error", account.error.code, f"{account.account}: {account.error.message}.", account.error
            )
        for guard in account.guards:
            text = f"{account.account} is blocked: {guard.message}. To go on: {guard.remedy}"
            yield _Note("error", guard.code, text[:_LONGEST])
        if window := words.window(account):
            yield _Note("notice", "Window", f"{account.account}: {window}"[:_LONGEST])
        sources = {change.name: change.source for change in account.changes}
        for psk in account.keys:
            if psk.error:
                rank = "error" if report.command == "apply" else "warning"
                text = f"{psk.name}: {psk.error.message} ({psk.error.code})."
                yield _annotation(rank, psk.error.code, text, psk.error, sources.get(psk.name))
        yield from _changes(account, report.command)


def _annotation(rank: str, title: str, text: str, error: Problem, source: Source | None = None) -> _Note:
    """What went wrong, what to do about it, then what else was said: an annotation may be cut."""
    parts = [f"{said[0].upper()}{said[1:]} {url or ''}".rstrip() for said, url in words.more(error)]
    if parts:
        parts = [f"{part.removesuffix('.')}." for part in (error.remedy or "", *parts) if part]
    elif error.remedy:  # it may end with a command, which no full stop must follow
        parts = [error.remedy]
    return _Note(rank, title, " ".join([text, *parts])[:_LONGEST], error.source or source)


def _changes(account: AccountReport, command: str) -> Iterator[_Note]:
    """One for each change, on its line."""
    for change in sorted(account.changes, key=words.gravity):
        if _failed(change) and change.error:
            text = f"{words.label(change)}: {change.error.message} ({change.error.code})."
            yield _annotation("error", words.ended(change) or "refused", text, change.error, change.source)
        elif change.action != "delete":
            severity = f" ({change.severity})" if change.severity else ""
            risk = change.impact == "traffic" and not (change.severity or change.outcome)
            parts = [f"{words.about(change)[:_LONGEST]}{severity}", "can interrupt traffic" if risk else ""]
            parts += [words.down_since(change) or words.health(change), *words.beyond(change)]
            title = f"{_what(change)} {words.label(change)}"
            yield _Note(_rank(change, command), title, ", ".join(filter(None, parts)), change.source)


def _deletes(report: Report) -> Iterator[_Note]:
    """One that names all, since they have no line; as the first, since no warning may hide it."""
    found: dict[tuple[str, str], list[str]] = {}
    for change in report.changes:
        if change.action == "delete" and not _failed(change):
            name = change.name + words.marked(change)
            found.setdefault((_rank(change, report.command), _what(change)), []).append(name)
    for (rank, what), names in found.items():
        yield _Note(rank, f"{what} {words.count(len(names), 'tunnel')}", ", ".join(names)[:_NAMES])


def _failed(change: ChangeReport) -> bool:
    return change.error is not None and change.outcome != "skipped"


def _what(change: ChangeReport) -> str:
    return " ".join(filter(None, (words.ended(change), change.drift_class or change.action)))


def _rank(change: ChangeReport, command: str) -> str:
    """A warning for what is still ahead and dangerous, and for drift."""
    grave = words.is_drift(change) if command == "drift" else command in words.PLANNED and words.danger(change)
    return "warning" if grave else "notice"
