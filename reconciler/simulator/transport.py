"""The simulator as an httpx transport, in process: for `--sandbox`."""

import threading

import httpx

from reconciler.simulator.faults import Ambiguous, NotSent
from reconciler.simulator.message import Reply, Request
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
        plain = request_of(request)
        with self._lock:
            try:
                reply = self._answer(self.simulator, plain)
            except NotSent as error:
                raise httpx.ConnectError(str(error), request=request) from None
            except Ambiguous as error:
                raise httpx.ReadError(str(error), request=request) from None
        return response_of(reply, request)


def request_of(request: httpx.Request) -> Request:
    """An httpx request as the simulator takes it."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = request.url.query.decode("ascii", "replace")
    return Request(request.method, request.url.path, query, headers, request.read())


def response_of(reply: Reply, request: httpx.Request) -> httpx.Response:
    """A reply of the simulator as httpx gives it; the body is decoded only when it is read."""
    return httpx.Response(reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body), request=request)
