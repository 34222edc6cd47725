"""Where generated keys are delivered: which sink a reference means, and each step of a protocol done with it.

A key goes into a file (`file_sink`), or to a command that knows a secret store and is here:

    psk: {generate: true, deliver_to: {file: /keys/lon-a}}
    psk: {generate: true, deliver_to: {command: [./to-vault, lon-a]}}

The command runs only with `--allow-commands`. In a sandbox neither is touched: a file of the sandbox's own takes the
key.
"""

import os
import secrets
import string
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256

from reconciler.model.desired import CommandRef, FileRef, Generated
from reconciler.model.problems import Diagnostic, Location, Problem, error, warning
from reconciler.model.psk import Held
from reconciler.secrets.file_sink import FileSink, SandboxSink
from reconciler.secrets.program import CommandError, Program, run
from reconciler.secrets.resolve import KeyRing, strip_line_end
from reconciler.secrets.secret import Secret, reveal
from reconciler.secrets.steps import Sink, SinkDone, SinkError, SinkFailed, SinkOp, SinkOutcome, SinkStep

KEY_LENGTH = 40
"""Letters and digits of a key made here: 238 bits. (API: keys that Cloudflare makes have 32 of them.)"""

_ALLOW = "Add --allow-commands if you trust the files."
_ALPHABET = string.ascii_letters + string.digits


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
        self._run("put", tunnel, reveal(secret).encode())

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
            raise SinkError(f"the sink command {self._ref.argv[0]!r} (get) no longer gives the key that was put there")
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
    for name, (ref, location) in sorted(refs.items(), key=lambda item: item[1][1]):
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
    for name, (ref, location) in sorted(refs.items(), key=lambda item: item[1][1]):
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
            case SinkOp.PROBE:
                sink.probe(name)
            case SinkOp.NOTE:
                sink.note(name, step.before)
            case SinkOp.RELEASE:
                sink.release(name)
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


def _take(secret: Secret | None, name: str, ring: KeyRing, learn: Callable[[Secret], None]) -> bool:
    if secret is None:
        return False
    learn(secret)
    ring.add(name, secret)
    return True
