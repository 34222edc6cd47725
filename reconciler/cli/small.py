"""The commands of a few lines: accounts, validate, schema and render. They need no network and no token."""

import json
from pathlib import Path

from reconciler.cli.context import Context
from reconciler.cli.files import load_files
from reconciler.cli.named import write_file
from reconciler.cli.options import UsageError
from reconciler.cli.reports import saved_report, show
from reconciler.report.outcome import EXIT_CODES
from reconciler.report.values import AccountReport, Report, TokenSource


def check_files(ctx: Context) -> Report:
    """`validate`: the files' problems. `accounts` says the accounts' tokens too, for a CI matrix."""
    with_token = ctx.options.command == "accounts"
    accounts = [
        AccountReport(
            account=d.account.name,
            account_id=d.account.account_id,
            outcome="ok",
            managed=len(d.tunnels),
            paused=d.account.paused,
            token=TokenSource(env=d.account.token_env) if with_token else None,
        )
        for d in load_files(ctx)
    ]
    return ctx.report(accounts)


def schema(ctx: Context) -> int:
    """The JSON Schema of the YAML, of the JSON report or of saved plans, on standard output or in `-o json=PATH`.

    Raises:
        UsageError: Another format was asked for.
        Halt: A file can't be written.
    """
    from reconciler.files.schema import json_schema
    from reconciler.model.document import schema_of
    from reconciler.plan.saved import SavedPlan

    kind = ctx.options.kind
    ours = kind in ("report", "plan")
    found = schema_of(Report if kind == "report" else SavedPlan) if ours else json_schema(kind)
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if any(name != "json" for name, _ in ctx.options.output):
        raise UsageError("a schema is JSON: leave -o out, or give -o json=PATH")
    for path in [path for _, path in ctx.options.output] or [None]:
        if path is None:
            ctx.output.stdout.write(text)
        else:
            write_file(Path(path), text, ctx.stop)
    return 0


def render(ctx: Context) -> int:
    """Draw a saved JSON report in other formats. The exit code is of the drawing, not the one that it speaks of."""
    lost = show(ctx, saved_report(ctx, "report"), ours=False)
    return EXIT_CODES["error" if lost else "ok"]
