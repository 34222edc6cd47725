"""What is known of a generated key without seeing it.

No call tells which key a tunnel has. There are only traces: what the key's sink shows of itself, and the time at which
Cloudflare last made a key (API: `psk_metadata.last_generated_on`; it need not move when a key is set). They are enough
to see that an earlier run stopped half-way, and never enough to prove that all is well.
"""

from dataclasses import dataclass
from datetime import timedelta
from shlex import quote
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, StrictBool, StrictInt

from reconciler.model.desired import CommandRef, Declared, EnvRef, External, FileRef, Generated, PskRef
from reconciler.model.live import LiveTunnel, instant
from reconciler.model.problems import Problem
from reconciler.model.verdict import Result

NO_PSK = "no-key"
"""Code of a tunnel that Cloudflare never made a key for and whose sink holds none: apply has it made."""

_SKEW = timedelta(minutes=5)
"""How far the clock of the sink's record and Cloudflare's may differ."""

_ROUNDING = timedelta(milliseconds=1)
"""How far two spellings of one time may differ. (API: an answer has nanoseconds, a later list rounds them.)"""


class SinkState(NamedTuple):
    """What a sink shows of itself without giving a key away. A command shows nothing.

    Attributes:
        current: Whether it holds a current key; None when it can't tell.
        pending: Whether it holds a key of a run that is under way or was interrupted.
        noted: When Cloudflare had last made a key as it was asked for another one that never became current; None
            without such a note.
        set_on: When the current key became current, in the words of the sink's record.
        made_on: When Cloudflare made the current key, in its words; None for a key of another origin.
    """

    current: bool | None = None
    pending: bool = False
    noted: str | None = None
    set_on: str | None = None
    made_on: str | None = None


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What is known of one tunnel's pre-shared key; never the key."""

    name: Annotated[str, Field(description="The tunnel's name")]
    reference: Annotated[str | None, Field(description="Where its pre-shared key comes from; never the key")]
    age_days: Annotated[StrictInt | None, Field(description="Age in days; null when unknown")]
    overdue: Annotated[StrictBool, Field(description="True when it is older than `rotate_after`")]
    rotate_after_days: Annotated[StrictInt | None, Field(description="`rotate_after` in days")]
    source: Annotated[
        Literal["sink", "cloudflare"] | None,
        Field(description="What the age was read from; null where this run set the key"),
    ]
    outcome: Annotated[
        Result | None,
        Field(description="How it ended; `unknown` also where the key in force may not be the sink's"),
    ] = None
    error: Annotated[Problem | None, Field(description="Why it was not applied")] = None


def psk_command(action: Literal["rotate", "set"], name: str) -> str:
    """The command that settles a tunnel's key, as a shell takes it. A remedy ends with it, so that it can be copied."""
    return f"reconciler psk {action} {'-- ' if name.startswith('-') else ''}{quote(name)}"


def doubt(tunnel: Declared, live: LiveTunnel, sink: SinkState) -> Problem | None:
    """Why it is not sure that a tunnel has the key that its sink holds as current; None without a sign of trouble."""
    psk = tunnel.psk
    if not isinstance(psk, Generated):
        return None
    made = live.psk_generated_on
    rotate = psk_command("rotate", tunnel.name)
    if sink.pending:
        message = "a run stopped with a key pending in the sink, and the tunnel may have that one or another"
        return Problem("key-not-in-sink", message, f"Set the pending key and make it current: {rotate}")
    if sink.noted is not None and sink.noted != (made or ""):
        message = "Cloudflare made a key that never became the sink's current one"
        return Problem("key-not-in-sink", message, f"For a new key: {rotate}")
    if sink.made_on is not None:
        other = is_later(made, sink.made_on)
    else:
        other = sink.noted is None and _is_after(made, sink.set_on, _SKEW)
    if other:
        message = "its key was changed after the sink's current one was set"
        return Problem("key-not-in-sink", message, f"For a new key: {rotate}")
    return never_made(live, sink, rotate) if psk.by == "cloudflare" and made is None else None


def never_made(live: LiveTunnel, sink: SinkState, rotate: str) -> Problem | None:
    """Why a tunnel may have no key at all. Only what surely replaces no key is done without being asked for."""
    never = "Cloudflare never made a key for it"
    if sink.current is None:
        message = f"{never}; a command can't tell whether it holds another"
        return Problem("key-not-checked", message, f"If it holds none: {rotate}")
    if not sink.current:
        remedy = "Run apply: it has the key made and delivers it. The device needs it then."
        return Problem(NO_PSK, f"{never}, and its sink holds none", remedy)
    if _is_after(live.created_on, sink.set_on, _SKEW):
        message = f"{never}, and the key in its sink is older than the tunnel"
        return Problem("key-not-in-sink", message, f"For a new key: {rotate}")
    return None


def is_later(made: str | None, other: str | None) -> bool:
    """True when one time of Cloudflare's is surely later than another."""
    return _is_after(made, other, _ROUNDING)


def _is_after(text: str | None, other: str | None, margin: timedelta) -> bool:
    then, since = instant(text), instant(other)
    return then is not None and since is not None and then > since + margin


def describe(reference: PskRef) -> str:
    """A reference in a few words, without a command's arguments."""
    match reference:
        case EnvRef(name):
            return f"env {name}"
        case FileRef(path):
            return f"file {path}"
        case CommandRef(argv):
            return f"command {argv[0]}"
        case External():
            return "external"
        case Generated(by, deliver_to):
            maker = "generated by Cloudflare" if by == "cloudflare" else "generated"
            return f"{maker}, goes to {describe(deliver_to)}"
