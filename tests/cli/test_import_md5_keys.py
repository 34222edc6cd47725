"""`import --md5-keys`: the keys go to a file of variables, and the YAML says which."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.world import ID, OTHER_ID, World, tunnel
from tests.strangers import foreign_edit

MARKER = "# Live BGP MD5 keys, written by `reconciler import --md5-keys`. Without this line, --force leaves it."
ODD = [
    "sh0rt",
    "a=b=c",
    "=",
    "%41%",
    "#comment",
    "$(id) `id` ${HOME}",
    "it's #1; & \\n <x>",
    " blanks around ",
    "x" * 80,
]
GITHUB = Path(__file__).parents[2] / ".github"
ACTION = GITHUB / "actions" / "reconciler" / "environment.py"
EXPORT = 'while IFS= read -r line; do case $line in [A-Z]*) export "$line" ;; esac; done <md5.env'


def keyed(number: int, key: str, **fields: Any) -> dict[str, Any]:
    return tunnel(number, bgp={"customer_asn": 65000, "md5_key": key}, **fields)


def imported(world: World, *argv: str) -> list[str]:
    """The lines of the file behind its marker, after an import."""
    ran = world.run("import", "--md5-keys", "md5.env", *argv)
    assert ran.code == 0, ran.err + ran.out
    marker, *lines, end = world.read("md5.env").split("\n")
    assert (marker, end) == (MARKER, "")
    return lines


def variables(lines: list[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines)


def named(world: World, account: str = "prod") -> dict[str, str]:
    """By tunnel, the variable that the imported files name."""
    files = (world.root / "tunnels" / account).glob("[!a]*.yaml")
    items = (item for file in files for item in yaml.safe_load(file.read_text())["tunnels"])
    return {item["name"]: item["bgp"]["md5_key"]["env"] for item in items if "bgp" in item}


def test_a_plan_with_the_variables_set_is_empty_and_no_file_of_tunnels_holds_a_key(world: World) -> None:
    world.account()
    world.live(*(keyed(n, key) for n, key in enumerate(ODD)), tunnel(20))
    lines = imported(world)
    assert (world.root / "md5.env").stat().st_mode & 0o777 == 0o600
    assert sorted(variables(lines).values()) == sorted(ODD)
    items = yaml.safe_load(world.read("tunnels/prod/imported.yaml"))["tunnels"]
    assert [(item["bgp"] or {}).get("md5_key") for item in items] == [
        *({"env": f"MD5_T00{n}"} for n in range(len(ODD))),
        None,
    ]
    exact = world.run("plan", "-o", "json", "--detailed-exitcode", env=variables(lines))
    assert (exact.code, exact.account["not_checked"]) == (0, [])
    assert world.run("apply", "--auto-approve", env=variables(lines)).code == 0


def test_a_shell_reads_the_file_as_the_docs_say(world: World) -> None:
    world.account()
    world.live(*(keyed(n, key) for n, key in enumerate(ODD)))
    lines = imported(world)
    show = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('MD5_')}))"
    script = f'{EXPORT}; exec "$0" -c "$1"'
    argv = ["/bin/sh", "-c", script, sys.executable, show]
    ran = subprocess.run(argv, cwd=world.root, capture_output=True, check=True)  # noqa: S603
    assert json.loads(ran.stdout) == variables(lines)
    assert EXPORT in (GITHUB / "docs" / "keys.md").read_text()


def test_the_secret_of_the_workflows_takes_the_file_but_for_short_keys(world: World) -> None:
    world.account()
    world.live(*(keyed(n, key) for n, key in enumerate(ODD)), keyed(50, "long enough", name="git-1"))
    ran = world.run("import", "--md5-keys", "md5.env", "-o", "json")
    assert "Shorter than the 8 characters that RECONCILER_ENV asks for: 4 of them." in ran.account["notes"]
    lines = world.read("md5.env").split("\n")
    text = "\n".join(line for line in lines if line not in [f"MD5_T00{n}={key}" for n, key in enumerate(ODD[:4])])
    show = [sys.executable, str(ACTION), sys.executable, "-c", "import os; print(os.environ['MD5_GIT_1'])"]
    done = subprocess.run(show, env={"RECONCILER_ENV": text}, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "long enough"


def test_every_tunnel_gets_a_variable_of_its_own(world: World) -> None:
    names = ["lon-a", "lon_a", "LON.A", "lon-a-2", "\u00fctz", "7even", "\u65e5\u672c", "path"]
    world.account()
    world.live(*(keyed(n, f"key number {n}", name=name) for n, name in enumerate(names)))
    lines = imported(world)
    assert named(world) == {
        "LON.A": "MD5_LON_A",
        "lon-a": "MD5_LON_A_2",
        "lon-a-2": "MD5_LON_A_2_2",
        "lon_a": "MD5_LON_A_3",
        "path": "MD5_PATH",
        "7even": "MD5_7EVEN",
        "\u00fctz": "MD5_UTZ",
        "\u65e5\u672c": "MD5_KEY",
    }
    assert all(re.fullmatch("[A-Z_][A-Z0-9_]*", name) for name in variables(lines))
    assert world.run("plan", "--detailed-exitcode", env=variables(lines)).code == 0


def test_a_variable_that_a_file_names_is_left_to_it(world: World) -> None:
    world.account(token={"env": "MD5_T001"})
    world.env["MD5_T001"] = world.env.pop("CLOUDFLARE_API_TOKEN")
    world.live(keyed(1, "first key"), keyed(2, "second key"), keyed(3, "third key"))
    own = tunnel(3, bgp={"customer_asn": 65000, "md5_key": {"env": "MD5_T002"}}, psk={"env": "MD5_T002_2"})
    world.declare(own, file="prod/own.yaml")
    assert imported(world) == ["MD5_T001_2=first key", "MD5_T002_3=second key"]


@pytest.mark.parametrize(
    ("text", "argv", "code"),
    [
        ("mine", [], 1),
        ("mine", ["--force"], 1),
        (f"{MARKER}\nOLD=old\n", [], 1),
        (f"{MARKER}\nOLD=old\n", ["--force"], 0),
        ("", [], 0),
    ],
)
def test_only_a_file_of_its_own_is_written_anew_and_only_by_force(
    world: World, text: str, argv: list[str], code: int
) -> None:
    world.account()
    world.live(keyed(1, "first key"))
    world.write("md5.env", text)
    assert world.run("import", "--md5-keys", "md5.env", *argv).code == code
    assert world.read("md5.env") == (text if code else f"{MARKER}\nMD5_T001=first key\n")
    assert (world.root / "tunnels/prod/imported.yaml").exists() == (code == 0)


def test_another_account_leaves_the_keys_and_variables_of_the_first_alone(world: World) -> None:
    world.live(keyed(1, "key of prod"))
    world.live(keyed(1, "key of lab"), account=OTHER_ID)
    world.account()
    assert imported(world) == ["MD5_T001=key of prod"]
    world.account("lab", account_id=OTHER_ID)
    lines = ["MD5_T001=key of prod", "MD5_T001_2=key of lab"]
    assert imported(world, "--account", "lab", "--force") == lines
    assert imported(world, "--account", "lab", "--force") == lines
    assert imported(world, "--force") == lines
    assert world.run("plan", "--detailed-exitcode", env=variables(lines)).code == 0


def test_an_account_that_could_not_be_imported_keeps_its_keys(world: World) -> None:
    world.live(keyed(1, "key of prod"))
    world.account()
    assert imported(world) == ["MD5_T001=key of prod"]
    world.live(keyed(1, "key of lab"), account=OTHER_ID)
    foreign_edit(world.sim, ID, "t001", {"description": "no line\u2028end can be declared"})
    world.account("lab", account_id=OTHER_ID)
    assert world.run("import", "--md5-keys", "md5.env", "--force").code == 1
    assert world.read("md5.env").split("\n")[1:-1] == ["MD5_T001=key of prod", "MD5_T001_2=key of lab"]
    assert named(world, "lab") == {"t001": "MD5_T001_2"}


def test_a_new_key_goes_to_the_same_variable_and_an_old_one_goes(world: World) -> None:
    world.account()
    world.live(keyed(1, "first key"), keyed(2, "second key"))
    imported(world)
    foreign_edit(world.sim, ID, "t001", {"bgp": {"customer_asn": 65000, "md5_key": "a new key"}})
    del world.shown("t002")["bgp"]["md5_key"]
    assert imported(world, "--force") == ["MD5_T001=a new key"]


def test_a_key_that_no_variable_may_hold_is_ignored_with_its_tunnel(world: World) -> None:
    world.live(keyed(1, "first key"), keyed(2, "second key"))
    world.shown("t002")["bgp"]["md5_key"] = "what?"
    assert imported(world, "--account", "prod", "--account-id", ID) == ["MD5_T001=first key"]
    assert yaml.safe_load(world.read("tunnels/prod/account.yaml"))["ignore"] == [
        {"name": "t002", "reason": "can't be declared: this is not an MD5 key that Cloudflare takes"}
    ]


@pytest.mark.parametrize("path", ["/dev/stdout", "nowhere/md5.env", "tunnels/prod/md5.yaml"])
def test_keys_go_only_where_they_may_be_written(world: World, path: str) -> None:
    world.account()
    world.live(keyed(1, "first key"))
    ran = world.run("import", "--md5-keys", path)
    assert (ran.code, "first key" in ran.out + ran.err) == (64, False)
    assert not list((world.root / "tunnels/prod").glob("i*.yaml"))
