"""What `--version` says: which build this is, as far as it can be known, and what it stands on."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import reconciler

DISTRIBUTION = "tunnel-reconciler"
LIBRARIES = ("pydantic", "httpx", "httpcore", "pyyaml", "deepdiff", "jinja2", "structlog", "filelock")
_PATIENCE = 5
_REMOTE = re.compile(r"(?:https://|ssh://)?(?:[^@/]*@)?[\w.-]+[:/]([\w-]+/[\w.-]+?)(?:\.git)?/?", re.ASCII)


def version(*, libraries: bool) -> str:
    """`reconciler 0.1.0 (commit 1234567890ab)`, and with `libraries` a line for Python and for each of them."""
    commit = commit_of(Path(reconciler.__file__).parents[1])
    with suppress(KeyError, TypeError):  # an installer wrote down which one it took from a repository
        commit = commit or str(direct_url()["vcs_info"]["commit_id"])[:12]
    lines = [f"reconciler {reconciler.__version__}{f' (commit {commit})' if commit else ''}"]
    if libraries:
        lines.append(f"Python {platform.python_version()}")
        lines += [f"{name} {number or 'is not installed'}" for name, number in versions().items()]
    return "\n".join(lines)


def versions() -> dict[str, str | None]:
    """The version of each library; None where it is not installed."""
    found: dict[str, str | None] = dict.fromkeys(LIBRARIES)
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def commit_of(root: Path, env: Mapping[str, str] = os.environ) -> str | None:
    """The commit of a checkout, marked when its files were changed since; None where `root` is not one.

    A folder of installed packages may lie in somebody's repository, whose commit says nothing of this program.
    """
    return _git(root, env, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")


def installed_from() -> str | None:
    """This program's repository and commit as GitHub's workflows name it, `owner/name@commit`; None where unknown."""
    root, said = Path(reconciler.__file__).parents[1], direct_url()
    with suppress(KeyError, TypeError):
        return on_github(said["url"], said["vcs_info"]["commit_id"])
    if not (root / ".git").exists():
        root = Path(str(said.get("url")).removeprefix("file://"))
    url, commit = _git(root, os.environ, "config", "remote.origin.url"), _git(root, os.environ, "rev-parse", "HEAD")
    return on_github(url, commit) if url and commit else None


def on_github(url: str, commit: str) -> str | None:
    """A repository's address and a commit as workflows name them; None for what is not an address of that form."""
    found = _REMOTE.fullmatch(url)
    return f"{found[1]}@{commit}" if found else None


def _git(root: Path, env: Mapping[str, str], *arguments: str) -> str | None:
    """What git says of the checkout `root`; None where it is not one."""
    if not (root / ".git").exists():
        return None
    with suppress(OSError, subprocess.SubprocessError):
        # In a hook git's own variables name the repository that the hook is about.
        env = {name: value for name, value in env.items() if not name.startswith("GIT_")}
        command = ["git", "-C", str(root), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True, env=env)  # noqa: S603
        return ran.stdout.strip()
    return None


def direct_url() -> dict[str, Any]:
    """What an installer wrote down of where it installed from."""
    with suppress(metadata.PackageNotFoundError, ValueError):
        said = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
        return said if isinstance(said, dict) else {}
    return {}
