"""Live state: what the list endpoint says, trusted only when it is whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.tunnel import Malformed, Settings, canonical


class ListUntrusted(Exception):
    """The list can't be trusted to be whole, so nothing may be written on the strength of it."""


@dataclass(frozen=True, slots=True)
class LiveTunnel:
    """One live tunnel.

    Attributes:
        id: Cloudflare's id.
        settings: Canonical.
        raw: The JSON object as listed, with the fields this program does not know.
    """

    id: str
    name: str
    settings: Settings
    raw: Mapping[str, Any]

    @property
    def modified_on(self) -> str | None:
        """When it last changed, as the API writes it (RFC 3339), or None."""
        value = self.raw.get("modified_on")
        return value if isinstance(value, str) else None

    @property
    def created_on(self) -> str | None:
        """When it was made, as the API writes it (RFC 3339), or None."""
        value = self.raw.get("created_on")
        return value if isinstance(value, str) else None

    @property
    def key_generated_on(self) -> str | None:
        """When Cloudflare last generated a key for it (not when one was set), or None."""
        metadata = self.raw.get("psk_metadata")
        value = metadata.get("last_generated_on") if isinstance(metadata, dict) else None
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Live:
    """All live tunnels of one account, by id, in order of name."""

    tunnels: Mapping[str, LiveTunnel]

    def by_name(self) -> dict[str, LiveTunnel]:
        """The same by name (names are unique in a trusted list)."""
        return {t.name: t for t in self.tunnels.values()}


_ID_LENGTH = 36
_USUAL_ID = re.compile("[0-9a-f]{32}").fullmatch


def _check_id(value: object) -> str:
    if isinstance(value, str) and _USUAL_ID(value):
        return value
    if not isinstance(value, str) or not 0 < len(value) <= _ID_LENGTH or not value.replace("-", "").isalnum():
        raise ListUntrusted("a tunnel has no usable id")
    if not value.isascii():
        raise ListUntrusted("a tunnel has no usable id")
    return value


def _tunnel(item: object) -> LiveTunnel:
    if not isinstance(item, dict):
        raise ListUntrusted("an entry is not an object")
    tunnel_id = _check_id(item.get("id"))
    try:
        settings = canonical(item)
    except Malformed:
        raise ListUntrusted(f"tunnel {tunnel_id} has a field of an impossible type") from None
    for path in ("name", "cloudflare_endpoint", "interface_address"):
        if not settings[path]:
            raise ListUntrusted(f"tunnel {tunnel_id} lacks the required field {path}")
    return LiveTunnel(tunnel_id, item["name"], settings, item)


def live_from_result(result: object) -> Live:
    """The live tunnels in a list answer's `result`.

    Raises:
        ListUntrusted: It is not a whole list of tunnels with unique ids and names.
    """
    items = result.get("ipsec_tunnels") if isinstance(result, dict) else None
    if not isinstance(items, list):
        raise ListUntrusted("the answer holds no list of tunnels")
    tunnels = sorted((_tunnel(item) for item in items), key=lambda t: t.name)
    by_id = {t.id: t for t in tunnels}
    if len(by_id) != len(tunnels):
        raise ListUntrusted("two tunnels have the same id")
    if len({t.name for t in tunnels}) != len(tunnels):
        raise ListUntrusted("two tunnels have the same name")
    return Live(by_id)
