"""Turns references into keys, all of them before the first write, and names every one that is missing.

A run that finds in its middle that a key is missing leaves half of its tunnels made. And who sets up ten keys wants to
hear of all ten at once:

    psk: {env: LON_A_KEY}            the environment
    psk: {file: keys/lon-a}          a file that only its owner may read
    psk: {command: [pass, lon-a]}    what a program prints, where `--allow-commands` allows it

An MD5 key can be listed, so a plan compares it where it can be read, and where it can't leaves it as it is.
"""

import os
import stat
from collections.abc import Mapping

from reconciler.model.canonical import Reference
from reconciler.model.checks import MD5_RULE, is_md5_key
from reconciler.model.desired import CommandRef, Declared, Desired, EnvRef, FileRef, PskRef
from reconciler.model.problems import Diagnostic, Location, Problem, error, warning
from reconciler.secrets.program import MAX_BYTES, CommandError, run
from reconciler.secrets.redact import MIN_LENGTH, can_hide
from reconciler.secrets.secret import NotTextError, Secret, reveal


def resolve(
    references: Mapping[str, tuple[PskRef, Location]],
    env: Mapping[str, str],
    command_env: Mapping[str, str],
    *,
    allow_commands: bool,
) -> tuple[dict[str, Secret], tuple[Diagnostic, ...]]:
    """The keys that environment, files and commands hold; other references are left out.

    Args:
        references: By tunnel name: the reference and where it is declared.
        env: The process's environment.
        command_env: What of it commands get.
        allow_commands: Whether `{command: …}` may run.

    Returns:
        The keys that were found, by tunnel name; an error per tunnel whose key was not, and a warning per key that the
        redactor can't find. A reference that several tunnels share is read once.
    """
    psks: dict[str, Secret] = {}
    problems: list[Diagnostic] = []
    read: dict[PskRef, Secret | Problem] = {}
    for name, (reference, location) in references.items():
        if not isinstance(reference, EnvRef | FileRef | CommandRef):
            continue
        if reference not in read:
            read[reference] = _secret(reference, env, command_env if allow_commands else None)
        found = read[reference]
        if isinstance(found, Problem):
            problems.append(needed(name, found, location))
            continue
        psks[name] = found
        if not can_hide(found):
            problems.append(warning("short-key", f"the key of {name!r} can't be hidden in outputs", _SHORT, location))
    return psks, tuple(problems)


def needed(name: str, problem: Problem, location: Location) -> Diagnostic:
    """The error of a key that a tunnel needs and that could not be read."""
    detail = f"Tunnel {name!r} needs it; nothing was written. {problem.remedy}"
    return error(problem.code, problem.message, detail, location)


def with_md5_keys(desired: Desired, env: Mapping[str, str]) -> Desired:
    """The account with MD5 keys in place of their references, as far as they can be read, and why others can't be.

    A reference that several tunnels share is read once.
    """
    read: dict[Reference, str | Problem] = {}
    tunnels: dict[str, Declared] = {}
    for name, tunnel in desired.tunnels.items():
        for reference in tunnel.references.values():
            if reference not in read:
                read[reference] = _md5_key(reference, env)
        known = {path: found for path, where in tunnel.references.items() if isinstance(found := read[where], str)}
        tunnels[name] = tunnel._replace(settings={**tunnel.settings, **known}) if known else tunnel
    unread = {reference: why for reference, why in read.items() if isinstance(why, Problem)}
    return desired._replace(tunnels=tunnels, unread=unread)


def _md5_key(reference: EnvRef | FileRef, env: Mapping[str, str]) -> str | Problem:
    found = _secret(reference, env)
    if isinstance(found, Problem):
        return found
    md5_key = reveal(found)  # from here on it is a setting like those that a list holds in clear
    if is_md5_key(md5_key):
        return md5_key
    return Problem("bad-md5-key", f"{_place(reference)} holds no MD5 key that Cloudflare takes", MD5_RULE)


# No error, since keys are opaque: what was written must arrive. (API: no least length is documented.)
_SHORT = (
    f"It is blank or has fewer than {MIN_LENGTH} characters, which turn up in any text by chance, and it is easily "
    "guessed. It is sent as it is; use a longer one."
)


def _secret(
    reference: EnvRef | FileRef | CommandRef, env: Mapping[str, str], command_env: Mapping[str, str] | None = None
) -> Secret | Problem:
    """The key behind a reference; a command runs only where there is an environment for it."""
    what = _place(reference)
    try:
        if isinstance(reference, EnvRef):
            # The operating system hands over bytes; what of them is not UTF-8 stands in the text as surrogates.
            data = env[reference.name].encode("utf-8", "surrogateescape")
        elif isinstance(reference, FileRef):
            data = strip_line_end(read_private(reference.path))
        elif command_env is not None:
            data = strip_line_end(run(reference, command_env))
        else:
            message = f"the key comes from the command {reference.argv[0]!r}, which may not run"
            remedy = "Add --allow-commands if you trust the files, or use an env or file reference."
            return Problem("commands-not-allowed", message, remedy)
        if not data:
            return Problem("missing-key", f"{what} is empty", "A key has at least one character.")
        return Secret.from_bytes(data)
    except KeyError:
        return Problem("missing-key", f"{what} is not set", "Set it to the key.")
    except FileNotFoundError:
        return Problem("missing-key", f"{what} does not exist", "Create it with mode 0600.")
    except PermissionError as denied:
        return Problem("key-file-mode", f"{what} {denied.strerror}", f"Run: chmod 600 {denied.filename}")
    except CommandError as failed:
        remedy = "Its error output is not shown, because it may hold the key: run it by hand to see why."
        return Problem("missing-key", f"{what} {failed}", remedy)
    except NotTextError:
        remedy = "JSON can carry only text: encode the key (base64)."
        return Problem("key-not-text", f"{what} is not UTF-8 text", remedy)
    except (OSError, ValueError) as failed:
        why = (isinstance(failed, OSError) and failed.strerror) or "can't be read"
        return Problem("unreadable-key", f"{what} {why}", "Use a regular file.")


def _place(reference: EnvRef | FileRef | CommandRef) -> str:
    match reference:
        case EnvRef(name):
            return f"the environment variable {name}"
        case FileRef(path):
            return f"the key file {path}"
        case CommandRef(argv):
            return f"the key command {argv[0]!r}"


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
            why = f"can be read or changed by others (mode {status.st_mode & 0o777:04o})"
            raise PermissionError(0, why, path)
        data = file.read(MAX_BYTES + 3)
    # Two more bytes are for the line end.
    if len(data) > MAX_BYTES + 2:
        raise OSError(0, f"is larger than {MAX_BYTES} bytes")
    return data


def strip_line_end(data: bytes) -> bytes:
    r"""The bytes without one `\n` or `\r\n` at their end, which editors and `echo` add."""
    return data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data
