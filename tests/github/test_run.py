import json
import re
import signal
import time

import pytest

from tests.github.step import Step, accounts, report

PLAN = {"code": 2, "report": report("plan", "changes", "a", "b")}


def test_plan_with_changes_is_green_and_fills_every_output(step: Step) -> None:
    step.answers(plan=PLAN)
    done = step("plan", arguments="--baseline=HEAD^1")
    assert done.code == 0
    assert done.outputs == {
        "report": str(step.report),
        "exitcode": "2",
        "outcome": "changes",
        "changes": "true",
        "to_create": "0",
        "to_update": "2",
        "to_delete": "0",
        "plan_path": str(step.report / "plan.json"),
        "summary": "changes: 0 to create, 2 to update, 0 to delete",
    }
    assert "## changes" in done.summary
    assert "--baseline=HEAD^1" in step.calls()[-1]


def test_a_key_that_is_to_be_made_is_a_change(step: Step) -> None:
    step.answers(plan={"code": 2, "report": report("plan", "changes", keyless=1)})
    done = step("plan")
    assert [done.outputs[name] for name in ("changes", "to_create", "to_update", "to_delete")] == [
        "true",
        "0",
        "0",
        "0",
    ]


@pytest.mark.parametrize(
    ("command", "code", "outcome", "verdict"),
    [
        ("plan", 0, "ok", 0),
        ("plan", 5, "blocked", 5),
        ("plan", 3, "invalid", 3),
        ("plan", 9, "auth", 9),
        ("apply", 7, "partial", 7),
        ("apply", 1, "error", 1),
        ("drift", 2, "changes", 0),
        ("validate", 3, "invalid", 3),
        ("validate", 0, "ok", 0),
    ],
)
def test_exit_code_is_the_verdict(step: Step, command: str, code: int, outcome: str, verdict: int) -> None:
    step.answers(**{command: {"code": code, "report": report(command, outcome)}})
    done = step(command, account="prod")
    assert (done.code, done.outputs["exitcode"], done.outputs["outcome"]) == (verdict, str(code), outcome)


def test_success_codes_can_be_narrowed(step: Step) -> None:
    step.answers(drift={"code": 2, "report": report("drift", "changes", "a")})
    assert step("drift", success_codes="0").code == 2


def test_a_tool_that_dies_without_a_report_is_red_and_says_so(step: Step) -> None:
    step.answers(plan={"code": 70, "report": None})
    done = step("plan")
    assert (done.code, done.outputs["outcome"], "report" in done.outputs) == (70, "internal", False)
    assert "ended with exit code 70" in done.summary


def test_annotations_stand_outside_the_fence_that_mutes_the_log(step: Step) -> None:
    step.answers(plan=PLAN)
    lines = step("plan").log.splitlines()
    fence = next(line for line in lines if line.startswith("::stop-commands::")).removeprefix("::stop-commands::")
    muted = lines[lines.index(f"::stop-commands::{fence}") : lines.index(f"::{fence}::")]
    assert sum("must not become" in line for line in muted) == 2
    assert lines[lines.index(f"::stop-commands::{fence}") - 1] == "::group::reconciler plan"
    after = lines[lines.index(f"::{fence}::") + 1 :]
    assert after[0] == "::endgroup::"
    assert "::notice file=tunnels/a.yaml,line=1::planned" in after


def test_the_log_is_over_when_all_that_the_tool_started_has_ended(step: Step) -> None:
    step.answers(plan={**PLAN, "late": True})
    lines = step("plan").log.splitlines()
    end = lines.index("::endgroup::")
    assert lines[end - 2] == "the last word"
    assert lines[end - 1] == f"::{lines[1].removeprefix('::stop-commands::')}::"


def test_without_credentials_plan_only_validates_green(step: Step) -> None:
    step.answers(validate={"code": 0, "report": report("validate", "ok")})
    done = step("plan", without_credentials="skip", CLOUDFLARE_API_TOKEN="", arguments="--baseline=HEAD^1")
    assert (done.code, done.outputs["outcome"]) == (0, "skipped")
    assert "Plan skipped: no credentials for prod (CLOUDFLARE_API_TOKEN)." in done.summary
    assert step.calls()[-1][0] == "validate"
    assert "--baseline=HEAD^1" not in step.calls()[-1]


def test_without_credentials_invalid_files_are_red(step: Step) -> None:
    step.answers(validate={"code": 3, "report": report("validate", "invalid")})
    done = step("plan", without_credentials="skip", CLOUDFLARE_API_TOKEN="")
    assert (done.code, done.outputs["outcome"]) == (3, "invalid")


def test_without_credentials_a_saved_list_gives_an_offline_plan(step: Step) -> None:
    step.answers(plan=PLAN)
    (step.workspace / "live.json").write_text("{}")
    done = step("plan", without_credentials="skip", CLOUDFLARE_API_TOKEN="", live="live.json")
    assert (done.code, done.outputs["outcome"]) == (0, "changes")
    assert "Planned offline" in done.summary
    assert step.calls()[-1][step.calls()[-1].index("--live") + 1] == "live.json"


def test_every_token_that_an_account_names_is_looked_for(step: Step) -> None:
    step.answers(accounts={"code": 0, "report": accounts(variable="LAB_TOKEN")}, validate={"code": 0, "report": None})
    assert step("plan", without_credentials="skip").outputs["outcome"] == "skipped"
    assert step.calls()[-1][0] == "validate"


@pytest.mark.parametrize(
    ("mode", "code", "outcome", "kind"), [("skip", 0, "changes", "notice"), ("fail", 9, "auth", "error")]
)
def test_accounts_with_a_token_are_planned_and_the_others_listed(
    step: Step, mode: str, code: int, outcome: str, kind: str
) -> None:
    listed = [*accounts("prod", "new lab")["accounts"], *accounts("far", variable="FAR_TOKEN")["accounts"]]
    step.answers(accounts={"code": 0, "report": {"accounts": listed}}, plan=PLAN)
    done = step("plan", without_credentials=mode)
    assert (done.code, done.outputs["outcome"], done.outputs["to_update"]) == (code, outcome, "2")
    assert step.calls()[-1][:7] == ["plan", "--dir", "tunnels", "--account", "prod", "--account", "new lab"]
    assert f"::{kind} title=No credentials::Not planned, no credentials: far (FAR_TOKEN)." in done.log
    assert "far (FAR_TOKEN)" in done.summary
    assert json.loads((step.report / "report.json").read_text())["diagnostics"] == [
        {
            "severity": "warning" if mode == "skip" else "error",
            "code": "no-token",
            "summary": "account far was not planned",
            "detail": "Its token is not there: the environment variable FAR_TOKEN is not set.",
        }
    ]


def test_a_fault_of_the_accounts_that_are_planned_comes_first(step: Step) -> None:
    listed = [*accounts("prod")["accounts"], *accounts("far", variable="FAR_TOKEN")["accounts"]]
    step.answers(
        accounts={"code": 0, "report": {"accounts": listed}},
        plan={"code": 5, "report": report("plan", "blocked", "a")},
    )
    assert step("plan", without_credentials="fail").code == 5


def test_a_token_name_from_a_pull_request_is_never_expanded(step: Step) -> None:
    evil = "x[$(touch evil)]"
    step.answers(accounts={"code": 0, "report": accounts(variable=evil)}, plan=PLAN)
    assert step("plan", without_credentials="skip").code == 0
    assert not (step.workspace / "evil").exists()


def test_accounts_and_arguments_with_spaces_stay_whole(step: Step) -> None:
    step.answers(apply={"code": 0, "report": report("apply", "ok")})
    step("apply", account="prod\nnew lab\n", arguments="--no-delete\n--target=a b\n")
    call = step.calls()[-1]
    assert call[:9] == [
        "apply",
        "--dir",
        "tunnels",
        "--account",
        "prod",
        "--account",
        "new lab",
        "--auto-approve",
        "--no-delete",
    ]
    assert call[9] == "--target=a b"


@pytest.mark.parametrize("reviewed", ["true", "false"])
def test_what_is_planned_and_applied_is_told_the_same(step: Step, reviewed: str) -> None:
    ok = {"code": 0, "report": report("plan", "ok", "a")}
    step.answers(plan=ok, apply=ok)
    arguments = "--allow-commands\n--batch-size=5\n--no-delete\n"
    gate = {"reviewed": reviewed, "digests": '{"prod": "sha256:aa"}'}
    assert step("plan", account="prod", arguments=arguments).code == 0
    assert step("apply", account="prod", arguments=arguments, **gate).code == 0
    given = [[word for word in call if word in arguments.splitlines()] for call in step.calls()]
    assert given[1:] == [["--no-delete"], ["--no-delete"], arguments.split()]


@pytest.mark.parametrize(
    "line",
    [
        *("apply", "--", "-h", "-vh", "-o", "-ojson", "--No-delete", "=x", "$(touch evil)", "; touch evil", "%0A::x"),
        *(
            "--account=lab",
            "--auto-approve",
            "--base-url=http://127.0.0.1:1",
            "--detailed-exitcode",
            "--dir=/",
            "--help",
        ),
        *("--json", "--live=x", "--out=x", "--output=text", "--plan=x", "--previous=x", "--sandbox", "--timeout=9999"),
        "--version",
    ],
)
def test_an_argument_that_is_set_here_or_leads_elsewhere_is_refused(step: Step, line: str) -> None:
    done = step("apply", account="prod", arguments=f"--no-delete\n{line}\n")
    assert done.code == 64
    assert re.search(r"^::error title=Bad argument::Line 2 of the arguments", done.log, re.MULTILINE)
    assert not step.stub.with_suffix(".log").exists()
    assert not (step.workspace / "evil").exists()


def test_an_argument_is_one_word_and_never_the_shells(step: Step) -> None:
    step.answers(apply={"code": 0, "report": report("apply", "ok")})
    lines = ["--target=$(touch evil) * 'x' \"y", "--allow-delete=a;b|c>d&", "-vv"]
    assert step("apply", account="prod", arguments="\r\n".join([*lines, "", ""])).code == 0
    assert [line for line in lines if line in step.calls()[-1]] == lines
    assert not (step.workspace / "evil").exists()


@pytest.mark.parametrize(
    ("minutes", "at_most", "at_least"), [("5", 120, 60), ("30", 1620, 1560), ("360", 21420, 21360)]
)
def test_the_tool_ends_before_the_runner_ends_the_job(step: Step, minutes: str, at_most: int, at_least: int) -> None:
    step.answers(apply={"code": 0, "report": report("apply", "ok")})
    step("apply", account="prod", minutes=minutes)
    call = step.calls()[-1]
    assert at_least <= int(call[call.index("--timeout") + 1]) <= at_most


def test_without_a_limit_the_tool_has_its_own(step: Step) -> None:
    step.answers(apply={"code": 0, "report": report("apply", "ok")})
    step("apply", account="prod")
    assert "--timeout" not in step.calls()[-1]


@pytest.mark.parametrize("minutes", ["4", "0", "-30", "1.5", "x", "$(touch evil)", "010", "99999"])
def test_a_limit_that_is_none_is_refused(step: Step, minutes: str) -> None:
    done = step("apply", account="prod", minutes=minutes)
    assert done.code == 64
    assert "::error title=Bad time limit::" in done.log
    assert not (step.workspace / "evil").exists()


def test_drift_takes_the_previous_report_when_there_is_one(step: Step) -> None:
    step.answers(drift={"code": 0, "report": report("drift", "ok")})
    previous = step.temp / "reconciler-previous.json"
    previous.write_text("{}")
    step("drift")
    assert str(previous) in step.calls()[-1]


@pytest.mark.parametrize(
    ("reviewed", "digests", "code", "commands"),
    [
        ("true", '{"prod": "sha256:aa"}', 0, ["plan", "apply"]),
        ("true", '{"prod": "sha256:bb"}', 6, ["plan"]),
        ("false", '{"prod": "sha256:aa"}', 0, ["plan", "apply"]),
        ("false", '{"prod": "sha256:bb"}', 6, ["plan"]),
        ("false", "", 0, ["apply"]),
    ],
)
def test_only_the_reviewed_digest_is_applied(
    step: Step, reviewed: str, digests: str, code: int, commands: list[str]
) -> None:
    step.answers(
        plan={"code": 0, "report": report("plan", "ok", "a")},
        apply={"code": 0, "report": report("apply", "ok", "a")},
    )
    done = step("apply", account="prod", reviewed=reviewed, digests=digests, success_codes="0")
    assert (done.code, [call[0] for call in step.calls()]) == (code, commands)
    assert (done.outputs["outcome"] == "plan_changed") == (code == 6)


@pytest.mark.parametrize("reviewed", ["true", "", "yes"])
@pytest.mark.parametrize("digests", ["", " ", "***", "null", "[]", '"sha256:aa"', "{}", '{"lab": "sha256:aa"}'])
def test_a_gate_without_the_digest_of_the_account_refuses(step: Step, reviewed: str, digests: str) -> None:
    step.answers(
        plan={"code": 0, "report": report("plan", "ok", "a")},
        apply={"code": 0, "report": report("apply", "ok", "a")},
    )
    done = step("apply", account="prod", reviewed=reviewed, digests=digests, success_codes="0")
    assert (done.code, done.outputs["outcome"]) == (6, "plan_changed")
    assert [call[0] for call in step.calls()] == ["plan"]
    assert "::error title=No reviewed digest::" in done.log
    assert "Traceback" not in done.log


def test_a_plan_without_a_digest_never_passes_the_gate(step: Step) -> None:
    plan = report("plan", "ok", "a")
    plan["accounts"][0]["digest"] = None
    step.answers(plan={"code": 0, "report": plan}, apply={"code": 0, "report": report("apply", "ok", "a")})
    assert step("apply", account="prod", reviewed="true", digests='{"prod": null}').code == 6
    assert [call[0] for call in step.calls()] == ["plan"]


@pytest.mark.parametrize("account", ["", "\n", " \n"])
def test_apply_without_an_account_is_not_apply_of_all(step: Step, account: str) -> None:
    step.answers(apply={"code": 0, "report": report("apply", "ok")})
    done = step("apply", account=account)
    assert done.code == 64
    assert "::error title=No account::" in done.log
    assert not step.stub.with_suffix(".log").exists()


def test_the_keys_of_named_tunnels_are_sent(step: Step) -> None:
    step.answers(psk={"code": 0, "report": report("psk", "ok")})
    given = {"tunnels": "lon-a, lon b,par-*\nber-a\n", "arguments": "--allow-commands"}
    assert step("psk", account="prod", **given).outputs["outcome"] == "ok"
    call = ["psk", "--dir", "tunnels", "--account", "prod", "set", "--auto-approve", "lon-a", "lon b", "par-*", "ber-a"]
    assert step.calls()[-1][:12] == [*call, "--allow-commands"]


@pytest.mark.parametrize(("account", "tunnels"), [("", "lon-a"), ("prod", "lon-a,--all"), ("prod", " -o")])
def test_no_other_keys_than_those_of_named_tunnels_are_sent(step: Step, account: str, tunnels: str) -> None:
    step.answers(psk={"code": 0, "report": report("psk", "ok")})
    assert step("psk", account=account, tunnels=tunnels).code == 64
    assert not step.stub.with_suffix(".log").exists()


@pytest.mark.parametrize("command", ["previous", "issue"])
def test_an_issue_belongs_to_an_account(step: Step, command: str) -> None:
    done = step(command, account="")
    assert done.code == 64
    assert "::error title=No account::" in done.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_reaches_the_tool_which_ends_in_order(step: Step, number: signal.Signals) -> None:
    step.answers(apply={"code": 8, "report": report("apply", "interrupted"), "hang": True})
    with step.start("apply", account="prod", success_codes="0") as job:
        while not step.stub.with_suffix(".ready").exists():
            time.sleep(0.01)
        job.send_signal(number)
        assert job.wait(timeout=120) == 8


def test_no_output_can_smuggle_in_another(step: Step) -> None:
    step.answers(
        accounts={"code": 0, "report": accounts("x\ntokens<<EOF\n[]\nEOF")},
    )
    assert set(step("accounts").outputs) == {"accounts", "tokens", "paused"}


def test_a_json_py_in_the_workspace_is_not_run(step: Step) -> None:
    (step.workspace / "json.py").write_text("raise SystemExit(99)")
    step.answers(plan=PLAN)
    assert step("plan").code == 0


def test_accounts_are_grouped_by_token_without_the_paused(step: Step) -> None:
    listed = [
        *accounts("prod", "lab")["accounts"],
        *accounts("far", variable="FAR_TOKEN")["accounts"],
        *accounts("frozen", paused=True)["accounts"],
    ]
    step.answers(accounts={"code": 0, "report": {"accounts": listed}})
    done = step("accounts")
    assert done.outputs == {
        "accounts": '["prod", "lab", "far", "frozen"]',
        "tokens": '[{"token": "CLOUDFLARE_API_TOKEN", "accounts": ["prod", "lab"]},'
        ' {"token": "FAR_TOKEN", "accounts": ["far"]}]',
        "paused": "1",
    }
    assert "1 paused account(s)" in done.summary


def test_unknown_command_is_a_usage_error(step: Step) -> None:
    step.answers()
    assert step("destroy").code == 64


@pytest.mark.parametrize(("opens", "waits"), [("2026-05-03T22:00:00Z", "true"), (None, None)])
def test_an_apply_says_whether_anything_waits_for_a_window(step: Step, opens: str | None, waits: str | None) -> None:
    found = report("apply", "ok")
    found["accounts"][0]["held_back"] = [{"action": "update", "name": "a", "reason": "window", "opens": opens}]
    step.answers(apply={"code": 0, "report": found})
    assert step("apply", account="prod").outputs.get("waits") == waits
