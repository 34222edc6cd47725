"""What is measured is what is said to be, and each figure is judged by its limit."""

import json

import pytest
import yaml

from tests.benchmarks.program import script
from tests.benchmarks.row import Row
from tests.benchmarks.server import Accounts
from tests.benchmarks.terraform import steps, write


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (Row("a / b", 1.234, "x", "9 / 7 s"), "| a / b | 1.23 x |  |  | 9 / 7 s |"),
        (Row("a / b", 1.6, "x", "", 1.6), "| a / b | 1.60 x | 1.6 | limit kept |  |"),
        (Row("a / b", 1.31, "x", "", 1.6, 1.3), "| a / b | 1.31 x | 1.6 (1.3) | limit kept |  |"),
        (Row("a / b", 1.3, "x", "", 1.6, 1.3), "| a / b | 1.30 x | 1.6 (1.3) | goal met |  |"),
        (Row("a", 160.4, "MiB", "", 160), "| a | 160 MiB | 160 | **over the limit** |  |"),
    ],
)
def test_a_line_says_what_is_allowed_and_whether_it_is_kept(row, line):
    assert row.markdown() == line


def test_the_program_of_a_folder_is_what_its_project_says(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project.scripts]\nreconciler = "reconciler.old.place:begin"\n')
    assert script(tmp_path)[2] == (
        f"import sys; sys.path.insert(0, '{tmp_path}'); from reconciler.old.place import begin; begin()"
    )


def test_the_server_keeps_what_is_written_and_counts_the_calls():
    accounts = Accounts(None)

    def call(method, path, body=b""):
        return json.loads(accounts.answer(method, f"/accounts/a/magic/ipsec_tunnels{path}", body)[1])["result"]

    ident = call("POST", "", b'{"name": "x", "description": "old"}')["id"]
    call("PUT", f"/{ident}", b'{"description": "new"}')
    call("PUT", "", json.dumps({"ipsec_tunnels": [{"id": ident, "name": "y"}]}))
    assert call("GET", f"/{ident}")["ipsec_tunnel"] == {"id": ident, "name": "y", "description": "new"}
    call("DELETE", f"/{ident}")
    assert accounts.answer("GET", "/accounts/a/magic/ipsec_tunnels", b"")[0] == "gzip"
    assert json.loads(accounts.answer("GET", "/accounts/a/magic/routes", b"")[1])["result"] == {"routes": []}
    assert accounts.calls == {"POST": 1, "PUT": 1, "BULK": 1, "GET": 1, "DELETE": 1, "LIST": 1, "ROUTES": 1}


def test_both_languages_declare_the_same_tunnels(tmp_path):
    _, tunnels = steps(40)["apply, 3 deleted"]
    write(tmp_path, tunnels, "http://127.0.0.1:1", tmp_path / "provider")
    hcl = json.loads((tmp_path / "hcl" / "main.tf.json").read_text())["resource"]["cloudflare_magic_wan_ipsec_tunnel"]
    declared = yaml.safe_load((tmp_path / "tunnels" / "account-0000" / "tunnels-0000.yaml").read_text())["tunnels"]
    ends = {tunnel["name"]: tunnel["customer_endpoint"] for tunnel in declared}
    assert ends == {name: tunnel["customer_endpoint"] for name, tunnel in hcl.items()}
    assert [ends["site00000-a"], ends["site00010-a"], len(ends)] == ["192.0.2.0", "192.0.2.1", 37]
