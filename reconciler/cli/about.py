"""What `--version` says: which build this is, as far as it can be known, and what it stands on."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import reconciler

DISTRIBUTION = "tunnel-reconciler"
LIBRARIES = ("pydantic", "httpx", "httpcore", "pyyaml", "deepdiff", "jinja2", "structlog", "filelock")
_PATIENCE = 5


def version(*, libraries: bool) -> str:
    """`reconciler 0.1.0 (commit 1234567890ab)`, and with `libraries` a line for Python and for each of them."""
    commit = commit_of(Path(reconciler.__file__).parents[1]) or _installed_commit()
    lines = [f"reconciler {reconciler.__version__}{f' (commit {commit})' if commit else ''}"]
    if libraries:
        lines.append(f"Python {platform.python_version()}")
        for name in LIBRARIES:
            try:
                lines.append(f"{name} {metadata.version(name)}")
            except metadata.PackageNotFoundError:
                lines.append(f"{name} is not installed")
    return "\n".join(lines)


def commit_of(root: Path, env: Mapping[str, str] = os.environ) -> str | None:
    """The commit of a checkout, marked when its files were changed since; None where `root` is not one.

    A folder of installed packages may lie in somebody's repository, whose commit says nothing of this program.
    """
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    with suppress(OSError, subprocess.SubprocessError):
        # In a hook git's own variables name the repository that the hook is about.
        env = {name: value for name, value in env.items() if not name.startswith("GIT_")}
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True, env=env)  # noqa: S603
        return ran.stdout.strip()
    return None


def _installed_commit() -> str | None:
    """The commit that an installer wrote down when it installed from a repository."""
    with suppress(metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        said = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
        return str(json.loads(said or "{}")["vcs_info"]["commit_id"])[:12]
    return None
