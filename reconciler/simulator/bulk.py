"""Bulk PUT of the collection, the operation with the most open questions (API: body not documented)."""

from typing import Any

from reconciler.simulator.account import Account
from reconciler.simulator.calls import Call, Server, edited, key_after, set_key, told, view
from reconciler.simulator.checks import Json, patch_of
from reconciler.simulator.message import RefusedError
from reconciler.simulator.semantics import Semantics


def update_many(server: Server, call: Call) -> Json:
    """Bulk PUT of the collection: tunnels that the body leaves out stay as they are."""
    account, semantics = call.account, server.semantics
    items = _bulk_items(call.body, semantics)
    work = account.copy()
    before = dict(account.tunnels), dict(account.keys)
    done: list[Json] = []
    try:
        if semantics.bulk == "atomic":
            done = [_bulk_item(server, call, work, item) for item in items]
            work.keep_all(done, semantics)
        else:
            for item in items:
                tunnel = _bulk_item(server, call, work, item)
                work.check_free(tunnel, semantics)
                work.keep(tunnel, semantics)
                done.append(tunnel)
    except RefusedError:
        if semantics.bulk == "prefix":
            _commit(server, call, work, done)
        raise
    _commit(server, call, work, done)
    changed = (work.tunnels, work.keys) != before
    views = [view(server, call, tunnel) for tunnel in done]
    return {"modified": told(server, changed=changed), "modified_ipsec_tunnels": views}


def _commit(server: Server, call: Call, work: Account, done: list[Json]) -> None:
    account = call.account
    if call.dry or (work.tunnels == account.tunnels and work.keys == account.keys):
        return
    account.remember(server.semantics.list_lag)
    account.tunnels, account.owners = work.tunnels, work.owners
    for tunnel in done:
        set_key(account, tunnel["id"], work.keys.get(tunnel["id"]))


def _bulk_items(body: Any, semantics: Semantics) -> list[Any]:
    items = body.get("ipsec_tunnels") if isinstance(body, dict) else None
    if semantics.bulk_body == "array":
        items = body
    if semantics.bulk_body == "none" or not isinstance(items, list) or not items:
        raise RefusedError("Invalid Request: no IPsec tunnels found in request")
    if semantics.bulk_limit and len(items) > semantics.bulk_limit:
        raise RefusedError("Invalid Request: too many IPsec tunnels", status=semantics.bulk_limit_status)
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(tunnel_id, str) for tunnel_id in ids):
        raise RefusedError('Invalid Request: "id" is required for each IPsec tunnel')
    if len(set(ids)) != len(ids):
        raise RefusedError("Invalid Request: an IPsec tunnel occurs twice")
    return items


def _bulk_item(server: Server, call: Call, work: Account, item: Json) -> Json:
    semantics = server.semantics
    merge = semantics.bulk_put == "merge"
    old = work.find(item["id"])
    patch = patch_of(item, semantics, object_form=call.object_form, bulk=True)
    tunnel = edited(server, old, patch, merge=merge)
    if tunnel["id"] not in work.keys and "psk" not in patch:
        return tunnel
    set_key(work, tunnel["id"], key_after(work, tunnel["id"], patch, semantics, merge=merge))
    return tunnel
