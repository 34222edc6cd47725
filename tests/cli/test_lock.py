"""Two runs on one machine: one writes at a time, and the other says whom it waits for."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.cli.arguments import parse
from reconciler.cli.context import Context, Halt
from reconciler.cli.lock import lock, lock_accounts
from reconciler.cli.output import Output
from reconciler.model.desired import Account
from reconciler.model.problems import Location
from reconciler.secrets.redact import Redactor
from tests.cli.test_signals import Gate, start
from tests.cli.world import ID, OTHER_ID, World, tunnel

APPLY = ("apply", "--auto-approve")


def context(world: World, *argv: str) -> Context:
    output = Output(Redactor(), sys.stdout, sys.stderr)
    return Context(parse(argv), {"XDG_STATE_HOME": world.state}, sys.stdin, output)


@contextmanager
def holding(world: World, account_id: str = ID, base: str | None = None) -> Iterator[None]:
    """An apply of this account goes on meanwhile, in this very process."""
    ctx = context(world, "apply", "--base-url", base or world.base_url)
    with lock_accounts(ctx, [Account("prod", account_id, prune=True, location=Location("x"))]):
        yield


def test_a_second_apply_waits_for_the_first_and_lists_after_it(world: World) -> None:
    world.declare(tunnel(1))
    gate = world.answer = Gate("POST")
    with start(world, *APPLY) as first:
        assert gate.reached.wait(120)
        with start(world, *APPLY) as second:
            assert second.stderr is not None
            line = second.stderr.readline()
            gate.go_on.set()
            assert (first.wait(120), second.wait(120)) == (0, 0)
    assert line == f"Waiting for another apply of account prod, process {first.pid}.\n"
    assert world.calls == ["GET", "POST", "GET", "GET"]


@pytest.mark.parametrize(
    "argv",
    [APPLY, ("psk", "set", "t001", "--auto-approve"), ("psk", "rotate", "t001", "--auto-approve")],
    ids=["apply", "set", "rotate"],
)
def test_the_wait_ends_at_the_deadline_before_anything_is_sent(world: World, argv: tuple[str, ...]) -> None:
    world.env["KEY"] = "the key of t001"
    world.declare(tunnel(1, psk={"env": "KEY"} if "set" in argv else {"generate": True, "deliver_to": {"file": "key"}}))
    with holding(world):
        ran = world.run(*argv, "--timeout", "0.01", "-o", "json")
    (problem,) = ran.json["diagnostics"]
    assert (ran.code, problem["code"], world.calls) == (1, "locked", [])
    assert problem["summary"] == f"another apply of account prod, process {os.getpid()}, is still running"


@pytest.mark.parametrize("argv", [("plan",), ("drift",), ("psk", "status")], ids=" ".join)
def test_what_only_reads_waits_for_nobody(world: World, argv: tuple[str, ...]) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    with holding(world):
        assert world.run(*argv).code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_wait(world: World, number: int) -> None:
    world.declare(tunnel(1))
    with holding(world), start(world, *APPLY) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.send_signal(number)
        assert process.wait(120) == 8
    assert line.startswith("Waiting for another apply of account prod")
    assert world.calls == []


def test_other_accounts_servers_and_machines_are_not_waited_for(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    with holding(world, OTHER_ID):
        assert world.run(*APPLY, "--timeout", "60").err == ""
    with holding(world, base="http://127.0.0.1:9/client/v4"):
        assert world.run(*APPLY, "--timeout", "60").err == ""
    with holding(world):
        assert world.run(*APPLY, "--timeout", "60", env={"XDG_STATE_HOME": str(world.root / "far")}).code == 0
        assert world.run(*APPLY, "--timeout", "0.01").code == 1


@pytest.mark.parametrize("spelling", ["HTTP://127.0.0.1.:{port}//client/v4/", "http://127.0.0.1:0{port}/client//v4"])
def test_another_spelling_of_the_same_server_is_waited_for(world: World, spelling: str) -> None:
    port = world.base_url.rpartition(":")[2].partition("/")[0]
    world.declare(tunnel(1))
    with holding(world, base=spelling.format(port=port)):
        ran = world.run(*APPLY, "--timeout", "0.01")
    assert (ran.code, world.calls) == (1, [])
    assert ran.err == f"Waiting for another apply of account prod, process {os.getpid()}.\n"


def test_accounts_are_locked_in_one_order_whatever_their_names(world: World) -> None:
    accounts = [Account(n, i, prune=True, location=Location("x")) for n, i in (("a", OTHER_ID), ("b", ID))]
    ctx = context(world, "apply", "--base-url", world.base_url, "--timeout", "0.01")
    with holding(world), holding(world, OTHER_ID), pytest.raises(Halt) as refused:
        lock_accounts(ctx, accounts)
    assert "account b" in refused.value.diagnostics[0].summary


def test_a_killed_run_keeps_nobody_waiting(world: World) -> None:
    world.declare(tunnel(1))
    gate = world.answer = Gate("POST")
    with start(world, *APPLY) as process:
        assert gate.reached.wait(120)
        process.kill()
        process.wait()
        gate.go_on.set()
    ran = world.run(*APPLY)
    assert (ran.code, ran.err) == (0, "")


def test_the_lock_is_private_and_stays(world: World) -> None:
    with holding(world):
        pass
    (path,) = Path(world.state, "reconciler").iterdir()
    assert re.fullmatch(f"{ID}-[0-9a-f]{{12}}\\.lock", path.name)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent)] == [0o600, 0o700]
    assert path.read_text() == f"apply {os.getpid()}\n"


@pytest.mark.parametrize("text", ["", "apply", "apply 12", "\x1b[2J 1\n", "ä 1\n", "apply 1\napply 2\n"])
def test_a_lock_that_names_nobody_is_another_run(world: World, text: str) -> None:
    with holding(world):
        (path,) = Path(world.state, "reconciler").iterdir()
        path.write_text(text)
        world.declare(tunnel(1))
        ran = world.run(*APPLY, "--timeout", "0.01")
    assert ran.err == "Waiting for another run of account prod.\n"


@pytest.mark.parametrize("strict", [[], ["--strict"]])
def test_without_a_place_for_the_lock_apply_warns_and_goes_on(world: World, strict: list[str]) -> None:
    world.declare(tunnel(1))
    world.write("file", "")
    ran = world.run(*APPLY, *strict, "-o", "json", env={"XDG_STATE_HOME": str(world.root / "file")})
    assert (ran.code, list(world.names())) == (0, ["t001"])
    assert [(d["severity"], d["code"]) for d in ran.json["diagnostics"]] == [("warning", "no-lock")]


@pytest.mark.parametrize("home", ["", "relative", None])
def test_the_state_stands_below_the_home_when_nothing_else_is_said(world: World, home: str | None) -> None:
    world.declare(tunnel(1))
    assert world.run(*APPLY, env={"XDG_STATE_HOME": home, "HOME": str(world.root / "home")}).code == 0
    assert len(list((world.root / "home/.local/state/reconciler").iterdir())) == 1


@pytest.mark.parametrize("argv", [("plan",), APPLY], ids=" ".join)
def test_a_sandbox_is_waited_for_too(world: World, argv: tuple[str, ...]) -> None:
    world.declare(tunnel(1))
    box = world.root / "box.json.lock"
    with lock(context(world, "drift"), box, ""):
        ran = world.bare(*argv, "--sandbox=box.json", "--timeout", "0.01", "-o", "json")
    assert (ran.code, ran.json["diagnostics"][0]["code"]) == (1, "locked")
    assert ran.err == f"Waiting for another drift in the sandbox box.json, process {os.getpid()}.\n"
    assert not Path(world.state).exists()
    assert world.bare(*argv, "--sandbox=box.json").code == 0


def test_a_signal_ends_the_wait_for_a_sandbox(world: World) -> None:
    world.declare(tunnel(1))
    command = [sys.executable, "-m", "reconciler", *APPLY, "--sandbox=box.json"]
    with (
        lock(context(world, "drift"), world.root / "box.json.lock", ""),
        subprocess.Popen(command, cwd=world.root, env=world.child(), stderr=subprocess.PIPE, text=True) as process,  # noqa: S603
    ):
        assert process.stderr is not None
        line = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 8
    assert line.startswith("Waiting for another drift in the sandbox box.json")
    assert not (world.root / "box.json").exists()


def test_two_simulators_do_not_share_a_state(world: World) -> None:
    with lock(context(world, "simulate"), world.root / "state.json.lock", ""):
        ran = world.bare("simulate", "--port", "0", "--state", "state.json", "--timeout", "0.01")
    assert ran.code == 1
    assert f"another simulate with the state state.json, process {os.getpid()}, is still running" in ran.out
