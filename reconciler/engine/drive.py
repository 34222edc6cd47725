"""Drives a protocol: hands each step to whatever carries it out and feeds the outcomes back."""

from collections.abc import Callable, Generator
from typing import TypeVar

from reconciler.api.call import Outcome, Step

T = TypeVar("T")


def drive(protocol: Generator[Step, tuple[Outcome, ...], T], carry: Callable[[Step], tuple[Outcome, ...]]) -> T:
    """Run a protocol to its end and return its result.

    Args:
        protocol: For example `apply(plan)`.
        carry: Carries one step out: one outcome per call of a `Send`, an empty tuple for a `Pause`.
    """
    try:
        step = next(protocol)
        while True:
            step = protocol.send(carry(step))
    except StopIteration as end:
        result: T = end.value
        return result
