"""Address forms of the API as cached pure functions: the same texts come back at every request."""

from functools import lru_cache
from ipaddress import IPv4Interface, ip_address, ip_interface
from typing import Literal

Spelling = Literal["as_sent", "canonical", "odd"]


@lru_cache(maxsize=65536)
def address(text: str) -> str | None:
    """Returns the canonical text of an IP address, or None when `text` is none."""
    try:
        return str(ip_address(text))
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def interface(text: str) -> tuple[int, int, int] | None:
    """Returns version, number and prefix length of `address/length`, or None when `text` is no such thing."""
    if "/" not in text:
        return None
    try:
        parsed = ip_interface(text)
        length = int(text.partition("/")[2])
    except ValueError:
        return None
    return parsed.version, int(parsed.ip), length


@lru_cache(maxsize=65536)
def cells(text: str) -> tuple[tuple[int, int], ...]:
    """Returns the two-address cells of an interface network: networks overlap when they share a cell."""
    parsed = interface(text)
    if parsed is None:
        return ()
    version, number, length = parsed
    size = 32 if version == 4 else 128  # noqa: PLR2004
    first = number >> (size - length) << (size - length) >> 1
    return tuple((version, first + step) for step in range(max(1, 1 << (size - length) >> 1)))


@lru_cache(maxsize=65536)
def peer(text: str) -> str:
    """Returns the other host of a /31 or /30, which a bidirectional health check probes; `""` if none."""
    try:
        own = IPv4Interface(text)
    except ValueError:
        return ""
    return next((str(host) for host in own.network.hosts() if host != own.ip), "")


@lru_cache(maxsize=65536)
def respell(text: str, spelling: Spelling) -> str:
    """Returns an equal spelling of an address or prefix: as sent, shortest, or longest in capitals."""
    if spelling == "as_sent":
        return text
    try:
        parsed = ip_interface(text)
    except ValueError:
        return text
    plain = parsed if "/" in text else parsed.ip
    return str(plain) if spelling == "canonical" else plain.exploded.upper()
