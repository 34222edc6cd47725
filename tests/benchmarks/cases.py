"""What is measured: start-up, plans of growing accounts against floor and peers, many accounts, calls of an apply."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from http.client import HTTPConnection
from math import ceil
from pathlib import Path
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.data import account_id
from tests.benchmarks.measure import Sample, in_turn, run

HERE = Path(__file__).parent
PYTHON = sys.executable
TOOL = (PYTHON, "-c", "from reconciler.cli.main import run; run()")
ENV = {**os.environ, "CLOUDFLARE_API_TOKEN": "benchmark-token"}
FOUND = {name: peers.installed(name) for name in ("octodns", "cloudflare", "yaml_rs", "orjson")}
BATCH = 100

Row = dict[str, Any]


def make(folder: Path, **sizes: int) -> Path:
    """A folder of invented accounts, made in another process so that this one stays small."""
    options = [f"--{name}={count}" for name, count in sizes.items()]
    subprocess.run([PYTHON, "-m", "tests.benchmarks.data", folder, *options], check=True)
    return folder


@contextmanager
def served(folder: Path, latency: float = 0.0) -> Iterator[str]:
    """The base URL of a server of the folder's lists."""
    argv = [PYTHON, "-m", "tests.benchmarks.server", str(folder / "lists"), f"--latency={latency}"]
    server = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()
        server.wait(10)
    finally:
        server.kill()


def calls(base: str) -> dict[str, int]:
    """How many calls the server got since it was last asked, by method."""
    connection = HTTPConnection(base.removeprefix("http://"))
    connection.request("GET", "/calls")
    counts: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return counts


def tool(command: str, folder: Path, base: str | None = None, *more: str) -> list[str]:
    """A command line of the program."""
    return [*TOOL, command, f"--dir={folder / 'tunnels'}", *([f"--base-url={base}"] if base else []), *more]


def _row(case: str, name: str, sample: Sample, against: Mapping[str, Sample]) -> Row:
    ratios = {other: sample.cpu / reference.cpu for other, reference in against.items()}
    return {"case": case, "program": name, **asdict(sample), "ratios": ratios}


def start_up(folder: Path, repeat: int) -> Iterator[Row]:
    """What it costs to begin, against an empty Python program."""
    data = make(folder / "start", tunnels=100)
    found = in_turn(
        {
            "python -c pass": [PYTHON, "-c", "pass"],
            "--version": [*TOOL, "--version"],
            "--help": [*TOOL, "--help"],
            "validate, 100 tunnels": tool("validate", data),
        },
        ENV,
        repeat,
    )
    for name, sample in found.items():
        yield _row("start-up", name, sample, {"python -c pass": found["python -c pass"]})


def plans(folder: Path, count: int, percent: int, repeat: int) -> Iterator[Row]:
    """A plan of one account of which so many per cent changed, against the floor and the peers."""
    changed = count * percent // 100
    data = make(folder / f"plan-{count}-{percent}", tunnels=count, update=changed)
    zone = data / "zone"
    with served(data) as base:
        programs = {
            "floor": [PYTHON, str(HERE / "floor.py"), str(data / "tunnels"), base, account_id(0)],
            "plan": tool("plan", data, base),
        }
        if FOUND["octodns"]:
            subprocess.run([PYTHON, HERE / "peers.py", "zone", zone, str(count), str(changed)], check=True)
            sync = "import sys; from octodns.cmds.sync import main; sys.exit(main())"
            programs["octoDNS"] = [PYTHON, "-c", sync, "--config-file", str(zone / "octodns.yaml"), "--quiet"]
        if FOUND["cloudflare"]:
            programs["SDK, list only"] = [PYTHON, str(HERE / "peers.py"), "list", base, account_id(0)]
        found = in_turn(programs, ENV, repeat)
    for name, sample in found.items():
        yield _row(f"{count:,} tunnels, {percent} % changed", name, sample, found if name == "plan" else {})


def many_accounts(folder: Path, accounts: int, repeat: int) -> Iterator[Row]:
    """A plan of many accounts of 50 tunnels."""
    data = make(folder / "many", tunnels=50, accounts=accounts, update=2)
    with served(data) as base:
        found = in_turn({"plan": tool("plan", data, base)}, ENV, repeat)
    yield _row(f"{accounts} accounts of 50, 4 % changed", "plan", found["plan"], {})


def call_counts(folder: Path) -> Iterator[Row]:
    """Calls of an apply, against 2 + ceil(U / 100) + C + D, or one list when there is nothing to do."""
    for number, (update, create, delete) in enumerate(((0, 0, 0), (1, 0, 0), (250, 20, 10), (0, 0, 30))):
        data = make(folder / f"calls-{number}", tunnels=400, update=update, create=create, delete=delete)
        with served(data) as base:
            sample = run(tool("apply", data, base, "--auto-approve"), ENV)
            made = calls(base)
        changing = bool(update or create or delete)
        formula = 1 + changing + ceil(update / BATCH) + create + delete
        name = f"apply: {update} updates, {create} creates, {delete} deletes"
        yield {**_row("calls", name, sample, {}), "calls": made, "made": sum(made.values()), "formula": formula}


def latency(folder: Path, repeat: int) -> Iterator[Row]:
    """200 creates, ten side by side, with 100 ms for each answer."""
    creates, parallelism, seconds = 200, 10, 0.1
    ideal = creates / parallelism * seconds + 2 * seconds
    data = make(folder / "latency", tunnels=creates, create=creates)
    samples = []
    for _ in range(repeat):
        with served(data, seconds) as base:
            samples.append(run(tool("apply", data, base, "--auto-approve", f"--parallelism={parallelism}"), ENV))
    sample = sorted(samples, key=lambda s: s.wall)[len(samples) // 2]
    yield {**_row("latency", "apply: 200 creates, 100 ms, 10 side by side", sample, {}), "ideal": ideal}
