"""The order of a plan: no step needs a name, network or identity that another tunnel still holds.

`lon` takes the network of `par`, `par` takes that of `rom`, and `rom` is deleted. Then: delete `rom`, update `par`,
update `lon`. Where `par` and `lon` exchange theirs, no order helps: they are a cycle, one group that goes in one call.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import NamedTuple, TypeVar

from reconciler.model.live import Live
from reconciler.plan.claims import Conflict, conflicts
from reconciler.plan.diff import Action, Change

Group = tuple[Change, ...]
"""Updates that no two calls may split: a single one, or a cycle."""


class Wave(NamedTuple):
    """A part of a rollout (see `plan.waves`), whose end must prove healthy before the next one begins.

    Attributes:
        first: Groups of updates that interrupt no traffic: they go before the others, and nothing is watched.
        groups: Groups of updates that can interrupt traffic. Empty in a wave that only ends what waves have freed.
    """

    first: tuple[Group, ...]
    groups: tuple[Group, ...]


class Phases(NamedTuple):
    """The order of a plan: each phase begins when the one before has ended.

    Attributes:
        waves: Of a rollout: they go before all else. Empty without one.
        first_deletes: Those that free a name, network or identity that another change needs.
        updates: Groups in an order in which what frees comes before what needs it; a group of more than one
            change is a cycle, sent in one call and never split.
        creates: After the updates.
        last_deletes: Those that free nothing, skipped when any earlier change was not applied.
        needs: Ref of a change to the refs of those that must have been applied before it, or go with it in one call:
            alone a member of a cycle would take what a mate still holds, so each needs all of them. (The members share
            one set, itself in it: a set for each would fill the memory where thousands exchange their networks.)
        unsolvable: What changes want and a live tunnel keeps: no order helps there.
    """

    first_deletes: tuple[Change, ...] = ()
    updates: tuple[Group, ...] = ()
    creates: tuple[Change, ...] = ()
    last_deletes: tuple[Change, ...] = ()
    needs: Mapping[str, frozenset[str]] = {}
    waves: tuple[Wave, ...] = ()
    unsolvable: tuple[Conflict, ...] = ()

    @property
    def all_updates(self) -> tuple[Group, ...]:
        """The groups of all waves, and those after them."""
        return (*(group for wave in self.waves for group in (*wave.first, *wave.groups)), *self.updates)


K = TypeVar("K", str, int)
"""A node: the ref of a change, or the number of a group."""


def _reach(root: str, edges: Mapping[str, Iterable[str]], seen: set[str]) -> list[str]:
    """The unseen nodes that can be reached from `root`, each after all that it leads to.

    Without recursion, as a chain of changes can be longer than Python's stack is deep.
    """
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


def topological(waits: Mapping[K, Iterable[K]], name: Callable[[K], str]) -> Iterator[K]:
    """Yields each node after all that it waits for; among those that are free, by name.

    Args:
        waits: Every node with those that it waits for. What is in a cycle, or waits for one, is never yielded.
        name: What decides among nodes that are free.
    """
    sorter = TopologicalSorter(waits)
    with suppress(CycleError):  # what is outside the cycles can still be had
        sorter.prepare()
    ready: list[tuple[str, K]] = []
    while True:
        for node in sorter.get_ready():
            heappush(ready, (name(node), node))
        if not ready:
            return
        _, done = heappop(ready)
        yield done
        sorter.done(done)


def _sorted_groups(updates: Mapping[str, Change], waits: Mapping[str, Iterable[str]]) -> list[Group]:
    """Groups of updates, each after those it waits for; among those that are free, by name of their first member."""
    edges = {ref: tuple(n for n in waits.get(ref, ()) if n in updates) for ref in updates}
    members = [sorted(group, key=lambda ref: updates[ref].name) for group in components(edges)]
    number = {ref: i for i, group in enumerate(members) for ref in group}
    after = {i: {number[n] for ref in group for n in edges[ref]} - {i} for i, group in enumerate(members)}
    sequence = topological(after, lambda i: updates[members[i][0]].name)
    return [tuple(updates[ref] for ref in members[i]) for i in sequence]


def order(changes: Iterable[Change], live: Live) -> Phases:
    """Puts changes in an order in which what frees a claim comes before what takes it.

    The members of a cycle of updates form one group. What one member needs from outside the group, all need, and each
    needs its mates.
    """
    by_ref = {c.ref: c for c in changes}
    waits, unsolvable = conflicts(by_ref.values(), live)
    updates = {ref: c for ref, c in by_ref.items() if c.action is Action.UPDATE}
    groups = _sorted_groups(updates, waits)
    needs = {ref: frozenset(own) for ref, own in waits.items()}
    for group in groups:
        inside = [c.ref for c in group] if len(group) > 1 else []
        needs.update(dict.fromkeys(inside, frozenset(inside).union(*(waits.get(ref, ()) for ref in inside))))
    freeing = {n for own in waits.values() for n in own if by_ref[n].action is Action.DELETE}
    deletes = [c for c in by_ref.values() if c.action is Action.DELETE]
    return Phases(
        first_deletes=tuple(c for c in deletes if c.ref in freeing),
        updates=tuple(groups),
        creates=tuple(c for c in by_ref.values() if c.action is Action.CREATE),
        last_deletes=tuple(c for c in deletes if c.ref not in freeing),
        needs={ref: own for ref, own in sorted(needs.items()) if own},
        unsolvable=unsolvable,
    )


def next_batch(queue: deque[Group], size: int) -> list[Group]:
    """Takes the next batch off a queue: as many whole groups as fit, in order, and always one.

    Args:
        queue: At least one group of updates that must stay together, in an order in which what frees comes first.
        size: Items of one batch. A larger group is a batch of its own, since splitting it could never work.
    """
    batch = [queue.popleft()]
    count = len(batch[0])
    while queue and count + len(queue[0]) <= size:
        count += len(queue[0])
        batch.append(queue.popleft())
    return batch


def all_batches(groups: Iterable[Group], size: int) -> list[list[Group]]:
    """All batches of these groups, as `next_batch` takes them while nothing changes the size."""
    queue = deque(groups)
    batches = []
    while queue:
        batches.append(next_batch(queue, size))
    return batches
