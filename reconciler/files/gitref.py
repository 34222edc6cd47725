"""The files as they are at a git ref, read with the `git` program from the repository that holds the folder.

`--baseline` compares with what was declared before. A second reader, of git's objects, would know the rules a little
differently; so the blobs are laid out in a temporary folder and read by the same code as the working tree. Places in
messages begin with the folder that the user gave.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from reconciler.files.tree import MAX_FILES, MAX_TOTAL, Tree, is_read, read_tree, safe_path, would_be_read
from reconciler.model.problems import Location, error, in_order

TIMEOUT = 60.0
"""Seconds for one call of git."""

_REF = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_./@{}^~+-]{0,255}")
_LINK, _FILES = "120000", ("100644", "100755")
_STDERR = 300
_CHECK = "Check the repository with git fsck"


class GitError(ValueError):
    """The ref can't be read; the message says why and what to do."""


class _Blob(NamedTuple):
    """A file or a link of a git tree; `size` is None for what is not read, which needs no content."""

    is_link: bool
    id: str
    size: int | None
    path: str


class _Git:
    """The program git, run in a folder with an environment, which is in no `repr`."""

    def __init__(self, place: Path, env: Mapping[str, str]) -> None:
        self._command = ("git", "-C", str(place))
        self._env = env

    def run(self, *words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = (*self._command, *words)
        try:
            return subprocess.run(  # noqa: S603
                command, input=data, capture_output=True, timeout=TIMEOUT, check=False, env=self._env
            )
        except FileNotFoundError:
            raise GitError("The program git is not there. Install it; --baseline needs it") from None
        except subprocess.TimeoutExpired:
            raise GitError(f"Git took longer than {TIMEOUT:.0f} seconds. Try again") from None

    def output(self, *words: str, remedy: str, data: bytes = b"") -> bytes:
        done = self.run(*words, data=data)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise GitError(f"Git says: {said[0][:_STDERR]}. {remedy}")
        return done.stdout

    def line(self, *words: str, remedy: str) -> str:
        return os.fsdecode(self.output(*words, remedy=remedy)).strip("\n")


def read_tree_at(ref: str, root: Path, env: Mapping[str, str]) -> Tree:
    """The tree below a folder as it is at a git ref; empty when the folder does not exist there.

    Args:
        ref: A branch, tag or commit, as git names it.
        root: The folder of the desired state; it may be missing in the working tree.
        env: The environment that git gets.

    Raises:
        GitError: No git, no repository, no such ref, or too much to read.
    """
    if not _REF.fullmatch(ref):
        raise GitError("This is not a git ref. Give a branch, tag or commit, such as origin/main")
    real, top, git = _repository(root, env)
    remedy = "Fetch it first (in CI: fetch the whole history), or give another ref"
    commit = git.line("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}", remedy=remedy)
    inside = real.relative_to(os.path.realpath(top)).as_posix()
    spec = f"{commit}^{{tree}}" if inside == "." else f"{commit}:{inside}"
    if git.run("cat-file", "-e", spec).returncode:
        return Tree((), ())
    blobs = _blobs(git, spec)
    return _laid_out(git, blobs, root) if blobs else Tree((), ())


def changed_files(root: Path, env: Mapping[str, str]) -> tuple[str, ...]:
    """The files below a folder that are not as committed last, by their paths in the repository.

    Args:
        root: The folder of the desired state; it may be missing.
        env: The environment that git gets.

    Raises:
        GitError: No git, or no repository.
    """
    real, _, git = _repository(root, {**env, "GIT_OPTIONAL_LOCKS": "0"})  # only looked at: git writes no index either
    words = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", str(real))
    listing = git.output(*words, remedy="Check the repository with git status")
    return tuple(safe_path(Path(os.fsdecode(entry[3:]))) for entry in listing.split(b"\0")[:-1])


def _repository(root: Path, env: Mapping[str, str]) -> tuple[Path, str, _Git]:
    """The real path of a folder, that of the repository that holds it, and git there."""
    real = Path(os.path.realpath(root))
    place = next(path for path in (real, *real.parents) if path.is_dir())
    top = _Git(place, env).line("rev-parse", "--show-toplevel", remedy="--baseline needs a git repository")
    return real, top, _Git(Path(top), env)


def _blobs(git: _Git, spec: str) -> list[_Blob]:
    """The files of a git tree that the working tree's reader would look at, and the links that might stand for one."""
    out = []
    for entry in git.output("ls-tree", "-r", "-z", "-l", spec, remedy=_CHECK).split(b"\0")[:-1]:
        facts, _, name = entry.partition(b"\t")
        mode, _, blob, size = facts.decode("ascii").split()
        path, is_link = os.fsdecode(name), mode == _LINK
        parts = path.split("/")
        hidden = any(part.startswith(".") for part in parts)
        if (is_link or mode in _FILES) and (would_be_read(parts, in_account=True) or (is_link and not hidden)):
            out.append(_Blob(is_link, blob, int(size) if is_read(parts) and not is_link else None, path))
    if len(out) > MAX_FILES or sum(blob.size or 0 for blob in out) > MAX_TOTAL:
        raise GitError("The folder is too large at that ref. Is this the right folder?")
    return out


def _laid_out(git: _Git, blobs: list[_Blob], root: Path) -> Tree:
    """The tree of the files among the blobs, with a problem for each link."""
    ids = "".join(f"{blob.id}\n" for blob in blobs if blob.size is not None)
    stream = git.output("cat-file", "--batch", remedy=_CHECK, data=ids.encode())
    at, links = 0, []
    with TemporaryDirectory() as temporary:
        for blob in blobs:
            if blob.is_link:
                detail = "Links are not followed when files are read from git. Put the file itself there."
                place = Location(safe_path(root / blob.path))
                links.append(error("linked-file", "a symbolic link in git", detail, place))
                continue
            content = b""
            if blob.size is not None:
                at = stream.index(b"\n", at) + 1  # before each stands a line with its id, type and size
                content = stream[at : at + blob.size]
                at += blob.size + 1  # git writes a line end behind each
            path = Path(temporary, blob.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        tree = read_tree(Path(temporary), shown_root=root)
    return tree._replace(diagnostics=in_order([*tree.diagnostics, *links]))
