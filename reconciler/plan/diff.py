"""Compares declared with live tunnels and explains what differs."""

from collections.abc import Iterable
from typing import Any

from reconciler.model.desired import Declared
from reconciler.model.fields import BGP, BGP_PATHS, DIRECTION, FIELDS, Impact, Value, impact_of
from reconciler.model.live import LiveTunnel
from reconciler.model.tunnel import Settings, has_bgp
from reconciler.plan.change import Action, Change, FieldChange
from reconciler.plan.scope import Pair


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
    unequal: list[tuple[Declared, LiveTunnel, Settings]] = []
    for pair in pairs:
        if pair.live is None:
            changes.append(_creation(pair.declared))
        elif (settings := intended(pair)) != pair.live.settings:
            unequal.append((pair.declared, pair.live, settings))
    found = differing_paths((live.settings, settings) for _, live, settings in unequal)
    changes += [_update(*one, paths) for one, paths in zip(unequal, found, strict=True)]
    return tuple(sorted(changes, key=lambda c: (c.name, c.key)))


def differing_paths(pairs: Iterable[tuple[Settings, Settings]]) -> list[set[str]]:
    """For each two settings the paths whose values differ.

    deepdiff is imported here, and only when some differ, because its import is slow. It is called once for all, since
    each call costs as much as many tunnels.
    """
    before: dict[tuple[int, str], str] = {}
    after: dict[tuple[int, str], str] = {}
    found: list[set[str]] = []
    for index, (one, other) in enumerate(pairs):
        found.append(set())
        before |= _flat(index, one, other)
        after |= _flat(index, other, one)
    if before or after:
        from deepdiff import DeepDiff

        for index, path in DeepDiff(before, after, threshold_to_diff_deeper=0).affected_root_keys:
            found[index].add(path)
    return found


def _flat(index: int, settings: Settings, other: Settings) -> dict[tuple[int, str], str]:
    """What `other` does not have equally, since each key costs deepdiff as much as a whole tunnel costs us.

    Each value is one line: inside texts of many lines and long lists deepdiff would search for seconds.
    """
    return {(index, path): repr(v) for path, v in settings.items() if path not in other or other[path] != v}


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


def _update(declared: Declared, live: LiveTunnel, settings: Settings, paths: Iterable[str]) -> Change:
    fields = _field_changes(live.settings, settings, paths)
    impact = Impact.TRAFFIC if any(impact_of(f.path) is Impact.TRAFFIC for f in fields) else Impact.NONE
    previous = live.name if live.name != declared.name else None
    return Change(Action.UPDATE, declared.name, fields, impact, declared, live, previous)


def _creation(declared: Declared) -> Change:
    fields = _field_changes({}, declared.settings, declared.settings)
    return Change(Action.CREATE, declared.name, fields, Impact.NONE, declared, None)


def _deletion(tunnel: LiveTunnel) -> Change:
    fields = _field_changes(tunnel.settings, {}, tunnel.settings)
    return Change(Action.DELETE, tunnel.name, fields, Impact.TRAFFIC, None, tunnel)


def _field_changes(before: Settings, after: Settings, paths: Iterable[str]) -> tuple[FieldChange, ...]:
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
