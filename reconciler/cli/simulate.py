"""`reconciler simulate`: the built-in API simulator as an HTTP server on loopback."""

import errno
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from reconciler.cli.context import Context, halt
from reconciler.cli.lock import lock
from reconciler.cli.options import UsageError
from reconciler.model.problems import error
from reconciler.report.outcome import EXIT_CODES
from reconciler.simulator import sandbox
from reconciler.simulator.faults import parse_faults, scripted
from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Answer, Simulator

T = TypeVar("T")


def run(ctx: Context) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        UsageError: A switch or a fault is wrong.
        Halt: The state file or the port can't be used.
    """
    options = ctx.options
    semantics = _parsed("--semantics", Semantics.parse, options.semantics)
    answer = scripted(_parsed("--faults", parse_faults, options.faults))
    with ExitStack() as stack:
        try:
            if options.state is None:
                simulator = Simulator(semantics, time.time)
            else:
                path = Path(options.state)
                try:
                    stack.enter_context(lock(ctx, sandbox.lock_of(path), f"with the state {path}"))
                    simulator = sandbox.load(path, semantics, time.time)
                except OSError as wrong:
                    raise UsageError(f"--state {path} can't be used: {wrong.strerror}. Choose another file.") from None
                answer = _with_losses(ctx, sandbox.saving(path, answer))
            server = stack.enter_context(LoopbackServer(simulator, options.port, answer))
        except (OSError, ValueError, OverflowError) as refused:
            why, remedy = str(refused), "Correct it, and run it again."
            if isinstance(refused, OSError) and refused.errno == errno.EADDRINUSE:
                why = f"port {options.port} is in use by another program"
                remedy = "Choose another with --port; 0 picks a free one."
            raise halt("error", "simulate", f"the simulator can't be started: {why}", remedy) from None
        ctx.output.stdout.write(
            f"Simulating the API on {server.base_url} (any token may write unless --semantics says so)\n"
        )
        ctx.output.stdout.flush()
        while not ctx.stop.wait(1.0):
            continue
    return EXIT_CODES["error" if ctx.late else "ok"]


def _parsed(option: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as wrong:
        raise UsageError(f"{option}: {wrong}") from None


def _with_losses(ctx: Context, answer: Answer) -> Answer:
    """The same answers; what keeps the state from being saved is said at once, and is an error in the end."""

    def answer_and_say(simulator: Simulator, request: Request) -> Reply:
        try:
            return answer(simulator, request)
        except OSError as wrong:
            if not ctx.late:
                ctx.output.stderr.write(f"reconciler: the state file can't be written: {wrong}\n")
            ctx.late = (error("state", "the state file can't be written", f"{wrong}. What came last is lost."),)
            raise

    return answer_and_say
