"""What only one tunnel of an account can hold at a time: a name, an interface network, an identity."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from reconciler.model.tunnel import Settings, interface_network

Network = IPv4Network | IPv6Network


class Kind(StrEnum):
    """The kinds of resource."""

    NAME = "name"
    NETWORK = "interface network"
    NETWORK6 = "IPv6 interface network"
    IDENTITY = "identity"


ALL = frozenset(Kind)
NETWORKS = frozenset({Kind.NETWORK, Kind.NETWORK6})

Resource = tuple[Kind, str | Network]
"""A kind with its value. Networks are the same resource when they overlap, all others when they are equal."""

_NETWORKS = ((Kind.NETWORK, "interface_address"), (Kind.NETWORK6, "interface_address6"))

KINDS: dict[str, Kind] = {
    "name": Kind.NAME,
    **{path: kind for kind, path in _NETWORKS},
    "custom_remote_identities.fqdn_id": Kind.IDENTITY,
    "cloudflare_endpoint": Kind.IDENTITY,
}
"""The settings that decide what a tunnel holds, and of which kind that is."""


def identity(settings: Settings) -> str | None:
    """The identity a tunnel occupies: its FQDN on its Cloudflare endpoint (API: unique only per endpoint)."""
    fqdn = settings.get("custom_remote_identities.fqdn_id")
    return f"{str(fqdn).lower()} on {settings.get('cloudflare_endpoint', '')}" if fqdn else None


def resources(settings: Settings, kinds: frozenset[Kind] = ALL) -> Iterator[Resource]:
    """The resources of these kinds that a tunnel with these settings holds."""
    if Kind.NAME in kinds:
        yield Kind.NAME, str(settings["name"])
    for kind, path in _NETWORKS:
        network = interface_network(str(settings.get(path, ""))) if kind in kinds else None
        if network is not None:
            yield kind, network
    label = identity(settings) if Kind.IDENTITY in kinds else None
    if label is not None:
        yield Kind.IDENTITY, label


_Block = tuple[int, int, int]


def _block(network: Network, length: int) -> _Block:
    """The block of the given prefix length that the network begins in."""
    return network.version, length, int(network.network_address) >> (network.max_prefixlen - length)


@dataclass(frozen=True, slots=True)
class Holders:
    """Who holds what. A look-up costs one dictionary access per prefix length in use."""

    exact: dict[Resource, list[str]] = field(default_factory=dict)
    within: dict[_Block, list[str]] = field(default_factory=dict)
    own: dict[_Block, list[str]] = field(default_factory=dict)
    lengths: frozenset[tuple[int, int]] = frozenset()

    def of(self, resource: Resource) -> list[str]:
        """The holders of a resource: of a network, all whose networks overlap it."""
        value = resource[1]
        if isinstance(value, str):
            return self.exact.get(resource, [])
        found = list(self.within.get(_block(value, value.prefixlen), ()))
        for version, length in self.lengths:
            if version == value.version and length < value.prefixlen:
                found.extend(self.own.get(_block(value, length), ()))
        return found


def holders(
    held: Iterable[tuple[str, Settings]], wanted: Iterable[Resource] = (), kinds: frozenset[Kind] = ALL
) -> Holders:
    """An index of who holds what.

    Args:
        held: Keys of tunnels, each with the settings it has.
        wanted: What will be asked for; the index answers for networks of these sizes and of those held.
        kinds: Kinds that will be asked for; looking at networks is what costs.
    """
    owned = [(key, resource) for key, settings in held for resource in resources(settings, kinds)]
    networks = [v for _, (_, v) in owned if not isinstance(v, str)]
    networks += [v for _, v in wanted if not isinstance(v, str)]
    index = Holders(lengths=frozenset((n.version, n.prefixlen) for n in networks))
    for key, resource in owned:
        value = resource[1]
        if isinstance(value, str):
            index.exact.setdefault(resource, []).append(key)
            continue
        index.own.setdefault(_block(value, value.prefixlen), []).append(key)
        for version, length in index.lengths:
            if version == value.version and length <= value.prefixlen:
                index.within.setdefault(_block(value, length), []).append(key)
    return index


def same(one: Resource, other: Resource) -> bool:
    """True when no two tunnels can hold these two at a time."""
    if one[0] is not other[0]:
        return False
    a, b = one[1], other[1]
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a.overlaps(b)
