"""How this program is started, and how the same program was started at an earlier commit.

Both run by the same interpreter with the same libraries, so that a ratio of the two says what our own code changed.
"""

import shutil
import subprocess
import sys
import tomllib
from compileall import compile_dir
from pathlib import Path

ROOT = Path(__file__).parents[2]


def script(checkout: Path = ROOT) -> list[str]:
    """What the installed command would do, from a folder: the packages may have other names at another commit."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["reconciler"].partition(":")
    code = f"import sys; sys.path.insert(0, {str(checkout)!r}); from {module} import {function}; {function}()"
    return [sys.executable, "-c", code]


def earlier(ref: str, folder: Path) -> Path:
    """The program as it was at a commit, unpacked into a folder."""
    packed = folder / "earlier.tar"
    argv = ["git", "archive", f"--output={packed}", ref, "reconciler", "pyproject.toml"]
    subprocess.run(argv, cwd=ROOT, check=True)
    shutil.unpack_archive(packed, folder / "earlier", filter="data")
    for checkout in (ROOT, folder / "earlier"):  # as an installer does; else a start would be measured with a compiler
        compile_dir(checkout / "reconciler", quiet=1)
    return folder / "earlier"


def command(name: str, folder: Path, base: str, *more: str, checkout: Path = ROOT) -> list[str]:
    """One command over the files of an invented estate."""
    return [*script(checkout), name, f"--dir={folder / 'tunnels'}", f"--base-url={base}", *more]
