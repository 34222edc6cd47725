"""What a command gets from its surroundings: options, environment, streams, clock, the wish to stop."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from typing import TextIO

from reconciler.api.baseurl import CLOUDFLARE
from reconciler.cli.arguments import columns_of
from reconciler.cli.options import CALLING, TABLE, Options, same_again
from reconciler.cli.output import Output, Stream
from reconciler.model.desired import Desired
from reconciler.model.problems import Diagnostic, error
from reconciler.plan.scope import RolledBack
from reconciler.report.make import report_of
from reconciler.report.outcome import Outcome
from reconciler.report.values import AccountReport, Report

SANDBOX = "sandbox"
"""Stands for the base URL, and for the token, where the built-in simulator stands in for Cloudflare."""

_COMMAND = re.compile(
    r"(?<![\w./'\"-])reconciler (psk (?:set|rotate|status)|validate|plan|apply|drift|doctor|import|init)\b"
)
"""A command that a message tells to run, without the options that most of its words could do with."""


class Halt(Exception):
    """The command ends here with this outcome.

    Attributes:
        outcome: Name of the exit code.
        diagnostics: What is wrong, besides what the context knows already.
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


class Context:
    """One run's surroundings.

    Attributes:
        stop: Set when the run is to end before its next call.
        started: When, in seconds of the monotonic clock; later by the time that an approval took.
        inputs: What the files hold that options name, by the option, until the command has taken it.
        every: What the files of all accounts declare, also of those that this run is not about; empty until loaded.
        baseline: What they declared at `--baseline`, by account id; None where that was not asked for, or is wrong.
        diagnostics: What was found wrong by now, for the report.
        shown: The plan that the person at the terminal has seen, so that the end need not repeat it.
        rolled_back: By account id, what the report of `--previous` says was rolled back.
        late: Errors of leaving what the run had opened, when its report may be made already.
    """

    def __init__(self, options: Options, env: Mapping[str, str], stdin: TextIO, output: Output) -> None:
        self.options = options
        self.env = env
        self.stdin = stdin
        self.output = output
        self.stop = Event()
        self.started = time.monotonic()
        self.inputs: dict[str, bytes] = {}
        self.every: tuple[Desired, ...] = ()
        self.baseline: dict[str, Desired] | None = None
        self.diagnostics: tuple[Diagnostic, ...] = ()
        self.shown: Report | None = None
        self.rolled_back: dict[str, tuple[RolledBack, ...]] = {}
        self.late: tuple[Diagnostic, ...] = ()

    @property
    def sandbox(self) -> bool:
        """Whether the built-in simulator stands in for Cloudflare."""
        return self.options.sandbox is not None

    @property
    def base(self) -> str:
        """The API's base URL, or `sandbox`."""
        return SANDBOX if self.sandbox else self.options.base_url or CLOUDFLARE

    def to_copy(self, text: str, account: str | None = None) -> str:
        """The text with the options of this run in each command that it tells to run, so that it can be copied.

        Args:
            text: Such as `Set its key: reconciler psk set lon-a`.
            account: The one that it is about, which the command is told where there are others; None for all of them.
        """
        options = self.options
        if account and (options.account or len(self.every) > 1):
            options = options._replace(account=(account,))

        def with_options(found: re.Match[str]) -> str:
            said = text[found.end() :].partition("`")[0]
            return "".join([found[0], *(f" {word}" for word in same_again(options, *found[1].split(), said=said))])

        for name in options.variables:  # `Raise --timeout (from RECONCILER_TIMEOUT), or …`
            text = re.sub(rf"(?<!with )({TABLE[name].flags[-1]})(?=[,;.)])", rf"\1{options.origin(name)}", text)
        return _COMMAND.sub(with_options, text)

    def report(
        self,
        accounts: Iterable[AccountReport],
        *,
        command: str | None = None,
        outcome: Outcome | None = None,
        written: bool = False,
    ) -> Report:
        """The run's report with what was found wrong by now; for the rest see `report_of`."""
        name = command or self.options.command
        sandbox = self.sandbox and name in CALLING.split() and not self.options.live
        return report_of(name, accounts, self.diagnostics, sandbox=sandbox, outcome=outcome, written=written)

    def left(self) -> float:
        """Seconds until the deadline of the run."""
        return self.options.timeout - (time.monotonic() - self.started)

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.fromtimestamp(time.time(), UTC)

    def read_line(self, waits: Callable[[], bool] = lambda: True) -> str:
        """A line from standard input; empty at its end, when the run is being stopped, and when `waits` says no."""
        import select

        with suppress(OSError):  # the terminal is gone
            while not self.stop.is_set() and waits():
                if select.select([self.stdin], [], [], 0.2)[0]:
                    return self.stdin.readline()
        return ""

    def width(self, stream: Stream) -> int | None:
        """Columns of the terminal that this stream goes to; None where it goes elsewhere."""
        return columns_of(stream, self.env)

    def color(self, stream: Stream) -> bool:
        """Whether to colour what goes to this stream."""
        if self.options.no_color or self.env.get("NO_COLOR"):
            return False
        forced = self.env.get("FORCE_COLOR", "") not in ("", "0")
        return forced or (self.env.get("TERM") != "dumb" and stream.isatty())
