"""A repository that `reconciler init` made: its workflows, and their steps in its own folder with only the action."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.server import Simulator
from tests.github.policy import breaches
from tests.github.standin import GitHub
from tests.github.step import Step

ROOT = Path(__file__).parents[2]
ID = "023e105f4ecef8ad9ca31a8372d0c353"
PROGRAM = Path(sys.executable).with_name("reconciler")
NAMES = ("plan", "apply", "drift", "psk")
PAGE = (ROOT / ".github" / "docs" / "github.md").read_text(encoding="utf-8")


def template(name: str) -> str:
    return (ROOT / "reconciler" / "cli" / "repository" / f"{name}.yml").read_text(encoding="utf-8")


def called(name: str) -> Any:
    """What the called workflow `name` takes, and its jobs with those of workflows that it calls itself."""
    found = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))
    jobs = [*found["jobs"].values()]
    for job in found["jobs"].values():
        if job.get("uses", "").startswith("$/.github/workflows/"):
            jobs += called(Path(job["uses"]).stem)[1]
    return found[True]["workflow_call"], jobs


@pytest.fixture
def repository(step: Step) -> Path:
    """A repository with what `init` writes, and nothing else."""
    subprocess.run(["git", "init", "--quiet"], cwd=step.workspace, check=True)  # noqa: S607
    argv = ("--account", "prod", "--account-id", ID, "--uses", f"acme/tool@{'a1' * 20}")
    subprocess.run([PROGRAM, "init", *argv], cwd=step.workspace, check=True, capture_output=True)  # noqa: S603
    return step.workspace


@pytest.mark.parametrize("name", NAMES)
def test_a_caller_gives_what_the_called_workflow_takes(name: str) -> None:
    caller, takes = yaml.safe_load(template(name))["jobs"]["tunnels"], called(name)[0]
    assert set(caller["with"]) <= set(takes["inputs"])
    assert set(caller["secrets"]) == set(takes["secrets"])
    assert caller["secrets"] == {secret: f"${{{{ secrets.{secret} }}}}" for secret in takes["secrets"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_caller_grants_exactly_what_the_jobs_ask_for(name: str) -> None:
    asked: dict[str, str] = {}
    for job in called(name)[1]:
        asked |= {scope: right for scope, right in job["permissions"].items() if asked.get(scope) != "write"}
    assert yaml.safe_load(template(name))["jobs"]["tunnels"]["permissions"] == asked


def test_apply_and_drift_begin_at_different_minutes() -> None:
    assert [yaml.safe_load(template(name))[True]["schedule"][0]["cron"].split()[0] for name in ("apply", "drift")] == [
        "17",
        "43",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_what_init_writes(name: str) -> None:
    assert f"```yaml\n# .github/workflows/{name}.yml\n{template(name)}```\n" in PAGE


def test_the_written_workflows_keep_the_rules(repository: Path) -> None:
    written = sorted((repository / ".github" / "workflows").glob("*.yml"))
    texts = [path.read_text().replace("acme/tool/", "acme/reconciler/") for path in written]
    assert [(path.stem, breaches(text)) for path, text in zip(written, texts, strict=True)] == [
        ("apply", {}),
        ("drift", {}),
        ("plan", {}),
        ("psk", {}),
    ]
    audit = ["--offline", "--strict-collection", "--persona=pedantic", "--no-progress", repository / ".github"]
    done = subprocess.run(  # noqa: S603
        [Path(sys.executable).with_name("zizmor"), *audit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "No findings to report" in done.stdout) == (0, True), done.stdout


@pytest.fixture
def simulator(step: Step, tmp_path: Path) -> Iterator[Simulator]:
    """A simulated Cloudflare without tunnels, which the tool of the steps speaks to."""
    live = Simulator()
    with LoopbackServer(live) as server:
        tool = tmp_path / "tool"
        tool.mkdir()
        (tool / "reconciler").write_text(f'#!/bin/sh\nexec "{PROGRAM}" --base-url {server.base_url} "$@"\n')
        (tool / "reconciler").chmod(0o755)
        step.env["PATH"] = f"{tool}:{step.env['PATH']}"
        yield live


def commit(repository: Path) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run([*git, "add", "--all"], cwd=repository, check=True)  # noqa: S603
    subprocess.run([*git, "commit", "--quiet", "--message", "x"], cwd=repository, check=True)  # noqa: S603


def given(name: str) -> dict[str, str]:
    """The inputs of the caller that are the same for the action."""
    return {"directory": yaml.safe_load(template(name))["jobs"]["tunnels"]["with"]["directory"]}


def test_the_jobs_run_in_a_new_repository(step: Step, repository: Path, simulator: Simulator, github: GitHub) -> None:
    commit(repository)
    assert step("validate", **given("plan")).outputs["outcome"] == "ok"
    tunnels = repository / "tunnels" / "prod" / "tunnels.yaml"
    example = tunnels.read_text().replace("tunnels: []\n#", "tunnels:\n").replace("\n#   ", "\n   ")
    tunnels.write_text(example.replace("psk: external", "psk: {env: LON_A_PSK}"))
    commit(repository)
    assert step("validate", **given("plan")).outputs["outcome"] == "ok"
    planned = step("plan", arguments="--baseline=HEAD^1", **given("plan"))
    assert (planned.code, planned.outputs["to_create"]) == (0, "1")
    assert step("comment").code == 0
    assert "lon-a" in github.bodies(5)[0]
    tokens = json.loads(step("accounts", **given("apply")).outputs["tokens"])
    assert tokens == [{"token": "CLOUDFLARE_API_TOKEN", "accounts": ["prod"]}]
    one = {"account": "prod", "success_codes": "0"}
    assert step("drift", account="prod", **given("drift")).outputs["outcome"] == "changes"
    step("apply", **one, **given("apply"), RECONCILER_ENV="LON_A_PSK=the first key")
    assert [*simulator.account(ID).psks.values()] == ["the first key"]
    assert step("drift", **one, **given("drift")).outputs["outcome"] == "ok"
    step("psk", **one, **given("psk"), tunnels="lon-*", RECONCILER_ENV="LON_A_PSK=another key")
    assert [*simulator.account(ID).psks.values()] == ["another key"]
    left = subprocess.run(["git", "status", "--short"], cwd=repository, check=True, capture_output=True)  # noqa: S607
    assert left.stdout == b""
