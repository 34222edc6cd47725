"""No output may be a file that this run reads, or that the next one would read.

A report in the place of a tunnel file deletes tunnels with the next apply; one in the place of a key loses it.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.cli.options import TABLE, Options, UsageError
from reconciler.files.tree import ACCOUNT_FILES, Tree, would_be_read
from reconciler.model.desired import CommandRef, Desired, FileRef, Generated, PskRef

_BESIDE = ("", ".pending", ".json")
"""What a sink keeps beside a key ends so."""


def outputs(options: Options) -> Iterator[tuple[str, str]]:
    """Options with the files that they name for writing."""
    for form, path in options.output:
        if path is not None:
            yield f"-o {form}={path}", path
    yield from _named(options, "out", "save_live", "patch")


def refuse_inputs(options: Options) -> None:
    """Look at what the command line names for writing, before anything is read.

    Raises:
        UsageError: An output is an input too, or would stand among the files of tunnels.
    """
    states = [*_named(options, "sandbox", "state")]
    kept = [(option, f"{path}.lock") for option, path in states]
    sinks = tuple(f"{os.path.realpath(path)}.keys/" for _, path in states)
    taken = {
        _identity(path): option for option, path in (*_named(options, "plan", "live", "previous", "report"), *kept)
    }
    for option, path in (*states, *outputs(options)):
        if (other := taken.get(_identity(path))) is not None:
            raise UsageError(f"{other} and {option} are the same file. Give each a file of its own.")
        if (option, path) in states:
            taken[_identity(path)] = option
        if os.path.realpath(path).startswith(sinks):
            raise UsageError(f"{option} would stand among the keys of the sandbox. Choose another file.")
        if _in_tree(Path(options.dir), path):
            raise UsageError(
                f"{option} would stand among the files of tunnels in {options.dir}, and be taken for one. "
                "Choose a file outside."
            )


def refuse_files(options: Options, tree: Tree, desired: Iterable[Desired]) -> None:
    """Look again when the files of tunnels are read, before anything is sent.

    Raises:
        UsageError: An output is a file that a link among them leads to, or that belongs to a key.
    """
    named = [*outputs(options), *_named(options, "sandbox", "state")]
    if not named:
        return
    read: dict[object, str] = {}
    for declared in (t for d in desired for t in d.tunnels.values()):
        for path in _key_files(declared.psk):
            read.setdefault(_identity(path), f"the key of {declared.name!r}")
    for account in tree.accounts:
        for file in account.files:
            read.setdefault(_identity(file.path), file.path)
    for option, path in named:
        if (other := read.get(_identity(path))) is not None:
            raise UsageError(f"{option} is a file that the run reads: {other}. Choose another file.")


def _named(options: Options, *names: str) -> Iterator[tuple[str, str]]:
    for name in names:
        if path := getattr(options, name, None):
            yield f"{' '.join(TABLE[name].flags) or 'the report'} {path}", path


def _identity(path: str) -> object:
    """What two names of one file have in common. A device or a socket is like no other: nothing is lost there."""
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of keys and files
    except (OSError, ValueError):
        return os.path.realpath(path)
    if stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode):
        return found.st_dev, found.st_ino
    return object()


def _in_tree(root: Path, path: str) -> bool:
    """Whether a file would be read as one of tunnels, or be refused as one that was meant to be."""
    top, name = Path(os.path.realpath(root)), Path(os.path.realpath(path))
    if top not in name.parents:
        return False
    parts = name.relative_to(top).parts
    above = [top.joinpath(*parts[:n]) for n in range(len(parts))]
    account = any((folder / file).exists() for folder in above for file in ACCOUNT_FILES)
    return would_be_read(parts, in_account=account)


def _key_files(key: PskRef | None) -> list[str]:
    """The files of a key, whether they are there yet or not; of a command whatever it names."""
    place = key.deliver_to if isinstance(key, Generated) else key
    if isinstance(place, FileRef):
        return [place.path + end for end in _BESIDE]
    if isinstance(place, CommandRef):
        return [os.path.join(place.folder, word) for word in place.argv]  # noqa: PTH118 - any text can be a word
    return []
