"""What accepting one change asks of the files: which fields it takes from live, and how they are written."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from reconciler.files.edit import drop, inherits, put
from reconciler.files.references import EXTERNAL
from reconciler.model.desired import Account
from reconciler.model.fields import BGP, BGP_PATHS, DIRECTION, FIELDS, Value
from reconciler.model.tunnel import Malformed, Settings, canonical, has_bgp
from reconciler.plan.change import Change
from reconciler.plan.diff import differing_paths

MD5 = "bgp.md5_key"
"""Its live value never gets into a file by a patch."""

_ASN = "bgp.customer_asn"
_UNSET = (None, "", ())


def paths(change: Change, account: Account) -> list[str]:
    """The fields that an update takes from live, in the table's order; `bgp` when the whole object goes.

    A rename may leave a rule that ignored fields, or come under one: then all fields are taken.
    """
    assert change.declared is not None and change.live is not None  # noqa: S101, PT018 - an update has both
    found = {f.path for f in change.fields}
    names = (change.name, change.live.name)
    if any(rule.fields and len({fnmatchcase(n, rule.name) for n in names}) > 1 for rule in account.ignore):
        found |= differing_paths([(change.live.settings, change.declared.settings)])[0]
        found -= {DIRECTION} - change.declared.settings.keys()
        if has_bgp(change.live.settings) != has_bgp(change.declared.settings):
            found |= {BGP}
    if BGP in found:
        found = {p for p in found if not p.startswith(BGP)}
        found.update(BGP_PATHS if has_bgp(change.live.settings) else (BGP,))
    order = [*FIELDS, BGP]
    return sorted(found - {MD5}, key=order.index)


def updated(text: str, change: Change, account: Account, inherited: Mapping[str, Any]) -> str:
    """One tunnel's text with its live values."""
    live: Settings = change.live.settings if change.live else {}
    if change.previous_name:
        text = drop(text, ("renamed_from",), {})
    for path in paths(change, account):
        keys, value = tuple(path.split(".")), live.get(path)
        text = drop(text, keys, inherited) if value in _UNSET else put(text, keys, value, inherited)
    return text


def item(change: Change, inherited: Mapping[str, Any]) -> dict[str, Any]:
    """The nested fields of a new tunnel: what differs from the defaults, null where they would show through."""
    live: Settings = change.live.settings if change.live else {}
    try:
        base = canonical(inherited)
    except Malformed:
        base = {}
    out: dict[str, Any] = {}
    for path in (p for p in FIELDS if p not in BGP_PATHS or has_bgp(live)):
        keys, value = tuple(path.split(".")), live.get(path)
        if path == MD5 and value not in _UNSET:
            continue
        if not _written(path, value, base.get(path), below=inherits(inherited, keys)):
            continue
        place = out
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = None if value in _UNSET else list(value) if isinstance(value, tuple) else value
    if BGP in inherited and not has_bgp(live):
        out[BGP] = None
    return {**out, "psk": EXTERNAL}


def _written(path: str, value: Value | None, base: Value | None, *, below: bool) -> bool:
    """True when a field has to stand in the tunnel; `base` is what the defaults make of it."""
    if below:
        return value != base
    return path == _ASN or (value not in _UNSET and value != FIELDS[path].default)


def expected(change: Change, account: Account) -> Settings:
    """The settings that a tunnel must have in the edited files."""
    live: Settings = change.live.settings if change.live else {}
    if change.declared is None:
        return live
    taken = set(paths(change, account))
    if BGP in taken:
        taken |= set(BGP_PATHS)
    out = {p: v for p, v in change.declared.settings.items() if p not in taken}
    return out | {p: v for p, v in live.items() if p in taken}
