"""The plan of one account: what will be done, in which order, what forbids it, and the digest that proves it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from reconciler.model.desired import Desired, Rollout
from reconciler.model.live import Live
from reconciler.model.problems import NO_PSK, Problem, named
from reconciler.model.psk import SinkState, doubt
from reconciler.model.tunnel import SETTINGS, WHOLE, Clear
from reconciler.plan.claims import conflicts
from reconciler.plan.detour import Detour, detours
from reconciler.plan.diff import Action, Change, diff, left_fields, missing_secrets
from reconciler.plan.digest import plan_digest
from reconciler.plan.guard import Draft, Guard, guards
from reconciler.plan.order import Group, Phases, Wave, all_batches, order
from reconciler.plan.scope import HeldReason, LeftAlone, Pair, PlanOptions, Scope, matches, scope
from reconciler.plan.waves import in_waves, may_be_judged, traffic


class Held(NamedTuple):
    """A change that a run leaves out, though the files ask for it.

    Attributes:
        reason: `--no-delete`; `window` for what can interrupt traffic, or `needs-window` for what needs such a change.
        opens: When it may be carried out; None when no time is set for it.
    """

    change: Change
    reason: HeldReason
    opens: datetime | None = None


class Plan(NamedTuple):
    """One account's plan, a plain value: same inputs, same plan, whatever the order of files and lists.

    Attributes:
        changes: In order of name; without those that `no_delete` and `glob` leave out, or that are held back.
        phases: The same changes in the order in which apply sends them.
        guards: What forbids the plan; empty when it may be carried out.
        digest: See `plan_digest`.
        held_back: Deletes that `no_delete` leaves out; in an apply also what waits for a window.
        api_calls: What apply will make: `list`, `update` (bulk), `create`, `delete`, `routes` (a list of them).
        notes: Lines to read before approving (a cycle that may need parking, routes that were not checked).
        unchanged: Declared tunnels that already match.
        detours: By the ref of a cycle's first change, the way out when the server refuses the cycle as a whole; None
            where there is none.
        unreadable: Tunnels that these files are about and that can't be compared, with the reason: no change is about
            them, and an account with one has not converged.
        doubts: Name of a tunnel that is live and whose generated key may not be the one in its sink, to why; in order.
        unread: Tunnels with settings that were not compared, since a reference could not be read: these stay as they
            are live. Apply needs all of them.
        not_owned: How many live tunnels `owns` leaves to other files; None without `owns`.
        routes: Prefixes of the static routes whose next hop a change takes away, by its ref (see `plan.routes`).
    """

    desired: Desired
    live: Live
    options: PlanOptions
    changes: tuple[Change, ...]
    phases: Phases
    guards: tuple[Guard, ...]
    digest: str
    api_calls: Mapping[str, int]
    unmanaged: tuple[LeftAlone, ...]
    ignored: tuple[LeftAlone, ...]
    held_back: tuple[Held, ...]
    notes: tuple[str, ...]
    unchanged: int
    detours: Mapping[str, Detour | None] = {}
    unreadable: tuple[LeftAlone, ...] = ()
    doubts: Mapping[str, Problem] = {}
    unread: tuple[LeftAlone, ...] = ()
    not_owned: int | None = None
    routes: Mapping[str, tuple[str, ...]] = {}

    @property
    def without_psk(self) -> tuple[str, ...]:
        """Tunnels that have no key yet although Cloudflare was to make one: apply has it made."""
        return _without_psk(self.doubts)

    @property
    def frees_networks(self) -> bool:
        """Whether static routes may lose their next hop by it: whoever shows or carries it out looks at them first."""
        return any(change.frees_network for change in self.changes)

    @property
    def empty(self) -> bool:
        """True when apply has nothing to do."""
        return not self.changes and not self.without_psk


_SHOWN = 10
"""Names of one note. A plan can have thousands of changes, and its changes name them all."""


def build_plan(
    desired: Desired, live: Live, options: PlanOptions, sinks: Mapping[str, SinkState] = MappingProxyType({})
) -> Plan:
    """The plan that makes the live tunnels what the files declare. The same values give the same plan.

    Args:
        desired: What the files declare.
        live: What the account has.
        options: What the caller chose.
        sinks: What the sinks of generated keys show of themselves, by tunnel name.
    """
    scoped = scope(desired, live, options)
    doubts = _doubts(scoped, sinks)
    found = diff(scoped.pairs, scoped.surplus)
    held_back = tuple(c for c in found if options.no_delete and c.action is Action.DELETE)
    changes = tuple(c for c in found if not (options.no_delete and c.action is Action.DELETE))
    blocked = conflicts(changes, live)
    phases = order(changes, blocked)
    around = detours(phases.updates, desired, live)
    rollout = desired.account.rollout if options.rollout else None
    if rollout is not None:
        phases = in_waves(phases, rollout)
    draft = Draft(desired, live, options, scoped, changes, held_back, blocked, rolls_out=bool(phases.waves))
    covered = _waves(phases, rollout)
    return Plan(
        desired=desired,
        live=live,
        options=options,
        changes=changes,
        phases=phases,
        guards=guards(draft),
        digest=plan_digest(desired.account.account_id, options.base, changes, _without_psk(doubts), covered),
        api_calls=_api_calls(phases, options.batch_size, live.lists),
        unmanaged=scoped.unmanaged,
        ignored=_ignored(scoped),
        held_back=tuple(Held(change, "--no-delete") for change in held_back),
        notes=(
            *clearing_notes(changes),
            *_cycle_notes(phases, around),
            *_wave_notes(phases, live, rollout),
        ),
        unchanged=len(scoped.pairs) - sum(c.action is not Action.DELETE for c in changes),
        detours=around,
        unreadable=scoped.unreadable,
        doubts=doubts,
        unread=_unread(scoped, desired),
        not_owned=scoped.not_owned,
    )


def _unread(scoped: Scope, desired: Desired) -> tuple[LeftAlone, ...]:
    found = []
    for pair in scoped.pairs:
        for path in missing_secrets(pair):
            why = desired.unread[pair.declared.references[path]].message
            found.append(LeftAlone(pair.declared.name, why, pair.live.id if pair.live else None, (path,)))
    return tuple(found)


def _doubts(scoped: Scope, sinks: Mapping[str, SinkState]) -> dict[str, Problem]:
    doubts = {}
    for pair in scoped.pairs:
        name = pair.declared.name
        why = doubt(pair.declared, pair.live, sinks.get(name, SinkState())) if pair.live else None
        if why is not None:
            doubts[name] = why
    return doubts


def _without_psk(doubts: Mapping[str, Problem]) -> tuple[str, ...]:
    return tuple(name for name, why in doubts.items() if why.code == NO_PSK)


def remaining(plan: Plan, live_now: Live) -> tuple[Change, ...]:
    """What of a plan is still to be done, judged by a later list under the same options.

    A renamed tunnel still belongs to the plan's target when only its old name matched.
    """
    scoped = scope(plan.desired, live_now, plan.options._replace(glob=None))
    ids = {c.ref for c in plan.changes}

    def selected(pair: Pair) -> bool:
        now = pair.live
        if now is not None and now.id in ids:
            return True
        return matches(plan.options.glob, pair.declared.name, now.name if now else None)

    surplus = [t for t in scoped.surplus if matches(plan.options.glob, t.name) and not plan.options.no_delete]
    found = diff((p for p in scoped.pairs if selected(p)), surplus)
    left_out = {word for held in plan.held_back for word in (held.change.ref, held.change.name)}
    return tuple(c for c in found if left_out.isdisjoint((c.ref, c.name))) if left_out else found


def without(plan: Plan, held: tuple[Held, ...]) -> Plan:
    """The same plan, judged and with its digest, that leaves these changes out when it is carried out."""
    refs = {one.change.ref for one in held}
    if not refs:
        return plan

    def kept(changes: Iterable[Change]) -> tuple[Change, ...]:
        return tuple(change for change in changes if change.ref not in refs)

    def groups(every: Iterable[Group]) -> tuple[Group, ...]:
        return tuple(group for group in every if group[0].ref not in refs)  # a cycle goes as a whole, or not at all

    phases = plan.phases._replace(
        waves=tuple(Wave(groups(wave.first), groups(wave.groups)) for wave in plan.phases.waves),
        first_deletes=kept(plan.phases.first_deletes),
        updates=groups(plan.phases.updates),
        creates=kept(plan.phases.creates),
        last_deletes=kept(plan.phases.last_deletes),
    )
    return plan._replace(
        changes=kept(plan.changes),
        phases=phases,
        held_back=(*plan.held_back, *held),
        api_calls={**plan.api_calls, **_api_calls(phases, plan.options.batch_size, plan.live.lists)},
    )


def unreadable(plan: Plan, live_now: Live) -> tuple[LeftAlone, ...]:
    """The tunnels of a plan's files that a later list shows and that can't be compared."""
    if not any(t.unreadable for t in live_now.tunnels.values()):
        return ()
    return scope(plan.desired, live_now, plan.options).unreadable


def _api_calls(phases: Phases, batch_size: int, lists: int) -> dict[str, int]:
    """What apply makes when nothing goes wrong.

    Args:
        phases: What is to be done.
        batch_size: Items of one bulk update.
        lists: How many lists it took to trust the account's; a last one follows the changes and proves them.
    """
    deletes = len(phases.first_deletes) + len(phases.last_deletes)
    parts = [*(part for wave in phases.waves for part in (wave.first, wave.groups)), phases.updates]
    updates = sum(len(all_batches(part, batch_size)) for part in parts)
    lists += 1 if updates or phases.creates or deletes else 0
    return {"list": lists, "update": updates, "create": len(phases.creates), "delete": deletes}


def _ignored(scoped: Scope) -> tuple[LeftAlone, ...]:
    """Whole tunnels first, then those of which an ignored field differs."""
    partly = []
    for pair in scoped.pairs:
        fields = left_fields(pair)
        if fields and pair.live:
            reason = "; ".join(sorted({rule.reason for rule in pair.rules}))
            tunnel = pair.live
            partly.append(LeftAlone(tunnel.name, reason, tunnel.id, fields, tunnel.created_on))
    return (*scoped.ignored, *partly)


def listed(names: Iterable[str]) -> str:
    """The first names of a note, and how many more there are."""
    return named(sorted(names), _SHOWN)


def clearing_notes(changes: Iterable[Change]) -> list[str]:
    """Notes on what these changes take away by leaving it out of the update, which a server that merges would keep.

    (API: no way to remove it is documented, so only the list afterwards tells.)
    """
    names: dict[str, list[str]] = {}
    for change in changes:
        if change.action is not Action.UPDATE:
            continue
        for path in (f.path for f in change.fields):
            omitted = path in WHOLE or SETTINGS[path].clear is Clear.OMIT
            if omitted and change.target.keys().isdisjoint(WHOLE.get(path, (path,))):
                names.setdefault(path, []).append(change.name)
    return [
        f"Removing {path} may not be possible, as the API documents no way to: if it is still there afterwards, apply "
        f"says so (not-cleared) and ends as partial. Concerns {listed(who)}."
        for path, who in sorted(names.items())
    ]


def _cycle_notes(phases: Phases, around: Mapping[str, Detour | None]) -> list[str]:
    notes = []
    for group in phases.all_updates:
        if group[0].ref not in around:
            continue
        detour = around[group[0].ref]
        note = f"{listed(c.name for c in group)} exchange addresses or identities and go in one call. "
        if detour is None:
            note += "If Cloudflare refuses that, they fail: there is no free value to pass through."
        else:
            moved = listed(leg.change.name for leg in detour.legs if leg.parked)
            note += f"If Cloudflare refuses that, {moved} goes through {listed(detour.through)} for a moment."
        notes.append(note)
    return notes


def _wave_notes(phases: Phases, live: Live, rollout: Rollout | None) -> list[str]:
    """What a rollout can't see, or can't keep apart."""
    if not phases.waves:
        return []
    notes = []
    groups = [group for wave in phases.waves for group in wave.groups]
    changes = [change for group in groups for change in traffic(group)]
    judged = sum(may_be_judged(change, live.tunnels.get(change.ref), rollout) for change in changes)
    if not judged:
        notes.append(
            "No wave can be judged: none of its tunnels has a BGP session that is up now. Each wave only waits."
        )
    for group in groups:
        files = [change.location.file for change in group if change.location]
        if len(set(files)) < len(files):
            notes.append(
                f"{listed(c.name for c in group)} change in one wave though they stand in one file: they exchange "
                "addresses or identities."
            )
    late = [change.name for group in phases.updates for change in traffic(group)]
    if late:
        notes.append(
            f"{listed(late)} need what a delete frees, so they change after the last wave, are not judged and are not "
            "rolled back."
        )
    return notes


def _waves(phases: Phases, rollout: Rollout | None) -> dict[str, Any]:
    """What the digest covers of a rollout: its settings and the waves. Nothing where nothing is rolled out."""
    if rollout is None or not phases.waves:
        return {}
    waves = [[[change.ref for change in group] for group in (*wave.first, *wave.groups)] for wave in phases.waves]
    settings = rollout._asdict() | {"waves": waves, "probe": rollout.probe and rollout.probe.argv}
    return {"rollout": {name: value for name, value in settings.items() if value is not None}}
