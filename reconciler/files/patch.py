"""The way out of drift that accepts live values: a patch of the files after which a plan finds nothing.

A difference is often somebody's fix in the dashboard that git should keep. Copying it into the files by hand takes a
reader of two notations; `drift` offers the edit instead, as a unified diff that `git apply` takes. A wrong one would
declare what nobody wants, so each is proved before it is given: the edited files are loaded again, and what does not
read back as it should is left out with the reason.
"""

import posixpath
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from reconciler.files.edit import GONE, Edit, EditableFile, NotEditable, entries
from reconciler.files.load import load, merge, written
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.account import AccountFile, TunnelFile
from reconciler.model.canonical import Value
from reconciler.model.desired import Desired
from reconciler.model.problems import Level
from reconciler.model.reference import EXTERNAL
from reconciler.model.settings import Settings, canonical
from reconciler.model.tunnel import SENSITIVE_NAMES, SENSITIVE_PATHS, SETTINGS
from reconciler.plan.diff import Action, Change, intended
from reconciler.plan.scope import Pair
from reconciler.yaml.read import DocumentError, parse

_SHOWS_MD5_KEY = "the patch would show a BGP MD5 key that stands in its lines or beside them"
_MD5_KEY_LEFT = "bgp.md5_key is sensitive and never written into a patch"
_REMOVED = "account.yaml says under 'removed' that its deletion is meant"
_UNEQUAL = "the edited file would not read back as the live tunnel"


class Accepted(NamedTuple):
    """What can be accepted.

    Attributes:
        patch: A unified diff for `git apply`; empty when there is nothing to do.
        left_out: Names of tunnels with what of them is not in the patch, and why.
    """

    patch: str
    left_out: tuple[tuple[str, str], ...]


class _Part(NamedTuple):
    """What accepting one change asks of a file.

    Attributes:
        place: Index of the tunnel's item in the file; None for a new one.
        item: The item as `edit` takes it, or `GONE`.
        settings: What the file must declare afterwards; None for a tunnel that goes.
        keeps_md5_key: Whether a live MD5 key differs that the patch leaves out.
    """

    change: Change
    place: int | None
    item: Any
    settings: Settings | None
    keeps_md5_key: bool = False

    @property
    def ref(self) -> str:
        return self.change.ref


class _Trial(NamedTuple):
    """A file with the parts that are tried, and the edits that they ask for."""

    file: EditableFile
    parts: list[_Part]
    edits: list[Edit]

    @property
    def data(self) -> bytes:
        """What the file holds then."""
        return self.file.edited(self.edits).encode()


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
    if not changes:
        return Accepted("", ())
    files = next(a for a in tree.accounts if a.name == desired.account.name)
    left: dict[str, str] = {}  # by change: why it is left out
    parts = _parts(files, desired, changes, strip, left)
    # What is proved wrong is left out. The files are others then, so the rest is proved again. Each round leaves out
    # one change at least, so there is an end.
    while True:
        tried = [(file, [p for p in mine if p.ref not in left]) for file, mine in parts]
        trials = [_Trial(file, mine, _edits(file, mine)) for file, mine in tried if mine]
        wrong = _prove(files, desired, today, trials) or _shown_md5_keys(trials)
        if not wrong:
            break
        left |= wrong
    kept = [(p.change.name, _MD5_KEY_LEFT) for trial in trials for p in trial.parts if p.keeps_md5_key]
    left_out = [(c.name, left[c.ref]) for c in changes if c.ref in left]
    patch = "".join(d.file.diff(d.edits, d.file.path.removeprefix(strip)) for d in trials if d.edits)
    return Accepted(patch, tuple(sorted(left_out + kept)))


def _parts(
    files: AccountFiles, desired: Desired, changes: tuple[Change, ...], strip: str, left: dict[str, str]
) -> list[tuple[EditableFile, list[_Part]]]:
    """What is asked of each file; what no file can be asked for is added to `left`."""
    by_path: dict[str, list[Change]] = {}
    for change in changes:
        if change.action is Action.DELETE and change.name in desired.account.removed:
            left[change.ref] = _REMOVED
        else:
            by_path.setdefault(_path_for(change, files, desired), []).append(change)
    sources = {source.path: source for source in files.files}
    out = []
    for path, mine in sorted(by_path.items()):
        if path not in sources or "\\" in path or path.removeprefix(strip).startswith(("/", "../")):
            left.update((c.ref, f"{path} is not a file that a patch can name") for c in mine)
            continue
        try:
            file = EditableFile(sources[path])
        except NotEditable as unusual:
            left.update((c.ref, f"{path} can't be edited: {unusual}") for c in mine)
            continue
        parts, inherited = [], _inherited(files, sources[path])
        for change in mine:
            try:
                parts.append(_part(file, change, inherited))
            except NotEditable as unusual:
                left[change.ref] = f"it can't be edited: {unusual}"
        out.append((file, parts))
    return out


def _path_for(change: Change, files: AccountFiles, desired: Desired) -> str:
    """The file that declares a tunnel; for a new one that of the tunnel whose name begins most alike, or the last."""
    if change.location:
        return change.location.file
    names = sorted(desired.tunnels)  # of these the two neighbours share the longest beginnings with it
    at = bisect_left(names, change.name)
    alike = {name: len(posixpath.commonprefix([name, change.name])) for name in names[max(at - 1, 0) : at + 1]}
    nearest = max(alike, key=alike.__getitem__, default="")
    return desired.tunnels[nearest].location.file if alike.get(nearest, 0) > 1 else files.files[-1].path


def _inherited(files: AccountFiles, source: SourceFile) -> dict[str, Any]:
    """What stands in defaults for the tunnels of one file, without nulls."""
    own = TunnelFile.model_validate(parse(source.data, source.path).value)
    above: dict[str, Any] = {}
    if file := files.account_file:
        above = written(AccountFile.model_validate(parse(file.data, file.path).value).defaults, files.folder)
    return merge(above, written(own.defaults, posixpath.dirname(source.path)))


def _part(file: EditableFile, change: Change, inherited: Mapping[str, Any]) -> _Part:
    """What one change asks of its file: the differing settings of the live tunnel, written over what is declared.

    Raises:
        NotEditable: The tunnel's item can't be edited.
    """
    index, item = None, {}
    here: Settings = canonical(inherited)  # of a new tunnel: what it would have with an empty item
    target = here
    if change.declared:
        index = file.find(change.declared.location.line, change.declared.location.column)
        if change.live is None:
            return _Part(change, index, GONE, None)
        item = entries(file.tunnels.value[index])
        item.pop("renamed_from", None)
        here = change.declared.written
        # Under another name other rules may ignore fields, so all of them are taken.
        target = intended(Pair(change.declared, change.live)) if change.previous_name else change.target
    assert change.live is not None  # noqa: S101 - what is neither declared nor live is no change
    live = change.live.settings
    differing = {p for p in SETTINGS if live.get(p) != target.get(p)}
    # A sensitive value may go, never come: the patch is shown.
    taken = {p for p in differing if p not in SENSITIVE_PATHS or p not in live}
    settings = {p: v for p, v in here.items() if p not in taken} | {p: v for p, v in live.items() if p in taken}
    for path in (p for p in SETTINGS if settings.get(p) != here.get(p)):
        keys = path.split(".")
        if not any(p.startswith(f"{keys[0]}.") for p in settings):
            keys = keys[:1]  # nothing of the object is set any more: it goes as a whole
        _put(item, keys, settings.get(path), inherited)
    if index is None:
        item["psk"] = EXTERNAL
    return _Part(change, index, item, settings, taken != differing)


def _put(item: dict[str, Any], keys: list[str], value: Value | None, inherited: Any) -> None:
    """Gives a tunnel's item, or what it holds, a value at a path; None unsets it, whatever the defaults say."""
    key, *below = keys
    old, beneath = item.get(key), inherited.get(key) if isinstance(inherited, dict) else None
    if below and isinstance(old, ScalarNode) and not old.tag.endswith(":null"):
        below = []  # an object's short form: `target: 192.0.2.1`
    if below:
        inner = old if isinstance(old, dict) else entries(old)
        if key in item and not isinstance(old, dict | MappingNode):
            inner = dict.fromkeys(beneath or ())  # `bgp: null` hid what is inherited: each of it must stay hidden
        _put(inner, below, value, beneath)
        item[key] = inner
        if not inner:
            del item[key]
    elif value is not None:
        item[key] = _items(old, value) if isinstance(value, tuple) else value
    elif beneath is not None:
        item[key] = None  # without the key the tunnel would inherit it
    else:
        item.pop(key, None)


def _items(old: Any, value: tuple[str, ...]) -> list[Any]:
    """A list of texts whose items stay as they are written."""
    nodes = old.value if isinstance(old, SequenceNode) else []
    written = {node.value for node in nodes}
    return [node if node.value in value else GONE for node in nodes] + [text for text in value if text not in written]


def _edits(file: EditableFile, parts: list[_Part]) -> list[Edit]:
    tunnels = [*file.tunnels.value, *(p.item for p in parts if p.place is None)]
    for part in parts:
        if part.place is not None:
            tunnels[part.place] = part.item
    return file.edits(tunnels)


def _prove(files: AccountFiles, desired: Desired, today: date, trials: list[_Trial]) -> dict[str, str]:
    """What is wrong with the edited files, by change: an error of theirs, or a tunnel other than it should be.

    What can't be blamed on one change counts for all of them: then there is no patch.
    """
    edited = {trial.file.path: trial.data for trial in trials}
    sources = tuple(SourceFile(f.path, edited.get(f.path, f.data)) for f in files.files)
    loaded = load(Tree((files._replace(files=sources, unread=()),), ()), today)
    parts = {part.ref: part for trial in trials for part in trial.parts}
    wrong: dict[str, str] = {}
    # By file: where its tunnels begin and which change each is of. Made when there is an error, which is rare.
    items: dict[str, tuple[list[int], list[str | None]]] = {}
    for problem in loaded.diagnostics:
        if problem.severity is Level.ERROR:
            items = items or {trial.file.path: _items_of(trial) for trial in trials}
            place = problem.location
            lines, refs = items.get(place.file, ([], [])) if place else ([], [])
            at = bisect_right(lines, place.line) if place else 0
            owner = refs[at - 1] if at else None
            reason = f"the edited file would be wrong: {problem.summary}"
            wrong.update((ref, reason) for ref in ([owner] if owner else parts))
    if wrong:
        return wrong
    touched = {part.change.declared.name for part in parts.values() if part.change.declared}
    should: dict[str, Settings] = {n: t.written for n, t in desired.tunnels.items() if n not in touched}
    owners: dict[str, str] = {}
    for part in parts.values():
        if part.settings is not None:
            name = str(part.settings["name"])
            should[name], owners[name] = part.settings, part.ref
    found = loaded.desired[0].tunnels
    for name in should.keys() | found.keys():
        if name not in found or found[name].settings != should.get(name):
            wrong.update((ref, _UNEQUAL) for ref in ([owners[name]] if name in owners else parts))
    return wrong


def _items_of(trial: _Trial) -> tuple[list[int], list[str | None]]:
    """The lines, from 1, at which the tunnels of an edited file begin, and the change that each of them is of."""
    try:
        places = parse(trial.data, trial.file.path).item_locations("tunnels")
    except DocumentError:
        return [], []
    by_index = {part.place: part for part in trial.parts}
    old = [by_index.get(index) for index in range(len(trial.file.tunnels.value))]
    new = [part for part in trial.parts if part.place is None]
    refs = [part.ref if part else None for part in [*old, *new] if part is None or part.item is not GONE]
    return [place.line for place in places], refs


def _shown_md5_keys(trials: list[_Trial]) -> dict[str, str]:
    """The changes whose lines in a patch would show an MD5 key, as a change or as context."""
    wrong: dict[str, str] = {}
    for trial in trials:
        secret = trial.file.lines_with(SENSITIVE_NAMES)
        if _shows(trial.file, trial.parts, secret):
            alone = [part for part in trial.parts if _shows(trial.file, [part], secret)]
            wrong.update((part.ref, _SHOWS_MD5_KEY) for part in alone or trial.parts)
    return wrong


def _shows(file: EditableFile, parts: list[_Part], secret: set[int]) -> bool:
    return bool(secret) and any(not secret.isdisjoint(lines) for lines in file.lines_shown(_edits(file, parts)))
