"""The two jobs of the page on telling people, run as they stand there, on reports that the tool made."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from reconciler.simulator.faults import FaultKind, scripted
from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.server import Simulator
from tests.github.standin import GitHub
from tests.github.step import HERE

pytestmark = pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="needs jq and curl")

PAGE = (HERE.parents[1] / ".github" / "docs" / "notify.md").read_text(encoding="utf-8")
JOBS = [yaml.safe_load(block)["jobs"] for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
TELL, POLICY = JOBS[0]["tell"]["steps"][-1]["run"], JOBS[1]["policy"]["steps"][-1]["run"]
RUN = "https://github.example/acme/estate/actions/runs/7"
SECRET = "T0k3n"  # noqa: S105


class Receiver(ThreadingHTTPServer):
    """A chat on loopback: keeps what it is sent, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.messages: list[dict[str, str]] = []
        self.status = 200


class Answer(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        assert self.path == f"/hook/{SECRET}"
        self.server.messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def chat() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


class Ended(NamedTuple):
    code: int
    log: str


def run(script: str, folder: Path, **env: str) -> Ended:
    """The step as the runner starts it, in a folder of its own."""
    (folder / "step.sh").write_text(script)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh"],  # noqa: S607
        cwd=folder,
        env={"PATH": os.environ["PATH"], **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Reports of the tool: one tunnel is changed and one gone since the apply."""
    folder = tmp_path_factory.mktemp("estate")
    (folder / "tunnels" / "prod").mkdir(parents=True)
    (folder / "tunnels" / "prod" / "account.yaml").write_text(
        "account_id: 023e105f4ecef8ad9ca31a8372d0c353\nprune: true\n"
    )

    def declare(**endpoints: str) -> None:
        tunnels = [
            {
                "name": name,
                "cloudflare_endpoint": "203.0.113.1",
                "customer_endpoint": endpoint,
                "interface_address": f"10.20.{number}.0/31",
                "psk": "external",
            }
            for number, (name, endpoint) in enumerate(endpoints.items())
        ]
        (folder / "tunnels" / "prod" / "t.yaml").write_text(json.dumps({"tunnels": tunnels}))

    def report(command: str, *options: str, where: str = "--sandbox=sandbox.json", token: str = "") -> Any:
        tool = Path(sys.executable).with_name("reconciler")
        environment = {**os.environ, "CLOUDFLARE_API_TOKEN": token}
        arguments = [command, where, "-o", "json=report.json", *options]
        subprocess.run([tool, *arguments], cwd=folder, env=environment, check=False)  # noqa: S603
        return json.loads((folder / "report.json").rename(folder / f"{command}.json").read_text())

    declare(a="198.51.100.1")
    with LoopbackServer(Simulator(), answer=scripted({2: FaultKind("413")})) as server:  # the create
        where = f"--base-url={server.base_url}"
        partial = report("apply", "--auto-approve", where=where, token="abcdefghij0123456789" * 2)
        tokenless = report("apply", "--auto-approve", where=where)
    declare(a="198.51.100.1", b="198.51.100.2", c="198.51.100.3")
    applied = report("apply", "--auto-approve")
    declare(a="198.51.100.9", b="198.51.100.2")
    drift = report("drift")
    again = report("drift", "--previous=drift.json")
    plan = report("plan")
    return {"apply": applied, "partial": partial, "tokenless": tokenless, "drift": drift, "again": again, "plan": plan}


def tell(chat: Receiver, folder: Path, *reports: dict[str, Any], result: str = "success") -> Ended:
    for number, report in enumerate(reports):
        place = folder / "reports" / f"reconciler-drift-{number}"
        place.mkdir(parents=True)
        (place / "report.json").write_text(json.dumps(report))
    url = f"http://127.0.0.1:{chat.server_address[1]}/hook/{SECRET}"
    done = run(TELL, folder, WEBHOOK_URL=url, RESULT=result, RUN=RUN)
    assert SECRET not in done.log
    return done


def test_new_drift_is_told(chat: Receiver, tmp_path: Path, real: dict[str, Any]) -> None:
    assert tell(chat, tmp_path, real["drift"]) == (0, "")
    assert chat.messages == [{"text": f"Drift in prod: a, c\n{RUN}"}]


def test_the_address_is_no_argument_which_others_on_the_machine_could_read(
    chat: Receiver, tmp_path: Path, real: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "curl"
    stand_in.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >arguments\nexec "{shutil.which("curl")}" "$@"\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    tell(chat, tmp_path, real["drift"])
    assert len(chat.messages) == 1
    assert "@message.json" in (tmp_path / "arguments").read_text()
    assert SECRET not in (tmp_path / "arguments").read_text()


def test_drift_that_was_there_before_and_a_run_without_any_are_not(
    chat: Receiver, tmp_path: Path, real: dict[str, Any]
) -> None:
    assert real["again"]["outcome"] == "changes"
    assert tell(chat, tmp_path, real["again"], real["apply"]) == (0, "")
    assert chat.messages == []


def test_what_git_alone_has_changed_is_no_drift(chat: Receiver, tmp_path: Path, real: dict[str, Any]) -> None:
    waiting = json.loads(json.dumps(real["drift"]))
    for change in waiting["accounts"][0]["changes"]:
        change["cause"] = "git"
    assert tell(chat, tmp_path, waiting) == (0, "")
    assert chat.messages == []


@pytest.mark.parametrize(
    ("kind", "line"), [("partial", "apply of prod: partial, a"), ("tokenless", "apply of all accounts: auth")]
)
def test_an_apply_that_failed_is_told(
    chat: Receiver, tmp_path: Path, real: dict[str, Any], kind: str, line: str
) -> None:
    assert tell(chat, tmp_path, real["apply"], real[kind], result="failure") == (0, "")
    assert chat.messages == [{"text": f"{line}\n{RUN}"}]


def test_a_name_calls_nobody(chat: Receiver, tmp_path: Path, real: dict[str, Any]) -> None:
    drift = json.loads(json.dumps(real["drift"]))
    drift["accounts"][0]["changes"][0]["name"] = "<!channel> & co"
    tell(chat, tmp_path, drift)
    assert chat.messages == [{"text": f"Drift in prod: &lt;!channel&gt; &amp; co, c\n{RUN}"}]


@pytest.mark.parametrize("result", ["failure", "cancelled"])
def test_a_run_that_left_no_report_is_told(chat: Receiver, tmp_path: Path, result: str) -> None:
    assert tell(chat, tmp_path, result=result) == (0, "")
    assert chat.messages == [{"text": f"The run ended in {result}; its log says why\n{RUN}"}]


def test_where_one_account_drifted_and_another_left_no_report_both_are_told(
    chat: Receiver, tmp_path: Path, real: dict[str, Any]
) -> None:
    tell(chat, tmp_path, real["drift"], result="failure")
    assert chat.messages[0]["text"].splitlines()[:2] == [
        "The run ended in failure; its log says why",
        "Drift in prod: a, c",
    ]


def test_many_names_are_counted(chat: Receiver, tmp_path: Path, real: dict[str, Any]) -> None:
    drift = json.loads(json.dumps(real["drift"]))
    drift["accounts"][0]["changes"] *= 8
    tell(chat, tmp_path, drift)
    assert chat.messages[0]["text"].startswith("Drift in prod: a, c, a, c, a, c, a, c, a, c and 6 more\n")


def test_a_message_that_is_not_taken_is_red_and_shows_no_address(
    chat: Receiver, tmp_path: Path, real: dict[str, Any]
) -> None:
    chat.status = 404
    done = tell(chat, tmp_path, real["drift"])
    assert done.code != 0
    assert "404" in done.log


def policy(github: GitHub, folder: Path, plan: dict[str, Any] | None, day: str, *labels: str) -> Ended:
    """The policy's step on a plan, on that day of the week, with these labels."""
    (folder / "plan").mkdir()
    if plan:
        (folder / "plan" / "report.json").write_text(json.dumps(plan))
    (folder / "date").write_text(f"#!/bin/sh\necho {day}\n")
    (folder / "date").chmod(0o755)
    github.pull(5, "a" * 40)
    github.labelled(5).extend({"name": label} for label in labels)
    path = f"{folder}:{HERE / 'bin'}:{os.environ['PATH']}"
    environment = {"GITHUB_REPOSITORY": "acme/estate", "GH_TOKEN": "t", "GH_PORT": str(github.port)}
    return run(POLICY, folder, PATH=path, PR_NUMBER="5", **environment)


@pytest.mark.parametrize(
    ("day", "labels", "said"),
    [
        ("Thu", ["traffic"], []),
        ("Thu", ["bug"], ["prod/a: traffic", "prod/c: traffic"]),
        ("Fri", ["bug", "traffic"], ["prod/c: Fridays"]),
        ("Fri", [], ["prod/a: traffic", "prod/c: Fridays", "prod/c: traffic"]),
    ],
)
def test_the_policy_judges_a_real_plan(
    github: GitHub, tmp_path: Path, real: dict[str, Any], day: str, labels: list[str], said: list[str]
) -> None:
    done = policy(github, tmp_path, real["plan"], day, *labels)
    reasons = {"wants the label traffic, which it can interrupt": "traffic", "nothing is deleted on Fridays": "Fridays"}
    lines = [line.removeprefix("::error title=Policy::").partition(": ") for line in done.log.splitlines()]
    assert [f"{tunnel}: {reasons[why]}" for tunnel, _, why in lines] == said
    assert done.code == (1 if said else 0)


def test_a_name_is_no_command_to_the_runner(github: GitHub, tmp_path: Path, real: dict[str, Any]) -> None:
    plan = json.loads(json.dumps(real["plan"]))
    plan["accounts"][0]["changes"] = [plan["accounts"][0]["changes"][0] | {"name": "x\n::warning::y%0A"}]
    done = policy(github, tmp_path, plan, "Thu")
    assert done.log.splitlines() == [
        "::error title=Policy::prod/x ::warning::y%250A: wants the label traffic, which it can interrupt"
    ]


def test_without_a_plan_the_policy_fails(github: GitHub, tmp_path: Path) -> None:
    assert policy(github, tmp_path, None, "Thu", "traffic").code != 0
