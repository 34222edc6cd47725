"""Makes the plan of one account: what will be done, in which order, what forbids it, and the digest that proves it."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from reconciler.model.desired import Desired
from reconciler.model.live import Live
from reconciler.model.problems import Diagnostic, Problem, warning
from reconciler.model.psk import SinkState, doubt
from reconciler.model.tunnel import SETTINGS, WHOLE, Clear
from reconciler.plan.detour import detours
from reconciler.plan.diff import Action, Change, diff, left_fields, missing_secrets
from reconciler.plan.digest import plan_digest
from reconciler.plan.guard import guards
from reconciler.plan.order import order
from reconciler.plan.plan import Held, Plan, listed
from reconciler.plan.scope import LeftAlone, Pair, PlanOptions, Scope, matches, scope
from reconciler.plan.waves import in_waves, may_be_judged, traffic


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
    phases = order(changes, live)
    around = detours(phases.updates, desired, live)
    rollout = desired.account.rollout if options.rollout else None
    if rollout is not None:
        phases = in_waves(phases, rollout)
    plan = Plan(
        desired=desired,
        live=live,
        options=options,
        scope=scoped,
        changes=changes,
        phases=phases,
        held_back=tuple(Held(change, "--no-delete") for change in held_back),
        ignored=_ignored(scoped),
        unchanged=len(scoped.pairs) - sum(c.action is not Action.DELETE for c in changes),
        detours=around,
        doubts=doubts,
        unread=_unread(scoped, desired),
    )
    notes = (*clearing_notes(changes), *_cycle_notes(plan), *_wave_notes(plan))
    return plan._replace(notes=notes, digest=plan_digest(plan), guards=guards(plan))


def _unread(scoped: Scope, desired: Desired) -> tuple[LeftAlone, ...]:
    found = []
    for pair in scoped.pairs:
        for path in missing_secrets(pair):
            why = desired.unread[pair.declared.references[path]].message
            found.append(LeftAlone(pair.declared.name, why, pair.live.id if pair.live else None, (path,)))
    return tuple(found)


def _doubts(scoped: Scope, sinks: Mapping[str, SinkState]) -> dict[str, Problem]:
    live = [(pair.declared, pair.live) for pair in scoped.pairs if pair.live]
    found = {declared.name: doubt(declared, tunnel, sinks.get(declared.name, SinkState())) for declared, tunnel in live}
    return {name: why for name, why in found.items() if why}


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


def unreadable(plan: Plan, live_now: Live) -> tuple[LeftAlone, ...]:
    """The tunnels of a plan's files that a later list shows and that can't be compared."""
    if not any(t.unreadable for t in live_now.tunnels.values()):
        return ()
    return scope(plan.desired, live_now, plan.options).unreadable


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


def _cycle_notes(plan: Plan) -> list[str]:
    notes = []
    for group in plan.phases.all_updates:
        if group[0].ref not in plan.detours:
            continue
        detour = plan.detours[group[0].ref]
        note = f"{listed(c.name for c in group)} exchange addresses or identities and go in one call. "
        if detour is None:
            note += "If Cloudflare refuses that, they fail: there is no free value to pass through."
        else:
            moved = listed(leg.change.name for leg in detour.legs if leg.parked)
            note += f"If Cloudflare refuses that, {moved} goes through {listed(detour.through)} for a moment."
        notes.append(note)
    return notes


def _wave_notes(plan: Plan) -> list[str]:
    """What goes after the waves, if there are any."""
    late = [change.name for group in plan.phases.updates for change in traffic(group)] if plan.phases.waves else []
    so = "so they change after the last wave, are not judged and are not rolled back."
    return [f"{listed(late)} need what a delete frees, {so}"] if late else []


def wave_warnings(plan: Plan) -> Iterator[Diagnostic]:
    """What a rollout can't see, or can't keep apart."""
    groups = [group for wave in plan.phases.waves for group in wave.groups]
    account = plan.desired.account
    judged = any(may_be_judged(change, account.rollout) for group in groups for change in traffic(group))
    if groups and not judged:
        summary = f"no wave of account {account.name} can be judged"
        detail = "None of its tunnels has a BGP session that is up now, so each wave only waits. A probe can judge."
        yield warning("unjudged-waves", summary, detail, account.location)
    for group in groups:
        places = [change.location for change in group if change.location]
        if len({place.file for place in places}) < len(places):
            summary = f"{listed(c.name for c in group)} change in one wave though they stand in one file"
            yield warning("cycle-in-wave", summary, "They exchange addresses or identities.", places[0])
