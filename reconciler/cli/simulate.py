"""`reconciler simulate`: the built-in API simulator as an HTTP server on loopback."""

import time
from contextlib import ExitStack
from pathlib import Path

from reconciler.cli.context import Context, halt
from reconciler.cli.options import UsageError
from reconciler.simulator import sandbox
from reconciler.simulator.http import serve
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from reconciler.simulator.transport import Answer


def run(ctx: Context) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        UsageError: A switch or the port is wrong.
        Halt: The state file or the port can't be used.
    """
    try:
        semantics = Semantics.parse(ctx.options.semantics)
    except ValueError as wrong:
        raise UsageError(f"--semantics: {wrong}") from None
    with ExitStack() as stack:
        try:
            simulator, answer = _simulator(ctx, semantics, stack)
            server = stack.enter_context(serve(simulator, ctx.options.port, answer))
        except (OSError, ValueError, OverflowError) as refused:
            raise halt("error", "simulate", "the simulator can't be started", f"{refused}.") from None
        ctx.stdout.write(f"Simulating the API on {server.base_url} (any token may write unless --semantics says so)\n")
        ctx.stdout.flush()
        while not ctx.stop.wait(1.0):
            continue
    return 0


def _simulator(ctx: Context, semantics: Semantics, stack: ExitStack) -> tuple[Simulator, Answer]:
    if ctx.options.state is None:
        return Simulator(semantics, time.time), Simulator.handle
    path = Path(ctx.options.state)
    stack.enter_context(sandbox.locked(path))
    return sandbox.load(path, semantics, time.time), sandbox.saving(path)
