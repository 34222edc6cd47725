"""`reconciler validate`: check the files, offline."""

from reconciler.cli.context import Context
from reconciler.cli.files import load_files
from reconciler.model.report import AccountReport, Report
from reconciler.report.accounts import report_of


def run(ctx: Context) -> Report:
    """The files' problems; no network, no token."""
    accounts = [
        AccountReport(d.account.name, d.account.account_id, "ok", managed=len(d.tunnels), paused=d.account.paused)
        for d in load_files(ctx)
    ]
    return report_of("validate", accounts, ctx.diagnostics, sandbox=ctx.sandbox)
