"""The scratch tunnels of a measurement (`doctor --measure`), and how one that was left over is told from all others.

A measurement that was killed leaves its tunnels behind, and the next one removes them. A tunnel that only looks like
one of them must never go that way, so no single sign is enough: anybody may choose such a name, or copy a description.
"""

from ipaddress import IPv4Network, IPv6Network, ip_interface

from reconciler.model.live import LiveTunnel

PREFIX = "reconciler-doctor-"
"""What the names of scratch tunnels begin with."""

MARKER = "scratch tunnel of reconciler doctor --measure"
"""What stands in their descriptions."""

_ADDRESSES = ("interface_address", "interface_address6")


def with_address(tunnel: LiveTunnel) -> str:
    """`reconciler-doctor-1 (10.99.0.0/31)`: only who knows where it is can give the network that removes it."""
    return f"{tunnel.name} ({tunnel.settings.get('interface_address', 'no address')})"


def is_scratch(tunnel: LiveTunnel, network: IPv4Network | IPv6Network | None = None) -> bool:
    """Whether a measurement made this live tunnel, by its name and its marker.

    Args:
        tunnel: As listed.
        network: Where the measurement has its addresses. Who is going to write must give it: then every interface
            address lies inside, too.
    """
    settings = tunnel.settings
    named = tunnel.name.startswith(PREFIX) and MARKER in str(settings.get("description", ""))
    if not named or network is None:
        return named
    try:
        addresses = [ip_interface(str(settings[path])).ip for path in _ADDRESSES if path in settings]
    except ValueError:
        return False
    return not tunnel.wrong_types and all(address in network for address in addresses)
