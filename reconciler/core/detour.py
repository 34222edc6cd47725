"""The way out when a server refuses a cycle of updates as a whole: through a value that nobody holds."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from heapq import heapify, heappop, heappush
from ipaddress import IPv4Network
from itertools import cycle

from reconciler.core.change import Change
from reconciler.core.conflict import conflicts
from reconciler.core.desired import Desired
from reconciler.core.diff import wanted
from reconciler.core.live import Live
from reconciler.core.plan import Detour, Leg
from reconciler.core.resources import Kind, holders
from reconciler.core.tunnel import Settings, interface_network

_FQDN = "custom_remote_identities.fqdn_id"
_LINK = 31


def detours(groups: Iterable[tuple[Change, ...]], desired: Desired, live: Live) -> dict[str, Detour | None]:
    """A detour for each cycle, by the key of its first member; None where there is no free value.

    IPv6 addresses and names have no free values. Free interface networks are taken from the account's
    parking range and overlap nothing that is live or declared.
    """
    cycles = [g for g in groups if len(g) > 1]
    free = cycle(_free_networks(desired, live)) if cycles else iter(())
    return {g[0].key: _detour(g, free) for g in cycles}


def _free_networks(desired: Desired, live: Live) -> Iterator[IPv4Network]:
    parking = interface_network(desired.account.parking)
    if not isinstance(parking, IPv4Network) or parking.prefixlen > _LINK:
        return
    known = [("", t.settings) for t in live.tunnels.values()]
    known += [("", t.settings) for t in desired.tunnels.values()]
    index = holders(known, [(Kind.NETWORK, IPv4Network(f"0.0.0.0/{_LINK}"))])
    for network in parking.subnets(new_prefix=_LINK):
        if not index.of((Kind.NETWORK, network)):
            yield network


def _detour(group: tuple[Change, ...], free: Iterator[IPv4Network]) -> Detour | None:
    by_key = {c.key: c for c in group}
    waits = conflicts(group, Live({c.key: c.live for c in group if c.live})).waits
    blocked = {k: dict(waits.get(k, {})) for k in by_key}
    legs: list[Leg] = []
    done: set[str] = set()
    through: list[str] = []
    while True:
        legs.extend(Leg(by_key[key], wanted(by_key[key])) for key in _ready(blocked, by_key, done))
        if len(done) == len(group):
            return Detour(tuple(legs), tuple(through))
        parked = _park(blocked, by_key, free)
        if parked is None:
            return None
        legs.append(parked)
        through.extend(_through(parked))


def _ready(
    blocked: dict[str, dict[str, frozenset[Kind]]], by_key: Mapping[str, Change], done: set[str]
) -> Iterator[str]:
    """Yields what nothing blocks, by name, and then what that frees; `blocked` and `done` follow."""
    waiting: dict[str, list[str]] = {}
    for key, needs in blocked.items():
        for other in needs:
            waiting.setdefault(other, []).append(key)
    ready = [(by_key[k].name, k) for k, needs in blocked.items() if not needs and k not in done]
    heapify(ready)
    while ready:
        _, key = heappop(ready)
        done.add(key)
        for other in waiting.get(key, ()):
            blocked[other].pop(key, None)
            if not blocked[other]:
                heappush(ready, (by_key[other].name, other))
        yield key


_PARKABLE = frozenset({Kind.NETWORK, Kind.IDENTITY})


def _park(
    blocked: dict[str, dict[str, frozenset[Kind]]], by_key: Mapping[str, Change], free: Iterator[IPv4Network]
) -> Leg | None:
    """Moves the first member (by name) aside whose parking lets another one go on."""
    edges = [(holder, key) for key, needs in blocked.items() for holder, k in needs.items() if k <= _PARKABLE]
    if not edges:
        return None
    chosen = min((by_key[holder].name, holder) for holder, _ in edges)[1]
    kinds = frozenset(k for holder, key in edges if holder == chosen for k in blocked[key][chosen])
    settings = _parked(by_key[chosen], kinds, free)
    if settings is None:
        return None
    for holder, key in edges:
        if holder == chosen:
            del blocked[key][chosen]
    return Leg(by_key[chosen], settings, parked=True)


def _parked(change: Change, kinds: frozenset[Kind], free: Iterator[IPv4Network]) -> Settings | None:
    """The live settings of a tunnel with free values in place of what others wait for."""
    settings = dict(change.live.settings) if change.live else {}
    if Kind.NETWORK in kinds:
        network = next(free, None)
        if network is None:
            return None
        settings["interface_address"] = str(network)
    if Kind.IDENTITY in kinds:
        _, _, suffix = str(settings[_FQDN]).partition(".")
        label = f"reconciler-{sha256(change.key.encode()).hexdigest()[:8]}"
        settings[_FQDN] = f"{label}.{suffix}" if suffix else label
    return settings


def _through(leg: Leg) -> Iterator[str]:
    before = leg.change.live.settings if leg.change.live else {}
    for path in ("interface_address", _FQDN):
        if leg.settings.get(path) != before.get(path):
            yield str(leg.settings[path])
