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


def applied(step: Step, result: str, paused: str = "0", waits: str = "") -> Result:
    step.answers()
    return step("applied", APPLY_RESULT=result, PAUSED=paused, WAITS=waits, RECONCILER_COMMIT="", PR_NUMBER="")


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


def test_the_comment_does_not_call_converged_what_waits_for_a_window(step: Step, github: GitHub) -> None:
    shown(github)
    github.pull(5, HEAD, merged=SHA)
    applied(step, "success", waits="true")
    line = f"> ✅ **Applied** in {RUN}: converged, but for what waits for a window, as the run says."
    assert visible(github.bodies(5)[0])[1] == line


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


@pytest.mark.parametrize("viewer", ["acme-plans[bot]", "Octocat"])
def test_the_comment_is_found_again_under_the_token_of_an_app_or_a_person(
    step: Step, github: GitHub, viewer: str
) -> None:
    github.viewer = viewer
    planned(step, github)
    planned(step, github)
    github.pull(5, HEAD, merged=SHA)
    applied(step, "success")
    assert len(github.bodies(5)) == 1
    assert "**Applied**" in github.bodies(5)[0]


@pytest.mark.parametrize(("author", "code"), [("", 6), ("acme-plans[bot]", 0), ("ACME-Plans[bot]", 0)])
def test_the_gate_reads_the_comment_of_the_author_that_it_is_told(
    step: Step, github: GitHub, author: str, code: int
) -> None:
    merged(github, login="acme-plans[bot]")
    reported(step, update=1)
    assert step("reviewed", author=author).code == code


@pytest.mark.parametrize("command", ["comment", "planning"])
def test_where_nobody_says_whose_comment_it_is_none_is_written(step: Step, github: GitHub, command: str) -> None:
    shown(github)
    github.viewer = ""
    reported(step)
    done = step(command)
    assert (done.code, github.writes) == (1, [])
    assert "give the name as the input author" in done.log


@pytest.mark.parametrize(
    ("mode", "summary", "job", "made"),
    [
        ("always", {}, "success", 1),
        ("changes", {}, "success", 0),
        ("changes", {"update": 1}, "success", 1),
        ("changes", {"keyless": 1}, "success", 1),
        ("changes", {}, "failure", 1),
        ("never", {"update": 1}, "success", 0),
    ],
)
def test_the_first_comment_is_made_where_it_is_asked_for(
    step: Step, github: GitHub, mode: str, summary: dict[str, int], job: str, made: int
) -> None:
    reported(step, **summary)
    assert step("comment", comment=mode, PLAN_RESULT=job).code == 0
    assert len(github.bodies(5)) == made


def test_a_change_that_is_held_back_is_worth_a_comment(step: Step, github: GitHub) -> None:
    reported(step)
    plan = json.loads((step.report / "report.json").read_text())
    plan["accounts"][0]["held_back"] = [{"name": "a"}]
    (step.report / "report.json").write_text(json.dumps(plan))
    assert step("comment", comment="changes", labels="true").code == 0
    assert (len(github.bodies(5)), github.labelled(5)) == (1, [{"name": "reconciler: no-changes"}])


@pytest.mark.parametrize("mode", ["changes", "never"])
def test_a_comment_that_is_there_never_tells_an_old_plan(step: Step, github: GitHub, mode: str) -> None:
    shown(github)
    push(step, github, NEW)
    reported(step, digest="sha256:bb")
    assert step("comment", comment=mode).code == 0
    assert (len(github.bodies(5)), "sha256:bb" in github.bodies(5)[0]) == (1, True)


def labels(github: GitHub) -> list[str]:
    return [label["name"] for label in github.labelled(5)]


@pytest.mark.parametrize(
    ("outcome", "update", "job", "label"),
    [
        ("changes", 1, "success", "changes"),
        ("ok", 0, "success", "no-changes"),
        ("blocked", 1, "failure", "blocked"),
        ("error", 0, "failure", "failed"),
        ("changes", 1, "failure", "failed"),
    ],
)
def test_one_label_says_how_the_plan_ended(
    step: Step, github: GitHub, outcome: str, update: int, job: str, label: str
) -> None:
    github.labelled(5).extend({"name": name} for name in ("reconciler: changes", "Reconciler: Failed", "bug"))
    reported(step)
    (step.report / "report.json").write_text(json.dumps(report("plan", outcome, update=update)))
    assert step("comment", labels="true", PLAN_RESULT=job).code == 0
    assert [name.lower() for name in labels(github) if name != "bug"] == [f"reconciler: {label}"]
    assert "bug" in labels(github)


def test_a_label_is_gone_while_a_new_plan_is_made_and_stays_as_it_is_otherwise(step: Step, github: GitHub) -> None:
    reported(step, update=1)
    step("comment", labels="true")
    writes = len(github.writes)
    step("comment", labels="true")
    assert github.writes[writes:] == ["PATCH repos/acme/estate/issues/comments/100"]
    step("planning", labels="true")
    assert labels(github) == []


@pytest.mark.parametrize(("job", "found"), [("failure", ["reconciler: failed"]), ("success", [])])
def test_without_a_plan_the_label_says_so_unless_none_was_meant(
    step: Step, github: GitHub, job: str, found: list[str]
) -> None:
    step.answers()
    assert step("comment", labels="true", PLAN_RESULT=job).code == 0
    assert labels(github) == found


def test_a_label_that_may_not_be_made_is_named_and_the_comment_is_written(step: Step, github: GitHub) -> None:
    github.labels = ["reconciler: changes"]
    reported(step)
    done = step("comment", labels="true")
    assert (done.code, len(github.bodies(5)), labels(github)) == (0, 1, [])
    assert "::warning title=Label not set::The label for 'no-changes' could not be set" in done.log
    reported(step, update=1)
    assert step("comment", labels="true").code == 0
    assert labels(github) == ["reconciler: changes"]


def test_nobody_asked_for_labels(step: Step, github: GitHub) -> None:
    reported(step, update=1)
    step("comment")
    assert labels(github) == []


def test_two_comments_stand_side_by_side(step: Step, github: GitHub) -> None:
    github.comment(5, BOT, comment())
    for name, digest in (("eu", "sha256:e1"), ("us", "sha256:u1"), ("eu", "sha256:e2")):
        reported(step, digest, update=1)
        assert step("comment", name=name, labels="true").code == 0
    texts = github.bodies(5)
    assert [next(d for d in ("aa", "e1", "e2", "u1") if f"sha256:{d}" in text) for text in texts] == ["aa", "e2", "u1"]
    assert labels(github) == ["reconciler eu: changes", "reconciler us: changes"]
    push(step, github, NEW)
    step("planning", name="eu", labels="true")
    assert ["Planning" in text for text in github.bodies(5)] == [False, True, False]
    assert labels(github) == ["reconciler us: changes"]
    reported(step, "sha256:e3", update=1)
    step("comment", name="eu")
    assert [len(github.bodies(5)), "sha256:e3" in github.bodies(5)[1]] == [3, True]


def test_the_gate_reads_the_comment_of_its_name(step: Step, github: GitHub) -> None:
    merged(github, digest="sha256:aa")
    github.comment(5, BOT, comment("sha256:e1") + '<!-- reconciler-comment {"name": "eu"} -->\n')
    reported(step, "sha256:e1", update=1)
    assert [step("reviewed", name=name).code for name in ("eu", "", "us")] == [0, 6, 6]


@pytest.mark.parametrize(("name", "told"), [("", [True, True]), ("eu", [False, True]), ("us", [False, False])])
def test_an_apply_without_a_name_tells_every_comment(step: Step, github: GitHub, name: str, told: list[bool]) -> None:
    merged(github)
    github.comment(5, BOT, comment() + '<!-- reconciler-comment {"name": "eu"} -->\n')
    step.answers()
    assert step("applied", name=name, APPLY_RESULT="success").code == 0
    assert ["**Applied**" in text for text in github.bodies(5)] == told


@pytest.mark.parametrize("given", [{"name": "a b"}, {"name": "x" * 28}, {"comment": "sometimes"}, {"labels": "yes"}])
def test_an_input_that_can_not_be_meant_is_refused(step: Step, github: GitHub, given: dict[str, str]) -> None:
    reported(step)
    done = step("comment", **given)
    assert (done.code, github.writes) == (64, [])
    assert f"The input {next(iter(given))}" in done.log or "the input labels" in done.log


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
