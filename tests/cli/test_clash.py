"""No output takes the place of a file that is read."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.world import World, tunnel

KEY = "0123456789abcdef0123456789abcdef"


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and not p.name.startswith(".stream-")
    }


@pytest.fixture
def full(world: World) -> World:
    """A world with a good file for every option."""
    world.live(tunnel(1))
    world.declare(tunnel(1))
    assert world.run("plan", "--out", "plan", "--save-live", "live", "-o", "json=report").code == 0
    assert world.bare("apply", "--auto-approve", "--sandbox=./box").code == 0
    (world.root / "link").symlink_to("live")
    (world.root / "hard").hardlink_to(world.root / "live")
    (world.root / "other").symlink_to("tunnels")
    return world


SAME = [
    "plan --live live -o json=live",
    "plan --live live -o markdown=./live",
    "plan --live live --out live",
    "plan --live live -o json=link",
    "plan --live link -o json=live",
    "plan --live live -o json=hard",
    "apply --plan plan -o json=plan",
    "drift --previous report -o json=report",
    "render report -o html=report",
    "plan --sandbox=./box -o json=box",
    "plan --sandbox=./box --out box",
    "plan --sandbox=./box --save-live box",
    "plan --sandbox=./box -o json=box.lock",
    "plan --sandbox=./plan --live plan",
    "simulate --state box -o json=box",
]
TREE = [
    "plan -o json=tunnels/prod/account.yaml",
    "plan -o json=tunnels/prod/a.yaml",
    "plan -o json=tunnels/prod/new.yml",
    "plan -o json=tunnels/prod/new/deep/X.YAML",
    "plan -o json=tunnels/new.yaml",
    "plan -o json=tunnels/prod/report.json",
    "plan -o json=tunnels/prod/.report.yaml",
    "plan -o markdown=tunnels/prod/a.yaml.bak",
    "plan -o json=other/prod/a.yaml",
    "plan --dir other -o json=tunnels/prod/a.yaml",
    "plan --dir tunnels/prod -o json=tunnels/prod/a.json",
    "plan --out tunnels/prod/a.yaml",
    "plan --save-live tunnels/prod/a.yaml",
    "plan --sandbox=tunnels/prod/box.yaml",
    "simulate --state tunnels/prod/state.json",
    "validate -o json=tunnels/prod/a.yaml",
    "import --force -o json=tunnels/prod/imported.yaml",
    "schema -o json=tunnels/prod/schema.json",
]


@pytest.mark.parametrize(
    ("line", "why"),
    [*((line, "are the same file") for line in SAME), *((line, "among the files of tunnels") for line in TREE)],
)
def test_an_output_that_is_read_is_refused_before_anything_is(full: World, line: str, why: str) -> None:
    before = contents(full.root)
    base = [] if "sandbox" in line or "simulate" in line else ["--base-url", full.base_url]
    ran = full.bare(*line.split(), *base)
    assert (ran.code, full.calls, why in ran.err) == (64, [], True), ran
    assert contents(full.root) == before


def test_the_sandbox_keeps_its_keys(full: World) -> None:
    ran = full.bare("plan", "--sandbox=./box", "-o", "json=box.keys/a/t001.json")
    assert ran.code == 64
    assert "-o json=box.keys/a/t001.json would stand among the keys of the sandbox" in ran.err


@pytest.mark.parametrize(
    "line",
    [
        "plan -o json=tunnels/report.json",
        "plan -o html=tunnels/prod/report.html",
        "plan --dir tunnels/prod -o json=tunnels/prod/.reconciler/report.json",
        "plan --live live -o json=/dev/null -o text=/dev/null",
        "plan --live live --out report -o json=plan",
    ],
)
def test_other_outputs_are_written(full: World, line: str) -> None:
    (full.root / "tunnels/prod/.reconciler").mkdir()
    ran = full.run(*line.split())
    assert (ran.code, ran.err) == (0, "")
    assert full.run("validate").code == 0


@pytest.mark.parametrize(
    ("psk", "output"),
    [
        ({"file": "keys/one"}, "tunnels/prod/keys/one"),
        ({"file": "keys/one"}, "link-to-one"),
        ({"generate": True, "deliver_to": {"file": "keys/one"}}, "tunnels/prod/keys/one"),
        ({"generate": True, "deliver_to": {"file": "keys/one"}}, "tunnels/prod/keys/one.pending"),
        ({"generate": True, "deliver_to": {"file": "keys/new"}}, "tunnels/prod/keys/new"),
        ({"generate": True, "deliver_to": {"file": "../../elsewhere"}}, "elsewhere.json"),
        ({"command": ["./get.sh", "one"]}, "tunnels/prod/get.sh"),
        ({"command": ["sh", "get.sh"]}, "tunnels/prod/get.sh"),
        ({"generate": True, "deliver_to": {"command": ["./get.sh"]}}, "tunnels/prod/get.sh"),
    ],
)
@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"], ["psk", "status"], ["validate"]], ids=str)
def test_an_output_that_is_a_key_is_refused_before_anything_is_sent(
    world: World, command: list[str], psk: object, output: str
) -> None:
    world.declare(tunnel(1, psk=psk))
    world.write("tunnels/prod/keys/one", KEY, 0o600)
    world.write("tunnels/prod/get.sh", "#!/bin/sh\n", 0o755)
    (world.root / "link-to-one").symlink_to("tunnels/prod/keys/one")
    before = contents(world.root)
    ran = world.run(*command, "-o", f"text={output}")
    assert (ran.code, world.calls, "a file that the run reads: the key of 't001'" in ran.err) == (64, [], True), ran
    assert contents(world.root) == before


def test_wrong_files_do_not_make_a_key_an_output(world: World) -> None:
    world.declare(tunnel(1, psk={"file": "keys/one"}), tunnel(2, nope=1))
    world.write("tunnels/prod/keys/one", KEY, 0o600)
    assert world.run("plan", "-o", "text=tunnels/prod/keys/one").code == 64
    assert world.read("tunnels/prod/keys/one") == KEY


def test_what_a_link_among_the_files_leads_to_is_no_output(world: World) -> None:
    world.declare(tunnel(1))
    (world.root / "tunnels/prod/a.yaml").rename(world.root / "tunnels/prod/text")
    (world.root / "tunnels/prod/a.yaml").symlink_to("text")
    ran = world.run("plan", "-o", "json=tunnels/prod/text")
    assert (ran.code, world.calls) == (64, [])
    assert "a file that the run reads: tunnels/prod/a.yaml" in ran.err
    assert "t001" in world.read("tunnels/prod/text")


def test_a_device_is_read_and_written(world: World) -> None:
    ran = world.bare("render", "/dev/null", "-o", "json=/dev/null")
    assert (ran.code, "bad-report" in ran.err) == (1, True)


def test_a_report_may_be_drawn_from_one_pipe_into_another(world: World) -> None:
    world.declare(tunnel(1))
    assert world.run("plan", "-o", "json=report.json").code == 0
    reading, writing = os.pipe()
    os.write(writing, world.read("report.json").encode())
    os.close(writing)
    ran = world.bare("render", f"/dev/fd/{reading}", "-o", "json")
    os.close(reading)
    assert json.loads(ran.out)["command"] == "plan"
