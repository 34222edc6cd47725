"""Whom the workflows give a token and a plan, and when the gate is on: their own expressions, worked out."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.github.expression import work_out
from tests.github.step import Step, report

WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"
OURS = "acme/estate"


def jobs(name: str) -> Any:
    return yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8"))["jobs"]


def pull(repository: str = OURS, author: str = "ann", **variables: str) -> dict[str, Any]:
    """What expressions see of a pull request."""
    head = {"repo": {"full_name": repository}}
    event = {"pull_request": {"head": head, "user": {"login": author}}}
    return {"github": {"event": event, "event_name": "pull_request", "repository": OURS}, "vars": variables}


def with_command(job: Any, command: str) -> Any:
    return next(step["with"] for step in job["steps"] if step.get("with", {}).get("command") == command)


@pytest.mark.parametrize("job", ["planning", "plan"])
@pytest.mark.parametrize(("repository", "runs"), [(OURS, True), ("mallory/estate", False), ("", False)])
def test_a_fork_gets_no_job_that_sees_a_token(job: str, repository: str, *, runs: bool) -> None:
    assert work_out(jobs("plan")[job]["if"], pull(repository)) is runs


def queued(number: int) -> dict[str, Any]:
    """What expressions see of a group in a merge queue."""
    ref = f"refs/heads/gh-readonly-queue/main/pr-{number}-{'1' * 40}"
    return {"github": {"event": {"merge_group": {}}, "event_name": "merge_group", "repository": OURS, "ref": ref}}


def test_in_a_merge_queue_the_files_are_checked_and_nothing_else_runs() -> None:
    seen = {**queued(5), "needs": {"planning": {"result": "skipped"}, "plan": {"result": "skipped"}}}
    conditions = {name: job.get("if", "true").replace("always()", "true") for name, job in jobs("plan").items()}
    assert [name for name, condition in conditions.items() if work_out(condition, seen)] == ["validate"]


@pytest.mark.parametrize(("seen", "told"), [(queued(5), False), (pull(), False), (pull("mallory/estate"), True)])
def test_that_there_is_no_plan_is_told_of_a_fork_alone(seen: dict[str, Any], *, told: bool) -> None:
    (step,) = (step for step in jobs("plan")["validate"]["steps"] if "Plan skipped" in step.get("run", ""))
    assert work_out(step["if"], seen) is told


def test_groups_of_a_merge_queue_do_not_cancel_each_other_and_pushes_to_a_pull_request_do() -> None:
    group = yaml.safe_load((WORKFLOWS / "plan.yml").read_text(encoding="utf-8"))["concurrency"]["group"]
    name = group.removeprefix("reconciler-plan-${{ inputs.name }}-")
    pushed = {"github": {"event": {"pull_request": {"number": 5}}, "ref": "refs/pull/5/merge"}}
    assert [work_out(name, seen) for seen in (pushed, queued(5), queued(6))] == [
        5,
        f"refs/heads/gh-readonly-queue/main/pr-5-{'1' * 40}",
        f"refs/heads/gh-readonly-queue/main/pr-6-{'1' * 40}",
    ]


@pytest.mark.parametrize(
    ("author", "variables", "code", "outcome"),
    [
        ("ann", {}, 9, "auth"),
        ("dependabot[bot]", {}, 0, "skipped"),
        ("dependabot", {}, 9, "auth"),
        ("ann", {"RECONCILER_WITHOUT_TOKEN": "true"}, 0, "skipped"),
        ("ann", {"RECONCILER_WITHOUT_TOKEN": "false"}, 9, "auth"),
        ("ann", {"RECONCILER_WITHOUT_TOKEN": "yes"}, 9, "auth"),
    ],
)
def test_only_dependabot_and_where_no_token_is_meant_are_green_without_a_plan(
    step: Step, author: str, variables: dict[str, str], code: int, outcome: str
) -> None:
    step.answers(
        plan={"code": 9, "report": report("plan", "auth")}, validate={"code": 0, "report": report("validate", "ok")}
    )
    given = with_command(jobs("plan")["plan"], "plan")["without-credentials"]
    mode = work_out(given, pull(author=author, **variables))
    done = step("plan", without_credentials=mode, CLOUDFLARE_API_TOKEN="", RECONCILER_ENV="")
    assert (done.code, done.outputs["outcome"]) == (code, outcome)


@pytest.mark.parametrize(
    ("event", "variable", "inputs", "wanted"),
    [
        ("push", "", {}, False),
        ("push", "false", {}, False),
        ("push", "true", {}, True),
        ("push", "on", {}, True),
        ("schedule", "true", {}, False),
        ("schedule", "", {"reviewed": True}, True),
        ("workflow_dispatch", "", {"digest": "sha256:aa"}, True),
        ("workflow_dispatch", "true", {"digest": ""}, False),
    ],
)
def test_the_gate_is_on_where_it_is_asked_for(
    event: str, variable: str, inputs: dict[str, Any], *, wanted: bool
) -> None:
    context = {"github": {"event_name": event}, "vars": {"RECONCILER_REQUIRE_REVIEWED": variable}, "inputs": inputs}
    assert bool(work_out(jobs("apply")["reviewed"]["if"], context)) is wanted


@pytest.mark.parametrize(
    ("result", "event", "variable", "code"),
    [
        ("success", "push", "", 6),  # the gate ran, and its digests were dropped
        ("skipped", "push", "true", 6),  # a variable of the environment, which the gate's job did not see
        ("skipped", "push", "", 0),
        ("skipped", "push", "false", 0),
        ("skipped", "schedule", "true", 0),
    ],
)
def test_an_apply_without_digests_refuses_wherever_the_gate_is_on(
    step: Step, result: str, event: str, variable: str, code: int
) -> None:
    step.answers(
        plan={"code": 0, "report": report("plan", "ok", "a")}, apply={"code": 0, "report": report("apply", "ok", "a")}
    )
    seen = {"github": {"event_name": event}, "needs": {"reviewed": {"result": result, "outputs": {}}}}
    called = jobs("apply")["apply"]["with"]
    inputs = {"reviewed": work_out(called["reviewed"], seen), "digests": work_out(called["digests"], seen)}
    there = {**seen, "inputs": inputs, "vars": {"RECONCILER_REQUIRE_REVIEWED": variable}}
    given = with_command(jobs("apply-accounts")["apply"], "apply")
    gate = {"reviewed": str(work_out(given["reviewed"], there)).lower(), "digests": work_out(given["digests"], there)}
    assert step("apply", account="prod", success_codes="0", **gate).code == code
