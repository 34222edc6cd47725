"""Measures the program against an earlier commit and its peers; prints a table in Markdown and writes it as JSON.

    pip install -e . octodns cloudflare
    python -m tests.benchmarks --against 982fc4d [--quick] [--only PART …]

CPU is user and system time of whole processes. All programs of a block run in turn, once a round, and the least CPU of
each counts. Ratios hold between programs of one block: figures of different blocks were taken at different times. Peers
that are not installed are left out, and named. The exit code is 1 if a limit is not kept.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from tests.benchmarks import cases
from tests.benchmarks import terraform as tf
from tests.benchmarks.program import earlier
from tests.benchmarks.row import HEAD, Row

PLANS, RACES = {100: 11, 1_000: 7, 10_000: 5}, {20: 3, 100: 3, 500: 3}  # tunnels to rounds
PARTS = ("start", "plan", "accounts", "calls", "latency", "terraform")
QUICK_PLANS, QUICK_RACES = {100: 3, 1_000: 3}, {20: 1}


def parts(folder: Path, against: str | None, *, quick: bool) -> dict[str, Iterator[Row]]:
    """Every figure, measured when it is asked for."""
    other = (against, earlier(against, folder)) if against else None
    peer = tf.find()
    plans, races = (QUICK_PLANS, QUICK_RACES) if quick else (PLANS, RACES)
    return {
        "start": cases.start_up(folder, 5 if quick else 21),
        "plan": chain.from_iterable(cases.plans(folder, n, p, r, other) for n, r in plans.items() for p in (0, 5)),
        "accounts": cases.many_accounts(folder, 20 if quick else 200, 1 if quick else 5),
        "calls": cases.call_counts(folder),
        "latency": cases.latency(folder, 1 if quick else 5),
        "terraform": chain.from_iterable(tf.race(folder, peer, n, r) for n, r in races.items() if peer),
    }


def about(against: str | None) -> list[str]:
    """Where and with what it is measured, and what is left out."""
    cpus = Path("/proc/cpuinfo")
    models = [x.partition(": ")[2] for x in cpus.read_text().splitlines() if x.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    peer = tf.find()
    machine = (
        f"{models[0] if models else platform.processor()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, load average {load}"
    )
    return [
        machine,
        *(
            f"{name} {version(name)}" if there else f"{name} is left out: not installed (pip install {name})"
            for name, there in cases.FOUND.items()
        ),
        f"against {against}" if against else f"no earlier commit: --against {cases.BEFORE} is what the limits are for",
        f"Terraform {peer.version()}" if peer else tf.MISSING,
    ]


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--against", metavar="REF", help="measure `plan` side by side with this commit's")
    parser.add_argument("--quick", action="store_true", help="few rounds, no 10,000 tunnels, 20 accounts")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help="one or several parts")
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"), help="where the figures go")
    options = parser.parse_args()
    known = about(options.against)
    print(*(f"- {line}" for line in known), "", HEAD, sep="\n", flush=True)
    done: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        found = parts(Path(folder), options.against, quick=options.quick)
        for row in chain.from_iterable(found[part] for part in options.only):
            done.append(row)
            print(row.markdown(), flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    figures = [{**asdict(row), "verdict": row.verdict} for row in done]
    options.json.write_text(json.dumps({"about": known, "rows": figures}, indent=2) + "\n")
    return int(any(row.limit is not None and row.value > row.limit for row in done))


sys.exit(main())
