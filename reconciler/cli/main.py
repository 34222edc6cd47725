"""Entry point: from the command line to the exit code. Commands are imported only when they run."""

import contextlib
import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

if TYPE_CHECKING:
    from argparse import Namespace

    from reconciler.cli.context import Context
    from reconciler.model.report import Report
    from reconciler.secrets.redact import Redactor

_MODULES = {"import": "import_"}
_ERROR, _INTERRUPTED, _USAGE, _INTERNAL = 1, 8, 64, 70


def run() -> NoReturn:
    """The program: `main`, and then the process ends at once.

    Taking hundreds of modules and all tunnels apart one by one is up to a fifth of a run, and the system frees
    them anyway.
    """
    try:
        code = main()
    except KeyboardInterrupt:  # before anything is sent, or after the report: meanwhile a signal asks the run to stop
        sys.stderr.write("\nInterrupted.\n")
        code = _INTERRUPTED
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    from reconciler.cli.options import UsageError, parse

    try:
        options = parse(sys.argv[1:] if argv is None else argv)
    except UsageError as wrong:
        sys.stderr.write(_redactor().clean(f"{wrong}\n"))
        return _USAGE
    except SystemExit as answered:
        return answered.code if isinstance(answered.code, int) else _USAGE
    gc.disable()  # one short run: collecting costs more than it frees
    _no_core_dump()
    _prepare_streams()
    try:
        return _command(options)
    finally:
        gc.enable()


def _command(options: "Namespace") -> int:
    """Run the command behind streams that hide secrets and that nothing breaks."""
    from reconciler.cli.context import Context, stop_on_signals
    from reconciler.cli.options import UsageError
    from reconciler.cli.steady import Steady
    from reconciler.cli.streams import install

    redactor, steady = _redactor(), Steady(sys.stdout)
    raw_stdout, raw_stderr = cast("TextIO", steady), cast("TextIO", Steady(sys.stderr))
    undo = install(redactor, raw_stdout, raw_stderr)
    try:
        ctx = Context(options, os.environ, sys.stdin, sys.stdout, sys.stderr, redactor, raw_stdout, raw_stderr)
        with stop_on_signals(ctx.stop, options.command):
            code = _run(ctx)
            ctx.stdout.flush()
            return code or (_ERROR if steady.failed else code)
    except UsageError as wrong:
        sys.stderr.write(f"reconciler {options.command}: {wrong}\n")
        return _USAGE
    finally:
        undo()


def _redactor() -> "Redactor":
    """Knows the usual token and the proxies' passwords from the start: they may stand on a wrong command line."""
    from reconciler.api.proxy import proxy_passwords
    from reconciler.cli.context import tokens
    from reconciler.secrets.redact import Redactor

    return Redactor(tokens(os.environ.get("CLOUDFLARE_API_TOKEN", "").strip(), *proxy_passwords(os.environ)))


def _run(ctx: "Context") -> int:
    from dataclasses import replace

    from reconciler.cli.context import Halt
    from reconciler.cli.options import UsageError
    from reconciler.cli.output import write_report
    from reconciler.cli.write import probe
    from reconciler.report.accounts import report_of

    name = ctx.options.command
    try:
        probe(ctx.options)
        try:
            command = importlib.import_module(f"reconciler.cli.{_MODULES.get(name, name)}")
            ended: Report | int = command.run(ctx)
        except Halt as stopped:
            diagnostics = tuple(dict.fromkeys((*stopped.diagnostics, *ctx.diagnostics)))
            ended = report_of(name, stopped.accounts, diagnostics, sandbox=ctx.sandbox, outcome=stopped.outcome)
        if isinstance(ended, int):
            return ended
        ended = replace(ended, outcome="interrupted") if ctx.stop.is_set() else ended
        return write_report(ctx, _with_late(ctx, ended))
    except UsageError:
        raise
    except Exception as bug:  # noqa: BLE001 - the last line of defence: every bug has its exit code and no secret
        return _internal(ctx, bug)


def _with_late(ctx: "Context", ended: "Report") -> "Report":
    """The report with what went wrong when the run left what it had opened."""
    from dataclasses import replace

    from reconciler.model.report import worst

    if not ctx.late:
        return ended
    return replace(ended, outcome=worst((ended.outcome, "error")), diagnostics=(*ended.diagnostics, *ctx.late))


def _internal(ctx: "Context", bug: Exception) -> int:
    """The traceback goes to standard error; the report keeps the output that was asked for readable by programs."""
    from reconciler.cli.output import write_report
    from reconciler.cli.streams import traceback_text
    from reconciler.model.problems import error
    from reconciler.report.accounts import report_of

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
