"""The way out when a server refuses a cycle of updates as a whole: through a value that nobody holds.

`lon` and `par` exchange their networks. Both changes in one bulk call may work or not (API: nothing is documented of
the order within a bulk update, nor whether it is carried out as a whole). If not, they go one by one, and one of them
is parked for a moment on a /31 from the account's `parking` network:

    lon    10.0.0.0/31 -> 169.254.240.0/31    parked: its own network is free now
    par    10.0.0.2/31 -> 10.0.0.0/31
    lon    169.254.240.0/31 -> 10.0.0.2/31

A custom identity is parked likewise, under a label that is made up. Names and IPv6 networks can't be parked: there is
no range from which to borrow one. Detours are part of the plan, so that people see before they approve what may be
done.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from ipaddress import IPv4Network
from itertools import cycle
from typing import NamedTuple

from reconciler.model.desired import Desired
from reconciler.model.live import Live
from reconciler.model.settings import Settings
from reconciler.plan.claims import ClaimKind, conflicts, holders, interface_network
from reconciler.plan.diff import Change
from reconciler.plan.order import Group, topological


class Leg(NamedTuple):
    """A part of a detour: one update of one tunnel.

    Attributes:
        change: The change it belongs to.
        settings: What the tunnel has afterwards: the change's target, or with `parked` borrowed values.
        parked: True when a later leg leads the tunnel on to its target.
    """

    change: Change
    settings: Settings
    parked: bool = False


class Detour(NamedTuple):
    """How a cycle is carried out when the server refuses it as a whole.

    Attributes:
        legs: Updates to send one by one, in this order; a later one needs those before it.
    """

    legs: tuple[Leg, ...]

    @property
    def through(self) -> tuple[str, ...]:
        """The free values that are used for a moment."""
        pairs = [(leg.settings, leg.change.before) for leg in self.legs if leg.parked]
        return tuple(
            str(parked[path])
            for parked, now in pairs
            for path in (_NETWORK, _FQDN)
            if parked.get(path) != now.get(path)
        )


_NETWORK, _FQDN = "interface_address", "custom_remote_identities.fqdn_id"
_LINK = 31  # the prefix length of a network for two ends

Blocked = dict[str, dict[str, frozenset[ClaimKind]]]
"""Ref of a change to the refs of the changes that hold what it needs, each with the kinds of that."""


def detours(groups: Iterable[Group], desired: Desired, live: Live) -> dict[str, Detour | None]:
    """A detour for each cycle, by the ref of its first member; None where there is no free value.

    A network to borrow is a /31 of the account's `parking` network that overlaps nothing live or declared.
    """
    cycles = [g for g in groups if len(g) > 1]
    # The free networks over and over: cycles are broken one after the other, so the next one may use the same again.
    free = cycle(_free_networks(desired, live)) if cycles else iter(())
    return {g[0].ref: _detour(g, _until_repeated(free)) for g in cycles}


def _until_repeated(networks: Iterator[IPv4Network]) -> Iterator[IPv4Network]:
    """Those that one detour may use side by side: each only once."""
    seen: set[IPv4Network] = set()
    for network in networks:
        if network in seen:
            return
        seen.add(network)
        yield network


def _free_networks(desired: Desired, live: Live) -> Iterator[IPv4Network]:
    parking = interface_network(desired.account.parking)
    if not isinstance(parking, IPv4Network) or parking.prefixlen > _LINK:
        return
    known = [("", t.settings) for t in live.tunnels.values()]
    known += [("", t.settings) for t in desired.tunnels.values()]
    index = holders(known, [(ClaimKind.NETWORK, IPv4Network(f"0.0.0.0/{_LINK}"))])
    for network in parking.subnets(new_prefix=_LINK):
        if not index.of((ClaimKind.NETWORK, network)):
            yield network


def _detour(group: Group, free: Iterator[IPv4Network]) -> Detour | None:
    """Send all members that wait for nobody; park one when there is none left; and so on until all are sent."""
    by_ref = {c.ref: c for c in group}
    # Who waits for whom within the cycle alone: what the members need from others was applied before.
    waits = conflicts(group, Live({c.ref: c.live for c in group if c.live})).waits
    blocked = {ref: dict(waits.get(ref, {})) for ref in by_ref}
    legs: list[Leg] = []
    while True:
        ready = list(topological(blocked, lambda ref: by_ref[ref].name))
        legs.extend(Leg(by_ref[ref], by_ref[ref].target) for ref in ready)
        done = frozenset(ready)
        blocked = {
            ref: {holder: kinds for holder, kinds in needs.items() if holder not in done}
            for ref, needs in blocked.items()
            if ref not in done
        }
        if not blocked:
            return Detour(tuple(legs))
        parked = _park(blocked, by_ref, free)
        if parked is None:
            return None
        legs.append(parked)


_PARKABLE = frozenset({ClaimKind.NETWORK, ClaimKind.IDENTITY})


def _park(blocked: Blocked, by_ref: Mapping[str, Change], free: Iterator[IPv4Network]) -> Leg | None:
    """The leg that parks one member, which nobody waits for any more; None when none can be parked.

    Preferred is one whose parking lets another go on at once, so that few are parked at a time; then the first by name.

    Args:
        blocked: Changed: without those who waited for the member.
        by_ref: The members.
        free: Networks to borrow.
    """
    edges = [(holder, ref) for ref, needs in blocked.items() for holder, kinds in needs.items() if kinds <= _PARKABLE]
    if not edges:
        return None
    last = {holder for holder, ref in edges if len(blocked[ref]) == 1}
    chosen = min((holder not in last, by_ref[holder].name, holder) for holder, _ in edges)[2]
    waiting = [ref for holder, ref in edges if holder == chosen]
    kinds = frozenset(kind for ref in waiting for kind in blocked[ref][chosen])
    settings = _parked(by_ref[chosen], kinds, free)
    if settings is None:
        return None
    for ref in waiting:
        del blocked[ref][chosen]
    return Leg(by_ref[chosen], settings, parked=True)


def _parked(change: Change, kinds: frozenset[ClaimKind], free: Iterator[IPv4Network]) -> Settings | None:
    """The live settings of a tunnel with free values in place of what others wait for."""
    settings = dict(change.before)
    if ClaimKind.NETWORK in kinds:
        network = next(free, None)
        if network is None:
            return None
        settings[_NETWORK] = str(network)
    if ClaimKind.IDENTITY in kinds:
        _, _, suffix = str(settings[_FQDN]).partition(".")
        # Of the tunnel's id, so that each run borrows the same one and no two tunnels borrow one.
        label = f"reconciler-{sha256(change.ref.encode()).hexdigest()[:8]}"
        settings[_FQDN] = f"{label}.{suffix}" if suffix else label
    return settings
