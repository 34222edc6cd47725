"""What a plan takes away from static routes: their next hop, where a tunnel or its interface network goes.

    - old-site  traffic
      takes away the next hop of 10.9.0.0/16

A delete that nobody named and that does so is blocked: routes are the surest sign that a tunnel is in use. A moved
address was written down, so there it is only said. Apply does the same whatever routes there are, so they are not in
the plan's digest: its guards are asked anew.
"""

from collections.abc import Mapping, Sequence

from reconciler.model.problems import Guard, count, named
from reconciler.model.routes import Route, Routes
from reconciler.model.settings import Settings
from reconciler.plan.claims import NETWORKS, claims
from reconciler.plan.diff import Action, Change
from reconciler.plan.plan import Plan, listed

OFFLINE = Routes(unchecked="the plan was made offline")
_FEW = 5
"""Tunnels, and prefixes of each, that a note or a guard names. The changes name them all."""


def with_routes(plan: Plan, routes: Routes) -> Plan:
    """A plan that takes networks away, with what static routes say to that."""
    affected = [change for change in plan.changes if change.frees_network]
    taken = {change.ref: prefixes for change in affected if (prefixes := _taken(change, routes))}
    guards = in_use([change for change in plan.unnamed if change.ref in taken], taken, plan)
    notes = (_unchecked(affected, plan.unnamed, routes.unchecked),) if routes.unchecked else ()
    return plan._replace(routes=taken, guards=(*plan.guards, *guards), notes=(*plan.notes, *notes))


def through(settings: Settings, routes: Routes) -> set[Route]:
    """The routes whose next hop lies in an interface network of a tunnel with these settings."""
    networks = [network for _, network in claims(settings, NETWORKS) if not isinstance(network, str)]
    return {route for network in networks for route in routes.through(network)}


def _taken(change: Change, routes: Routes) -> tuple[str, ...]:
    """The prefixes whose next hop lies in a network that the change takes from its tunnel."""
    lost = through(change.before, routes)
    if change.action is not Action.DELETE:
        lost -= through(change.target, routes)
    prefixes = {route.prefix for route in lost}
    return tuple(
        str(prefix) for prefix in sorted(prefixes, key=lambda p: (p.version, int(p.network_address), p.prefixlen))
    )


def in_use(changes: Sequence[Change], taken: Mapping[str, tuple[str, ...]], plan: Plan) -> tuple[Guard, ...]:
    """What stands against these unnamed deletes of tunnels whose next hops they take away."""
    if not changes:
        return ()
    said = [f"{c.name} ({named(taken[c.ref], _FEW)})" for c in changes[:_FEW]]
    more = f" and {count(len(changes) - _FEW, 'more tunnel')}" if len(changes) > _FEW else ""
    message = f"the plan deletes {', '.join(said)}{more}, which nobody named and which static routes use"
    remedy = (
        f"move these routes or delete them, or name the tunnels that are meant to go under `removed` in {plan.file}, "
        "or by --allow-delete NAME"
    )
    return (Guard("routes-in-use", message, tuple(sorted(change.name for change in changes)), remedy),)


def _unchecked(affected: Sequence[Change], unnamed: Sequence[Change], why: str) -> str:
    """That nobody looked for routes. Then no guard can speak up for them, and whoever approves a delete must know."""
    gone = [c.name for c in affected if c.action is Action.DELETE]
    moved = [c.name for c in affected if c.action is not Action.DELETE]
    through = [f"the {len(gone):,} tunnels to delete"] if len(gone) > _FEW else gone
    through += [f"the {len(moved):,} tunnels with a new interface address"] if len(moved) > _FEW else moved
    note = f"Static routes through {listed(through)} were not checked: {why}."
    if not unnamed:
        return note
    deleted = listed(c.name for c in unnamed) if len(unnamed) <= _FEW else f"{len(unnamed):,} tunnels"
    them = "it" if len(unnamed) == 1 else "them"
    return f"{note} Nobody named the delete of {deleted}, so look first whether routes use {them}."
