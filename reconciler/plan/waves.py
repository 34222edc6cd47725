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

from collections.abc import Iterable

from reconciler.model.desired import Rollout
from reconciler.model.live import LiveTunnel
from reconciler.model.session import session
from reconciler.model.tunnel import Impact
from reconciler.plan.diff import Change
from reconciler.plan.order import Group, Phases, Wave

_BGP = "bgp.customer_asn"
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
    has_bgp = before is not None and _BGP in before.settings and _BGP in change.target
    return has_bgp and session(before).state == "up"


def may_be_judged(change: Change, before: LiveTunnel | None, rollout: Rollout | None) -> bool:
    """The same before the wave, when nobody knows yet what a probe says."""
    return can_be_judged(change, before) or (rollout is not None and rollout.probe is not None)


def in_waves(phases: Phases, rollout: Rollout) -> Phases:
    """The same changes with the updates put into waves, as far as nothing that is deleted stands in their way."""
    late = _late(phases)
    early = [group for group in phases.updates if group[0].ref not in late]
    calm = [group for group in early if not traffic(group)]
    total = sum(len(traffic(group)) for group in early)
    if not total:
        return phases
    queues = _queues((group for group in early if traffic(group)), apart=rollout.apart == "file")
    place = {group[0].ref: number for number, group in enumerate(early)}
    waves: list[Wave] = []
    done: set[str] = set()
    count = 0
    while calm or queues:
        first, calm = _free(calm, phases, done)
        bound = rollout.waves[len(waves)] if len(waves) < len(rollout.waves) else "100%"
        groups = _next(queues, phases, done, max(_most(bound, total), count + 1) - count)
        count += sum(len(traffic(group)) for group in groups)
        waves.append(Wave(tuple(first), tuple(sorted(groups, key=lambda group: place[group[0].ref]))))
    return phases._replace(waves=tuple(waves), updates=tuple(g for g in phases.updates if g[0].ref in late))


def _late(phases: Phases) -> frozenset[str]:
    """Refs of the updates that need what a delete frees, themselves or by way of another update."""
    late = {change.ref for change in phases.first_deletes}
    for group in phases.updates:  # what frees comes before what needs it, so one pass finds all
        if _needs(group, phases) & late:
            late |= {change.ref for change in group}
    return frozenset(late)


def _most(bound: str, total: int) -> int:
    """How many of all may be done, rounded down."""
    return total * int(bound[:-1]) // 100 if bound.endswith("%") else int(bound)


def _needs(group: Group, phases: Phases) -> frozenset[str]:
    """What the group needs from outside; the members of a cycle all need the same."""
    return phases.needs.get(group[0].ref, _NOTHING) - {change.ref for change in group}


def _may_go(group: Group, phases: Phases, done: set[str]) -> bool:
    """Whether all that the group needs from outside is done."""
    return _needs(group, phases) <= done


def _free(calm: Iterable[Group], phases: Phases, done: set[str]) -> tuple[list[Group], list[Group]]:
    """Those of the groups that interrupt nothing that need nothing more, in the order of the plan, and the others."""
    free: list[Group] = []
    left: list[Group] = []
    for group in calm:
        if _may_go(group, phases, done):
            free.append(group)
            done |= {change.ref for change in group}
        else:
            left.append(group)
    return free, left


def _queues(groups: Iterable[Group], *, apart: bool) -> dict[str, list[Group]]:
    """The groups by file and name: a queue for each file, of which a wave takes one; or one queue for all."""
    queues: dict[str, list[Group]] = {}
    for group in sorted(groups, key=lambda group: min(_place(change) for change in group)):
        queues.setdefault(min(_place(change) for change in group)[0] if apart else "", []).append(group)
    return queues


def _next(queues: dict[str, list[Group]], phases: Phases, done: set[str], room: int) -> list[Group]:
    """Takes the groups of the next wave off the queues: as many as there is room for, and always one if any is left.

    A cycle is never split: it may be larger than the room, and hold tunnels of several files, or several of one.
    """
    taken: list[Group] = []
    files: set[str] = set()
    for file in list(queues):
        left = []
        for number, group in enumerate(queues[file]):
            own = {_place(change)[0] for change in group} if file else set()
            fits = not taken or len(traffic(group)) <= room
            if room > 0 and fits and not own & files and _may_go(group, phases, done):
                taken.append(group)
                files |= own
                done |= {change.ref for change in group}
                room -= len(traffic(group))
            else:
                left.append(group)
            if room <= 0 or file in files:  # none of the others can go
                left += queues[file][number + 1 :]
                break
        queues[file] = left
        if not left:
            del queues[file]
        if room <= 0:
            break
    return taken


def _place(change: Change) -> tuple[str, str]:
    return (change.location.file if change.location else "", change.name)
