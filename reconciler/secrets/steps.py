"""What the protocols of keys ask of a sink and of the keys at hand, and four short sequences that they share.

A protocol (`rotate`, `made`, `deliver`) is pure: it knows no file and no command, and hardly a key. It yields a
`SinkStep` with a tunnel's name for each thing to do. `sinks.carry_out` does it, with that tunnel's `Sink` and with the
key that the run has under the name. The sequences, each of one step or a few:

    probe      PROBE: can each sink store a key and give it back?            before anything is written
    listed     a list: is each tunnel there?
    hold       PENDING, or MAKE, PUT, CHECK: run and sink have one key       before Cloudflare is told it
    promote    PROMOTE: the pending key becomes the current one,             once Cloudflare has it
               or else PUT, CHECK: it is pending once more
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.psk import psk_command
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.secrets.secret import Secret

if TYPE_CHECKING:  # a plan looks at sinks and calls nobody
    from reconciler.api.call import Step


class SinkOp(StrEnum):
    """What is asked of a tunnel's sink, and of the keys that the run has."""

    PROBE = "probe"
    PENDING = "pending"  # take the sink's pending key, if it holds one
    MAKE = "make"  # make a key
    NOTE = "note"
    RELEASE = "release"
    PUT = "put"  # the run's key; the step's own one, if it has one, is the run's from then on
    CHECK = "check"  # read the pending key back and compare it with the run's
    PROMOTE = "promote"


class SinkStep(NamedTuple):
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


SinkOutcome = bool | Problem
"""It worked: True, but where PENDING finds no key and CHECK another one. Or it failed, before or after the sink acted:
only reading can tell."""

T = TypeVar("T")
PskConversation = Generator["Step | SinkStep", Any, T]
"""Yields steps; is sent outcomes for `Send`, anything for `Pause`, a `SinkOutcome` for `SinkStep`."""

PskSteps = PskConversation[dict[str, Verdict]]
"""Ends with a verdict per tunnel name.

`applied`: Cloudflare has the key, and a generated one is the sink's current key. `failed`: Cloudflare's key is held
where it was, or as the sink's pending key. `skipped`: nothing was tried. `unknown`: nobody can tell which key it has.
"""

DIFFERS = Problem(
    "sink-differs",
    "the sink gives back another key than it was given",
    "Repair the sink; Cloudflare was not asked to change the key.",
)


def probe(names: Iterable[str]) -> PskConversation[dict[str, Problem]]:
    """Probe the sinks of tunnels; gives what is wrong, by name."""
    wrong: dict[str, Problem] = {}
    for name in names:
        done: SinkOutcome = yield SinkStep(SinkOp.PROBE, name)
        if isinstance(done, Problem):
            wrong[name] = done
    return wrong


def listed(names: Sequence[str]) -> PskConversation[tuple[Mapping[str, LiveTunnel], dict[str, Problem]]]:
    """Live tunnels by name; and what is wrong with those that are not there, or with all of them without a list."""
    from reconciler.api.call import problem_of
    from reconciler.engine.listing import read_list

    found = yield from read_list()
    if not isinstance(found, Live):
        return {}, dict.fromkeys(names, problem_of(found))
    live = found.by_name()
    missing = Problem("not-live", "Cloudflare has no tunnel of this name", "Run `apply` first.")
    return live, {name: missing for name in names if name not in live}


def hold(name: str, *, make: bool) -> PskConversation[bool | Problem]:
    """Have the run and, as pending, the sink have one key: the pending one, or a new one if it is to `make` one.

    Returns:
        Whether there is one, or what is wrong when the sink fails or gives back another key.
    """
    pending: SinkOutcome = yield SinkStep(SinkOp.PENDING, name)
    if pending or not make:
        return pending
    for op in (SinkOp.MAKE, SinkOp.PUT, SinkOp.CHECK):
        done: SinkOutcome = yield SinkStep(op, name)
        if done is not True:
            return done or DIFFERS
    return True


def promote(names: Iterable[str], made_on: str = "") -> PskSteps:
    """Make the pending keys of tunnels current: Cloudflare has them now, or has made them at this time."""
    verdicts = {}
    for name in names:
        done: SinkOutcome = yield SinkStep(SinkOp.PROMOTE, name, made_on=made_on)
        verdicts[name] = (yield from _stored_again(name, done)) if isinstance(done, Problem) else APPLIED
    return verdicts


def _stored_again(name: str, why: Problem) -> PskConversation[Verdict]:
    """What becomes of a key that is in force and could not be made current: it is stored as pending once more.

    Somebody may have taken the pending key away, and this run is then the only other place where the key is. A key that
    somebody else has put in its place stays: nobody knows what it is for.
    """
    yield SinkStep(SinkOp.PUT, name)
    same: SinkOutcome = yield SinkStep(SinkOp.CHECK, name)
    rotate = psk_command("rotate", name)
    if same is True:
        remedy = f"Cloudflare has the key, and the sink holds it as pending. Once the sink is well: {rotate}"
        return Verdict(Result.FAILED, Problem(why.code, why.message, remedy))
    message = f"Cloudflare has a new key, and it is not sure that the sink holds it: {why.message}"
    remedy = f"Once the sink is well and no other run writes, set the key that is pending or a new one: {rotate}"
    return Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))
