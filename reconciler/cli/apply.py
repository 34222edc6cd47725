"""`reconciler apply`: plan, approve, carry out, list again and prove convergence."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shlex import quote

from reconciler.api.call import drive
from reconciler.cli.approval import ask_to_keep, require_approval, require_terminal, show_plan
from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.files import load_files, with_md5_keys
from reconciler.cli.lock import lock_accounts
from reconciler.cli.planning import (
    Found,
    plan_account,
    plan_all,
    plan_warnings,
    plans_of,
    routes_of,
    server_check,
    side_by_side,
    too_strict,
)
from reconciler.cli.psk_supply import Psks, prepared_psks, require_md5_keys
from reconciler.cli.reports import saved_plan, saved_report
from reconciler.engine.apply import begin, finish
from reconciler.engine.run import Run
from reconciler.model.problems import Problem, error
from reconciler.model.verdict import may_have_written
from reconciler.plan.plan import Plan
from reconciler.plan.routes import with_routes
from reconciler.plan.saved import SavedPlan, carried_out, differences
from reconciler.plan.windows import hold_back
from reconciler.report.make import applied, checked, planned, with_psks
from reconciler.report.outcome import Outcome, worst
from reconciler.report.values import AccountReport, Report
from reconciler.secrets.deliver import deliver

LIST_LASTS = 30.0
"""Seconds for which a list may be written upon; after that it is read again."""

_NAMED = 10
_SAME = "What chooses (--account, --target, --no-delete) must be given as it was for that plan."
_SAVE = "Nothing was written. Look at a new plan and save it: reconciler plan --out FILE"


def run(ctx: Context) -> Report:
    """Converge every selected account that no guard blocks; accounts fail independently."""
    options = ctx.options
    require_terminal(ctx)
    every = with_md5_keys(ctx, load_files(ctx))
    # Only now: whether the files are right is the more urgent news.
    saved = saved_plan(ctx, _SAVE, "plan_changed") if options.plan else None
    if options.previous:
        accounts_before = saved_report(ctx, "previous").accounts
        ctx.rolled_back = {account.account_id: account.rolled_back for account in accounts_before}
    accounts = [d.account for d in every]
    with Clients(ctx, accounts) as clients, lock_accounts(ctx, accounts):
        found = plan_all(ctx, clients, every)
        ctx.diagnostics += plan_warnings(found)
        _require_strict(ctx, found)
        if saved:  # before the keys and the probe: a plan of other tunnels does without them
            _require_saved(saved, found)
        require_md5_keys(ctx, clients, _ready(found))
        _require_probes(ctx, _ready(found))
        if options.server_check:
            found = _without_refused(ctx, clients, found)
        begins = _approved(ctx, clients, found)
        found = _held_back(found, begins)
        ready = _ready(found)
        psks = prepared_psks(ctx, clients, ready)
        _require_strict(ctx, found)  # keys and their sinks may have brought warnings
        ended = _Work(ctx, clients, psks, begins).carry_out(found)
    report = ctx.report([report for report, _ in ended], written=any(written for _, written in ended))
    return clients.counted(report, calls=not all(plan.empty for plan in ready))


def _approved(ctx: Context, clients: Clients, found: Sequence[Found]) -> datetime:
    """The time when a person, or an option, has approved the plans; where all waits for a window, nobody is asked."""
    now = ctx.now()
    if all(plan.empty for plan in _ready(_held_back(found, now))):
        return now
    report = ctx.report([_waiting(one, "blocked") for one in found], command="plan")
    if ctx.options.auto_approve or ctx.options.plan:
        show_plan(ctx, clients, report)
    else:
        require_approval(ctx, clients, report, "apply these changes")
    return ctx.now()


def _require_strict(ctx: Context, found: Sequence[Found]) -> None:
    """Write nothing when `--strict` takes a warning for an error."""
    if too_strict(ctx):
        raise Halt("invalid", accounts=[_waiting(one, "blocked") for one in found])


def _require_probes(ctx: Context, plans: Sequence[Plan]) -> None:
    """Write nothing where the program that is to judge a wave may not, or can't, be run: then nothing would be judged.

    Raises:
        Halt: `invalid`.
    """
    from shutil import which

    from reconciler.secrets.program import child_environment

    problems = []
    for account in (plan.desired.account for plan in plans if plan.phases.waves):
        if account.rollout is None or (command := account.rollout.probe) is None:
            continue
        program = command.argv[0]
        path = Path(command.folder, program) if "/" in program else program
        if not ctx.options.allow_commands:
            what = f"the probe of a rollout is the command {program!r}, which may not run"
            remedy = "Nothing was written. Add --allow-commands if you trust the files, or --no-rollout."
            problems.append(error("commands-not-allowed", what, remedy, account.location))
        elif not which(path, path=child_environment(ctx.env, ctx.every).get("PATH")):
            what = f"the probe of a rollout, the command {program!r}, is not a program that can be run"
            remedy = "Nothing was written. Correct its path, which begins at account.yaml's folder, or chmod +x it."
            problems.append(error("bad-probe", what, remedy, account.location))
    if problems:
        raise Halt("invalid", problems)


def _require_saved(saved: SavedPlan, found: Sequence[Found]) -> None:
    """Refuse to go on unless the saved plan is what would be done now.

    Where keys can't be read nobody can say that. Such a run ends without them, unless it is about other tunnels anyway.

    Raises:
        Halt: `plan_changed`, naming what differs; or an account could not be read.
    """
    failed = tuple(one.outcome for one in found if isinstance(one, AccountReport))
    if failed:
        raise Halt(worst(failed), accounts=[_waiting(one, "error") for one in found])
    plans = plans_of(found)
    differing = differences(saved, plans)
    unread = any(plan.unread for plan in _ready(found))
    if saved.target not in (None, plans[0].options.glob) and (differing or unread):
        differing = (f"it was made with --target {quote(saved.target)}", *differing)
    elif unread and {one.account for one in saved.accounts} == {p.desired.account.name for p in plans}:
        return
    if differing and carried_out(saved, plans):
        what, why = "the saved plan is already carried out: live is as the plan wanted", "Nothing is left to do."
        accounts = [planned(plan, "plan_changed") for plan in plans]
        raise halt("plan_changed", "already-carried-out", what, why, accounts)
    if differing:
        accounts = [planned(plan, "blocked" if _obstacle(plan) else "plan_changed") for plan in plans]
        more = f"; and {len(differing) - _NAMED:,} more" if len(differing) > _NAMED else ""
        what = f"the saved plan is not what would be done now: {'; '.join(differing[:_NAMED])}{more}"
        problem = error("plan-changed", what, f"{_SAME} {_SAVE}")
        raise Halt(worst((*(a.outcome for a in accounts), "plan_changed")), [problem], accounts)


def _without_refused(ctx: Context, clients: Clients, found: Sequence[Found]) -> tuple[Found, ...]:
    """Without the plans of accounts in which the server refuses a change, or that moved meanwhile."""
    plans = {plan.desired.account.name: plan for plan in _ready(found)}
    said = server_check(ctx, clients, plans.values())
    objects = {name: one for name, one in said.items() if one.refused or one.moved or one.stop is not None}
    wrong = {name: checked(plans[name], one) for name, one in objects.items()}
    return tuple(wrong.get(one.desired.account.name, one) if isinstance(one, Plan) else one for one in found)


def _held_back(found: Sequence[Found], now: datetime) -> tuple[Found, ...]:
    """The same without what has to wait for a window at this time."""
    return tuple(hold_back(one, now) if isinstance(one, Plan) and not _obstacle(one) else one for one in found)


def _ready(found: Sequence[Found]) -> list[Plan]:
    return [plan for plan in plans_of(found) if not _obstacle(plan)]


def _obstacle(plan: Plan) -> bool:
    """Whether a guard or a pause keeps the plan from being carried out."""
    return bool(plan.guards) or plan.desired.account.paused is not None


Ended = tuple[AccountReport, bool]
"""An account's report, and whether anything was written."""


class _Work:
    """Carries out the plans of accounts, each for itself: a bug in one must not take the others' results away.

    What waited for a window at `begins` waits still, since no key was made for it; and a window may have closed since.
    """

    def __init__(self, ctx: Context, clients: Clients, psks: dict[str, Psks], begins: datetime) -> None:
        self._ctx = ctx
        self._clients = clients
        self._psks = psks
        self._begins = begins

    def carry_out(self, found: Sequence[Found]) -> Sequence[Ended]:
        """How each account ended; with `--confirm` the updates of all are kept, or none are."""
        if not self._ctx.options.confirm:
            return side_by_side(self._ctx, found, lambda one: self._finish(self._begin(one)))
        begun = side_by_side(self._ctx, found, self._begin)
        kept = ask_to_keep(self._ctx, self._clients, [one for one in begun if isinstance(one, Run)])
        return side_by_side(self._ctx, begun, lambda one: self._finish(one, kept))

    def _begin(self, one: Found) -> Run | Ended:
        """Make the updates of an account; or say why nothing is done there."""
        if isinstance(one, AccountReport) or _obstacle(one):
            return _waiting(one, "blocked"), False
        try:
            plan = one
            if time.monotonic() - self._clients.listed_at[one.desired.account.name] > LIST_LASTS and not one.empty:
                again = _planned_again(self._ctx, self._clients, one)
                if isinstance(again, AccountReport):
                    return again, False
                plan = hold_back(again, self._begins)
            plan = hold_back(plan, self._ctx.now())
            account, asks = plan.desired.account, bool(self._ctx.options.confirm)
            sent_with_creates = frozenset(self._clients.ring(account))
            return drive(begin(plan, sent_with_creates, asks=asks), self._clients.carry(account))
        except Exception as bug:  # noqa: BLE001 - whatever it is, it has its exit code
            return self._broken(one, bug)

    def _finish(self, begun: Run | Ended, kept: str | None = None) -> Ended:
        """Do what follows the updates; for `kept` see the engine's."""
        if not isinstance(begun, Run):
            return begun
        try:
            plan = begun.plan  # as it was carried out: a window may have closed meanwhile
            account = plan.desired.account
            ended = drive(finish(begun, kept), self._clients.carry(account))
            verdicts = drive(deliver(plan, ended), self._psks[account.name].carry)
            report = with_psks(applied(plan, ended), plan, verdicts)
        except Exception as bug:  # noqa: BLE001 - as above
            return self._broken(begun.plan, bug)
        self._clients.progress.account_ended(report.account, report.changes)
        return report, ended.written or may_have_written(verdicts.values())

    def _broken(self, plan: Plan, bug: Exception) -> Ended:
        self._ctx.output.show_bug(bug, f"account {plan.desired.account.name}")
        problem = Problem("internal", "internal error; what was done here is not known", "Run plan to see.")
        # Nobody knows how far it came, so it counts as written.
        return replace(planned(plan, "internal"), error=problem), True


def _planned_again(ctx: Context, clients: Clients, plan: Plan) -> Found:
    """The same plan on a list of now; or why it must not be carried out any more."""
    # Routes first: they may take long, and the list must be fresh when the writes begin.
    routes = routes_of(clients, plan.desired.account) if plan.frees_networks else None
    again = plan_account(ctx, clients, plan.desired, plan.live.tunnels)
    if isinstance(again, AccountReport):
        return again
    again = with_routes(again, routes) if routes and again.frees_networks else again
    if again.digest != plan.digest:
        problem = Problem(
            "plan-changed",
            "the account changed while the plan waited for approval; nothing was written",
            "Look at the new plan and approve that one.",
        )
        return replace(planned(again, "plan_changed"), error=problem)
    return _waiting(again, "blocked") if _obstacle(again) else again  # such as a route that was made meanwhile


def _waiting(one: Found, outcome: Outcome) -> AccountReport:
    """The report of an account in which nothing was written."""
    if isinstance(one, AccountReport):
        return one
    if outcome == "blocked" and one.empty and not _obstacle(one):
        outcome = "ok"  # there is nothing to do, so it waits for nobody's approval
    return planned(one, outcome)
