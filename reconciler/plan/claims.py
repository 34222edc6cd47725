"""What only one tunnel of an account can hold at a time, who holds it, and which change waits for which.

    `lon` moves to 10.0.0.2/31, which `par` holds and gives up     `lon` waits for `par`
    `lon` moves to 10.0.0.2/31, which `par` holds and keeps        no order solves that: a guard blocks the plan
    `lon` and `par` exchange their networks                        they wait for each other: a cycle

(API: names must be unique, identities unique per Cloudflare endpoint. Whether the server refuses networks that overlap
is not documented; two tunnels with one would share routes and health checks, so no step of a plan leads there.)
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from reconciler.model.live import Live
from reconciler.model.settings import Settings
from reconciler.plan.diff import Action, Change

Network = IPv4Network | IPv6Network


class ClaimKind(StrEnum):
    """The kinds of claim. The words stand in messages: "wants the interface network 10.0.0.2/31"."""

    NAME = "name"
    NETWORK = "interface network"
    NETWORK6 = "IPv6 interface network"
    IDENTITY = "identity"


ALL_KINDS = frozenset(ClaimKind)
NETWORKS = frozenset({ClaimKind.NETWORK, ClaimKind.NETWORK6})

Claim = tuple[ClaimKind, str | Network]
"""A kind with its value. Networks are the same claim when they overlap, all others when they are equal."""

_NETWORKS = ((ClaimKind.NETWORK, "interface_address"), (ClaimKind.NETWORK6, "interface_address6"))

CLAIMED: dict[str, ClaimKind] = {
    "name": ClaimKind.NAME,
    **{path: kind for kind, path in _NETWORKS},
    "custom_remote_identities.fqdn_id": ClaimKind.IDENTITY,
    "cloudflare_endpoint": ClaimKind.IDENTITY,
}
"""The settings that decide what a tunnel holds, and of which kind that is."""


def interface_network(text: str) -> Network | None:
    """The network that an interface address lies in (host bits dropped), or None when it is unset or no address."""
    try:
        return ip_network(text, strict=False) if text else None
    except ValueError:
        return None


def identity(settings: Settings) -> str | None:
    """The identity a tunnel occupies: its FQDN, which knows no case, on its Cloudflare endpoint.

    (API: unique only per endpoint.)
    """
    fqdn = settings.get("custom_remote_identities.fqdn_id")
    return f"{str(fqdn).lower()} on {settings.get('cloudflare_endpoint')}" if fqdn else None


def claims(settings: Settings, kinds: frozenset[ClaimKind] = ALL_KINDS) -> Iterator[Claim]:
    """The claims of these kinds that a tunnel with these settings holds."""
    if ClaimKind.NAME in kinds:
        yield ClaimKind.NAME, str(settings["name"])
    for kind, path in _NETWORKS:
        address = settings.get(path) if kind in kinds else None
        network = interface_network(str(address)) if address else None
        if network is not None:
            yield kind, network
    label = identity(settings) if ClaimKind.IDENTITY in kinds else None
    if label is not None:
        yield ClaimKind.IDENTITY, label


_Block = tuple[int, int, int]
"""IP version, prefix length, and the bits of that many at the front: a network, quicker to hash than `ip_network`."""


def _block(network: Network, length: int) -> _Block:
    """The block of the given prefix length that the network begins in."""
    return network.version, length, int(network.network_address) >> (network.max_prefixlen - length)


class Holders(NamedTuple):
    """Who holds what. A look-up costs one dictionary access per prefix length in use.

    To compare each network with each would take minutes for thousands of tunnels. But two networks overlap only if one
    lies in the other. So each holder is entered under its own block, and under the larger blocks that it lies in.
    (Whether any two of the files' networks overlap takes no index: `files.consistency` sorts them once.)

    Attributes:
        exact: Holders by claim, for what is no network.
        within: Holders by block, for each block that holds their network, its own too.
        own: Holders by the block of just their network.
        lengths: IP version and prefix length of all networks that are held or will be asked for.
    """

    exact: dict[Claim, list[str]]
    within: dict[_Block, list[str]]
    own: dict[_Block, list[str]]
    lengths: frozenset[tuple[int, int]]

    def of(self, claim: Claim) -> list[str]:
        """The holders of a claim: of a network, all whose networks overlap it."""
        value = claim[1]
        if isinstance(value, str):
            return self.exact.get(claim, [])
        found = list(self.within.get(_block(value, value.prefixlen), ()))
        for version, length in self.lengths:
            if version == value.version and length < value.prefixlen:
                found.extend(self.own.get(_block(value, length), ()))
        return found


def holders(
    held: Iterable[tuple[str, Settings]], wanted: Iterable[Claim] = (), kinds: frozenset[ClaimKind] = ALL_KINDS
) -> Holders:
    """An index of who holds what.

    Args:
        held: Tunnels by whatever names the holder (an id, say), each with the settings it has.
        wanted: What will be asked for; the index answers for networks of these sizes and of those held.
        kinds: Kinds that will be asked for; looking at networks is what costs.
    """
    owned = [(holder, claim) for holder, settings in held for claim in claims(settings, kinds)]
    networks = [v for _, (_, v) in owned if not isinstance(v, str)]
    networks += [v for _, v in wanted if not isinstance(v, str)]
    index = Holders({}, {}, {}, frozenset((n.version, n.prefixlen) for n in networks))
    for holder, claim in owned:
        value = claim[1]
        if isinstance(value, str):
            index.exact.setdefault(claim, []).append(holder)
            continue
        index.own.setdefault(_block(value, value.prefixlen), []).append(holder)
        for version, length in index.lengths:
            if version == value.version and length <= value.prefixlen:
                index.within.setdefault(_block(value, length), []).append(holder)
    return index


def clash(one: Claim, other: Claim) -> bool:
    """True when no two tunnels can hold these two at a time."""
    if one[0] is not other[0]:
        return False
    a, b = one[1], other[1]
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a.overlaps(b)


class Conflict(NamedTuple):
    """A change wants a claim that a live tunnel holds and keeps.

    Attributes:
        change: The change that can't work.
        claim: What it wants.
        holder: Id of the live tunnel.
    """

    change: Change
    claim: Claim
    holder: str


class Conflicts(NamedTuple):
    """All conflicts of one plan.

    Attributes:
        waits: Ref of a change to the refs of those that must free something first, with the kinds of what they free.
        unsolvable: Those over a claim that is never freed.
    """

    waits: Mapping[str, Mapping[str, frozenset[ClaimKind]]] = {}
    unsolvable: tuple[Conflict, ...] = ()


def acquired(change: Change) -> tuple[Claim, ...]:
    """What a change takes that its own tunnel does not hold in the same form already."""
    if change.action is Action.DELETE:
        return ()
    if change.live is None:
        return tuple(claims(change.target))
    kinds = frozenset(CLAIMED[f.path] for f in change.fields if f.path in CLAIMED)
    if not kinds:
        return ()
    has = set(claims(change.before, kinds))
    return tuple(claim for claim in claims(change.target, kinds) if claim not in has)


def conflicts(changes: Iterable[Change], live: Live) -> Conflicts:
    """Finds for each change the live tunnels that hold what it wants, and whether they let go."""
    by_ref = {c.ref: c for c in changes}
    wants = {ref: acquired(change) for ref, change in by_ref.items()}
    if not any(wants.values()):
        return Conflicts()
    keeps: dict[str, tuple[Claim, ...]] = {}  # by ref, what the change's tunnel holds when it is applied
    index = holders(
        ((t.id, t.settings) for t in live.tunnels.values()),
        (claim for own in wants.values() for claim in own),
        frozenset(kind for own in wants.values() for kind, _ in own),
    )
    waits: dict[str, dict[str, frozenset[ClaimKind]]] = {}
    unsolvable: list[Conflict] = []
    for ref, claim in ((ref, claim) for ref, own in wants.items() for claim in own):
        for holder in sorted(set(index.of(claim)) - {ref}):
            other = by_ref.get(holder)
            if other is not None and holder not in keeps:
                keeps[holder] = () if other.action is Action.DELETE else tuple(claims(other.target))
            if other is None or any(clash(claim, own) for own in keeps[holder]):
                unsolvable.append(Conflict(by_ref[ref], claim, holder))
            else:
                mine = waits.setdefault(ref, {})
                mine[holder] = mine.get(holder, frozenset()) | {claim[0]}
    return Conflicts(waits, tuple(unsolvable))
