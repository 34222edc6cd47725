"""Reads the files that the command line names: pipes too, but never more than fits in memory.

A pipe that nobody writes to keeps whoever opens it waiting, and no signal ends that wait. So another thread reads, and
this one looks now and then whether the run is to end.
"""

from queue import Empty, SimpleQueue
from threading import Thread

from reconciler.cli.context import Context, halt
from reconciler.cli.options import UsageError

MAX_INPUT = 128 << 20
"""Bytes of one file: far above the report of the largest account."""

_CHUNK = 1 << 20
_LOOK = 0.1


def read_input(ctx: Context, option: str, path: str) -> bytes:
    """The bytes of a file that an option names; the wait for them obeys the first signal and the deadline.

    Raises:
        UsageError: It can't be read, or does not end.
        Halt: The run was stopped meanwhile, or its time is over.
    """
    answer: SimpleQueue[bytes | Exception] = SimpleQueue()
    Thread(target=lambda: answer.put(_bytes(path)), daemon=True).start()
    while True:
        try:
            found = answer.get(timeout=_LOOK)
        except Empty:
            if ctx.stop.is_set():
                raise halt("interrupted", "interrupted", f"stopped while reading {path}", "Nothing was done.") from None
            if ctx.left() <= 0:
                detail = "Nobody has written it to its end within --timeout. Nothing was done."
                raise halt("error", "unreadable", f"{option} {path} can't be read", detail) from None
            continue
        if isinstance(found, Exception):
            why = found.strerror if isinstance(found, OSError) else None
            raise UsageError(f"{option} {path} can't be read: {why or type(found).__name__}") from None
        if len(found) > MAX_INPUT:
            raise UsageError(f"{option} {path} can't be read: it holds more than {MAX_INPUT >> 20} MiB")
        return found


def _bytes(path: str) -> bytes | Exception:
    """What the file holds, at least up to the limit, or why it can't be read."""
    found = bytearray()
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as the user wrote it
            while len(found) <= MAX_INPUT and (chunk := file.read(_CHUNK)):
                found += chunk
    except (OSError, ValueError, MemoryError) as wrong:
        return wrong
    return bytes(found)
