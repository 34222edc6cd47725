"""Real processes against a real socket server, killed with SIGKILL, and run again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.server import Simulator
from tests import build
from tests.strangers import foreign_create

ROOT = Path(__file__).parents[2]
ACCOUNT_YAML = f"account_id: {build.ACCOUNT_ID}\nprune: true\nremoved: [gone]\n"
NAMES = ["a", "b", "c", "d", "e", "f"]


def tunnel(name: str, number: int, description: str) -> str:
    return (
        f"  - {{name: {name}, cloudflare_endpoint: 203.0.113.1, customer_endpoint: 198.51.100.10, "
        f"interface_address: 10.0.0.{2 * number}/31, description: {description}, psk: external}}\n"
    )


@pytest.fixture
def files(tmp_path):
    (tmp_path / "account.yaml").write_text(ACCOUNT_YAML)
    text = "".join(tunnel(name, i, "new") for i, name in enumerate(NAMES))
    (tmp_path / "tunnels.yaml").write_text(f"tunnels:\n{text}")
    return tmp_path


class Killer:
    """Kills the client right after the request of a number took effect, before it can see the answer."""

    def __init__(self, number: int) -> None:
        self.number, self.asked = number, 0
        self.client: subprocess.Popen[bytes] | None = None

    def __call__(self, simulator: Simulator, request: Request) -> Reply:
        reply = simulator.handle(request)
        self.asked += 1
        if self.asked == self.number and self.client is not None:
            os.kill(self.client.pid, signal.SIGKILL)
            self.client.wait()
        return reply


def start(files: Path, base_url: str) -> subprocess.Popen[bytes]:
    command = ["apply", "--dir", str(files), "--base-url", base_url, "--auto-approve", "--parallelism", "1"]
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "reconciler", *command],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "CLOUDFLARE_API_TOKEN": "token",
            "XDG_STATE_HOME": str(files.parent / "state"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.parametrize("number", range(1, 9))
def test_a_killed_apply_is_repaired_by_running_it_again(files, number):
    simulator = Simulator()
    for i, name in [(0, "a"), (1, "b"), (9, "gone")]:
        foreign_create(
            simulator, build.ACCOUNT_ID, build.settings(name, description="old", interface_address=f"10.0.0.{2 * i}/31")
        )
    simulator.settle()
    killer = Killer(number)
    with LoopbackServer(simulator, answer=killer) as server:
        with start(files, server.base_url) as first:
            killer.client = first
            first.communicate(timeout=120)
        killer.client = None
        with start(files, server.base_url) as second:
            text = second.communicate(timeout=120)[0].decode()

    assert first.returncode == -signal.SIGKILL
    assert second.returncode == 0, text
    assert sorted(t["name"] for t in simulator.tunnels(build.ACCOUNT_ID)) == NAMES
    assert {t["description"] for t in simulator.tunnels(build.ACCOUNT_ID)} == {"new"}
    assert simulator.created(build.ACCOUNT_ID) == dict.fromkeys("cdef", 1)
    assert simulator.deleted(build.ACCOUNT_ID) == {"gone": 1}
