"""`reconciler plan`: validate, list, compare, judge by the guards; writes nothing remote."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.cli.context import Context
from reconciler.cli.files import load_files, with_md5_keys
from reconciler.cli.named import parsed, save_file
from reconciler.cli.planning import (
    Found,
    make_plan,
    plan_all,
    plan_warnings,
    plans_of,
    server_check,
    too_strict,
)
from reconciler.model.desired import Account
from reconciler.model.document import read_json
from reconciler.model.kind import IPSEC_TUNNEL
from reconciler.model.live import ListUntrusted, Live, live_from_result
from reconciler.model.problems import error
from reconciler.plan.plan import Plan
from reconciler.report.make import checked, planned
from reconciler.report.outcome import Outcome, worst
from reconciler.report.values import AccountReport, Report

if TYPE_CHECKING:
    from reconciler.engine.server_check import Checked

_LIVE_VERSION = "1.0"


def run(ctx: Context) -> Report:
    """The plan of every selected account; saved with `--out`, checked with `--server-check`."""
    options = ctx.options
    every = with_md5_keys(ctx, load_files(ctx))
    checks: dict[str, Checked] = {}
    found: Sequence[Found]
    if options.live:
        summary, remedy = f"the saved list {options.live} can't be used", "Write it again: plan --save-live FILE."
        accounts = [desired.account for desired in every]
        parse = partial(_saved_lists, accounts=accounts)
        lives = parsed(ctx.inputs.pop("live"), parse, "saved-live", summary, remedy)
        found = [_offline(make_plan(ctx, d, lives[d.account.account_id])) for d in every]
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
    ctx.diagnostics += plan_warnings(found)
    reports = []
    for plan in found:
        if isinstance(plan, AccountReport):
            reports.append(plan)
            continue
        changes = options.detailed_exitcode and (plan.changes or plan.doubts)
        outcome: Outcome = "blocked" if plan.guards else "changes" if changes else "ok"
        said = checks.get(plan.desired.account.name)
        reports.append(checked(plan, said, outcome) if said else planned(plan, outcome))
    report = ctx.report(reports)
    return replace(report, outcome=worst((report.outcome, "invalid"))) if too_strict(ctx) else report


def _offline(plan: Plan) -> Plan:
    if not plan.frees_networks:
        return plan
    from reconciler.plan.routes import OFFLINE, with_routes

    return with_routes(plan, OFFLINE)


def _save_plan(ctx: Context, path: str, found: Sequence[Found]) -> None:
    """Write the saved plan; a part of a plan is never saved."""
    from reconciler.plan.saved import saved_plan

    missing = ", ".join(one.account for one in found if isinstance(one, AccountReport))
    if missing:
        detail = f"There is no plan of account {missing}, and a part is never saved. Run it again."
        ctx.diagnostics += (error("not-saved", f"the plan was not saved to {path}", detail),)
        return
    save_file(ctx, path, _json(ctx.output.redactor.clean_value(saved_plan(plans_of(found))).model_dump(mode="json")))


def _save_lists(ctx: Context, path: str, plans: Iterable[Plan]) -> None:
    """Save the live lists by account id, for `--live`. They may hold BGP MD5 keys, so others can't read the file."""
    accounts = {
        p.desired.account.account_id: {IPSEC_TUNNEL.collection: [dict(t.raw) for t in p.live.tunnels.values()]}
        for p in plans
    }
    document = {"format_version": _LIVE_VERSION, "kind": "saved-live", "accounts": accounts}
    regular = save_file(ctx, path, _json(document), private=True)
    if regular is not None and not ctx.options.quiet:
        mode = " with mode 0600" if regular else ""
        ctx.output.stderr.write(f"Wrote {path}{mode}: BGP MD5 keys, where tunnels have them, stand in it.\n")


def _json(document: object) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _saved_lists(data: bytes, accounts: Sequence[Account]) -> dict[str, Live]:
    """The saved lists of these accounts by account id, trusted by the same rules as an answer of the API.

    Raises:
        ValueError: The file holds no lists, or lacks a whole one for one of the accounts.
    """
    document = read_json(data)
    if not isinstance(document, dict):
        document = {}
    saved = document.get("accounts")
    if document.get("success") is True and not document.get("errors") and len(accounts) == 1:
        saved = {accounts[0].account_id: document.get("result")}  # the API's own answer, saved with another tool
    elif not isinstance(saved, dict) or document.get("kind") != "saved-live":
        raise ValueError("it is not a file that --save-live wrote")
    elif document.get("format_version") != _LIVE_VERSION:
        raise ValueError("it is of another version")
    lists = {}
    for account in accounts:
        try:
            lists[account.account_id] = live_from_result(saved.get(account.account_id))
        except ListUntrusted as wrong:
            raise ValueError(f"it holds no whole list of account {account.name}: {wrong}") from None
    return lists
