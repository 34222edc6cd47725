"""The fault battery: `python -m tests.battery --quick`, `--long`, `--replay …`, `--planted`."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.battery.batteries import Tally, parse_replay, tell, work
from tests.battery.oracles import ORACLES
from tests.battery.port import KINDS

QUICK = {
    "single": (6, 10_000),
    "pairs": (2, 1_500),
    "random": (20, 100),
    "two": (20, 50),
    "rivals": (8, 141),
    "strangers": (16, 40),
    "paths": (20, 10),
    "keys": (4, 500),
    "names": (8, 300),
    "sinks": (8, 200),
    "waves": (16, 60),
    "routed": (6, 300),
    "measured": (12, 120),
    "machine": (4, 1),
}
LONG = {
    "single": (330, 10_000),
    "pairs": (20, 20_000),
    "random": (2_050, 100),
    "two": (410, 50),
    "rivals": (200, 141),
    "strangers": (160, 1_000),
    "paths": (510, 10),
    "keys": (50, 500),
    "names": (100, 1_000),
    "sinks": (100, 1_000),
    "waves": (64, 3_000),
    "routed": (64, 1_000),
    "measured": (64, 3_000),
    "machine": (600, 1),
}
"""Battery to the number of seeds, and the most stories of each."""

_SHOWN = 20


def _tasks(amounts: dict[str, tuple[int, int]], first: int) -> Iterator[tuple[str, int, int]]:
    for name, (seeds, most) in amounts.items():
        yield from ((name, seed, most) for seed in range(first, first + seeds))


def tell_all(amounts: dict[str, tuple[int, int]], first: int, workers: int) -> dict[str, Tally]:
    """Runs the batteries.

    Args:
        amounts: Battery to seeds and stories.
        first: First seed.
        workers: Processes; 1 stays in this one.
    """
    sums = {name: Tally() for name in amounts}
    tasks = list(_tasks(amounts, first))
    if workers == 1:
        found = map(work, tasks)
        for name, tally in found:
            sums[name].merge(tally)
        return sums
    with get_context("fork").Pool(workers) as pool:
        for name, tally in pool.imap_unordered(work, tasks):
            sums[name].merge(tally)
    return sums


def silent(sums: dict[str, Tally]) -> list[str]:
    """Cells of fault and operation that never occurred, among the operations that apply makes."""
    seen = set(chain.from_iterable(tally.fired for tally in sums.values()))
    asked = ("list", "routes", "create", "bulk", "update", "delete")
    return [f"{kind} at {one}" for kind in KINDS for one in asked if (kind, one) not in seen]


def report(sums: dict[str, Tally], seconds: float) -> dict[str, Any]:
    """The sums as plain values."""
    return {
        "seconds": round(seconds, 1),
        "runs": sum(tally.runs for tally in sums.values()),
        "oracles": ORACLES,
        "cells_never_seen": silent(sums),
        "batteries": {name: _plain(tally) for name, tally in sums.items()},
    }


def _plain(tally: Tally) -> dict[str, Any]:
    return {
        "runs": tally.runs,
        "failed": len(tally.failures),
        "failures": [{"replay": text, "breaches": why} for text, why in sorted(tally.failures)[:_SHOWN]],
        "outcomes": dict(sorted(tally.outcomes.items())),
        "runs_to_converge": {str(k): n for k, n in sorted(tally.repairs.items())},
        "fired": {" at ".join(k): n for k, n in sorted(tally.fired.items())},
        "breaches": {" at ".join(k): n for k, n in sorted(tally.breaches.items())},
        "stories_at_a_known_limit": tally.limited,
        "stories_with_an_overwrite_that_nobody_could_see": tally.unseen,
        "known_limits": {" at ".join(k): n for k, n in sorted(tally.limits.items())},
    }


def text_of(found: dict[str, Any]) -> str:
    """The report in a few lines."""
    lines = [f"{found['runs']} runs in {found['seconds']} s"]
    for name, tally in found["batteries"].items():
        limits = tally["stories_at_a_known_limit"]
        repairs = ", ".join(f"{n} in {k}" for k, n in tally["runs_to_converge"].items())
        lines.append(
            f"{name}: {tally['runs']} runs, {tally['failed']} with a breach, {limits} at a known limit, "
            f"{tally['stories_with_an_overwrite_that_nobody_could_see']} with an overwrite that nobody could see; "
            f"converged: {repairs} runs"
        )
        lines += [
            f"  python -m tests.battery --replay '{one['replay']}'   {one['breaches'][:200]}"
            for one in tally["failures"]
        ]
    never = found["cells_never_seen"]
    lines.append(f"{len(never)} cells of fault at operation never seen{': ' if never else ''}{', '.join(never)}")
    return "\n".join(lines)


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.battery", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--quick", action="store_true", help="half a minute's worth")
    what.add_argument("--long", action="store_true", help="the full numbers")
    what.add_argument("--replay", metavar="STORY", help="tell one story again")
    what.add_argument("--planted", action="store_true", help="show that planted bugs are caught")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Runs what was asked for; 0 when nothing was breached."""
    given = _arguments(arguments)
    if given.replay:
        return _replay(given.replay)
    if given.planted:
        from tests.battery.planted import main as planted

        return planted(given.workers)
    begin = time.monotonic()
    sums = tell_all(QUICK if given.quick else LONG, given.seed, given.workers)
    found = report(sums, time.monotonic() - begin)
    sys.stdout.write(text_of(found) + "\n")
    if given.report:
        given.report.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if any(tally.failures for tally in sums.values()) else 0


def _replay(text: str) -> int:
    result = tell(parse_replay(text))
    lines = [f"met: {result.fired}; invocations: {dict(result.outcomes)}; repaired in {result.repairs} runs"]
    lines += [f"known limit {breach.oracle}: {breach.text}" for breach in result.limits]
    lines += [f"breach {b.oracle} ({ORACLES[b.oracle]}): {b.text}" for b in result.breaches]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if result.breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
