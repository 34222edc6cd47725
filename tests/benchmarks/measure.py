"""Runs programs and asks the kernel what they cost.

CPU is the minimum of the rounds: other work on the machine can only add to it (colder caches, a shared core), so the
least is nearest to what the program itself takes. Of one program against itself under a load of 9 on two cores, the
ratio of minima strayed less (2 % in 11 rounds, 5 % in 5) than that of medians and than the median of the rounds' ratios
(3 to 4 %, 5 to 6 %). Wall time is the median: it is mostly waiting, and its least is luck.
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


def in_turn(programs: Mapping[str, Sequence[str]], env: Mapping[str, str], rounds: int) -> dict[str, Sample]:
    """What each program costs, all of them run once a round, after one round that does not count.

    Every second round goes backwards, so that no program always runs in the wake of the same one.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name in list(programs)[:: 1 if number % 2 else -1]:
            sample = run(programs[name], env)
            if number:
                samples[name].append(sample)
        print(".", end="", file=sys.stderr, flush=True)
    return {name: sum_up(found) for name, found in samples.items()}


def sum_up(samples: Sequence[Sample]) -> Sample:
    """The least CPU, the median of the wall time, the most memory."""
    return Sample(min(s.cpu for s in samples), median(s.wall for s in samples), max(s.memory for s in samples))
