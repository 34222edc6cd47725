"""Proves edited files before they are given away: loaded again, they declare exactly what they should."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from reconciler.files import accept
from reconciler.files.hunks import Edit, edited
from reconciler.files.load import load
from reconciler.files.sheet import Sheet
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.desired import Desired
from reconciler.model.fields import BGP
from reconciler.model.problems import MORE, Diagnostic, Severity
from reconciler.model.tunnel import Settings
from reconciler.plan.change import Action, Change
from reconciler.yaml.read import DocumentError, parse

_UNEQUAL = "the edited file would not read back as the live tunnel"


@dataclass(frozen=True, slots=True)
class Draft:
    """The edits of one file, each with the key of its change, and who owns each item afterwards."""

    sheet: Sheet
    edits: tuple[tuple[str, Edit], ...]
    owners: tuple[str | None, ...]

    @property
    def text(self) -> str:
        """The file with the edits made."""
        return self.sheet.mark + edited(self.sheet.text, [edit for _, edit in self.edits])


def prove(
    files: AccountFiles, desired: Desired, today: date, chosen: list[Change], drafts: list[Draft]
) -> tuple[dict[str, str], list[str]]:
    """Loads the edited files and compares.

    Args:
        files: The account's files as they are.
        desired: What they declare.
        today: The day (UTC) on which rules with an end are judged.
        chosen: The changes that the drafts accept.
        drafts: Every file that is edited.

    Returns:
        What is wrong by the key of a change, nothing when all is well; and the names of tunnels that are right but
        for their MD5 key.
    """
    texts = {d.sheet.source.path: d.text.encode() for d in drafts}
    sources = tuple(SourceFile(f.path, texts.get(f.path, f.data)) for f in files.files)
    loaded = load(Tree((replace(files, files=sources, unread=()),), ()), today)
    errors = [d for d in loaded.diagnostics if d.severity is Severity.ERROR and d.code != MORE]
    if not errors:
        return _unequal(desired, chosen, {n: t.settings for n, t in loaded.desired[0].tunnels.items()})
    problems: dict[str, str] = {}
    for problem in errors:
        owner = _owner(problem, drafts)
        reason = f"the edited file would be wrong: {problem.summary}"
        problems.update((key, reason) for key in ([owner] if owner else [c.key for c in chosen]))
    return problems, []


def _owner(problem: Diagnostic, drafts: list[Draft]) -> str | None:
    """The key of the change that made the item in which a problem is."""
    place = problem.location
    draft = next((d for d in drafts if place and d.sheet.source.path == place.file), None)
    if draft is None or place is None:
        return None
    try:
        parsed = parse(draft.text.encode(), place.file)
    except DocumentError:
        return None
    index = bisect_right([item.line for item in parsed.item_locations("tunnels")], place.line)
    return draft.owners[index - 1] if index else None


def _unequal(desired: Desired, chosen: list[Change], found: Mapping[str, Settings]) -> tuple[dict[str, str], list[str]]:
    """Compares what the edited files declare with what they should."""
    touched = {c.declared.name for c in chosen if c.declared}
    wanted: dict[str, tuple[Change | None, Settings]] = {
        name: (None, t.settings) for name, t in desired.tunnels.items() if name not in touched
    }
    problems: dict[str, str] = {}
    for change in chosen:
        if change.live:
            wanted[change.live.name] = change, accept.expected(change, desired.account)
    for name in sorted(wanted.keys() | found.keys()):
        owner, settings = wanted.get(name, (None, {}))
        if _compared(settings, owner) != _compared(found.get(name, {}), owner):
            problems.update((c.key, _UNEQUAL) for c in ([owner] if owner else chosen))
    return problems, [c.name for c in chosen if _keeps_key(c, found)]


def _compared(settings: Settings, owner: Change | None) -> Settings:
    """What must be equal: of a tunnel that is edited, everything but its MD5 key."""
    return {p: v for p, v in settings.items() if p != accept.MD5 or owner is None}


def _keeps_key(change: Change, found: Mapping[str, Settings]) -> bool:
    """True when the change is about an MD5 key, and the edited files do not have the live one."""
    if change.live is None:
        return False
    about = change.action is Action.DELETE or any(f.path in (BGP, accept.MD5) for f in change.fields)
    now = found.get(change.live.name, {})
    return about and now.get(accept.MD5, "") != change.live.settings.get(accept.MD5, "")
