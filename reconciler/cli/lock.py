"""One run at a time writes to an account, or to a sandbox file, on this machine.

The API has no preconditions: two applies that list at the same moment can both create a tunnel, and both deliver a key.
So a run holds a lock from before the list that it starts from until its keys are delivered. Runs of other machines and
of other users can't see it.

The lock is a file that the kernel locks, so that it is free again however its holder ends. The file itself stays, and
names its last holder for those who wait.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from reconciler.cli.context import Context, halt
from reconciler.model.desired import Account
from reconciler.model.problems import warning

_POLL = 0.1


def lock_accounts(ctx: Context, accounts: Iterable[Account]) -> ExitStack:
    """Locks accounts until the stack that is returned is left; in the sandbox the lock of its file is enough.

    Where no lock can be made, the run goes on without one and warns.

    Raises:
        Halt: Another run still holds one at the deadline, or this run is stopped meanwhile.
    """
    # As the XDG base directories are commonly found: a relative one does not count.
    named = Path(ctx.env.get("XDG_STATE_HOME", ""))
    with ExitStack() as stack:
        # Everybody takes them in the same order, so that no two runs wait for each other.
        for account in sorted(accounts, key=lambda a: a.account_id) if not ctx.sandbox else ():
            try:
                server = hashlib.sha256(ctx.base.encode()).hexdigest()[:12]  # a URL is no file name
                folder = (named if named.is_absolute() else Path.home() / ".local/state") / "reconciler"
                path = folder / f"{account.account_id}-{server}.lock"
                stack.enter_context(lock(ctx, path, f"of account {account.name}"))
            except (OSError, RuntimeError) as wrong:
                summary = "another apply on this machine is not kept waiting while this one writes"
                detail = f"No lock can be made: {wrong}. Set XDG_STATE_HOME to a folder that can be written."
                ctx.diagnostics += (warning("no-lock", summary, detail),)
                break
        return stack.pop_all()


def lock(ctx: Context, path: Path, of: str) -> AbstractContextManager[object]:
    """Locks a file until what is returned is left. Whoever has it is waited for, and named on standard error.

    Args:
        ctx: Surroundings; the wait obeys the run's deadline and the first signal.
        path: The lock; missing folders are made.
        of: What it is the lock of, as in "another apply of account prod".

    Raises:
        Halt: Another run still holds it at the deadline, or this run is stopped meanwhile.
        OSError: It can't be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = FileLock(path, mode=0o600, on_acquired=partial(_sign, ctx.options.command))
    with suppress(Timeout):
        return found.acquire(blocking=False)
    if not ctx.options.quiet:
        ctx.output.stderr.write(f"Waiting for {_holder(path, of)}.\n")
    ctx.output.stderr.flush()
    try:
        return found.acquire(timeout=max(0.0, ctx.left()), poll_interval=_POLL, cancel_check=ctx.stop.is_set)
    except Timeout:
        holder = _holder(path, of)
    if ctx.stop.is_set():
        raise halt("interrupted", "interrupted", f"stopped while waiting for {holder}", "Nothing was done.")
    remedy = "Nothing was done. Run it again when the other one has ended, or wait longer with --timeout SECONDS."
    raise halt("error", "locked", f"{holder}, is still running", remedy)


def _sign(command: str, descriptor: int) -> None:
    """Name the holder. A full disk keeps the name away, not the lock."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{command} {os.getpid()}\n".encode(), 0)


def _holder(path: Path, of: str) -> str:
    """Who holds the lock: it may have no name yet, or not have it any more."""
    text = ""
    with suppress(OSError, ValueError):
        text = path.read_text(encoding="ascii")
    named = re.fullmatch(r"([a-z]{1,20}) (\d{1,10})\n", text, re.ASCII)
    return f"another {named[1]} {of}, process {named[2]}" if named else f"another run {of}"
