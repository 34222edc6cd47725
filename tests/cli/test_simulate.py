"""The simulator as a process of its own, and the tool against it."""

import json
import re
import signal
import subprocess
import sys

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
        text=True,
    ) as simulator:
        assert simulator.stdout is not None
        (base_url,) = re.findall(r"http://\S+", simulator.stdout.readline())
        ran = world.bare("apply", "--auto-approve", "--parallelism", "1", "-o", "json", "--base-url", base_url)
        simulator.send_signal(signal.SIGTERM)
        assert simulator.wait(20) == 0
    assert (ran.code, {c["outcome"] for c in ran.account["changes"]}) == (0, {"applied"})
    kept = json.loads(world.read("state.json"))["accounts"][ID]
    assert kept["created"] == {"t001": 1, "t002": 1}
