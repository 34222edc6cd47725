"""Logs on standard error: with `-v` a line for each call, with `-vv` one for each HTTP request too.

structlog writes them; it and this module are imported only when logs are asked for. Neither bodies nor their sizes are
logged, since they may hold keys.
"""

import re
import time
from functools import partial
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from reconciler.api.call import Answered, Ask, Carry, Pause, Probe, Said, Send, Step, problem_of
from reconciler.api.exchange import AmbiguousError, NotSentError
from reconciler.api.http import HttpPort
from reconciler.api.wire import Reply, Request, ray_of
from reconciler.cli.context import Context
from reconciler.render.safe import log as inert

_WAIT = re.compile(r"[\w ,:+-]{1,80}", re.ASCII)
"""What a `retry-after` may be: seconds or a date, or several."""


def log(ctx: Context, event: str, **fields: object) -> None:
    """One line. The stream it goes to hides keys and tokens."""

    def make_inert(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        # Before anything is escaped: that would hide a key from the stream, which looks for it once more.
        return {
            key: value if isinstance(value, int | float) else inert(ctx.output.redactor.clean(str(value)))
            for key, value in event.items()
        }

    if ctx.options.log_format == "json":
        last: Any = structlog.processors.JSONRenderer()
    else:
        last = structlog.dev.ConsoleRenderer(
            colors=ctx.color(ctx.output.stderr), exception_formatter=structlog.dev.plain_traceback
        )
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.wrap_logger(
        structlog.PrintLogger(cast(TextIO, ctx.output.stderr)),
        processors=[structlog.processors.add_log_level, stamp, make_inert, last],
    ).info(event, **fields)


def logged(ctx: Context, account: str, carry: Carry) -> Carry:
    """The same carrier, with a line for each call, pause, or tunnel that is probed."""

    def carry_and_log(step: Step) -> tuple[Any, ...]:
        began = time.monotonic()
        outcomes = carry(step)
        seconds = _since(began)
        if isinstance(step, Pause):
            log(ctx, "pause", account=account, seconds=step.seconds, why=step.why)
        if isinstance(step, Probe):
            for (name, _), found in zip(step.tunnels, outcomes, strict=True):
                log(ctx, "probe", account=account, tunnel=name, healthy=found.healthy, said=found.said)
        if isinstance(step, Ask):
            (answer,) = outcomes
            details = {"status": answer.status} if isinstance(answer, Said) else {"code": answer.code}
            what = type(answer).__name__.lower()
            log(ctx, "call", account=account, call=step.verb.value, outcome=what, seconds=seconds, **details)
        if not isinstance(step, Send):
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


class LoggedPort(HttpPort):
    """An `HttpPort` with a line for every attempt, also for one that a retry makes good, which a call's line hides."""

    def __init__(self, ctx: Context, *port: Any) -> None:
        super().__init__(*port)
        self._ctx = ctx

    def send(self, request: Request, timeout: float) -> Reply:
        """As `HttpPort.send`."""
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        line = partial(log, self._ctx, "request", method=request.method, path=request.path, query=query)
        began = time.monotonic()
        try:
            reply = super().send(request, timeout)
        except (NotSentError, AmbiguousError) as problem:
            line(problem=str(problem), seconds=_since(began))
            raise
        wait, ray = reply.headers.get("retry-after", ""), ray_of(reply)
        # What explains a wait, and what Cloudflare's support asks for.
        more = ({"retry_after": wait} if _WAIT.fullmatch(wait) else {}) | ({"cf_ray": ray} if ray else {})
        line(status=reply.status, seconds=_since(began), **more)
        return reply


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
