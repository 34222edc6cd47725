"""The way to Cloudflare with a line in the log for each request, for `-vv`.

Neither bodies nor their sizes are told, since they may hold keys.
"""

import re
import time
from collections.abc import Callable
from functools import partial

from reconciler.api.exchange import AmbiguousError, NotSentError
from reconciler.api.http import HttpPort
from reconciler.api.wire import Reply, Request, ray_of

_WAIT = re.compile(r"[\w ,:+-]{1,80}", re.ASCII)
"""What a `retry-after` may be: seconds or a date, or several."""


class LoggedPort(HttpPort):
    """An `HttpPort` that tells of every attempt, also of those that a retry makes good and a call's own line hides.

    Attributes:
        tell: Takes the fields of a line; called from many threads.
    """

    tell: Callable[..., None]

    def send(self, request: Request, timeout: float) -> Reply:
        """As `HttpPort.send`."""
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        tell = partial(self.tell, method=request.method, path=request.path, query=query)
        began = time.monotonic()
        try:
            reply = super().send(request, timeout)
        except (NotSentError, AmbiguousError) as problem:
            tell(problem=str(problem), seconds=_since(began))
            raise
        tell(status=reply.status, seconds=_since(began), **_told(reply))
        return reply


def _told(reply: Reply) -> dict[str, str]:
    """What explains a wait, and what Cloudflare's support asks for."""
    wait, ray = reply.headers.get("retry-after", ""), ray_of(reply)
    return ({"retry_after": wait} if _WAIT.fullmatch(wait) else {}) | ({"cf_ray": ray} if ray else {})


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
