"""What is measured but for Terraform: start-up, plans of growing accounts, many accounts, calls, waiting."""

import os
import subprocess
import sys
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.data import account_id
from tests.benchmarks.measure import in_turn, run, sum_up
from tests.benchmarks.program import command, script
from tests.benchmarks.row import Row
from tests.benchmarks.server import calls, listing, served

PEERS = Path(__file__).parent / "peers.py"
ENV = {**os.environ, "CLOUDFLARE_API_TOKEN": "benchmark-token"}
FOUND = {name: peers.installed(name) for name in ("octodns", "cloudflare")}
BATCH = 100

# The most that is allowed, and where it shall come to: CPU of `plan` as a multiple of that of an earlier commit, which
# had its own reader of YAML and its own schema languages where there are libraries now.
BEFORE = "982fc4d"
PLAN = {100: (1.6, 1.3), 1_000: (1.45, 1.2), 10_000: (1.45, 1.3)}
OCTODNS = {1_000: 0.35, 10_000: 0.12}
HELP = 4.0
MEMORY = {10_000: 160.0}  # MiB


def make(folder: Path, **sizes: int) -> Path:
    """A folder of invented accounts, made in another process so that this one stays small."""
    options = [f"--{name}={count}" for name, count in sizes.items()]
    subprocess.run([sys.executable, "-m", "tests.benchmarks.data", folder, *options], check=True)
    return folder


def start_up(folder: Path, rounds: int) -> Iterator[Row]:
    """What it costs to begin, against an empty Python program."""
    data = make(folder / "start", tunnels=100)
    empty, helped, validated = "python -c pass", "`--help`", "`validate` of 100 tunnels"
    found = in_turn(
        {
            empty: [sys.executable, "-c", "pass"],
            helped: [*script(), "--help"],
            validated: [*script(), "validate", f"--dir={data / 'tunnels'}"],
        },
        ENV,
        rounds,
    )
    base = found[empty].cpu
    for name, limit in ((helped, HELP), (validated, None)):
        cpu = found[name].cpu
        yield Row(f"CPU of {name} / `{empty}`", cpu / base, "x", f"{cpu * 1e3:.0f} / {base * 1e3:.0f} ms", limit)


def plans(folder: Path, count: int, percent: int, rounds: int, earlier: tuple[str, Path] | None) -> Iterator[Row]:
    """A plan of one account of which so many per cent changed, against an earlier commit and the peers."""
    changed = count * percent // 100
    data = make(folder / f"plan-{count}-{percent}", tunnels=count, update=changed)
    zone = data / "zone"
    limits: dict[str, tuple[float | None, float | None]] = {"octoDNS": (OCTODNS.get(count), None)}
    with served(data / "lists") as base:
        programs = {"plan": command("plan", data, base)}
        if earlier:
            ref, checkout = earlier
            programs[ref] = command("plan", data, base, checkout=checkout)
            limits[ref] = PLAN[count] if ref == BEFORE else (None, None)
        if FOUND["octodns"]:
            subprocess.run([sys.executable, PEERS, "zone", zone, str(count), str(changed)], check=True)
            sync = "import sys; from octodns.cmds.sync import main; sys.exit(main())"
            programs["octoDNS"] = [sys.executable, "-c", sync, f"--config-file={zone / 'octodns.yaml'}", "--quiet"]
        if FOUND["cloudflare"]:
            programs["the SDK's list alone"] = [sys.executable, str(PEERS), "list", base, account_id(0)]
        found = in_turn(programs, ENV, rounds)
    what = f"`plan` of {count:,}, {percent} % changed" if percent else f"`plan` of {count:,}, nothing changed"
    ours = found.pop("plan")
    yield Row(f"CPU of {what}", ours.cpu, "s", f"{ours.wall:.2f} s wall")
    for other, theirs in found.items():
        cpu = f"{ours.cpu:.2f} / {theirs.cpu:.2f} s"
        yield Row(f"CPU of {what} / {other}", ours.cpu / theirs.cpu, "x", cpu, *limits.get(other, ()))
    yield Row(f"memory of {what}", ours.memory, "MiB", "", MEMORY.get(count))


def many_accounts(folder: Path, accounts: int, rounds: int) -> Iterator[Row]:
    """A plan of many accounts of 50 tunnels."""
    data = make(folder / "many", tunnels=50, accounts=accounts, update=2)
    with served(data / "lists") as base:
        found = in_turn({"plan": command("plan", data, base)}, ENV, rounds)["plan"]
    more = f"{found.wall:.2f} s wall, {found.memory:.0f} MiB"
    yield Row(f"CPU of `plan` of {accounts} accounts of 50, 4 % changed", found.cpu, "s", more)


def call_counts(folder: Path) -> Iterator[Row]:
    """Calls of an apply: 2 + ceil(U / 100) + C + D, and 1 with any D; or one list when there is nothing to do."""
    for number, (update, create, delete) in enumerate(((0, 0, 0), (1, 0, 0), (250, 20, 10), (0, 0, 30))):
        data = make(folder / f"calls-{number}", tunnels=400, update=update, create=create, delete=delete)
        with served(data / "lists") as base:
            run(command("apply", data, base, "--auto-approve"), ENV)
            made = calls(base)
        formula = 1 + bool(update or create or delete) + ceil(update / BATCH) + create + delete + bool(delete)
        name = f"calls of `apply`, {update} updates, {create} creates, {delete} deletes"
        yield Row(name, sum(made.values()), "calls", listing(made), formula)


def latency(folder: Path, rounds: int) -> Iterator[Row]:
    """200 creates, ten side by side, with 100 ms for each answer."""
    creates, parallelism, seconds = 200, 10, 0.1
    ideal = creates / parallelism * seconds + 2 * seconds
    data = make(folder / "latency", tunnels=creates, create=creates)
    samples = []
    for _ in range(rounds):
        with served(data / "lists", seconds) as base:
            samples.append(run(command("apply", data, base, "--auto-approve", f"--parallelism={parallelism}"), ENV))
    wall = sum_up(samples).wall
    name = "wall time of 200 creates, 100 ms each, 10 side by side / ideal"
    yield Row(name, wall / ideal, "x", f"{wall:.1f} / {ideal:.1f} s")
