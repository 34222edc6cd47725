"""Standard streams that never raise: a full disk behind one must not stop an apply half-way."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO


class Steady:
    """Passes text on to a stream; once that fails, what follows goes nowhere.

    Attributes:
        failed: The system's words for why what was written is lost, or None. A pipe that nobody reads any more is no
            failure.
    """

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self.failed: str | None = None

    def write(self, text: str) -> int:
        """Write it, or remember why not; returns its length."""
        try:
            self._target.write(text)
        except OSError as wrong:
            self._give_up(wrong)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write them one after another."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream, or remember why not; one that its owner has closed holds nothing."""
        try:
            with suppress(ValueError):
                self._target.flush()
        except OSError as wrong:
            self._give_up(wrong)

    def _give_up(self, wrong: OSError) -> None:
        if not isinstance(wrong, BrokenPipeError):
            self.failed = wrong.strerror or type(wrong).__name__
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._target.fileno())
        os.close(nowhere)
        with suppress(OSError):  # what waits in its buffer would fail once more
            self._target.flush()

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self._target.closed

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._target.isatty()

    def fileno(self) -> int:
        """Its descriptor."""
        return self._target.fileno()

    @property
    def encoding(self) -> str:
        """Its encoding."""
        return self._target.encoding

    @property
    def errors(self) -> str | None:
        """How it treats what its encoding lacks."""
        return self._target.errors
