"""The sandbox file: the simulator's state on disk. It holds pre-shared keys: only its owner may read it.

A sandbox lets people try the program without an account at Cloudflare: each run goes on where the one before it ended.
"""

import json
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from reconciler.simulator.message import Reply, Request
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Answer, Simulator

_MAX_BYTES = 256 * 1024 * 1024


def load(path: Path, semantics: Semantics, now: Callable[[], float]) -> Simulator:
    """Read a sandbox file; a missing one is an empty world.

    Args:
        path: The file.
        semantics: The switches, which the file does not hold.
        now: The clock, seconds since the epoch.

    Returns:
        The simulator.

    Raises:
        ValueError: A symlink, not a regular file, too large, or not a state of the simulator.
        OSError: It cannot be read.
    """
    _refuse_symlink(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Simulator(semantics, now)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError(f"{path} is not a regular file")
        if facts.st_size > _MAX_BYTES:
            raise ValueError(f"{path} is too large")
        text = file.read()
    try:
        return Simulator.restore(json.loads(text), semantics, now)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} does not hold what the simulator saved ({error})") from None


def save(path: Path, simulator: Simulator) -> None:
    """Write a sandbox file: a new file with mode 0600, flushed to disk, then put in place.

    Args:
        path: The file; missing folders are made, its own with mode 0700.
        simulator: The state to write.

    Raises:
        ValueError: The path is a symlink.
        OSError: It cannot be written; an older file is then still whole.
    """
    _refuse_symlink(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps(simulator.snapshot(), ensure_ascii=False, separators=(",", ":"))
    # Written beside it and renamed: a run that is killed leaves the old file or the new one, and no half of one.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def saving(path: Path, answer: Answer = Simulator.handle) -> Answer:
    """An `answer` that saves the file after every write, also one whose answer is lost: a kill loses none.

    The caller holds the lock from `load` to the last request.
    """

    def answer_and_save(simulator: Simulator, request: Request) -> Reply:
        try:
            return answer(simulator, request)
        finally:
            if request.method != "GET":
                save(path, simulator)

    return answer_and_save


def lock_of(path: Path) -> Path:
    """The file to lock from `load` to `save`, so that two processes do not lose each other's writes.

    Raises:
        ValueError: It is a symlink.
    """
    lock = path.with_name(f"{path.name}.lock")
    _refuse_symlink(lock)
    return lock


def _refuse_symlink(path: Path) -> None:
    if path.is_symlink():
        raise ValueError(f"{path} is a symbolic link")
