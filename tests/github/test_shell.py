"""shellcheck over every script and every `run:` block."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.github.policy import File
from tests.github.test_policy import EXAMPLES

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
SCRIPTS = [ROOT / ".ci" / "run", *sorted((GITHUB / "actions").glob("*/*.sh"))]
YAMLS = [*sorted((GITHUB / "workflows").glob("*.yml")), *sorted((GITHUB / "actions").glob("*/action.yml"))]
RUNNER = "#!/bin/bash\nset -eo pipefail\n"
CRON = re.findall(r"```sh\n(.*?)```", (GITHUB / "docs" / "other-ci.md").read_text(encoding="utf-8"), re.DOTALL)


def blocks(text: str) -> list[str]:
    """The shell of every step, as the runner starts it; expressions become a word before it sees them."""
    steps = File(text, yaml.safe_load(text)).steps
    return [RUNNER + re.sub(r"\$\{\{.*?\}\}", "word", step["run"]) for step in steps if "run" in step]


def findings(*scripts: Path) -> str:
    command = [Path(sys.executable).with_name("shellcheck"), "-x", "--source-path=SCRIPTDIR", "--exclude=SC1091"]
    done = subprocess.run([*command, *scripts], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def test_scripts_are_clean() -> None:
    assert not findings(*SCRIPTS)


def test_run_blocks_and_published_scripts_are_clean(tmp_path: Path) -> None:
    published = [block for _, text in EXAMPLES for block in blocks(text)]
    texts = [*(block for path in YAMLS for block in blocks(path.read_text(encoding="utf-8"))), *published, *CRON]
    assert len(CRON) > 1
    assert len(published) > 1
    files = [tmp_path / f"{number}.sh" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    assert not findings(*files)


@pytest.mark.parametrize(
    ("script", "code"), [("rm -r $1/x", "SC2086"), ('f() { local x=$(ls); echo "$x"; }; f', "SC2155")]
)
def test_a_careless_script_is_found(tmp_path: Path, script: str, code: str) -> None:
    file = tmp_path / "bad.sh"
    file.write_text(f"{RUNNER}{script}\n", encoding="utf-8")
    assert code in findings(file)
