"""The canonical form of one value, made alike from YAML and from the API's JSON, so that equality of meaning is `==`.

    address("2001:DB8:0::1/127")              "2001:db8::1/127"
    prefixes(["10.9.0.0/16", "10.8.1.1/16"])  ("10.8.0.0/16", "10.9.0.0/16")
    number("65010"), number(65010.0)          65010, 65010
    text("")                                  None

Each reader takes a value as pydantic typed it or as the API lists it, and gives the one spelling of its meaning, or
None when it says "unset" (absent, null and empty mean the same to the API). It trusts the files, which were checked
before. What the API lists in a JSON type that the setting can't have raises `WrongType`.
"""

import ipaddress
import re
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any
from unicodedata import normalize


class Reference:
    """Says where a key is, and stands in its place until it is read; `model.desired` has the kinds of it."""

    __slots__ = ()


Value = str | int | bool | tuple[str, ...] | Reference
"""One canonical setting that is set. Prefixes are sorted and unique."""


class WrongType(TypeError):
    """The API lists a value of a type that the setting can't have, or a list with such an item.

    Attributes:
        value: The value, or the item. It may be a secret.
    """

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


def text(value: Any) -> str | None:
    """Text without blanks and line ends around it: servers trim them."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise WrongType(value)
    return value.strip() or None


def opaque(value: Any) -> str | Reference | None:
    """Text of which every character counts, blanks at its ends too, or where it is."""
    if value is None or isinstance(value, (str, Reference)):
        return value or None
    raise WrongType(value)


def name(value: Any) -> str | None:
    """A tunnel's name."""
    found = text(value)
    return found and tunnel_name(found)


def tunnel_name(text: str) -> str:
    """A tunnel's name in the one form in which names are compared and sent: Unicode's NFC.

    The same letters can be written in several ways (`é` as one character, or as `e` with an accent), and editors and
    file systems change one into the other. NFC is the usual form; a server that keeps it must not look like drift.
    """
    text = text.strip()
    return text if text.isascii() else normalize("NFC", text)


def same_letters(name: str, other: str) -> bool:
    """True for names that a server may take for the same: `Lon-A` and `lon-a`, or a ligature and its two letters.

    It explains a difference to people. No tunnel is written or spared because of it.
    """
    return normalize("NFKC", name).casefold() == normalize("NFKC", other).casefold()


def choice(value: Any) -> str | None:
    """A word of a fixed list, in lower case (API: the official provider compares them without regard to case)."""
    found = text(value)
    return found.lower() if found else None


def address(value: Any) -> str | None:
    """An address, with or without a length, in one spelling; text that is not an address stays, in lower case."""
    found = text(value)
    if found is None or ":" not in found:
        return found
    host, slash, length = found.lower().partition("/")
    try:
        return inet_ntop(AF_INET6, inet_pton(AF_INET6, host)) + slash + length
    except OSError:
        return found.lower()


def flag(value: Any) -> bool | None:
    """True or false."""
    if value is None or value is True or value is False:
        return value
    raise WrongType(value)


def number(value: Any) -> int | None:
    """A whole number; some servers put it in quotes, and JSON has one type for `5` and `5.0`."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise WrongType(value)


def prefixes(value: Any) -> tuple[str, ...] | None:
    """A set of networks: sorted, each once, host bits dropped."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        raise WrongType(value)
    for item in value:
        if not isinstance(item, str):
            raise WrongType(item)
    return tuple(sorted({prefix(item) for item in value})) or None


_MASKS = {str(length): (1 << (32 - length)) - 1 for length in range(33)}
"""The bits of an IPv4 address that belong to the host, by prefix length as text."""


@lru_cache(maxsize=16384)
def is_canonical_prefix4(text: str) -> bool:
    """True for an IPv4 prefix in its one spelling without host bits.

    Nearly every prefix is one, accounts hold tens of thousands of them, and this takes a tenth of the time of
    `ipaddress.ip_network`.
    """
    host, _, length = text.partition("/")
    try:
        # inet_pton takes nothing but four plain numbers without leading zeros, so the host has one spelling.
        return not int.from_bytes(inet_pton(AF_INET, host)) & _MASKS[length]
    except (OSError, ValueError, KeyError):
        return False


@lru_cache(maxsize=4096)
def prefix(text: str) -> str:
    """A network in one spelling, host bits dropped; text that is not a network stays, in lower case."""
    if is_canonical_prefix4(text):
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text.lower()
