"""A rollout: updates that can interrupt traffic, put into waves, each of which must prove healthy before the next.

Six tunnels in three files change, and the account says `waves: [1, 50%, 100%]` and `apart: file`:

    wave 1    lon-a            1 of 6 is done at its end
    wave 2    lon-b  par-a     3 of 6: as many as 50 % are
    wave 3    par-b  rom-a     rom-b has to wait, as its file is in this wave already
    wave 4    rom-b            one more than the account asked for

What interrupts nothing goes before the first wave, or as soon as a wave has freed what it needs. What needs a delete to
free something goes after the last wave, as that delete does: nothing is deleted before all waves are healthy. Creates
follow, and at the end the deletes that free nothing.
"""

from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from heapq import heappop, heappush

from reconciler.model.desired import Rollout
from reconciler.model.live import LiveTunnel
from reconciler.model.settings import has_bgp
from reconciler.model.tunnel import Impact
from reconciler.plan.diff import Change
from reconciler.plan.order import Group, Phases, Wave

_NOTHING: frozenset[str] = frozenset()


def traffic(group: Iterable[Change]) -> list[Change]:
    """Those that can interrupt traffic."""
    return [change for change in group if change.impact is Impact.TRAFFIC]


def can_be_judged(change: Change, before: LiveTunnel | None) -> bool:
    """Whether a session can show that an update did no harm: it was up before, and BGP neither comes nor goes.

    Args:
        change: The update.
        before: The tunnel as listed before it.
    """
    return before is not None and before.session.state == "up" and has_bgp(before.settings) and has_bgp(change.target)


def may_be_judged(change: Change, rollout: Rollout | None) -> bool:
    """The same when the plan is made, and nobody knows yet what a probe says."""
    return can_be_judged(change, change.live) or (rollout is not None and rollout.probe is not None)


def in_waves(phases: Phases, rollout: Rollout) -> Phases:
    """The same changes with the updates put into waves, as far as nothing that is deleted stands in their way."""
    late = _late(phases)
    early = [group for group in phases.updates if group[0].ref not in late]
    total = sum(len(traffic(group)) for group in early)
    if not total:
        return phases
    ready = _Ready(early, phases, apart=rollout.apart == "file")
    waves: list[Wave] = []
    count = 0
    while ready.more:
        first = ready.take_calm()
        bound = rollout.waves[len(waves)] if len(waves) < len(rollout.waves) else "100%"
        groups = ready.take(max(most(bound, total), count + 1) - count)
        count += sum(len(traffic(group)) for group in groups)
        waves.append(Wave(first, groups))
    return phases._replace(waves=tuple(waves), updates=tuple(g for g in phases.updates if g[0].ref in late))


def _late(phases: Phases) -> frozenset[str]:
    """Refs of the updates that need what a delete frees, themselves or by way of another update."""
    late = {change.ref for change in phases.first_deletes}
    for group in phases.updates:  # what frees comes before what needs it, so one pass finds all
        if _needs(group, phases) & late:
            late |= {change.ref for change in group}
    return frozenset(late)


def most(bound: str, total: int) -> int:
    """How many of all may be done, rounded down."""
    return total * int(bound[:-1]) // 100 if bound.endswith("%") else int(bound)


def _needs(group: Group, phases: Phases) -> frozenset[str]:
    """What the group needs from outside; the members of a cycle all need the same."""
    return phases.needs.get(group[0].ref, _NOTHING) - {change.ref for change in group}


class _Ready:
    """The groups that need nothing more: a queue by name for each file, of which a wave takes one; or one for all.

    What is taken sets free what needs it, so a wave costs what it takes, however many have to wait.
    """

    def __init__(self, groups: Sequence[Group], phases: Phases, *, apart: bool) -> None:
        number = {change.ref: n for n, group in enumerate(groups) for change in group}
        needs = {n: {number[ref] for ref in _needs(group, phases)} for n, group in enumerate(groups)}
        self._groups = groups
        self._apart = apart
        self._sorter = TopologicalSorter(needs)
        self._sorter.prepare()
        self._calm: list[int] = []
        self._queues: dict[str, list[tuple[tuple[str, str], int]]] = {}
        self._admit()

    @property
    def more(self) -> bool:
        """Whether any group is left."""
        return self._sorter.is_active()

    def _admit(self) -> None:
        for n in self._sorter.get_ready():
            group = self._groups[n]
            if traffic(group):
                place = min(_place(change) for change in group)
                heappush(self._queues.setdefault(place[0] if self._apart else "", []), (place, n))
            else:
                self._calm.append(n)

    def _done(self, numbers: Iterable[int]) -> None:
        self._sorter.done(*numbers)
        self._admit()

    def _in_order(self, numbers: Iterable[int]) -> tuple[Group, ...]:
        """In the order of the plan: what frees goes before what needs it."""
        return tuple(self._groups[n] for n in sorted(numbers))

    def take_calm(self) -> tuple[Group, ...]:
        """Those that interrupt nothing."""
        taken: list[int] = []
        while self._calm:
            some, self._calm = self._calm, []
            taken += some
            self._done(some)
        return self._in_order(taken)

    def take(self, room: int) -> tuple[Group, ...]:
        """Those of the next wave: as many as there is room for, and always one if any is left.

        A cycle is never split: it may be larger than the room, and hold tunnels of several files, or several of one.
        """
        taken: list[int] = []
        files: set[str] = set()
        for file in sorted(self._queues):
            queue = self._queues[file]
            later = []
            while queue and room > 0 and file not in files:
                place, n = heappop(queue)
                own = {_place(change)[0] for change in self._groups[n]} if self._apart else set()
                size = len(traffic(self._groups[n]))
                if own & files or (taken and size > room):
                    later.append((place, n))
                    continue
                taken.append(n)
                files |= own
                room -= size
                self._done([n])
            for one in later:
                heappush(queue, one)
            if not queue:
                del self._queues[file]
            if room <= 0:
                break
        return self._in_order(taken)


def _place(change: Change) -> tuple[str, str]:
    return (change.location.file if change.location else "", change.name)
