"""Measures the program against a floor and its peers; prints a table and writes the figures as JSON.

    pip install -e .[dev] octodns orjson yaml-rs
    python -m tests.benchmarks [--quick] [--only start,plan,accounts,calls,latency] [--json FILE]

CPU is user and system time of whole processes, medians of rounds in which all programs run in turn. Ratios hold
between programs of one block; figures of different blocks were taken at different times. Peers that are not installed
are left out, and named.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks import cases

PARTS = ("start", "plan", "accounts", "calls", "latency")
SIZES = {100: 11, 1_000: 7, 10_000: 5}  # tunnels to rounds


def rows(folder: Path, parts: list[str], *, quick: bool) -> Iterator[cases.Row]:
    """Every figure that was asked for."""
    if "start" in parts:
        yield from cases.start_up(folder, 5 if quick else 21)
    sizes = SIZES if "plan" in parts else {}
    for count, percent in ((c, p) for c in sizes if not quick or c < max(SIZES) for p in (0, 5)):
        yield from cases.plans(folder, count, percent, 3 if quick else SIZES[count])
    if "accounts" in parts:
        yield from cases.many_accounts(folder, 20 if quick else 200, 1 if quick else 5)
    if "calls" in parts:
        yield from cases.call_counts(folder)
    if "latency" in parts:
        yield from cases.latency(folder, 1 if quick else 5)


def line(row: cases.Row) -> str:
    """One line of the table."""
    text = f"  {row['program']:48} {row['cpu'] * 1e3:8.0f} {row['wall'] * 1e3:8.0f} {row['memory']:7.0f}"
    ratios = [f"{ratio:.2f} x {name}" for name, ratio in row["ratios"].items() if name != row["program"]]
    if "formula" in row:
        ratios.append(f"{row['made']} calls, formula {row['formula']}")
    if "ideal" in row:
        ratios.append(f"{row['wall'] / row['ideal']:.2f} x the ideal of {row['ideal']:.1f} s (wall)")
    return f"{text}  {', '.join(ratios)}".rstrip()


def growth(found: list[cases.Row]) -> str:
    """How much dearer ten times as many tunnels are."""
    plans = {row["case"]: row["cpu"] for row in found if row["program"] == "plan"}
    pairs = [(f"1,000 tunnels, {p} % changed", f"10,000 tunnels, {p} % changed", p) for p in (0, 5)]
    shown = [f"{plans[b] / plans[a]:.1f} ({p} % changed)" for a, b, p in pairs if a in plans and b in plans]
    return f"\nGrowth of CPU from 1,000 to 10,000 tunnels: {', '.join(shown)}" if shown else ""


def machine() -> dict[str, Any]:
    """Where and with what it was measured."""
    cpus = Path("/proc/cpuinfo")
    models = [x.partition(": ")[2] for x in cpus.read_text().splitlines() if x.startswith("model name")]
    names = {"octodns": "octodns", "cloudflare": "cloudflare", "yaml_rs": "yaml-rs", "orjson": "orjson"}
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {names[m]: version(names[m]) if there else None for m, there in cases.FOUND.items()},
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="few rounds, no 10,000 tunnels, 20 accounts")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run, separated by commas")
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"), help="where the figures go")
    options = parser.parse_args()
    about = machine()
    print(", ".join(f"{k}: {v}" for k, v in about.items() if k != "versions"))
    for name, found in about["versions"].items():
        print(f"{name} {found}" if found else f"{name} is not installed: left out (pip install {name})")
    print(f"{'':50} {'CPU ms':>8} {'wall ms':>8} {'MiB':>7}  CPU ratios")
    done: list[cases.Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), options.only.split(","), quick=options.quick):
            if not done or done[-1]["case"] != row["case"]:
                print(row["case"], file=sys.stdout)
            done.append(row)
            print(line(row), flush=True)
    print(growth(done))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"machine": about, "results": done}, indent=2) + "\n")


main()
