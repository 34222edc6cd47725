"""The state of one account: tunnels, keys, who holds which unique value, and what was created and deleted.

A write works on a copy and either replaces the account or is dropped whole, so a refusal never leaves half a change.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from reconciler.simulator.checks import address, interface
from reconciler.simulator.message import Json, RefusedError
from reconciler.simulator.semantics import Semantics

Claim = tuple[str | int, ...]
"""A field and a value of it that only one tunnel may hold, such as `("name", "lon-a")`."""

_STORED = frozenset(
    (
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
    )
)
_STORED_HEALTH = frozenset(("enabled", "rate", "type", "direction", "target"))


@dataclass(slots=True)
class Account:
    """Tunnels and static routes by id in order of creation, and the bookkeeping around them.

    Attributes:
        tunnels: Tunnel id to the kept tunnel.
        psks: Tunnel id to its pre-shared key.
        routes: Route id to the kept route. No tunnel knows of them.
        created: Name to the number of creates that took effect.
        deleted: Name to the number of deletes that took effect.
        owners: Unique value to the id of the tunnel that holds it.
        before: The tunnels before the last write.
        stale: Older views that lists still show, oldest first, each with the reads it has left.
    """

    tunnels: dict[str, Json] = field(default_factory=dict)
    psks: dict[str, str] = field(default_factory=dict)
    routes: dict[str, Json] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    owners: dict[Claim, str] = field(default_factory=dict)
    before: list[Json] = field(default_factory=list)
    stale: list[tuple[list[Json], int]] = field(default_factory=list)

    def copy(self) -> "Account":
        """An independent copy; the kept tunnels themselves are shared, since none is ever changed."""
        return Account(
            dict(self.tunnels),
            dict(self.psks),
            dict(self.routes),
            dict(self.created),
            dict(self.deleted),
            dict(self.owners),
            self.before,
            list(self.stale),
        )

    def become(self, copy: "Account", lag: int) -> None:
        """Take over what a write made of a copy; `lag` list reads to come still show what was before."""
        if copy.tunnels != self.tunnels or copy.psks != self.psks:
            self.remember(lag)
        self.tunnels, self.psks, self.owners, self.routes = copy.tunnels, copy.psks, copy.owners, copy.routes
        self.created, self.deleted = copy.created, copy.deleted

    def remember(self, lag: int) -> None:
        """Keep the present tunnels as the state before a write, for `lag` list reads to come."""
        self.before = list(self.tunnels.values())
        if lag:
            self.stale.append((self.before, lag))

    def read(self) -> list[Json]:
        """What a list shows now, older than the truth while a write is still lagging."""
        if not self.stale:
            return list(self.tunnels.values())
        view = self.stale[0][0]
        self.stale = [(older, left - 1) for older, left in self.stale if left > 1]
        return view

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

        Raises:
            RefusedError: Code 1022, naming the field.
        """
        unique = {"name": semantics.names_unique, "custom_remote_identities.fqdn_id": True}
        for claim in claims(tunnel):
            owner = self.owners.get(claim, tunnel["id"])
            if owner != tunnel["id"] and unique.get(str(claim[0]), semantics.addresses_unique):
                message = f'Invalid Request: "{claim[0]}" of tunnel {tunnel["name"]} is used by another tunnel'
                raise RefusedError(message, status=semantics.conflict_status)

    def keep(self, tunnel: Json) -> None:
        """Put a tunnel in place of the one with its id, or add it."""
        self.release(tunnel["id"])
        self.tunnels[tunnel["id"]] = tunnel
        for claim in claims(tunnel):  # where two may hold the same, the first has it
            self.owners.setdefault(claim, tunnel["id"])

    def release(self, tunnel_id: str) -> None:
        """Let others take what a tunnel holds; it stays as it is."""
        old = self.tunnels.get(tunnel_id)
        for claim in claims(old) if old is not None else ():
            if self.owners.get(claim) == tunnel_id:
                del self.owners[claim]

    def remove(self, tunnel_id: str) -> None:
        """Take a tunnel and its key away."""
        self.release(tunnel_id)
        del self.tunnels[tunnel_id]
        self.psks.pop(tunnel_id, None)

    def settle(self) -> None:
        """Forget the past: stale views and counters."""
        self.before = list(self.tunnels.values())
        self.stale = []
        self.created = {}
        self.deleted = {}

    def snapshot(self) -> Json:
        """Tunnels, keys, routes and counters as a JSON-able value."""
        return {
            "tunnels": list(self.tunnels.values()),
            "keys": dict(self.psks),
            "routes": list(self.routes.values()),
            "created": dict(self.created),
            "deleted": dict(self.deleted),
        }

    @classmethod
    def restore(cls, state: Any) -> "Account":
        """The account of a snapshot; of anything else, whatever error its wrong shape leads to."""
        account = cls(psks=dict(state["keys"]), created=dict(state["created"]), deleted=dict(state["deleted"]))
        for tunnel in state["tunnels"]:
            if not tunnel.keys() >= _STORED or not tunnel["health_check"].keys() >= _STORED_HEALTH:
                raise ValueError("a tunnel is not whole")
            account.keep(tunnel)
        account.routes = {route["id"]: route for route in state.get("routes", ())}  # older states know of none
        account.before = list(account.tunnels.values())
        return account


def claims(tunnel: Json) -> tuple[Claim, ...]:
    """What no other tunnel of the account may hold: name, interface cells, identity per endpoint."""
    return _claims(
        tunnel["name"],
        tunnel["interface_address"],
        tunnel.get("interface_address6", ""),
        tunnel.get("custom_remote_identities", {}).get("fqdn_id", ""),
        tunnel["cloudflare_endpoint"],
    )


@lru_cache(maxsize=65536)
def _claims(name: str, network: str, network6: str, fqdn: str, endpoint: str) -> tuple[Claim, ...]:
    taken: list[Claim] = [("name", name)]
    taken += [("interface_address", *cell) for cell in cells(network)]
    taken += [("interface_address6", *cell) for cell in cells(network6)]
    if fqdn:
        taken.append(("custom_remote_identities.fqdn_id", fqdn.lower(), address(endpoint) or endpoint))
    return tuple(taken)


def cells(text: str) -> tuple[tuple[int, int], ...]:
    """The two-address cells of an interface network: networks overlap when they share a cell."""
    parsed = interface(text)
    if parsed is None:
        return ()
    version, number, length = parsed
    size = 32 if version == 4 else 128  # noqa: PLR2004
    first = number >> (size - length) << (size - length) >> 1
    return tuple((version, first + step) for step in range(max(1, 1 << (size - length) >> 1)))
