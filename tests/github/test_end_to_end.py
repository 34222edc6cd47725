"""The jobs' steps with the real tool against the simulator over HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.server import Simulator
from tests.github.standin import GitHub
from tests.github.step import HEAD, SHA, Result, Step
from tests.strangers import foreign_create

ID = "023e105f4ecef8ad9ca31a8372d0c353"
ACCOUNT = f"account_id: {ID}\nprune: true\n"
PLAN = {"arguments": "--baseline=HEAD^1", "without_credentials": "skip"}


def settings(name: str, description: str = "x") -> dict[str, str]:
    """A tunnel as the files and the API know it, with addresses of its own."""
    return {
        "name": name,
        "cloudflare_endpoint": "203.0.113.1",
        "customer_endpoint": f"198.51.100.{ord(name)}",
        "interface_address": f"10.20.0.{2 * (ord(name) - 97)}/31",
        "description": description,
    }


class Estate:
    """A repository of tunnels, and the steps of the three workflows on it."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.folder = step.workspace / "tunnels" / "prod"
        self.folder.mkdir(parents=True)
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=self.step.workspace, check=True)  # noqa: S603, S607

    def commit(self, *names: str, extra: str = "", description: str = "x") -> None:
        tunnels = [{**settings(name, description), "psk": "external"} for name in names]
        (self.folder / "account.yaml").write_text(ACCOUNT + extra)
        (self.folder / "tunnels.yaml").write_text(json.dumps({"tunnels": tunnels}))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")

    def plan(self, **env: str) -> Result:
        return self.step("plan", **PLAN, **env)

    def drift(self, *names: str, **fields: str) -> Result:
        """The steps of the drift job with these tunnels declared."""
        self.commit(*names, **fields)
        self.step("previous", account="prod")
        done = self.step("drift", account="prod")
        self.step("issue", account="prod")
        return done


@pytest.fixture
def estate(step: Step, tmp_path: Path) -> Iterator[Estate]:
    simulator = Simulator()
    for name in "abcde":
        foreign_create(simulator, ID, settings(name))
    with LoopbackServer(simulator) as server:
        tool = tmp_path / "tool"
        tool.mkdir()
        command = f'exec "{Path(sys.executable).with_name("reconciler")}" --base-url {server.base_url} "$@"\n'
        (tool / "reconciler").write_text(f"#!/bin/sh\n{command}")
        (tool / "reconciler").chmod(0o755)
        step.env["PATH"] = f"{tool}:{step.env['PATH']}"
        estate = Estate(step)
        estate.commit("a", "b", "c", "d", "e")
        yield estate


def test_no_change(estate: Estate, github: GitHub) -> None:
    estate.commit("a", "b", "c", "d", "e")
    done = estate.plan()
    assert (done.code, done.outputs["exitcode"], done.outputs["changes"]) == (0, "0", "false")
    assert estate.step("comment").code == 0
    assert github.bodies(5)[0].startswith("<!-- reconciler {")


def test_change_is_commented_once_and_kept_up_to_date(estate: Estate, github: GitHub) -> None:
    estate.commit("a", "b", "c", "d", "e", "f", description="y")
    done = estate.plan()
    assert (done.code, done.outputs["outcome"]) == (0, "changes")
    assert [done.outputs[f"to_{k}"] for k in ("create", "update", "delete")] == ["1", "5", "0"]
    estate.step("comment")
    estate.commit("a", "b", "c", "d", "e", "f")
    assert [estate.plan().outputs[f"to_{k}"] for k in ("create", "update", "delete")] == ["1", "0", "0"]
    estate.step("comment")
    assert len(github.bodies(5)) == 1
    assert (
        json.loads((estate.step.report / "report.json").read_text())["accounts"][0]["digest"]
        in (github.bodies(5)[0].splitlines()[0])
    )


def test_an_app_comments_on_changes_alone_and_labels_each_plan(estate: Estate, github: GitHub) -> None:
    github.viewer = "acme-plans[bot]"
    seen = []
    for names in ("abcde", "abcdef", "abcde", "a"):
        estate.commit(*names)
        done = estate.plan()
        result = "failure" if done.code else "success"
        assert estate.step("comment", comment="changes", labels="true", PLAN_RESULT=result).code == 0
        seen.append((len(github.bodies(5)), [label["name"] for label in github.labelled(5)]))
    assert seen == [
        (0, ["reconciler: no-changes"]),
        (1, ["reconciler: changes"]),
        (1, ["reconciler: no-changes"]),
        (1, ["reconciler: blocked"]),
    ]
    assert "Blocked" in github.bodies(5)[0]


def test_a_plan_of_an_older_commit_is_folded_whole_and_the_new_one_is_not(estate: Estate, github: GitHub) -> None:
    estate.step.env |= {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/pull/5/merge"}
    estate.commit("a", "b", "c", "d", "e", "f", description="y")
    estate.plan()
    estate.step("comment")
    (first,) = github.bodies(5)
    assert "**On merge:**" in first
    assert f"commit `{HEAD[:12]}`" in first
    assert "[run](https://github.example/acme/estate/actions/runs/7)" in first
    github.pull(5, "b" * 40)
    estate.step.env["RECONCILER_COMMIT"] = "b" * 40
    estate.step("planning")
    (waiting,) = github.bodies(5)
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(waiting)
    assert page.index(f"commit {HEAD[:12]}</summary>") < page.index("<h2>") < page.rindex("</details>")
    assert page.count("<details") == page.count("</details>") == first.count("<details") + 1
    assert "<h2>" not in page[page.rindex("</details>") :]
    estate.step("comment")
    assert "older commit" not in github.bodies(5)[0]


def test_delete_stands_in_the_caution_box(estate: Estate, github: GitHub) -> None:
    estate.commit("a", "b", "c", "d")
    assert estate.plan().outputs["to_delete"] == "1"
    estate.step("comment")
    assert "[!CAUTION]" in github.bodies(5)[0]


def test_invalid_files_are_red_on_their_lines(estate: Estate) -> None:
    estate.commit("a", extra="colour: red\n")
    done = estate.plan()
    assert (done.code, done.outputs["outcome"]) == (3, "invalid")
    assert "::error file=tunnels/prod/account.yaml,line=3" in done.log


def test_a_guard_is_red_and_still_commented(estate: Estate, github: GitHub) -> None:
    estate.commit("a")
    done = estate.plan()
    assert (done.code, done.outputs["outcome"], done.outputs["to_delete"]) == (5, "blocked", "4")
    assert estate.step("comment").code == 0
    assert len(github.bodies(5)) == 1


def test_without_a_token_nothing_is_green_and_the_comment_says_why(estate: Estate, github: GitHub) -> None:
    estate.commit("a", "b")
    done = estate.step("plan", arguments="--baseline=HEAD^1", CLOUDFLARE_API_TOKEN="")
    assert (done.code, done.outputs["outcome"]) == (9, "auth")
    estate.step("comment")
    assert "the environment variable CLOUDFLARE\\_API\\_TOKEN is not set" in github.bodies(5)[0]


def test_where_no_token_is_meant_it_is_green_and_says_so(estate: Estate) -> None:
    estate.commit("a", "b")
    done = estate.plan(CLOUDFLARE_API_TOKEN="")
    assert (done.code, done.outputs["outcome"]) == (0, "skipped")
    assert "Plan skipped: no credentials" in done.summary


SECRETS = """\
CLOUDFLARE_API_TOKEN=secret-token-of-prod
LAB_TOKEN=lab-token-0123456789
# keys
A_PSK=key-of-a-0123456789abcdef
"""


@pytest.fixture
def two(estate: Estate) -> Estate:
    """A second account with a token of its own, and a tunnel in it whose key comes from the environment."""
    folder = estate.folder.parent / "lab"
    folder.mkdir()
    (folder / "account.yaml").write_text(f"account_id: {'1' * 32}\nprune: true\ntoken: {{env: LAB_TOKEN}}\n")
    (folder / "a.yaml").write_text(json.dumps({"tunnels": [{**settings("a"), "psk": {"env": "A_PSK"}}]}))
    estate.commit("a", "b", "c", "d", "e", "f")
    return estate


def shown(log: str) -> str:
    """What GitHub shows of a log: masked from where a mask is added on, but not while commands are stopped."""
    masks: list[str] = []
    stopped = ""
    lines = []
    for line in log.splitlines():
        if line == f"::{stopped}::":
            stopped = ""
        elif line.startswith("::stop-commands::") and not stopped:
            stopped = line.removeprefix("::stop-commands::")
        elif line.startswith("::add-mask::") and not stopped:
            masks.append(line.removeprefix("::add-mask::"))
            continue
        for mask in masks:
            line = line.replace(mask, "***")  # noqa: PLW2901
        lines.append(line)
    return "\n".join(lines)


def test_two_tokens_and_a_key_from_one_secret_plan_and_converge_two_accounts(two: Estate, github: GitHub) -> None:
    both = {"CLOUDFLARE_API_TOKEN": "", "RECONCILER_ENV": SECRETS}
    done = two.step("plan", arguments="--baseline=HEAD^1\n--allow-commands", minutes="15", **both)
    assert (done.code, done.outputs["outcome"], done.outputs["to_create"]) == (0, "changes", "2")
    two.step("comment")
    assert "`lab`" in github.bodies(5)[0]
    logs = [done.log]
    for account in ("lab", "prod"):
        done = two.step("apply", account=account, minutes="30", success_codes="0", **both)
        assert (done.code, done.outputs["to_create"]) == (0, "1")
        assert two.step("drift", account=account, **both).outputs["outcome"] == "ok"
        logs.append(done.log)
    left = [p.read_text(errors="replace") for p in two.step.temp.rglob("*") if p.is_file()]
    everything = "\n".join([*map(shown, logs), *left, *github.bodies(5)])
    assert [word for word in ("lab-token", "secret-token", "key-of-a") if word in everything] == []


def test_a_key_that_only_the_tool_reads_is_in_no_log_and_masked_for_what_follows(estate: Estate) -> None:
    key = "key-of-a-file-0123456789abcdef"
    (estate.folder / "a.key").write_text(key)
    (estate.folder / "a.key").chmod(0o600)
    estate.step.env["GITHUB_ACTIONS"] = "true"
    estate.commit("a", "b", "c", "d", "e")
    (estate.folder / "f.yaml").write_text(json.dumps({"tunnels": [{**settings("f"), "psk": {"file": "a.key"}}]}))
    done = estate.step("apply", account="prod", success_codes="0")
    assert (done.code, done.outputs["to_create"]) == (0, "1")
    assert key not in shown(done.log)
    assert key not in shown(f"{done.log}a later step says {key}\n")


def test_an_account_without_its_token_is_red_and_named_in_the_comment(two: Estate, github: GitHub) -> None:
    done = two.step("plan", arguments="--baseline=HEAD^1")
    assert (done.code, done.outputs["outcome"], done.outputs["to_create"]) == (9, "auth", "1")
    assert two.step("comment").code == 0
    assert "❌ account lab was not planned. Its token is not there" in github.bodies(5)[0]
    assert "the environment variable LAB\\_TOKEN is not set" in github.bodies(5)[0]


def test_where_no_token_is_meant_the_comment_names_the_account_as_well(two: Estate, github: GitHub) -> None:
    assert two.plan().code == 0
    two.step("comment")
    assert "⚠️ account lab was not planned" in github.bodies(5)[0]


def test_the_review_is_of_what_a_schedule_applies(estate: Estate) -> None:
    estate.commit("a", "b", "c", "d", "f")
    kept = "--no-delete\n--allow-commands\n--batch-size=1\n--target=*"
    plan = estate.step("plan", arguments=kept)
    assert [plan.outputs[f"to_{k}"] for k in ("create", "delete")] == ["1", "0"]
    digest = json.loads((estate.step.report / "report.json").read_text())["accounts"][0]["digest"]
    digests = estate.step("reviewed", expect=digest).outputs["digests"]
    gate = {"account": "prod", "reviewed": "true", "digests": digests, "success_codes": "0"}
    assert estate.step("apply", **gate, arguments="--target=*").code == 6
    assert estate.step("apply", **gate, arguments=kept).code == 0
    assert estate.plan().outputs["to_delete"] == "1"


def test_a_fork_is_checked_without_any_token(estate: Estate) -> None:
    nothing = {"CLOUDFLARE_API_TOKEN": "", "RECONCILER_ENV": ""}
    assert estate.step("validate", **nothing).outputs["outcome"] == "ok"
    estate.commit("a", extra="colour: red\n")
    assert estate.step("validate", **nothing).code == 3


def test_only_the_reviewed_plan_is_applied(estate: Estate, github: GitHub) -> None:
    estate.commit("a", "b", "c", "d", "e", "f")
    estate.plan()
    estate.step("comment")
    github.pull(5, HEAD, merged=SHA)
    digests = estate.step("reviewed").outputs["digests"]
    estate.commit("a", "b", "c", "d", "e", "f", "g")
    gate = {"account": "prod", "reviewed": "true", "success_codes": "0"}
    assert estate.step("apply", **gate, digests=digests).code == 6
    estate.plan()
    assert estate.step("reviewed").code == 6
    estate.commit("a", "b", "c", "d", "e", "f")
    assert estate.step("apply", **gate, digests="").code == 6
    assert estate.plan().outputs["to_create"] == "1"
    assert estate.step("apply", **gate, digests=digests).code == 0


@pytest.mark.parametrize("lost", ["account", "directory"])
def test_an_input_that_was_lost_applies_nothing(estate: Estate, lost: str) -> None:
    estate.commit("a", "b", "c", "d", "e", "f")
    assert estate.step("apply", **{"account": "prod", lost: ""}).code == 64
    assert estate.plan().outputs["to_create"] == "1"


def test_drift_is_tracked_from_opening_to_reopening(estate: Estate, github: GitHub) -> None:
    names = ("a", "b", "c", "d", "e")
    assert estate.drift(*names).outputs["outcome"] == "ok"
    assert github.issues == []
    assert estate.drift(*names, description="y").outputs["outcome"] == "changes"
    estate.drift(*names, description="y")
    assert (len(github.issues), github.comments) == (1, [])
    estate.drift(*names[:-1], description="y")
    assert len(github.comments) == 1
    estate.drift(*names)
    assert github.issues[0]["state"] == "closed"
    assert github.comments[-1]["body"].startswith("In sync since")
    estate.drift(*names, description="z")
    assert [i["state"] for i in github.issues] == ["open"]


def test_no_secret_is_in_anything_that_the_steps_leave(estate: Estate, github: GitHub) -> None:
    estate.commit("a", "b", "c", "d", "e", "f")
    done = estate.plan()
    estate.step("comment")
    left = [p.read_text(errors="replace") for p in estate.step.temp.rglob("*") if p.is_file()]
    assert "secret-token" not in "\n".join([done.log, *left, *github.bodies(5)])
