"""Builds the plan of one account from desired and live state."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from reconciler.model.desired import Desired
from reconciler.model.fields import BGP, FIELDS
from reconciler.model.live import Live
from reconciler.model.psk import Held, doubt
from reconciler.model.report import NO_KEY, LeftAlone, Problem
from reconciler.model.tunnel import has_bgp
from reconciler.plan.batch import pack
from reconciler.plan.change import Action, Change
from reconciler.plan.conflict import conflicts
from reconciler.plan.detour import detours
from reconciler.plan.diff import diff, left_fields, wanted
from reconciler.plan.digest import plan_digest
from reconciler.plan.guard import Draft, guards
from reconciler.plan.order import order
from reconciler.plan.plan import Detour, Phases, Plan, PlanOptions
from reconciler.plan.scope import Pair, Scope, matches, scope

_SHOWN = 10


def build_plan(
    desired: Desired, live: Live, options: PlanOptions, held: Mapping[str, Held] = MappingProxyType({})
) -> Plan:
    """The plan that makes the live tunnels what the files declare. The same values give the same plan.

    Args:
        desired: What the files declare.
        live: What the account has.
        options: What the caller chose.
        held: What the sinks of generated keys show of themselves, by tunnel name.
    """
    owned = scope(desired, live, options)
    doubts = _doubts(owned, held)
    keyless = [name for name, why in doubts.items() if why.code == NO_KEY]
    found = diff(owned.pairs, owned.surplus)
    held_back = tuple(c for c in found if options.no_delete and c.action is Action.DELETE)
    changes = tuple(c for c in found if not (options.no_delete and c.action is Action.DELETE))
    blocked = conflicts(changes, live)
    phases = order(changes, blocked)
    around = detours(phases.updates, desired, live)
    return Plan(
        desired=desired,
        live=live,
        options=options,
        changes=changes,
        phases=phases,
        guards=guards(Draft(desired, live, options, owned, changes, held_back, blocked)),
        digest=plan_digest(desired.account.account_id, options.base, changes, keyless),
        api_calls=_api_calls(phases, options.batch_size, live.lists),
        unmanaged=owned.unmanaged,
        ignored=_ignored(owned),
        held_back=held_back,
        notes=(*removal_notes(changes), *_cycle_notes(phases, around), *_route_notes(changes)),
        unchanged=len(owned.pairs) - sum(c.action is not Action.DELETE for c in changes),
        detours=around,
        unreadable=owned.unreadable,
        doubts=doubts,
    )


def _doubts(owned: Scope, held: Mapping[str, Held]) -> dict[str, Problem]:
    doubts = {}
    for pair in owned.pairs:
        name = pair.declared.name
        why = doubt(pair.declared, pair.live, held.get(name, Held())) if pair.live else None
        if why is not None:
            doubts[name] = why
    return doubts


def remaining(plan: Plan, live_now: Live) -> tuple[Change, ...]:
    """What of a plan is still to be done, judged by a later list under the same options.

    A renamed tunnel still belongs to the plan's target when only its old name matched.
    """
    owned = scope(plan.desired, live_now, replace(plan.options, target=None))
    ids = {c.key for c in plan.changes}

    def selected(pair: Pair) -> bool:
        now = pair.live
        if now is not None and now.id in ids:
            return True
        return matches(plan.options.target, pair.declared.name, now.name if now else None)

    surplus = [t for t in owned.surplus if matches(plan.options.target, t.name) and not plan.options.no_delete]
    return diff((p for p in owned.pairs if selected(p)), surplus)


def unreadable(plan: Plan, live_now: Live) -> tuple[LeftAlone, ...]:
    """The tunnels of a plan's files that a later list shows and that can't be compared."""
    if not any(t.unreadable for t in live_now.tunnels.values()):
        return ()
    return scope(plan.desired, live_now, plan.options).unreadable


def _api_calls(phases: Phases, batch_size: int, lists: int) -> dict[str, int]:
    deletes = len(phases.freeing) + len(phases.deletes)
    updates = len(pack(phases.updates, batch_size))
    changing = updates or phases.creates or deletes
    lists += 1 if changing else 0
    return {"list": lists, "update": updates, "create": len(phases.creates), "delete": deletes}


def _ignored(owned: Scope) -> tuple[LeftAlone, ...]:
    """Whole tunnels first, then those of which an ignored field differs."""
    partly = []
    for pair in owned.pairs:
        fields = left_fields(pair)
        if fields and pair.live:
            reason = "; ".join(sorted({rule.reason for rule in pair.rules}))
            tunnel = pair.live
            partly.append(LeftAlone(tunnel.name, reason, tunnel.id, fields, tunnel.created_on))
    return (*owned.ignored, *partly)


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def removal_notes(changes: Iterable[Change]) -> list[str]:
    """What these changes take away by leaving it out of the update, which a server that merges would keep.

    (API: no way to remove it is documented, so only the list afterwards tells.)
    """
    names: dict[str, list[str]] = {}
    for change in changes:
        if change.action is not Action.UPDATE:
            continue
        goal = wanted(change)
        for path in (f.path for f in change.fields):
            gone = not has_bgp(goal) if path == BGP else FIELDS[path].clear_by_omission and not goal.get(path)
            if gone:
                names.setdefault(path, []).append(change.name)
    return [
        f"Removing {path} may not be possible, as the API documents no way to: if it is still there afterwards, apply "
        f"says so (not-cleared) and ends as partial. Concerns {_listed(who)}."
        for path, who in sorted(names.items())
    ]


def _cycle_notes(phases: Phases, around: Mapping[str, Detour | None]) -> list[str]:
    notes = []
    for group in phases.updates:
        if group[0].key not in around:
            continue
        detour = around[group[0].key]
        note = f"{_listed(c.name for c in group)} exchange addresses or identities and go in one call. "
        if detour is None:
            note += "If Cloudflare refuses that, they fail: there is no free value to pass through."
        else:
            moved = _listed(leg.change.name for leg in detour.legs if leg.parked)
            note += f"If Cloudflare refuses that, {moved} goes through {_listed(detour.through)} for a moment."
        notes.append(note)
    return notes


def _route_notes(changes: Iterable[Change]) -> list[str]:
    moved = [
        c.name
        for c in changes
        if c.action is Action.DELETE
        or (c.action is Action.UPDATE and any(f.path.startswith("interface_address") for f in c.fields))
    ]
    return [f"Static routes through {_listed(moved)} are not checked."] if moved else []
