"""The way out when a server refuses a cycle of updates as a whole: through a value that nobody holds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network
from itertools import cycle

from reconciler.model.desired import Desired
from reconciler.model.live import Live
from reconciler.model.settings import Settings
from reconciler.plan.claims import ClaimKind, conflicts, holders, interface_network
from reconciler.plan.diff import Change
from reconciler.plan.order import in_turn


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a detour: one update of one tunnel.

    Attributes:
        change: The change it belongs to.
        settings: What the tunnel has afterwards.
        parked: True when that is only for a moment.
    """

    change: Change
    settings: Settings
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Detour:
    """How a cycle goes when the server refuses it as a whole.

    Attributes:
        legs: Updates to send one by one, in this order; a later one needs those before it.
        through: The free values that are used for a moment.
    """

    legs: tuple[Leg, ...]
    through: tuple[str, ...]


_FQDN = "custom_remote_identities.fqdn_id"
_LINK = 31

Blocked = dict[str, dict[str, frozenset[ClaimKind]]]
"""Change key to the keys of changes that hold what it needs, each with the kinds of that."""


def detours(groups: Iterable[tuple[Change, ...]], desired: Desired, live: Live) -> dict[str, Detour | None]:
    """A detour for each cycle, by the key of its first member; None where there is no free value.

    IPv6 addresses and names have no free values. Free interface networks are taken from the account's
    parking range and overlap nothing that is live or declared.
    """
    cycles = [g for g in groups if len(g) > 1]
    free = cycle(_free_networks(desired, live)) if cycles else iter(())  # one detour at a time, so they may share
    return {g[0].ref: _detour(g, _until_repeated(free)) for g in cycles}


def _until_repeated(networks: Iterator[IPv4Network]) -> Iterator[IPv4Network]:
    """Those that one detour may use side by side."""
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


def _detour(group: tuple[Change, ...], free: Iterator[IPv4Network]) -> Detour | None:
    by_key = {c.ref: c for c in group}
    waits = conflicts(group, Live({c.ref: c.live for c in group if c.live})).waits
    blocked = {k: dict(waits.get(k, {})) for k in by_key}
    legs: list[Leg] = []
    through: list[str] = []
    while True:
        free_now = list(in_turn(blocked, lambda k: by_key[k].name))
        legs.extend(Leg(by_key[key], by_key[key].target) for key in free_now)
        blocked = _without(blocked, frozenset(free_now))
        if not blocked:
            return Detour(tuple(legs), tuple(through))
        parked = _park(blocked, by_key, free)
        if parked is None:
            return None
        legs.append(parked)
        through.extend(_through(parked))


def _without(blocked: Blocked, done: frozenset[str]) -> Blocked:
    return {
        k: {n: kinds for n, kinds in needs.items() if n not in done} for k, needs in blocked.items() if k not in done
    }


_PARKABLE = frozenset({ClaimKind.NETWORK, ClaimKind.IDENTITY})


def _park(blocked: Blocked, by_key: Mapping[str, Change], free: Iterator[IPv4Network]) -> Leg | None:
    """Moves one member aside, so that nobody waits for it any more.

    Rather one whose parking lets another go on at once, so that few are parked at a time; else the first by name.
    """
    edges = [(holder, key) for key, needs in blocked.items() for holder, k in needs.items() if k <= _PARKABLE]
    if not edges:
        return None
    last = {holder for holder, key in edges if len(blocked[key]) == 1}
    chosen = min((holder not in last, by_key[holder].name, holder) for holder, _ in edges)[2]
    kinds = frozenset(k for holder, key in edges if holder == chosen for k in blocked[key][chosen])
    settings = _parked(by_key[chosen], kinds, free)
    if settings is None:
        return None
    for holder, key in edges:
        if holder == chosen:
            del blocked[key][chosen]
    return Leg(by_key[chosen], settings, parked=True)


def _parked(change: Change, kinds: frozenset[ClaimKind], free: Iterator[IPv4Network]) -> Settings | None:
    """The live settings of a tunnel with free values in place of what others wait for."""
    settings = dict(change.live.settings) if change.live else {}
    if ClaimKind.NETWORK in kinds:
        network = next(free, None)
        if network is None:
            return None
        settings["interface_address"] = str(network)
    if ClaimKind.IDENTITY in kinds:
        _, _, suffix = str(settings[_FQDN]).partition(".")
        label = f"reconciler-{sha256(change.ref.encode()).hexdigest()[:8]}"
        settings[_FQDN] = f"{label}.{suffix}" if suffix else label
    return settings


def _through(leg: Leg) -> Iterator[str]:
    before = leg.change.live.settings if leg.change.live else {}
    for path in ("interface_address", _FQDN):
        if leg.settings.get(path) != before.get(path):
            yield str(leg.settings[path])
