"""Drives a protocol: hands each step to whatever carries it out and feeds back what came of it."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")


def drive(protocol: Generator[S, Any, T], carry: Callable[[S], Any]) -> T:
    """Run a protocol to its end and return its result.

    Args:
        protocol: For example `apply(plan)`, or the rotation of keys.
        carry: Carries one step out: for a `Send` one outcome per call, for a `Pause` nothing.
    """
    try:
        step = next(protocol)
        while True:
            step = protocol.send(carry(step))
    except StopIteration as end:
        result: T = end.value
        return result
