"""The two scratch tunnels of a measurement: made, told from all others, and always removed again.

    Send(LIST)            no other tunnel is there, and nothing of an earlier run
    Send(CREATE …-2)      answered; Send(LIST) shows it
    Ask(CREATE …-1)       no answer; Send(LIST) shows it after two seconds
    …                     what is measured (`experiments`)
    Send(DELETE, DELETE)  one answered, one not
    Send(LIST)            …-1 is still there
    Send(DELETE)
    Send(LIST)            none is left: that is the proof

A write goes to a tunnel only if a list of this run showed that it is a scratch tunnel (`is_scratch`), and every state
that a tunnel passes through keeps what makes it one. So whatever ends a run, the next one finds what it left, by the
list alone.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from reconciler.api.call import (
    Answered,
    Ask,
    Call,
    CallOutcome,
    Conversation,
    Denied,
    Failure,
    NotSent,
    Pause,
    Said,
    Send,
    StopClock,
    Verb,
    problem_of,
    unclear,
)
from reconciler.engine.listing import PATIENCE, read_list
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem, named
from reconciler.model.scratch import MARKER, PREFIX, is_scratch, with_address
from reconciler.plan.claims import NETWORKS, claims

NEEDED = 3
"""Interface networks (/31) that a measurement needs: one for each tunnel, and one to move to."""

_NAMED = 5
_MAY_COME = ("unreachable", "rate-limited")
"""Codes of calls that were not sent, after which others may well go."""


@dataclass(slots=True)
class Scratch:
    """One scratch tunnel, as it was last sent.

    Attributes:
        listed: As the first list that had it showed it.
    """

    name: str
    address: str
    id: str = ""
    listed: Any = None


@dataclass(slots=True)
class Bench:
    """Where a measurement takes place, and what it has there.

    Attributes:
        network: Every interface address lies inside.
        endpoint: Cloudflare's end of the tunnels.
        label: Makes the names of this run unlike those of any other.
        beside_live: Whether the account may hold other tunnels.
        declared: Interface networks that the files declare.

        known: Scratch tunnels that a list of this run showed and that no answer says are gone: id to name.
        lost: Names whose create was sent, while no list has shown them yet.
        before: The account as listed before the tunnels were made.
        made: What the create of the second tunnel was answered.
        seen: What was found out: switch to value.
        looks: How many GETs it took, at most, until one showed a change.
        step: How many descriptions were sent; each is unlike all others, so that an old answer is not taken for a new.
    """

    network: IPv4Network
    endpoint: str
    label: str
    beside_live: bool = False
    declared: Collection[IPv4Network] = ()
    known: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    before: Live = field(default_factory=lambda: Live({}))
    made: Said | None = None
    seen: dict[str, str] = field(default_factory=dict)
    looks: int = 1
    step: int = 0
    first: Scratch = field(init=False)
    second: Scratch = field(init=False)

    def __post_init__(self) -> None:
        # The one that is made first has the later name, so that a list shows which of the two it goes by.
        self.first = Scratch(self.name("8"), self._addresses()[0])
        self.second = Scratch(self.name("5"), self._addresses()[1])

    def name(self, end: str) -> str:
        """A name that no other run gives."""
        return f"{PREFIX}{self.label}-{end}"

    def _addresses(self) -> list[str]:
        return [str(one) for one, _ in zip(self.network.subnets(new_prefix=31), range(NEEDED), strict=False)]

    def leftovers(self, live: Live) -> dict[str, str]:
        """The scratch tunnels in the network, by id."""
        return {tunnel.id: tunnel.name for tunnel in live.tunnels.values() if is_scratch(tunnel, self.network)}

    @property
    def may_hold(self) -> bool:
        """Whether there may be scratch tunnels."""
        return bool(self.known or self.lost)

    @property
    def spare(self) -> str:
        """The address that neither tunnel has."""
        return next(one for one in self._addresses() if one not in (self.first.address, self.second.address))

    def identity(self, tunnel: Scratch) -> dict[str, Any]:
        """What every request says of its tunnel, so that it stays a scratch tunnel whether the server merges or not."""
        self.step += 1
        return {
            "name": tunnel.name,
            "cloudflare_endpoint": self.endpoint,
            "interface_address": tunnel.address,
            "description": f"{MARKER} {self.step}",
        }


Hindrance = Failure | Problem
"""Why it did not go on: what became of a call, or what is in the way."""


def survey(bench: Bench) -> Conversation[Live | Hindrance]:
    """List the account: its tunnels, or why nothing may be measured there."""
    found = yield from read_list()
    if not isinstance(found, Live):
        return found
    own = bench.leftovers(found)
    others = [tunnel for tunnel in found.tunnels.values() if tunnel.id not in own]
    earlier = [with_address(tunnel) for tunnel in others if is_scratch(tunnel)]
    if earlier:
        message = f"an earlier measurement left {named(earlier, _NAMED)} outside {bench.network}"
        return Problem(
            "scratch-left", message, "Run it with a --network that holds their addresses: it removes them first."
        )
    if others and not bench.beside_live:
        message = f"the account holds other live tunnels: {named([t.name for t in others], _NAMED)}"
        remedy = "Use a scratch account. --beside-live measures beside them: no call names them, but one that is not "
        return Problem("account-in-use", message, remedy + "documented is made to the collection that they are in.")
    near = [t.name for t in others if not _apart(t, bench.network)]
    taken = [str(network) for network in bench.declared if network.overlaps(bench.network)]
    if near or taken:
        whose = f"the live tunnel {near[0]} has or may have" if near else f"the files declare {taken[0]}, which has"
        return Problem("network-in-use", f"{whose} addresses in {bench.network}", "Give a --network that is free.")
    return found


def _apart(tunnel: LiveTunnel, network: IPv4Network) -> bool:
    """Whether a tunnel surely has no address in a network."""
    if tunnel.wrong_types:
        return False
    return not any(isinstance(at, IPv4Network) and at.overlaps(network) for _, at in claims(tunnel.settings, NETWORKS))


def make(bench: Bench, tunnel: Scratch) -> Conversation[Hindrance | None]:
    """Make a scratch tunnel; why it could not be made, or None.

    Its create is sent at most once, unless it surely did nothing: a list decides whether it worked.
    """
    body = bench.identity(tunnel)
    bench.lost.add(tunnel.name)
    again = True
    if tunnel is bench.second:
        (answer,) = yield Ask(Verb.CREATE, body)
        bench.made = answer if isinstance(answer, Said) else None
        again = isinstance(answer, NotSent) or (bench.made is not None and refused(bench.made))
    if again:
        outcomes: tuple[CallOutcome, ...] = yield Send((Call(Verb.CREATE, body),))
        outcome = outcomes[0]
        if not isinstance(outcome, Answered) and not unclear(outcome):
            bench.lost.discard(tunnel.name)
            return outcome
    for wait in (*PATIENCE, None):
        found = yield from read_list(bench.known)
        if isinstance(found, Live):
            _notice(bench, found)
            tunnel.id = next((i for i, name in bench.known.items() if name == tunnel.name), "")
        if tunnel.id and isinstance(found, Live):
            tunnel.listed = found.tunnels[tunnel.id].raw
            return None
        if not isinstance(found, Live) and is_final(found):
            return found
        if wait is not None:
            yield Pause(wait, f"until a list shows {tunnel.name}")
    remedy = "Run it again: it removes what was made after all. Is the description kept as it is sent?"
    return Problem("scratch-not-listed", f"no list shows {tunnel.name} as it was made", remedy)


def _notice(bench: Bench, live: Live) -> None:
    """Learn from a list which scratch tunnels there are; one that somebody changed into another is none any more."""
    found = bench.leftovers(live)
    bench.known = {i: name for i, name in bench.known.items() if i not in live.tunnels} | found
    bench.lost -= set(found.values())


def clear(bench: Bench) -> Conversation[Live | Problem]:
    """Remove every scratch tunnel, of this run and of earlier ones, until a list shows none.

    It is not bound by the run's deadline, and what fails once is tried again: whoever measures must not leave tunnels.

    Returns:
        The list that shows none, or what may still be there.
    """
    yield StopClock(stopped=True)
    ended = yield from _clear(bench)
    yield StopClock(stopped=False)
    return ended


def _clear(bench: Bench) -> Conversation[Live | Problem]:
    why: Failure | None = None
    # Once for a lost create to show up, and once more for the deletes.
    for number, wait in enumerate((*PATIENCE, *PATIENCE, None)):
        found = yield from read_list(bench.known)
        if isinstance(found, Live):
            _notice(bench, found)
            if not bench.known and (not bench.lost or number >= len(PATIENCE)):
                return found
        else:
            why = found
        # Also without a list: what is known was seen to be a scratch tunnel.
        known = sorted(bench.known)
        outcomes: tuple[CallOutcome, ...] = ()
        if known:
            outcomes = yield Send(tuple(Call(Verb.DELETE, tunnel_id=i) for i in known))
        for tunnel_id, outcome in zip(known, outcomes, strict=True):
            if isinstance(outcome, Answered):
                del bench.known[tunnel_id]
            else:
                why = outcome
        if why is not None and is_final(why):
            break
        if wait is not None:
            yield Pause(wait, "until a list shows that the scratch tunnels are gone")
    left = sorted({*bench.known.values(), *bench.lost})
    what = f"{named(left, _NAMED)} in {bench.network}" if left else f"scratch tunnels in {bench.network}"
    because = f": {problem_of(why).message}" if why else ""
    remedy = "Run it again with the same --network: it removes them first. Or delete them by hand, by their names."
    return Problem("scratch-left", f"there may still be {what}{because}", remedy)


def is_final(outcome: Failure) -> bool:
    """Whether no further call of this run will get through."""
    return isinstance(outcome, Denied) or (isinstance(outcome, NotSent) and outcome.code not in _MAY_COME)


_REFUSALS = frozenset((400, 409, 413, 422))
"""Statuses that speak of what was asked for, not of who asked or where."""


def refused(said: Said) -> bool:
    """Whether an answer is a plain refusal of the API."""
    errors = said.envelope.get("errors")
    return (
        said.status in _REFUSALS and said.envelope.get("success") is False and isinstance(errors, list) and errors != []
    )


def taken(said: Said) -> bool:
    """Whether an answer is a plain success."""
    return said.status // 100 == 2 and said.envelope.get("success") is True and not said.envelope.get("errors")  # noqa: PLR2004 - the class of codes
