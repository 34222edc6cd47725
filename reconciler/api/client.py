"""Carries the engine's steps out: one call, several side by side, or a pause."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.api.call import Call, Outcome, Pause, Step
from reconciler.api.exchange import Port, Session, exchange

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


class Client:
    """One account's calls.

    Args:
        account_id: Whose tunnels.
        session: Shared by all accounts of the token.
        port: Shared by all accounts of the token.
        parallelism: Calls side by side at most.

    Attributes:
        watch: Told of each call that has ended, from the thread that made it.
    """

    def __init__(self, account_id: str, session: Session, port: Port, parallelism: int) -> None:
        self._account_id = account_id
        self._session = session
        self._port = port
        self._parallelism = parallelism
        self._pool: ThreadPoolExecutor | None = None
        self.watch: Callable[[Call], None] | None = None

    def run(self, step: Step) -> tuple[Outcome, ...]:
        """Carry a step out: the outcomes in the order of its calls; none for a pause."""
        if isinstance(step, Pause):
            self._port.sleep(max(0.0, min(step.seconds, self._session.left(self._port.now()))))
            return ()
        if len(step.calls) <= 1 or self._parallelism <= 1:
            return tuple(self._call(call) for call in step.calls)
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._parallelism, "call")
        return tuple(self._pool.map(self._call, step.calls))

    def _call(self, call: Call) -> Outcome:
        outcome = exchange(self._qualified(call), self._account_id, self._session, self._port)
        if self.watch is not None:
            self.watch(call)
        return outcome

    def _qualified(self, call: Call) -> Call:
        """Key names are tunnel names, unique only in their account, while accounts may share a session."""
        if not call.keys:
            return call
        return replace(call, keys={i: f"{self._account_id}/{name}" for i, name in call.keys.items()})

    def close(self) -> None:
        """End the threads. The port stays open, since other accounts may use it."""
        if self._pool is not None:
            self._pool.shutdown()
