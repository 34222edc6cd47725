"""The texts of all files to desired state: parsed, typed, defaults merged, canonical, checked.

One run reports all that is wrong, in every file. So what is wrong in a file is cut out, and the rest is checked; a
problem that only comes from a cut is not reported. What was cut is `gone`:

    defaults: {bgp: 5}        gone.defaults = {"bgp"}             no tunnel is blamed for a missing bgp.customer_asn
    tunnels:
      - {name: [], psk: x}    gone.tunnels[0] = {"name", "psk"}   nor this one for a missing name or key
"""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from reconciler.files.consistency import Entry, EntryGroup, Gone, check
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.files.warnings import glued_comments, warnings_of
from reconciler.model.account import AccountFile, TunnelFile
from reconciler.model.canonical import tunnel_name
from reconciler.model.desired import (
    PARKING,
    TOKEN_ENV,
    WEEK,
    Account,
    CommandRef,
    Declared,
    Desired,
    EnvRef,
    External,
    FileRef,
    Generated,
    IgnoreRule,
    Limits,
    Owns,
    PskRef,
    Rollout,
    Window,
)
from reconciler.model.problems import Diagnostic, Location, error, limited, shown
from reconciler.model.reference import Md5Ref, Psk, Sink
from reconciler.model.settings import canonical
from reconciler.model.tunnel import REQUIRED, SENSITIVE_PATHS, Defaults
from reconciler.model.written import Plain
from reconciler.yaml.read import Document, DocumentError, Parsed, parse

_NOTHING: frozenset[str] = frozenset()
_REQUIRED = {path: path.split(".") for path in REQUIRED}
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.new\Z")
"""How a sink ends the name of a file that it has not yet renamed (`secrets.sinks`)."""
_STAND_INS: Mapping[type, Mapping[str, Any]] = {
    AccountFile: {"account_id": "0" * 32, "prune": Plain("false")},
    TunnelFile: {"tunnels": []},
}
"""For what a file can't do without, so that the rest of a wrong one can be checked."""

File = TypeVar("File", AccountFile, TunnelFile)


class Loaded(NamedTuple):
    """What the files say.

    Attributes:
        desired: One per account, sorted by name. Only complete when `diagnostics` holds no error.
        diagnostics: The problems of every file, in order, and how many more there are beyond the limit.
        accounts: The accounts, in the same order.
    """

    desired: tuple[Desired, ...]
    diagnostics: tuple[Diagnostic, ...]
    accounts: tuple[Account, ...]


class _Read(NamedTuple, Generic[File]):
    """One file: what it holds without what is wrong in it, and the keys that are gone for that, by place."""

    parsed: Parsed
    value: File
    gone: Gone = Gone()


def load(tree: Tree, today: date) -> Loaded:
    """Desired state from the files' texts.

    Args:
        tree: The files.
        today: The day (UTC) on which rules with an end are judged.
    """
    problems: list[Diagnostic] = list(tree.diagnostics)
    groups = [_group(files, problems) for files in tree.accounts]
    problems += _unread(tree, groups)
    problems += check(groups)
    problems += warnings_of(groups, today)
    desired = tuple(
        Desired(g.account, {e.declared.name: e.declared for e in sorted(g.entries, key=lambda e: e.declared.name)})
        for g in groups
    )
    return Loaded(desired, limited(problems), tuple(g.account for g in groups))


def _unread(tree: Tree, groups: list[EntryGroup]) -> Iterator[Diagnostic]:
    """An error for each file with a name like a tunnel file's that is neither read nor a key's, nor kept beside a key.

    Where a reference is not known, a record in JSON may be a key's, and nobody should be advised to move it.
    """
    found = [unread for files in tree.accounts for unread in files.unread]
    if not found:
        return
    secret_files = {path for group in groups for entry in group.entries for path in _secret_files(entry.declared)}
    sure = not tree.diagnostics and all(group.whole for group in groups)
    for unread in found:
        is_secret_file = any(
            _is_secret_file(path, secret_files) for path in (posixpath.normpath(unread.path), unread.absolute)
        )
        if not is_secret_file and (sure or not _TEMPORARY.sub("", unread.path).endswith(".json")):
            yield error(
                "unread-file",
                f"{shown(posixpath.basename(unread.path))} is not read, but has a name like a file of tunnels",
                "What is not read is not declared, and a tunnel that nobody declares may be deleted. Let its name end "
                "in .yaml, without a dot in front of it or of its folder, or move it out of the account's folder.",
                Location(unread.path),
            )


def _secret_files(tunnel: Declared) -> Iterable[str]:
    places = (tunnel.psk.deliver_to if isinstance(tunnel.psk, Generated) else tunnel.psk, *tunnel.references.values())
    return (place.path for place in places if isinstance(place, FileRef))


def _is_secret_file(path: str, secret_files: Collection[str]) -> bool:
    """True for a key's file, and for what a sink keeps beside it: a pending key, a record, a file not yet renamed."""
    path = _TEMPORARY.sub("", path)
    return any(name in secret_files for name in (path, path.removesuffix(".json"), path.removesuffix(".pending")))


def _group(files: AccountFiles, problems: list[Diagnostic]) -> EntryGroup:
    """One account with its tunnels; what is wrong is added to `problems`."""
    read = _read(files.account_file, AccountFile, problems)
    defaults = written(read.value.defaults, files.folder) if read else {}
    unknown = _unknown(read)
    entries: list[Entry] = []
    whole = "bgp" not in unknown
    for source in files.files:
        tunnels = _read(source, TunnelFile, problems)
        if tunnels:
            entries += _entries(tunnels, defaults, unknown, problems)
        whole = whole and tunnels is not None and tunnels.gone.all_references_are_left
    return EntryGroup(_account(files, read), tuple(entries), read.parsed.document if read else None, whole)


def _unknown(read: _Read[Any] | None) -> AbstractSet[str]:
    """The settings of which nobody knows what a tunnel inherits from a file's defaults."""
    if read is None or "defaults" in read.gone.file:
        return Defaults.model_fields.keys()
    return read.gone.defaults


def _read(source: SourceFile | None, model: type[File], problems: list[Diagnostic]) -> _Read[File] | None:
    """What a file holds; on errors what is left of it, None when nothing is."""
    if source is None:
        return None
    try:
        parsed = parse(source.data, source.path)
    except DocumentError as refused:
        problems += refused.diagnostics
        return None
    problems += glued_comments(parsed)
    value = {} if parsed.value is None else parsed.value
    try:
        return _Read(parsed, model.model_validate(value))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
    from reconciler.files.explain import explain, without  # what most runs do not need is not loaded

    problems += explain(parsed.document, errors, model)
    rest, gone = without(value, errors, model)
    return _Read(parsed, model.model_validate({**_STAND_INS[model], **rest}), gone)


def _account(files: AccountFiles, read: _Read[AccountFile] | None) -> Account:
    if read is None:
        return Account(files.name, "", prune=False, location=Location(files.folder))
    file, parsed = read.value, read.parsed
    rules = zip(file.ignore or (), parsed.item_locations("ignore"), strict=False)
    rollout = file.rollout
    probe = CommandRef(tuple(rollout.probe.command), files.folder) if rollout and rollout.probe else None
    return Account(
        name=files.name,
        account_id="" if "account_id" in read.gone.file else file.account_id,
        prune=file.prune,
        location=parsed.document.location(("account_id",)),
        token_env=file.token.env if file.token else TOKEN_ENV,
        removed=_names(file.removed, parsed.item_locations("removed")),
        protect=_names(file.protect, parsed.item_locations("protect")),
        owns=Owns.of(map(tunnel_name, file.owns)) if file.owns else None,
        paused=file.paused.reason if file.paused else None,
        ignore=tuple(
            IgnoreRule(tunnel_name(rule.name), tuple(rule.fields), rule.reason, rule.until, place)
            for rule, place in rules
        ),
        limits=Limits(**file.limits.model_dump()) if file.limits else Limits(),
        windows=tuple(
            Window(tuple(sorted({WEEK.index(day) for day in one.days})), one.begin, one.to, one.zone)
            for one in file.windows
        ),
        parking=file.parking or PARKING,
        rollout=Rollout(**rollout.model_dump() | {"waves": tuple(rollout.waves), "probe": probe}) if rollout else None,
    )


def _names(names: list[str] | None, places: list[Location]) -> dict[str, Location]:
    """A list of tunnels' names, each with its place."""
    return {tunnel_name(name): place for name, place in zip(names or (), places, strict=False)}


def written(defaults: Defaults | None, folder: str) -> dict[str, Any]:
    """What a mapping of settings says, in the API's nested form; None where it says null.

    Where a pre-shared key is, is no setting. Where an MD5 key is, stands in the key's place.
    """
    if defaults is None:
        return {}
    out: dict[str, Any] = defaults.model_dump(exclude_unset=True, exclude={"psk"})
    key = defaults.bgp and defaults.bgp.md5_key
    if isinstance(key, Md5Ref):
        out["bgp"]["md5_key"] = EnvRef(key.env) if key.env else FileRef(_joined(folder, key.file or ""))
    return out


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings laid over others: mappings merge, lists and scalars replace, None removes; no None of `over` is left."""
    out = dict(base)
    for key, value in over.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            below = out.get(key)
            out[key] = merge(below if isinstance(below, dict) else {}, value)
        else:
            out[key] = value
    return out


def _entries(
    read: _Read[TunnelFile], defaults: Mapping[str, Any], unknown: AbstractSet[str], problems: list[Diagnostic]
) -> Iterator[Entry]:
    """The tunnels of one file, over the account's defaults, of which some may be unknown."""
    document, places = read.parsed.document, read.parsed.item_locations("tunnels")
    folder = posixpath.dirname(document.file)
    defaults = merge(defaults, written(read.value.defaults, folder))
    unknown = unknown | _unknown(read)
    for index, own in enumerate(read.value.tunnels):
        gone = read.gone.tunnels.get(index, _NOTHING)
        if gone is None:
            continue
        wrong = unknown | gone if gone else unknown  # mostly nothing is wrong, and one empty set serves all tunnels
        tunnel = merge(defaults, written(own, folder)) if defaults else written(own, folder)
        for path in _lacking(tunnel):
            first, *below = path.split(".")
            if below:  # without it the object says nothing
                tunnel[first] = None
            if first not in wrong:
                problems.append(_missing(document, index, path))
        settings = canonical(tunnel)
        declared = Declared(
            name=tunnel_name(tunnel.get("name", "")),
            settings=settings,
            location=places[index],
            psk=_psk(own.psk, folder) if own.psk else None,
            renamed_from=own.renamed_from and tunnel_name(own.renamed_from),
            protect=own.protect is True,
            rotate_after_days=own.psk.rotate_after if own.psk else None,
            locate=partial(_locate, document, index),
            references={p: v for p in SENSITIVE_PATHS if isinstance(v := settings.get(p), EnvRef | FileRef)},
        )
        bgp = tunnel.get("bgp")
        yield Entry(declared, document, index, wrong, bgp["customer_asn"] if bgp else None)


def _lacking(tunnel: Mapping[str, Any]) -> Iterator[str]:
    """Paths that the tunnel needs and nothing gives; those in an object only where there is one."""
    for path, keys in _REQUIRED.items():
        found: Any = tunnel
        for key in keys[:-1]:
            found = found and found.get(key)
        if found is not None and found.get(keys[-1]) is None:
            yield path


def _missing(document: Document, index: int, path: str) -> Diagnostic:
    first, *below = path.split(".")
    own = first not in Defaults.model_fields
    return error(
        "missing-field",
        f"{shown(path)} is missing",
        "Every tunnel needs one of its own." if own else "It is required. Add it to the tunnel or to defaults.",
        document.location(("tunnels", index, *([first] if below else []))),
    )


def _locate(document: Document, index: int, path: str) -> Location:
    return document.location(("tunnels", index, *path.split(".")), key=True)


def _psk(psk: Psk, folder: str) -> PskRef:
    if psk.env:
        return EnvRef(psk.env)
    if psk.generate and psk.deliver_to:
        return Generated(psk.generate, _reference(psk.deliver_to, folder))
    if psk.file or psk.command:
        return _reference(psk, folder)
    return External()


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _reference(where: Psk | Sink, folder: str) -> FileRef | CommandRef:
    if where.file:
        return FileRef(_joined(folder, where.file))
    return CommandRef(tuple(where.command or ()), folder)
