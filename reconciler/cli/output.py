"""Writes the report in every format that was asked for."""

import os
import stat
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from reconciler.cli.context import Context, Halt, halt
from reconciler.core.report import EXIT_CODES, FIXED, Report
from reconciler.desired.tree import MAX_FILE
from reconciler.render import render


def write_report(ctx: Context, report: Report) -> int:
    """Write the report to standard output and files; returns the exit code, the same in every format.

    A file that can't be written keeps nothing from being shown elsewhere, and is an error.
    """
    report = ctx.redactor.clean_value(replace(report, context=_context(ctx)), FIXED)
    outputs = ctx.options.output or [("text", None)]
    code = EXIT_CODES[report.outcome]
    for name, path in outputs:
        options = _text_options(ctx, to_stdout=path is None) if name == "text" else {}
        text = render(report, name, **options)
        # Every value of the report is clean; a second pass over JSON could take a key for its syntax.
        is_json = name == "json"
        if path is None:
            _show(ctx.raw_stdout if is_json else ctx.stdout, text)
        else:
            try:
                write_file(Path(path), text if is_json else ctx.redactor.clean(text))
            except Halt as stopped:
                ctx.stderr.write(f"reconciler {report.command}: {stopped.diagnostics[0].summary}\n")
                code = EXIT_CODES["error"] if report.outcome in ("ok", "changes") else code
    if report.outcome not in ("ok", "changes") and all(path is not None for _, path in outputs):
        # A job that only writes files must not fail in silence.
        _show(ctx.stderr, render(report, "text", line_of=line_of))
    return code


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


def line_of(file: str, line: int) -> str | None:
    """A line of a file, for showing a problem in its place; None when it can't be read.

    Only regular files of a size that is read at all are shown: a pipe would never end, and what a link
    stands for may not be meant for a report.
    """
    lines = _lines(file)
    return lines[line - 1] if 0 < line <= len(lines) else None


@lru_cache(maxsize=4)
def _lines(file: str) -> tuple[str, ...]:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return ()
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
        os.close(handle)
        return ()
    with os.fdopen(handle, encoding="utf-8", errors="replace") as text:
        return tuple(line.rstrip("\n") for line in text)


def write_file(path: Path, text: str, *, private: bool = False) -> None:
    """Write a whole file or nothing: a new file, then put in place. `private` gives it mode 0600.

    Raises:
        Halt: It can't be written.
    """
    try:
        _write(path, text, private=private)
    except OSError as wrong:
        why = wrong.strerror or type(wrong).__name__
        raise halt("error", "unwritable", f"{path} can't be written: {why}", "Choose another file.") from None


def _write(path: Path, text: str, *, private: bool) -> None:
    import tempfile

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
