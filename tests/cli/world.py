"""A small world for end-to-end tests: files, a simulated Cloudflare on loopback, and the command line."""

import gc
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import main
from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.semantics import DEFAULT, Semantics
from reconciler.simulator.server import Simulator
from tests.strangers import foreign_create

ID = "023e105f4ecef8ad9ca31a8372d0c353"
OTHER_ID = "9a7806061c88ada191ed06f989cc3dac"
TOKEN = "simulated-token-for-tests"  # noqa: S105

Answer = Callable[[Simulator, Request], Reply]


def tunnel(number: int, **fields: Any) -> dict[str, Any]:
    """A declaration without problems or warnings; the number makes it unique."""
    base = {
        "name": f"t{number:03}",
        "cloudflare_endpoint": "203.0.113.1",
        "customer_endpoint": f"198.51.{100 + number // 250}.{number % 250 + 1}",
        "interface_address": f"10.{number // 100}.{number % 100}.0/31",
        "psk": "external",
    }
    return {k: v for k, v in (base | fields).items() if v is not ...}


def body(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The same tunnel as the API takes it."""
    return {k: v for k, v in declared.items() if k not in ("psk", "renamed_from", "protect", "rotate_after")}


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def account(self) -> Any:
        (one,) = self.json["accounts"]
        return one


@dataclass
class World:
    """Files under `root`, a simulator behind HTTP, and a way to run commands against it."""

    root: Path
    patch: pytest.MonkeyPatch
    semantics: Semantics = DEFAULT
    answer: Answer = Simulator.handle
    env: dict[str, str] = field(default_factory=lambda: {"CLOUDFLARE_API_TOKEN": TOKEN})

    def __post_init__(self) -> None:
        self.sim = Simulator(self.semantics)
        self.bodies: list[Any] = []
        self.server: LoopbackServer | None = None

    def become(self, **switches: Any) -> "World":
        """Let the server read what is not documented in this way, from now on."""
        self.sim.semantics = Semantics(**switches)
        return self

    def _serve(self, simulator: Simulator, request: Request) -> Reply:
        if request.method != "GET":
            self.bodies.append(json.loads(request.body) if request.body else None)
        return self.answer(simulator, request)

    @property
    def base_url(self) -> str:
        if self.server is None:
            self.server = LoopbackServer(self.sim, answer=self._serve)
        return self.server.base_url

    def close(self) -> None:
        if self.server is not None:
            self.server.shutdown()

    @property
    def state(self) -> str:
        """The user's folder for state, with the locks; another one stands for another machine."""
        return str(self.root / ".state")

    # files

    def account(self, name: str = "prod", **fields: Any) -> None:
        """Write `account.yaml` (JSON is YAML)."""
        self.write(f"tunnels/{name}/account.yaml", json.dumps({"account_id": ID, "prune": True} | fields))

    def declare(self, *tunnels: dict[str, Any], file: str = "prod/a.yaml", **fields: Any) -> None:
        """Write a tunnel file, one tunnel a line; the account file too when there is none."""
        path = self.root / "tunnels" / file
        if not (path.parent / "account.yaml").exists():
            self.account(path.parent.name)
        lines = ",\n".join(json.dumps(t) for t in tunnels)
        more = "".join(f"{k}: {json.dumps(v)}\n" for k, v in fields.items())
        self.write(f"tunnels/{file}", f"{more}tunnels: [\n{lines}\n]\n")

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return target

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    # live

    def live(self, *tunnels: Mapping[str, Any], account: str = ID) -> list[str]:
        """Put tunnels live behind everybody's back; returns their ids."""
        return [foreign_create(self.sim, account, body(t)) for t in tunnels]

    def route(self, prefix: str, nexthop: str) -> None:
        """Make a static route behind everybody's back."""
        made = json.dumps({"prefix": prefix, "nexthop": nexthop, "priority": 100}).encode()
        headers = {"authorization": f"Bearer {TOKEN}"}
        reply = self.sim.handle(Request("POST", f"/client/v4/accounts/{ID}/magic/routes", "", headers, made))
        assert reply.status == 200

    def forget(self, past: Simulator | None = None) -> None:
        """Go back to an earlier copy of what is live, or to nothing."""
        self.sim.accounts = (past or Simulator()).clone().accounts

    def names(self, account: str = ID) -> dict[str, str]:
        """Live names to ids."""
        return {t["name"]: t["id"] for t in self.sim.account(account).tunnels.values()}

    def shown(self, name: str, account: str = ID) -> dict[str, Any]:
        """A live tunnel as the server keeps it."""
        return next(t for t in self.sim.account(account).tunnels.values() if t["name"] == name)

    def key(self, name: str) -> str | None:
        return self.sim.account(ID).psks.get(self.names()[name])

    @property
    def calls(self) -> list[str]:
        """What was sent, as methods; a validation is marked with `?`, and a list of routes is `ROUTES`."""
        return [
            "ROUTES" if e.path.endswith("/routes") else e.method + ("?" if "validate_only=true" in e.query else "")
            for e in self.sim.log
        ]

    # runs

    def run(self, *argv: str, env: Mapping[str, str | None] | None = None, stdin: str = "") -> Ran:
        """One command against the server, in process; the log starts anew."""
        return self.bare(*argv, "--base-url", self.base_url, env=env, stdin=stdin)

    def bare(self, *argv: str, env: Mapping[str, str | None] | None = None, stdin: str = "") -> Ran:
        """One command without `--base-url`."""
        self.sim.log.clear()
        self.bodies.clear()
        handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        with self.patch.context() as patch, _file(self.root) as out, _file(self.root) as err, _file(self.root) as given:
            given.write(stdin)
            given.seek(0)
            patch.chdir(self.root)
            for name in ("GITHUB_ACTIONS", "NO_COLOR", "CLOUDFLARE_API_TOKEN"):
                patch.delenv(name, raising=False)
            for name, value in {"XDG_STATE_HOME": self.state, **self.env, **(env or {})}.items():
                patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
            for name, stream in (("stdout", out), ("stderr", err), ("stdin", given)):
                patch.setattr(sys, name, stream)
            try:
                code = main(argv)
            finally:
                gc.enable()
            assert (sys.stdout, sys.stderr) == (out, err)
            ran = Ran(code, _text(out), _text(err))
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
        return ran

    def child(self) -> dict[str, str]:
        """The environment of a real process, which runs the same code as the test."""
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_START")}
        return keep | {"XDG_STATE_HOME": self.state} | self.env


def _file(root: Path) -> Any:
    number = len(list(root.glob(".stream-*")))
    path = root / f".stream-{number}"
    return path.open("w+", encoding="utf-8", newline="")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
