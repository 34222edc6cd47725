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
from reconciler.model.psk import SinkState
from reconciler.secrets.file_sink import FileSink
from reconciler.secrets.program import CommandError, run
from reconciler.secrets.resolve import strip_line_end
from reconciler.secrets.secret import Secret, reveal
from reconciler.secrets.steps import Sink, SinkError, SinkOp, SinkOutcome, SinkStep

PSK_LENGTH = 40
"""Letters and digits of a key made here: 238 bits. (API: keys that Cloudflare makes have 32 of them.)"""

_ALLOW = "Add --allow-commands if you trust the files."
_ALPHABET = string.ascii_letters + string.digits  # which every device and shell takes


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
