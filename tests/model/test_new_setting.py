"""A new setting is one line of the table: shown on a copy of the program that has one more."""

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
        Annotated[int, *scalar(checks.number(576, 9000), type="integer", minimum=576), Form(canonical.number)] | None,
        Setting("Largest packet.", clear=Clear.OMIT),
    ] = None
"""
ACCOUNT = "account_id: 023e105f4ecef8ad9ca31a8372d0c353\nprune: true\n"
IGNORE = ACCOUNT + "ignore: [{name: a, fields: [mtu], reason: theirs}]\n"
TUNNEL = """\
tunnels:
  - name: a
    cloudflare_endpoint: 203.0.113.1
    interface_address: 10.0.0.0/31
    psk: external
"""
LIVE = raw("a", interface_address="10.0.0.0/31", customer_endpoint=None)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(reconciler.__file__).parent, root / "reconciler", ignore=shutil.ignore_patterns("__pycache__"))
    table = root / "reconciler/model/tunnel.py"
    before = "    replay_protection: Annotated["
    assert table.read_text().count(before) == 1
    table.write_text(table.read_text().replace(before, LINE + before))
    (root / "tunnels").mkdir()
    return root


def python(copy: Path, *argv: str) -> tuple[int, Any]:
    env = {**os.environ, "PYTHONPATH": str(copy), "XDG_STATE_HOME": str(copy)}
    ran = subprocess.run([sys.executable, *argv], cwd=copy, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    return ran.returncode, json.loads(ran.stdout)


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


def test_it_is_sent_and_cleared_as_its_line_says(copy: Path) -> None:
    script = """
import json, sys
from reconciler.model.settings import canonical, nested, update_body
live, declared = json.loads(sys.argv[1]), json.loads(sys.argv[2])
bare = {path: value for path, value in canonical(declared).items() if path != "mtu"}
bodies = nested(canonical(declared)), update_body(live, canonical(declared)), update_body(live, bare)
print(json.dumps([body.get("mtu") for body in bodies]))
"""
    values = json.dumps({**LIVE, "mtu": 1450}), json.dumps({**LIVE, "mtu": 1400})
    assert python(copy, "-c", script, *values) == (0, [1400, 1400, None])
