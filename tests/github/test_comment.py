import json

import pytest

from tests.github.standin import BOT, GitHub
from tests.github.step import HEAD, SHA, Result, Step, report

OLD, NEW = HEAD, "b" * 40


def reported(step: Step, digest: str = "sha256:aa", *, keyless: int = 0, **summary: int) -> None:
    """Puts a plan's report where the comment job finds it."""
    step.answers()
    step.report.mkdir(exist_ok=True)
    plan = report("plan", "changes", digest=digest, keyless=keyless, **summary)
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


def push(step: Step, github: GitHub, commit: str) -> None:
    """A new head, and the environment of its run."""
    github.pull(5, commit)
    step.env["RECONCILER_COMMIT"] = commit


def planned(step: Step, github: GitHub) -> str:
    """A run from its beginning to its end; the comment's text after it."""
    assert step("planning").code == 0
    reported(step)
    assert step("comment").code == 0
    return github.bodies(5)[0]


def unplanned(step: Step, github: GitHub) -> str:
    """A run that makes no report."""
    assert step("planning").code == 0
    (step.report / "report.json").unlink(missing_ok=True)
    assert step("comment").code == 0
    return github.bodies(5)[0]


def shown(github: GitHub, commit: str = OLD) -> str:
    """The comment that a plan of this commit left."""
    marker = json.dumps({"command": "plan", "digest": "sha256:aa", "commit": commit[:12]})
    return github.comment(5, BOT, f"<!-- reconciler {marker} -->\n## changes\n")["body"]


def visible(body: str) -> list[str]:
    return [line for line in body.splitlines() if line and not line.startswith("<!--")]


RUN = "[run 12](https://github.example/acme/estate/actions/runs/7)"
FOLDED = [f"<details><summary>The plan of an older commit {OLD[:12]}</summary>", "## changes", "</details>"]


def test_the_first_push_is_not_announced_so_that_the_mail_has_the_verdict(step: Step, github: GitHub) -> None:
    step.answers()
    assert step("planning").code == 0
    assert github.writes == []


def test_a_plan_is_folded_away_while_a_new_push_is_being_planned(step: Step, github: GitHub) -> None:
    first = shown(github)
    step.answers()
    push(step, github, NEW)
    assert step("planning").code == 0
    body = github.bodies(5)[0]
    assert visible(body) == ["> [!NOTE]", f"> ⏳ **Planning** `{NEW[:12]}`… ({RUN})", *FOLDED]
    assert body.splitlines()[0] == first.splitlines()[0]


def test_announcing_twice_changes_nothing(step: Step, github: GitHub) -> None:
    shown(github)
    step.answers()
    push(step, github, NEW)
    step("planning")
    body = github.bodies(5)[0]
    step("planning")
    assert github.bodies(5) == [body]


def test_a_new_plan_takes_the_place_of_everything(step: Step, github: GitHub) -> None:
    shown(github)
    push(step, github, NEW)
    assert visible(planned(step, github)) == ["## changes"]


def test_a_second_run_on_the_same_commit_folds_nothing(step: Step, github: GitHub) -> None:
    shown(github)
    step.answers()
    step("planning")
    assert visible(github.bodies(5)[0])[1:] == [f"> ⏳ **Planning** `{OLD[:12]}`… ({RUN})", "## changes"]
    assert visible(unplanned(step, github))[1:] == [
        f"> ⚠️ the {RUN} made no plan of `{OLD[:12]}`; below is an earlier one.",
        "## changes",
    ]


def test_without_a_new_plan_the_old_one_is_outdated(step: Step, github: GitHub) -> None:
    shown(github)
    step.answers()
    push(step, github, NEW)
    assert visible(unplanned(step, github)) == [
        "> [!WARNING]",
        f"> ⚠️ **Outdated**: the {RUN} made no plan of `{NEW[:12]}`; below is an earlier one.",
        *FOLDED,
    ]


def test_without_any_plan_there_is_no_comment(step: Step, github: GitHub) -> None:
    step.answers()
    assert step("comment").code == 0
    assert github.writes == []


def test_a_plan_that_a_push_without_a_run_overtook_is_not_shown_as_current(step: Step, github: GitHub) -> None:
    shown(github)
    github.pull(5, NEW)
    reported(step, digest="sha256:bb")
    assert step("comment").code == 0
    assert visible(github.bodies(5)[0]) == [
        "> [!WARNING]",
        f"> ⚠️ **Outdated**: the head is `{NEW[:12]}`, and there is no plan of it yet.",
        *FOLDED,
    ]


@pytest.mark.parametrize("command", ["planning", "comment"])
def test_an_old_run_started_again_leaves_the_plan_of_the_head_alone(step: Step, github: GitHub, command: str) -> None:
    github.pull(5, NEW)
    body = shown(github, NEW)
    reported(step)
    assert step(command).code == 0
    assert github.bodies(5) == [body]


@pytest.mark.parametrize("command", ["planning", "comment"])
def test_the_comment_of_a_closed_pull_request_stays(step: Step, github: GitHub, command: str) -> None:
    body = shown(github)
    reported(step)
    github.pull(5, HEAD, merged=SHA)
    assert step(command).code == 0
    assert github.bodies(5) == [body]


def test_a_comment_that_names_no_commit_counts_as_old(step: Step, github: GitHub) -> None:
    github.comment(5, BOT, comment().replace("\n", "\r\n"))
    step.answers()
    step("planning")
    assert visible(github.bodies(5)[0])[2:] == [
        "<details><summary>The plan of an older commit </summary>",
        "## Plan",
        "</details>",
    ]


def applied(step: Step, result: str, paused: str = "0") -> Result:
    step.answers()
    return step("applied", APPLY_RESULT=result, PAUSED=paused, RECONCILER_COMMIT="", PR_NUMBER="")


@pytest.mark.parametrize(
    ("result", "paused", "alert", "line"),
    [
        ("success", "0", "TIP", f"✅ **Applied** in {RUN}: converged."),
        ("success", "1", "TIP", f"✅ **Applied** in {RUN}: converged. Paused and left out: 1 account(s)."),
        (
            "failure",
            "0",
            "CAUTION",
            f"❌ **Not converged** after apply: the {RUN} says what was carried out and what was not.",
        ),
        (
            "cancelled",
            "",
            "CAUTION",
            f"❌ **Not converged** after apply: the {RUN} says what was carried out and what was not.",
        ),
        ("skipped", "", "WARNING", f"⏸️ **Not applied**: the {RUN} says why."),
    ],
)
def test_the_comment_says_how_the_apply_of_the_merge_ended(
    step: Step, github: GitHub, result: str, paused: str, alert: str, line: str
) -> None:
    shown(github)
    github.pull(4, NEW, merged="2" * 40)
    github.pull(5, HEAD, merged=SHA)
    assert applied(step, result, paused).code == 0
    assert visible(github.bodies(5)[0]) == [f"> [!{alert}]", f"> {line}", "## changes"]


def test_a_merge_of_what_was_never_planned_says_so_too(step: Step, github: GitHub) -> None:
    shown(github)
    github.pull(5, NEW, merged=SHA)
    applied(step, "success")
    assert visible(github.bodies(5)[0])[2:] == FOLDED


def test_a_second_attempt_takes_the_place_of_the_first_and_the_digest_stays(step: Step, github: GitHub) -> None:
    shown(github)
    github.pull(5, HEAD, merged=SHA)
    applied(step, "failure")
    applied(step, "success")
    assert visible(github.bodies(5)[0])[1:] == [f"> ✅ **Applied** in {RUN}: converged.", "## changes"]
    reported(step, update=1)
    assert step("reviewed").code == 0


@pytest.mark.parametrize(("merged", "login"), [("2" * 40, BOT), (None, BOT), (SHA, "mallory")])
def test_an_apply_without_a_pull_request_or_comment_of_ours_is_silent(
    step: Step, github: GitHub, merged: str | None, login: str
) -> None:
    github.pull(5, HEAD, merged=merged)
    github.comment(5, login, comment())
    assert applied(step, "success").code == 0
    assert github.writes == []


def test_an_apply_that_may_not_ask_for_the_pull_request_is_silent(step: Step) -> None:
    step.env["GH_PORT"] = "9"
    assert applied(step, "success").code == 0


def merged(github: GitHub, login: str = BOT, digest: str = "sha256:aa") -> None:
    github.pull(4, HEAD, merged="2" * 40)
    github.pull(5, HEAD, merged=SHA)
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


def test_a_plan_that_has_a_key_made_needs_review(step: Step, github: GitHub) -> None:
    merged(github, digest="sha256:bb")
    reported(step, keyless=1)
    assert step("reviewed").code == 6


def test_a_plan_without_changes_needs_no_review(step: Step, github: GitHub) -> None:
    reported(step)
    assert step("reviewed").code == 0
    assert github.writes == []
