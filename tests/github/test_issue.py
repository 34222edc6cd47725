import json

import pytest

from tests.github.standin import BOT, GitHub
from tests.github.step import Step, report


def drift(step: Step, *names: str, account: str = "prod", size: int = 0, keyless: int = 0) -> None:
    """The last step of the drift job, with these tunnels drifted."""
    found = report("drift", "changes" if names or keyless else "ok", *names, keyless=keyless)
    found["padding"] = "".join(chr(33 + i * i % 89) + str(i) for i in range(size))
    step.report.mkdir(exist_ok=True)
    (step.report / "report.json").write_text(json.dumps(found))
    (step.report / "report.md").write_text(f"<!-- reconciler {{}} -->\n## {found['outcome']}\n")
    done = step("issue", account=account)
    assert done.code == 0, done.log


def test_without_drift_there_is_no_issue(step: Step, github: GitHub) -> None:
    drift(step)
    assert github.writes == []


def test_drift_opens_one_issue_and_the_same_drift_makes_no_comment(step: Step, github: GitHub) -> None:
    drift(step, "a")
    drift(step, "a")
    drift(step, "a")
    assert [(i["title"], i["state"]) for i in github.issues] == [("Tunnel drift: prod", "open")]
    assert github.comments == []


def test_changed_drift_is_commented_once(step: Step, github: GitHub) -> None:
    drift(step, "a")
    drift(step, "a", "b")
    drift(step, "b", "a")
    assert github.bodies(1) == ["The drift has changed: 2 difference(s) now, see above."]


def test_a_key_that_is_missing_or_in_doubt_is_a_difference(step: Step, github: GitHub) -> None:
    drift(step, "a")
    drift(step, "a", keyless=2)
    drift(step, "a", keyless=2)
    assert github.bodies(1) == ["The drift has changed: 4 difference(s) now, see above."]


def test_the_issue_closes_itself_once_and_is_reopened(step: Step, github: GitHub) -> None:
    drift(step, "a")
    drift(step)
    assert github.issues[0]["state"] == "closed"
    assert github.bodies(1)[0].startswith("In sync since 20")
    writes = len(github.writes)
    drift(step)
    assert len(github.writes) == writes
    drift(step, "c")
    assert [i["state"] for i in github.issues] == ["open"]
    assert github.bodies(1)[1:] == ["Drift again: 1 difference(s), see above."]


def test_each_run_leaves_a_heartbeat(step: Step, github: GitHub) -> None:
    drift(step, "a")
    assert "Last checked 20" in github.issues[0]["body"]
    assert "https://github.example/acme/estate/actions/runs/7" in github.issues[0]["body"]
    drift(step)
    assert "Drift of this account checked" in (step.temp / "GITHUB_STEP_SUMMARY").read_text()


def test_the_issue_carries_the_report_for_the_next_run(step: Step, github: GitHub) -> None:
    drift(step, "a")
    assert step("previous", account="prod").code == 0
    previous = json.loads((step.temp / "reconciler-previous.json").read_text())
    assert [c["name"] for c in previous["accounts"][0]["changes"]] == ["a"]
    assert len(github.issues) == 1


def test_accounts_have_issues_of_their_own(step: Step, github: GitHub) -> None:
    for account in ("prod", "lab --> x", "lab"):
        drift(step, "a", account=account)
        drift(step, "a", account=account)
    assert [i["title"] for i in github.issues] == [
        "Tunnel drift: prod",
        "Tunnel drift: lab --> x",
        "Tunnel drift: lab",
    ]


@pytest.mark.parametrize("viewer", ["acme-plans[bot]", "Octocat"])
def test_the_issue_is_found_again_under_the_token_of_an_app_or_a_person(
    step: Step, github: GitHub, viewer: str
) -> None:
    github.viewer = viewer
    drift(step, "a")
    drift(step)
    assert [i["state"] for i in github.issues] == ["closed"]


def test_issues_of_others_and_pull_requests_are_not_taken(step: Step, github: GitHub) -> None:
    body = '<!-- reconciler-drift {"account": "prod", "drift": "x"} -->'
    github.issues = [
        {"number": 1, "state": "open", "user": {"login": "mallory"}, "body": body},
        {"number": 2, "state": "open", "user": {"login": BOT}, "body": body, "pull_request": {}},
        {"number": 3, "state": "open", "user": {"login": BOT}, "body": None},
    ]
    drift(step, "a")
    assert github.writes == ["POST repos/acme/estate/issues"]


@pytest.mark.parametrize("size", [20_000, 60_000])
def test_a_large_report_never_makes_a_body_that_github_refuses(step: Step, github: GitHub, size: int) -> None:
    drift(step, "a", size=size)
    drift(step, "a", size=size)
    assert len(github.issues[0]["body"]) < 65_536
    assert "## " in github.issues[0]["body"]
    assert len(github.issues) == 1


def test_a_damaged_report_in_the_issue_only_starts_the_ages_anew(step: Step, github: GitHub) -> None:
    drift(step, "a")
    github.issues[0]["body"] = github.issues[0]["body"].replace('{"gzip": "', '{"gzip": "%%')
    assert step("previous", account="prod").code == 0
    assert not (step.temp / "reconciler-previous.json").exists()


def test_a_run_that_could_not_look_leaves_the_issue_alone(step: Step, github: GitHub) -> None:
    drift(step, "a")
    writes = len(github.writes)
    (step.report / "report.json").write_text(json.dumps(report("drift", "error")))
    done = step("issue", account="prod")
    assert (done.code, len(github.writes)) == (0, writes)
    assert "::warning title=Drift not checked::" in done.log
