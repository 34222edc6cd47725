"""Lists and plans the selected accounts, side by side."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from reconciler.api.call import Ambiguous, Answered, Denied, NotSent, Refused
from reconciler.cli.context import Context
from reconciler.model.desired import Account, Desired, Generated
from reconciler.model.forms import tunnel_name
from reconciler.model.live import Live
from reconciler.model.psk import Held
from reconciler.model.report import AccountReport
from reconciler.plan.build import Plan, build_plan
from reconciler.plan.scope import PlanOptions
from reconciler.report.accounts import unread

if TYPE_CHECKING:  # slow to import, and an offline plan needs no way to Cloudflare
    from reconciler.cli.remote import Remote

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Planned:
    """One account's plan and the time of its list (seconds of the monotonic clock; 0 for a saved list)."""

    plan: Plan
    listed_at: float = 0.0


@dataclass(frozen=True)
class Unplanned:
    """An account without a plan, and the report that says why."""

    account: Account
    report: AccountReport


Found = Planned | Unplanned


def plans_of(found: Iterable[Found]) -> list[Plan]:
    """The plans that there are."""
    return [one.plan for one in found if isinstance(one, Planned)]


def options_of(ctx: Context, base: str) -> PlanOptions:
    """What the command line says about plans."""
    options = ctx.options
    target = getattr(options, "target", None)
    return PlanOptions(
        today=ctx.now().date(),
        target=target and tunnel_name(target),
        no_delete=getattr(options, "no_delete", False),
        allow_delete=frozenset(map(tunnel_name, getattr(options, "allow_delete", ()))),
        batch_size=getattr(options, "batch_size", 100),
        base=base,
    )


def observe(
    remote: "Remote", account: Account, seen: Collection[str] = ()
) -> Live | Denied | NotSent | Refused | Ambiguous:
    """The account's trusted live tunnels, or why they can't be had; `seen` as for `read_list`."""
    from reconciler.engine.drive import drive
    from reconciler.engine.listing import read_list

    outcome = drive(read_list(seen), remote.carry(account))
    if not isinstance(outcome, Answered):
        return outcome
    assert outcome.live is not None  # noqa: S101 - a list that was answered holds live tunnels
    return outcome.live


def plan_account(ctx: Context, remote: "Remote", desired: Desired, seen: Collection[str] = ()) -> Found:
    """List one account and plan it; `seen` as for `read_list`."""
    listed_at = time.monotonic()
    found = observe(remote, desired.account, seen)
    if not isinstance(found, Live):
        return Unplanned(desired.account, unread(desired.account, found))
    every = [*(t.settings for t in desired.tunnels.values()), *(t.settings for t in found.tunnels.values())]
    ctx.redactor.watch(*{str(settings.get("bgp.md5_key", "")) for settings in every})
    return Planned(build_plan(desired, found, options_of(ctx, remote.base), held_of(ctx, desired)), listed_at)


def held_of(ctx: Context, desired: Desired) -> dict[str, Held]:
    """What the sinks of generated keys show of themselves: no key is read and no command runs."""
    if not any(isinstance(t.key, Generated) for t in desired.tunnels.values()):
        return {}
    from reconciler.cli.keys import sinks_of

    sinks, _ = sinks_of(ctx, desired.account, desired.tunnels.values())
    return {name: sink.held(name) for name, sink in sinks.items()}


def plan_all(ctx: Context, remote: "Remote", every: Iterable[Desired]) -> tuple[Found, ...]:
    """List and plan these accounts; each fails for itself."""
    return side_by_side(ctx, every, lambda desired: plan_account(ctx, remote, desired))


def side_by_side(ctx: Context, items: Iterable[T], work: Callable[[T], R]) -> tuple[R, ...]:
    """The results of `work` for each item, in order; one item needs no thread."""
    todo = tuple(items)
    if len(todo) <= 1 or ctx.options.parallelism <= 1:
        return tuple(work(item) for item in todo)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(todo), ctx.options.parallelism), "account") as pool:
        return tuple(pool.map(work, todo))
