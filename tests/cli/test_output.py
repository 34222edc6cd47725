"""The lines that are shown under a problem, and the progress of a long apply."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest

from reconciler.simulator.message import Reply, Request, failure
from reconciler.simulator.server import Simulator
from tests.cli.world import World, tunnel


def test_the_word_that_a_message_quotes_stands_in_the_line_below_it(world: World) -> None:
    world.account()
    text = "tunnels:\n- name: a\n  cloudflare_endpoint: 203.0.113.1\n  interface_address: 10.0.0.0/31\n"
    world.write("tunnels/prod/a.yaml", text + "  psk: external # Qw7\n  health_check: {rate: midd}\n")
    lines = world.run("validate").out.splitlines()
    (at,) = [n for n, line in enumerate(lines) if 'error: "midd" is not one of the possible values' in line]
    assert lines[at + 1 : at + 3] == ["    6 |   health_check: {rate: midd}", "      |                        ^"]


def on_a_terminal(
    world: World, *argv: str, answers: Sequence[str] = (), piped: bool = False, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code, and what a person at a terminal sees; a line that is written over ends with `|`.

    Args:
        world: Where it runs.
        argv: The command.
        answers: What the person types at each question; the last one may be `^C` or `^D`.
        piped: Whether standard output goes elsewhere.
        env: Of the environment, what is special.
    """
    command = [sys.executable, "-m", "reconciler", *argv, "--base-url", world.base_url]
    mine, theirs = pty.openpty()
    seen, left = b"", [*answers]
    env = world.child() | {"TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"} | dict(env or {})
    out = subprocess.DEVNULL if piped else theirs
    with subprocess.Popen(command, cwd=world.root, env=env, stdin=theirs, stdout=out, stderr=theirs) as child:  # noqa: S603
        os.close(theirs)
        with suppress(OSError):  # how Linux says that the other end is closed
            while found := os.read(mine, 65536):
                seen += found
                if left and seen.endswith(b"taken: "):
                    answer = left.pop(0)
                    typed = b"\x04" if answer == "^D" else f"{answer}\n".encode()
                    child.send_signal(signal.SIGINT) if answer == "^C" else os.write(mine, typed)
    os.close(mine)
    return child.returncode, seen.decode().replace("\r\n", "\n").replace("\r\x1b[K", "|")


QUESTION = "Do you want to apply these changes? Only 'yes' is taken: "


def test_apply_on_a_terminal_shows_the_plan_once_then_a_line_for_each_change_then_the_sum(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, description="x"), tunnel(3))
    code, seen = on_a_terminal(world, "apply", "--allow-delete", "t002", answers=["yes"])
    plan, question, rest = seen.partition(QUESTION)
    assert (code, bool(question)) == (0, True)
    assert plan.startswith("|prod: Listing the tunnels…|prod: Listing the static routes…|Account prod\n\n")
    assert plan.endswith(
        "Apply makes: 2 lists, 1 route list, 1 bulk update, 1 create, 1 delete\n"
        "Plan: 1 to create, 1 to update, 1 to delete.\n\n"
    )
    calls = "Calls made: 2 lists, 1 route list, 1 bulk update, 1 create, 1 delete, in _ s;\nverified by a new list.\n"
    assert re.sub(r"in [\d.]+ s", "in _ s", rest) == (
        "yes\n"
        "|prod: Updating t001…|  ~ t001  updated\n"
        "|prod: Creating t003…|  + t003  created\n"
        "|prod: Deleting t002…|  - t002  deleted\n"
        "|prod: Listing again, to prove what was written…|\n"
        f"{calls}Apply complete: 1 created, 1 updated, 1 deleted.\n"
    )


def test_what_was_not_done_is_told_at_the_end(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, description="x"), tunnel(3))

    def refuse(sim: Simulator, request: Request) -> Reply:
        return failure(400, 1022, "no more tunnels") if request.method == "POST" else sim.handle(request)

    world.answer = refuse
    code, seen = on_a_terminal(world, "apply", "--allow-delete", "t002", answers=["yes"])
    told = re.sub(r"in [\d.]+ s", "in _ s", seen.partition(QUESTION)[2])
    assert code == 7
    assert "  ~ t001  updated\n" in told
    assert told.rpartition("|")[2] == (
        "\n"
        "Account prod\n\n"
        "  + t003            failed   tunnels/prod/a.yaml:3\n"
        "      error: no more tunnels [1022]\n\n"
        "  - t002  traffic   skipped\n"
        "      skipped: an earlier change of the account was not applied\n"
        "               [earlier-not-applied]\n"
        "        to do: Run apply again once that is done.\n\n"
        "Calls made: 2 lists, 1 route list, 1 bulk update, 1 create, in _ s.\n"
        "To go on: look at what failed, then run apply again. It goes on from what is\nlive.\n"
        "Apply incomplete: 0 created, 1 updated, 0 deleted, 1 failed, 1 skipped.\n"
    )


NOT_APPROVED = "error: the changes were not approved; nothing was written [not-approved]\n    Run it again"


@pytest.mark.parametrize(
    ("answers", "code", "end"),
    [
        (["no"], 5, f"no\n{NOT_APPROVED}, and answer yes"),
        ([""], 5, f"\n{NOT_APPROVED}, and answer yes"),
        (["^D"], 5, f"\n{NOT_APPROVED}, and answer yes"),
        (["y"], 5, f"y\n{NOT_APPROVED}, and type yes: "),
        (["Yes"], 5, f"Yes\n{NOT_APPROVED}, and type yes: "),
        (
            ["^C"],
            8,
            "\nStopping: the call in flight is finished, nothing more is sent.\nerror: stopped before anything ",
        ),
    ],
)
def test_a_plan_that_is_not_approved_is_not_shown_again(world: World, answers: list[str], code: int, end: str) -> None:
    world.declare(tunnel(1))
    found, seen = on_a_terminal(world, "apply", answers=answers)
    rest = seen.partition(QUESTION)[2]
    assert (found, rest[: len(end)], rest.count("\n\n")) == (code, end, 1)
    assert world.names() == {}


def test_without_a_question_the_plan_is_shown_once_too(world: World) -> None:
    world.declare(tunnel(1))
    code, seen = on_a_terminal(world, "apply", "--auto-approve")
    assert (code, seen.count("+ t001  "), seen.count("Plan: 1 to create")) == (0, 2, 1)


def test_a_report_for_somebody_else_is_whole(world: World) -> None:
    world.declare(tunnel(1))
    _, seen = on_a_terminal(world, "apply", "-o", "json", "--auto-approve")
    text = seen.rpartition("|")[2]
    assert "Plan: " not in seen
    assert [change["outcome"] for change in json.loads(text)["accounts"][0]["changes"]] == ["applied"]


def test_what_only_the_list_shows_as_done_has_its_line_too(world: World) -> None:
    def lose(sim: Simulator, request: Request) -> Reply:
        answer = sim.handle(request)
        return failure(502, 0, "bad gateway") if request.method == "PUT" else answer

    world.live(tunnel(2))
    world.declare(tunnel(2, description="x"))
    world.answer = lose
    code, seen = on_a_terminal(world, "apply", answers=["yes"])
    assert (code, seen.count("  ~ t002  updated\n")) == (0, 1)


def test_many_calls_have_a_bar(world: World) -> None:
    world.declare(*(tunnel(n) for n in range(12)))
    code, seen = on_a_terminal(world, "apply", "--auto-approve", piped=True)
    steps = seen.split("|")
    assert (code, "\n" in seen) == (0, False)
    assert [re.sub(r"t0\d\d", "t", step) for step in steps] == [
        "",
        "prod: Listing the tunnels…",
        "prod: Creating t [                    ] 0/12…",
        "prod: Creating t [#                   ] 1/12…",
        "prod: Creating t [###                 ] 2/12…",
        "prod: Creating t [#####               ] 3/12…",
        "prod: Creating t [######              ] 4/12…",
        "prod: Creating t [########            ] 5/12…",
        "prod: Creating t [##########          ] 6/12…",
        "prod: Creating t [###########         ] 7/12…",
        "prod: Creating t [#############       ] 8/12…",
        "prod: Creating t [###############     ] 9/12…",
        "prod: Creating t [################    ] 10/12…",
        "prod: Creating t [##################  ] 11/12…",
        "prod: Listing again, to prove what was written…",
        "",
    ]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            "plan -o jsn",
            """\
reconciler: -o/--output: 'jsn' is not one of text, json, markdown, html, github,
with =PATH to write a file. Did you mean "json"?
Run 'reconciler plan --help' to see what it takes.
""",
        ),
        (
            "plan --account nope",
            """\
reconciler: there is no account 'nope' in tunnels. There: prod.
""",
        ),
    ],
)
def test_what_is_wrong_with_the_command_line_is_wrapped(world: World, argv: str, said: str) -> None:
    world.declare(tunnel(1))
    assert on_a_terminal(world, *argv.split()) == (64, said)


def test_help_is_as_wide_as_the_terminal(world: World) -> None:
    code, seen = on_a_terminal(world, "--help", env={"COLUMNS": "60"})
    assert (code, max(map(len, seen.splitlines()))) == (0, 58)


def test_the_log_stands_in_the_place_of_progress(world: World) -> None:
    world.declare(tunnel(1))
    assert "|" not in on_a_terminal(world, "apply", "--auto-approve", "-v", piped=True)[1]


def test_there_is_no_progress_where_there_is_no_terminal(world: World) -> None:
    world.declare(*(tunnel(n) for n in range(12)))
    assert world.run("apply", "--auto-approve").err == ""


def test_a_page_says_when_it_was_made_and_of_which_commit_of_the_files(world: World) -> None:
    world.declare(tunnel(1))
    git = ["git", "-C", str(world.root), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "files"]):
        subprocess.run([*git, *words], check=True)  # noqa: S603
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)  # noqa: S603
    commit = done.stdout[:12]
    page = world.run("plan", "-o", "html").out
    assert re.search(rf'<p class="dim">\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC · commit <code>{commit}</code>', page)
    world.declare(tunnel(1, description="changed"))
    assert f"<code>{commit}-dirty</code>" in world.run("plan", "-o", "html").out


def test_git_gets_no_token_when_it_is_asked_for_the_commit_of_a_page(world: World) -> None:
    world.declare(tunnel(1))
    world.write(".git/HEAD", "")
    world.write("bin/git", f"#!/bin/sh\nenv >>{world.root}/env\n", 0o755)
    world.run("plan", "-o", "html", env={"PATH": f"{world.root / 'bin'}:{os.environ['PATH']}"})
    assert "PATH=" in world.read("env")
    assert "TOKEN" not in world.read("env")


def test_a_report_that_is_drawn_again_has_no_date_of_its_own(world: World) -> None:
    world.declare(tunnel(1))
    world.run("plan", "-o", "json=report.json")
    page = world.run("render", "report.json", "-o", "html").out
    assert "UTC" not in page
