"""Measures whole processes, one after the other in turn, so that a slow minute of the machine slows all alike."""

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Sample:
    """One process: CPU is user and system time in seconds, memory the peak in MiB."""

    cpu: float
    wall: float
    memory: float


class Failed(Exception):
    """A measured process ended with another exit code than expected."""


def run(argv: Sequence[str], env: Mapping[str, str], expected: int = 0) -> Sample:
    """Run a program to its end; its output is thrown away.

    Raises:
        Failed: It ended with another exit code than expected.
    """
    quiet = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_RDWR, 0) for n in (0, 1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    if (code := os.waitstatus_to_exitcode(status)) != expected:
        raise Failed(f"exit code {code} from {' '.join(argv)}")
    return Sample(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def in_turn(programs: Mapping[str, Sequence[str]], env: Mapping[str, str], repeat: int) -> dict[str, Sample]:
    """Medians of each program over `repeat` rounds, after one round that does not count."""
    samples: dict[str, list[Sample]] = {name: [] for name in programs}
    for number in range(repeat + 1):
        for name, argv in programs.items():
            sample = run(argv, env)
            if number:
                samples[name].append(sample)
        print(".", end="", file=sys.stderr, flush=True)
    return {name: middle(found) for name, found in samples.items()}


def middle(samples: Iterable[Sample]) -> Sample:
    """The median of each figure for itself."""
    every = list(samples)
    return Sample(*(median(getattr(s, figure) for s in every) for figure in ("cpu", "wall", "memory")))
