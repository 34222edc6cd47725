"""Writes the report in every format that was asked for."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from reconciler.cli.context import Context
from reconciler.core.report import EXIT_CODES, Report
from reconciler.render import render


def write_report(ctx: Context, report: Report) -> int:
    """Write the report to standard output and files; returns the exit code, the same in every format.

    Raises:
        OSError: A file can't be written.
    """
    report = ctx.redactor.clean_value(replace(report, context=_context(ctx)))
    outputs = ctx.options.output or [("text", None)]
    for name, path in outputs:
        options = _text_options(ctx, to_stdout=path is None) if name == "text" else {}
        text = render(report, name, **options)
        if path is None:
            ctx.stdout.write(text if text.endswith("\n") else text + "\n")
        else:
            write_file(Path(path), ctx.redactor.clean(text))
    ctx.stdout.flush()
    return EXIT_CODES[report.outcome]


def _context(ctx: Context) -> dict[str, str]:
    """Where the run stands on GitHub: commit, base, address of the run and of the files."""
    baseline = getattr(ctx.options, "baseline", None)
    found = {"base": baseline} if baseline else {}
    if ctx.env.get("GITHUB_ACTIONS") != "true":
        return found
    commit = ctx.env.get("GITHUB_SHA", "")
    home = f"{ctx.env.get('GITHUB_SERVER_URL', '')}/{ctx.env.get('GITHUB_REPOSITORY', '')}"
    return found | {
        "commit": commit[:12],
        "run_url": f"{home}/actions/runs/{ctx.env.get('GITHUB_RUN_ID', '')}",
        "source_url": f"{home}/blob/{commit}",
    }


def _text_options(ctx: Context, *, to_stdout: bool) -> dict[str, object]:
    terminal = to_stdout and ctx.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    return {"width": width, "color": to_stdout and ctx.color(ctx.stdout), "line_of": line_of}


def line_of(file: str, line: int) -> str | None:
    """A line of a file, for showing a problem in its place; None when it can't be read."""
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as lines:
            for number, text in enumerate(lines, 1):
                if number == line:
                    return text.rstrip("\n")
    except OSError:
        return None
    return None


def write_file(path: Path, text: str, *, private: bool = False) -> None:
    """Write a whole file or nothing: a new file, then put in place. `private` gives it mode 0600.

    Raises:
        OSError: It can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        if not private:
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
