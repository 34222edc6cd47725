"""The order of a plan: no step needs a name, network or identity that another tunnel still holds."""

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush

from reconciler.core.change import Action, Change
from reconciler.core.conflict import Conflicts
from reconciler.core.plan import Phases


def _reach(root: str, edges: Mapping[str, Iterable[str]], seen: set[str]) -> list[str]:
    """The unseen nodes that can be reached from `root`, each after all that it leads to (no recursion)."""
    finished: list[str] = []
    work = [(root, iter(edges[root]))]
    seen.add(root)
    while work:
        node, rest = work[-1]
        following = next((n for n in rest if n not in seen), None)
        if following is None:
            work.pop()
            finished.append(node)
        else:
            seen.add(following)
            work.append((following, iter(edges[following])))
    return finished


def components(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The strongly connected components of a graph (Kosaraju's algorithm, in linear time).

    Args:
        edges: Every node with the nodes it points to; all of these are keys too.
    """
    reversed_edges: dict[str, list[str]] = {node: [] for node in edges}
    for node, following in edges.items():
        for other in following:
            reversed_edges[other].append(node)
    seen: set[str] = set()
    finished = [n for root in edges if root not in seen for n in _reach(root, edges, seen)]
    seen = set()
    return [_reach(root, reversed_edges, seen) for root in reversed(finished) if root not in seen]


def _sorted_groups(updates: Mapping[str, Change], waits: Mapping[str, Iterable[str]]) -> list[tuple[Change, ...]]:
    """Groups of updates, each after those it waits for; among those that are free, by name."""
    edges = {k: tuple(n for n in waits.get(k, ()) if n in updates) for k in updates}
    members = [sorted(group, key=lambda k: updates[k].name) for group in components(edges)]
    number = {key: i for i, group in enumerate(members) for key in group}
    after: dict[int, set[int]] = {i: set() for i in range(len(members))}
    missing = dict.fromkeys(after, 0)
    for key, needs in edges.items():
        for other in {number[n] for n in needs} - {number[key]}:
            if number[key] not in after[other]:
                after[other].add(number[key])
                missing[number[key]] += 1
    ready = [(updates[members[i][0]].name, i) for i in missing if not missing[i]]
    heapify(ready)
    out = []
    while ready:
        _, i = heappop(ready)
        out.append(tuple(updates[k] for k in members[i]))
        for later in after[i]:
            missing[later] -= 1
            if not missing[later]:
                heappush(ready, (updates[members[later][0]].name, later))
    return out


def order(changes: Iterable[Change], conflicts: Conflicts) -> Phases:
    """Puts changes in an order in which what frees a resource comes before what takes it.

    The members of a cycle of updates form one group. What one member needs from outside the group, all need.
    """
    by_key = {c.key: c for c in changes}
    waits = conflicts.waits
    updates = {k: c for k, c in by_key.items() if c.action is Action.UPDATE}
    groups = _sorted_groups(updates, waits)
    needs = {key: frozenset(own) for key, own in waits.items()}
    for group in groups:
        inside = {c.key for c in group}
        together = frozenset(n for k in inside for n in waits.get(k, ())) - inside
        needs.update(dict.fromkeys(inside, together))
    freeing = {n for own in waits.values() for n in own if by_key[n].action is Action.DELETE}
    deletes = [c for c in by_key.values() if c.action is Action.DELETE]
    return Phases(
        freeing=tuple(c for c in deletes if c.key in freeing),
        updates=tuple(groups),
        creates=tuple(c for c in by_key.values() if c.action is Action.CREATE),
        deletes=tuple(c for c in deletes if c.key not in freeing),
        needs={k: own for k, own in sorted(needs.items()) if own},
    )
