"""Where generated keys are delivered: a file, or a command that knows a secret store.

A rotation (`rotate`) is pure: it says what a sink shall do, one step after the other. Here the steps are done.
"""

import json
import os
import secrets
import string
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from reconciler.model.desired import CommandRef, FileRef, Generated
from reconciler.model.problems import Diagnostic, Location, Problem, error, warning
from reconciler.model.psk import Held
from reconciler.secrets.program import CommandError, Program, run
from reconciler.secrets.resolve import KeyRing, read_private, strip_line_end
from reconciler.secrets.rotate import SinkDone, SinkFailed, SinkOp, SinkOutcome, SinkStep
from reconciler.secrets.secret import Secret, reveal

KEY_LENGTH = 40
"""Letters and digits of a key made here: 238 bits. (API: keys that Cloudflare makes have 32 of them.)"""

_ALLOW = "Add --allow-commands if you trust the files."
_ALPHABET = string.ascii_letters + string.digits
ROOM = 4096
"""Bytes that are tried, or set aside, for a key and as many for a record: more than either needs. (API: keys that
Cloudflare makes have 32 characters.)"""


class SinkError(Exception):
    """A sink did not do what it should. Its text never holds any of the key."""


class Sink(Protocol):
    """Keeps one tunnel's generated key: a current one, and a pending one while a rotation is under way.

    Every method raises `SinkError`; a failed `put` or `promote` may have worked.
    """

    def probe(self, tunnel: str) -> None:
        """See whether a key could be stored and given back."""

    def put(self, tunnel: str, secret: Secret) -> None:
        """Store as pending, durably. Refused while another key is pending."""

    def get(self, tunnel: str) -> Secret | None:
        """The pending key, or None."""

    def promote(self, tunnel: str, secret: Secret, made_on: str = "") -> None:
        """Make the pending key the current one; refused unless it is this one: another run may have put its own.

        Notes, if it can, when that was, and when Cloudflare made the key if it did.
        """

    def note(self, tunnel: str, before: str) -> None:
        """Note, durably if it can, that Cloudflare is asked for a key, and when it made one before.

        Sets aside, if it can, what the key will need: Cloudflare gives it once, and a full disk must not lose it.
        """

    def release(self, tunnel: str) -> None:
        """Give back what `note` set aside and nothing used."""

    def held(self, tunnel: str) -> Held:
        """What can be seen without reading a key or running anything; never fails."""


class FileSink:
    """The key in a file of mode 0600, without a line end; `.pending` beside it, and a record in `.json`.

    Args:
        path: The key's file. Its folder must exist.
        clock: Gives the time with its zone, for the record.
    """

    def __init__(self, path: str, clock: Callable[[], datetime]) -> None:
        self._path = Path(path)
        self._pending = Path(f"{path}.pending")
        self._record = Path(f"{path}.json")
        self._clock = clock
        self._reserved: dict[Path, Path] = {}

    def probe(self, tunnel: str) -> None:
        """Do with trial files what a key will need, and look at what is there.

        They are as long as a key and its record, since a full disk takes an empty file.
        """
        if not self._path.parent.is_dir():
            raise SinkError(f"the folder {self._path.parent} does not exist: create it with mode 0700")
        owner = self._read_record().get("tunnel", tunnel)
        if owner != tunnel:
            raise SinkError(f"{self._path} holds the key of {owner!r}: give each tunnel its own file")
        for path in (self._path, self._record):
            if path.is_dir():
                raise SinkError(f"{path} is a folder")
        try:
            self._reserve()
            trial = Path(f"{self._reserved[self._pending]}.link")
            trial.hardlink_to(self._reserved[self._pending])
            trial.unlink()
        except OSError as failed:
            raise SinkError(f"{self._path.parent}: {failed.strerror}") from None
        finally:
            self.release(tunnel)
        self.get(tunnel)

    def put(self, tunnel: str, secret: Secret) -> None:
        """Write a new file and link it as pending, which fails when there is one already."""
        try:
            made = self._temporary(self._pending, _bytes(secret))
            try:
                self._pending.hardlink_to(made)
            finally:
                made.unlink()
            self._sync()
        except FileExistsError:
            if self.get(tunnel) != secret:
                raise SinkError(f"{self._pending} already holds another key") from None
        except OSError as failed:
            raise SinkError(f"{self._pending}: {failed.strerror}") from None

    def get(self, tunnel: str) -> Secret | None:  # noqa: ARG002 - one file, one tunnel
        """The bytes of the pending file."""
        return self._key(self._pending)

    def _key(self, path: Path) -> Secret | None:
        try:
            return Secret.from_bytes(read_private(str(path)))
        except FileNotFoundError:
            return None
        except OSError as failed:
            raise SinkError(f"{path} {failed.strerror}") from None
        except ValueError:
            raise SinkError(f"{path} holds no key: remove it if it is empty") from None

    def promote(self, tunnel: str, secret: Secret, made_on: str = "") -> None:
        """Rename the pending file over the current one and note the time; done if another run has made it current."""
        if self.get(tunnel) != secret:
            if self._key(self._path) != secret:
                raise SinkError(f"{self._pending} holds the key no more that was put there: another run was here")
            return
        try:
            self._pending.replace(self._path)
            self._sync()
            made = {"made_on": made_on} if made_on else {}
            self._write_record({"tunnel": tunnel, "set_on": self._clock().isoformat(), **made})
        except OSError as failed:
            raise SinkError(f"{self._pending}: {failed.strerror}") from None

    def note(self, tunnel: str, before: str) -> None:
        """Put it into the record, which the promotion writes anew without it, and reserve the space of both files.

        An older note stays: a key made since then was never delivered, whatever comes of the next.
        """
        try:
            self._write_record({"asked_after": before, **self._read_record(), "tunnel": tunnel})
            self._reserve()
        except OSError as failed:
            self.release(tunnel)
            raise SinkError(f"{self._record}: {failed.strerror}") from None

    def release(self, tunnel: str) -> None:  # noqa: ARG002 - one file, one tunnel
        """Remove the reserved files that became neither key nor record."""
        for path in self._reserved.values():
            with suppress(OSError):  # a file too many does no harm
                path.unlink()
        self._reserved.clear()

    def held(self, tunnel: str) -> Held:
        """Which files are there, and what stands in the record."""
        current = _is_there(self._path)
        record = self._read_record()
        record = record if record.get("tunnel") == tunnel else {}
        times = record if current else {}
        return Held(
            current=current,
            pending=bool(_is_there(self._pending)),
            noted=record.get("asked_after"),
            set_on=times.get("set_on"),
            made_on=times.get("made_on"),
        )

    def _read_record(self) -> dict[str, str]:
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
        """A rename is only durable once its folder is."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class SandboxSink(FileSink):
    """Stands in for any sink when nothing outside the sandbox may change: a file in a folder of the sandbox's own."""

    def probe(self, tunnel: str) -> None:
        """As a file's, once the folder is there."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as failed:
            raise SinkError(f"{self._path.parent}: {failed.strerror}") from None
        super().probe(tunnel)


class CommandSink:
    """A command that is told the operation in RECONCILER_KEY_OP and the tunnel in RECONCILER_TUNNEL.

    `put` gets the key on standard input and stores it as pending; `get` prints the pending key, or nothing
    when there is none. The key is never an argument. Each run ends with status 0 or has failed, and may take
    30 seconds.
    """

    def __init__(self, ref: CommandRef, env: Mapping[str, str]) -> None:
        self._ref = ref
        self._env = env

    def probe(self, tunnel: str) -> None:
        """Run `probe`."""
        self._run("probe", tunnel)

    def put(self, tunnel: str, secret: Secret) -> None:
        """Run `put` with the key on standard input."""
        self._run("put", tunnel, _bytes(secret))

    def get(self, tunnel: str) -> Secret | None:
        """Run `get`; one line end after the key is not part of it."""
        data = strip_line_end(self._run("get", tunnel))
        try:
            return Secret.from_bytes(data) if data else None
        except ValueError:
            raise SinkError(f"{self._ref.argv[0]} get printed something that is not UTF-8 text") from None

    def promote(self, tunnel: str, secret: Secret, made_on: str = "") -> None:  # noqa: ARG002 - the store keeps keys only
        """Run `promote`, if `get` still gives the key."""
        if self.get(tunnel) != secret:
            raise SinkError(f"the sink command {self._ref.argv[0]!r} (get) gives the key no more that was put there")
        self._run("promote", tunnel)

    def note(self, tunnel: str, before: str) -> None:
        """Nothing: the store keeps keys only."""

    def release(self, tunnel: str) -> None:
        """Nothing was set aside."""

    def held(self, tunnel: str) -> Held:  # noqa: ARG002 - only the command could tell
        """Nothing is known."""
        return Held()

    def _run(self, op: str, tunnel: str, send: bytes = b"") -> bytes:
        env = {**self._env, "RECONCILER_KEY_OP": op, "RECONCILER_TUNNEL": tunnel}
        try:
            return run(Program(self._ref.argv, self._ref.folder, env), send=send)
        except CommandError as failed:
            raise SinkError(f"the sink command {self._ref.argv[0]!r} ({op}) {failed}") from None


def _is_there(path: Path) -> bool | None:
    """Whether there is a file; None when that can't be told."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    return True


def _bytes(secret: Secret) -> bytes:
    return reveal(secret).encode()


def new_key() -> Secret:
    """A random key of letters and digits, which every device and shell takes."""
    return Secret("".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH)))


def open_sinks(
    refs: Mapping[str, tuple[Generated, Location]],
    env: Mapping[str, str],
    clock: Callable[[], datetime],
    *,
    allow_commands: bool,
) -> tuple[dict[str, Sink], tuple[Diagnostic, ...]]:
    """The sinks by tunnel name, and errors for commands that may not run and files that two tunnels share.

    Nothing is read, written or run yet.
    """
    sinks: dict[str, Sink] = {}
    problems: list[Diagnostic] = []
    files: dict[str, str] = {}
    for name, (ref, location) in sorted(refs.items()):
        match ref.deliver_to:
            case FileRef(path):
                other = files.setdefault(os.path.realpath(path), name)
                if other != name:
                    summary = f"the key of {name!r} goes to the same file as that of {other!r}"
                    problems.append(error("shared-sink", summary, "Give each tunnel its own file.", location))
                sinks[name] = FileSink(path, clock)
            case CommandRef() if allow_commands:
                sinks[name] = CommandSink(ref.deliver_to, env)
            case CommandRef(argv):
                summary = f"the key is delivered by the command {argv[0]!r}, which may not run"
                detail = f"Tunnel {name!r} needs it; nothing was written. {_ALLOW}"
                problems.append(error("commands-not-allowed", summary, detail, location))
    return sinks, tuple(problems)


def sandbox_sinks(
    refs: Mapping[str, tuple[Generated, Location]], folder: str, clock: Callable[[], datetime]
) -> tuple[dict[str, Sink], tuple[Diagnostic, ...]]:
    """Sinks in a folder of the sandbox instead of the declared ones, and a warning for each that says so.

    What a sink of the files holds may be the only copy of a key that Cloudflare has: the sandbox must neither write
    to it nor run its command.
    """
    sinks: dict[str, Sink] = {}
    problems = []
    for name, (ref, location) in sorted(refs.items()):
        path = os.path.join(folder, sha256(name.encode()).hexdigest()[:16])  # noqa: PTH118 - text, as in references
        sinks[name] = SandboxSink(path, clock)
        summary = f"sandbox: the key of {name!r} is not delivered to {_place(ref)}"
        problems.append(warning("sandbox-key", summary, f"It stays beside the sandbox's state, in {path}.", location))
    return sinks, tuple(problems)


def _place(ref: Generated) -> str:
    match ref.deliver_to:
        case FileRef(path):
            return path
        case CommandRef(argv):
            return f"the command {argv[0]!r}"


def carry_out(step: SinkStep, sinks: Mapping[str, Sink], ring: KeyRing, learn: Callable[[Secret], None]) -> SinkOutcome:
    """Do one step of a rotation.

    Args:
        step: What to do.
        sinks: By tunnel name.
        ring: Gets the keys that are made or found, by tunnel name.
        learn: Told of each key before anything else happens with it, for the redactor.
    """
    sink, name = sinks[step.tunnel], step.tunnel
    try:
        match step.op:
            case SinkOp.PROBE | SinkOp.NOTE | SinkOp.RELEASE:
                _prepare(sink, step)
            case SinkOp.PENDING:
                found = sink.get(name)
                return SinkDone(yes=_take(found, name, ring, learn))
            case SinkOp.MAKE:
                _take(new_key(), name, ring, learn)
            case SinkOp.PUT:
                _take(step.secret, name, ring, learn)
                sink.put(name, ring.secret(name))
            case SinkOp.CHECK:
                return SinkDone(yes=sink.get(name) == ring.secret(name))
            case SinkOp.PROMOTE:
                sink.promote(name, ring.secret(name), step.made_on)
    except SinkError as failed:
        return SinkFailed(Problem("sink-failed", str(failed)))
    return SinkDone()


def _prepare(sink: Sink, step: SinkStep) -> None:
    match step.op:
        case SinkOp.PROBE:
            sink.probe(step.tunnel)
        case SinkOp.NOTE:
            sink.note(step.tunnel, step.before)
        case _:
            sink.release(step.tunnel)


def _take(secret: Secret | None, name: str, ring: KeyRing, learn: Callable[[Secret], None]) -> bool:
    if secret is None:
        return False
    learn(secret)
    ring.add(name, secret)
    return True
