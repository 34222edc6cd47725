"""Entry point: from the command line to the exit code. Commands are imported only when they run."""

import contextlib
import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from reconciler.cli.options import UsageError, parse

if TYPE_CHECKING:
    from reconciler.cli.context import Context
    from reconciler.core.report import Report
    from reconciler.keys.redact import Redactor

_MODULES = {"import": "import_"}
_USAGE, _INTERNAL = 64, 70


def run() -> NoReturn:
    """The program: `main`, and then the process ends at once.

    Taking hundreds of modules and all tunnels apart one by one is up to a fifth of a run, and the system frees
    them anyway.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
    except UsageError as wrong:
        sys.stderr.write(_redactor().clean(f"{wrong}\n"))
        return _USAGE
    except SystemExit as answered:
        return answered.code if isinstance(answered.code, int) else _USAGE
    gc.disable()  # one short run: collecting costs more than it frees
    from reconciler.cli.context import Context, stop_on_signals
    from reconciler.keys.streams import install

    _no_core_dump()
    _prepare_streams()
    redactor, raw_stdout, raw_stderr = _redactor(), sys.stdout, sys.stderr
    undo = install(redactor, sys.stdout, sys.stderr)
    try:
        ctx = Context(options, os.environ, sys.stdin, sys.stdout, sys.stderr, redactor, raw_stdout, raw_stderr)
        with stop_on_signals(ctx.stop):
            return _run(ctx)
    except UsageError as wrong:
        sys.stderr.write(f"reconciler {options.command}: {wrong}\n")
        return _USAGE
    finally:
        undo()
        gc.enable()


def _redactor() -> "Redactor":
    """Knows the usual token from the start, since it may stand on a wrong command line."""
    from reconciler.keys.redact import Redactor
    from reconciler.keys.secret import Secret

    token = os.environ.get("CLOUDFLARE_API_TOKEN", "").strip()
    return Redactor([Secret(token)] if token else [])


def _run(ctx: "Context") -> int:
    from dataclasses import replace

    from reconciler.cli.context import Halt
    from reconciler.cli.output import write_report
    from reconciler.reports.accounts import report_of

    name = ctx.options.command
    try:
        try:
            command = importlib.import_module(f"reconciler.cli.{_MODULES.get(name, name)}")
            ended: Report | int = command.run(ctx)
        except Halt as stopped:
            diagnostics = tuple(dict.fromkeys((*stopped.diagnostics, *ctx.diagnostics)))
            ended = report_of(name, stopped.accounts, diagnostics, sandbox=ctx.sandbox, outcome=stopped.outcome)
        if isinstance(ended, int):
            return ended
        return write_report(ctx, replace(ended, outcome="interrupted") if ctx.stop.is_set() else ended)
    except UsageError:
        raise
    except Exception as bug:  # noqa: BLE001 - the last line of defence: every bug has its exit code and no secret
        return _internal(ctx, bug)


def _internal(ctx: "Context", bug: Exception) -> int:
    """The traceback goes to standard error; the report keeps the output that was asked for readable by programs."""
    from reconciler.cli.output import write_report
    from reconciler.core.diagnostic import error
    from reconciler.keys.streams import traceback_text
    from reconciler.reports.accounts import report_of

    name, remedy = ctx.options.command, "This is a bug: please report the lines on standard error."
    sys.stderr.write(traceback_text(bug))
    sys.stderr.write(f"reconciler {name}: internal error. This is a bug: please report the lines above.\n")
    problem = error("internal", "internal error; what was done is not known", remedy)
    with contextlib.suppress(Exception):  # the bug may be in drawing the report
        write_report(ctx, report_of(name, (), (problem,), sandbox=ctx.sandbox, outcome="internal"))
    return _INTERNAL


def _prepare_streams() -> None:
    """Opens standard streams that the caller closed; what is written is UTF-8 in every locale, so bytes are equal."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - until the process ends
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _no_core_dump() -> None:
    """A core dump would hold keys."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
