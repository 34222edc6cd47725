"""What the operations share: the call, what they need of the server, and the effect of one PUT."""

from typing import Any, NamedTuple, Protocol

from reconciler.simulator.account import Account
from reconciler.simulator.checks import Json
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.tunnels import shown, updated


class Call(NamedTuple):
    """A routed request; `object_form` is the target's, `dry` means that nothing may persist."""

    account: Account
    tunnel_id: str
    body: Any
    object_form: bool
    dry: bool


class Server(Protocol):
    """What operations need of the simulator."""

    semantics: Semantics

    def new_id(self) -> str:
        """Returns the next tunnel id."""

    def moment(self, *, nanoseconds: bool = False) -> str:
        """Returns the next timestamp."""

    def rank(self, tunnel_id: str) -> bytes:
        """Returns the sort key of a shuffled list."""

    def count_read(self) -> None:
        """Counts a list read."""


def edited(server: Server, old: Json, patch: Json, *, merge: bool) -> Json:
    """Returns the tunnel after a PUT with a new `modified_on`, or the old one itself when nothing changed."""
    tunnel = updated(old, patch, server.semantics, merge=merge)
    if tunnel == old:
        return old
    return {**tunnel, "modified_on": server.moment()}


def key_after(account: Account, tunnel_id: str, patch: Json, semantics: Semantics, *, merge: bool) -> str | None:
    """Returns the key that the tunnel has after a PUT, None for none."""
    if "psk" in patch:
        return str(patch["psk"])
    if not merge and semantics.replaced_psk == "cleared":
        return None
    return account.keys.get(tunnel_id)


def set_key(account: Account, tunnel_id: str, key: str | None) -> None:
    """Sets a key, or takes it away with None."""
    if key is None:
        account.keys.pop(tunnel_id, None)
    else:
        account.keys[tunnel_id] = key


def told(server: Server, *, changed: bool) -> bool:
    """Returns what the answer says about having changed something."""
    flag = server.semantics.modified_flag
    return changed if flag == "effective" else flag == "true"


def view(server: Server, call: Call, tunnel: Json) -> Json:
    """Returns a tunnel in the form that the call asked for."""
    return shown(tunnel, server.semantics, object_form=call.object_form)
