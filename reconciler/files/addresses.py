"""Addresses, networks and identities in the files, checked strictly."""

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from reconciler.files.values import text, wrong
from reconciler.model.problems import shown
from reconciler.model.tunnel import is_canonical_prefix4

_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}")
_FQDN = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.[A-Za-z0-9_-]{1,63}\.custom\.ipsec\.cloudflare\.com",
    re.IGNORECASE,
)


def _packed(family: int, host: str) -> bytes | None:
    try:
        return inet_pton(family, host)
    except (OSError, ValueError):
        return None


def endpoint(value: Any) -> str:
    """An IP address.

    Raises:
        PydanticCustomError: It is none.
    """
    found = text(value)
    if _packed(AF_INET6 if ":" in found else AF_INET, found) is None:
        raise wrong("bad-address", f"{shown(found)} is no IP address", _address_remedy(found))
    return found


def optional_endpoint(value: Any) -> str:
    """An IP address, or `""` for none."""
    return endpoint(value) if value != "" else ""


def _address_remedy(found: str) -> str:
    if "/" in found:
        return "A single address belongs here. Remove the prefix length."
    if re.search(r"(^|\.)0[0-9]", found):
        return "Leading zeros mean octal to some programs. Write each number without them."
    return "Write an address like 203.0.113.1."


def interface(value: Any) -> str:
    """An IPv4 interface address with /31 or /30.

    Raises:
        PydanticCustomError: It is none, or has another length.
    """
    found = text(value)
    host, _, length = found.partition("/")
    if _packed(AF_INET, host) is None:
        remedy = "Write Cloudflare's own address in the tunnel with its length, like 10.20.0.0/31."
        raise wrong("bad-address", f"{shown(found)} is no IPv4 interface address", remedy)
    if length not in ("31", "30"):
        remedy = "A tunnel is a point-to-point link. Write /31 (or /30) after the address."
        raise wrong("bad-prefix-length", f"{shown(found)} has no prefix length of 31 or 30", remedy)
    return found


def interface6(value: Any) -> str:
    """An IPv6 interface address with /127, or `""` for none.

    Raises:
        PydanticCustomError: It is none, or has another length.
    """
    found = text(value)
    if not found:
        return found
    host, _, length = found.partition("/")
    if _packed(AF_INET6, host) is None:
        remedy = "Write it with its length, like 2001:db8::/127."
        raise wrong("bad-address", f"{shown(found)} is no IPv6 interface address", remedy)
    if length != "127":
        remedy = "A tunnel is a point-to-point link. Write /127 after the address."
        raise wrong("bad-prefix-length", f"{shown(found)} has no prefix length of 127", remedy)
    return found


@lru_cache(maxsize=4096)
def _network(found: str) -> IPv4Network | IPv6Network | str:
    """The network, or what is wrong: `none`, or the network meant when host bits are set."""
    host, _, length = found.partition("/")
    if not _LENGTH.fullmatch(length) or _packed(AF_INET6 if ":" in host else AF_INET, host) is None:
        return "none"
    try:
        meant = ip_network(found, strict=False)
    except ValueError:
        return "none"
    own = _packed(AF_INET6 if ":" in host else AF_INET, host)
    return meant if meant.network_address.packed == own else str(meant)


def prefix(value: Any) -> str:
    """A CIDR prefix without host bits.

    Raises:
        PydanticCustomError: It is none, or has host bits.
    """
    found = text(value)
    if is_canonical_prefix4(found):
        return found
    network = _network(found)
    if network == "none":
        raise wrong("bad-prefix", f"{shown(found)} is no network prefix", "Write it like 10.9.0.0/16.")
    if isinstance(network, str):
        remedy = f"The address lies inside the network. Write {network}, or another length."
        raise wrong("host-bits", f"{shown(found)} has host bits set", remedy)
    return found


def parking(value: Any) -> str:
    """An IPv4 network with room for a /31.

    Raises:
        PydanticCustomError: It is none.
    """
    network = _network(prefix(value))
    if not isinstance(network, IPv4Network) or network.prefixlen > 31:  # noqa: PLR2004 - a /31 must fit
        remedy = "Write an unused IPv4 network of at least two addresses, like 169.254.240.0/20."
        raise wrong("bad-prefix", f"{shown(value)} has no room for an IPv4 /31", remedy)
    return str(network)


def fqdn(value: Any) -> str:
    """A custom IKE identity, or `""` for none.

    (API: `<label>.<account>.custom.ipsec.cloudflare.com`.)

    Raises:
        PydanticCustomError: It has another form.
    """
    found = text(value)
    if found and not _FQDN.fullmatch(found):
        remedy = "Write it as <label>.<account>.custom.ipsec.cloudflare.com."
        raise wrong("bad-identity", f"{shown(found)} is no custom identity", remedy)
    return found
