"""The last writer before standard output and standard error, and what shows uncaught exceptions: both redact."""

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOBase
from typing import TextIO, cast

from reconciler.secrets.redact import Redactor


class RedactingStream(TextIOBase):
    """A text stream that cleans what is written to it and passes it on at once.

    Only an end that may be the beginning of a secret is held back, also over `flush`, since a secret may be
    flushed in two parts; `finish` (and `close`) writes it. `close` leaves the target open: who opened it
    closes it. There is no `buffer`, because bytes would go past the redactor.
    """

    def __init__(self, redactor: Redactor, target: TextIO) -> None:
        super().__init__()
        self._redactor = redactor
        self._target = target
        self._tail = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write all that can't be the beginning of a secret; returns the length of `text`."""
        with self._lock:
            ready, self._tail = self._redactor.split(self._tail + text)
            if ready:
                with _ignoring_closed_pipe(self._target):
                    self._target.write(ready)
        return len(text)

    def flush(self) -> None:
        """Flush the target; a held back end stays."""
        if not self._target.closed:
            with _ignoring_closed_pipe(self._target):
                self._target.flush()

    def finish(self) -> None:
        """Nothing follows for now: write the held back end too, cleaned, and flush."""
        with self._lock:
            tail, self._tail = self._tail, ""
            if tail and not self._target.closed:
                with _ignoring_closed_pipe(self._target):
                    self._target.write(self._redactor.clean(tail))
        self.flush()

    def close(self) -> None:
        """Finish; the target stays open."""
        self.finish()
        super().close()

    def writable(self) -> bool:
        """True."""
        return True

    def isatty(self) -> bool:
        """Whether the target is a terminal."""
        return self._target.isatty()

    def fileno(self) -> int:
        """The target's descriptor, for asking about the terminal's size."""
        return self._target.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The target's encoding."""
        return self._target.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """How the target treats what its encoding lacks."""
        return self._target.errors


@contextmanager
def _ignoring_closed_pipe(target: TextIO) -> Iterator[None]:
    """When nobody reads a stream any more, what follows goes nowhere: an apply must not stop half-way for that."""
    try:
        yield
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, target.fileno())
        os.close(nowhere)


def traceback_text(error: BaseException) -> str:
    """A traceback without the values of local variables. Its messages are not cleaned."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())


def install(redactor: Redactor, stdout: TextIO, stderr: TextIO) -> Callable[[], None]:
    """Put the redactor in front of both streams and of uncaught exceptions, in `sys` and `threading`.

    Returns:
        What undoes it and writes held back ends; call it last, or they are lost.
    """
    before = sys.stdout, sys.stderr, sys.excepthook, sys.unraisablehook, threading.excepthook
    out, err = RedactingStream(redactor, stdout), RedactingStream(redactor, stderr)

    def show(error: BaseException | None) -> None:
        if error is not None:
            err.write(traceback_text(error))
        err.finish()

    def undo() -> None:
        out.finish()
        err.finish()
        sys.stdout, sys.stderr, sys.excepthook, sys.unraisablehook, threading.excepthook = before

    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    sys.excepthook = lambda _type, error, _traceback: show(error)
    sys.unraisablehook = lambda args: show(args.exc_value)
    threading.excepthook = lambda args: show(args.exc_value)
    return undo
