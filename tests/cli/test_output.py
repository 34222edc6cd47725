"""The lines that are shown under a problem, and the progress of a long apply."""

import os
import pty
import subprocess
import sys

from tests.cli.world import World, tunnel


def test_the_word_that_a_message_quotes_stands_in_the_line_below_it(world: World) -> None:
    world.account()
    text = "tunnels:\n- name: a\n  cloudflare_endpoint: 203.0.113.1\n  interface_address: 10.0.0.0/31\n"
    world.write("tunnels/prod/a.yaml", text + "  psk: external # Qw7\n  health_check: {rate: midd}\n")
    lines = world.run("validate").out.splitlines()
    (at,) = [n for n, line in enumerate(lines) if 'error: "midd" is not one of the possible values' in line]
    assert lines[at + 1 : at + 3] == ["    6 |   health_check: {rate: midd}", "      |                        ^"]


def on_a_terminal(world: World, *argv: str) -> str:
    """What a person at a terminal sees on standard error."""
    command = [sys.executable, "-m", "reconciler", *argv, "--base-url", world.base_url]
    mine, theirs = pty.openpty()
    seen = b""
    with subprocess.Popen(command, cwd=world.root, env=world.child(), stdout=subprocess.DEVNULL, stderr=theirs):  # noqa: S603
        os.close(theirs)
        try:
            while found := os.read(mine, 65536):
                seen += found
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(mine)
    return seen.decode()


def test_a_long_apply_shows_its_progress_on_one_line_of_a_terminal(world: World) -> None:
    world.declare(*(tunnel(n) for n in range(12)))
    steps = on_a_terminal(world, "apply", "--auto-approve").split("\r")
    assert steps[1] == "Applying [##                            ] 1/12 calls "
    assert steps[6] == "Applying [###############               ] 6/12 calls "
    assert steps[12] == "Applying [##############################] 12/12 calls "
    assert [s.strip() for s in steps[13:]] == ["", ""]
    assert "\n" not in "".join(steps)


def test_a_short_apply_shows_no_progress(world: World) -> None:
    world.declare(*(tunnel(n) for n in range(7)))
    assert on_a_terminal(world, "apply", "--auto-approve") == ""


def test_the_log_stands_in_the_place_of_progress(world: World) -> None:
    world.declare(*(tunnel(n) for n in range(12)))
    assert "Applying" not in on_a_terminal(world, "apply", "--auto-approve", "-v")


def test_there_is_no_progress_where_there_is_no_terminal(world: World) -> None:
    world.declare(*(tunnel(n) for n in range(12)))
    assert world.run("apply", "--auto-approve").err == ""
