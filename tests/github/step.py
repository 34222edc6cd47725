import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple


HERE = Path(__file__).parent
ACTION = HERE.parents[1] / ".github" / "actions" / "reconciler"
SHA = "1" * 40


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


class Step:
    """Runs the action's entry script as the runner does, in a workspace of its own."""

    def __init__(self, folder: Path, tool: Path) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.stub = folder / "stub.json"
        self.report = self.temp / "reconciler-report"
        self.env = {
            "PATH": f"{tool}:{HERE / 'bin'}:{os.environ['PATH']}",
            "STUB": str(self.stub),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_REPOSITORY": "acme/estate",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "7",
            "GITHUB_SHA": SHA,
            "GH_TOKEN": "t",
            "PR_NUMBER": "5",
            "CLOUDFLARE_API_TOKEN": "secret-token",
            "RECONCILER_DIRECTORY": "tunnels",
            "RECONCILER_SUCCESS_CODES": "0 2",
            "RECONCILER_WITHOUT_CREDENTIALS": "fail",
            "RECONCILER_ACCOUNT": "",
        }

    def answers(self, **commands: dict[str, Any]) -> None:
        """What the stand-in for the tool says to each command."""
        self.stub.write_text(json.dumps({"accounts": {"code": 0, "report": accounts()}, **commands}))

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.stub.with_suffix(".log").read_text().splitlines()]

    def prepared(self, command: str, **env: str) -> dict[str, str]:
        files = {name: self.temp / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        settings = {f"RECONCILER_{k.upper()}" if k.islower() else k: v for k, v in env.items()}
        paths = {name: str(file) for name, file in files.items()}
        return {**self.env, **paths, "RECONCILER_COMMAND": command, **settings}

    def __call__(self, command: str, **env: str) -> Result:
        """One step: lower-case names are inputs of the action, upper-case ones plain variables."""
        done = subprocess.run(  # noqa: S603
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(ACTION / "step.sh")],  # noqa: S607
            cwd=self.workspace,
            env=self.prepared(command, **env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        outputs = parse_outputs((self.temp / "GITHUB_OUTPUT").read_text())
        return Result(
            done.returncode, done.stdout, outputs, (self.temp / "GITHUB_STEP_SUMMARY").read_text()
        )


def accounts(*names: str, token: str = "CLOUDFLARE_API_TOKEN", paused: bool = False) -> dict[str, Any]:  # noqa: S107
    """The document of `reconciler accounts -o json`."""
    return {
        "accounts": [
            {"account": name, "account_id": "0" * 32, "token": {"env": token}, "paused": paused}
            for name in names or ("prod",)
        ]
    }


def report(command: str, outcome: str, *names: str, digest: str = "sha256:aa", **summary: int) -> dict[str, Any]:
    """A report of one account with one changed tunnel for each name."""
    changes = [
        {
            "action": "update",
            "name": name,
            "class": "changed",
            "fields": [{"path": "description", "before": "a", "after": "b", "sensitive": False}],
        }
        for name in names
    ]
    return {
        "command": command,
        "outcome": outcome,
        "summary": {"create": 0, "update": len(names), "delete": 0, **summary},
        "accounts": [{"account": "prod", "digest": digest, "changes": changes, "drifted": len(names)}],
    }
