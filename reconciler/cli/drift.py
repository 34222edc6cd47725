"""`reconciler drift`: how live differs from git, as a report; never writes."""

from dataclasses import replace
from pathlib import Path

from reconciler.cli.clients import Clients
from reconciler.cli.context import Context
from reconciler.cli.files import load_files
from reconciler.cli.keys import statuses
from reconciler.cli.named import read_file
from reconciler.cli.planning import Stopped, attributed, baseline_of, plan_all
from reconciler.cli.show import saved_report
from reconciler.files.patch import Accepted, accept_patch
from reconciler.files.tree import read_tree
from reconciler.model.desired import External
from reconciler.plan.build import Plan
from reconciler.plan.scope import LeftAlone
from reconciler.report.drift import drift_report, with_history
from reconciler.report.values import AccountReport, Report


def run(ctx: Context) -> Report:
    """The drift of every selected account, aged against `--previous`."""
    path = ctx.options.previous
    before = read_file(ctx, "--previous", path) if path else None
    tree = read_tree(Path(ctx.options.dir))
    every = load_files(ctx, tree)
    baseline = baseline_of(ctx)
    previous = saved_report(path, before) if path and before is not None else None
    # `git apply` takes paths below the working directory only.
    here = f"{Path.cwd()}/" if Path(ctx.options.dir).is_absolute() else ""

    def accept(plan: Plan) -> Accepted:
        drifted = tuple(c for c in plan.changes if c.cause != "git")
        return accept_patch(tree, plan.desired, drifted, ctx.now().date(), strip=here)

    accounts: list[AccountReport] = []
    with Clients(ctx, [d.account for d in every]) as clients:
        for one in plan_all(ctx, clients, every):
            if isinstance(one, Stopped):
                accounts.append(one.report)
                continue
            plan = attributed(one.plan, baseline)
            accounts.append(_with_keys(ctx, plan, drift_report(plan, accept, _not_checked(plan), ctx.same_place)))
    report = ctx.report(accounts)
    return with_history(report, previous, ctx.now().isoformat(timespec="seconds").replace("+00:00", "Z"))


def _not_checked(plan: Plan) -> tuple[LeftAlone, ...]:
    """Keys can't be read back, so whether they are the declared ones is not known."""
    live = plan.live.by_name()
    ours = [t.name for t in plan.desired.tunnels.values() if t.name in live and not isinstance(t.psk, External | None)]
    return tuple(LeftAlone(name, "its pre-shared key can't be read back", live[name].id) for name in ours)


def _with_keys(ctx: Context, plan: Plan, report: AccountReport) -> AccountReport:
    """The report with the keys that are overdue, and those that plan and apply call doubtful too.

    (`psk status` says more: that a sink holds no key here is no doubt, since drift may run on another machine.)
    """
    every = statuses(ctx, plan.desired, plan.live)
    judged = (k if k.name in plan.doubts else replace(k, outcome=None, error=None) for k in every)
    return report.model_copy(update={"keys": tuple(k for k in judged if k.overdue or k.error)})
