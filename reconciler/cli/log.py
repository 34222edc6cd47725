"""Logs on standard error, through structlog, which is imported only when a line is really written."""

import time
from collections.abc import Callable
from typing import Any

from reconciler.api.call import Answered, CallOutcome, Pause, Step, problem_of
from reconciler.cli.context import Context

Carry = Callable[[Step], tuple[CallOutcome, ...]]


def log(ctx: Context, event: str, **fields: object) -> None:
    """One line, when `-v` was given. The stream it goes to hides keys and tokens."""
    if ctx.options.verbose:
        _logger(ctx).info(event, **fields)


def _logger(ctx: Context) -> Any:
    import structlog
    from structlog.typing import EventDict, WrappedLogger

    from reconciler.render.safe import log as inert

    def make_inert(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        # Before anything is escaped: that would hide a key from the stream, which looks for it once more.
        return {
            key: value if isinstance(value, int | float) else inert(ctx.redactor.clean(str(value)))
            for key, value in event.items()
        }

    last = (
        structlog.processors.JSONRenderer()
        if ctx.options.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=ctx.color(ctx.stderr), exception_formatter=structlog.dev.plain_traceback
        )
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(ctx.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            make_inert,
            last,
        ],
    )


def logged(ctx: Context, account: str, carry: Carry) -> Carry:
    """The same carrier, with a line for each step when `-v` was given."""
    if not ctx.options.verbose:
        return carry

    def carry_and_log(step: Step) -> tuple[CallOutcome, ...]:
        began = time.monotonic()
        outcomes = carry(step)
        seconds = round(time.monotonic() - began, 3)
        if isinstance(step, Pause):
            log(ctx, "pause", account=account, seconds=step.seconds, why=step.why)
            return outcomes
        for call, outcome in zip(step.calls, outcomes, strict=True):
            details = {"tunnel_id": call.tunnel_id} if call.tunnel_id else {}
            if not isinstance(outcome, Answered):
                problem = problem_of(outcome)
                details |= {"code": problem.code, "message": problem.message, "ray": problem.ray or ""}
                also = "; ".join(f"{one.message} ({one.code})" for one in problem.also)
                details |= {"also": also} if also else {}
            what = type(outcome).__name__.lower()
            log(ctx, "call", account=account, call=call.verb.value, outcome=what, seconds=seconds, **details)
        return outcomes

    return carry_and_log
