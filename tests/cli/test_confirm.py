"""`apply --confirm`: real processes at a real pseudo-terminal, which is theirs to be hung up."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.cli.test_signals import Gate
from tests.cli.world import ID, OTHER_ID, World, tunnel
from tests.strangers import foreign_edit

LED = """
import os
from reconciler.cli.main import run
os.close(os.open(os.ttyname(0), os.O_RDWR))  # makes it that of this session, whose leader it is
run()
"""


class Terminal:
    """A run at a terminal, of which it is the session's leader; its report goes to a pipe."""

    def __init__(self, world: World, *argv: str) -> None:
        self.screen = b""
        self._mine, theirs = pty.openpty()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", LED, "apply", "-o", "json", "--base-url", world.base_url, *argv],
            cwd=world.root,
            env=world.child(),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def sees(self, text: bytes) -> None:
        before = len(self.screen)
        while text not in self.screen[before:]:
            self.screen += os.read(self._mine, 65536)

    def types(self, text: bytes) -> None:
        os.write(self._mine, text)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> int:
        self._process.kill()
        self._process.communicate(timeout=120)
        return self._process.returncode

    def hang_up(self) -> None:
        os.close(self._mine)
        self._mine = -1

    def ends(self) -> tuple[int, dict[str, tuple[str, str | None]]]:
        """The exit code, and by tunnel the outcome and its code."""
        out, _ = self._process.communicate(timeout=120)
        changes = [change for account in json.loads(out)["accounts"] for change in account["changes"]]
        said = {c["name"]: (c["outcome"], c["error"] and c["error"]["code"]) for c in changes}
        return self._process.returncode, said

    def close(self) -> None:
        if self._mine >= 0:
            os.close(self._mine)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.close()


def asked(world: World, terminals: list[Terminal], *argv: str) -> Terminal:
    """A run that changes t000, and stands at its question before it makes t002 and deletes t001."""
    world.live(tunnel(0, description="old"), tunnel(1), tunnel(3))
    world.declare(tunnel(0, description="new"), tunnel(2), tunnel(3))
    return at_question(world, terminals, "--auto-approve", *(argv or ("--confirm", "10m")))


def at_question(world: World, terminals: list[Terminal], *argv: str) -> Terminal:
    terminals.append(Terminal(world, *argv))
    terminals[-1].sees(b"yes or no? ")
    return terminals[-1]


BACK = {
    "t000": ("rolled_back", "rolled-back"),
    "t001": ("skipped", "not-confirmed"),
    "t002": ("skipped", "not-confirmed"),
}


def rolled_back(world: World) -> bool:
    return world.shown("t000")["description"] == "old" and sorted(world.names()) == ["t000", "t001", "t003"]


def test_a_yes_keeps_the_updates_and_lets_the_rest_go_on(world: World, terminals: list[Terminal]) -> None:
    one = asked(world, terminals)
    assert world.calls == ["GET", "ROUTES", "PUT"]
    assert world.shown("t000")["description"] == "new"
    one.types(b"yes\n")
    assert one.ends() == (0, {"t000": ("applied", None), "t001": ("applied", None), "t002": ("applied", None)})
    assert sorted(world.names()) == ["t000", "t002", "t003"]
    shown = one.screen.decode().replace("\x1b[K", "\n").splitlines()
    told = [line for line in shown if line.startswith("prod: ") and "…" not in line]
    assert told == ["prod: Updated: t000", "prod: To create after a yes: t002", "prod: To delete after a yes: t001"]
    assert b"10:00 left. Keep the updates, yes or no? " in one.screen


@pytest.mark.parametrize("said", [b"no\n", b"\x04", b"\x03"], ids=["no", "Ctrl-D", "Ctrl-C"])
def test_who_does_not_keep_the_updates_gets_the_old_values_back(
    world: World, terminals: list[Terminal], said: bytes
) -> None:
    one = asked(world, terminals)
    one.types(said)
    assert one.ends() == (7, BACK)
    assert rolled_back(world)


def test_silence_is_no_yes(world: World, terminals: list[Terminal]) -> None:
    one = asked(world, terminals, "--confirm", "1s")
    one.sees(b"Rolling back: nobody said yes in time.")
    assert one.ends() == (7, BACK)
    assert rolled_back(world)


def test_nor_is_a_hang_up(world: World, terminals: list[Terminal]) -> None:
    one = asked(world, terminals)
    one.hang_up()
    assert one.ends() == (7, BACK)
    assert rolled_back(world)


def test_a_hang_up_may_come_twice(world: World, terminals: list[Terminal]) -> None:
    one = asked(world, terminals)
    gate = world.answer = Gate("GET")
    one.signal(signal.SIGHUP)
    assert gate.reached.wait(120)
    one.signal(signal.SIGHUP)
    gate.go_on.set()
    assert one.ends() == (7, BACK)
    assert rolled_back(world)


def test_a_hang_up_after_a_no_does_not_stop_the_rollback(world: World, terminals: list[Terminal]) -> None:
    one = asked(world, terminals)
    gate = world.answer = Gate("GET")
    one.types(b"no\n")
    assert gate.reached.wait(120)
    one.hang_up()
    gate.go_on.set()
    assert one.ends() == (7, BACK)
    assert rolled_back(world)


def test_what_is_killed_at_the_question_stays_as_it_is_and_the_next_run_goes_on(
    world: World, terminals: list[Terminal]
) -> None:
    assert asked(world, terminals).kill() == -signal.SIGKILL
    assert world.shown("t000")["description"] == "new"
    assert sorted(world.names()) == ["t000", "t001", "t003"]
    assert world.run("apply", "--auto-approve").code == 0
    assert sorted(world.names()) == ["t000", "t002", "t003"]


def test_any_other_word_is_asked_again(world: World, terminals: list[Terminal]) -> None:
    one = asked(world, terminals)
    for word in (b"\n", b"y\n", b"YES\n"):
        one.types(word)
        one.sees(b"yes or no? ")
    one.types(b"yes\n")
    assert one.ends()[0] == 0


def test_what_was_typed_before_the_question_is_no_answer(world: World, terminals: list[Terminal]) -> None:
    world.live(tunnel(0, description="old"))
    world.declare(tunnel(0, description="new"))
    gate = world.answer = Gate("PUT")
    terminals.append(one := Terminal(world, "--auto-approve", "--confirm", "10m"))
    assert gate.reached.wait(120)
    one.types(b"yes\n")
    one.sees(b"yes\r\n")
    gate.go_on.set()
    one.sees(b"yes or no? ")
    one.types(b"no\n")
    assert one.ends() == (7, {"t000": ("rolled_back", "rolled-back")})


def test_the_run_is_approved_first(world: World, terminals: list[Terminal]) -> None:
    world.live(tunnel(0, description="old"))
    world.declare(tunnel(0, description="new"))
    terminals.append(one := Terminal(world, "--confirm", "10m"))
    one.sees(b"is taken: ")
    assert world.calls == ["GET"]
    one.types(b"yes\n")
    one.sees(b"yes or no? ")
    one.types(b"yes\n")
    assert one.ends() == (0, {"t000": ("applied", None)})


def test_a_run_that_is_stopped_while_it_updates_keeps_nothing(world: World, terminals: list[Terminal]) -> None:
    world.live(*(tunnel(n, description="old") for n in range(4)))
    world.declare(*(tunnel(n, description="new") for n in range(4)))
    gate = world.answer = Gate("PUT")
    terminals.append(one := Terminal(world, "--auto-approve", "--batch-size", "2", "--confirm", "10m"))
    assert gate.reached.wait(120)
    one.types(b"\x03")
    one.sees(b"what nobody confirmed is rolled back")
    gate.go_on.set()
    back, not_sent = ("rolled_back", "rolled-back"), ("skipped", "interrupted")
    assert one.ends() == (8, {"t000": back, "t001": back, "t002": not_sent, "t003": not_sent})
    assert {world.shown(name)["description"] for name in world.names()} == {"old"}


def test_nor_does_one_whose_terminal_hangs_up_and_that_is_told_twice(world: World, terminals: list[Terminal]) -> None:
    world.live(*(tunnel(n, description="old") for n in range(2)))
    world.declare(*(tunnel(n, description="new") for n in range(2)))
    gate = world.answer = Gate("PUT")
    terminals.append(one := Terminal(world, "--auto-approve", "--batch-size", "1", "--confirm", "10m"))
    assert gate.reached.wait(120)
    one.signal(signal.SIGHUP)
    one.sees(b"what nobody confirmed is rolled back")
    one.signal(signal.SIGHUP)
    gate.go_on.set()
    assert one.ends() == (8, {"t000": ("rolled_back", "rolled-back"), "t001": ("skipped", "interrupted")})
    assert {world.shown(name)["description"] for name in world.names()} == {"old"}


def test_where_nothing_was_updated_nobody_is_asked(world: World, terminals: list[Terminal]) -> None:
    world.live(tunnel(1), tunnel(3))
    world.declare(tunnel(2), tunnel(3))
    terminals.append(one := Terminal(world, "--auto-approve", "--confirm", "10m"))
    assert one.ends() == (0, {"t001": ("applied", None), "t002": ("applied", None)})


def test_one_question_is_about_all_accounts(world: World, terminals: list[Terminal]) -> None:
    world.account("lab", account_id=OTHER_ID)
    world.live(tunnel(0, description="old"))
    world.live(tunnel(5, description="old"), account=OTHER_ID)
    world.declare(tunnel(0, description="new"))
    world.declare(tunnel(5, description="new"), file="lab/a.yaml")
    one = at_question(world, terminals, "--auto-approve", "--confirm", "10m")
    one.types(b"no\n")
    assert one.ends() == (7, dict.fromkeys(("t000", "t005"), ("rolled_back", "rolled-back")))
    assert world.shown("t005", OTHER_ID)["description"] == "old"


def test_the_list_is_read_again_after_the_question(world: World, terminals: list[Terminal]) -> None:
    one = asked(world, terminals)
    foreign_edit(world.sim, ID, "t001", {"description": "theirs"})
    one.types(b"yes\n")
    code, said = one.ends()
    assert (code, said["t001"]) == (7, ("failed", "changed-meanwhile"))
    assert "t001" in world.names()


@pytest.mark.parametrize("argv", [(), ("--auto-approve",)])
def test_without_a_terminal_it_is_a_wrong_use(world: World, argv: tuple[str, ...]) -> None:
    world.declare(tunnel(1))
    ran = world.run("apply", "--confirm", "10m", *argv)
    assert (ran.code, world.calls) == (64, [])
    assert ran.err == "reconciler: --confirm asks a person: it needs a terminal for its input and its messages\n"


@pytest.mark.parametrize("text", ["", "10", "0s", "1d", "-1s", "ten"])
def test_a_time_to_answer_has_a_unit(world: World, text: str) -> None:
    ran = world.run("apply", f"--confirm={text}")
    assert ran.code == 64
    assert f"--confirm: {text!r} is not a length of time like 90s, 10m or 1h" in ran.err
