"""`reconciler plan`: validate, list, diff, guards; writes nothing remote."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.context import Context, Halt, base_of
from reconciler.cli.files import load_files
from reconciler.cli.planning import Found, Planned, Unplanned, held_of, options_of, plan_all, plans_of, side_by_side
from reconciler.cli.read import read_input
from reconciler.cli.write import write_file
from reconciler.model.desired import Desired
from reconciler.model.problems import Diagnostic, error
from reconciler.model.report import AccountReport, Outcome, Report, worst
from reconciler.plan.build import Plan, build_plan
from reconciler.plan.stale import stale_names
from reconciler.report.accounts import checked, planned, report_of

if TYPE_CHECKING:
    from reconciler.cli.remote import Remote


_NO_FAULT = frozenset({"baseline-invalid", "sandbox-key", "no-lock"})
"""Warnings that no change of the files can mend: what repairs a wrong baseline has to pass, and a sandbox is one."""


def run(ctx: Context) -> Report:
    """The plan of every selected account; saved with `--out`, checked with `--server-check`."""
    saved = read_input(ctx, "--live", ctx.options.live) if ctx.options.live else None
    every = load_files(ctx)
    baseline = baseline_of(ctx)
    if saved is not None:
        return _report(ctx, _offline(ctx, saved, every), baseline, [])
    from reconciler.cli.remote import Remote

    with Remote(ctx, [d.account for d in every]) as remote:
        found = plan_all(ctx, remote, every)
        if ctx.options.save_live:
            _save_live(ctx, plans_of(found))
        checks = server_check(ctx, remote, plans_of(found)) if ctx.options.server_check else []
    return _report(ctx, found, baseline, checks)


def _save_live(ctx: Context, plans: Iterable[Plan]) -> None:
    from reconciler.cli.savedlive import write_live

    path = Path(ctx.options.save_live)
    try:
        lists = {p.desired.account.account_id: p.live for p in plans}
        mode = " with mode 0600" if write_live(path, lists, ctx.stop) else ""
    except Halt as stopped:  # the plan is shown all the same
        ctx.late += stopped.diagnostics
        return
    ctx.stderr.write(f"Wrote {path}{mode}: BGP MD5 keys, where tunnels have them, stand in it.\n")


def baseline_of(ctx: Context) -> dict[str, Desired] | None:
    """Desired state at `--baseline REF` by account id, or None when it was not asked for.

    Raises:
        Halt: The ref can't be read.
    """
    if ctx.options.baseline is None:
        return None
    from reconciler.cli.baseline import read_baseline

    return read_baseline(ctx, ctx.options.baseline)


def _offline(ctx: Context, saved: bytes, every: Iterable[Desired]) -> tuple[Planned, ...]:
    from reconciler.cli.savedlive import read_live

    live = read_live(Path(ctx.options.live), saved, every)
    options = options_of(ctx, base_of(ctx))
    return tuple(Planned(build_plan(d, live[d.account.account_id], options, held_of(ctx, d))) for d in every)


def server_check(ctx: Context, remote: "Remote", plans: Iterable[Plan]) -> list[AccountReport]:
    """What the server says of each plan."""
    from reconciler.engine.check import check
    from reconciler.engine.drive import drive

    def one(plan: Plan) -> AccountReport:
        return checked(plan, drive(check(plan), remote.carry(plan.desired.account)))

    return list(side_by_side(ctx, plans, one))


def stale(found: Sequence[Found]) -> tuple[Diagnostic, ...]:
    """Warnings about names in files and options that do nothing."""
    plans = plans_of(found)
    return stale_names(plans, whole=len(plans) == len(found))


def too_strict(ctx: Context) -> bool:
    """Whether `--strict` takes a warning that was found after the list for an error."""
    warnings = [d for d in ctx.diagnostics if d.severity == "warning" and d.code not in _NO_FAULT]
    return bool(ctx.options.strict and warnings)


def attributed(plan: Plan, baseline: dict[str, Desired] | None) -> Plan:
    """The plan with the cause of each change, when there is a baseline."""
    if baseline is None:
        return plan
    from reconciler.plan.baseline import attribute

    account = plan.desired.account
    nothing = Desired(replace(account, prune=False), {})
    return replace(plan, changes=attribute(plan.changes, baseline.get(account.account_id, nothing)))


def _outcome(ctx: Context, plan: Plan) -> Outcome:
    """The outcome of one account's plan."""
    if plan.guards:
        return "blocked"
    return "changes" if ctx.options.detailed_exitcode and not plan.empty else "ok"


def _report(
    ctx: Context, found: Sequence[Found], baseline: dict[str, Desired] | None, checks: list[AccountReport]
) -> Report:
    by_name = {c.account: c for c in checks}
    accounts = []
    for one in found:
        if isinstance(one, Unplanned):
            accounts.append(one.report)
            continue
        plan = attributed(one.plan, baseline)
        report = planned(plan, _outcome(ctx, plan))
        check_report = by_name.get(report.account)
        accounts.append(_with_check(report, check_report) if check_report else report)
    if ctx.options.out:
        _save(ctx, found)
    ctx.diagnostics = (*ctx.diagnostics, *stale(found))
    whole = report_of("plan", accounts, ctx.diagnostics, sandbox=ctx.sandbox)
    return replace(whole, outcome=worst((whole.outcome, "invalid"))) if too_strict(ctx) else whole


def _save(ctx: Context, found: Sequence[Found]) -> None:
    """Write the saved plan; a part of a plan is never saved."""
    from reconciler.plan.saved import saved_plan

    missing = ", ".join(one.account.name for one in found if isinstance(one, Unplanned))
    if missing:
        summary = f"the plan was not saved to {ctx.options.out}"
        detail = f"There is no plan of account {missing}, and a part is never saved. Run it again."
        ctx.diagnostics = (*ctx.diagnostics, error("not-saved", summary, detail))
        return
    document = ctx.redactor.clean_value(saved_plan(plans_of(found)))
    try:
        write_file(Path(ctx.options.out), json.dumps(document, indent=2, sort_keys=True) + "\n", ctx.stop)
    except Halt as stopped:
        ctx.late += stopped.diagnostics


def _with_check(report: AccountReport, found: AccountReport) -> AccountReport:
    """A plan's report with the results of its server check; a guard weighs more than a refusal."""
    said = {(c.action, c.name): c for c in found.changes}
    changes = tuple(
        replace(c, check=said[c.action, c.name].check, error=said[c.action, c.name].error) for c in report.changes
    )
    outcome = found.outcome if found.outcome in ("error", "auth", "interrupted") else report.outcome
    if found.outcome == "rejected" and report.outcome in ("ok", "changes"):
        outcome = "rejected"
    return replace(report, outcome=outcome, changes=changes, not_checked=found.not_checked, error=found.error)
