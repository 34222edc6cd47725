"""Standard output and standard error, behind the one fence that hides secrets; nothing that breaks them ends a run.

A key that stands in a log can't be taken back. So whatever is written, by us, by a library or as the traceback of some
thread, passes the redactor on its way out. And an apply must not end half-way because nobody reads its output any
more, or because the disk behind it is full: what follows then goes nowhere, and the end of the run says so.
"""

import os
import stat
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from io import TextIOBase
from threading import RLock
from typing import Self, TextIO, cast

from reconciler.secrets.redact import Redactor, mask_commands
from reconciler.secrets.secret import Secret


class Stream(TextIOBase):
    """A text stream that hides secrets, and that never raises.

    Only an end that may be the beginning of a secret is held back, also over `flush`, since a secret may come in two
    parts; `finish` writes it. There is no `buffer`, because bytes would go past the redactor.

    Attributes:
        failed: The system's words for why what was written is lost, or None. A pipe that nobody reads any more is no
            failure.
    """

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        super().__init__()
        self.failed: str | None = None
        self._stream = stream
        self._redactor = redactor
        self._tail = ""
        self._lock = RLock()

    def write(self, text: str) -> int:
        """Write all that can't be the beginning of a secret; returns the length of `text`."""
        with self._lock:
            ready, self._tail = self._redactor.split(self._tail + text)
            self.write_unchanged(ready)
        return len(text)

    def write_unchanged(self, text: str) -> None:
        """Write it past the redactor: JSON of clean values, which a key might equal by chance; commands that mask."""
        if text:
            self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Flush the stream; a held back end stays."""
        self._try(self._stream.flush)

    def finish(self) -> None:
        """Nothing follows for now: write the held back end too, cleaned, and flush."""
        with self._lock:
            tail, self._tail = self._tail, ""
            self.write_unchanged(self._redactor.clean(tail))
        self.flush()

    def _try(self, act: Callable[[], object]) -> None:
        with self._lock:
            try:
                if not self._stream.closed:
                    act()
            except OSError as wrong:
                if not isinstance(wrong, BrokenPipeError):
                    self.failed = wrong.strerror or type(wrong).__name__
                send_nowhere(self._stream)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor, for asking what it is."""
        return self._stream.fileno()


class Output:
    """Both standard streams of a run, in `sys` too while it is entered, and the redactor that knows the run's secrets.

    Python writes the tracebacks of uncaught exceptions, also those of threads, to `sys.stderr`, so they are cleaned
    like everything else; none shows the values of local variables.
    """

    def __init__(self, redactor: Redactor, stdout: TextIO, stderr: TextIO, *, on_github: bool = False) -> None:
        self.redactor = redactor
        self.stdout = Stream(stdout, redactor)
        self.stderr = Stream(stderr, redactor)
        self._masks = on_github
        with suppress(OSError):  # not a file of the system's at all
            # The runner reads commands from both streams of a step. In a file, one would only be a copy of the key.
            self._masks = on_github and not stat.S_ISREG(os.fstat(stderr.fileno()).st_mode)

    def __enter__(self) -> Self:
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = cast(TextIO, self.stdout), cast(TextIO, self.stderr)
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.finish()
        self.stderr.finish()
        sys.stdout, sys.stderr = self._before

    def hide(self, *secrets: Secret) -> None:
        """Tell the redactor, and GitHub's runner, of secrets before anything else happens with them."""
        if self._masks:
            for secret in secrets:
                self.stderr.write_unchanged("".join(f"{line}\n" for line in mask_commands(secret)))
            self.stderr.flush()
        self.redactor.add(*secrets)

    def show_bug(self, bug: Exception, where: str) -> None:
        """Show where an exception came from that nobody expected; `where` is the command or the account."""
        self.stderr.write("".join(traceback.format_exception(bug)))
        self.stderr.write(f"reconciler: internal error in {where}. This is a bug: please report the lines above.\n")


def send_nowhere(stream: TextIO) -> None:
    """Let a broken stream lose what follows, and what waits in its buffer and would fail at the process's end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    with suppress(OSError):
        stream.flush()
