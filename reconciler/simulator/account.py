"""The state of one account: tunnels, keys, who holds which unique value, and what was created and deleted."""

from dataclasses import dataclass, field
from typing import Any

from reconciler.simulator.checks import Json
from reconciler.simulator.message import RefusedError
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.tunnels import Claim, claims

_STORED = frozenset(
    {
        "id",
        "name",
        "cloudflare_endpoint",
        "interface_address",
        "health_check",
        "replay_protection",
        "automatic_return_routing",
        "psk_metadata",
        "created_on",
        "modified_on",
    }
)
_STORED_HEALTH = frozenset({"enabled", "rate", "type", "direction", "target"})


@dataclass(slots=True)
class Account:
    """Tunnels by id in order of creation, keys by id, and the bookkeeping around them.

    Attributes:
        tunnels: Tunnel id to the kept tunnel.
        keys: Tunnel id to its pre-shared key.
        created: Name to the number of creates that took effect.
        deleted: Name to the number of deletes that took effect.
        owners: Unique value to the id of the tunnel that holds it.
        before: The tunnels before the last write.
        stale: Older views that lists still show, oldest first, each with the reads it has left.
    """

    tunnels: dict[str, Json] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    owners: dict[Claim, str] = field(default_factory=dict)
    before: list[Json] = field(default_factory=list)
    stale: list[tuple[list[Json], int]] = field(default_factory=list)

    def copy(self) -> "Account":
        """An independent copy; the kept tunnels themselves are shared, since none is ever changed."""
        return Account(
            dict(self.tunnels),
            dict(self.keys),
            dict(self.created),
            dict(self.deleted),
            dict(self.owners),
            self.before,
            list(self.stale),
        )

    def find(self, tunnel_id: str) -> Json:
        """A tunnel.

        Raises:
            RefusedError: 404 with code 1032.
        """
        tunnel = self.tunnels.get(tunnel_id)
        if tunnel is None:
            raise RefusedError("IPsec tunnel not found", code=1032, status=404)
        return tunnel

    def check_free(self, tunnel: Json, semantics: Semantics) -> None:
        """Refuse a tunnel that needs what another one holds.

        Args:
            tunnel: The tunnel to be kept.
            semantics: Which values are unique.

        Raises:
            RefusedError: Code 1022, naming the field.
        """
        for claim in claims(tunnel, semantics):
            owner = self.owners.get(claim)
            if owner is not None and owner != tunnel["id"]:
                message = f'Invalid Request: "{claim[0]}" of tunnel {tunnel["name"]} is used by another tunnel'
                raise RefusedError(message, status=semantics.conflict_status)

    def remember(self, lag: int) -> None:
        """Keep the present tunnels as the state before a write, for `lag` list reads to come."""
        self.before = list(self.tunnels.values())
        if lag:
            self.stale.append((self.before, lag))

    def keep(self, tunnel: Json, semantics: Semantics) -> None:
        """Put a tunnel in place of the one with its id, or add it."""
        self._release(tunnel["id"], semantics)
        self.tunnels[tunnel["id"]] = tunnel
        for claim in claims(tunnel, semantics):  # a restored state may hold two that claim the same: the first has it
            self.owners.setdefault(claim, tunnel["id"])

    def keep_all(self, tunnels: list[Json], semantics: Semantics) -> None:
        """Put several tunnels in place at once: only the end state must be free of collisions.

        Raises:
            RefusedError: As `check_free`; the account is then half changed and must be dropped.
        """
        for tunnel in tunnels:
            self._release(tunnel["id"], semantics)
        for tunnel in tunnels:
            self.check_free(tunnel, semantics)
            self.tunnels[tunnel["id"]] = tunnel
            self.owners.update((claim, tunnel["id"]) for claim in claims(tunnel, semantics))

    def remove(self, tunnel_id: str, semantics: Semantics) -> None:
        """Take a tunnel and its key away."""
        self._release(tunnel_id, semantics)
        del self.tunnels[tunnel_id]
        self.keys.pop(tunnel_id, None)

    def _release(self, tunnel_id: str, semantics: Semantics) -> None:
        old = self.tunnels.get(tunnel_id)
        for claim in claims(old, semantics) if old is not None else ():
            if self.owners.get(claim) == tunnel_id:
                del self.owners[claim]

    def read(self) -> list[Json]:
        """What a list shows now, older than the truth while a write is still lagging."""
        if not self.stale:
            return list(self.tunnels.values())
        view = self.stale[0][0]
        self.stale = [(older, left - 1) for older, left in self.stale if left > 1]
        return view

    def settle(self) -> None:
        """Forget the past: stale views and counters."""
        self.before = list(self.tunnels.values())
        self.stale = []
        self.created = {}
        self.deleted = {}

    def snapshot(self) -> Json:
        """Tunnels, keys and counters as a JSON-able value."""
        return {
            "tunnels": list(self.tunnels.values()),
            "keys": dict(self.keys),
            "created": dict(self.created),
            "deleted": dict(self.deleted),
        }


def restored(state: Any, semantics: Semantics) -> Account:
    """The account of a snapshot.

    Raises:
        ValueError: Not a snapshot of an account.
    """
    try:
        account = Account(keys=dict(state["keys"]), created=dict(state["created"]), deleted=dict(state["deleted"]))
        for tunnel in state["tunnels"]:
            account.keep(_whole(tunnel), semantics)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a state of the simulator: {error!r}") from None
    account.before = list(account.tunnels.values())
    return account


def _whole(tunnel: Json) -> Json:
    if not tunnel.keys() >= _STORED or not tunnel["health_check"].keys() >= _STORED_HEALTH:
        raise ValueError("a tunnel is not whole")
    return tunnel
