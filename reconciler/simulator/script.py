"""Faults by number: which request of a served simulator meets which fault."""

from collections.abc import Mapping
from itertools import count

from reconciler.simulator.faults import FaultKind, apply_fault
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.server import Answer, Simulator


def parse_faults(text: str) -> dict[int, FaultKind]:
    """Reads faults as `N=KIND,N=KIND`; the first request is 1.

    Raises:
        ValueError: Not a number above 0, or an unknown kind; the message names the choices.
    """
    faults: dict[int, FaultKind] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        number, _, kind = part.partition("=")
        if not (number.isascii() and number.isdigit() and int(number)):
            raise ValueError(f"{part!r}: write N=KIND, N being the number of a request from 1")
        if kind not in set(FaultKind):
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(FaultKind)}")
        faults[int(number)] = FaultKind(kind)
    return faults


def scripted(faults: Mapping[int, FaultKind]) -> Answer:
    """Returns an `answer` under which the requests of these numbers meet their faults."""
    numbers = count(1)

    def answer(simulator: Simulator, request: Request) -> Reply:
        kind = faults.get(next(numbers))
        return simulator.handle(request) if kind is None else apply_fault(kind, simulator, request)

    return answer
