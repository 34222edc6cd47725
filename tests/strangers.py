"""What somebody else does to a simulated account: seen by no log and no count, and never lagging."""

from typing import Any

from reconciler.simulator.account import Account
from reconciler.simulator.checks import patch_of
from reconciler.simulator.server import Simulator
from reconciler.simulator.tunnels import created, updated


def foreign_create(simulator: Simulator, account_id: str, body: dict[str, Any]) -> str:
    """Create a tunnel, by the rules of the API; returns its id."""
    account = simulator.account(account_id)
    patch = patch_of(body, simulator.semantics, object_form=True)
    tunnel = created(patch, simulator.stamps.new_id(), simulator.stamps.moment(), simulator.semantics)
    _keep(simulator, account, tunnel, patch)
    return str(tunnel["id"])


def foreign_edit(simulator: Simulator, account_id: str, name: str, patch: dict[str, Any]) -> None:
    """Merge fields in request form into a tunnel, given by name or id, by the rules of the API."""
    account = simulator.account(account_id)
    fields = patch_of(patch, simulator.semantics, object_form=True)
    tunnel = updated(_named(account, name), fields, simulator.semantics, merge=True)
    _keep(simulator, account, {**tunnel, "modified_on": simulator.stamps.moment()}, fields)


def foreign_delete(simulator: Simulator, account_id: str, name: str) -> None:
    """Delete a tunnel, given by name or id."""
    account = simulator.account(account_id)
    tunnel = _named(account, name)
    account.remember(0)
    account.remove(tunnel["id"])


def _keep(simulator: Simulator, account: Account, tunnel: dict[str, Any], fields: dict[str, Any]) -> None:
    account.check_free(tunnel, simulator.semantics)
    account.remember(0)
    account.keep(tunnel)
    if "psk" in fields:
        account.psks[tunnel["id"]] = fields["psk"]


def _named(account: Account, name: str) -> dict[str, Any]:
    found = (tunnel for tunnel in account.tunnels.values() if name in (tunnel["name"], tunnel["id"]))
    return next(found, None) or account.find(name)
