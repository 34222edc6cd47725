"""The BGP session of a live tunnel, as the list tells it: whether traffic can take its routes through the tunnel.

    {"state": "BGP_UP", "updated_at": "2026-11-28T09:00:00Z", …}    up, since that time

It is a fact and never a setting: no plan compares it, no call sends it. What can't be read of it is not known, which is
no reason to distrust a list.
"""

from typing import Literal, NamedTuple

from reconciler.model.desired import Declared
from reconciler.model.live import LiveTunnel

State = Literal["up", "down", "unknown"]


class Session(NamedTuple):
    """A BGP session.

    Attributes:
        state: `down` is any state but `BGP_UP`: what is being established carries nothing yet.
        since: When it became so, as the API writes it (RFC 3339), or None.
    """

    state: State
    since: str | None = None


UNKNOWN = Session("unknown")


def session(tunnel: LiveTunnel | None) -> Session:
    """The session of a tunnel as listed; unknown where there is none, or none that can be read."""
    status = tunnel.raw.get("bgp_status") if tunnel else None
    if not isinstance(status, dict):
        return UNKNOWN
    state = status.get("state")
    if not isinstance(state, str) or not state:
        return UNKNOWN
    since = status.get("updated_at")
    return Session("up" if state == "BGP_UP" else "down", since if isinstance(since, str) and since else None)


def has_bgp(tunnel: LiveTunnel | Declared | None) -> bool:
    """Whether it has, or is to have, a session at all."""
    return tunnel is not None and "bgp.customer_asn" in tunnel.settings
