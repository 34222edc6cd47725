"""Writes the report in every format that was asked for."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from reconciler.cli.context import Context, Halt
from reconciler.cli.steady import Steady
from reconciler.cli.write import write_file
from reconciler.files.tree import MAX_FILE
from reconciler.model.problems import Diagnostic, Part, error
from reconciler.model.report import EXIT_CODES, FIXED, Report, worst
from reconciler.model.verdict import Result
from reconciler.render import Format, render

if TYPE_CHECKING:  # it needs PyYAML, which usual files are read without
    from reconciler.files.excerpt import Excerpts


def write_report(ctx: Context, report: Report) -> int:
    """Write the report to files and standard output; returns the exit code, the same in every format.

    What can't be written keeps nothing from being shown elsewhere, and is an error. It never hides that something
    was done: a report that could be shown nowhere goes to standard error.
    """
    problems = show(ctx, report)
    return EXIT_CODES[_amended(report, problems).outcome]


def show(ctx: Context, report: Report, *, ours: bool = True) -> tuple[Diagnostic, ...]:
    """Write the report to files and standard output; returns what could not be written, and why.

    Args:
        ctx: Surroundings, with the outputs that were asked for.
        report: What to write.
        ours: Whether it is this run's, so that it tells, where it still can, what could not be written.
    """
    report = ctx.redactor.clean_value(replace(report, context=_context(ctx)), FIXED)
    outputs = ctx.options.output or [("text", None)]
    files = [(name, Path(path)) for name, path in outputs if path is not None]
    shown = [name for name, path in outputs if path is None]
    lost, whole = _write_files(ctx, report, files)
    if lost and ours:
        report = ctx.redactor.clean_value(_amended(report, lost), FIXED)
        _write_files(ctx, report, whole)
    for name in shown:
        # Every value of the report is clean; a second pass over JSON could take a key for its syntax.
        _show(ctx.raw_stdout if name == "json" else ctx.stdout, _drawn(ctx, report, name, to_stdout=True))
    failed = ctx.raw_stdout.failed if isinstance(ctx.raw_stdout, Steady) else None
    if failed:
        lost += (error("unwritable", f"standard output can't be written: {failed}", "Run it again elsewhere."),)
        report = _amended(report, lost) if ours else report
    _on_stderr(ctx, report, lost, nowhere=failed is not None or not shown)
    return lost


def _write_files(
    ctx: Context, report: Report, files: Iterable[tuple[Format, Path]]
) -> tuple[tuple[Diagnostic, ...], list[tuple[Format, Path]]]:
    """What is wrong with the files, and those that hold the report now and could be replaced."""
    wrong: tuple[Diagnostic, ...] = ()
    whole = []
    for name, path in files:
        text = _drawn(ctx, report, name, to_stdout=False)
        try:
            if write_file(path, text if name == "json" else ctx.redactor.clean(text), ctx.stop):
                whole.append((name, path))
        except Halt as stopped:
            wrong += stopped.diagnostics
    return wrong, whole


def _amended(report: Report, lost: tuple[Diagnostic, ...]) -> Report:
    """The report of a run that could not say everywhere what it did."""
    if not lost:
        return report
    outcomes = (one.outcome for a in report.accounts for ones in (a.changes, a.keys) for one in ones)
    done = Result.APPLIED in outcomes
    outcome = worst((report.outcome, "error"), written=done)
    return replace(report, outcome=outcome, diagnostics=tuple(dict.fromkeys((*report.diagnostics, *lost))))


def _on_stderr(ctx: Context, report: Report, lost: tuple[Diagnostic, ...], *, nowhere: bool) -> None:
    for problem in lost:
        ctx.stderr.write(f"reconciler {ctx.options.command}: {problem.summary}\n")
    if nowhere and (lost or report.outcome not in ("ok", "changes")):
        # A job that only writes files must not fail in silence.
        _show(ctx.stderr, render(report, "text", line_of=line_of))


def _drawn(ctx: Context, report: Report, name: Format, *, to_stdout: bool) -> str:
    return render(report, name, **(_text_options(ctx, to_stdout=to_stdout) if name == "text" else {}))


def _show(stream: TextIO, text: str) -> None:
    with suppress(BrokenPipeError):  # nobody reads it any more
        stream.write(text if text.endswith("\n") else text + "\n")
        stream.flush()


def _context(ctx: Context) -> dict[str, str]:
    """Where the run stands on GitHub: commit, base, pull request, address of the run and of the files."""
    baseline = getattr(ctx.options, "baseline", None)
    found = {"base": baseline} if baseline else {}
    if ctx.env.get("GITHUB_ACTIONS") != "true":
        return found
    commit = ctx.env.get("GITHUB_SHA", "")
    home = f"{ctx.env.get('GITHUB_SERVER_URL', '')}/{ctx.env.get('GITHUB_REPOSITORY', '')}"
    kind, number = [*ctx.env.get("GITHUB_REF", "").split("/"), "", "", ""][1:3]
    found |= {"pull_request": number} if kind == "pull" else {}
    return found | {
        "commit": (ctx.env.get("RECONCILER_COMMIT") or commit)[:12],
        "run_url": f"{home}/actions/runs/{ctx.env.get('GITHUB_RUN_ID', '')}",
        "source_url": f"{home}/blob/{commit}",
    }


def _text_options(ctx: Context, *, to_stdout: bool) -> dict[str, object]:
    width = None
    if to_stdout and ctx.stdout.isatty():
        import shutil

        width = shutil.get_terminal_size().columns
    return {"width": width, "color": to_stdout and ctx.color(ctx.stdout), "line_of": line_of}


def line_of(file: str, line: int) -> tuple[Part, ...] | None:
    """The parts of a file's line, for showing a problem in its place; None when it can't be read.

    Only regular files of a size that is read at all are shown: a pipe would never end, and what a link
    stands for may not be meant for a report.
    """
    found = _excerpts(file)
    return found.line(line) if found else None


@lru_cache(maxsize=4)
def _excerpts(file: str) -> "Excerpts | None":
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
        os.close(handle)
        return None
    from reconciler.files.excerpt import Excerpts

    with os.fdopen(handle, "rb") as opened:
        return Excerpts(opened.read())
