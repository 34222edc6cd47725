"""Every command of every page of the docs runs: in a fence, behind `reconciler`, or in a code span with an option.

    reconciler psk set NAME…                 psk set t001
    apply --sandbox --plan plan.json         a plan is saved there before
    reconciler simulate --port 8787 … &      a real process on a free port, ended once it says where it listens

They meet a simulated account that is as declared, with a key by reference and one that is generated.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import options
from tests.cli.world import ID, World, tunnel

ROOT = Path(__file__).parents[2]
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / ".github").rglob("*.md"))) if path.stem != "CHANGELOG"]
_COMMANDS = "|".join(options.COMMANDS)
_OUR_OWN = re.compile(rf"(?:\S*/)?reconciler ((?:--sandbox )?(?:{_COMMANDS})(?: .*)?)")
_MENTIONED = re.compile(rf"((?:{_COMMANDS}) .*-.*)")
STANDS_FOR = {
    "<32 hex digits>": ID,
    "$CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD",
    "http://127.0.0.1:8787/client/v4": "BASE_URL",
    "/var/lib/tunnels/": "",
    "/srv/www/": "",
    "$last.new": "drift.json.new",
    '"$@"': "--previous drift.json",
    "$keep": "--no-delete",
    "[NAME…]": "t001",
    "REPORT.json": "drift.json",
    "--account NAME --network CIDR": "--account prod --network 10.99.0.0/28",
    " NAME…": " NAME",
    "'…'": "list_lag=1",
    " --account NAME --network CIDR": "",
}
"""What a page leaves to the reader."""
VALUES = {
    "--out": "plan.json",
    "--plan": "plan.json",
    "--faults": "2=timeout-after",
    "--previous": "drift.json",
    "--semantics": "list_lag=1",
    "--baseline": "HEAD",
    "--target": "t*",
    "--allow-delete": "t001",
}
"""A value for an option that a text names without one."""
KEYS = {"set": "t001", "rotate": "t002", "--device": "t001", "NAME": "t001"}
"""The tunnel whose key can be sent, the one whose key can be made, and those that are shown."""


def commands(text: str) -> list[str]:
    """The commands of one page."""
    fenced = re.findall(r"^```(?:sh|yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    found = [match[1] for block in fenced for line in block.splitlines() if (match := re.search(_OUR_OWN, line))]
    for paragraph in text.split("\n\n"):
        if "```" not in paragraph:
            for span in re.findall(r"`([^`]+)`", paragraph):
                line = " ".join(span.split())
                found += [match[1] for sort in (_OUR_OWN, _MENTIONED) if (match := re.fullmatch(sort, line))]
    return found


def words(command: str) -> list[str]:
    """A command as a shell passes it on, with all that a page leaves open."""
    for left_open, value in STANDS_FOR.items():
        command = command.replace(left_open, value)
    argv = shlex.split(command.split(" > ")[0].removesuffix("&"))
    if argv[-1] in VALUES:
        argv.append(VALUES[argv[-1]])
    return [KEYS[argv[1]] if word == "NAME" else word for word in argv]


EVERY = sorted({command for page in PAGES for command in commands(page.read_text())})


def test_commands_are_found_wherever_a_page_may_have_them() -> None:
    page = """Save `plan` with `reconciler plan
--out x` or `drift --sandbox`, see `psk`.

```sh
cd /x && .venv/bin/reconciler apply --auto-approve
```
"""
    assert commands(page) == ["apply --auto-approve", "plan --out x", "drift --sandbox"]
    assert words("psk rotate NAME…") == ["psk", "rotate", "t002"]
    assert words("drift --previous") == ["drift", "--previous", "drift.json"]


@pytest.mark.parametrize("command", [command for command in EVERY if not command.startswith("simulate")])
def test_a_command_of_the_docs_runs(world: World, command: str) -> None:
    argv = words(command)
    world.declare(
        tunnel(1, psk={"env": "T001_PSK"}), tunnel(2, psk={"generate": True, "deliver_to": {"file": "../../keys/t002"}})
    )
    (world.root / "keys").mkdir(mode=0o700)
    world.env["T001_PSK"] = "a key for the tests of the docs"
    sandbox = [word for word in argv if word.startswith("--sandbox")]
    server = sandbox or ["--base-url", world.base_url]
    assert world.bare("apply", "--auto-approve", *server).code == 0
    assert world.bare("drift", "-o", "json=drift.json", *server).code == 0
    if "--plan" in argv:
        assert world.bare("plan", "--out", argv[argv.index("--plan") + 1], *server).code == 0
    if "--baseline" in argv:
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        for step in (["init", "-q"], ["add", "tunnels"], ["commit", "-qm", "x"]):
            subprocess.run([*git, *step], cwd=world.root, check=True)  # noqa: S603
    if argv[0] == "import":
        (world.root / "tunnels/prod/a.yaml").unlink()
    if "--measure" in argv:  # which wants an account without other tunnels
        world.forget()
        argv.append("--auto-approve")
        argv += [] if "--network" in argv else ["--account", "prod", "--network", "10.255.0.0/29"]
    if "--account-id" in argv:
        (world.root / "tunnels/prod/account.yaml").unlink()
    argv = [world.base_url if word == "BASE_URL" else word for word in argv]
    if argv[0] in options.CALLING.split() and not {"--base-url", *sandbox} & {*argv}:
        argv += server
    if argv[:2] in (["psk", "set"], ["psk", "rotate"]):  # on a terminal they ask
        argv.append("--auto-approve")
    if "--measure" in argv:
        scratch = [] if "--network" in argv else ["--account", "prod", "--network", "10.99.0.0/28"]
        argv += [*scratch, "--beside-live", "--auto-approve"]
    ran = world.bare(*argv)
    assert ran.code == 0, ran.out + ran.err


@pytest.mark.parametrize("command", [command for command in EVERY if command.startswith("simulate")])
def test_a_simulator_of_the_docs_starts(command: str, tmp_path: Path) -> None:
    argv = [*words(command), "--port", "0"]
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "reconciler", *argv], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as simulator:
        assert simulator.stdout
        said = simulator.stdout.readline()
        simulator.terminate()
    assert said.startswith("Simulating the API on http://127.0.0.1:")
