"""The texts of all files to desired state: parsed, typed, defaults merged, canonical, checked."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import starmap
from typing import Any

from pydantic_core import ValidationError

from reconciler.files import schema
from reconciler.files.guides import warnings
from reconciler.files.references import EXTERNAL
from reconciler.files.rules import Entry, Group, check
from reconciler.files.shapes import Record, validator
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.checks import ACCOUNT_ID
from reconciler.model.desired import (
    Account,
    CommandRef,
    Declared,
    Desired,
    EnvRef,
    External,
    FileRef,
    Generated,
    IgnoreRule,
    KeyRef,
    Limits,
)
from reconciler.model.forms import tunnel_name
from reconciler.model.plain import Plain
from reconciler.model.problems import Diagnostic, Location, error, limited, shown, warning
from reconciler.model.settings import canonical
from reconciler.model.tunnel import SETTINGS
from reconciler.yaml.read import Document, DocumentError, Parsed, parse

_NOTHING: frozenset[str] = frozenset()
REQUIRED = tuple(path for path, setting in SETTINGS.items() if setting.required and "." not in path)
_ASN = ("bgp", "customer_asn")
_NAMES = ("name", "renamed_from", "removed", "protect", "import_filter_id", "export_filter_id")
_FREE_TEXT = frozenset((*_NAMES, "description", "reason", "md5_key", "file", "command"))
"""Behind an address or a word like `mid` nobody can mean a comment as a part of the value."""
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.new\Z")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files say.

    Attributes:
        desired: One per account, sorted by name. Only complete when `diagnostics` holds no error.
        diagnostics: The problems of every file, in order, and the number of those that are too many to be told.
        accounts: The accounts, in the same order.
    """

    desired: tuple[Desired, ...]
    diagnostics: tuple[Diagnostic, ...]
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """One file: its typed value without what is wrong in it, and the keys that are missing for that."""

    parsed: Parsed
    value: Mapping[str, Any]
    gone: Mapping[int | str, set[str]] = field(default_factory=dict)


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
    problems += warnings(groups, today)
    desired = tuple(
        Desired(g.account, {e.declared.name: e.declared for e in sorted(g.entries, key=_name)}) for g in groups
    )
    return Loaded(desired, limited(problems), tuple(g.account for g in groups))


def _name(entry: Entry) -> str:
    return entry.declared.name


def _unread(tree: Tree, groups: list[Group]) -> Iterator[Diagnostic]:
    """An error for each file with a name like a tunnel file's that is neither read nor a key's, nor kept beside a key.

    Where a reference is not known, a record in JSON may be a key's, and nobody shall be told to move it.
    """
    found = [unread for files in tree.accounts for unread in files.unread]
    if not found:
        return
    keys = {path for group in groups for entry in group.entries if (path := _key_file(entry.declared.key))}
    sure = not tree.diagnostics and all(group.whole for group in groups)
    for unread in found:
        is_key = any(_is_key(path, keys) for path in (posixpath.normpath(unread.path), unread.absolute))
        if not is_key and (sure or not _TEMPORARY.sub("", unread.path).endswith(".json")):
            yield error(
                "unread-file",
                f"{shown(posixpath.basename(unread.path))} is not read, but has a name like a file of tunnels",
                "What is not read is not declared, and a tunnel that nobody declares may be deleted. Let its name end "
                "in .yaml, without a dot in front, or move it out of the account's folder.",
                Location(unread.path),
            )


def _key_file(key: KeyRef | None) -> str | None:
    place = key.deliver_to if isinstance(key, Generated) else key
    return place.path if isinstance(place, FileRef) else None


def _is_key(path: str, keys: Collection[str]) -> bool:
    """True for a key's file, and for what a sink keeps beside it: a pending key, a record, a file not yet renamed."""
    path = _TEMPORARY.sub("", path)
    return any(name in keys for name in (path, path.removesuffix(".json"), path.removesuffix(".pending")))


def _group(files: AccountFiles, problems: list[Diagnostic]) -> Group:
    """One account with its tunnels; what is wrong is added to `problems`."""
    read = _read(files.account_file, schema.ACCOUNT_FILE, problems)
    account = _account(files, read)
    value = read.value if read else {}
    gone = read.gone.get("defaults", set()) | read.gone.get("", set()) if read else set(REQUIRED)
    defaults = merge({}, value.get("defaults") or {})
    entries: list[Entry] = []
    whole = True
    for source in files.files:
        tunnels = _read(source, schema.TUNNEL_FILE, problems)
        if tunnels:
            entries += _entries(tunnels, defaults, gone, problems)
        whole = whole and tunnels is not None and not any({"psk", "*", "tunnels"} & g for g in tunnels.gone.values())
    return Group(account, tuple(entries), _id(read), read.parsed.document if read else None, whole)


def _id(read: _Read | None) -> str:
    """The account's id in lower case, as far as it is one."""
    value = read.parsed.value if read else None
    found = value.get("account_id") if isinstance(value, dict) else None
    return found.lower() if isinstance(found, str) and ACCOUNT_ID.fullmatch(found.lower()) else ""


def _read(source: SourceFile | None, root: Record, problems: list[Diagnostic]) -> _Read | None:
    """A file's typed value; on errors what is left of it, None when nothing is."""
    if source is None:
        return None
    try:
        parsed = parse(source.data, source.path)
    except DocumentError as refused:
        problems += refused.diagnostics
        return None
    problems += _glued_comments(parsed)
    value = {} if parsed.value is None else parsed.value
    try:
        return _Read(parsed, validator(root).validate_python(value))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
    from reconciler.files.explain import explain, without

    problems += explain(parsed.document, errors, root)
    rest, gone = without(value, errors)
    if root is schema.ACCOUNT_FILE:
        rest = {**_fallback(rest), **rest}
    else:
        rest.setdefault("tunnels", [])
    return _Read(parsed, validator(root).validate_python(rest), gone)


def _glued_comments(parsed: Parsed) -> Iterator[Diagnostic]:
    """Warns where YAML takes the end of a text for a comment: `description: rack #7` says `rack` and no more."""
    for name, place in parsed.glued:
        if name in _FREE_TEXT:
            yield warning(
                "glued-comment",
                "a comment that may be meant as a part of the text before it",
                "What begins with a # behind a blank is not part of the value. Put the text in quotes if it should "
                "be, else write a blank behind the #.",
                place,
            )


def _fallback(rest: Mapping[str, Any]) -> dict[str, Any]:
    """Stand-ins for what an account can't do without, so that the rest of a wrong one can be checked."""
    return {k: v for k, v in {"account_id": "0" * 32, "prune": Plain("false")}.items() if k not in rest}


def _account(files: AccountFiles, read: _Read | None) -> Account:
    if read is None:
        return Account(files.name, "", prune=False, location=Location(files.folder))
    value, parsed = read.value, read.parsed
    wrong = read.gone.get("", set())
    paused = value.get("paused")
    more = {"parking": value["parking"]} if value.get("parking") else {}
    if value.get("token"):
        more["token_env"] = value["token"]["env"]
    return Account(
        name=files.name,
        account_id="" if wrong & {"", "account_id"} else value["account_id"],
        prune=value["prune"],
        location=parsed.document.location(("account_id",)),
        removed=_names(read, "removed"),
        protect=_names(read, "protect"),
        paused=paused["reason"] if paused else None,
        ignore=tuple(starmap(_rule, zip(value.get("ignore") or (), parsed.item_locations("ignore"), strict=False))),
        limits=Limits(**(value.get("limits") or {})),
        **more,
    )


def _names(read: _Read, key: str) -> dict[str, Location]:
    """A list of tunnels' names, each with its place."""
    places = read.parsed.item_locations(key)
    return {tunnel_name(name): place for name, place in zip(read.value.get(key) or (), places, strict=False)}


def _rule(rule: Mapping[str, Any], place: Location) -> IgnoreRule:
    name, fields = tunnel_name(rule["name"]), tuple(rule.get("fields", ()))
    return IgnoreRule(name, fields, rule["reason"], rule.get("until"), place)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings laid over others: mappings merge, lists and scalars replace, None removes; no None is left."""
    if not base:
        return _written(over)
    out = dict(base)
    for key, value in over.items():
        if value is None:
            out.pop(key, None)
        elif type(value) is dict:
            below = out.get(key)
            out[key] = merge(below if type(below) is dict else {}, value)
        else:
            out[key] = value
    return out


def _written(value: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without what is None, at every level."""
    return {k: _written(v) if type(v) is dict else v for k, v in value.items() if v is not None}


def _entries(read: _Read, defaults: Mapping[str, Any], gone: set[str], problems: list[Diagnostic]) -> list[Entry]:
    """The tunnels of one file, over the account's defaults."""
    document, places = read.parsed.document, read.parsed.item_locations("tunnels")
    folder = posixpath.dirname(document.file)
    defaults = merge(defaults, read.value.get("defaults") or {})
    gone = gone | read.gone.get("defaults", set()) | read.gone.get("", set()) & {"defaults"}
    entries = []
    for index, own in enumerate(read.value["tunnels"]):
        tunnel = merge(defaults, own) if defaults else own
        wrong = frozenset(gone | read.gone.get(index, set())) if gone or read.gone else _NOTHING
        if "*" in wrong:
            continue
        lacking = _lacking(tunnel)
        if lacking:
            problems += _missing(document, index, lacking, wrong)
        if _ASN in lacking:
            tunnel = {**tunnel, "bgp": None}
        declared = _declared(tunnel, places[index], folder, partial(_locate, document, index))
        bgp = tunnel.get("bgp")
        entries.append(Entry(declared, document, index, wrong, bgp["customer_asn"] if bgp else None))
    return entries


def _lacking(tunnel: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Paths that the tunnel needs and nothing gives."""
    lacking: list[tuple[str, ...]] = []
    if None in map(tunnel.get, REQUIRED):
        lacking = [(name,) for name in REQUIRED if tunnel.get(name) is None]
    bgp = tunnel.get("bgp")
    if bgp is not None and bgp.get("customer_asn") is None:
        lacking.append(_ASN)
    return lacking


def _missing(document: Document, index: int, lacking: list[tuple[str, ...]], wrong: frozenset[str]) -> list[Diagnostic]:
    inherited = "It is required. Add it to the tunnel or to defaults."
    details = {"name": "Every tunnel needs one.", "interface_address": "Every tunnel needs one of its own."}
    return [
        error(
            "missing-field",
            f'"{".".join(path)}" is missing',
            details.get(path[0], inherited),
            document.location(("tunnels", index, *path[:-1])),
        )
        for path in lacking
        if path[0] not in wrong and "defaults" not in wrong
    ]


def _locate(document: Document, index: int, path: str) -> Location:
    return document.location(("tunnels", index, *path.split(".")), key=True)


def _declared(tunnel: Mapping[str, Any], place: Location, folder: str, locate: Callable[[str], Location]) -> Declared:
    """One tunnel's declaration from its merged and typed fields."""
    psk = tunnel.get("psk")
    old = tunnel.get("renamed_from")
    settings = canonical(tunnel)
    return Declared(
        str(settings.get("name", "")),
        settings,
        place,
        _key(psk, folder) if psk else None,
        old and tunnel_name(old),
        tunnel.get("protect") is True,
        psk.get("rotate_after") if psk else None,
        locate,
    )


def _key(psk: Mapping[str, Any], folder: str) -> KeyRef:
    if EXTERNAL in psk:
        return External()
    if "env" in psk:
        return EnvRef(psk["env"])
    if "generate" in psk:
        return Generated(psk["generate"], _place(psk["deliver_to"], folder))
    return _place(psk, folder)


def _place(where: Mapping[str, Any], folder: str) -> FileRef | CommandRef:
    if "file" in where:
        return FileRef(posixpath.normpath(posixpath.join(folder, where["file"])))
    return CommandRef(tuple(where["command"]), folder)
