"""The way out of drift that accepts live values: a patch of the files after which a plan finds nothing.

A patch is proved before it is given: the edited files are loaded again, and what does not read back as it should
is left out with the reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from reconciler.files import accept, schema
from reconciler.files.edit import Odd
from reconciler.files.hunks import Edit, Hidden, blocks, unified
from reconciler.files.load import merge
from reconciler.files.proof import Draft, prove
from reconciler.files.shapes import validator
from reconciler.files.sheet import Sheet, additions, find, read_sheet, removals, span
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.desired import Account, Desired
from reconciler.plan.change import Action, Change
from reconciler.yaml.read import parse

_SHOWS_KEY = "its lines hold a BGP MD5 key, which no patch may show"
_KEY_LEFT = "bgp.md5_key is sensitive and never written into a patch"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What can be accepted.

    Attributes:
        patch: A unified diff for `git apply`; empty when there is nothing to do.
        left_out: Names of tunnels with what of them is not in the patch, and why.
    """

    patch: str
    left_out: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Work:
    """What is known while a patch is made; `left` has the reason for each change that is left out, by key."""

    files: AccountFiles
    desired: Desired
    today: date
    strip: str
    left: dict[str, str] = field(default_factory=dict)
    sheets: dict[str, Sheet | str] = field(default_factory=dict)


def accept_patch(
    tree: Tree, desired: Desired, changes: tuple[Change, ...], today: date, *, strip: str = ""
) -> Accepted:
    """The patch that makes the files say what is live.

    Args:
        tree: The files.
        desired: What they declare, of one account and without errors.
        changes: What of a plan is accepted: of an update its differing fields, of a delete the tunnel that nobody
            declares (added with `psk: external`), of a create the tunnel that is gone (removed).
        today: The day (UTC) on which rules with an end are judged.
        strip: What the paths of `tree` begin with and a path in the repository does not.
    """
    files = next((a for a in tree.accounts if a.name == desired.account.name), None)
    if files is None:
        return Accepted("", tuple((c.name, "its account has no files") for c in changes))
    work = _Work(files, desired, today, strip)
    work.left.update((c.key, r) for c in changes if (r := _refusal(c, desired.account)))
    while True:
        chosen = [c for c in changes if c.key not in work.left]
        patch, kept, problems = _attempt(work, chosen)
        if not problems:
            names = {c.key: c.name for c in changes}
            left = [(names[key], reason) for key, reason in work.left.items()]
            return Accepted(patch, tuple(sorted(left + [(name, _KEY_LEFT) for name in kept])))
        work.left.update(problems)


def _attempt(work: _Work, chosen: list[Change]) -> tuple[str, list[str], dict[str, str]]:
    """A patch, the names whose MD5 key still differs after it, and what is wrong with it by change."""
    drafts, problems = _drafts(work, chosen)
    kept: list[str] = []
    if not problems:
        problems, kept = prove(work.files, work.desired, work.today, chosen, drafts)
    if problems:
        return "", kept, problems
    patch, problems = _diffs(work, drafts)
    return patch, kept, problems


def _refusal(change: Change, account: Account) -> str | None:
    """Why a change can't be accepted at all."""
    if change.action is Action.DELETE and change.name in account.removed:
        return "account.yaml says under 'removed' that its deletion is meant"
    if change.action is Action.UPDATE and all(f.path == accept.MD5 for f in change.fields):
        return _KEY_LEFT
    return None


def _drafts(work: _Work, chosen: list[Change]) -> tuple[list[Draft], dict[str, str]]:
    """The edits of all files, or what is wrong with some changes."""
    problems: dict[str, str] = {}
    groups: dict[str, list[Change]] = {}
    for change in chosen:
        groups.setdefault(_file_of(work, change), []).append(change)
    drafts = []
    for path, mine in sorted(groups.items()):
        sheet = _sheet(work, path)
        if isinstance(sheet, str):
            problems.update((c.key, sheet) for c in mine)
        else:
            drafts.append(_draft(sheet, mine, work.desired.account, problems))
    return drafts, problems


def _file_of(work: _Work, change: Change) -> str:
    """The file that declares a tunnel, or for a new one that of the tunnel whose name is most alike."""
    if change.location:
        return change.location.file
    last = work.files.files[-1].path

    def alike(name: str) -> int:
        return next((i for i, (a, b) in enumerate(zip(name, change.name, strict=False)) if a != b), len(name))

    near = max(work.desired.tunnels.values(), key=lambda t: (alike(t.name), t.location.file), default=None)
    return near.location.file if near and alike(near.name) > 1 else last


def _sheet(work: _Work, path: str) -> Sheet | str:
    """A file, or why it can't be edited."""
    if path not in work.sheets:
        source = next((f for f in work.files.files if f.path == path), None)
        if source is None or "\\" in path or _relative(work, path).startswith(("/", "../")):
            work.sheets[path] = f"{path} is no file that a patch can name"
        else:
            try:
                work.sheets[path] = read_sheet(source, _inherited(work.files, source))
            except Odd as odd:
                work.sheets[path] = f"{path} can't be edited: {odd}"
    return work.sheets[path]


def _relative(work: _Work, path: str) -> str:
    return path.removeprefix(work.strip)


def _inherited(files: AccountFiles, source: SourceFile) -> dict[str, Any]:
    """What stands in defaults for the tunnels of one file."""
    own = validator(schema.TUNNEL_FILE).validate_python(parse(source.data, source.path).value)
    below: Mapping[str, Any] = {}
    if files.account_file:
        account = files.account_file
        below = validator(schema.ACCOUNT_FILE).validate_python(parse(account.data, account.path).value)
    return merge(below.get("defaults") or {}, own.get("defaults") or {})


def _draft(sheet: Sheet, mine: list[Change], account: Account, problems: dict[str, str]) -> Draft:
    """The edits of one file; what can't be edited is added to `problems`."""
    edits: list[tuple[str, Edit]] = []
    gone: dict[int, str] = {}
    owners: dict[int, str] = {}
    for change in mine:
        if change.location is None:
            continue
        try:
            index = find(sheet, change.location.line, change.location.column)
            at, stop = span(sheet, index)
            if change.action is Action.CREATE:
                gone[index] = change.key
                continue
            owners[index] = change.key
            text = accept.updated(sheet.text[at:stop], change, account, sheet.inherited)
            edits.append((change.key, Edit(at, stop, text)))
        except Odd as odd:
            problems[change.key] = f"it can't be edited: {odd}"
    new = [c for c in mine if c.action is Action.DELETE]
    try:
        edits += _moves(sheet, gone, new)
    except Odd as odd:
        problems.update((key, f"it can't be edited: {odd}") for key in [*gone.values(), *(c.key for c in new)])
    kept = [owners.get(i) for i in range(len(sheet.items.value)) if i not in gone]
    return Draft(sheet, tuple(edits), (*kept, *(c.key for c in new)))


def _moves(sheet: Sheet, gone: Mapping[int, str], new: list[Change]) -> list[tuple[str, Edit]]:
    """The edits that remove items, by index, and add others."""
    edits = [(gone[i], e) for i, e in removals(sheet, gone, refilled=bool(new)).items()]
    if new:
        items = [accept.item(c, sheet.inherited) for c in new]
        emptied = len(gone) == len(sheet.items.value)
        edits += [(new[0].key, e) for e in additions(sheet, items, emptied=emptied)]
    return edits


def _diffs(work: _Work, drafts: Iterable[Draft]) -> tuple[str, dict[str, str]]:
    """The patch, or the changes that it could not hold without showing an MD5 key."""
    out = []
    problems: dict[str, str] = {}
    for draft in drafts:
        sheet = draft.sheet
        text, shift = sheet.mark + sheet.text, len(sheet.mark)
        changed = blocks(text, [Edit(e.start + shift, e.stop + shift, e.text) for _, e in draft.edits])
        if not changed:
            continue
        try:
            diff = unified(_relative(work, sheet.source.path), text, changed, sheet.secret)
        except Hidden as hidden:
            problems.update((key, _SHOWS_KEY) for key in _touching(draft, hidden))
            continue
        out.append(diff)
    return "".join(out), problems


def _touching(draft: Draft, hidden: Hidden) -> list[str]:
    """The changes with an edit in the lines of a hunk."""
    text = draft.sheet.text
    near = [
        key
        for key, edit in draft.edits
        if text.count("\n", 0, edit.start) <= hidden.last and text.count("\n", 0, edit.stop) >= hidden.first
    ]
    return near or [key for key, _ in draft.edits]
