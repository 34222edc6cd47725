"""Remembers pure results, so that a battery takes minutes and not hours."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reconciler.api import exchange as edge
from reconciler.api.call import Answered, Call, Verb
from reconciler.api.wire import Reply
from reconciler.plan import diff as comparing


@contextmanager
def remembering() -> Iterator[None]:
    """Remembers what clean lists mean and how two settings differ, since the same input always gives the same."""
    decode, differing = edge.decode, comparing.compare
    edge.decode, comparing.compare = _memoized_decode(decode), _memoized_paths(differing)
    try:
        yield
    finally:
        edge.decode, comparing.compare = decode, differing


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

    def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Any:
        key = (*before.items(), None, *after.items())
        return known[key] if key in known else _keep(known, key, real(before, after))

    return differing


def _keep(known: dict[Any, Any], key: Any, value: Any) -> Any:
    if len(known) > 5_000:
        known.clear()
    known[key] = value
    return value
