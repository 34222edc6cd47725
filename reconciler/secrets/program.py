"""Runs the commands of key references and sinks: no shell, a time limit, bounded output, errors not shown."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_BYTES = 256 * 1024
"""Longest key that is read from a file or a command. (API: no limit is documented.)"""

TIMEOUT = 30.0
"""Seconds a command may take."""

_CHUNK = 65536


class CommandError(Exception):
    """A command gave no usable answer. Its text says why and holds nothing that the command wrote."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command to run: `argv` without a shell, in `folder`, with `env` as its whole environment."""

    argv: tuple[str, ...]
    folder: str
    env: Mapping[str, str] = field(repr=False)


def run(program: Program, *, send: bytes = b"", timeout: float = TIMEOUT) -> bytes:
    """What a command prints, up to `MAX_BYTES` and a line end.

    Its error output is thrown away, since it may hold the key; its standard input holds `send` and then ends.
    When the time is over the command and all that it started in its process group are killed.

    Raises:
        CommandError: It could not be started, took longer than `timeout` seconds, printed too much or ended with a
            status other than 0.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is the user's own, allowed by a switch
            program.argv,
            cwd=program.folder or None,
            env=dict(program.env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(f"could not be started: {error.strerror or type(error).__name__}") from None
    except ValueError:
        raise CommandError("could not be started: an argument holds a NUL") from None
    with process:
        try:
            output, status = _talk(process, send, time.monotonic() + timeout)
        finally:
            _kill(process)
    if status is None:
        raise CommandError(f"took longer than {timeout:g} seconds")
    if len(output) > MAX_BYTES + 2:
        raise CommandError(f"printed more than {MAX_BYTES} bytes")
    if status != 0:
        raise CommandError(f"ended with status {status}")
    return output


def _talk(process: subprocess.Popen[bytes], send: bytes, until: float) -> tuple[bytes, int | None]:
    """Feed and read side by side; the status is None when the time is over.

    `Popen.communicate` would do, if it did not keep all that an endless output holds until the time is over.
    """
    output = b""
    assert process.stdin is not None  # noqa: S101 - Popen was asked for pipes
    assert process.stdout is not None  # noqa: S101
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            ready = selector.select(max(0.0, until - time.monotonic()))
            if not ready:
                return output, None
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    send = _feed(process.stdin.fileno(), send)
                    if not send:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                chunk = os.read(process.stdout.fileno(), _CHUNK)
                output += chunk
                if not chunk or len(output) > MAX_BYTES + 2:
                    selector.unregister(process.stdout)
                    process.stdout.close()
    try:
        return output, process.wait(max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return output, None


def _feed(descriptor: int, send: bytes) -> bytes:
    """Write what the pipe takes; returns what is left (nothing when the reader is gone)."""
    try:
        return send[os.write(descriptor, send) :] if send else b""
    except BlockingIOError:
        return send
    except BrokenPipeError:
        return b""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process group: also after a good end nothing that has seen a key stays behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.poll()
