"""`reconciler apply`: plan, approve, carry out, list again and prove convergence."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from reconciler.cli.approval import require_approval
from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.files import load_files
from reconciler.cli.keys import Keys
from reconciler.cli.lock import lock_accounts
from reconciler.cli.plan import server_check, stale, too_strict
from reconciler.cli.planning import Found, Planned, Unplanned, plan_account, plan_all, plans_of, side_by_side
from reconciler.cli.progress import Progress
from reconciler.cli.read import read_input
from reconciler.cli.remote import Remote
from reconciler.cli.streams import traceback_text
from reconciler.engine.apply import apply
from reconciler.engine.drive import drive
from reconciler.model.problems import error
from reconciler.model.report import AccountReport, Outcome, Problem, Report, worst
from reconciler.model.verdict import Result
from reconciler.plan.build import Plan
from reconciler.plan.saved import check_saved
from reconciler.report.accounts import applied, planned, report_of, with_keys

LIST_LASTS = 30.0
"""Seconds for which a list may be written upon; after that it is read again."""


@dataclass(frozen=True)
class Done:
    """One account's end: its report, and whether anything was written."""

    report: AccountReport
    written: bool = False


def run(ctx: Context) -> Report:
    """Converge every selected account that no guard blocks; accounts fail independently."""
    saved_text = read_input(ctx, "--plan", ctx.options.plan) if ctx.options.plan else None
    every = load_files(ctx)
    saved = None if saved_text is None else _parsed(saved_text)
    accounts = [d.account for d in every]
    with Remote(ctx, accounts) as remote, lock_accounts(ctx, accounts):
        found = plan_all(ctx, remote, every)
        ctx.diagnostics = (*ctx.diagnostics, *stale(found))
        _require_strict(ctx, found)
        if ctx.options.plan:
            _require_saved(saved, found)
        found = _checked(ctx, remote, found) if ctx.options.server_check else found
        ready = _ready(found)
        _approve(ctx, remote, found)
        keys = Keys(ctx, remote, ready)
        _require_strict(ctx, found)
        with Progress(ctx, ready) as progress:
            done = side_by_side(ctx, found, lambda p: _safely(ctx, p, lambda: _account(ctx, remote, keys, p, progress)))
    return _report(ctx, done)


def _require_strict(ctx: Context, found: Sequence[Found]) -> None:
    """Write nothing when `--strict` takes a warning for an error.

    Raises:
        Halt: `invalid`.
    """
    if too_strict(ctx):
        raise Halt("invalid", ctx.diagnostics, [_waiting(one, "blocked") for one in found])


def _obstacle(plan: Plan) -> bool:
    """Whether a guard or a pause keeps the plan from being carried out."""
    return bool(plan.guards) or plan.desired.account.paused is not None


def _ready(found: Sequence[Found]) -> list[Plan]:
    return [plan for plan in plans_of(found) if not _obstacle(plan)]


def _safely(ctx: Context, one: Found, work: Callable[[], Done]) -> Done:
    """A bug in one account must not take the others' results away."""
    try:
        return work()
    except Exception as bug:  # noqa: BLE001 - whatever it is, it has its exit code
        ctx.stderr.write(traceback_text(bug))
        ctx.stderr.write("internal error. This is a bug: please report the lines above.\n")
        problem = Problem("internal", "internal error; what was done here is not known", "Run plan to see.")
        return Done(replace(_waiting(one, "internal"), error=problem), written=True)


def _account(ctx: Context, remote: Remote, keys: Keys, one: Found, progress: Progress) -> Done:
    if isinstance(one, Unplanned) or _obstacle(one.plan):
        return Done(_waiting(one, "blocked"))
    if time.monotonic() - one.listed_at > LIST_LASTS and not one.plan.empty:
        again = plan_account(ctx, remote, one.plan.desired, one.plan.live.tunnels)
        if isinstance(again, Unplanned):
            return Done(again.report)
        if again.plan.digest != one.plan.digest:
            return Done(_moved(again.plan))
        one = again
    plan = one.plan
    account = plan.desired.account
    remote.client(account).watch = progress.watch
    carry = remote.carry(account)
    ended = drive(apply(plan, keys.of(plan)), carry)
    verdicts = keys.deliver(plan, ended, carry)
    report = with_keys(applied(plan, ended), plan, verdicts)
    return Done(report, ended.written or any(v.result in (Result.APPLIED, Result.UNKNOWN) for v in verdicts.values()))


def _moved(now: Plan) -> AccountReport:
    problem = Problem(
        "plan-changed",
        "the account changed while the plan waited for approval; nothing was written",
        "Look at the new plan and approve that one.",
    )
    return replace(planned(now, "plan_changed"), error=problem)


def _waiting(one: Found, outcome: Outcome) -> AccountReport:
    """The report of an account in which nothing was written."""
    if isinstance(one, Unplanned):
        return one.report
    if outcome != "blocked" or _obstacle(one.plan) or not one.plan.empty:
        return planned(one.plan, outcome)
    return planned(one.plan, "ok")


def _parsed(saved: bytes) -> object:
    """The saved plan's JSON, read before any call.

    Raises:
        Halt: `plan_changed` when it is no JSON.
    """
    try:
        document: object = json.loads(saved)
    except (ValueError, RecursionError):
        raise halt("plan_changed", "saved-plan", "the saved plan is no JSON", _SAVE) from None
    return document


def _require_saved(saved: object, found: Sequence[Found]) -> None:
    """Refuse to go on unless the saved plan is what would be done now.

    Raises:
        Halt: `plan_changed`, naming what differs; or an account could not be read.
    """
    failed = [one.report for one in found if isinstance(one, Unplanned)]
    if failed:
        raise Halt(report_of("apply", failed).outcome, accounts=[_waiting(p, "error") for p in found])
    plans = plans_of(found)
    differing = check_saved(saved, plans)
    if differing:
        accounts = [planned(plan, "blocked" if _obstacle(plan) else "plan_changed") for plan in plans]
        problems = [error("plan-changed", what, _SAVE) for what in differing]
        raise Halt(worst((*(a.outcome for a in accounts), "plan_changed")), problems, accounts)


_SAVE = "Nothing was written. Look at a new plan and save it: reconciler plan --out FILE"


def _checked(ctx: Context, remote: Remote, found: Sequence[Found]) -> tuple[Found, ...]:
    """Without the plans of accounts in which the server refuses a change, or that moved meanwhile."""
    checks = server_check(ctx, remote, _ready(found))
    wrong = {c.account: c for c in checks if c.outcome != "ok"}

    def one(before: Found) -> Found:
        account = before.plan.desired.account if isinstance(before, Planned) else before.account
        return Unplanned(account, wrong[account.name]) if account.name in wrong else before

    return tuple(one(p) for p in found)


def _approve(ctx: Context, remote: Remote, found: Sequence[Found]) -> None:
    """Ask, unless there is nothing to do or it was approved before.

    Raises:
        Halt: Nobody approved.
    """
    if all(plan.empty for plan in _ready(found)) or ctx.options.auto_approve or ctx.options.plan:
        return
    began = time.monotonic()
    accounts = [_waiting(p, "blocked") for p in found]
    require_approval(ctx, report_of("plan", accounts, ctx.diagnostics, sandbox=ctx.sandbox), "apply these changes")
    remote.extend(time.monotonic() - began)


def _report(ctx: Context, done: Sequence[Done]) -> Report:
    reports = [d.report for d in done]
    written = any(d.written for d in done)
    return report_of("apply", reports, ctx.diagnostics, sandbox=ctx.sandbox, written=written)
