"""The simulator as a process of its own, and the tool against it."""

import json
import re
import shutil
import signal
import subprocess
import sys

from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.server import Simulator
from tests.cli.world import ID, World, tunnel


def test_the_tool_converges_through_faults_and_the_state_survives(world: World) -> None:
    world.declare(tunnel(1), tunnel(2))
    options = [
        "--port",
        "0",
        "--state",
        "state.json",
        "--faults",
        "2=reset-after,4=503-before",
        "--semantics",
        "order=name",
    ]
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "reconciler", "simulate", *options],
        cwd=world.root,
        env=world.child(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as simulator:
        assert simulator.stdout is not None
        (base_url,) = re.findall(r"http://\S+", simulator.stdout.readline())
        ran = world.bare("apply", "--auto-approve", "--parallelism", "1", "-o", "json", "--base-url", base_url)
        simulator.send_signal(signal.SIGTERM)
        out, err = simulator.communicate(timeout=120)
    assert (simulator.returncode, out, err) == (0, "", "\nStopping.\n")
    assert (ran.code, {c["outcome"] for c in ran.account["changes"]}) == (0, {"applied"})
    kept = json.loads(world.read("state.json"))["accounts"][ID]
    assert kept["created"] == {"t001": 1, "t002": 1}


def test_a_state_that_can_not_be_saved_is_told(world: World) -> None:
    world.declare(tunnel(1))
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "simulate", "--port", "0", "--state", "deep/state.json"],
        cwd=world.root,
        env=world.child(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as simulator:
        assert simulator.stdout is not None
        (base_url,) = re.findall(r"http://\S+", simulator.stdout.readline())
        shutil.rmtree(world.root / "deep")
        world.write("deep", "")
        world.bare("apply", "--auto-approve", "--timeout", "5", "--base-url", base_url)
        simulator.send_signal(signal.SIGTERM)
        _, err = simulator.communicate(timeout=120)
    assert simulator.returncode == 1
    assert "the state file can't be written" in err
    assert "Traceback" not in err


def test_a_port_that_is_in_use_is_an_error_that_says_what_to_do(world: World) -> None:
    with LoopbackServer(Simulator()) as running:
        ran = world.bare("simulate", "--port", str(running.port))
    said = f"port {running.port} is in use by another program. Choose another with --port; 0 picks a free one."
    assert ran.code == 1
    assert said in ran.out
