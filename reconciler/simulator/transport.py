"""The simulator as an httpx transport, in process: for `--sandbox`."""

import threading

import httpx

from reconciler.simulator.faults import Ambiguous, NotSent
from reconciler.simulator.message import Request
from reconciler.simulator.server import Answer, Simulator


class SimulatorTransport(httpx.BaseTransport):
    """Answers httpx requests from a simulator, one at a time, so that threads may share it."""

    def __init__(self, simulator: Simulator, answer: Answer = Simulator.handle) -> None:
        """Take the simulator, and what answers in its place when a test wants faults."""
        self.simulator = simulator
        self._answer = answer
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; the host is not looked at.

        Raises:
            httpx.ConnectError: A fault says that the request was not sent.
            httpx.ReadError: A fault leaves open whether it took effect.
        """
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.url.query.decode("ascii", "replace")
        plain = Request(request.method, request.url.path, query, headers, request.read())
        with self._lock:
            try:
                reply = self._answer(self.simulator, plain)
            except NotSent as error:
                raise httpx.ConnectError(str(error), request=request) from None
            except Ambiguous as error:
                raise httpx.ReadError(str(error), request=request) from None
        # A stream, so that the body is decoded only when it is read.
        stream = httpx.ByteStream(reply.body)
        return httpx.Response(reply.status, headers=reply.headers, stream=stream, request=request)
