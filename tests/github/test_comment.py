import json

import pytest

from tests.github.standin import BOT, GitHub
from tests.github.step import SHA, Step, report


def reported(step: Step, digest: str = "sha256:aa", **summary: int) -> None:
    """Puts a plan's report where the comment job finds it."""
    step.answers()
    step.report.mkdir(exist_ok=True)
    plan = report("plan", "changes", digest=digest, **summary)
    (step.report / "report.json").write_text(json.dumps(plan))
    (step.report / "report.md").write_text(comment(digest))


def comment(digest: str = "sha256:aa", command: str = "plan") -> str:
    return f"<!-- reconciler {json.dumps({'command': command, 'digest': digest})} -->\n## Plan\n"


def test_the_first_plan_makes_a_comment_rendered_from_the_json_alone(step: Step, github: GitHub) -> None:
    reported(step)
    (step.report / "report.md").write_text("forged")
    assert step("comment").code == 0
    assert github.writes == ["POST repos/acme/estate/issues/5/comments"]
    assert github.bodies(5)[0].splitlines()[1:] == ["## changes"]


def test_the_next_plan_updates_it_in_place_even_behind_pages_of_others(step: Step, github: GitHub) -> None:
    for _ in range(5):
        github.comment(5, "somebody", "nice")
    reported(step)
    step("comment")
    reported(step, digest="sha256:bb")
    assert step("comment").code == 0
    assert github.writes[-1] == "PATCH repos/acme/estate/issues/comments/105"
    assert (len(github.bodies(5)), "sha256:bb" in github.bodies(5)[-1]) == (6, True)


@pytest.mark.parametrize(
    ("login", "body"),
    [
        ("mallory", comment()),
        (BOT, comment(command="drift")),
        (BOT, "A line first\n" + "> " + comment()),
        (BOT, "<!-- reconciler {broken -->\n"),
        (BOT, ""),
    ],
)
def test_comments_that_are_not_ours_stay_untouched(step: Step, github: GitHub, login: str, body: str) -> None:
    github.comment(5, login, body)
    reported(step)
    assert step("comment").code == 0
    assert github.bodies(5)[0] == body
    assert len(github.bodies(5)) == 2


def merged(github: GitHub, login: str = BOT, digest: str = "sha256:aa") -> None:
    github.pulls = [{"number": 4, "merge_commit_sha": "2" * 40}, {"number": 5, "merge_commit_sha": SHA}]
    github.comment(5, login, comment(digest))


def test_the_plan_in_the_comment_of_the_merged_pull_request_passes_the_gate(step: Step, github: GitHub) -> None:
    merged(github)
    reported(step, update=1)
    done = step("reviewed")
    assert (done.code, done.outputs) == (0, {"digests": '{"prod": "sha256:aa"}'})


def test_another_plan_than_the_reviewed_one_is_stopped(step: Step, github: GitHub) -> None:
    merged(github, digest="sha256:bb")
    reported(step, update=1)
    done = step("reviewed")
    assert (done.code, done.outputs) == (6, {})
    assert "reviewed was `sha256:bb`" in done.summary


def test_a_digest_in_a_strangers_comment_reviews_nothing(step: Step, github: GitHub) -> None:
    merged(github, login="mallory")
    reported(step, update=1)
    assert step("reviewed").code == 6


@pytest.mark.parametrize(("expect", "code"), [("sha256:aa", 0), ("sha256:a", 6)])
def test_a_digest_given_by_hand_takes_the_place_of_the_comment(
    step: Step, github: GitHub, expect: str, code: int
) -> None:
    reported(step, delete=1)
    assert step("reviewed", expect=expect).code == code
    assert github.writes == []


def test_a_plan_without_changes_needs_no_review(step: Step, github: GitHub) -> None:
    reported(step)
    assert step("reviewed").code == 0
    assert github.writes == []
