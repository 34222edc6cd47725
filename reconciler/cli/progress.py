"""A progress bar on standard error for long applies, on a terminal only."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from reconciler.api.call import Call, Verb
from reconciler.cli.context import Context
from reconciler.plan.build import Plan

_LONG = 8


class Progress:
    """Counts the writes of an apply; draws nothing for short ones and where there is no terminal."""

    def __init__(self, ctx: Context, plans: Sequence[Plan]) -> None:
        self._total = sum(n for p in plans for verb, n in p.api_calls.items() if verb != "list")
        self._shown = self._total >= _LONG and ctx.stderr.isatty()
        self._ctx = ctx

    def __enter__(self) -> Self:
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("Applying"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("calls"),
                TimeRemainingColumn(),
            )
            console = Console(file=self._ctx.stderr, no_color=not self._ctx.color(self._ctx.stderr))
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task("", total=self._total)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._bar.stop()

    def watch(self, call: Call) -> None:
        """Counts a call that has ended, if it is a write; called from many threads."""
        if self._shown and call.verb is not Verb.LIST:
            self._bar.advance(self._task)
