"""What a fresh machine gets: the locks, and the check that runs the README's commands as if nothing were there."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ACTION = ROOT / ".github" / "actions" / "reconciler" / "requirements.txt"
TESTS = ROOT / "tests" / "requirements.txt"
NEEDED = [Requirement(line) for line in PROJECT["dependencies"]]
WANTED = [*NEEDED, *map(Requirement, PROJECT["optional-dependencies"]["dev"])]


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("lock", "needed"),
    [(lock, each) for lock, all_ in ((ACTION, NEEDED), (TESTS, WANTED)) for each in all_],
    ids=lambda value: value.parent.name if isinstance(value, Path) else value.name,
)
def test_a_lock_holds_an_allowed_version_of_all_that_is_needed(lock: Path, needed: Requirement):
    assert needed.specifier.contains(pins(lock)[canonicalize_name(needed.name)])


def test_the_tests_try_what_the_action_installs():
    assert [
        f"{name} {version}" for name, version in pins(ACTION).items() if pins(TESTS).get(name, version) != version
    ] == []


@pytest.mark.parametrize("lock", [ACTION, TESTS], ids=lambda lock: lock.parent.name)
def test_a_lock_names_hashes_and_no_place_to_take_packages_from(lock: Path):
    text = lock.read_text()
    assert all(" \\\n    --hash=sha256:" in entry for entry in re.split(r"\n(?! )", text.strip()))
    assert re.search(r"://|^-", text, re.MULTILINE) is None


def test_no_pattern_holds_a_possessive_group_which_python_before_3_11_5_matches_wrongly():
    sources = sorted((ROOT / "reconciler").rglob("*.py"))
    assert [p.name for p in sources if re.search(r"\)[*+?]\+", p.read_text(encoding="utf-8"))] == []


TOOLS = "mkdir -p .venv/bin && cd .venv/bin && ln -s /bin/true mypy && cp mypy ruff && cp mypy lint-imports"
TOOLS = f"({TOOLS} && cp mypy zizmor && cp mypy reconciler)"


def check(folder: Path, first: str, second: str) -> subprocess.CompletedProcess[str]:
    """The check of a repository whose README has these two commands, on a machine that has this and that."""
    (folder / ".ci").mkdir()
    (folder / ".ci" / "run").write_text((ROOT / ".ci" / "run").read_text())
    (folder / "README.md").write_text(f"# x\n\n```sh\n{first}\n```\n\n```text\nfalse\n```\n\n```sh\n{second}\n```\n")
    (folder / ".gitignore").write_text("/.venv/\n")
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@example.com commit -qm x"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)  # noqa: S603, S607
    (folder / "leak.py").write_text("")
    (folder / ".venv").mkdir()
    return subprocess.run(
        ["bash", ".ci/run"],  # noqa: S607
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PIP_TARGET": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_check_runs_the_readme_s_commands_in_a_clone_with_nothing_else(tmp_path: Path):
    first = f"test ! -e .venv && test ! -e leak.py && {TOOLS}"
    ran = check(tmp_path, first, 'echo "[${PYTHONPATH-}${PIP_TARGET-}]" && echo 3 passed')
    assert (ran.returncode, ran.stdout) == (0, "[]\n3 passed\n")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("echo no such package; false", "echo never", "no such package\n"),
        (TOOLS, "echo 1 failed && false", "1 failed\n"),
        (f"{TOOLS} && ln -sf /bin/false .venv/bin/zizmor", "echo 3 passed", "3 passed\n\n"),
    ],
)
def test_the_check_fails_when_a_command_does(tmp_path: Path, first: str, second: str, said: str):
    ran = check(tmp_path, first, second)
    assert (ran.returncode, ran.stdout) == (1, said)


def test_the_readme_s_commands_are_one_line_each():
    found = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert [block.count("\n") for block in found[:2]] == [1, 1]
