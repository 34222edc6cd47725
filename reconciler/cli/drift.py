"""`reconciler drift`: how live differs from git, as a report, and what accepts it as a patch; never writes remotely."""

from dataclasses import replace
from pathlib import Path
from shlex import quote

from reconciler.cli.clients import Clients
from reconciler.cli.context import Context
from reconciler.cli.files import load_files, with_md5_keys
from reconciler.cli.named import save_file
from reconciler.cli.planning import plan_all
from reconciler.cli.psk_supply import statuses
from reconciler.cli.reports import saved_report
from reconciler.files.patch import accept_patch
from reconciler.files.tree import read_tree
from reconciler.model.psk import KeyStatus
from reconciler.plan.plan import Plan
from reconciler.report.drift import down_warnings, drift_of, drift_report, with_history
from reconciler.report.make import utc
from reconciler.report.values import AccountReport, Report


def run(ctx: Context) -> Report:
    """The drift of every selected account, aged against `--previous`; what accepts it goes to `--patch`."""
    tree = read_tree(Path(ctx.options.dir))
    every = with_md5_keys(ctx, load_files(ctx, tree))
    previous = saved_report(ctx, "previous") if ctx.options.previous else None
    # `git apply` takes paths below the working directory only.
    here = f"{Path.cwd()}/" if Path(ctx.options.dir).is_absolute() else ""
    shows_patch = ctx.options.patch or any(form not in ("text", "github") for form, _ in ctx.options.output or ())
    accounts: list[AccountReport] = []
    with Clients(ctx, [d.account for d in every]) as clients:
        for plan in plan_all(ctx, clients, every, routes=False):
            if isinstance(plan, AccountReport):
                accounts.append(plan)
                continue
            accepted = accept_patch(tree, plan.desired, drift_of(plan), ctx.now().date(), strip=here)
            if not shows_patch:  # what is not in a patch that nobody sees is no news
                accepted = accepted._replace(left_out=())
            command = _accept_command(ctx, plan.desired.account.name)
            accounts.append(drift_report(plan, accepted, _psks(ctx, plan), command))
    if ctx.options.patch:
        patch = "".join(a.ways_out.accept for a in accounts if a.ways_out)
        save_file(ctx, ctx.options.patch, ctx.output.redactor.clean(patch))
    ctx.diagnostics += down_warnings(accounts)
    report = ctx.report(accounts)
    return with_history(report, previous, utc(ctx.now()))


def _accept_command(ctx: Context, account: str) -> str:
    """What makes the files equal to Cloudflare. Each has its line, and no `&&`: with drift the first fails."""
    if ctx.options.patch:
        return f"git apply {quote(ctx.options.patch)}"
    since = f" --baseline {quote(ctx.options.baseline)}" if ctx.options.baseline else ""
    again = f"reconciler drift --account {quote(account)}{since} --patch drift.patch"
    return f"{again}\ngit apply drift.patch"


def _psks(ctx: Context, plan: Plan) -> tuple[KeyStatus, ...]:
    """The keys that are overdue, and those that plan and apply call doubtful too.

    (`psk status` says more: that a sink holds no key here is no doubt, since drift may run on another machine.)
    """
    every = statuses(ctx, plan.desired, plan.live)
    judged = (k if k.name in plan.doubts else replace(k, outcome=None, error=None) for k in every)
    return tuple(k for k in judged if k.overdue or k.error)
