"""The files as they are at a git ref, read with the `git` program from the repository that holds the folder.

`--baseline` compares with what was declared before. A second reader, of git's objects, would know the rules a little
differently; so the blobs are laid out in a temporary folder and read by the same code as the working tree. Places in
messages begin with the folder that the user gave.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.files.tree import MAX_FILES, MAX_TOTAL, Tree, is_a_programs, is_read, read_tree, safe_path, was_meant
from reconciler.model.problems import Location, error, in_order

TIMEOUT = 60.0
"""Seconds for one call of git."""

_REF = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_./@{}^~+-]{0,255}")
_LINK, _FILES = "120000", ("100644", "100755")
_STDERR = 300


class GitError(ValueError):
    """The ref can't be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Blob:
    """One entry of a git tree."""

    mode: str
    id: str
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class _Git:
    """The program git, run in a folder with an environment."""

    place: Path
    env: Mapping[str, str] = field(repr=False)

    def run(self, *words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = ("git", "-C", str(self.place), *words)
        try:
            return subprocess.run(  # noqa: S603
                command, input=data, capture_output=True, timeout=TIMEOUT, check=False, env=self.env
            )
        except FileNotFoundError:
            raise GitError("the program git is not there. Install it, or leave out --baseline") from None
        except subprocess.TimeoutExpired:
            raise GitError(f"git took longer than {TIMEOUT:.0f} seconds. Try again") from None

    def output(self, *words: str, remedy: str, data: bytes = b"") -> bytes:
        done = self.run(*words, data=data)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise GitError(f"git says: {said[0][:_STDERR]}. {remedy}")
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
        raise GitError("this is not a git ref. Give a branch, tag or commit, such as origin/main")
    real = Path(os.path.realpath(root))
    place = next(path for path in (real, *real.parents) if path.is_dir())
    top = _Git(place, env).line("rev-parse", "--show-toplevel", remedy="--baseline needs a git repository")
    git = _Git(Path(top), env)
    remedy = "Fetch it first (in CI: fetch the whole history), or give another ref"
    commit = git.line("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}", remedy=remedy)
    inside = real.relative_to(os.path.realpath(top)).as_posix()
    spec = f"{commit}^{{tree}}" if inside == "." else f"{commit}:{inside}"
    if git.run("cat-file", "-e", spec).returncode:
        return Tree((), ())
    blobs = _blobs(git, spec)
    if not blobs:
        return Tree((), ())
    return _laid_out(git, blobs, root)


def _blobs(git: _Git, spec: str) -> list[_Blob]:
    """The links and files of a git tree that are read or were meant to be."""
    listing = git.output("ls-tree", "-r", "-z", "-l", spec, remedy="Check the repository with git fsck")
    out = []
    for entry in listing.split(b"\0")[:-1]:
        facts, _, path = entry.partition(b"\t")
        mode, _, blob, size = facts.decode("ascii").split()
        name = os.fsdecode(path)
        if (mode == _LINK or mode in _FILES) and _counts(name.split("/"), link=mode == _LINK):
            out.append(_Blob(mode, blob, int(size), name))
    if len(out) > MAX_FILES or sum(blob.size for blob in out if is_read(blob.path.split("/"))) > MAX_TOTAL:
        raise GitError("the folder is too large at that ref. Is this the right folder?")
    return out


def _counts(parts: list[str], *, link: bool) -> bool:
    """True for a file that the working tree's reader would look at, and for a link that might stand for one."""
    if is_read(parts):
        return True
    if is_a_programs(parts):
        return False
    return was_meant(parts[-1]) or (link and not any(part.startswith(".") for part in parts))


def _laid_out(git: _Git, blobs: list[_Blob], root: Path) -> Tree:
    """The tree of the files among the blobs, with a problem for each link. What is not read needs no content."""
    detail = "Links are not followed when files are read from git. Put the file itself there."
    links = [
        error("linked-file", "a symbolic link in git", detail, Location(safe_path(root / blob.path)))
        for blob in blobs
        if blob.mode == _LINK
    ]
    files = [blob for blob in blobs if blob.mode != _LINK]
    read = [blob for blob in files if is_read(blob.path.split("/"))]
    contents = dict(zip(read, _contents(git, read), strict=True))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for blob in files:
            path = folder / blob.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents.get(blob, b""))
        tree = read_tree(folder, shown_root=root)
    return tree._replace(diagnostics=in_order([*tree.diagnostics, *links]))


def _contents(git: _Git, files: list[_Blob]) -> list[bytes]:
    """The contents of blobs, from one call."""
    ids = "".join(f"{blob.id}\n" for blob in files).encode()
    stream = git.output("cat-file", "--batch", remedy="Check the repository with git fsck", data=ids)
    out, at = [], 0
    for blob in files:
        at = stream.index(b"\n", at) + 1  # before each stands a line with its id, type and size
        out.append(stream[at : at + blob.size])
        at += blob.size + 1  # git writes a line end behind each
    return out
