import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HERE = Path(__file__).parent
ACTION = HERE.parents[1] / ".github" / "actions" / "reconciler"
SHA = "1" * 40
HEAD = "a" * 40
FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
INPUTS = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))["inputs"]
MAIN = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"][-1]


class Result(NamedTuple):
    code: int
    log: str
    outputs: dict[str, str]
    summary: str


def parse_outputs(text: str) -> dict[str, str]:
    """Reads GITHUB_OUTPUT as the runner does: name<<delimiter, value, delimiter."""
    lines = iter(text.splitlines())
    outputs = {}
    for line in lines:
        name, _, delimiter = line.partition("<<")
        outputs[name] = "\n".join(iter(lines.__next__, delimiter))
    return outputs


def given(expression: str, inputs: dict[str, str]) -> str:
    """The value of `${{ inputs.name }}`: what the caller gives, or the default."""
    name = expression.removeprefix("${{ inputs.").removesuffix(" }}")
    return inputs[name] if name in inputs else INPUTS[name]["default"]


class Step:
    """Runs the action's main step as the runner does, in a workspace of its own."""

    def __init__(self, folder: Path, tool: Path) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.stub = folder / "stub.json"
        self.report = self.temp / "reconciler-report"
        self.env = {
            # The scripts' python3 is the one that runs the tests, whatever a machine has put in its place.
            "PATH": f"{tool}:{HERE / 'bin'}:{sys.base_prefix}/bin:{os.environ['PATH']}",
            "STUB": str(self.stub),
            "RUNNER_TEMP": str(self.temp),
            "XDG_STATE_HOME": str(folder / "state"),
            "GITHUB_REPOSITORY": "acme/estate",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_NUMBER": "12",
            "RECONCILER_COMMIT": HEAD,
            "GITHUB_SHA": SHA,
            "GH_TOKEN": "t",
            "PR_NUMBER": "5",
            "GITHUB_ACTION_PATH": str(ACTION),
            "CLOUDFLARE_API_TOKEN": "secret-token",
        }

    def answers(self, **commands: dict[str, Any]) -> None:
        """What the stand-in for the tool says to each command."""
        self.stub.write_text(json.dumps({"accounts": {"code": 0, "report": accounts()}, **commands}))

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.stub.with_suffix(".log").read_text().splitlines()]

    def got(self) -> dict[str, str | None]:
        """What the stand-in found in its environment, of the names in its answer's `env`."""
        found: dict[str, str | None] = json.loads(self.stub.with_suffix(".env").read_text())
        return found

    def start(self, command: str, **env: str) -> subprocess.Popen[str]:
        """The step as a process: lower-case names are inputs of the action, upper-case ones plain variables."""
        for name in FILES:
            (self.temp / name).write_text("")
        inputs = {"command": command, **{k.replace("_", "-"): v for k, v in env.items() if k.islower()}}
        script = self.temp / "script.sh"
        script.write_text(MAIN["run"])
        return subprocess.Popen(  # noqa: S603
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],  # noqa: S607
            cwd=self.workspace,
            env={
                **self.env,
                **{name: str(self.temp / name) for name in FILES},
                **{name: given(value, inputs) for name, value in MAIN["env"].items()},
                **{k: v for k, v in env.items() if k.isupper()},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, command: str, **env: str) -> Result:
        """Runs one step to its end."""
        job = self.start(command, **env)
        log, _ = job.communicate()
        outputs, summary = ((self.temp / name).read_text() for name in FILES)
        return Result(job.returncode, log, parse_outputs(outputs), summary)


def accounts(*names: str, variable: str = "CLOUDFLARE_API_TOKEN", paused: bool = False) -> dict[str, Any]:
    """The document of `reconciler accounts -o json`."""
    return {
        "accounts": [
            {"account": name, "account_id": "0" * 32, "token": {"env": variable}, "paused": paused}
            for name in names or ("prod",)
        ]
    }


def report(
    command: str, outcome: str, *names: str, digest: str = "sha256:aa", keyless: int = 0, **summary: int
) -> dict[str, Any]:
    """A report of one account with one changed tunnel for each name, and tunnels that have no key yet."""
    changes = [
        {
            "action": "update",
            "name": name,
            "class": "changed",
            "fields": [{"path": "description", "before": "a", "after": "b", "sensitive": False}],
        }
        for name in names
    ]
    account = {"account": "prod", "digest": digest, "changes": changes, "drifted": len(names)}
    if keyless:
        doubt = {"name": "in-doubt", "error": {"code": "key-not-in-sink"}}
        account["keys"] = [doubt, *({"name": f"new{n}", "error": {"code": "no-key"}} for n in range(keyless))]
    return {
        "command": command,
        "outcome": outcome,
        "summary": {"create": 0, "update": len(names), "delete": 0, **summary},
        "accounts": [account],
    }
