"""`reconciler render`: draw a saved JSON report in other formats. The report is not trusted, only drawn."""

from reconciler.cli.context import Context, halt
from reconciler.cli.output import show
from reconciler.cli.read import read_input
from reconciler.model.report import EXIT_CODES, Report
from reconciler.render.reader import report_from_json


def run(ctx: Context) -> int:
    """Draw it. The exit code is that of the drawing, not the one that the report speaks of."""
    path = ctx.options.report
    lost = show(ctx, parsed_report(path, read_input(ctx, "the report", path)), ours=False)
    return EXIT_CODES["error" if lost else "ok"]


def parsed_report(path: str, data: bytes) -> Report:
    """A report that `-o json` wrote.

    Args:
        path: Its file, for messages.
        data: What stands in it.

    Raises:
        Halt: It is no report.
    """
    try:
        return report_from_json(data.decode())
    except (ValueError, RecursionError) as wrong:
        detail = f"{wrong}. Give a file that -o json=PATH wrote."
        raise halt("error", "bad-report", f"the report {path} can't be read", detail) from None
