"""BGP sessions of the simulated tunnels: what `bgp_status` shows at a moment, by what was changed and when.

    12:00:00    a PUT changes the ASN          BGP_DOWN since 12:00:00
    12:00:03    `bgp_lag=3` is over            BGP_UP since 12:00:03

With `bgp_hold=60` the dead session still reads up, with its old time, until 12:01:00. A session is never advanced: it
is computed from the last change and the clock whenever somebody looks.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from reconciler.simulator.message import Json
from reconciler.simulator.semantics import Semantics

_SECOND = 1_000_000
_FIELDS = (
    "cloudflare_endpoint",
    "customer_endpoint",
    "interface_address",
    "interface_address6",
    "bgp",
    "custom_remote_identities",
    "replay_protection",
)
"""A change of any other field leaves the session alone."""


class State(NamedTuple):
    """Whether a session is up, and since when, in microseconds since the epoch."""

    up: bool
    since: int


def disturbed(old: Json, new: Json, changed: int, semantics: Semantics) -> Json:
    """The tunnel with a note of what a change does to its session.

    Args:
        old: Before.
        new: After.
        changed: When it was changed, in microseconds.
        semantics: The switches.
    """
    if semantics.bgp_keeps or all(old.get(field) == new.get(field) for field in _FIELDS):
        return new
    before = state(old, changed, semantics)
    return {**new, "bgp_status": {"changed": changed, "up": before.up, "since": before.since}}


def state(tunnel: Json, now: int, semantics: Semantics) -> State:
    """A tunnel's session at a moment, in microseconds."""
    note = tunnel.get("bgp_status")
    lag = semantics.bgp_lag * _SECOND + 1  # newer than the change even without a lag
    if note is None:  # never disturbed since it was made
        made = round(datetime.fromisoformat(tunnel["created_on"]).timestamp() * _SECOND)
        return State(up=True, since=made + lag) if now >= made + lag else State(up=False, since=made)
    changed = note["changed"]
    noticed = changed + semantics.bgp_hold * _SECOND
    again = max(changed + lag, noticed + 1)
    if now < noticed:
        return State(note["up"], note["since"])
    if now < again or semantics.bgp_down & {tunnel["id"], tunnel["name"]}:
        return State(up=False, since=noticed)
    if semantics.bgp_flap:
        turns, _ = divmod(now - again, semantics.bgp_flap * _SECOND)
        return State(up=turns % 2 == 0, since=again + turns * semantics.bgp_flap * _SECOND)
    return State(up=True, since=again)


def status(tunnel: Json, now: int, semantics: Semantics, text_of: Callable[[int], str]) -> Json | None:
    """What an answer shows of the session; None where there is none.

    Args:
        tunnel: The kept tunnel.
        now: In microseconds.
        semantics: The switches.
        text_of: A time as the API writes it.
    """
    if "bgp" not in tunnel or semantics.bgp_status == "absent":
        return None
    up, since = state(tunnel, now, semantics)
    return {"state": "BGP_UP" if up else "BGP_DOWN", "tcp_established": up, "updated_at": text_of(since)}
