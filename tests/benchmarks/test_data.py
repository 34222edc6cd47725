"""The invented accounts are what they claim to be: the same each time, valid, and different only where asked."""

import subprocess
import sys
from pathlib import Path

from reconciler.cli.main import main
from tests.benchmarks.data import write_account


def made(folder: Path, differences: tuple[int, int, int]) -> Path:
    write_account(folder, 7, 60, differences)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    assert contents(made(tmp_path / "a", (3, 2, 1))) == contents(made(tmp_path / "b", (3, 2, 1)))


def test_the_files_are_valid_without_a_warning(tmp_path):
    assert main(["validate", "--strict", "--dir", str(made(tmp_path, (0, 0, 0)) / "tunnels")]) == 0


def test_validating_loads_neither_the_network_nor_what_explains_differences(tmp_path):
    folder = made(tmp_path, (0, 0, 0)) / "tunnels"
    heavy = {"httpx", "httpcore", "structlog", "deepdiff", "asyncio"}
    script = f"import sys; from reconciler.cli.main import main; main(sys.argv[1:]); print({heavy} & set(sys.modules))"
    argv = [sys.executable, "-c", script, "validate", "--dir", str(folder)]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.endswith("set()\n")
