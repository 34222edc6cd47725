"""`reconciler render`: draw a saved JSON report in other formats. The report is not trusted, only drawn."""

from pathlib import Path

from reconciler.cli.context import Context
from reconciler.cli.drift import read_report
from reconciler.cli.output import write_report


def run(ctx: Context) -> int:
    """Draw it. The exit code is that of the drawing, not the one that the report speaks of."""
    write_report(ctx, read_report(Path(ctx.options.report)))
    return 0
