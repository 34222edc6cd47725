"""Reads the files that the command line names: pipes too, but never more than fits in memory."""

from reconciler.cli.options import UsageError

MAX_INPUT = 128 << 20
"""Bytes of one file: far above the report of the largest account."""

_CHUNK = 1 << 20


def read_input(option: str, path: str) -> bytes:
    """The bytes of a file that an option names.

    Raises:
        UsageError: It can't be read, or does not end.
    """
    found = bytearray()
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as the user wrote it
            while len(found) <= MAX_INPUT and (chunk := file.read(_CHUNK)):
                found += chunk
    except OSError as wrong:
        raise UsageError(f"{option} {path} can't be read: {wrong.strerror or type(wrong).__name__}") from None
    if len(found) > MAX_INPUT:
        raise UsageError(f"{option} {path} can't be read: it holds more than {MAX_INPUT >> 20} MiB")
    return bytes(found)
