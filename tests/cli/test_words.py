"""What the command line says, in whole: commands to copy, mistakes with their way out, quiet runs."""

import re
import shlex

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
