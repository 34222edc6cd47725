"""`doctor --measure`: asks, measures on two scratch tunnels, and removes them whatever happened meanwhile."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network
from threading import Event

from reconciler.api.call import Carry, drive
from reconciler.cli.approval import require_approval, show_plan
from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, halt
from reconciler.cli.files import load_files, watch_md5_keys
from reconciler.cli.lock import lock_accounts
from reconciler.cli.options import UsageError
from reconciler.engine.bench import Bench, Hindrance, clear, survey
from reconciler.engine.measure import CALLS, TABLE, measure, semantics
from reconciler.model.desired import Account, Desired
from reconciler.model.live import Live
from reconciler.model.problems import Problem, count, named
from reconciler.model.scratch import PREFIX
from reconciler.plan.claims import NETWORKS, claims
from reconciler.render.words import calls
from reconciler.report.make import unread
from reconciler.report.values import AccountReport, BehaviourReport, Report

_NAMED = 5


def run(ctx: Context) -> Report:
    """Measure on the account that is named.

    Raises:
        UsageError: No endpoint is known.
        Halt: Nobody approves, or the account is paused.
    """
    (desired,) = load_files(ctx)
    account, bench = desired.account, _bench(ctx, desired)
    if account.paused is not None:
        raise halt("blocked", "paused", f"account {account.name} is paused", f"Reason: {account.paused}")
    with Clients(ctx, [account]) as clients, lock_accounts(ctx, [account]):
        carry = clients.carry(account)
        found = drive(survey(bench), carry)
        if not isinstance(found, Live):
            return ctx.report([_hindered(account, found)])
        watch_md5_keys(ctx, found.tunnels.values())
        shown = ctx.report([replace(_well(account), notes=tuple(_before(bench, found)))])
        if ctx.options.auto_approve:
            show_plan(ctx, clients, shown)
        else:
            require_approval(ctx, clients, shown, f"measure in account {account.name}")
        left: Problem | None = None
        try:
            hindrance = drive(measure(bench), carry)
        finally:
            left = clear_whatever_comes(bench, carry, ctx.stop)
        report = _hindered(account, hindrance) if hindrance else _well(account)
        if left is not None:
            report = replace(report, outcome="error", error=left)
        report = replace(report, behaviours=_behaviours(bench), semantics=semantics(bench.seen) or None)
        return clients.counted(ctx.report([report]), calls=True)


def clear_whatever_comes(bench: Bench, carry: Carry, stop: Event) -> Problem | None:
    """Remove the scratch tunnels; what may still be there, or None.

    Who stops the run is obeyed once nothing is left behind, whether that was wished before or comes meanwhile: a second
    signal ends the process at once.
    """
    stopped = False
    left: Problem | None = None
    while bench.may_hold or left:
        stopped |= stop.is_set()
        stop.clear()
        found = drive(clear(bench), carry)
        left = found if isinstance(found, Problem) else None
        if not stop.is_set():
            break
    if stopped:
        stop.set()
    return left


def _bench(ctx: Context, desired: Desired) -> Bench:
    tunnels = desired.tunnels.values()
    endpoints = sorted({str(t.settings["cloudflare_endpoint"]) for t in tunnels if "cloudflare_endpoint" in t.settings})
    endpoint = ctx.options.endpoint or next(iter(endpoints), None)
    if endpoint is None:
        raise UsageError("give --endpoint IP, an address of Cloudflare's for this account: the files declare none")
    declared = [at for tunnel in tunnels for _, at in claims(tunnel.settings, NETWORKS) if isinstance(at, IPv4Network)]
    network = IPv4Network(ctx.options.network or "")
    return Bench(network, endpoint, secrets.token_hex(3), beside_live=ctx.options.beside_live, declared=declared)


def _before(bench: Bench, live: Live) -> Iterable[str]:
    """What a person has to know to approve."""
    leftovers = sorted(bench.leftovers(live).values())
    if leftovers:
        yield f"Removes first what an earlier measurement left: {named(leftovers, _NAMED)}."
    yield (
        f"Makes two tunnels in {bench.network} ({PREFIX}{bench.label}-…, endpoint {bench.endpoint}), changes them, and "
        "removes them again. No key is sent."
    )
    yield f"Calls, at most, if all are answered: {calls(CALLS)}."
    if others := len(live.tunnels) - len(leftovers):
        beside = count(others, "other live tunnel")
        yield f"Beside {beside}: no call names any, but bulk updates go to the collection that they are in."


def _well(account: Account) -> AccountReport:
    return AccountReport(account=account.name, account_id=account.account_id, outcome="ok")


def _hindered(account: Account, why: Hindrance) -> AccountReport:
    if isinstance(why, Problem):
        return replace(_well(account), outcome="error", error=why)
    return replace(unread(account, why), not_checked=())


def _behaviours(bench: Bench) -> tuple[BehaviourReport, ...]:
    if not bench.second.id:
        return ()
    return tuple(
        BehaviourReport(
            switch=row.switch,
            decides=row.decides,
            seen=(seen := bench.seen.get(row.switch)),
            assumed=row.assumed,
            differs=seen is not None and seen != row.assumed,
            copes=row.copes,
            not_measured=row.why_not or None,
        )
        for row in TABLE
    )
