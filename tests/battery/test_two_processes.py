"""Two real processes with the same files and the same sink: one runs as a whole while a request of the other waits."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests import build

ROOT = Path(__file__).parents[2]
# The program, but for the wait before a second list: the other process has ended by then, so time shows nothing new.
PROGRAM = (
    "from reconciler.engine import listing; listing.AGREEMENT_SECONDS = 0.0; from reconciler.cli.main import run; run()"
)
LOCAL = {"generate": True, "deliver_to": {"file": "keys/lon-a"}}
CLOUDFLARE = {"generate": "cloudflare", "deliver_to": {"file": "keys/lon-a"}}


def declare(folder: Path, psk: object, *names: str) -> Path:
    """Tunnels with this key, and a folder for its sink."""
    (folder / "keys").mkdir(mode=0o700)
    (folder / "account.yaml").write_text(f"account_id: {build.ACCOUNT_ID}\nprune: true\n")
    tunnels = [build.settings(name) | {"psk": psk} for name in names or ("lon-a",)]
    (folder / "lon.yaml").write_text(json.dumps({"tunnels": tunnels}))
    return folder


class Ran:
    """A real process that has ended: its exit code and its report."""

    def __init__(self, files: Path, base_url: str, home: str) -> None:
        argv = ["apply", "--dir", str(files), "--base-url", base_url, "--auto-approve", "--parallelism", "1"]
        report = files.parent / f"{home}.json"
        state = str(files.parent / home)
        found = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", PROGRAM, *argv, "-o", "text", "-o", f"json={report}"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "CLOUDFLARE_API_TOKEN": "t", "A_PSK": "from env", "XDG_STATE_HOME": state},
            capture_output=True,
            timeout=120,
            check=False,
        )
        self.code = found.returncode
        self.last = found.stdout.decode().splitlines()[-1]
        self.changes: list[Any] = [c for a in json.loads(report.read_text())["accounts"] for c in a["changes"]]

    @property
    def change(self) -> tuple[str, str | None]:
        """How the one change ended, and the code of its error."""
        (change,) = self.changes
        return change["outcome"], (change["error"] or {}).get("code")

    @property
    def counts(self) -> dict[str, int]:
        """How many changes ended in which way."""
        return Counter(change["outcome"] for change in self.changes)


@contextmanager
def meeting(simulator: Simulator, number: int, files: Path, *, before: bool) -> Iterator[tuple[str, list[Ran]]]:
    """A server at which another apply runs to its end while a request waits.

    Args:
        simulator: Shared by both.
        number: Which request waits, from 1.
        files: What the other one applies.
        before: Whether the request is carried out only then; else it is answered only then.
    """
    others: list[Ran] = []
    asked = 0

    def answer(server: Simulator, request: Request) -> Reply:
        nonlocal asked
        asked += 1
        reply = None if before and asked == number else server.handle(request)
        if asked == number:
            others.append(Ran(files, second.base_url, "other-home"))
        return reply or server.handle(request)

    with LoopbackServer(simulator) as second, LoopbackServer(simulator, answer=answer) as first:
        yield first.base_url, others


def in_force(simulator: Simulator) -> str:
    (key,) = simulator.psks(build.ACCOUNT_ID).values()
    return key


LIST, CREATE = 1, 2


@pytest.mark.parametrize(
    ("psk", "number", "before", "status"),
    [
        (LOCAL, LIST, False, 400),
        (LOCAL, LIST, False, 409),
        (LOCAL, CREATE, True, 400),
        (CLOUDFLARE, LIST, False, 400),
        (CLOUDFLARE, LIST, False, 409),
    ],
)
def test_of_two_who_create_a_tunnel_one_says_so_and_the_sink_holds_the_key_in_force(
    tmp_path, psk, number, before, status
):
    simulator, files = Simulator(Semantics(conflict_status=status)), declare(tmp_path, psk)
    with meeting(simulator, number, files, before=before) as (base_url, others):
        ours = Ran(files, base_url, "home")

    assert [others[0].code, others[0].change] == [0, ("applied", None)]
    assert [ours.code, ours.change] == [7, ("unknown", "key-not-in-sink")]
    assert (files / "keys/lon-a").read_text() == in_force(simulator)


def test_two_who_create_at_once_count_what_each_of_them_made(tmp_path):
    simulator, files = Simulator(), declare(tmp_path, "external", *"abcdef")
    with meeting(simulator, 4, files, before=False) as (base_url, others):
        ours = Ran(files, base_url, "home")

    assert [others[0].code, ours.code] == [0, 0]
    assert [others[0].counts, ours.counts] == [{"applied": 3}, {"applied": 3, "skipped": 3}]
    assert ours.last == "Apply complete: 3 created, 0 updated, 0 deleted, 3 skipped."
