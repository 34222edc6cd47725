"""`reconciler show`: live tunnels one by one, the devices at their other ends, or a saved plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from shlex import quote
from typing import Any

from reconciler.api.baseurl import CLOUDFLARE
from reconciler.api.call import Answered, Call, Conversation, Send, Verb, drive
from reconciler.cli.clients import Clients
from reconciler.cli.context import SANDBOX, Context, Halt
from reconciler.cli.files import load_files, with_md5_keys
from reconciler.cli.options import UsageError, near
from reconciler.cli.planning import make_plan, plan_all, plans_of, routes_of
from reconciler.cli.psk_supply import statuses
from reconciler.cli.reports import saved_plan
from reconciler.model.canonical import tunnel_name
from reconciler.model.live import ListUntrusted, LiveTunnel, live_tunnel
from reconciler.model.problems import Diagnostic, error, warning
from reconciler.plan.plan import Plan
from reconciler.report.make import unread
from reconciler.report.tunnels import device_report, tunnel_report
from reconciler.report.values import AccountReport, Report

_NULL_CIPHER = "The API can only read it: ask Cloudflare, or make the tunnel anew."


def run(ctx: Context) -> Report:
    """A saved plan, or what is known of the tunnels that are named.

    Raises:
        UsageError: Another format than text or JSON was asked for.
        Halt: A name is not live.
    """
    if ctx.options.plan:
        return _saved_plan(ctx)
    if any(form not in ("text", "json") for form, _ in ctx.options.output):
        raise UsageError("show draws tunnels as text or JSON: leave -o out, or give -o json")
    every = with_md5_keys(ctx, load_files(ctx))
    words = list(dict.fromkeys(map(tunnel_name, ctx.options.names)))
    accounts: list[AccountReport] = []
    with Clients(ctx, [desired.account for desired in every]) as clients:
        found = plan_all(ctx, clients, every, routes=False)
        plans = plans_of(found)
        failed = [one for one in found if isinstance(one, AccountReport)]
        if not failed:  # else nobody knows where a name might be
            ctx.diagnostics += _not_live(plans, words)
        for plan in plans:
            wanted = [t for t in plan.live.tunnels.values() if any(_matches(plan, t.name, word) for word in words)]
            if wanted:
                accounts.append(_account(ctx, clients, plan, wanted))
    missing = any(problem.code == "not-live" for problem in ctx.diagnostics)
    if missing and not accounts:
        raise Halt("error")
    report = ctx.report([*failed, *accounts])
    return replace(report, outcome="error") if missing and report.outcome == "ok" else report


def _matches(plan: Plan, name: str, word: str) -> bool:
    """Whether a word means a tunnel: by its whole name any that is live, by a pattern those that are owned."""
    return name == word or (fnmatchcase(name, word) and plan.desired.account.is_owned(name))


def _not_live(plans: Iterable[Plan], words: Iterable[str]) -> tuple[Diagnostic, ...]:
    """An error for each word that no live tunnel answers to."""
    plans = list(plans)
    live = [(plan, tunnel.name) for plan in plans for tunnel in plan.live.tunnels.values()]
    owned = tuple(name for plan, name in live if plan.desired.account.is_owned(name))
    problems = []
    for word in words:
        if any(_matches(plan, name, word) for plan, name in live):
            continue
        declared = next((d for plan in plans if (d := plan.desired.tunnels.get(word))), None)
        if declared is not None:
            remedy = "It is declared and not made yet: run `apply`, or look at `plan`."
            problems.append(error("not-live", f"no live tunnel is named {word}", remedy, declared.location))
        else:
            hint = near(word, owned).removeprefix(". ")
            remedy = " ".join(
                filter(None, (hint, "Names and patterns like 'lon-*' are looked for among live tunnels."))
            )
            problems.append(error("not-live", f"no live tunnel is named {word}", remedy))
    return tuple(problems)


def _details(ids: Sequence[str]) -> Conversation[tuple[Any, ...]]:
    """The outcome of reading each of these tunnels by its id."""
    return (yield Send(tuple(Call(Verb.GET, tunnel_id=i) for i in ids)))


def _account(ctx: Context, clients: Clients, plan: Plan, wanted: Sequence[LiveTunnel]) -> AccountReport:
    """What is known of these tunnels of one account."""
    account = plan.desired.account
    outcomes = drive(_details([t.id for t in wanted]), clients.carry(account))
    read: dict[str, LiveTunnel] = {}
    for tunnel, outcome in zip(wanted, outcomes, strict=True):
        if not isinstance(outcome, Answered):
            return unread(account, outcome)
        try:
            read[tunnel.id] = live_tunnel(outcome.tunnels[tunnel.id])
        except ListUntrusted as odd:
            ctx.diagnostics += (error("unreadable-tunnel", f"{tunnel.name}: {odd}", odd.remedy or ""),)
    report = AccountReport(account=account.name, account_id=account.account_id, outcome="ok")
    if ctx.options.device:
        return replace(report, devices=tuple(device_report(t) for t in read.values()))
    routes = routes_of(clients, account)
    # As the tunnels are now: they may have changed since the list.
    now = make_plan(ctx, plan.desired, plan.live._replace(tunnels={**plan.live.tunnels, **read}))
    changes = {c.ref: c for c in now.changes if c.live and c.declared}
    declared = {c.ref: c.declared for c in changes.values()}
    by_name = plan.desired.tunnels
    names = {t.name for t in read.values()}
    ctx.diagnostics += tuple(_null_ciphers(account.name, read))
    return replace(
        report,
        tunnels=tuple(
            tunnel_report(
                tunnel,
                declared.get(tunnel.id) or by_name.get(tunnel.name),
                tuple(f.path for f in changes[tunnel.id].fields) if tunnel.id in changes else (),
                routes,
            )
            for tunnel in read.values()
        ),
        keys=tuple(status for status in statuses(ctx, plan.desired, now.live) if status.name in names),
        notes=(f"Static routes were not read: {routes.unchecked}.",) if routes.unchecked else (),
    )


def _null_ciphers(account: str, tunnels: Mapping[str, LiveTunnel]) -> Iterable[Diagnostic]:
    for tunnel in tunnels.values():
        if tunnel.raw.get("allow_null_cipher") is True:
            summary = f"{tunnel.name} in {account} may go without encryption (allow_null_cipher)"
            yield warning("null-cipher", summary, _NULL_CIPHER)


def _saved_plan(ctx: Context) -> Report:
    """A saved plan. It is not trusted, only shown.

    Raises:
        Halt: The file is not a saved plan.
    """
    from reconciler.report.make import saved

    plan = saved_plan(ctx, "Give a file that plan --out wrote.", "error")
    bases = {account.base for account in plan.accounts}
    notes = [f"For the API at {base}." for base in sorted(bases - {SANDBOX, CLOUDFLARE})]
    notes += [f"Made with --target {quote(plan.target)}; give it to apply too."] if plan.target else []
    accounts = [replace(one, notes=(*notes, *one.notes)) for one in map(saved, plan.accounts)]
    return replace(ctx.report(accounts), sandbox=SANDBOX in bases)
