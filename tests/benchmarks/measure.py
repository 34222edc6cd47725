"""Runs programs and asks the kernel what they cost.

Ratios are medians of the ratios of rounds: both programs of a round ran within the same seconds, so that what else
the machine does meets both. The ratio of two minima would need a quiet moment for each of them, which a busy machine
may grant to one alone.
"""

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Sample:
    """One run: CPU is user and system time in seconds, memory the peak of the largest process in MiB."""

    cpu: float
    wall: float
    memory: float


class Failed(Exception):
    """A measured program ended with another exit code than 0."""


def run(argv: Sequence[str], env: Mapping[str, str]) -> Sample:
    """Run a program and all that it starts to its end.

    Raises:
        Failed: Its exit code was not 0; holds the end of what it printed.
    """
    with tempfile.TemporaryFile() as printed:
        streams = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, printed.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, printed.fileno(), 2),
        ]
        began = time.perf_counter()
        pid = os.posix_spawn(argv[0], argv, env, file_actions=streams)
        _, status, used = os.wait4(pid, 0)
        wall = time.perf_counter() - began
        if code := os.waitstatus_to_exitcode(status):
            printed.seek(0)
            end = printed.read()[-2000:].decode(errors="replace")
            raise Failed(f"exit code {code} from {' '.join(argv)}\n{end}")
    return Sample(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def in_turn(programs: Mapping[str, Sequence[str]], env: Mapping[str, str], rounds: int) -> dict[str, list[Sample]]:
    """The samples of each program, one a round, after one round that does not count.

    Every second round goes backwards, so that no program always runs in the wake of the same one.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name in list(programs)[:: 1 if number % 2 else -1]:
            sample = run(programs[name], env)
            if number:
                samples[name].append(sample)
        print(".", end="", file=sys.stderr, flush=True)
    return samples


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each figure for itself."""
    return Sample(*(median(getattr(s, figure) for s in samples) for figure in ("cpu", "wall", "memory")))


def ratio(samples: Sequence[Sample], others: Sequence[Sample], figure: str = "cpu") -> float:
    """How many times the others' CPU (or another figure): the median over the rounds."""
    return median(getattr(a, figure) / getattr(b, figure) for a, b in zip(samples, others, strict=True))
