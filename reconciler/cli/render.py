"""`reconciler render`: draw a saved JSON report in other formats. The report is not trusted, only drawn."""

from pathlib import Path

from reconciler.cli.context import Context
from reconciler.cli.drift import read_report
from reconciler.core.report import Report


def run(ctx: Context) -> Report:
    """The saved report."""
    return read_report(Path(ctx.options.report))
