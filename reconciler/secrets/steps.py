"""What the protocols of keys ask of a sink and of the key ring, and three short sequences that they share.

A protocol (`rotate`, `made`, `deliver`) is pure: it knows no file and no command, and hardly a key. It yields a
`SinkStep` with a tunnel's name for each thing to do. `sinks.carry_out` does it, with that tunnel's `Sink` and with the
key that the ring has under the name. The sequences, each of one step or a few:

    probe      PROBE: can each sink store a key and give it back?            before anything is written
    hold       PENDING, or MAKE, PUT, CHECK: ring and sink have one key      before Cloudflare is told it
    promote    PROMOTE: the pending key becomes the current one,             once Cloudflare has it
               or else PUT, CHECK: it is pending once more
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from reconciler.api.call import Step
from reconciler.model.problems import Problem
from reconciler.model.psk import Held, psk_command
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.secrets.secret import Secret


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


class SinkOp(StrEnum):
    """What is asked of a tunnel's sink and of the key ring."""

    PROBE = "probe"
    """See whether the sink can store and give back."""
    PENDING = "pending"
    """If the sink holds a pending key, put it into the key ring."""
    MAKE = "make"
    """Make a key and put it into the key ring."""
    NOTE = "note"
    """Note durably that Cloudflare is about to be asked for a key, and when it last made one; reserve the room."""
    RELEASE = "release"
    """Give back the reserved space that was not used."""
    PUT = "put"
    """Store the key ring's key as pending (the step's own key, if it has one, goes into the ring first)."""
    CHECK = "check"
    """Read the pending key back and compare it with the key ring's."""
    PROMOTE = "promote"
    """Make the pending key the current one."""


@dataclass(frozen=True, slots=True)
class SinkStep:
    """One step.

    Attributes:
        secret: For PUT: a key that Cloudflare made.
        before: For NOTE: when Cloudflare last made a key, in its words; empty when it never did.
        made_on: For PROMOTE: when Cloudflare made the key, in its words; empty for a key of another origin.
    """

    op: SinkOp
    tunnel: str
    secret: Secret | None = None
    before: str = ""
    made_on: str = ""


@dataclass(frozen=True, slots=True)
class SinkDone:
    """It worked. `yes` answers PENDING (there is one) and CHECK (they are equal)."""

    yes: bool = True


@dataclass(frozen=True, slots=True)
class SinkFailed:
    """It failed, before or after the sink acted: only reading can tell."""

    problem: Problem


SinkOutcome = SinkDone | SinkFailed

T = TypeVar("T")
KeyConversation = Generator[Step | SinkStep, Any, T]
"""Yields steps; is sent outcomes for `Send`, anything for `Pause`, a `SinkOutcome` for `SinkStep`."""

KeySteps = KeyConversation[dict[str, Verdict]]
"""Ends with a verdict per tunnel name.

`applied`: Cloudflare has the key, and a generated one is the sink's current key. `failed`: Cloudflare's key is held
where it was, or as the sink's pending key. `skipped`: nothing was tried. `unknown`: nobody can tell which key it has.
"""


def probe(names: Iterable[str]) -> KeyConversation[dict[str, Problem | None]]:
    """Probe the sinks of tunnels; gives for each name what is wrong, or None."""
    wrong: dict[str, Problem | None] = {}
    for name in names:
        answer: SinkOutcome = yield SinkStep(SinkOp.PROBE, name)
        wrong[name] = answer.problem if isinstance(answer, SinkFailed) else None
    return wrong


def hold(name: str, *, make: bool) -> KeyConversation[Verdict | bool]:
    """Have one key in the ring and, as pending, in the sink.

    Args:
        name: The tunnel's.
        make: Whether to make a key when none is pending.

    Returns:
        Whether there is one, or a `failed` verdict when the sink fails or gives back another key.
    """
    steps = [SinkOp.PENDING, SinkOp.MAKE, SinkOp.PUT, SinkOp.CHECK]
    for op in steps if make else steps[:1]:
        done: SinkOutcome = yield SinkStep(op, name)
        if isinstance(done, SinkFailed):
            return Verdict(Result.FAILED, done.problem)
        if op is SinkOp.PENDING and done.yes:
            return True
        if op is SinkOp.CHECK and not done.yes:
            return Verdict(Result.FAILED, DIFFERS)
    return make


DIFFERS = Problem(
    "sink-differs",
    "The sink gives back another key than it was given",
    "Repair the sink; Cloudflare was not asked to change the key.",
)


def promote(names: Iterable[str], made_on: str = "") -> KeySteps:
    """Make the pending keys of tunnels current: Cloudflare has them now, or has made them at this time."""
    verdicts = {}
    for name in names:
        done: SinkOutcome = yield SinkStep(SinkOp.PROMOTE, name, made_on=made_on)
        verdicts[name] = (yield from _stored_again(name, done.problem)) if isinstance(done, SinkFailed) else APPLIED
    return verdicts


def _stored_again(name: str, why: Problem) -> KeyConversation[Verdict]:
    """What becomes of a key that is in force and could not be made current: it is stored as pending once more.

    Somebody may have taken the pending key away, and the ring is then the only other place where the key is. A key that
    somebody else has put in its place stays: nobody knows what it is for.
    """
    yield SinkStep(SinkOp.PUT, name)
    check: SinkOutcome = yield SinkStep(SinkOp.CHECK, name)
    rotate = psk_command("rotate", name)
    if isinstance(check, SinkDone) and check.yes:
        remedy = f"Cloudflare has the key, and the sink holds it as pending. Once the sink is well: {rotate}"
        return Verdict(Result.FAILED, Problem(why.code, why.message, remedy))
    message = f"Cloudflare has a new key, and it is not sure that the sink holds it: {why.message}"
    remedy = f"Once the sink is well and no other run writes, set the key that is pending or a new one: {rotate}"
    return Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))
