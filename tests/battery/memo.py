"""Remembers pure results, so that a battery takes minutes and not hours."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.api import exchange as edge
from reconciler.api.call import Answered, Call, Verb
from reconciler.api.wire import Reply
from reconciler.plan import diff as comparing


@contextmanager
def remembering() -> Iterator[None]:
    """Remembers what clean lists mean and how two settings differ, since the same input always gives the same."""
    decode, differing = edge.decode, comparing.differing_paths
    edge.decode, comparing.differing_paths = _memoized_decode(decode), _memoized_paths(differing)
    try:
        yield
    finally:
        edge.decode, comparing.differing_paths = decode, differing


def _memoized_decode(real: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[bytes, Any] = {}

    def decode(call: Call, reply: Reply, *rest: Any) -> Any:
        if call.verb is not Verb.LIST or reply.status != 200:
            return real(call, reply, *rest)
        found = known.get(reply.body)
        if found is None:
            found = real(call, reply, *rest)
            if isinstance(found, Answered):
                _keep(known, reply.body, found)
        return found

    return decode


def _memoized_paths(real: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[Any, Any] = {}

    def differing(pairs: Iterable[tuple[Any, Any]]) -> Any:
        pairs = tuple(pairs)
        key = tuple((*before.items(), None, *after.items()) for before, after in pairs)
        return known[key] if key in known else _keep(known, key, real(pairs))

    return differing


def _keep(known: dict[Any, Any], key: Any, value: Any) -> Any:
    if len(known) > 5_000:
        known.clear()
    known[key] = value
    return value
