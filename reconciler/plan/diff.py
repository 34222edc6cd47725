"""Compares declared with live tunnels: what apply would do to each, and which settings differ.

Both sides are in canonical form, so a tunnel is as declared exactly when its settings are equal to its target. Only the
pairs that are not equal are explained, setting by setting.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, StrictBool

from reconciler.model.canonical import Reference, Value
from reconciler.model.desired import Declared
from reconciler.model.document import says_nothing
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Location
from reconciler.model.psk import describe
from reconciler.model.settings import Settings
from reconciler.model.tunnel import KEPT, SETTINGS, WHOLE, Impact, covers, impact_of
from reconciler.plan.scope import Pair


class Action(StrEnum):
    """What a change does. Nothing to do is the absence of a change; a rename is an update."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


Cause = Literal["git", "drift", "both"]
"""Who made live and files differ."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One differing setting; a sensitive one has neither values nor items."""

    path: Annotated[str, Field(description="Dotted name of a leaf; `bgp` when the whole object comes or goes")]
    before: Annotated[Any, Field(description="Live value; null is unset (and sensitive values are always null)")]
    after: Annotated[Any, Field(description="Declared value; null is unset (and sensitive values are always null)")]
    added: Annotated[
        tuple[str, ...],
        Field(description="Items that only the declared list has, if both have any", exclude_if=says_nothing),
    ] = ()
    removed: Annotated[
        tuple[str, ...],
        Field(description="Items that only the live list has, if both have any", exclude_if=says_nothing),
    ] = ()
    sensitive: Annotated[StrictBool, Field(description="True when neither value may be shown")] = False


def impact_of_fields(action: Action, fields: Iterable[FieldChange]) -> Impact:
    """Whether a change can interrupt traffic: a delete does, some fields of an update do; a new tunnel carries none."""
    risk = action is Action.UPDATE and any(impact_of(field.path) is Impact.TRAFFIC for field in fields)
    return Impact.TRAFFIC if risk or action is Action.DELETE else Impact.NONE


class Change(NamedTuple):
    """One thing that apply would do to one tunnel.

    Attributes:
        name: The tunnel's name afterwards (for a delete, its name now).
        fields: What differs, sorted by path.
        target: The settings that the tunnel has when it is applied (for a delete, those it has now). What git has no
            say in is as it is live, which is what leaves ignored fields alone.
        declared: The declaration; None for a delete.
        live: The tunnel as listed; None for a create.
        previous_name: Its name now, when an update renames it.
        cause: `git`, `drift` or `both` with `--baseline`, else None.
    """

    action: Action
    name: str
    fields: tuple[FieldChange, ...]
    target: Settings
    declared: Declared | None
    live: LiveTunnel | None
    previous_name: str | None = None
    cause: Cause | None = None

    @property
    def id(self) -> str | None:
        """Cloudflare's id of the live tunnel, or None for a create."""
        return self.live.id if self.live else None

    @property
    def ref(self) -> str:
        """Names the change within its plan: the live tunnel's id, or `+name` for a create."""
        return self.live.id if self.live else f"+{self.name}"

    @property
    def impact(self) -> Impact:
        """Whether it can interrupt traffic."""
        return impact_of_fields(self.action, self.fields)

    @property
    def before(self) -> Settings:
        """The settings that the tunnel has now; none for a create."""
        return self.live.settings if self.live else {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The settings that differ, in order; one of `fields` may stand for a whole object."""
        before, after = self.before, self.target
        return tuple(sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path)))

    @property
    def frees_network(self) -> bool:
        """Whether the tunnel goes, or one of its interface addresses does."""
        gone = any(f.path.startswith("interface_address") and f.before for f in self.fields)
        return self.action is Action.DELETE or (self.action is Action.UPDATE and gone)

    @property
    def psk(self) -> str | None:
        """Of a create: where its pre-shared key comes from, `external` or `none`."""
        if self.action is not Action.CREATE or self.declared is None:
            return None
        return describe(self.declared.psk) if self.declared.psk else "none"

    @property
    def location(self) -> Location | None:
        """Where the tunnel is declared, or None for a delete."""
        return self.declared.location if self.declared else None

    @property
    def place(self) -> str:
        """The file and line where the tunnel is declared; nothing for a delete."""
        return f"{self.location.file}:{self.location.line}" if self.location else ""


def diff(pairs: Iterable[Pair], surplus: Iterable[LiveTunnel] = ()) -> tuple[Change, ...]:
    """The changes that make live what is declared, in order of name.

    Args:
        pairs: Declared tunnels with their live ones.
        surplus: Live tunnels to delete.
    """
    changes = []
    for tunnel in surplus:
        now = tunnel.settings
        fields = _field_changes(now, {}, now)
        changes.append(Change(Action.DELETE, tunnel.name, fields, now, None, tunnel))
    for pair in pairs:
        if pair.live is None:
            declared, target = pair.declared, pair.declared.settings
            fields = _field_changes({}, target, target)
            changes.append(Change(Action.CREATE, declared.name, fields, target, declared, None))
        elif (target := intended(pair)) != pair.live.settings:
            changes.append(update_of(pair.live, target, pair.declared))
    return tuple(sorted(changes, key=lambda c: (c.name, c.ref)))


def intended(pair: Pair) -> Settings:
    """The settings a tunnel should have: declared, overlaid with live where git has no say.

    Git has no say in ignored fields, and in what the files leave out and the table says to keep. A key that could not
    be read stays as it is live too. When only one side has an object such as `bgp`, a rule for one of its settings has
    no effect, since half an object can't be left as it is; a rule for the object leaves it as it is, there or not.
    """
    declared = pair.declared.settings
    if pair.live is None:
        return declared
    live = pair.live.settings
    left = {path for path in KEPT if path not in declared} | pair.declared.unread
    if pair.rules or pair.declared.unread:
        left |= {path for path in SETTINGS if any(covers(rule, path) for rule in pair.ignored)}
        for name, paths in WHOLE.items():
            if declared.keys().isdisjoint(paths) != live.keys().isdisjoint(paths):
                left = left | {*paths} if name in pair.ignored else left - {*paths}
    if left.isdisjoint(live) and left.isdisjoint(declared):
        return declared
    return {p: v for p, v in declared.items() if p not in left} | {p: v for p, v in live.items() if p in left}


def left_fields(pair: Pair) -> tuple[str, ...]:
    """The ignored paths in which the live tunnel differs from its declaration, sorted."""
    if pair.live is None or not pair.rules:
        return ()
    target, declared = intended(pair), pair.declared.settings
    known = (target.keys() | declared.keys()) - pair.declared.unread
    differing = {p for p in known if target.get(p) != declared.get(p)}
    return tuple(sorted(p for p in differing if any(covers(rule, p) for rule in pair.ignored)))


def missing_secrets(pair: Pair) -> tuple[str, ...]:
    """The settings whose key must be read to know what the tunnel should have, and could not be; sorted."""
    unread = pair.declared.unread
    if not unread:
        return ()
    target = intended(pair)
    left = {p for p in unread if not isinstance(target.get(p), Reference)}
    return tuple(sorted(unread - {p for p in left if any(covers(rule, p) for rule in pair.ignored)}))


def update_of(live: LiveTunnel, target: Settings, declared: Declared | None = None) -> Change:
    """The update that leads a tunnel to these settings, whoever wants it."""
    differing, added, removed = compare(live.settings, target)
    fields = _field_changes(live.settings, target, differing, added, removed)
    name = str(target["name"])
    previous = live.name if live.name != name else None
    return Change(Action.UPDATE, name, fields, target, declared, live, previous)


Items = dict[str, list[str]]
"""Items of lists, by path."""


def compare(before: Settings, after: Settings) -> tuple[set[str], Items, Items]:
    """The paths in which two tunnels differ, and the items that lists gain and lose.

    deepdiff is imported when the first two differ: its import takes longer than a plan without changes may.
    """
    from deepdiff import DeepDiff

    settings = (*before.items(), *after.items())
    lists = {path for path, value in settings if isinstance(value, tuple) and before.get(path) != after.get(path)}
    # Without the threshold, deepdiff calls two tunnels with few settings in common one single difference.
    found = DeepDiff(_comparable(before, lists), _comparable(after, lists), threshold_to_diff_deeper=0, view="tree")
    differing: set[str] = set()
    added: Items = {}
    removed: Items = {}
    for kind, levels in found.items():
        for level in levels:
            path = str(level.get_root_key())
            differing.add(path)
            if kind == "set_item_added":
                added.setdefault(path, []).append(level.t2)
            elif kind == "set_item_removed":
                removed.setdefault(path, []).append(level.t1)
    return differing, added, removed


def _comparable(settings: Settings, lists: Iterable[str]) -> dict[str, object]:
    """What deepdiff compares: lists that differ as sets, since their order means nothing, and all else as one line.

    In a text of many lines it would look for the lines that differ, for seconds when there are thousands, and in lists
    that are equal for items.
    """
    whole = {path: repr(value) for path, value in settings.items()}
    return {**whole, **{path: set(settings.get(path, ())) for path in lists}}  # type: ignore[arg-type]


def _field_changes(
    before: Settings,
    after: Settings,
    paths: Iterable[str],
    added: Mapping[str, Iterable[str]] = {},
    removed: Mapping[str, Iterable[str]] = {},
) -> tuple[FieldChange, ...]:
    """One for each path, or one for an object that only one side has; sorted by path."""
    whole = [name for name, inner in WHOLE.items() if before.keys().isdisjoint(inner) != after.keys().isdisjoint(inner)]
    out = [FieldChange(name, _object(name, before), _object(name, after)) for name in whole]
    for path in paths:
        if any(covers(name, path) for name in whole):
            continue
        if SETTINGS[path].sensitive:
            out.append(FieldChange(path, None, None, sensitive=True))
            continue
        items = tuple(sorted(added.get(path, ()))), tuple(sorted(removed.get(path, ())))
        out.append(FieldChange(path, _plain(before.get(path)), _plain(after.get(path)), *items))
    return tuple(sorted(out, key=lambda f: f.path))


def shown_value(path: str, settings: Settings) -> Any:
    """What a `FieldChange` of this path says of such a tunnel."""
    return _object(path, settings) if path in WHOLE else _plain(settings.get(path))


def _object(name: str, settings: Settings) -> dict[str, Any] | None:
    """The whole object; that it has a key may be known, the key may not."""
    inner = {path: settings[path] for path in WHOLE[name] if path in settings}
    shown = {p.removeprefix(f"{name}."): None if SETTINGS[p].sensitive else _plain(v) for p, v in inner.items()}
    return shown or None


def _plain(value: Value | None) -> Any:
    return list(value) if isinstance(value, tuple) else value
