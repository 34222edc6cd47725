"""Reads the files below the desired state's folder and sorts them to accounts.

Names decide alone what is read: `.yaml` and `.yml` in any case, but nothing whose path holds a name that begins with a
dot. A file that is silently missing would look like tunnels that nobody wants any more. So whatever else keeps such a
file from being read is an error, and below an account a name that was probably meant to be read (`lon.ymal`,
`lon.yaml.bak`, `.lon.yaml`) is handed on as unread. Symbolic links may point to files inside the folder, never out of
it; links to folders are not followed at all.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from reconciler.model.problems import Diagnostic, Location, error, in_order
from reconciler.yaml.screen import MAX_BYTES

MAX_TOTAL = 64 << 20
MAX_FILES = 20_000
MAX_LEVELS = 64
"""Folders in folders; far below what a path may be long."""

ACCOUNT_FILES = ("account.yaml", "account.yml")
DEFAULT_ACCOUNT = "default"
"""The name of an account whose files stand directly in the root."""

_SUFFIXES = (".yaml", ".yml")
_EDITORS = r"\.#.+|\.~lock\..+#|\..+\.(?:sw[a-p]|kate-swp|un~)"
"""Locks, swap files and undo files that an editor keeps beside an open file, in its own format."""
_UNWRITTEN = r"\.(?:git|hg|svn|jj|reconciler)|\.\.data(?:_tmp)?|\.\.\d{4}_\d\d_\d\d_.+"
"""Folders in which nobody writes a file by hand: version control's, our own, and those in which Kubernetes keeps the
files of a mounted volume, behind links."""
_TOOLS = frozenset((".github", ".gitlab", ".circleci", ".vscode", ".idea", ".venv"))
"""Folders of programs that hold YAML or JSON of their own where an account stands in a repository's root."""
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_NO_FOLDER = (
    "Give the folder that holds the account folders with --dir, or begin a new repository: reconciler init; or an "
    "account with what is live: reconciler import --account NAME --account-id ID."
)
_ALL = "Every file has to be read: one that is missing would look like tunnels to delete."


Parts = tuple[str, ...]
"""A path below the root, name by name; of the root itself it is empty."""


class SourceFile(NamedTuple):
    """One file: its path as messages show it, and its bytes."""

    path: str
    data: bytes


class AccountFiles(NamedTuple):
    """An account's files.

    Attributes:
        name: The folder's name below the root, with `/` between levels; `default` for the root itself.
        folder: The folder's path as messages show it.
        account_file: What says which account it is; None when it is there and could not be read.
        files: The tunnel files, sorted by path.
        unread: Files below the folder that are not read and were probably meant to be, as `Unread`.
    """

    name: str
    folder: str
    account_file: SourceFile | None
    files: tuple[SourceFile, ...]
    unread: tuple["Unread", ...] = ()


class Unread(NamedTuple):
    """A file with a name like a tunnel file's: its path as messages show it, and the absolute one."""

    path: str
    absolute: str


class Tree(NamedTuple):
    """All accounts sorted by name, and everything wrong with how the files are laid out."""

    accounts: tuple[AccountFiles, ...]
    diagnostics: tuple[Diagnostic, ...]


class _TooManyBytesError(Exception):
    """The files hold more than may be read in all."""


def safe_path(path: Path) -> str:
    """A path for messages: bytes that are not UTF-8 and characters that can't be seen become escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def read_tree(root: Path, shown_root: Path | None = None) -> Tree:
    """Reads the whole tree. Nothing is raised for what is wrong with it.

    Args:
        root: The folder of the desired state, as the user gave it.
        shown_root: What shown paths begin with, when that is another folder.
    """
    shown_root = shown_root or root
    if not os.path.isdir(root):  # noqa: PTH112 - Path.is_dir raises for a folder that may not be searched
        what = "is not a folder" if os.path.lexists(root) else "does not exist"
        return Tree((), (_no_root(f"the folder {safe_path(shown_root)} {what}"),))
    walk = _Walk(root, shown_root)
    walk.paths.extend(islice(walk.find((), inside=False), MAX_FILES + 1))
    if len(walk.paths) > MAX_FILES:
        walk.problem((), "too-many-files", f"more than {MAX_FILES:,} files", "Is this the right folder?")
        return Tree((), in_order(walk.diagnostics))
    try:
        found = [walk.account(folder, names) for folder, names in walk.by_account().items()]
        accounts = tuple(sorted(found, key=lambda account: account.name))
    except _TooManyBytesError:
        accounts = ()
    if not accounts and not walk.diagnostics:
        walk.diagnostics.append(_no_root(f"the folder {safe_path(shown_root)} holds no account.yaml"))
    return Tree(accounts, in_order(walk.diagnostics))


def _no_root(summary: str) -> Diagnostic:
    return error("no-account", summary, _NO_FOLDER)


_WHERE_ACCOUNT = "Put an account.yaml into its folder, or move the file into the folder of an account."
_MOVE = "Move one of the two folders out of the other."
_NO_TUNNELS = "Without a tunnel file it would declare nothing. Write 'tunnels: []' into one if that is meant."


class _Walk:
    """One walk over the tree, and what it has found so far.

    Attributes:
        diagnostics: What is wrong.
        paths: Of the files that are read or were meant to be.
    """

    def __init__(self, root: Path, shown_root: Path) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.paths: list[Parts] = []
        self._root = root
        self._shown_root = shown_root
        self._real_root = os.path.realpath(root)
        self._with_account_inside: set[Parts] = set()
        self._total = 0  # bytes read

    def problem(self, parts: Parts, code: str, summary: str, detail: str = _ALL) -> None:
        """Notes an error at a path below the root."""
        self.diagnostics.append(error(code, summary, detail, Location(self._shown(parts))))

    def _shown(self, parts: Parts) -> str:
        """A path below the root as messages show it."""
        return safe_path(self._shown_root.joinpath(*parts))

    def find(self, folder: Parts, *, inside: bool) -> Iterator[Parts]:
        """The files below a folder that are read or were meant to be, as parts of their paths below the root.

        Args:
            folder: Where to look.
            inside: Whether the folder lies below an account. Elsewhere nothing is declared: hidden folders are skipped.
        """
        if len(folder) > MAX_LEVELS:
            self.problem(folder, "unreadable", f"folders nested deeper than {MAX_LEVELS} levels")
            return
        try:
            with os.scandir(self._root.joinpath(*folder)) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as broken:
            self.problem(folder, "unreadable", f"the folder can't be read ({broken.strerror})")
            return
        inside = inside or any(entry.name in ACCOUNT_FILES for entry in found)
        for entry in found:
            parts = (*folder, entry.name)
            folder_here = entry.is_dir(follow_symlinks=False)
            if _belongs_to_a_program(parts, folder=folder_here) or (entry.name.startswith(".") and not inside):
                continue
            if is_read(parts) or (inside and not folder_here and _was_meant(entry.name)):
                yield parts
            elif folder_here:
                yield from self.find(parts, inside=inside)
            elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112 - a loop of links is not a folder
                detail = f"Links to folders are not followed. {_ALL}"
                self.problem(parts, "linked-folder", "a symbolic link to a folder", detail)

    def by_account(self) -> dict[Parts, list[Parts]]:
        """The folders of accounts, each with its files; problems for files and folders that fit nowhere."""
        accounts = {parts[:-1] for parts in self.paths if _is_account_file(parts)}
        found: dict[Parts, list[Parts]] = {}
        misspelt = {parts[:-1]: parts for parts in reversed(self.paths) if _meant_for_account(parts)}
        for parts in self.paths:
            folder = parts[:-1]
            above = [folder[:n] for n in range(len(folder) + 1) if folder[:n] in accounts]  # the outermost first
            if not above:  # never a file that is not read: it was found below an account
                slips = [misspelt[parts[:n]] for n in range(len(parts)) if parts[:n] in misspelt]
                if parts in slips or not slips:  # one slip of the pen is one error
                    detail = f'Did you mean "{ACCOUNT_FILES[0]}"?' if slips else _WHERE_ACCOUNT
                    self.problem(parts, "no-account", "this file belongs to no account", detail)
            elif len(above) == 1 or not is_read(parts):
                found.setdefault(above[0], []).append(parts)
            elif _is_account_file(parts):
                detail = f"{self._shown((*above[0], ACCOUNT_FILES[0]))} claims this folder. {_MOVE}"
                self.problem(parts, "nested-account", "an account inside another account", detail)
                self._with_account_inside.add(above[0])
            # Other files of a nested account are left out: as the outer one's they would bring errors that are none.
        return found

    def account(self, folder: Parts, names: list[Parts]) -> AccountFiles:
        """Reads the files of one account."""
        own = [parts for parts in names if _is_account_file(parts)]
        tunnels = [parts for parts in names if is_read(parts) and not _is_account_file(parts)]
        unread = [parts for parts in names if not is_read(parts)]
        if len(own) > 1:
            self.problem(own[1], "two-account-files", "account.yaml and account.yml in one folder", "Keep one of them.")
        # What is inside another account may be its only files.
        if not tunnels and folder not in self._with_account_inside:
            self.problem(own[0], "no-tunnel-file", "the account has no tunnel file", _NO_TUNNELS)
        read = [file for parts in tunnels if (file := self._read(parts)) is not None]
        return AccountFiles(
            safe_path(Path(*folder)) if folder else DEFAULT_ACCOUNT,
            self._shown(folder),
            self._read(own[0]),
            tuple(read),
            tuple(Unread(self._shown(parts), os.path.abspath(self._shown_root.joinpath(*parts))) for parts in unread),  # noqa: PTH100 - links stay
        )

    def _read(self, parts: Parts) -> SourceFile | None:
        """One file's bytes, or None and a problem."""
        path = self._root.joinpath(*parts)
        try:
            data = read_regular(self._inside(path))
        except OSError as broken:
            reason = broken.strerror or str(broken)
            self.problem(parts, "unreadable", f"the file can't be read ({reason})")
            return None
        if len(data) > MAX_BYTES:
            self.problem(parts, "file-too-large", f"the file has more than {MAX_BYTES:,} bytes", "Split it.")
            return None
        self._total += len(data)
        if self._total > MAX_TOTAL:
            self.problem((), "too-many-files", f"more than {MAX_TOTAL:,} bytes in all", "Is this the right folder?")
            raise _TooManyBytesError
        return SourceFile(self._shown(parts), data)

    def _inside(self, path: Path) -> str:
        """The path with every link resolved.

        Raises:
            OSError: It leads out of the tree, in a circle or nowhere.
        """
        real = os.path.realpath(path, strict=True)
        if os.path.commonpath([self._real_root, real]) != self._real_root:
            raise OSError(0, "it is a symbolic link that leads out of the folder")
        return real


def is_read(parts: Sequence[str]) -> bool:
    """True for the path of a file that must be read."""
    return parts[-1].lower().endswith(_SUFFIXES) and not any(part.startswith(".") for part in parts)


def would_be_read(parts: Sequence[str], *, in_account: bool) -> bool:
    """True for the path of a file that would be read, or refused as one that was meant to be."""
    folders = range(1, len(parts))
    return is_read(parts) or (
        in_account
        and _was_meant(parts[-1])
        and not any(_belongs_to_a_program(parts[:n], folder=True) for n in folders)
        and not _belongs_to_a_program(parts, folder=False)
    )


def _belongs_to_a_program(parts: Sequence[str], *, folder: bool) -> bool:
    name = parts[-1]
    if not name.startswith("."):
        return False
    if name in _TOOLS and len(parts) == 1:
        return True
    return re.fullmatch(_UNWRITTEN if folder else f"{_UNWRITTEN}|{_EDITORS}", name) is not None


def _was_meant(name: str) -> bool:
    """True for a name that somebody gave to a file that should be read, or to a copy or a template of one."""
    name = name.lower().strip()
    if any(suffix in name for suffix in _SUFFIXES) or name.endswith(".json"):
        return True
    _, dot, extension = name.rpartition(".")
    return bool(dot) and any(_one_edit(extension, suffix[1:]) for suffix in _SUFFIXES)


def _one_edit(one: str, other: str) -> bool:
    """True when one letter too many, too few or wrong, or two neighbours swapped, is all that differs."""
    short, long = sorted((one, other), key=len)
    same = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    short, long = short[same:], long[same:]
    if len(short) < len(long):
        return short == long[1:]
    return short[1:] == long[1:] or (short[:2] == long[1::-1] and short[2:] == long[2:])


def _is_account_file(parts: Sequence[str]) -> bool:
    return parts[-1] in ACCOUNT_FILES and is_read(parts)


def _meant_for_account(parts: Sequence[str]) -> bool:
    stem, _, extension = parts[-1].lower().rpartition(".")
    return f".{extension}" in _SUFFIXES and not _is_account_file(parts) and _one_edit(stem, "account")


def read_regular(path: str) -> bytes:
    """The bytes of a regular file, one more than allowed at most; never waits for a pipe or a device.

    Raises:
        OSError: It can't be read, or is something else: a link too, since what that leads to may be no file of ours.
        ValueError: The path holds a NUL.
    """
    handle = os.open(path, _OPEN | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "it is not a regular file")
        with os.fdopen(handle, "rb", closefd=False) as stream:
            return stream.read(MAX_BYTES + 1)
    finally:
        os.close(handle)
