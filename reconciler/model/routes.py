"""Static routes: which prefixes an account sends to which next hop, as far as that bears on its tunnels.

    {"id": "5c…", "prefix": "10.9.0.0/16", "nexthop": "10.20.0.1", "priority": 100, …}

A next hop inside a tunnel's interface network is the other end of that tunnel. When the tunnel goes, or its network
does, the route leads nowhere. Routes are read to say so, and to show what goes through a tunnel, and are never written:
whoever may not read them still gets a plan, which then says that they were not checked.
"""

from bisect import bisect_left
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from reconciler.model.live import ListUntrusted

COLLECTION = "routes"
"""The API's word for all of them: in the path and around the list."""


class Route(NamedTuple):
    """One static route; its priority is None where the API gives none that can be read, since nothing depends on it."""

    prefix: IPv4Network | IPv6Network
    nexthop: IPv4Address | IPv6Address
    priority: int | None = None


class Routes(NamedTuple):
    """All static routes of an account, or why they are not known.

    Attributes:
        known: Sorted by next hop; none when they are not known.
        unchecked: Why they are not known; empty when they are.
    """

    known: tuple[Route, ...] = ()
    unchecked: str = ""

    def through(self, network: IPv4Network | IPv6Network) -> set[Route]:
        """The routes whose next hop lies in this network. Thousands of tunnels may ask that of thousands of routes."""
        start: tuple[int, int] = network.version, int(network.network_address)
        end: tuple[int, int] = network.version, int(network.broadcast_address) + 1
        return set(
            self.known[bisect_left(self.known, start, key=_position) : bisect_left(self.known, end, key=_position)]
        )


def _position(route: Route) -> tuple[int, int]:
    return route.nexthop.version, int(route.nexthop)


def routes_from_result(result: object) -> tuple[Route, ...]:
    """The routes in an answer's `result`.

    A route that was overlooked would be one that nobody is warned of, so what is not understood makes the whole list
    unreadable. (API: null is what servers written in Go answer for none. Believing it is harmless where a list of
    tunnels would not be: at worst a warning is missing.)

    Raises:
        ListUntrusted: It is not a whole list of routes with unique ids.
    """
    items = result.get(COLLECTION, ...) if isinstance(result, dict) else ...
    if items is None:
        return ()
    if not isinstance(items, list):
        raise ListUntrusted("the answer holds no list of routes")
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(one, str) and one for one in ids):
        raise ListUntrusted("an entry of the list of routes is not an object with an id")
    if len(set(ids)) < len(ids):
        raise ListUntrusted("two routes have the same id")
    return tuple(sorted(map(_route, items), key=_position))


def _route(item: dict[str, object]) -> Route:
    prefix, nexthop, priority = item.get("prefix"), item.get("nexthop"), item.get("priority")
    if not isinstance(prefix, str) or not isinstance(nexthop, str):
        raise ListUntrusted("a route has no text as its prefix or nexthop")
    try:
        known = priority if type(priority) is int else None
        return Route(ip_network(prefix, strict=False), ip_address(nexthop), known)
    except ValueError:
        raise ListUntrusted("a route's prefix or nexthop is not an IP network or address") from None
