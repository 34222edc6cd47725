"""Where generated keys are delivered: into files or to commands, and each step of a protocol done with such a sink.

    psk: {generate: true, deliver_to: {file: keys/lon-a}}
    psk: {generate: true, deliver_to: {command: [./to-vault, lon-a]}}

A key may be the only copy of what is in force at Cloudflare. So a file is never half written and never overwritten, and
the room that it needs is set aside. Each is written whole under a name of its own, flushed to disk, then linked or
renamed into place, and the folder flushed: whenever the machine stops, each name leads to an old or to a new file that
is whole.

    lon-a             the current key; mode 0600, as all of these
    lon-a.pending     the next one, until Cloudflare has it
    lon-a.json        a record: whose key it is, since when, what was asked of Cloudflare; nothing of the key
    lon-a.….new       a file that is being written, or room that is set aside

A command, which knows a secret store, runs only with `--allow-commands`. In a sandbox neither is touched: a file of the
sandbox's own takes the key.
"""

import json
import os
import secrets
import string
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from reconciler.model.desired import CommandRef, FileRef, Generated
from reconciler.model.problems import Diagnostic, Location, Problem, error, warning
from reconciler.model.psk import SinkState
from reconciler.secrets.program import CommandError, run
from reconciler.secrets.resolve import read_private, strip_line_end
from reconciler.secrets.secret import Secret, reveal
from reconciler.secrets.steps import SinkOp, SinkOutcome, SinkStep

PSK_LENGTH = 40
"""Letters and digits of a key made here: 238 bits. (API: keys that Cloudflare makes have 32 of them.)"""
ROOM = 4096
"""Bytes that are tried, or set aside, for a key, and as many for a record: more than either needs. (API: keys that
Cloudflare makes have 32 characters.)"""

_ALLOW = "Add --allow-commands if you trust the files."
_ALPHABET = string.ascii_letters + string.digits  # which every device and shell takes


class SinkError(Exception):
    """A sink did not do what it should. Its text never holds any of the key."""


class FileSink:
    """The key in a file of mode 0600, without a line end; `.pending` beside it, and a record in `.json`.

    Args:
        path: The key's file. Its folder must exist.
        tunnel: Whose key it is.
        clock: Gives the time with its zone, for the record.
        make_folder: The folder is made when there is none, as the sandbox does with its own.
    """

    def __init__(self, path: str, tunnel: str, clock: Callable[[], datetime], *, make_folder: bool = False) -> None:
        self._path = Path(path)
        self._pending = Path(f"{path}.pending")
        self._record = Path(f"{path}.json")
        self._tunnel = tunnel
        self._clock = clock
        self._make_folder = make_folder
        self._reserved: dict[Path, Path] = {}

    def probe(self) -> None:
        """See whether a key could be stored and given back: do with trial files what it will need.

        They are as long as a key and its record, since a full disk takes an empty file.
        """
        folder = self._path.parent
        if self._make_folder:
            with _telling(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not folder.is_dir():
            raise SinkError(f"the folder {folder} does not exist: create it with mode 0700")
        owner = self._read_record().get("tunnel", self._tunnel)
        if owner != self._tunnel:
            raise SinkError(f"{self._path} holds the key of {owner!r}: give each tunnel its own file")
        for path in (self._path, self._record):
            if path.is_dir():
                raise SinkError(f"{path} is a folder")
        try:
            with _telling(folder):
                self._reserve()
                trial = Path(f"{self._reserved[self._pending]}.link")  # some file systems know no links
                trial.hardlink_to(self._reserved[self._pending])
                trial.unlink()
        finally:
            self.release()
        # A pending key that can't be read must be reported now, before Cloudflare is asked for another.
        self.get()

    def put(self, secret: Secret) -> None:
        """Store a key as pending, in a new file that is linked there: refused while another key is pending."""
        with _telling(self._pending):
            made = self._temporary(self._pending, reveal(secret).encode())
            try:
                # Not a rename, which would replace a pending key that Cloudflare may have already.
                self._pending.hardlink_to(made)
            except FileExistsError:  # the same key is well: an earlier try may have stored it and failed afterwards
                if self.get() != secret:
                    raise SinkError(f"{self._pending} already holds another key") from None
            finally:
                made.unlink()
            self._sync()

    def get(self) -> Secret | None:
        """The pending key, or None."""
        return _psk(self._pending)

    def promote(self, secret: Secret, made_on: str = "") -> None:
        """Make the pending key the current one, and note the time, and when Cloudflare made the key if it did.

        Refused unless it is this key: another run may have put its own. Done if another run has made it current.
        """
        if self.get() != secret:
            if _psk(self._path) != secret:
                raise SinkError(f"{self._pending} no longer holds the key that was put there")
            return
        with _telling(self._pending):
            self._pending.replace(self._path)
            self._sync()
            made = {"made_on": made_on} if made_on else {}
            self._write_record({"tunnel": self._tunnel, "set_on": self._clock().isoformat(), **made})

    def note(self, before: str) -> None:
        """Note that Cloudflare is asked for a key, and when it made one before, until a key becomes the current one.

        What the key will need is set aside: Cloudflare gives it once, and a full disk must not lose it. An older note
        stays: a key made since then was never delivered, whatever comes of the next.
        """
        try:
            with _telling(self._record):
                self._write_record({"asked_after": before, **self._read_record(), "tunnel": self._tunnel})
                self._reserve()
        except SinkError:
            self.release()
            raise

    def release(self) -> None:
        """Give back what `note` set aside and nothing used."""
        for path in self._reserved.values():
            with suppress(OSError):  # a file too many does no harm
                path.unlink()
        self._reserved.clear()

    def state(self) -> SinkState:
        """What can be seen without reading a key or running anything; never fails."""
        current = _is_there(self._path)
        record = self._read_record()
        record = record if record.get("tunnel") == self._tunnel else {}  # after a tunnel was renamed, say
        times = record if current else {}  # the times of a key that somebody has removed say nothing
        return SinkState(
            current=current,
            pending=bool(_is_there(self._pending)),
            noted=record.get("asked_after"),
            set_on=times.get("set_on"),
            made_on=times.get("made_on"),
        )

    def _read_record(self) -> dict[str, str]:
        """The record's texts; none when it is missing or broken: then less is known, and no key is at stake."""
        try:
            record = json.loads(self._record.read_bytes())
        except (OSError, ValueError):
            return {}
        return {k: v for k, v in record.items() if isinstance(v, str)} if isinstance(record, dict) else {}

    def _write_record(self, record: Mapping[str, str]) -> None:
        self._temporary(self._record, json.dumps(record).encode()).replace(self._record)
        self._sync()

    def _reserve(self) -> None:
        """Have files of `ROOM` bytes on disk, which the next key and the next record will be written into."""
        for beside in (self._pending, self._record):
            self._reserved[beside] = self._temporary(beside, b" " * ROOM)

    def _temporary(self, beside: Path, data: bytes) -> Path:
        """A file of mode 0600 with this content, on disk: the reserved one if there is one, else a new one."""
        path = self._reserved.pop(beside, None)
        new = os.O_CREAT | os.O_EXCL if path is None else 0
        path = path or Path(f"{beside}.{secrets.token_hex(4)}.new")
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | new, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.truncate()  # after the data is written, so that it goes where space was reserved
                file.flush()
                os.fsync(descriptor)
        except OSError:
            path.unlink()
            raise
        return path

    def _sync(self) -> None:
        """Flush the folder: until then a rename or a link may be gone after a crash of the machine."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _telling(place: Path) -> Iterator[None]:
    """What the file system refuses is the sink's failure at this place."""
    try:
        yield
    except OSError as failed:
        raise SinkError(f"{place}: {failed.strerror}") from None


def _psk(path: Path) -> Secret | None:
    try:
        return Secret.from_bytes(read_private(str(path)))
    except FileNotFoundError:
        return None
    except OSError as failed:
        raise SinkError(f"{path} {failed.strerror}") from None
    except ValueError:
        raise SinkError(f"{path} holds no key: remove it if it is empty") from None


def _is_there(path: Path) -> bool | None:
    """Whether there is a file; None when that can't be told."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    return True


class CommandSink:
    """A command that is told the operation in RECONCILER_KEY_OP and the tunnel in RECONCILER_TUNNEL.

    `put` gets the key on standard input and stores it as pending; `get` prints the pending key, or nothing
    when there is none. The key is never an argument. Each run ends with status 0 or has failed, and may take
    30 seconds.
    """

    def __init__(self, reference: CommandRef, tunnel: str, env: Mapping[str, str]) -> None:
        self._command = reference
        self._env = {**env, "RECONCILER_TUNNEL": tunnel}

    def probe(self) -> None:
        """Run `probe`."""
        self._run("probe")

    def put(self, secret: Secret) -> None:
        """Run `put` with the key on standard input."""
        self._run("put", reveal(secret).encode())

    def get(self) -> Secret | None:
        """Run `get`; one line end after the key is not part of it."""
        data = strip_line_end(self._run("get"))
        try:
            return Secret.from_bytes(data) if data else None
        except ValueError:
            raise SinkError(
                f"the sink command {self._command.argv[0]} (get) printed something that is not UTF-8 text"
            ) from None

    def promote(self, secret: Secret, made_on: str = "") -> None:  # noqa: ARG002 - the store keeps keys only
        """Run `promote`, if `get` still gives the key."""
        if self.get() != secret:
            raise SinkError(
                f"the sink command {self._command.argv[0]!r} (get) no longer gives the key that was put there"
            )
        self._run("promote")

    def note(self, before: str) -> None:
        """Nothing: the store keeps keys only."""

    def release(self) -> None:
        """Nothing was set aside."""

    def state(self) -> SinkState:
        """Nothing is known."""
        return SinkState()

    def _run(self, op: str, send: bytes = b"") -> bytes:
        env = {**self._env, "RECONCILER_KEY_OP": op}
        try:
            return run(self._command, env, send=send)
        except CommandError as failed:
            raise SinkError(f"the sink command {self._command.argv[0]!r} ({op}) {failed}") from None


Sink: TypeAlias = FileSink | CommandSink
"""Keeps one tunnel's generated key: a current one, and a pending one while a rotation is under way. Every method but
`state` raises `SinkError`; a failed `put` or `promote` may have worked."""


def open_sinks(
    references: Mapping[str, tuple[Generated, Location]],
    env: Mapping[str, str],
    clock: Callable[[], datetime],
    *,
    allow_commands: bool,
    sandbox: str | None = None,
) -> tuple[dict[str, Sink], tuple[Diagnostic, ...]]:
    """The sinks by tunnel name, and errors for commands that may not run and files that two tunnels share.

    Nothing is read, written or run yet.

    Args:
        references: By tunnel name: the reference and where it is declared.
        env: What of the environment commands get.
        clock: Gives the time with its zone.
        allow_commands: Whether commands may run.
        sandbox: A folder whose files take all keys instead, with a warning. What a declared sink holds may be
            the only copy of a key that Cloudflare has: a sandbox must neither write to it nor run its command.
    """
    sinks: dict[str, Sink] = {}
    problems: list[Diagnostic] = []
    files: dict[str, str] = {}
    for name, (reference, location) in sorted(references.items(), key=lambda item: item[1][1]):
        match reference.deliver_to:
            case FileRef(path):
                other = files.setdefault(os.path.realpath(path), name)
                if other != name:
                    summary = f"the key of {name!r} goes to the same file as that of {other!r}"
                    problems.append(error("shared-sink", summary, "Give each tunnel its own file.", location))
                sinks[name] = FileSink(path, name, clock)
            case CommandRef(argv):
                if allow_commands:
                    sinks[name] = CommandSink(reference.deliver_to, name, env)
                else:
                    summary = f"the key is delivered by the command {argv[0]!r}, which may not run"
                    detail = f"Tunnel {name!r} needs it; nothing was written. {_ALLOW}"
                    problems.append(error("commands-not-allowed", summary, detail, location))
        if sandbox is not None:
            sinks[name] = FileSink(f"{sandbox}/{sha256(name.encode()).hexdigest()[:16]}", name, clock, make_folder=True)
    if sandbox is not None and references:
        summary = "in the sandbox generated keys are kept among its own and not delivered to their sinks"
        problems.append(warning("sandbox-key", summary, f"They stay beside the sandbox's state, in {sandbox}."))
    return sinks, tuple(problems)


def carry_out(
    step: SinkStep, sinks: Mapping[str, Sink], ring: dict[str, Secret], learn: Callable[[Secret], None]
) -> SinkOutcome:
    """Do one step of a rotation.

    Args:
        step: What to do.
        sinks: By tunnel name.
        ring: Gets the keys that are made or found, by tunnel name.
        learn: Told of each key before anything else happens with it, for the redactor.
    """
    sink, name = sinks[step.tunnel], step.tunnel

    def take(psk: Secret | None) -> bool:
        if psk is not None:
            learn(psk)
            ring[name] = psk
        return psk is not None

    try:
        match step.op:
            case SinkOp.PROBE:
                sink.probe()
            case SinkOp.NOTE:
                sink.note(step.before)
            case SinkOp.RELEASE:
                sink.release()
            case SinkOp.PENDING:
                return take(sink.get())
            case SinkOp.MAKE:
                take(Secret("".join(secrets.choice(_ALPHABET) for _ in range(PSK_LENGTH))))
            case SinkOp.PUT:
                take(step.secret)
                sink.put(ring[name])
            case SinkOp.CHECK:
                return sink.get() == ring[name]
            case SinkOp.PROMOTE:
                sink.promote(ring[name], step.made_on)
    except SinkError as failed:
        return Problem("sink-failed", str(failed))
    return True
