import re
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from reconciler.cli import options
from reconciler.files.load import load
from reconciler.files.tree import read_tree
from reconciler.report.outcome import EXIT_CODES
from reconciler.simulator.faults import FaultKind
from reconciler.simulator.semantics import Semantics

ROOT = Path(__file__).parent.parent
DOCS = ROOT / ".github" / "docs"
COMMAND_LINE = (DOCS / "command-line.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / ".github").rglob("*.md"))]


def every_option():
    return sorted(flag for option in options.TABLE.values() for flag in option.flags)


@pytest.mark.parametrize("option", every_option())
def test_the_page_of_the_command_line_names_every_option(option):
    assert option in COMMAND_LINE


@pytest.mark.parametrize("command", options.COMMANDS)
def test_the_page_of_the_command_line_names_every_command(command):
    assert f"| `{command}` |" in COMMAND_LINE


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_the_page_of_the_command_line_names_every_exit_code(name, code):
    assert f"| {code} | `{name}` |" in COMMAND_LINE


def test_the_simulator_s_page_names_every_switch():
    page = (DOCS / "simulator.md").read_text()
    assert [f.name for f in fields(Semantics) if f"`{f.name}`" not in page] == []


def test_the_simulator_s_page_names_every_fault():
    page = (DOCS / "simulator.md").read_text()
    short = {
        f"{kind}": f"{kind[:4]}" for kind in FaultKind if kind.endswith(("-before", "-after")) and kind[:3].isdigit()
    }
    assert [kind for kind in FaultKind if f"`{short.get(kind, kind)}`" not in page] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "files.md"], ids=lambda p: p.stem)
def test_the_yaml_of_an_account_and_its_tunnels_is_valid(tmp_path, page):
    account, tunnels = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "prod").mkdir()
    (tmp_path / "prod" / "account.yaml").write_text(account)
    (tmp_path / "prod" / "london.yaml").write_text(tunnels)
    loaded = load(read_tree(tmp_path), date(2026, 12, 1))
    assert [str(d) for d in loaded.diagnostics if d.severity == "error"] == []
    assert list(loaded.desired[0].tunnels) == ["lon-a"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
