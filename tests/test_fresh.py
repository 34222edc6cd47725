"""What a fresh machine gets: the locks, and the check that runs the README's commands as if nothing were there."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
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


@pytest.mark.parametrize(("endpoint", "code"), [("198.51.100.10", 0), ("nonsense", 3)])
def test_the_hook_of_pre_commit_checks_the_files(tmp_path: Path, endpoint: str, code: int):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    files = {
        "tunnels/prod/account.yaml": "account_id: 023e105f4ecef8ad9ca31a8372d0c353\nprune: true\n",
        "tunnels/prod/a.yaml": "tunnels:\n  - {name: a, cloudflare_endpoint: 203.0.113.1, psk: external, "
        f"interface_address: 10.0.0.0/31, customer_endpoint: {endpoint}}}\n",
    }
    (tmp_path / "tunnels" / "prod").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert re.search(hook["files"], name)
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    command = [Path(sys.executable).parent / hook["entry"].split()[0], *hook["entry"].split()[1:]]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == code  # noqa: S603


def test_the_recipe_of_a_container_installs_by_hash_and_runs_as_nobody_in_particular():
    page = (ROOT / ".github" / "docs" / "other-ci.md").read_text()
    (recipe,) = re.findall(r"^```dockerfile\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    installs = re.findall(r"pip install .*", recipe)
    assert [re.search("--require-hashes|--no-deps", line) is not None for line in installs] == [True, True]
    assert ACTION.relative_to(ROOT).as_posix() in recipe
    assert re.findall(r"^(?:USER|ENTRYPOINT) .*", recipe, re.MULTILINE)[0] == "USER 10001"
