"""Entry point: from the command line to the exit code.

Commands are imported only when they run, and what `--help` needs imports none of the libraries.
"""

import gc
import importlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from reconciler.cli.context import Context
    from reconciler.cli.options import Options, UsageError
    from reconciler.cli.output import Output
    from reconciler.report.values import Report

_ERROR, _INTERRUPTED, _USAGE, _INTERNAL = 1, 8, 64, 70


def run() -> NoReturn:
    """The program."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        code = main()
    except SystemExit:  # out of `_end`
        code = _INTERRUPTED
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads the help
            from reconciler.cli.output import send_nowhere

            send_nowhere(stream)
    gc.freeze()  # the interpreter's last collection would walk through every tunnel once more, and find nothing
    sys.exit(code)


def _end(_number: int, _frame: object) -> NoReturn:
    """Ends the program before anything is sent, or after the report: meanwhile a signal asks the run to stop.

    A KeyboardInterrupt would not do: after one that came out of an `exec`, as while a class is made, Python ends itself
    by that signal, whoever caught it.
    """
    with suppress(OSError):
        os.write(2, b"\nInterrupted.\n")
    sys.exit(_INTERRUPTED)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    from reconciler.cli.arguments import columns_of, parse
    from reconciler.cli.options import UsageError

    _prepare_process()
    try:
        options = parse(sys.argv[1:] if argv is None else argv, os.environ, columns_of(sys.stdout, os.environ))
    except UsageError as wrong:
        with _output() as output:
            return _refused(output, wrong)
    except SystemExit as answered:  # --help, --version
        return answered.code if isinstance(answered.code, int) else _USAGE
    gc.disable()  # one short run: collecting costs more than it frees
    try:
        with _output() as output:
            try:
                code = _run(options, output)
            except UsageError as wrong:
                code = _refused(output, wrong)
        return _ERROR if code == 0 and output.stdout.failed else code
    finally:
        gc.enable()


def _output() -> "Output":
    from reconciler.cli.output import Output
    from reconciler.cli.tokens import first_redactor

    on_github = os.environ.get("GITHUB_ACTIONS") == "true"
    return Output(first_redactor(), sys.stdout, sys.stderr, on_github=on_github)


def _refused(output: "Output", wrong: "UsageError") -> int:
    """Says what is wrong with the command line; returns the exit code."""
    from reconciler.cli.arguments import columns_of
    from reconciler.render.layout import Paint

    paint = Paint(width=columns_of(output.stderr, os.environ))
    for line in f"reconciler: {wrong}".split("\n"):
        output.stderr.write("".join(f"{one}\n" for one in paint.below(line, 0)))
    return _USAGE


def _run(options: "Options", output: "Output") -> int:
    from dataclasses import replace

    from reconciler.cli.context import Context, Halt
    from reconciler.cli.named import read_inputs, require_writable
    from reconciler.cli.options import COMMANDS, UsageError
    from reconciler.cli.reports import write_report
    from reconciler.model.problems import error
    from reconciler.report.make import with_diagnostics
    from reconciler.report.outcome import worst

    ctx = Context(options, os.environ, sys.stdin, output)
    with _stop_on_signals(ctx):
        try:
            require_writable(options)
            command = COMMANDS[options.command]
            try:
                read_inputs(ctx)
                module = importlib.import_module(f"reconciler.cli.{command.module}")
                ended: Report | int = getattr(module, command.function)(ctx)
            except Halt as stopped:
                ctx.diagnostics = tuple(dict.fromkeys((*stopped.diagnostics, *ctx.diagnostics)))
                ended = ctx.report(stopped.accounts, outcome=stopped.outcome)
            if isinstance(ended, int):
                return ended
            if ctx.stop.is_set():  # whoever stopped it must not take it for done
                ended = replace(ended, outcome=worst((ended.outcome, "interrupted")))
            if ctx.late:
                ended = with_diagnostics(ended, ctx.late, worst((ended.outcome, "error")))
            return write_report(ctx, ended)
        except UsageError:
            raise
        except Exception as bug:  # noqa: BLE001 - the last line of defence: every bug has its exit code and no secret
            # The traceback goes to standard error; what programs read of the output stays readable for them.
            output.show_bug(bug, options.command)
            remedy = "This is a bug: please report the lines on standard error."
            ctx.diagnostics = (error("internal", "internal error; what was done is not known", remedy),)
            with suppress(Exception):  # the bug may be in drawing the report
                write_report(ctx, ctx.report((), outcome="internal"))
            return _INTERNAL


@contextmanager
def _stop_on_signals(ctx: "Context") -> Iterator[None]:
    """Meanwhile SIGINT and SIGTERM ask the run to stop; the second one ends it at once.

    So does a hang-up where something is to be taken back: what nobody confirmed, or the tunnels of a measurement. It
    may come twice, from the system and from the shell, and must not end that.
    """
    from reconciler.cli.options import CALLING

    calls = ctx.options.command in CALLING.split()
    said = b": the call in flight is finished, nothing more is sent" if calls else b""
    signals = [signal.SIGINT, signal.SIGTERM]
    if ctx.options.measure:
        said = b": the call in flight is finished, and the scratch tunnels are removed"
    if ctx.options.confirm:
        said = b": the call in flight is finished, and what nobody confirmed is rolled back"
    unheard = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as `nohup` has it
    if ctx.options.confirm or (ctx.options.measure and not unheard):
        signals += [signal.SIGHUP]

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
        ctx.stop.set()
        with suppress(OSError):  # past the buffers: a signal may come in the middle of a write to them
            os.write(2, b"\nStopping" + said + b".\n")

    before = [(number, signal.signal(number, stop)) for number in signals]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _prepare_process() -> None:
    """Opens standard streams that the caller closed; what is written is UTF-8 in every locale, so bytes are equal."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold keys
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - until the process ends
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
