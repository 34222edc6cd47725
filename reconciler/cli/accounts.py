"""`reconciler accounts`: the accounts found, for a CI matrix."""

from reconciler.cli.context import Context
from reconciler.cli.files import load_files
from reconciler.model.report import AccountReport, Report, TokenSource
from reconciler.report.accounts import report_of


def run(ctx: Context) -> Report:
    """The selected accounts in order of name."""
    accounts = [
        AccountReport(
            d.account.name,
            d.account.account_id,
            "ok",
            managed=len(d.tunnels),
            paused=d.account.paused,
            token=TokenSource(d.account.token_env),
        )
        for d in load_files(ctx)
    ]
    return report_of("accounts", accounts, ctx.diagnostics, sandbox=ctx.sandbox)
