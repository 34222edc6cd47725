"""The files that the command line names: read, tried out before the run, and written.

Such a name may stand for a regular file, a link, a pipe, a device or an open descriptor (`/dev/stdout`). A regular
file is replaced as a whole, so that nobody ever finds half a report. Into anything else the text is written, and it
stays what it is. Whether that will work is tried before anything is read or sent: a run must not find out after its
last write that nobody will learn of it.

No output may be a file that this run reads, or that the next one would read: a report in the place of a tunnel file
deletes tunnels with the next apply, and one in the place of a key loses it.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from errno import ENXIO
from json import JSONDecodeError
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.options import TABLE, Options, UsageError
from reconciler.files.tree import ACCOUNT_FILES, Tree, would_be_read
from reconciler.model.desired import CommandRef, Desired, FileRef, Generated
from reconciler.report.outcome import Outcome

T = TypeVar("T")

MAX_INPUT = 128 << 20
"""Bytes of one file: far above the report of the largest account."""

_LOOK = 0.1
"""Seconds between looks at whether a wait that the system would not interrupt is to end."""

_INPUTS = ("plan", "live", "previous", "report")
"""Options whose files the command reads."""

_BESIDE = ("", ".pending", ".json")
"""What a sink keeps beside a key ends so."""


def read_inputs(ctx: Context) -> None:
    """Keep in the context what the files hold that the command line gives to the command: a mistake there comes first.

    Raises:
        UsageError: One can't be read, or does not end.
        Halt: The run was stopped meanwhile, or its time is over.
    """
    for name in _INPUTS:
        for option, path in _named(ctx.options, name):
            ctx.inputs[name] = _read(ctx, option, path)


def _read(ctx: Context, option: str, path: str) -> bytes:
    """The bytes of a file.

    No signal ends the wait for somebody who writes a pipe. So another thread reads, and this one looks now and then
    whether the run is to end.
    """
    found: bytes | Exception = b""

    def read() -> None:
        nonlocal found
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - as the user wrote it
                found = file.read(MAX_INPUT + 1)
        except (OSError, ValueError, MemoryError) as wrong:
            found = wrong

    reader = Thread(target=read, daemon=True)
    reader.start()
    reader.join(_LOOK)
    while reader.is_alive():
        if ctx.stop.is_set():
            raise halt("interrupted", "interrupted", f"stopped while reading {path}", "Nothing was done.")
        if ctx.left() <= 0:
            detail = "Nobody has written it to its end within --timeout. Nothing was done."
            raise halt("error", "unreadable", f"{option} can't be read", detail)
        reader.join(_LOOK)
    if isinstance(found, Exception):
        raise UsageError(f"{option} can't be read: {_why(found)}")
    if len(found) > MAX_INPUT:
        raise UsageError(f"{option} can't be read: it holds more than {MAX_INPUT >> 20} MiB")
    return found


def parsed(
    data: bytes, parse: Callable[[bytes], T], code: str, summary: str, remedy: str, outcome: Outcome = "error"
) -> T:
    """What a file holds that somebody gave; `parse` raises a ValueError where that is not what is wanted.

    Raises:
        Halt: It is not; the reason follows the summary.
    """
    try:
        return parse(data)
    except RecursionError:
        why = "it is nested too deeply"
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    except JSONDecodeError as wrong:
        why = f"it is not JSON ({wrong})"
    except ValueError as wrong:
        why = str(wrong)
    raise halt(outcome, code, f"{summary}: {why}", remedy)


def require_writable(options: Options) -> None:
    """Make sure, before anything is read or sent, that what the command line names can be written, and may be.

    Raises:
        UsageError: Something can't be, or must not be, since it is read or would be taken for a file of tunnels.
    """
    states = [*_named(options, "sandbox", "state")]
    read = [*_named(options, *_INPUTS), *((name, f"{path}.lock") for name, path in states)]
    taken = {_identity(path): option for option, path in read}
    sinks = tuple(f"{os.path.realpath(path)}.keys/" for _, path in states)
    seen: dict[str, str] = {}
    for option, name in (*states, *_outputs(options)):
        path, real, private = Path(name), os.path.realpath(name), option.startswith(("--save-live", "--md5-keys"))
        other = taken.get(_identity(name))
        if other is not None:
            raise UsageError(f"{other} and {option} are the same file. Give each a file of its own.")
        if real.startswith(sinks):
            raise UsageError(f"{option} would stand among the keys of the sandbox. Choose another file.")
        if _in_tree(Path(options.dir), real):
            raise UsageError(
                f"{option} would stand among the files of tunnels in {options.dir}, and be taken for one. "
                "Choose a file outside."
            )
        if (option, name) in states:  # these make their folder, and say themselves what they can't write
            taken[_identity(name)] = option
            continue
        if options.command not in TABLE["output"].on:  # it writes no report, so an -o of the environment is no matter
            continue
        if private and _descriptor(path) in (1, 2):
            raise UsageError(f"{option}: BGP MD5 keys may stand in it, and belong in no log. Give a file.")
        try:
            regular = _try(path, private=private)
        except OSError as wrong:
            raise UsageError(f"{option} can't be written: {_why(wrong)}. Choose another file.") from None
        if regular and real in seen:
            raise UsageError(f"{seen[real]} and {option} are the same file. Give each a file of its own.")
        seen[real] = option


def refuse_files(options: Options, tree: Tree, desired: Iterable[Desired]) -> None:
    """Look again at what is to be written, when the files of tunnels are read and before anything is sent.

    Raises:
        UsageError: An output is a file that a link among them leads to, or that belongs to a key.
    """
    named = [*_outputs(options), *_named(options, "sandbox", "state")]
    if not named:
        return
    read: dict[object, str] = {}
    for declared in (t for d in desired for t in d.tunnels.values()):
        place = declared.psk.deliver_to if isinstance(declared.psk, Generated) else declared.psk
        paths = [reference.path for reference in declared.references.values() if isinstance(reference, FileRef)]
        if isinstance(place, FileRef):  # whether it is there yet or not, with what a sink keeps beside it
            paths += [place.path + end for end in _BESIDE]
        elif isinstance(place, CommandRef):  # any word may be one
            paths += [os.path.join(place.folder, word) for word in place.argv]  # noqa: PTH118
        for path in paths:
            read.setdefault(_identity(path), f"the key of {declared.name!r}")
    for account in tree.accounts:
        for file in account.files:
            read.setdefault(_identity(file.path), file.path)
    for option, path in named:
        if (other := read.get(_identity(path))) is not None:
            raise UsageError(f"{option} is a file that the run reads: {other}. Choose another file.")


def write_file(path: Path, text: str, stop: Event, *, private: bool = False) -> bool:
    """Write a file that the command line names: whole, or not at all.

    Args:
        path: Where. Links stay, and the file that they lead to is replaced.
        text: What.
        stop: Ends the wait for somebody who reads a pipe.
        private: Whether a regular file gets mode 0600, and what others could read is refused.

    Returns:
        Whether a regular file holds it now.

    Raises:
        Halt: It can't be written.
    """
    try:
        handle = _opened(path, stop)
        if handle is None:
            _replace(Path(os.path.realpath(path)), text, private=private)
            return True
        with suppress(BrokenPipeError), os.fdopen(handle, "wb") as stream:  # nobody may read it any more
            _require_closed(os.fstat(handle), private=private)
            stream.write(text.encode("utf-8", "backslashreplace"))
    except OSError as wrong:
        raise _unwritable(path, wrong) from None
    return False


def save_file(ctx: Context, path: str, text: str, *, private: bool = False) -> bool | None:
    """As `write_file`, for what the run makes besides its report: None, and an error in the report, where it can't."""
    try:
        return write_file(Path(path), text, ctx.stop, private=private)
    except Halt as stopped:
        ctx.late += stopped.diagnostics
        return None


def replace_file(path: Path, text: str, *, private: bool = False) -> None:
    """Put a regular file in the place of whatever stands there, with its folders: a link is replaced, not followed.

    Raises:
        Halt: It can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text, private=private)
    except OSError as wrong:
        raise _unwritable(path, wrong) from None


def create_file(path: Path, text: str) -> bool:
    """Make a file, with its folders; False where anything stands in its place already, which stays as it is.

    Raises:
        Halt: It can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as wrong:
        if os.path.lexists(path):
            return False
        raise _unwritable(path, wrong) from None
    return True


def _outputs(options: Options) -> Iterator[tuple[str, str]]:
    """Options with the files that they name for writing."""
    for form, path in options.output:
        if path is not None:
            yield f"-o {form}={path}{options.origin('output')}", path
    yield from _named(options, "out", "save_live", "patch", "md5_keys")


def _named(options: Options, *names: str) -> Iterator[tuple[str, str]]:
    for name in names:
        if path := getattr(options, name, None):
            yield f"{' '.join(TABLE[name].flags) or 'the report'} {path}{options.origin(name)}", path


def _identity(path: str) -> object:
    """What two names of one file have in common. A device or a socket is like no other: nothing is lost there."""
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of keys and files
    except (OSError, ValueError):
        return os.path.realpath(path)
    if stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode):
        return found.st_dev, found.st_ino
    return object()


def _in_tree(root: Path, real: str) -> bool:
    """Whether a file would be read as one of tunnels, or be refused as one that was meant to be."""
    top, name = Path(os.path.realpath(root)), Path(real)
    if top not in name.parents:
        return False
    parts = name.relative_to(top).parts
    above = [top.joinpath(*parts[:n]) for n in range(len(parts))]
    account = any((folder / file).exists() for folder in above for file in ACCOUNT_FILES)
    return would_be_read(parts, in_account=account)


def _try(path: Path, *, private: bool) -> bool:
    """Whether it is, or will be, a regular file; raises OSError when it can't be written. Leaves nothing behind."""
    if (number := _descriptor(path)) is not None:
        _require_closed(os.fstat(number), private=private)
        return False
    with suppress(FileNotFoundError):
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(0, "it is a folder")
        if not os.access(path, os.W_OK):
            raise PermissionError(0, "permission denied")
        if not stat.S_ISREG(found.st_mode):
            _require_closed(found, private=private)
            return False
    import tempfile

    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():  # a misspelt one must not come into being
        raise FileNotFoundError(0, f"there is no folder {folder}")
    with tempfile.TemporaryFile(dir=folder):
        return True


def _require_closed(found: os.stat_result, *, private: bool) -> None:
    """Let keys go into no log and no pipe that others may read; raises OSError if they would."""
    known = stat.S_ISFIFO(found.st_mode) or stat.S_ISREG(found.st_mode)
    ours = known and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    if private and not ours:
        raise PermissionError(0, "BGP MD5 keys may stand in it, and others could read them there")


def _descriptor(path: Path) -> int | None:
    """The number of our own descriptor that the path names, or that is open on the same file as standard output.

    A file that the shell opened for us must be written through the same descriptor, or what goes there by itself
    would be lost.
    """
    if found := re.fullmatch(r"(?:/dev|/proc/self)/fd/(\d{1,6})|/dev/std(out|err)", str(path), re.ASCII):
        return int(found[1] or {"out": 1, "err": 2}[found[2]])
    for number in (1, 2):
        with suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(number)) and stat.S_ISREG(os.fstat(number).st_mode):
                return number
    return None


def _opened(path: Path, stop: Event) -> int | None:
    """A descriptor to write into what is not a regular file; None for a regular one, and where nothing stands yet."""
    if (number := _descriptor(path)) is not None:
        return os.dup(number)
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(kind):
        return None
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY
    if not stat.S_ISFIFO(kind):
        return os.open(path, flags)
    while True:  # until somebody reads the pipe; no signal would end that wait in the system
        try:
            handle = os.open(path, flags | os.O_NONBLOCK)
        except OSError as wrong:
            if wrong.errno != ENXIO:
                raise
            if stop.wait(_LOOK):
                raise OSError(ENXIO, "nobody reads the pipe") from None
        else:
            os.set_blocking(handle, True)
            return handle


def _replace(path: Path, text: str, *, private: bool) -> None:
    import tempfile

    # Without the suffix: what a kill leaves behind must not look like a file that was meant to be read.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        if not private:
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _unwritable(path: Path, wrong: OSError) -> Halt:
    return halt("error", "unwritable", f"{path} can't be written: {_why(wrong)}", "Choose another file.")


def _why(wrong: Exception) -> str:
    return (wrong.strerror if isinstance(wrong, OSError) else None) or type(wrong).__name__
