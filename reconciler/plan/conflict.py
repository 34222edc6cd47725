"""Who needs what from whom: the edges between changes, and what can't be had at all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.model.live import Live
from reconciler.plan.change import Action, Change
from reconciler.plan.diff import wanted
from reconciler.plan.resources import KINDS, Kind, Resource, holders, resources, same


@dataclass(frozen=True, slots=True)
class Held:
    """A change wants a resource that a live tunnel holds and keeps.

    Attributes:
        change: The change that can't work.
        resource: What it wants.
        holder: Id of the live tunnel.
    """

    change: Change
    resource: Resource
    holder: str


@dataclass(frozen=True, slots=True)
class Conflicts:
    """All conflicts of one plan.

    Attributes:
        waits: Change key to the keys of the changes that must free something first, with what they free.
        held: What is never freed.
    """

    waits: Mapping[str, Mapping[str, frozenset[Kind]]] = field(default_factory=dict)
    held: tuple[Held, ...] = ()


def acquired(change: Change) -> tuple[Resource, ...]:
    """What a change takes that its own tunnel does not hold in the same form already."""
    if change.action is Action.DELETE:
        return ()
    if change.live is None:
        return tuple(resources(wanted(change)))
    kinds = frozenset(KINDS[f.path] for f in change.fields if f.path in KINDS)
    if not kinds:
        return ()
    has = set(resources(change.live.settings, kinds))
    return tuple(r for r in resources(wanted(change), kinds) if r not in has)


def kept(change: Change) -> tuple[Resource, ...]:
    """What the change's tunnel holds when the change is applied."""
    return () if change.action is Action.DELETE else tuple(resources(wanted(change)))


def conflicts(changes: Iterable[Change], live: Live) -> Conflicts:
    """Finds for each change the live tunnels that hold what it wants, and whether they let go."""
    by_key = {c.key: c for c in changes}
    wants = {key: acquired(change) for key, change in by_key.items()}
    if not any(wants.values()):
        return Conflicts()
    keeps: dict[str, tuple[Resource, ...]] = {}
    index = holders(
        ((t.id, t.settings) for t in live.tunnels.values()),
        (r for own in wants.values() for r in own),
        frozenset(r[0] for own in wants.values() for r in own),
    )
    waits: dict[str, dict[str, frozenset[Kind]]] = {}
    held: list[Held] = []
    for key, resource in ((k, r) for k, own in wants.items() for r in own):
        for holder in sorted(set(index.of(resource)) - {key}):
            other = by_key.get(holder)
            if other is not None and holder not in keeps:
                keeps[holder] = kept(other)
            if other is None or any(same(resource, r) for r in keeps[holder]):
                held.append(Held(by_key[key], resource, holder))
            else:
                mine = waits.setdefault(key, {})
                mine[holder] = mine.get(holder, frozenset()) | {resource[0]}
    return Conflicts(waits, tuple(held))
