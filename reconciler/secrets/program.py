"""Runs the commands of key references, sinks and probes: no shell, a time limit, bounded output, errors not shown.

They are programs of the user's own, and yet they get no more of this one's secrets than they need.
"""

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Collection, Mapping

from reconciler.model.desired import TOKEN_ENV, CommandRef, Desired

MAX_BYTES = 256 * 1024
"""Longest key that is read from a file or a command. (API: no limit is documented.)"""

TIMEOUT = 30.0
"""Seconds a command may take."""

_CHUNK = 65536


class CommandError(Exception):
    """A command gave no usable answer. Its text says why and holds nothing that the command wrote.

    Attributes:
        output: What it wrote, which may be a key.
    """

    def __init__(self, why: str, output: bytes = b"") -> None:
        super().__init__(why)
        self.output = output


_CLOUDFLARE = re.compile(r"(?:^|_)(?:CLOUDFLARE|CF)_.*(?:TOKEN|KEY|EMAIL|SECRET)", re.IGNORECASE)
"""Names under which Cloudflare's own and other tools look for credentials."""


def child_environment(env: Mapping[str, str], every: Collection[Desired]) -> dict[str, str]:
    """What programs that this one runs get of the environment: all but Cloudflare's credentials and the tunnels' keys.

    A command that serves one tunnel has no business with the token of the account and the keys of others, and git has
    none with any. They need more than can be listed, though: search path, home, proxies, and what a secret store wants.

    Args:
        env: The process's environment.
        every: All accounts, also those that this run is not about: the variables that they name for a token or a key
            are left out, and copies of a token under any other name.
    """
    tokens = {env.get(name, "").strip() for name in (TOKEN_ENV, *(d.account.token_env for d in every))} - {""}
    variables = {TOKEN_ENV, *(name for desired in every for name in desired.variables)}
    return {
        name: value
        for name, value in env.items()
        if name not in variables and not _CLOUDFLARE.search(name) and value.strip() not in tokens
    }


def run(
    command: CommandRef, env: Mapping[str, str], *, send: bytes = b"", timeout: float = TIMEOUT, errors: bool = False
) -> bytes:
    """What a command prints, up to `MAX_BYTES` and a line end; `env` is its whole environment.

    Its error output is thrown away, since it may hold the key, unless `errors` are wanted too; its standard input holds
    `send` and then ends. When the time is over the command and all that it started in its process group are killed.

    Raises:
        CommandError: It could not be started, took longer than `timeout` seconds, printed too much or ended with a
            status other than 0.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is the user's own, allowed by a switch
            command.argv,
            cwd=command.folder or None,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
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
        raise CommandError(f"took longer than {timeout:g} seconds", output)
    if len(output) > MAX_BYTES + 2:
        raise CommandError(f"printed more than {MAX_BYTES} bytes", output)
    if status != 0:
        raise CommandError(f"ended with status {status}", output)
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
