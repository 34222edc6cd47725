"""The simulator as an HTTP server on loopback, for `simulate` and for any other client. It prints and logs nothing."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reconciler.simulator.faults import Ambiguous, NotSent
from reconciler.simulator.message import Reply, Request, failure
from reconciler.simulator.server import Answer, Simulator

MAX_BODY = 8 * 1024 * 1024
_IDLE_SECONDS = 60


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "reconciler-simulator"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "LoopbackServer"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing: a request line would only repeat the simulator's own log."""

    def _answer(self) -> None:
        length = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._refuse(failure(411, 1022, "Invalid Request: a plain content-length is needed"))
        elif int(length) > MAX_BODY:
            self._refuse(failure(413, 1022, "Invalid Request: the body is too large"))
        else:
            path, _, query = self.path.partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, path, query, headers, self.rfile.read(int(length)))
            try:
                with self.server.lock:
                    reply = self.server.answer(self.server.simulator, request)
            except (NotSent, Ambiguous):
                self.close_connection = True  # the client sees the connection end without an answer
            else:
                self._send(reply)

    def _refuse(self, reply: Reply) -> None:
        self.close_connection = True
        reply.headers["connection"] = "close"
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "content-length" in reply.headers:  # a fault lies about it: nothing more can be read from this connection
            self.close_connection = True
        elif reply.status != HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Take every method, known or not: what it may do is the simulator's to say, in the API's envelope."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse in the envelope what is not HTTP at all; the base class would answer in HTML."""
        self.request_version = self.protocol_version  # it may not have been read, and an answer needs a status line
        self._refuse(failure(code, 1022, f"Invalid Request: {message or HTTPStatus(code).phrase}"))


class LoopbackServer(ThreadingHTTPServer):
    """A running server in threads of its own, usable as a context manager; it answers one request at a time.

    Attributes:
        port: The TCP port on 127.0.0.1.
        base_url: What `--base-url` takes.
    """

    daemon_threads = True
    allow_reuse_address = True  # a port that is listened on is refused all the same, one that was just left is not
    request_queue_size = 128

    def __init__(self, simulator: Simulator, port: int = 0, answer: Answer = Simulator.handle) -> None:
        """Start it.

        Args:
            simulator: Answers the requests.
            port: TCP port; 0 takes a free one.
            answer: What answers in the simulator's place when a test wants faults.

        Raises:
            OSError: The port is taken or forbidden.
        """
        super().__init__(("127.0.0.1", port), _Handler)
        self.simulator = simulator
        self.answer = answer
        self.lock = threading.Lock()
        self.port = self.server_address[1]
        self.base_url = f"http://127.0.0.1:{self.port}/client/v4"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that go away in the middle."""

    def shutdown(self) -> None:
        """Stop it and close its socket."""
        super().shutdown()
        self.server_close()
        self._thread.join()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
