"""Turns references into keys, all of them before the first write, and names every one that is missing.

A run that finds in its middle that a key is missing leaves half of its tunnels made. And who sets up ten keys wants to
hear of all ten at once:

    psk: {env: LON_A_KEY}            the environment
    psk: {file: keys/lon-a}          a file that only its owner may read
    psk: {command: [pass, lon-a]}    what a program prints, where `--allow-commands` allows it
"""

import os
import re
import stat
from collections.abc import Collection, Mapping
from typing import final

from reconciler.model.desired import TOKEN_ENV, CommandRef, Desired, EnvRef, FileRef, PskRef
from reconciler.model.problems import Diagnostic, Location, error, warning
from reconciler.secrets.program import MAX_BYTES, CommandError, Program, run
from reconciler.secrets.redact import MIN_LENGTH, can_hide
from reconciler.secrets.secret import NotTextError, Secret, reveal


@final
class KeyRing:
    """The keys of a run by tunnel name. Calls name keys; only what builds a request's body reveals them."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, Secret] | None = None) -> None:
        self._keys: dict[str, Secret] = dict(keys or {})

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._keys)}>"

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def add(self, name: str, secret: Secret) -> None:
        """Put a key in, in place of the one with the same name."""
        self._keys[name] = secret

    def names(self) -> tuple[str, ...]:
        """The names, sorted."""
        return tuple(sorted(self._keys))

    def secret(self, name: str) -> Secret:
        """One key, still closed.

        Raises:
            KeyError: There is none with this name.
        """
        return self._keys[name]

    def reveal(self, name: str) -> str:
        """One key's text, for the JSON body of a request.

        Raises:
            KeyError: There is none with this name.
        """
        return reveal(self._keys[name])


class _MissingError(Exception):
    """Why a reference gives no key: code, what, and what to do. Never holds any of the key."""

    def __init__(self, code: str, summary: str, remedy: str) -> None:
        super().__init__(code, summary, remedy)
        self.code, self.summary, self.remedy = code, summary, remedy


_CLOUDFLARE = re.compile(r"(?:^|_)(?:CLOUDFLARE|CF)_.*(?:TOKEN|KEY|EMAIL|SECRET)", re.IGNORECASE)
"""Names under which Cloudflare's own and other tools look for credentials."""


def child_environment(env: Mapping[str, str], every: Collection[Desired]) -> dict[str, str]:
    """What programs that this one runs get of the environment: all but Cloudflare's credentials and the tunnels' keys.

    A command that serves one tunnel has no business with the token of the account and the keys of others, and git has
    none with any. They need more than can be listed, though: search path, home, proxies, and what a secret store wants.

    Args:
        env: The process's environment.
        every: All accounts, also those that this run is not about: the variables that they name for a token or a key
            are left out, and copies of a token under any other name.
    """
    variables = {TOKEN_ENV, *(desired.account.token_env for desired in every)}
    tokens = {env.get(name, "").strip() for name in variables} - {""}
    keys = {t.psk.name for desired in every for t in desired.tunnels.values() if isinstance(t.psk, EnvRef)}
    return {
        name: value
        for name, value in env.items()
        if name not in variables | keys and not _CLOUDFLARE.search(name) and value.strip() not in tokens
    }


def resolve(
    refs: Mapping[str, tuple[PskRef, Location]],
    env: Mapping[str, str],
    command_env: Mapping[str, str],
    *,
    allow_commands: bool,
) -> tuple[KeyRing, tuple[Diagnostic, ...]]:
    """The keys that environment, files and commands hold; other references are left out.

    Args:
        refs: By tunnel name: the reference and where it is declared.
        env: The process's environment.
        command_env: What of it commands get.
        allow_commands: Whether `{command: …}` may run.

    Returns:
        The keys that were found, an error per tunnel whose key was not, and a warning per key that the redactor can't
        find. A reference that several tunnels share is read once.
    """
    ring = KeyRing()
    problems: list[Diagnostic] = []
    read: dict[PskRef, Secret | _MissingError] = {}
    for name, (ref, location) in sorted(refs.items(), key=lambda item: item[1][1]):
        if not isinstance(ref, (EnvRef, FileRef, CommandRef)):
            continue
        if ref not in read:
            read[ref] = _read(ref, env, command_env, allow_commands=allow_commands)
        found = read[ref]
        if isinstance(found, Secret):
            ring.add(name, found)
            if not can_hide(found):
                problems.append(
                    warning("short-key", f"the key of {name!r} can't be hidden in outputs", _SHORT, location)
                )
        else:
            detail = f"Tunnel {name!r} needs it; nothing was written. {found.remedy}"
            problems.append(error(found.code, found.summary, detail, location))
    return ring, tuple(problems)


_SHORT = (
    f"It is blank or has fewer than {MIN_LENGTH} characters, which turn up in any text by chance, and it is easily "
    "guessed. It is sent as it is; use a longer one."
)
"""No error, since keys are opaque: what was written must arrive. (API: no least length is documented.)"""


def _read(
    ref: EnvRef | FileRef | CommandRef, env: Mapping[str, str], command_env: Mapping[str, str], *, allow_commands: bool
) -> Secret | _MissingError:
    try:
        match ref:
            case EnvRef():
                return _from_env(ref, env)
            case FileRef():
                return _from_file(ref)
            case CommandRef() if allow_commands:
                return _from_command(ref, command_env)
            case CommandRef():
                return _MissingError(
                    "commands-not-allowed",
                    f"the key comes from the command {ref.argv[0]!r}, which may not run",
                    "Add --allow-commands if you trust the files, or use an env or file reference.",
                )
    except _MissingError as missing:
        return missing


def _from_env(ref: EnvRef, env: Mapping[str, str]) -> Secret:
    # The operating system hands over bytes; what is not UTF-8 stands in the text as surrogates, which Secret refuses.
    value = env.get(ref.name, "")
    what = f"the environment variable {ref.name} "
    if not value:
        state = "is empty" if ref.name in env else "is not set"
        raise _MissingError("missing-key", what + state, f"Set {ref.name} to the key.")
    return _secret(value.encode("utf-8", "surrogateescape"), what)


def _from_file(ref: FileRef) -> Secret:
    what = f"the key file {ref.path} "
    try:
        data = read_private(ref.path)
    except FileNotFoundError:
        raise _MissingError("missing-key", what + "does not exist", "Create it with mode 0600.") from None
    except PermissionError as denied:
        raise _MissingError("key-file-mode", what + _why(denied), f"Run: chmod 600 {ref.path}") from None
    except (OSError, ValueError) as failed:
        raise _MissingError("unreadable-key", what + _why(failed), "Use a regular file.") from None
    return _secret(strip_line_end(data), what)


def _why(failed: Exception) -> str:
    return failed.strerror or "can't be read" if isinstance(failed, OSError) else "can't be read"


def read_private(path: str) -> bytes:
    """The bytes of a regular file that only its owner may read. Of a symbolic link the target is judged.

    Raises:
        PermissionError: Group or others have access, or this process has none.
        OSError: It is missing, no regular file, or over `MAX_BYTES`; `strerror` says what it is.
        ValueError: The path holds a NUL.
    """
    # Without O_NONBLOCK a FIFO would block; what was opened is judged, so that nothing can be exchanged in between.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "is not a regular file")
        if status.st_mode & 0o077:
            raise PermissionError(0, f"can be read or changed by others (mode {status.st_mode & 0o777:04o})")
        data = file.read(MAX_BYTES + 3)
    # Two more bytes are for the line end.
    if len(data) > MAX_BYTES + 2:
        raise OSError(0, f"is larger than {MAX_BYTES} bytes")
    return data


def _from_command(ref: CommandRef, env: Mapping[str, str]) -> Secret:
    what = f"the key command {ref.argv[0]!r} "
    try:
        data = run(Program(ref.argv, ref.folder, env))
    except CommandError as failed:
        raise _MissingError(
            "missing-key",
            f"{what}{failed}",
            "Its error output is not shown, because it may hold the key: run it by hand to see why.",
        ) from None
    return _secret(strip_line_end(data), what)


def strip_line_end(data: bytes) -> bytes:
    r"""The bytes without one `\n` or `\r\n` at their end, which editors and `echo` add."""
    return data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data


def _secret(data: bytes, what: str) -> Secret:
    if not data:
        raise _MissingError("missing-key", what + "is empty", "A key has at least one character.")
    try:
        return Secret.from_bytes(data)
    except NotTextError:
        raise _MissingError(
            "key-not-text", what + "is not UTF-8 text", "JSON can carry only text: encode the key (base64)."
        ) from None
