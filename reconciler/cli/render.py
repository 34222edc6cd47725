"""`reconciler render`: draw a saved JSON report in other formats. The report is not trusted, only drawn."""

from pathlib import Path

from reconciler.cli.context import Context, halt
from reconciler.cli.output import write_report
from reconciler.core.report import Report
from reconciler.render.reader import report_from_json


def run(ctx: Context) -> int:
    """Draw it. The exit code is that of the drawing, not the one that the report speaks of."""
    write_report(ctx, read_report(Path(ctx.options.report)))
    return 0


def read_report(path: Path) -> Report:
    """A report that `-o json` wrote.

    Raises:
        Halt: It can't be read, or is no report.
    """
    try:
        return report_from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as wrong:
        detail = f"{wrong}. Give a file that -o json=PATH wrote."
        raise halt("error", "bad-report", f"the report {path} can't be read", detail) from None
