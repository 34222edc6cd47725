"""What a command gets from its surroundings: options, environment, streams, clock, the wish to stop."""

import argparse
import os
import re
import select
import signal
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import TextIO

from reconciler.api.baseurl import CLOUDFLARE
from reconciler.model.desired import Desired
from reconciler.model.problems import Diagnostic, error
from reconciler.model.report import AccountReport, Outcome
from reconciler.secrets.redact import Redactor, mask_commands
from reconciler.secrets.secret import Secret

SANDBOX = "sandbox"
"""Stands for the base URL, and for the token, where the built-in simulator stands in for Cloudflare."""


class Halt(Exception):
    """The command ends here with this outcome.

    Attributes:
        outcome: Name of the exit code.
        diagnostics: What is wrong, in the files or elsewhere.
        accounts: What is known of the accounts by now.
    """

    def __init__(
        self,
        outcome: Outcome,
        diagnostics: Sequence[Diagnostic] = (),
        accounts: Sequence[AccountReport] = (),
    ) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.diagnostics = tuple(diagnostics)
        self.accounts = tuple(accounts)


def halt(outcome: Outcome, code: str, summary: str, detail: str, accounts: Sequence[AccountReport] = ()) -> Halt:
    """The end of a run for one reason that has no place in a file."""
    return Halt(outcome, (error(code, summary, detail),), accounts)


@dataclass
class Context:
    """One run's surroundings.

    Attributes:
        every: What the files of all accounts declare, also of those that this run is not about; empty until loaded.
        diagnostics: What was found wrong by now, for the report.
        late: Errors of leaving what the run had opened, when its report may be made already.
    """

    options: argparse.Namespace
    env: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    redactor: Redactor
    raw_stdout: TextIO
    raw_stderr: TextIO
    stop: Event = field(default_factory=Event)
    started: float = field(default_factory=time.monotonic)
    every: tuple[Desired, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    late: tuple[Diagnostic, ...] = ()

    @property
    def sandbox(self) -> bool:
        """Whether the built-in simulator stands in for Cloudflare."""
        return self.options.sandbox is not None

    def left(self) -> float:
        """Seconds until the deadline of the run."""
        return float(self.options.timeout) - (time.monotonic() - self.started)

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.fromtimestamp(time.time(), UTC)

    def learn(self, *secrets: Secret) -> None:
        """Tell the redactor, and GitHub's runner, of secrets before anything else happens with them.

        The runner reads commands from both streams of a step. One that goes to a file it doesn't read: there the
        command would be nothing but a copy of the key.
        """
        if self.env.get("GITHUB_ACTIONS") == "true" and not _is_file(self.raw_stderr):
            for secret in secrets:
                self.raw_stderr.writelines(f"{line}\n" for line in mask_commands(secret))
            self.raw_stderr.flush()
        self.redactor.add(*secrets)

    def ask(self) -> str:
        """A line from standard input; empty at its end, or when the run is being stopped."""
        while not self.stop.is_set():
            if select.select([self.stdin], [], [], 0.2)[0]:
                return self.stdin.readline()
        return ""

    def color(self, stream: TextIO) -> bool:
        """Whether to colour what goes to this stream."""
        wanted = not self.options.no_color and not self.env.get("NO_COLOR") and self.env.get("TERM") != "dumb"
        return wanted and stream.isatty()


_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|\$.*|%\w+%", re.DOTALL)


def is_variable(text: str) -> bool:
    """True for what looks like the name of a variable, where its value should be: `API_TOKEN`, `$X`, `%X%`."""
    return _VARIABLE.fullmatch(text) is not None


def tokens(*texts: str) -> list[Secret]:
    """Secrets of those texts that can be tokens.

    What is no UTF-8 is none, and can't be hidden in text either; a variable's name is none, and messages need it.
    """
    found = []
    for text in dict.fromkeys(texts):
        with suppress(UnicodeEncodeError):
            text.encode()
            found += [Secret(text)] if text and not is_variable(text) else []
    return found


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # it is no file of the system's at all
        return False


def base_of(ctx: Context) -> str:
    """The API's base URL, or `sandbox`; `--base-url` was checked with the other options."""
    return SANDBOX if ctx.sandbox else ctx.options.base_url or CLOUDFLARE


@contextmanager
def stop_on_signals(stop: Event, command: str) -> Iterator[None]:
    """Meanwhile SIGINT and SIGTERM ask the run to stop; the second one ends it at once."""
    calling = command in ("plan", "apply", "drift", "import", "psk")
    said = b": the call in flight is finished, nothing more is sent" if calling else b""

    def ask(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()
        with suppress(OSError):  # past the buffers: a signal may come in the middle of a write to them
            os.write(2, b"\nStopping" + said + b".\n")

    before = [(number, signal.signal(number, ask)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
