"""`reconciler plan`: validate, list, compare, judge by the guards; writes nothing remote.

Planning itself (`plan_all` and what it needs) serves apply and drift too.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reconciler.api.call import Ambiguous, Answered, Denied, NotSent, Refused
from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.files import load_files
from reconciler.cli.named import read_file, write_file
from reconciler.model.desired import Account, Declared, Desired, Generated
from reconciler.model.forms import tunnel_name
from reconciler.model.kind import IPSEC_TUNNEL
from reconciler.model.live import ListUntrusted, Live, LiveTunnel, live_from_result
from reconciler.model.problems import Diagnostic, error, has_errors, warning
from reconciler.model.psk import Held
from reconciler.plan.build import Plan, build_plan
from reconciler.plan.scope import PlanOptions
from reconciler.plan.stale import stale_names
from reconciler.report.make import checked, planned, unread
from reconciler.report.outcome import Outcome, worst
from reconciler.report.values import AccountReport, ChangeReport, Report

if TYPE_CHECKING:  # slow to import, and an offline plan needs no way to Cloudflare
    from reconciler.cli.clients import Clients

T = TypeVar("T")
R = TypeVar("R")

_NO_FAULT = frozenset({"baseline-invalid", "sandbox-key", "no-lock"})
"""Warnings that no change of the files can mend, so that `--strict` lets them pass. The change that repairs the files
at the baseline must get its plan, and a sandbox is what its user asked for."""

_LIVE_VERSION = "1.0"


@dataclass(frozen=True)
class Planned:
    """One account's plan and the time of its list (seconds of the monotonic clock; 0 for a saved list)."""

    plan: Plan
    listed_at: float = 0.0


@dataclass(frozen=True)
class Stopped:
    """An account that the run leaves as it is, since it could not be read or planned, and the report that says why."""

    account: Account
    report: AccountReport


def run(ctx: Context) -> Report:
    """The plan of every selected account; saved with `--out`, checked with `--server-check`."""
    options = ctx.options
    saved = read_file(ctx, "--live", options.live) if options.live else None
    every = load_files(ctx)
    baseline = baseline_of(ctx)
    checks: list[AccountReport] = []
    if saved is not None:
        lives = _saved_lists(options.live or "", saved, every)
        found: tuple[Planned | Stopped, ...] = tuple(Planned(_plan(ctx, d, lives[d.account.account_id])) for d in every)
    else:
        from reconciler.cli.clients import Clients

        with Clients(ctx, [d.account for d in every]) as clients:
            found = plan_all(ctx, clients, every)
            if options.save_live:
                _save_lists(ctx, options.save_live, plans_of(found))
            if options.server_check:
                checks = server_check(ctx, clients, plans_of(found))
    if options.out:
        _save_plan(ctx, options.out, found)
    ctx.diagnostics += stale(found)
    report = ctx.report(_reports(ctx, found, baseline, checks))
    outcome = worst((report.outcome, "invalid")) if too_strict(ctx) else report.outcome
    return report.model_copy(update={"outcome": outcome})


def _reports(
    ctx: Context,
    found: Sequence[Planned | Stopped],
    baseline: Mapping[str, Desired] | None,
    checks: Iterable[AccountReport],
) -> list[AccountReport]:
    by_name = {c.account: c for c in checks}
    reports = []
    for one in found:
        if isinstance(one, Stopped):
            reports.append(one.report)
            continue
        plan = attributed(one.plan, baseline)
        changes = ctx.options.detailed_exitcode and (plan.changes or plan.doubts)
        outcome: Outcome = "blocked" if plan.guards else "changes" if changes else "ok"
        report = planned(plan, outcome)
        reports.append(_with_check(report, by_name[report.account]) if report.account in by_name else report)
    return reports


def _with_check(report: AccountReport, found: AccountReport) -> AccountReport:
    """A plan's report with the results of its server check; a guard weighs more than a refusal."""
    said = {(c.action, c.name): c for c in found.changes}

    def checked(change: ChangeReport) -> ChangeReport:
        found = said[change.action, change.name]
        return change.model_copy(update={"check": found.check, "error": found.error})

    outcome = found.outcome if found.outcome in ("error", "auth", "interrupted") else report.outcome
    if found.outcome == "rejected" and report.outcome in ("ok", "changes"):
        outcome = "rejected"
    update = {"outcome": outcome, "not_checked": found.not_checked, "error": found.error}
    return report.model_copy(update={**update, "changes": tuple(map(checked, report.changes))})


def _save_plan(ctx: Context, path: str, found: Sequence[Planned | Stopped]) -> None:
    """Write the saved plan; a part of a plan is never saved."""
    from reconciler.plan.saved import saved_plan

    missing = ", ".join(one.account.name for one in found if isinstance(one, Stopped))
    if missing:
        detail = f"There is no plan of account {missing}, and a part is never saved. Run it again."
        ctx.diagnostics += (error("not-saved", f"the plan was not saved to {path}", detail),)
        return
    document = ctx.output.redactor.clean_value(saved_plan(plans_of(found))).model_dump(mode="json")
    _save(ctx, path, document)


def _save_lists(ctx: Context, path: str, plans: Iterable[Plan]) -> None:
    """Save the live lists by account id, for `--live`. They may hold BGP MD5 keys, so others can't read the file."""
    accounts = {
        p.desired.account.account_id: {IPSEC_TUNNEL.collection: [dict(t.raw) for t in p.live.tunnels.values()]}
        for p in plans
    }
    document = {"format_version": _LIVE_VERSION, "kind": "saved-live", "accounts": accounts}
    regular = _save(ctx, path, document, private=True)
    if regular is not None:
        mode = " with mode 0600" if regular else ""
        ctx.output.stderr.write(f"Wrote {path}{mode}: BGP MD5 keys, where tunnels have them, stand in it.\n")


def _save(ctx: Context, path: str, document: object, *, private: bool = False) -> bool | None:
    """Whether a regular file holds it now; None, and an error in the report, when it can't be written."""
    try:
        return write_file(Path(path), json.dumps(document, indent=2, sort_keys=True) + "\n", ctx.stop, private=private)
    except Halt as stopped:  # the plan is shown all the same
        ctx.late += stopped.diagnostics
        return None


def _saved_lists(path: str, data: bytes, every: Iterable[Desired]) -> dict[str, Live]:
    """The saved lists of these accounts by account id, trusted by the same rules as an answer of the API.

    Raises:
        Halt: The file holds no lists, or lacks a whole one for one of the accounts.
    """

    def refused(why: str) -> Halt:
        detail = f"{why}. Write it again: plan --save-live."
        return halt("error", "saved-live", f"the saved list {path} can't be used", detail)

    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as wrong:
        raise refused(str(wrong)) from None
    wanted = [d.account for d in every]
    accounts = document.get("accounts") if isinstance(document, dict) else None
    if (
        isinstance(document, dict)
        and document.get("success") is True
        and not document.get("errors")
        and len(wanted) == 1
    ):
        accounts = {wanted[0].account_id: document.get("result")}  # the API's own answer
    elif not isinstance(accounts, dict) or document.get("kind") != "saved-live":
        raise refused("it is not a file that --save-live wrote")
    elif document.get("format_version") != _LIVE_VERSION:
        raise refused("it is of another version")
    lists = {}
    for account in wanted:
        try:
            lists[account.account_id] = live_from_result(accounts.get(account.account_id))
        except ListUntrusted as wrong:
            raise refused(f"it holds no whole list of account {account.name}: {wrong}") from None
    return lists


def baseline_of(ctx: Context) -> dict[str, Desired] | None:
    """Desired state at `--baseline REF` by account id; a root that was not there yet declared nothing.

    None when it was not asked for. None with a warning when the files there are wrong: a change that repairs them must
    still get its plan.

    Raises:
        Halt: The ref or the repository can't be read.
    """
    ref = ctx.options.baseline
    if ref is None:
        return None
    from reconciler.files.gitref import read_tree_at
    from reconciler.files.load import load
    from reconciler.secrets.resolve import child_environment

    try:
        tree = read_tree_at(ref, Path(ctx.options.dir), child_environment(ctx.env, ctx.every))
    except ValueError as wrong:
        raise halt("error", "baseline", f"the baseline {ref} can't be read", f"{wrong}.") from None
    loaded = load(tree, ctx.now().date())
    if tree.accounts and has_errors(loaded.diagnostics):
        first = next(d for d in loaded.diagnostics if d.severity == "error")
        detail = f"No cause is given for any change. The first problem there: {first}"
        ctx.diagnostics += (warning("baseline-invalid", f"the files at {ref} are wrong", detail),)
        return None
    return {d.account.account_id: d for d in loaded.desired}


def attributed(plan: Plan, baseline: Mapping[str, Desired] | None) -> Plan:
    """The plan with the cause of each change, when there is a baseline."""
    if baseline is None:
        return plan
    from reconciler.plan.baseline import attribute

    account = plan.desired.account
    nothing = Desired(replace(account, prune=False), {})
    return replace(plan, changes=attribute(plan.changes, baseline.get(account.account_id, nothing)))


def plan_all(ctx: Context, clients: "Clients", every: Iterable[Desired]) -> tuple[Planned | Stopped, ...]:
    """List and plan these accounts, side by side; each fails for itself."""
    return side_by_side(ctx, every, lambda desired: plan_account(ctx, clients, desired))


def plan_account(ctx: Context, clients: "Clients", desired: Desired, seen: Collection[str] = ()) -> Planned | Stopped:
    """List one account and plan it; `seen` as for `read_list`."""
    listed_at = time.monotonic()
    _watch_md5_keys(ctx, desired.tunnels.values())  # before anything is sent: an error may quote one
    found = live_tunnels(clients, desired.account, seen)
    if not isinstance(found, Live):
        return Stopped(desired.account, unread(desired.account, found))
    _watch_md5_keys(ctx, found.tunnels.values())
    return Planned(_plan(ctx, desired, found), listed_at)


def _watch_md5_keys(ctx: Context, tunnels: Iterable[Declared | LiveTunnel]) -> None:
    ctx.output.redactor.watch(*{str(tunnel.settings.get("bgp.md5_key", "")) for tunnel in tunnels})


def _plan(ctx: Context, desired: Desired, live: Live) -> Plan:
    options = ctx.options
    scope = PlanOptions(
        today=ctx.now().date(),
        target=options.target and tunnel_name(options.target),
        no_delete=options.no_delete,
        allow_delete=frozenset(map(tunnel_name, options.allow_delete)),
        batch_size=options.batch_size,
        base=ctx.base,
    )
    return build_plan(desired, live, scope, keys_in_sinks(ctx, desired))


def live_tunnels(
    clients: "Clients", account: Account, seen: Collection[str] = ()
) -> Live | Denied | NotSent | Refused | Ambiguous:
    """The account's trusted live tunnels, or why they can't be had; `seen` as for `read_list`."""
    from reconciler.engine.apply import drive
    from reconciler.engine.listing import read_list

    outcome = drive(read_list(seen), clients.carry(account))
    if not isinstance(outcome, Answered):
        return outcome
    assert outcome.live is not None  # noqa: S101 - a list that was answered holds live tunnels
    return outcome.live


def keys_in_sinks(ctx: Context, desired: Desired) -> dict[str, Held]:
    """What the sinks of generated keys show of themselves: no key is read and no command runs."""
    if not any(isinstance(t.psk, Generated) for t in desired.tunnels.values()):
        return {}
    from reconciler.cli.keys import sinks_of

    sinks, _ = sinks_of(ctx, desired.account, desired.tunnels.values())
    return {name: sink.held(name) for name, sink in sinks.items()}


def server_check(ctx: Context, clients: "Clients", plans: Iterable[Plan]) -> list[AccountReport]:
    """What the server says of each plan."""
    from reconciler.engine.apply import drive
    from reconciler.engine.check import check

    def one(plan: Plan) -> AccountReport:
        return checked(plan, drive(check(plan), clients.carry(plan.desired.account)))

    return list(side_by_side(ctx, plans, one))


def plans_of(found: Iterable[Planned | Stopped]) -> list[Plan]:
    """The plans that there are."""
    return [one.plan for one in found if isinstance(one, Planned)]


def stale(found: Sequence[Planned | Stopped]) -> tuple[Diagnostic, ...]:
    """Warnings about names in files and options that do nothing."""
    plans = plans_of(found)
    return stale_names(plans, whole=len(plans) == len(found))


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
