"""Live state: what the list endpoint says, trusted only when it is whole.

Whatever is missing from the list looks as if it did not exist: it would be made a second time, or a tunnel that holds
its address would not be seen. So one entry without an id, or two with one name, is enough to refuse the list, and a run
without a trusted list writes nothing. A field of a wrong type concerns its tunnel alone: see `LiveTunnel.wrong_types`.
(Whether an answer speaks of more tunnels than it holds is looked at in `api.answers`.)
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

from reconciler.model.kind import IPSEC_TUNNEL
from reconciler.model.problems import shown
from reconciler.model.settings import Settings, below, readable
from reconciler.model.tunnel import REQUIRED_OF_ALL

State = Literal["up", "down", "unknown"]


class Session(NamedTuple):
    """A BGP session: a fact and never a setting, which no plan compares and no call sends.

    Attributes:
        state: `down` is any state but `BGP_UP`: what is being established carries nothing yet. What can't be read is
            not known, which is no reason to distrust a list.
        since: When it became so, as the API writes it (RFC 3339), or None.
    """

    state: State
    since: str | None = None


UNKNOWN = Session("unknown")


class ListUntrusted(Exception):
    """The list can't be trusted to be whole, so nothing may be written on the strength of it.

    Attributes:
        remedy: What a person can do about it, or None.
    """

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class LiveTunnel(NamedTuple):
    """One live tunnel.

    Attributes:
        id: Cloudflare's id.
        name: As names are compared (see `tunnel_name`).
        settings: Canonical.
        raw: The JSON object as listed, with the fields this program does not know.
        wrong_types: The fields that have a type that they can't have, by path, in words: `bgp is a list`. Their
            settings look unset, so a tunnel with such a field is neither compared nor written.
    """

    id: str
    name: str
    settings: Settings
    raw: Mapping[str, Any]
    wrong_types: Mapping[str, str] = {}

    @property
    def unreadable(self) -> str:
        """What of it can't be read, or nothing."""
        return ", ".join(sorted(self.wrong_types.values()))

    def without_wrong_types(self, paths: Collection[str], instead: Settings) -> "LiveTunnel":
        """The same, readable, if all that can't be read is of no concern.

        Args:
            paths: What is of no concern: settings and objects that an ignore rule leaves alone.
            instead: Where settings come from in place of those that can't be read, so that they show no difference.
        """
        unread = below(self.wrong_types)
        if not unread <= below(paths):
            return self
        kept = {path: value for path, value in self.settings.items() if path not in unread}
        return self._replace(settings=kept | {p: v for p, v in instead.items() if p in unread}, wrong_types={})

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
    def session(self) -> Session:
        """Its BGP session, as `{"state": "BGP_UP", "updated_at": "2026-11-28T09:00:00Z", …}` tells of it."""
        status = self.raw.get("bgp_status")
        state = status.get("state") if isinstance(status, dict) else None
        if not isinstance(status, dict) or not isinstance(state, str) or not state:
            return UNKNOWN
        since = status.get("updated_at")
        return Session("up" if state == "BGP_UP" else "down", since if isinstance(since, str) and since else None)

    @property
    def psk_generated_on(self) -> str | None:
        """When Cloudflare last generated a key for it (not when one was set), or None."""
        metadata = self.raw.get("psk_metadata")
        value = metadata.get("last_generated_on") if isinstance(metadata, dict) else None
        # Servers written in Go list a time that is unset as the first of their calendar.
        return value if isinstance(value, str) and value and not value.startswith("0001-01-01") else None


class Live(NamedTuple):
    """All live tunnels of one account, by id, in order of name.

    Attributes:
        lists: How many lists it took to believe it.
        asked: When it was asked for, in seconds of a clock that only goes forward.
        at: When it was there, by the same clock.
    """

    tunnels: Mapping[str, LiveTunnel]
    lists: int = 1
    asked: float = 0.0
    at: float = 0.0

    def by_name(self) -> dict[str, LiveTunnel]:
        """The same by name (names are unique in a trusted list)."""
        return {t.name: t for t in self.tunnels.values()}


def instant(text: str | None) -> datetime | None:
    """A time as the API writes it (RFC 3339), or None for text that is not one."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


# (API: 32 hexadecimal digits in every example; the schema of redundancy groups also allows hyphens and 36 characters.)
_ID_LENGTH = 36
_ID = re.compile("-*[0-9A-Za-z][0-9A-Za-z-]*")  # compiled once, since thousands are asked for
_LISTED = 5
_REPORT = "Look at it in Cloudflare's dashboard. If it looks well there, report this message to Cloudflare."
_RENAME = "Rename or delete all but one of them by hand, for example in Cloudflare's dashboard, then run it again."


def _check_id(item: Mapping[str, Any]) -> str:
    value = item.get("id")
    if isinstance(value, str) and len(value) <= _ID_LENGTH and _ID.fullmatch(value):
        return value
    name = item.get("name")
    which = f"the tunnel {shown(name)}" if isinstance(name, str) and name else "a tunnel"
    raise ListUntrusted(f"{which} has no usable id", _REPORT)


def live_tunnel(item: object) -> LiveTunnel:
    """One entry of the list.

    Raises:
        ListUntrusted: It lacks what every tunnel has.
    """
    if not isinstance(item, dict):
        raise ListUntrusted("an entry of the list of tunnels is not an object")
    tunnel_id = _check_id(item)
    settings, wrong_types = readable(item)
    name = str(settings.get("name", ""))
    lacking = [path for path in REQUIRED_OF_ALL if item.get(path) in (None, "") or not name]
    if "name" in wrong_types or lacking:
        which = f"the tunnel {shown(name)} (id {tunnel_id})" if name else f"the tunnel with the id {tunnel_id}"
        if "name" in wrong_types:
            raise ListUntrusted(f"{which} has no name that can be read: {wrong_types['name']}", _REPORT)
        raise ListUntrusted(f"{which} lacks the required field {lacking[0]}", _REPORT)
    return LiveTunnel(tunnel_id, name, settings, item, wrong_types)


def is_null_list(result: object) -> bool:
    """True for a list answer's `result` that says null where the list belongs.

    Servers written in Go answer so for an account without tunnels. One such answer alone could as well be a failure:
    `engine.listing` judges it.
    """
    return isinstance(result, dict) and result.get(IPSEC_TUNNEL.collection, ...) is None


def live_from_result(result: object) -> Live:
    """The live tunnels in a list answer's `result`.

    Raises:
        ListUntrusted: It is not a whole list of tunnels with unique ids and names.
    """
    items = result.get(IPSEC_TUNNEL.collection) if isinstance(result, dict) else None
    if not isinstance(items, list):
        found = "null where the list of tunnels belongs" if is_null_list(result) else "no list of tunnels"
        raise ListUntrusted(f"the answer holds {found}")
    tunnels = sorted((live_tunnel(item) for item in items), key=lambda t: t.name)
    by_id = {t.id: t for t in tunnels}
    if len(by_id) != len(tunnels):
        raise ListUntrusted(_doubles(tunnels, "id"), _REPORT)
    if len({t.name for t in tunnels}) != len(tunnels):
        raise ListUntrusted(_doubles(tunnels, "name"), _RENAME)
    return Live(by_id)


def _doubles(tunnels: Iterable[LiveTunnel], key: Literal["id", "name"]) -> str:
    """Which tunnels share what must be unique."""
    found: dict[str, list[str]] = {}
    for tunnel in tunnels:
        shared, other = (tunnel.id, shown(tunnel.name)) if key == "id" else (tunnel.name, tunnel.id)
        found.setdefault(shared, []).append(other)
    others = "names" if key == "id" else "ids"
    doubled = {shared: several for shared, several in found.items() if len(several) > 1}
    listed = [
        f"{len(several)} tunnels have the {key} {shown(shared)} ({others} {', '.join(several[:_LISTED])})"
        for shared, several in islice(doubled.items(), _LISTED)
    ]
    more = [f"and {len(doubled) - _LISTED} more like that"] if len(doubled) > _LISTED else []
    return "; ".join(listed + more)
