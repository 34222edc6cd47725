"""A new setting is one line of the table: shown on a copy of the program, whose sandbox knows the setting too."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reconciler
from tests.build import raw

LINE = """\
    mtu: Annotated[
        Annotated[int, *checks.number(576, 9000), Form(canonical.number)] | None,
        Setting("Largest packet.", default=1500),
    ] = None
"""
SENSITIVE_LINE = """\
    portal_password: Annotated[Text | None, Setting("A secret.", sensitive=True)] = None
"""
SERVER_LINE = """\
    "mtu": (lambda value, _: type(value) is int, "must be an integer"),
"""
ID = "023e105f4ecef8ad9ca31a8372d0c353"
ACCOUNT = f"account_id: {ID}\nprune: true\n"
IGNORE = ACCOUNT + "ignore: [{name: a, fields: [mtu], reason: theirs}]\n"
TUNNEL = """\
tunnels:
  - name: a
    cloudflare_endpoint: 203.0.113.1
    interface_address: 10.0.0.0/31
    psk: external
"""
LIVE = raw("a", interface_address="10.0.0.0/31", customer_endpoint=None)


def insert(file: Path, line: str, *, before: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1
    file.write_text(text.replace(before, line + before))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(reconciler.__file__).parent, root / "reconciler", ignore=shutil.ignore_patterns("__pycache__"))
    insert(root / "reconciler/model/tunnel.py", LINE + SENSITIVE_LINE, before="    replay_protection: Annotated[")
    insert(root / "reconciler/simulator/checks.py", SERVER_LINE, before='    "replay_protection": _FLAG,')
    (root / "tunnels").mkdir()
    return root


def run(copy: Path, *argv: str) -> tuple[int, str]:
    env = {**os.environ, "PYTHONPATH": str(copy), "XDG_STATE_HOME": str(copy)}
    ran = subprocess.run([sys.executable, *argv], cwd=copy, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    return ran.returncode, ran.stdout


def python(copy: Path, *argv: str) -> tuple[int, Any]:
    code, out = run(copy, *argv)
    return code, json.loads(out)


def plan(copy: Path, tunnel: str, live: dict[str, Any], account: str = ACCOUNT) -> tuple[int, Any]:
    (copy / "tunnels/account.yaml").write_text(account)
    (copy / "tunnels/a.yaml").write_text(tunnel)
    answer = {"success": True, "errors": [], "messages": [], "result": {"ipsec_tunnels": [live]}}
    (copy / "live.json").write_text(json.dumps(answer))
    return python(copy, "-m", "reconciler", "plan", "--live", "live.json", "-o", "json")


def test_it_stands_in_the_schema(copy: Path) -> None:
    code, schema = python(copy, "-m", "reconciler", "schema")
    assert code == 0
    assert schema["$defs"]["Tunnel"]["properties"]["mtu"]["description"] == "Largest packet."


def test_a_mistyped_one_is_refused_at_its_place(copy: Path) -> None:
    code, report = plan(copy, TUNNEL + "    mtu: much\n", LIVE)
    (found,) = report["diagnostics"]
    assert (code, found["code"], found["line"], found["column"]) == (3, "wrong-type", 6, 10)


def test_a_difference_is_planned_and_its_path_is_shown(copy: Path) -> None:
    code, report = plan(copy, TUNNEL + "    mtu: 1400\n", {**LIVE, "mtu": 1450})
    (change,) = report["accounts"][0]["changes"]
    (field,) = change["fields"]
    assert (code, change["impact"]) == (0, "traffic")
    assert (field["path"], field["before"], field["after"]) == ("mtu", 1450, 1400)


def test_an_ignore_rule_can_name_it(copy: Path) -> None:
    code, report = plan(copy, TUNNEL + "    mtu: 1400\n", {**LIVE, "mtu": 1450}, IGNORE)
    assert (code, report["accounts"][0]["changes"]) == (0, [])
    assert report["accounts"][0]["ignored"][0]["fields"] == ["mtu"]


def test_it_is_sent_with_a_create_and_an_update_and_cleared_as_its_line_says(copy: Path) -> None:
    (copy / "tunnels/account.yaml").write_text(ACCOUNT)
    kept = []
    for line in ("    mtu: 1400\n", "    mtu: 1450\n", ""):
        (copy / "tunnels/a.yaml").write_text(TUNNEL + line)
        apply = "-m", "reconciler", "apply", "--sandbox=sandbox.json", "--auto-approve", "-o", "json"
        code, report = python(copy, *apply)
        (change,) = report["accounts"][0]["changes"]
        (tunnel,) = json.loads((copy / "sandbox.json").read_text())["accounts"][ID]["tunnels"]
        kept.append((code, change["action"], tunnel.get("mtu")))
    assert kept == [(0, "create", 1400), (0, "update", 1450), (0, "update", 1500)]


def test_a_sensitive_one_is_neither_shown_nor_quoted(copy: Path) -> None:
    code, report = plan(copy, TUNNEL + "    portal_password: s3cret\n", {**LIVE, "portal_password": "0ther"})
    (field,) = report["accounts"][0]["changes"][0]["fields"]
    assert (code, field["path"], field["before"], field["after"]) == (0, "portal_password", None, None)
    (copy / "tunnels/a.yaml").write_text(TUNNEL + "    portal_password: [s3cret]\n")
    code, text = run(copy, "-m", "reconciler", "validate")
    assert code == 3
    assert "portal_password: [***]" in text
    assert "s3cret" not in text
