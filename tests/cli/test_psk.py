"""Which keys `psk` sets and makes: by name, by pattern, all, those that are overdue; what it shows before it asks."""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cli.test_command_line import answer, wrong
from tests.cli.test_output import on_a_terminal
from tests.cli.world import ID, OTHER_ID, World, tunnel


def generated(name: str, **more: str) -> dict[str, Any]:
    return {"generate": True, "deliver_to": {"file": f"sink/{name}"}, **more}


@pytest.fixture
def estate(world: World) -> World:
    """Two tunnels with a generated key and two with one of the environment at two sites, one with a key of others."""
    refs = {
        "lon-a": generated("lon-a", rotate_after="30d"),
        "lon-b": {"env": "KEY_B"},
        "par-a": generated("par-a"),
        "par-b": {"env": "KEY_B"},
        "ext": "external",
    }
    tunnels = [tunnel(n, name=name, psk=psk) for n, (name, psk) in enumerate(refs.items(), 1)]
    world.live(*tunnels)
    world.declare(*tunnels)
    world.write("tunnels/prod/sink/.keep", "")
    world.env["KEY_B"] = "the key of B, by the environment"
    return world


def keyed(world: World) -> list[str]:
    return [name for name in world.names() if world.key(name)]


@pytest.mark.parametrize(
    ("argv", "done"),
    [
        ("rotate lon-a", ["lon-a"]),
        ("rotate lon-*", ["lon-a"]),
        ("rotate *-a", ["lon-a", "par-a"]),
        ("rotate --all", ["lon-a", "par-a"]),
        ("rotate [lp]*", ["lon-a", "par-a"]),
        ("set par-b lon-b par-b", ["lon-b", "par-b"]),
        ("set *", ["lon-b", "par-b"]),
        ("set lon-b par-*", ["lon-b", "par-b"]),
        ("set --all", ["lon-b", "par-b"]),
    ],
)
def test_patterns_and_all_mean_the_keys_that_the_action_can_treat(estate: World, argv: str, done: list[str]) -> None:
    ran = estate.run("psk", *argv.split(), "--auto-approve", "-o", "json")
    assert (ran.code, keyed(estate)) == (0, done)
    assert sorted(key["name"] for key in ran.account["keys"]) == done


def test_a_name_in_full_is_never_passed_over(estate: World) -> None:
    ran = estate.run("psk", "rotate", "lon-*", "lon-b", "--auto-approve", "-o", "json")
    assert (ran.code, keyed(estate), estate.calls) == (3, [], [])
    assert [(key["name"], key["error"]["code"]) for key in ran.account["keys"]] == [
        ("lon-a", "nothing-done"),
        ("lon-b", "not-generated"),
    ]


def test_a_name_that_looks_like_a_pattern_is_a_name_first(world: World) -> None:
    tunnels = [tunnel(n, name=name, psk={"env": "KEY"}) for n, name in enumerate(("a*", "ab"), 1)]
    world.live(*tunnels)
    world.declare(*tunnels)
    assert world.run("psk", "set", "a*", "--auto-approve", env={"KEY": "the key of all"}).code == 0
    assert keyed(world) == ["a*"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("rotate lom-a", 'no file declares a tunnel named lom-a. Did you mean "lon-a"?'),
        ("status lon-a nyc-*", "no declared tunnel matches 'nyc-*'"),
        ("rotate nyc-* lon-a", "no declared tunnel matches 'nyc-*'"),
        ("rotate lom-a*", "no declared tunnel matches 'lom-a*'. Did you mean \"lon-a\"?"),
        ("rotate zzz* nobody", "no file declares a tunnel named nobody; no declared tunnel matches 'zzz*'"),
        ("rotate *-b", "none of these keys is generated, so psk rotate can't make one"),
        ("set ext*", "none of these keys comes from a variable, a file or a command, so psk set has none to send"),
    ],
)
def test_what_means_no_key_is_refused(estate: World, argv: str, said: str) -> None:
    ran = estate.run("psk", *argv.split(), *([] if "status" in argv else ["--auto-approve"]))
    assert (ran.code, ran.err, estate.calls) == (64, f"reconciler: {said}\n", [])


def test_the_tunnels_of_one_account_are_meant(estate: World) -> None:
    estate.account("lab", account_id=OTHER_ID)
    estate.declare(tunnel(7, name="lab-a", psk=generated("lab-a")), file="lab/a.yaml")
    ran = estate.run("psk", "rotate", "--all", "--auto-approve")
    assert ran.code == 64
    assert "the keys belong to several accounts (lab, prod); choose one with --account NAME" in ran.err
    assert estate.run("psk", "rotate", "--all", "--auto-approve", "--account", "prod").code == 0
    assert keyed(estate) == ["lon-a", "par-a"]
    assert estate.sim.account(OTHER_ID).psks == {}


def made_days_ago(world: World, name: str, days: int) -> None:
    """Have a sink hold a key whose record says so."""
    since = datetime.fromtimestamp(time.time() - days * 86400, UTC).isoformat()
    world.write(f"tunnels/prod/sink/{name}", "an old key", mode=0o600)
    world.write(f"tunnels/prod/sink/{name}.json", json.dumps({"tunnel": name, "set_on": since}), mode=0o600)


def test_only_what_is_overdue_is_rotated(estate: World) -> None:
    made_days_ago(estate, "lon-a", 29)
    made_days_ago(estate, "par-a", 400)  # it says nothing of `rotate_after`
    ran = estate.run("psk", "rotate", "--overdue", "--auto-approve")
    assert (ran.code, ran.out.splitlines()[-1], estate.calls) == (0, "2 keys: none overdue.", ["GET"])
    made_days_ago(estate, "lon-a", 31)
    assert estate.run("psk", "rotate", "par-*", "--overdue", "--auto-approve").out.endswith("1 key: none overdue.\n")
    ran = estate.run("psk", "rotate", "--overdue", "--auto-approve")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 key: 1 applied.")
    assert keyed(estate) == ["lon-a"]


def test_no_key_is_called_overdue_or_rotated_without_a_list(estate: World) -> None:
    made_days_ago(estate, "lon-a", 99)
    ran = estate.run("psk", "rotate", "--overdue", "--auto-approve", env={"CLOUDFLARE_API_TOKEN": "x" * 40})
    assert (ran.code, keyed(estate)) == (9, [])


def test_a_sink_that_is_not_overdue_needs_no_leave_for_its_command(estate: World) -> None:
    sink = {"generate": True, "deliver_to": {"command": ["false"]}}
    estate.declare(
        tunnel(3, name="par-a", psk=sink), tunnel(1, name="lon-a", psk=generated("lon-a", rotate_after="9d"))
    )
    made_days_ago(estate, "lon-a", 10)
    assert estate.run("psk", "rotate", "--all", "--auto-approve").code == 3
    assert estate.run("psk", "rotate", "--overdue", "--auto-approve").code == 0
    assert keyed(estate) == ["lon-a"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("psk set", "psk set needs NAMES or --all"),
        ("psk rotate", "psk rotate needs NAMES, --all or --overdue"),
        ("psk set --overdue", "--overdue belongs to psk rotate, not to psk set"),
        ("psk status --overdue", "--overdue belongs to psk rotate, not to psk status"),
        ("psk status --all", "--all belongs to psk set and psk rotate, not to psk status"),
        ("psk status --auto-approve", "--auto-approve belongs to psk set and psk rotate, not to psk status"),
        ("psk rotate --all lon-a", "--all and NAMES can't go together"),
        ("psk rotate --all --overdue", "--all and --overdue can't go together"),
    ],
)
def test_what_can_not_go_together(argv: str, said: str) -> None:
    action = argv.split()[1]
    assert wrong(argv) == f"{said}\nRun 'reconciler psk {action} --help' to see what it takes."


def test_what_will_be_touched_is_shown_with_its_age_before_the_question(estate: World) -> None:
    made_days_ago(estate, "lon-a", 31)
    code, seen = on_a_terminal(estate, "psk", "rotate", "*-a", answers=["no"])
    shown, _, rest = seen.partition("Do you want to ")
    assert (code, estate.sim.account(ID).psks) == (5, {})
    assert rest.startswith("rotate the keys of these 2 tunnels? Only 'yes'")
    assert "\n  note: The customers' devices need the new keys too.\n" in shown
    assert [line.split()[:3] for line in shown.splitlines() if re.match("  [a-z]+-a", line)] == [
        ["lon-a", "overdue", "31"],
        ["par-a", "age", "unknown"],
    ]
    assert "2 keys: 1 overdue, 1 of unknown age." in shown


def test_one_key_is_asked_for_by_its_name(estate: World) -> None:
    code, seen = on_a_terminal(estate, "psk", "rotate", "lon-a", answers=["yes"])
    assert "\n  note: The customer's device needs the new key too.\n" in seen
    assert "Do you want to rotate the key of lon-a? Only 'yes'" in seen
    assert (code, keyed(estate)) == (0, ["lon-a"])


@pytest.mark.parametrize(
    ("argv", "calls"),
    [("psk rotate lon-a", "2 lists, 1 key update"), ("psk set lon-b", "2 lists, 1 key update")],
)
def test_after_the_question_only_what_came_of_it_is_told(estate: World, argv: str, calls: str) -> None:
    name = argv.split()[2]
    estate.declare(tunnel(8, name="a-name-of-many-letters"), file="prod/b.yaml")
    code, seen = on_a_terminal(estate, *argv.split(), answers=["yes"])
    before, _, rest = seen.partition("Only 'yes' is taken: yes\n")
    last = rest.rpartition("|")[2]
    assert (code, "[long-name]" in before) == (0, True)
    assert re.sub(r"in [\d.]+ s", "in _ s", last) == (
        f"\nAccount prod\n\n  {name}  applied\n\nCalls made: {calls}, in _ s.\n1 key: 1 applied.\n"
    )


def test_calls_and_time_stand_in_the_report_too(estate: World) -> None:
    ran = estate.run("psk", "rotate", "lon-a", "--auto-approve", "-o", "json")
    assert (ran.account["calls_made"], ran.json["seconds"] >= 0) == ({"list": 1, "set_psks": 1}, True)
    assert "seconds" not in estate.run("psk", "status", "-o", "json").json


@pytest.mark.parametrize(
    ("action", "own", "others"),
    [
        ("set", ["--all", "--auto-approve", "--allow-commands"], ["--overdue"]),
        ("rotate", ["--all", "--overdue", "--auto-approve", "--allow-commands"], []),
        ("status", [], ["--all", "--overdue", "--auto-approve", "--allow-commands"]),
    ],
)
@pytest.mark.parametrize("asked", ["psk {} --help", "help psk {}", "psk --help {}", "psk {} -h lon-a"])
def test_each_action_has_its_own_help(capsys: Any, asked: str, action: str, own: list[str], others: list[str]) -> None:
    said = answer(capsys, asked.format(action))
    assert said.startswith(f"usage: reconciler psk {action} [NAME ...] [options]\n")
    assert f"example:\n  reconciler psk {action}" in said
    assert [flag for flag in own if flag not in said] + [flag for flag in others if flag in said] == []
    assert [line for line in said.splitlines() if len(line) > 80] == []


def test_the_help_of_psk_tells_what_each_action_does(capsys: Any) -> None:
    said = answer(capsys, "psk --help")
    for action in ("set", "rotate", "status"):
        assert re.search(rf"^(  |example:\n  )reconciler psk {action}", said, re.MULTILINE)
