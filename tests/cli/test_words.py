"""What the command line says, in whole: commands to copy, mistakes with their way out, quiet runs."""

import json
import re
import shlex
from pathlib import Path

import pytest

from reconciler.cli.arguments import parse
from reconciler.cli.context import Context
from tests.cli.world import ID, OTHER_ID, World, tunnel

PLACE = "--dir 'my tunnels' --account prod --sandbox=./box.json"


@pytest.fixture
def elsewhere(world: World) -> World:
    """Two accounts with a tunnel of the same name, in a folder of another name."""
    for number, (account, account_id) in enumerate({"prod": ID, "lab": OTHER_ID}.items()):
        world.account(account, account_id=account_id)
        key = {"generate": True, "deliver_to": {"file": "key"}}
        world.declare(tunnel(number, name="t1", psk=key), file=f"{account}/a.yaml")
    (world.root / "tunnels").rename(world.root / "my tunnels")
    return world


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (f"plan {PLACE} --target t* --no-delete", f"apply {PLACE} --target 't*' --no-delete"),
        (f"plan {PLACE} --allow-delete a --allow-delete b", f"apply {PLACE} --allow-delete a --allow-delete b"),
        ("plan --dir 'my tunnels' --sandbox", "apply --dir 'my tunnels' --sandbox"),
        ("plan --dir 'my tunnels' --sandbox --parallelism 2 --detailed-exitcode", "apply --dir 'my tunnels' --sandbox"),
    ],
)
def test_the_next_step_has_the_options_of_the_plan(elsewhere: World, argv: str, told: str) -> None:
    ran = elsewhere.bare(*shlex.split(argv), "-o", "markdown")
    (command,) = re.findall(r"\*\*Next:\*\* (.*)", ran.out)
    assert command in (f"`reconciler {told}`", "<code>" + _spelled(f"reconciler {told}") + "</code>")


def _spelled(text: str) -> str:
    """As a code span of Markdown spells what backticks could not hold."""
    return "".join(c if c.isalnum() else f"&#{ord(c)};" for c in text)


def test_a_remedy_can_be_copied(elsewhere: World) -> None:
    place = shlex.split("--dir 'my tunnels' --sandbox=./box.json")
    assert elsewhere.bare("apply", *place, "--auto-approve").code == 0
    box = elsewhere.root / "box.json.keys" / ID
    (key,) = (path for path in box.iterdir() if path.suffix == "")
    key.rename(f"{key}.pending")
    ran = elsewhere.bare("psk", "status", "t1", *place, "-o", "json")
    (remedy,) = [k["error"]["remedy"] for a in ran.json["accounts"] for k in a["keys"] if k["error"]]
    command = "reconciler psk rotate --dir 'my tunnels' --account prod --sandbox=./box.json t1"
    assert remedy.endswith(f": {command}")
    assert elsewhere.bare(*shlex.split(command)[1:], "--auto-approve").code == 0


@pytest.mark.parametrize(
    ("argv", "said", "told"),
    [
        ("plan --sandbox", "Set it: reconciler psk set a", "Set it: reconciler psk set --sandbox a"),
        ("plan --sandbox", "Set it: reconciler psk rotate -- -a", "Set it: reconciler psk rotate --sandbox -- -a"),
        ("plan --sandbox", "See `reconciler psk status`.", "See `reconciler psk status --sandbox`."),
        ("plan --base-url https://x/", "`reconciler validate`, then", "`reconciler validate`, then"),
        (
            "plan --sandbox --account a",
            "reconciler import --account NAME",
            "reconciler import --sandbox --account NAME",
        ),
        ("apply --sandbox --allow-commands", "reconciler plan", "reconciler plan --sandbox"),
        ("apply --allow-commands", "reconciler psk set x", "reconciler psk set --allow-commands x"),
        ("plan --sandbox", "the reconciler plans 'reconciler plan'", "the reconciler plans 'reconciler plan'"),
        ("plan", "reconciler psk set a", "reconciler psk set a"),
        ("plan --dir nets --sandbox", "begin: reconciler init; or", "begin: reconciler init --dir nets; or"),
    ],
)
def test_a_command_gets_the_options_that_it_takes_and_does_not_have(argv: str, said: str, told: str) -> None:
    assert Context(parse(argv.split()), {}, None, None).to_copy(said) == told  # type: ignore[arg-type] - it reads no stream


HALTS = {
    "plan --sandbox=./link.json": "the sandbox file can't be used: link.json is a symbolic link. Give another",
    "plan --sandbox=./other.json": "the sandbox file can't be used: other.json does not hold what the simulator saved",
    "plan --live other.json": "the saved list other.json can't be used: it is not a file that --save-live wrote. Write",
    "show --plan other.json": "other.json is not a saved plan of this version: accounts is missing. Give a file",
    "render other.json": "other.json is not a report of this version: command is missing. Give a file",
    "plan --baseline main --sandbox": "the baseline main can't be read. Git says: ",
    "psk set t1 --sandbox": "account prod is paused. Reason: change freeze",
    "simulate --state link.json": "the simulator can't be started: link.json is a symbolic link. Correct it",
}


@pytest.mark.parametrize("argv", HALTS)
def test_a_sentence_begins_with_a_capital_letter(world: World, argv: str) -> None:
    world.account(paused={"reason": "change freeze"})
    world.declare(tunnel(1, name="t1", psk={"env": "KEY"}))
    world.write("other.json", "{}")
    (world.root / "link.json").symlink_to("other.json")
    ran = world.bare(*argv.split(), env={"KEY": "a key that is long enough"})
    assert f"error: {HALTS[argv]}" in ran.out + ran.err


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("RECONCILER_ACOUNT", 'Did you mean "RECONCILER_ACCOUNT"?'),
        ("RECONCILER_SANDBX", 'Did you mean "RECONCILER_SANDBOX"?'),
        ("RECONCILER_BASEURL", 'Did you mean "RECONCILER_BASE_URL"?'),
        ("RECONCILER_AUTO_APPROVE", "--auto-approve has no variable: it must stand on the command line."),
        ("RECONCILER_QUIET", "--quiet has no variable: it must stand on the command line."),
        ("RECONCILER_SOMETHING", None),
        ("RECONCILER_COMMAND", None),
        ("RECONCILER_TIMEOUT", None),
        ("MY_RECONCILER_ACOUNT", None),
    ],
)
def test_a_variable_that_does_nothing_is_a_warning(world: World, variable: str, told: str | None) -> None:
    world.declare(tunnel(1))
    found = world.bare("validate", "-o", "json", env={variable: "7"}).json["diagnostics"]
    assert [(d["code"], variable in d["summary"], d["detail"]) for d in found] == (
        [("unknown-variable", True, told)] if told else []
    )
    assert world.bare("validate", "--strict", env={variable: "7"}).code == (3 if told else 0)


def test_a_variable_that_a_file_names_is_its_own(world: World) -> None:
    world.account(token={"env": "RECONCILER_ACCOUNTS"})
    bgp = {"customer_asn": 65000, "md5_key": {"env": "RECONCILER_SANDBOXES"}}
    world.declare(tunnel(1, psk={"env": "RECONCILER_TIMEOUTS"}, bgp=bgp))
    env = {"RECONCILER_ACCOUNTS": "7", "RECONCILER_TIMEOUTS": "7", "RECONCILER_SANDBOXES": "7"}
    assert world.bare("validate", "-o", "json", env=env).json["diagnostics"] == []


def test_no_variable_of_the_github_action_is_a_warning(world: World) -> None:
    world.declare(tunnel(1))
    texts = [path.read_text() for path in Path(".github").rglob("*") if path.is_file()]
    names = {name for text in texts for name in re.findall(r"RECONCILER_[A-Z_]*[A-Z]", text)}
    env = dict.fromkeys(names, "")
    assert "RECONCILER_WITHOUT_TOKEN" in env
    assert world.bare("validate", "-o", "json", env=env).json["diagnostics"] == []


@pytest.mark.parametrize(
    ("argv", "env", "said"),
    [
        ("plan --sandbox", {"ACCOUNT": "prd"}, "there is no account 'prd' (from RECONCILER_ACCOUNT) in tunnels. Did"),
        ("plan --account prd", {"DIR": "./tunnels"}, "there is no account 'prd' in ./tunnels (from RECONCILER_DIR). "),
        (
            "plan --sandbox",
            {"DIR": "nope"},
            "the folder nope does not exist (from RECONCILER_DIR). Give",
        ),
        (
            "plan --sandbox",
            {"OUTPUT": "json=x/y"},
            "-o json=x/y (from RECONCILER_OUTPUT) can't be written: there",
        ),
        ("plan", {"SANDBOX": "./a.json"}, "the sandbox file (from RECONCILER_SANDBOX) can't be used: a.json does not"),
        ("plan --sandbox", {"TIMEOUT": "1e-9"}, "to do: Raise --timeout (from RECONCILER_TIMEOUT), or run it again"),
        ("plan --account prd", {"ACCOUNT": "lab"}, "there is no account 'prd' in tunnels. Did you mean"),
    ],
)
def test_an_error_names_the_variable_that_its_value_came_from(
    world: World, argv: str, env: dict[str, str], said: str
) -> None:
    world.declare(tunnel(1))
    world.write("a.json", "{}")
    ran = world.bare(*argv.split(), env={f"RECONCILER_{name}": value for name, value in env.items()})
    assert said in ran.out + ran.err


def test_a_remedy_names_the_variable_of_an_option_that_it_speaks_of() -> None:
    options = parse(["plan"], {"RECONCILER_BASE_URL": "http://127.0.0.1:9", "RECONCILER_TIMEOUT": "5"})
    told = Context(options, {}, None, None).to_copy  # type: ignore[arg-type] - it reads no stream
    assert told("the address (--base-url).") == "the address (--base-url (from RECONCILER_BASE_URL))."
    assert told("Raise --timeout, or") == "Raise --timeout (from RECONCILER_TIMEOUT), or"
    assert told("wait with --timeout SECONDS.") == "wait with --timeout SECONDS."


@pytest.mark.parametrize(
    ("argv", "wrong_content"),
    [
        ("plan --live {}", 1),
        ("drift --sandbox --previous {}", 1),
        ("apply --sandbox --plan {}", 6),
        ("show --plan {}", 1),
        ("render {}", 1),
        ("plan --sandbox=./{}", 1),
        ("simulate --state {}", 1),
    ],
)
def test_a_file_that_can_not_be_read_is_a_wrong_command_line_and_one_that_holds_something_else_is_not(
    world: World, argv: str, wrong_content: int
) -> None:
    world.declare(tunnel(1))
    world.write("text", "no JSON")
    world.write("object", '{"a": 1}')
    (world.root / "folder").mkdir()
    refused = [world.bare(*argv.format(name).split()) for name in ("folder", "text/below")]
    assert [ran.code for ran in refused] == [64, 64]
    said = "can't be (read|used): (Is a directory|Not a directory|File exists)"
    assert [bool(re.search(said, ran.err)) for ran in refused] == [True, True]
    assert [world.bare(*argv.format(name).split()).code for name in ("text", "object")] == [wrong_content] * 2


@pytest.mark.parametrize(
    "argv",
    ["plan --live {}", "drift --sandbox --previous {}", "apply --sandbox --plan {}", "show --plan {}", "render {}"],
)
def test_a_file_that_is_not_there_is_a_wrong_command_line(world: World, argv: str) -> None:
    world.declare(tunnel(1))
    ran = world.bare(*argv.format("nowhere").split())
    assert (ran.code, ran.err.startswith("reconciler: ")) == (64, True)
    assert "nowhere can't be read: No such file or directory" in ran.err


@pytest.mark.parametrize("option", ["--out", "--save-live", "-o json=", "--patch"])
def test_a_file_that_can_not_be_written_is_a_wrong_command_line(world: World, option: str) -> None:
    world.declare(tunnel(1))
    command = "drift" if option == "--patch" else "plan"
    word = option + "no/file" if option.endswith("=") else f"{option} no/file"
    ran = world.bare(command, "--sandbox", *word.split())
    assert (ran.code, "can't be written: there is no folder" in ran.err, ran.out) == (64, True, "")


def test_quiet_leaves_what_a_run_that_went_well_has_to_add(world: World) -> None:
    world.declare(tunnel(1, name="a-name-of-many-letters"), file="lab/a.yaml")
    ran = world.bare("apply", "--auto-approve", "--sandbox", "--quiet")
    account = "Account lab\n\n  + a-name-of-many-letters            applied  tunnels/lab/a.yaml:2\n"
    assert (ran.code, ran.err, account in ran.out) == (0, "", True)
    assert "warning: the name" in ran.out
    assert ran.out.endswith("\n\nApply complete: 1 created, 0 updated, 0 deleted.\n")
    assert not re.search("SANDBOX|Calls made|note:", ran.out)
    ran = world.bare("import", "--account", "prod", "--account-id", OTHER_ID, "--sandbox=box.json", "-q")
    assert (ran.code, ran.out, ran.err) == (0, "Import: done.\n", "")


def test_quiet_says_why_a_run_did_not_go_well(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.account(protect=["t002"])
    world.declare(tunnel(1, description="x"))
    ran = world.run("plan", "--quiet")
    assert (ran.code, "  blocked: " in ran.out, "  to go on: " in ran.out) == (5, True, True)


def test_only_where_calls_are_made_the_sandbox_stood_in_for_cloudflare(world: World) -> None:
    world.declare(tunnel(1))
    said = {}
    for command in ("validate", "accounts", "plan --save-live live.json", "plan --live live.json"):
        argv = (*command.split(), "-o", "text", "-o", "json=r.json")
        ran = world.bare(*argv, env={"RECONCILER_SANDBOX": "yes"})
        said[command] = ("SANDBOX" in ran.out, json.loads(world.read("r.json"))["sandbox"])
    assert [*said.values()] == [(False, False), (False, False), (True, True), (False, False)]
