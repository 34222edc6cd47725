"""The report of the last apply, which the next one is given."""

import json
from hashlib import sha256
from typing import Any

import pytest
import yaml

from tests.github.standin import GitHub
from tests.github.step import HERE, Step, report

WORKFLOWS = HERE.parents[1] / ".github" / "workflows"
NAME = f"reconciler-apply-{sha256(b'tunnels/prod').hexdigest()[:16]}"


def found(step: Step, **env: str) -> list[str] | None:
    """The names in the report that was fetched; None without one."""
    step.answers()
    done = step("last", account="prod", GITHUB_REF_NAME="main", **env)
    assert done.code == 0, done.log
    previous = step.temp / "reconciler-previous.json"
    if not previous.exists():
        return None
    return [change["name"] for change in json.loads(previous.read_text())["accounts"][0]["changes"]]


def of(*names: str, **account: Any) -> dict[str, Any]:
    made = report("apply", "partial", *names)
    made["accounts"][0] |= account
    return made


def test_the_newest_report_is_taken(step: Step, github: GitHub) -> None:
    github.artifact(NAME, of("a"))
    github.artifact(NAME, of("b"))
    github.artifact("reconciler-apply-of-another", of("c"))
    assert found(step) == ["b"]


def test_an_apply_that_could_not_plan_knows_nothing_of_what_was_rolled_back(step: Step, github: GitHub) -> None:
    github.artifact(NAME, of("a"))
    github.artifact(NAME, of(digest=None))
    github.artifact(NAME, {**of(), "accounts": []})
    assert found(step) == ["a"]


@pytest.mark.parametrize("fields", [{"head_branch": "topic"}, {"head_repository_id": 2}, {"expired": True}])
def test_what_others_made_under_its_name_does_not_count(step: Step, github: GitHub, fields: dict[str, Any]) -> None:
    github.artifact(NAME, of("a"))
    github.artifact(NAME, of("b"), **fields)
    assert found(step) == ["a"]


def test_the_first_apply_has_none(step: Step, github: GitHub) -> None:  # noqa: ARG001 - it is asked
    assert found(step) is None


def test_a_report_of_another_version_is_left_out_with_a_warning(step: Step, github: GitHub) -> None:
    github.artifact(NAME, of("a"))
    step.answers(render={"code": 1, "report": None})
    done = step("last", account="prod", GITHUB_REF_NAME="main")
    assert (done.code, "::warning title=No report of the last apply::" in done.log) == (0, True)
    assert not (step.temp / "reconciler-previous.json").exists()


def test_where_github_does_not_answer_nothing_is_applied(step: Step, github: GitHub) -> None:
    github.artifact(NAME, of("a"))
    github.viewer = ""
    assert step("last", account="prod", GITHUB_REF_NAME="main").code != 0


@pytest.mark.parametrize(("event", "retries"), [("schedule", False), ("push", True), ("workflow_dispatch", True)])
def test_only_a_schedule_does_not_try_again(step: Step, event: str, retries: bool) -> None:  # noqa: FBT001
    step.answers(apply={"code": 0, "report": report("apply", "ok")})
    (step.temp / "reconciler-previous.json").write_text("{}")
    done = step("apply", account="prod", GITHUB_EVENT_NAME=event)
    given = step.calls()[-1]
    assert given[given.index("--previous") + 1] == str(step.temp / "reconciler-previous.json")
    assert ("--retry" in given) == retries
    assert done.outputs["artifact"] == NAME


def test_without_an_earlier_report_none_is_given(step: Step) -> None:
    step.answers(apply={"code": 0, "report": report("apply", "ok")})
    step("apply", account="prod", GITHUB_EVENT_NAME="push")
    assert not {"--previous", "--retry"} & {*step.calls()[-1]}


def test_a_plan_is_not_told_to_try_again(step: Step) -> None:
    step.answers(plan={"code": 0, "report": report("plan", "ok")})
    step("plan", arguments="--retry\n--no-delete")
    assert ("--retry" in step.calls()[-1], "--no-delete" in step.calls()[-1]) == (False, True)


def test_the_workflow_fetches_what_an_earlier_run_of_it_kept() -> None:
    steps = yaml.safe_load((WORKFLOWS / "apply-accounts.yml").read_text(encoding="utf-8"))["jobs"]["apply"]["steps"]
    ours = {step["with"]["command"]: step["with"] for step in steps if "command" in step.get("with", {})}
    assert list(ours) == ["last", "apply"]
    assert all(ours["last"][name] == ours["apply"][name] for name in ("directory", "account"))
    assert steps[-1]["with"]["name"] == "${{ steps.apply.outputs.artifact }}"
