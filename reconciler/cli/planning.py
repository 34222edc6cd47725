"""Lists accounts and plans them, for all commands that need to know what is live.

What only a call to Cloudflare needs is imported where it is called: a plan against a saved list starts without it.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from reconciler.cli.context import Context
from reconciler.cli.files import watch_md5_keys
from reconciler.model.canonical import tunnel_name
from reconciler.model.desired import Account, Desired, Generated
from reconciler.model.live import Live
from reconciler.model.problems import Diagnostic, in_order
from reconciler.model.psk import SinkState
from reconciler.plan.build import build_plan, wave_warnings
from reconciler.plan.plan import Plan
from reconciler.plan.scope import PlanOptions
from reconciler.plan.stale import stale_names
from reconciler.report.make import unread
from reconciler.report.values import AccountReport

if TYPE_CHECKING:
    from reconciler.cli.clients import Clients
    from reconciler.engine.server_check import Checked
    from reconciler.model.routes import Routes

T = TypeVar("T")
R = TypeVar("R")

_NO_FAULT = frozenset({"baseline-invalid", "cycle-in-wave", "no-lock", "sandbox-key", "unjudged-waves"})
"""Warnings that no change of the files can mend, so that `--strict` lets them pass. The change that repairs the files
at the baseline must get its plan, and a sandbox is what its user asked for."""


Found = Plan | AccountReport
"""An account's plan, or the report of one that the run leaves as it is, since it could not be read."""


def plan_all(ctx: Context, clients: "Clients", every: Iterable[Desired], *, routes: bool = True) -> tuple[Found, ...]:
    """List and plan these accounts, side by side; each fails for itself.

    Args:
        ctx: Of the run.
        clients: The way to the API.
        every: What is declared, account by account.
        routes: Whether to look at static routes where a plan takes networks away; a report of drift takes none.
    """

    def one(desired: Desired) -> Found:
        found = plan_account(ctx, clients, desired)
        if not routes or isinstance(found, AccountReport) or not found.frees_networks:
            return found
        from reconciler.plan.routes import with_routes

        return with_routes(found, routes_of(clients, desired.account))

    return side_by_side(ctx, every, one)


def plan_account(ctx: Context, clients: "Clients", desired: Desired, seen: Collection[str] = ()) -> Found:
    """List one account and plan it, or say why that can't be done; `seen` as for `read_list`."""
    clients.listed_at[desired.account.name] = time.monotonic()
    found = live_tunnels(ctx, clients, desired.account, seen)
    return found if isinstance(found, AccountReport) else make_plan(ctx, desired, found)


def routes_of(clients: "Clients", account: Account) -> "Routes":
    """The account's static routes, or why they are not known."""
    from reconciler.api.call import drive
    from reconciler.engine.listing import read_routes

    return drive(read_routes(), clients.carry(account))


def make_plan(ctx: Context, desired: Desired, live: Live) -> Plan:
    """The plan of one account under the command line's options; with a baseline each change has its cause."""
    options = ctx.options
    sinks: dict[str, SinkState] = {}
    if any(isinstance(t.psk, Generated) for t in desired.tunnels.values()):
        from reconciler.cli.psk_supply import sink_states

        sinks = sink_states(ctx, desired)
    scope = PlanOptions(
        now=ctx.now(),
        glob=options.target and tunnel_name(options.target),
        no_delete=options.no_delete,
        allow_delete=frozenset(map(tunnel_name, options.allow_delete)),
        batch_size=options.batch_size,
        base=ctx.base,
        rollout=not options.no_rollout,
        rolled_back=ctx.rolled_back.get(desired.account.account_id, ()),
        retry=options.retry,
        outside_window=options.outside_window,
    )
    plan = build_plan(desired, live, scope, sinks)
    if ctx.baseline is None:
        return plan
    from reconciler.plan.baseline import attribute

    nothing = Desired(desired.account._replace(prune=False), {})
    then = ctx.baseline.get(desired.account.account_id, nothing)
    return plan._replace(changes=attribute(plan.changes, then))


def live_tunnels(
    ctx: Context, clients: "Clients", account: Account, seen: Collection[str] = ()
) -> Live | AccountReport:
    """The account's trusted live tunnels, or the report that says why they can't be had; `seen` as for `read_list`."""
    from reconciler.api.call import drive
    from reconciler.engine.listing import read_list

    found = drive(read_list(seen), clients.carry(account))
    if not isinstance(found, Live):
        return unread(account, found)
    watch_md5_keys(ctx, found.tunnels.values())
    return found


def server_check(ctx: Context, clients: "Clients", plans: Iterable[Plan]) -> dict[str, "Checked"]:
    """What the server says of each plan, by the account's name."""
    from reconciler.api.call import drive
    from reconciler.engine.server_check import check

    def one(plan: Plan) -> tuple[str, "Checked"]:
        account = plan.desired.account
        return account.name, drive(check(plan), clients.carry(account))

    return dict(side_by_side(ctx, plans, one))


def plans_of(found: Iterable[Found]) -> list[Plan]:
    """The plans that there are."""
    return [one for one in found if isinstance(one, Plan)]


def plan_warnings(found: Sequence[Found]) -> tuple[Diagnostic, ...]:
    """Warnings about names in files and options that do nothing, and about rollouts."""
    plans = plans_of(found)
    waves = in_order(problem for plan in plans for problem in wave_warnings(plan))
    return (*stale_names(plans, whole=len(plans) == len(found)), *waves)


def too_strict(ctx: Context) -> bool:
    """Whether `--strict` takes a warning that was found after the list for an error."""
    warnings = [d for d in ctx.diagnostics if d.severity == "warning" and d.code not in _NO_FAULT]
    return bool(ctx.options.strict and warnings)


def side_by_side(ctx: Context, items: Iterable[T], work: Callable[[T], R]) -> tuple[R, ...]:
    """The results of `work` for each item, in order; one item needs no thread."""
    todo = tuple(items)
    if len(todo) <= 1 or ctx.options.parallelism <= 1:
        return tuple(work(item) for item in todo)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(todo), ctx.options.parallelism), "account") as pool:
        return tuple(pool.map(work, todo))
