"""Runs that are stopped: real processes against a server that waits until the signal was sent."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading

import pytest

from reconciler.simulator.server import Simulator
from tests.cli.world import World, tunnel


class Gate:
    """Answers like the simulator; the first request of a method waits until the test lets it go on."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, sim: Simulator, request):
        if request.method == self.method and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(120)
        return sim.handle(request)


def start(world: World, *argv: str, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reconciler", *argv, "--base-url", world.base_url]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=world.root, env=world.child(), **(streams | options))  # noqa: S603


def stopped(world: World, gate: Gate, number: int, *argv: str) -> tuple[int, str, str]:
    world.answer = gate
    with start(world, *argv) as process:
        assert gate.reached.wait(120)
        process.send_signal(number)
        assert process.stderr is not None
        said = process.stderr.readline() + process.stderr.readline()
        gate.go_on.set()
        out, err = process.communicate(timeout=120)
    return process.returncode, out, said + err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_apply_finishes_the_call_in_flight_and_sends_no_more(world: World, number: int) -> None:
    world.live(*(tunnel(n) for n in range(6)))
    world.declare(*(tunnel(n, description="x") for n in range(6)), tunnel(9))
    run = ("apply", "--auto-approve", "--batch-size", "2", "-o", "json")
    code, out, err = stopped(world, Gate("PUT"), number, *run)
    report = json.loads(out)
    assert (code, report["outcome"]) == (8, "interrupted")
    assert world.calls == ["GET", "PUT"]
    outcomes = {c["name"]: c["outcome"] for c in report["accounts"][0]["changes"]}
    done = {name for name, outcome in outcomes.items() if outcome == "applied"}
    assert done == {n for n in world.names() if world.shown(n).get("description") == "x"}
    assert len(done) == 2
    assert set(outcomes.values()) == {"applied", "skipped"}
    assert "call in flight is finished" in err
    assert "Traceback" not in err
    world.answer = Simulator.handle
    assert world.run("apply", "--auto-approve").code == 0


def test_creates_that_wait_are_not_sent(world: World) -> None:
    world.declare(*(tunnel(n) for n in range(5)))
    code, out, _ = stopped(
        world, Gate("POST"), signal.SIGTERM, "apply", "--auto-approve", "--parallelism", "1", "-o", "json"
    )
    assert code == 8
    assert world.calls == ["GET", "POST"]
    outcomes = [c["outcome"] for c in json.loads(out)["accounts"][0]["changes"]]
    assert sorted(outcomes) == ["applied", "skipped", "skipped", "skipped", "skipped"]


def test_the_end_of_a_stopped_apply_counts_what_was_sent_and_says_how_to_go_on(world: World) -> None:
    world.declare(*(tunnel(n) for n in range(5)))
    code, out, _ = stopped(world, Gate("POST"), signal.SIGINT, "apply", "--auto-approve", "--parallelism", "1")
    assert (code, world.calls) == (8, ["GET", "POST"])
    calls, then, told = out.splitlines()[-3:]
    assert (
        re.sub(r"in [\d.]+ s", "in _ s", calls) == "Calls made: 1 list, 1 create, in _ s; not verified by a new list."
    )
    assert then == "To go on: run apply again. It goes on from what is live."
    assert told == "Apply interrupted: 1 created, 0 updated, 0 deleted, 4 skipped."


@pytest.mark.parametrize("command", [["plan"], ["drift"], ["apply", "--auto-approve"]], ids=lambda c: c[0])
def test_what_is_stopped_while_it_reads_writes_nothing(world: World, command: list[str]) -> None:
    world.account("prod")
    world.account("lab", account_id="f" * 32)
    world.declare(tunnel(1))
    world.declare(tunnel(2), file="lab/a.yaml")
    code, out, _ = stopped(world, Gate("GET"), signal.SIGINT, *command, "--parallelism", "1", "-o", "json")
    assert code == 8
    assert world.calls == ["GET"]
    assert json.loads(out)["outcome"] == "interrupted"


def test_a_second_signal_ends_at_once(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, description="x"))
    gate = world.answer = Gate("PUT")
    with start(world, "apply", "--auto-approve") as process:
        assert gate.reached.wait(120)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == -signal.SIGTERM
        gate.go_on.set()


@pytest.mark.parametrize("answer", ["yes\n", "no\n", "y\n", "YES\n", "\n", "\x04"])
def test_a_person_at_a_terminal_is_asked(world: World, answer: str) -> None:
    world.declare(tunnel(1))
    mine, theirs = pty.openpty()
    with start(world, "apply", "-o", "json", stdin=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"is taken: " not in shown:
            shown += os.read(mine, 65536)
        os.write(mine, answer.encode())
        out, _ = process.communicate(timeout=120)
    os.close(mine)
    assert b"1 to create" in shown
    assert json.loads(out)["outcome"] == ("ok" if answer == "yes\n" else "blocked")
    assert process.returncode == (0 if answer == "yes\n" else 5)
    assert bool(world.names()) == (answer == "yes\n")


def test_a_question_can_be_interrupted(world: World) -> None:
    world.declare(tunnel(1))
    mine, theirs = pty.openpty()
    with start(world, "apply", "-o", "json", stdin=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"is taken: " not in shown:
            shown += os.read(mine, 65536)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    os.close(mine)
    assert (process.returncode, json.loads(out)["outcome"]) == (8, "interrupted")
    assert world.names() == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["apply", "--plan"], "\nStopping: the call in flight is finished, nothing more is sent.\n"),
        (["plan", "--live"], "\nStopping: the call in flight is finished, nothing more is sent.\n"),
        (["drift", "--previous"], "\nStopping: the call in flight is finished, nothing more is sent.\n"),
        (["render"], "\nStopping.\n"),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else None,
)
def test_the_wait_for_a_pipe_that_nobody_writes_obeys_the_first_signal(
    world: World, argv: list[str], said: str, number: int
) -> None:
    world.declare(tunnel(1))
    os.mkfifo(world.root / "pipe")
    with start(world, *argv, "pipe", "-o", "json") as process, (world.root / "pipe").open("w"):
        process.send_signal(number)  # it has opened the pipe by now, and waits for its end
        out, err = process.communicate(timeout=120)
    assert (process.returncode, json.loads(out)["diagnostics"][0]["code"], err) == (8, "interrupted", said)
    assert world.calls == []


def test_the_wait_for_a_pipe_ends_at_the_deadline(world: World) -> None:
    world.declare(tunnel(1))
    os.mkfifo(world.root / "pipe")
    ran = world.run("apply", "--plan", "pipe", "--timeout", "0.01", "-o", "json")
    assert (ran.code, ran.json["diagnostics"][0]["code"], world.calls) == (1, "unreadable", [])
    with (world.root / "pipe").open("w"):  # lets go of what still waits there
        pass


INTERRUPTED_AT = """
import os, sys
from reconciler.cli import main
number, when = sys.argv.pop(1), sys.argv.pop(1)
class Interrupt:
    def find_spec(self, name, *_):
        if name == when:
            exec(f"os.kill(os.getpid(), {number})")  # as where the standard library makes a class
sys.meta_path.insert(0, Interrupt())
main.run()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["reconciler.cli.options", "argparse", "reconciler.cli.context"])
def test_a_signal_while_the_program_starts_shows_no_traceback(world: World, module: str, number: int) -> None:
    world.write("started.py", INTERRUPTED_AT)
    command = [sys.executable, "-m", "started", str(int(number)), module, "validate"]
    ran = subprocess.run(command, cwd=world.root, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert (ran.returncode, ran.stdout, ran.stderr) == (8, "", "\nInterrupted.\n")


def test_a_stop_does_not_hide_a_bug(world: World) -> None:
    world.declare(tunnel(1))

    def broken(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise KeyError("x")

    with world.patch.context() as patch:
        patch.setattr("reconciler.cli.apply.applied", broken)
        ran = world.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, ran.json["outcome"], ran.account["outcome"]) == (70, "internal", "internal")
