"""Compares declared with live tunnels and explains what differs."""

from collections.abc import Iterable
from typing import Any

from reconciler.core.change import Action, Change, FieldChange
from reconciler.core.fields import BGP, BGP_PATHS, DIRECTION, FIELDS, Impact, Value, impact_of
from reconciler.core.live import LiveTunnel
from reconciler.core.scope import Pair
from reconciler.core.tunnel import Settings, has_bgp


def covers(rule: str, path: str) -> bool:
    """True when a dotted path, or an object that holds it, is meant by `rule`."""
    return path == rule or path.startswith(f"{rule}.")


def intended(pair: Pair) -> Settings:
    """The settings a live tunnel should have: declared, overlaid with live where git has no say.

    That is `health_check.direction` when the files leave it out, and the ignored fields. Fields below `bgp`
    can be left alone only while both sides have BGP; a rule for `bgp` leaves its coming and going alone too.
    """
    declared = pair.declared.settings
    if pair.live is None:
        return declared
    live = pair.live.settings
    if not pair.rules:
        if DIRECTION in declared or DIRECTION not in live:
            return declared
        return {**declared, DIRECTION: live[DIRECTION]}
    return _overlaid(declared, live, pair.ignored)


def _overlaid(declared: Settings, live: Settings, ignored: tuple[str, ...]) -> Settings:
    both_bgp = has_bgp(declared) and has_bgp(live)

    def left(path: str) -> bool:
        if path in BGP_PATHS and not both_bgp:
            return BGP in ignored
        return any(covers(rule, path) for rule in ignored) or (path == DIRECTION and path not in declared)

    out = {path: value for path, value in declared.items() if not left(path)}
    out.update((path, value) for path, value in live.items() if left(path))
    return out


def left_fields(pair: Pair) -> tuple[str, ...]:
    """The ignored paths in which the live tunnel differs from its declaration, sorted."""
    if pair.live is None or not pair.rules:
        return ()
    wanted, declared = intended(pair), pair.declared.settings
    differing = {p for p in wanted.keys() | declared.keys() if wanted.get(p) != declared.get(p)}
    return tuple(sorted(p for p in differing if any(covers(rule, p) for rule in pair.ignored)))


def diff(pairs: Iterable[Pair], surplus: Iterable[LiveTunnel] = ()) -> tuple[Change, ...]:
    """The changes that make live what is declared, in order of name.

    Args:
        pairs: Declared tunnels with their live ones.
        surplus: Live tunnels to delete.
    """
    changes = [_deletion(tunnel) for tunnel in surplus]
    for pair in pairs:
        if pair.live is None:
            changes.append(_creation(pair))
            continue
        wanted = intended(pair)
        if wanted != pair.live.settings:
            changes.append(_update(pair, pair.live, wanted))
    return tuple(sorted(changes, key=lambda c: (c.name, c.key)))


def differing_paths(before: Settings, after: Settings) -> frozenset[str]:
    """The paths whose values differ between two settings; equal settings cost nothing.

    deepdiff is imported here, and only for a pair that differs, because its import and its calls are slow.
    """
    if before == after:
        return frozenset()
    from deepdiff import DeepDiff

    old, new = _flat(before, after), _flat(after, before)
    return frozenset(DeepDiff(old, new, threshold_to_diff_deeper=0).affected_root_keys)


def _flat(settings: Settings, other: Settings) -> dict[str, str]:
    """What `other` does not have equally, since each key costs deepdiff as much as a whole tunnel costs us.

    Each value is one line: inside texts of many lines and long lists deepdiff would search for seconds.
    """
    return {path: repr(value) for path, value in settings.items() if path not in other or other[path] != value}


def wanted(change: Change) -> Settings:
    """The settings the tunnel should have when the change is applied; for a delete, those it has.

    Fields that don't differ keep their live value, which is what leaves ignored fields alone.
    """
    if change.declared is None or change.live is None:
        source = change.declared or change.live
        return source.settings if source else {}
    changing = {p for f in change.fields for p in (BGP_PATHS if f.path == BGP else (f.path,))}
    out = {p: v for p, v in change.live.settings.items() if p not in changing}
    out.update((p, v) for p, v in change.declared.settings.items() if p in changing)
    return out


def _update(pair: Pair, live: LiveTunnel, wanted: Settings) -> Change:
    fields = _field_changes(live.settings, wanted, differing_paths(live.settings, wanted))
    impact = Impact.TRAFFIC if any(impact_of(f.path) is Impact.TRAFFIC for f in fields) else Impact.NONE
    name = pair.declared.name
    previous = live.name if live.name != name else None
    return Change(Action.UPDATE, name, fields, impact, pair.declared, live, previous)


def _creation(pair: Pair) -> Change:
    settings = pair.declared.settings
    fields = _field_changes({}, settings, frozenset(settings))
    return Change(Action.CREATE, pair.declared.name, fields, Impact.NONE, pair.declared, None)


def _deletion(tunnel: LiveTunnel) -> Change:
    fields = _field_changes(tunnel.settings, {}, frozenset(tunnel.settings))
    return Change(Action.DELETE, tunnel.name, fields, Impact.TRAFFIC, None, tunnel)


def _field_changes(before: Settings, after: Settings, paths: frozenset[str]) -> tuple[FieldChange, ...]:
    whole_bgp = has_bgp(before) != has_bgp(after)
    out = [FieldChange(BGP, _bgp(before), _bgp(after))] if whole_bgp else []
    for path in paths:
        if whole_bgp and path in BGP_PATHS:
            continue
        old, new = before.get(path), after.get(path)
        if old in (None, "", ()) and new in (None, "", ()):
            continue
        secret = FIELDS[path].sensitive
        out.append(FieldChange(path, None if secret else _plain(old), None if secret else _plain(new), secret))
    return tuple(sorted(out, key=lambda f: f.path))


def _plain(value: Value | None) -> Any:
    if value in ("", ()):
        return None
    return list(value) if isinstance(value, tuple) else value


def _bgp(settings: Settings) -> dict[str, Any] | None:
    """The whole object without what is unset; that it has a key may be known, the key may not."""
    if not has_bgp(settings):
        return None
    values = {p: _plain(settings[p]) for p in BGP_PATHS}
    return {p.removeprefix("bgp."): None if FIELDS[p].sensitive else v for p, v in values.items() if v is not None}
