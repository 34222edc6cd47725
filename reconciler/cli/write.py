"""Writes the files that the command line names: whole or not at all, and never in the place of a device or a pipe."""

import os
import re
import stat
from argparse import Namespace
from contextlib import suppress
from errno import ENXIO
from pathlib import Path
from threading import Event

from reconciler.cli.clash import outputs, refuse_inputs
from reconciler.cli.context import halt
from reconciler.cli.options import UsageError

_LOOK = 0.1
_WRITE = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY
_DESCRIPTOR = re.compile(r"(?:/dev|/proc/self)/fd/(\d{1,6})|/dev/std(out|err)", re.ASCII)


def write_file(path: Path, text: str, stop: Event, *, private: bool = False) -> bool:
    """Write a file that the command line names.

    A regular file, also one that links lead to, is replaced as a whole, and the links stay. What else stands there (a
    device, a pipe) gets the text and stays what it is.

    Args:
        path: Where.
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


def replace_file(path: Path, text: str, *, private: bool = False) -> None:
    """Put a regular file in the place of whatever stands there: a link is replaced, not followed.

    Raises:
        Halt: It can't be written.
    """
    try:
        _replace(path, text, private=private)
    except OSError as wrong:
        raise _unwritable(path, wrong) from None


def probe(options: Namespace) -> None:
    """Make sure, before anything is read or sent, that what the command line names can be written.

    Raises:
        UsageError: Something can't be, or must not be since it is read.
    """
    refuse_inputs(options)
    seen: dict[str, str] = {}
    for option, name in outputs(options):
        path = Path(name)
        if option.startswith("--save-live") and _descriptor(path) in (1, 2):
            raise UsageError(f"{option}: the list may hold BGP MD5 keys, which belong in no log. Give a file.")
        try:
            regular = _try(path, private=option.startswith("--save-live"))
        except OSError as wrong:
            why = wrong.strerror or type(wrong).__name__
            raise UsageError(f"{option} can't be written: {why}. Choose another file.") from None
        target = os.path.realpath(path)
        if regular and target in seen:
            raise UsageError(f"{seen[target]} and {option} are the same file. Give each a file of its own.")
        seen[target] = option


def _try(path: Path, *, private: bool) -> bool:
    """Whether it is, or will be, a regular file; raises OSError when it can't be written. Leaves nothing behind."""
    number = _descriptor(path)
    if number is not None:
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
    while not folder.exists():
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        return True


def _require_closed(found: os.stat_result, *, private: bool) -> None:
    """Let keys go into no log and no pipe that others may read.

    Raises:
        OSError: They would.
    """
    known = stat.S_ISFIFO(found.st_mode) or stat.S_ISREG(found.st_mode)
    ours = known and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    if private and not ours:
        raise PermissionError(0, "BGP MD5 keys may stand in it, and others could read them there")


def _unwritable(path: Path, wrong: OSError) -> Exception:
    why = wrong.strerror or type(wrong).__name__
    return halt("error", "unwritable", f"{path} can't be written: {why}", "Choose another file.")


def _descriptor(path: Path) -> int | None:
    """The number of our own descriptor that the path names, or that is open on the same file as standard output.

    A file that the shell opened for us must be written through the same descriptor, or what goes there by itself
    would be lost.
    """
    if found := _DESCRIPTOR.fullmatch(str(path)):
        return int(found[1] or {"out": 1, "err": 2}[found[2]])
    for number in (1, 2):
        with suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(number)) and stat.S_ISREG(os.fstat(number).st_mode):
                return number
    return None


def _opened(path: Path, stop: Event) -> int | None:
    """A descriptor to write into what is no regular file; None for a regular one, and where nothing stands yet."""
    number = _descriptor(path)
    if number is not None:
        return os.dup(number)
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISFIFO(kind):
        return _pipe(path, stop)
    return None if stat.S_ISREG(kind) else os.open(path, _WRITE)


def _pipe(path: Path, stop: Event) -> int:
    """A pipe, once somebody reads it. No signal would end that wait in the system, so it is asked again and again."""
    while True:
        try:
            handle = os.open(path, _WRITE | os.O_NONBLOCK)
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

    path.parent.mkdir(parents=True, exist_ok=True)
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
