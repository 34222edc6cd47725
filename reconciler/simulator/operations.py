"""The eight operations. Each takes the server and a call, and gives the `result` of the answer.

A refused request changes nothing (but with the switch `bulk=prefix`), and neither does a dry run (`validate_only`). The
bulk PUT has the most open questions, since its body is not documented anywhere: hence most of the switches.
"""

import string
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.simulator.account import Account
from reconciler.simulator.checks import Json, patch_of
from reconciler.simulator.message import RefusedError
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.tunnels import created, shown, updated

if TYPE_CHECKING:
    from reconciler.simulator.server import Simulator

_KEY_LETTERS = string.ascii_letters + string.digits


class Call(NamedTuple):
    """A routed request; `object_form` is the target's, `dry` means that nothing may persist."""

    account: Account
    tunnel_id: str
    body: Any
    object_form: bool
    dry: bool


def list_tunnels(server: "Simulator", call: Call) -> Json:
    """GET of the collection."""
    server.count_read()
    tunnels = call.account.read()
    order = server.semantics.order
    if order == "name":
        tunnels = sorted(tunnels, key=lambda tunnel: str(tunnel["name"]))
    elif order == "reverse":
        tunnels = tunnels[::-1]
    elif order == "shuffled":
        tunnels = sorted(tunnels, key=lambda tunnel: server.rank(tunnel["id"]))
    if not tunnels and server.semantics.empty_list == "null":
        return {"ipsec_tunnels": None}
    return {"ipsec_tunnels": [_view(server, call, tunnel) for tunnel in tunnels]}


def get_tunnel(server: "Simulator", call: Call) -> Json:
    """GET of one tunnel."""
    return {"ipsec_tunnel": _view(server, call, call.account.find(call.tunnel_id))}


def create_tunnel(server: "Simulator", call: Call) -> Json:
    """POST to the collection (API: documented with two shapes of the result)."""
    account, semantics = call.account, server.semantics
    patch = patch_of(call.body, semantics, object_form=call.object_form)
    tunnel = created(patch, server.new_id(), server.moment(), semantics)
    account.check_free(tunnel, semantics)
    if not call.dry:
        account.remember(semantics.list_lag)
        account.keep(tunnel, semantics)
        account.created[tunnel["name"]] = account.created.get(tunnel["name"], 0) + 1
        if "psk" in patch:
            account.keys[tunnel["id"]] = patch["psk"]
    result = _view(server, call, tunnel)
    return result if semantics.create_shape == "object" else {"ipsec_tunnels": [result]}


def update_tunnel(server: "Simulator", call: Call) -> Json:
    """PUT of one tunnel."""
    account, semantics = call.account, server.semantics
    old = account.find(call.tunnel_id)
    patch = patch_of(call.body, semantics, object_form=call.object_form)
    tunnel = _after_put(server, old, patch, merge=semantics.single_put == "merge")
    account.check_free(tunnel, semantics)
    key = _key_after(account, tunnel["id"], patch, semantics, merge=semantics.single_put == "merge")
    changed = tunnel is not old or key != account.keys.get(tunnel["id"])
    if changed and not call.dry:
        account.remember(semantics.list_lag)
        account.keep(tunnel, semantics)
        _set_key(account, tunnel["id"], key)
    return {"modified": _changed_flag(server, changed=changed), "modified_ipsec_tunnel": _view(server, call, tunnel)}


def update_many(server: "Simulator", call: Call) -> Json:
    """Bulk PUT of the collection: tunnels that the body leaves out stay as they are."""
    account, semantics = call.account, server.semantics
    items = _bulk_items(call.body, semantics)
    work = account.copy()  # a refusal in the middle drops it
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
    views = [_view(server, call, tunnel) for tunnel in done]
    return {"modified": _changed_flag(server, changed=changed), "modified_ipsec_tunnels": views}


def _commit(server: "Simulator", call: Call, work: Account, done: list[Json]) -> None:
    """Put the copy in the account's place, unless it was a dry run or nothing differs."""
    account = call.account
    if call.dry or (work.tunnels == account.tunnels and work.keys == account.keys):
        return
    account.remember(server.semantics.list_lag)
    account.tunnels, account.owners = work.tunnels, work.owners
    for tunnel in done:
        _set_key(account, tunnel["id"], work.keys.get(tunnel["id"]))


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


def _bulk_item(server: "Simulator", call: Call, work: Account, item: Json) -> Json:
    semantics = server.semantics
    merge = semantics.bulk_put == "merge"
    old = work.find(item["id"])
    patch = patch_of(item, semantics, object_form=call.object_form, bulk=True)
    tunnel = _after_put(server, old, patch, merge=merge)
    _set_key(work, tunnel["id"], _key_after(work, tunnel["id"], patch, semantics, merge=merge))
    return tunnel


def delete_tunnel(server: "Simulator", call: Call) -> Json:
    """DELETE of one tunnel; it takes an empty body, `{}`, or anything else."""
    account = call.account
    tunnel = account.find(call.tunnel_id)
    if not call.dry:
        account.remember(server.semantics.list_lag)
        account.remove(tunnel["id"], server.semantics)
        account.deleted[tunnel["name"]] = account.deleted.get(tunnel["name"], 0) + 1
    return {"deleted": _changed_flag(server, changed=True), "deleted_ipsec_tunnel": _view(server, call, tunnel)}


def generate_key(server: "Simulator", call: Call) -> Json:
    """POST of psk_generate: makes a new key at every call and shows it once (API: in nanosecond time)."""
    if call.dry:  # what the API answers is unknown, and a real key could be replaced: nobody should ask
        raise RefusedError("Invalid Request: psk_generate cannot be validated only")
    account = call.account
    tunnel = account.find(call.tunnel_id)
    moment = server.moment(nanoseconds=True)
    digest = blake2b(f"{server.semantics.seed}:{tunnel['id']}:{moment}".encode(), digest_size=32).digest()
    key = "".join(_KEY_LETTERS[byte % len(_KEY_LETTERS)] for byte in digest)
    stored = f"{moment[:-4]}Z"  # lists have it in microseconds
    account.remember(server.semantics.list_lag)
    account.keep({**tunnel, "psk_metadata": {"last_generated_on": stored}}, server.semantics)
    account.keys[tunnel["id"]] = key
    metadata = {"last_generated_on": moment}
    return {"ipsec_id": tunnel["id"], "ipsec_tunnel_id": tunnel["id"], "psk": key, "psk_metadata": metadata}


def set_keys(server: "Simulator", call: Call) -> Json:
    """POST of psk: sets several keys, each of which may succeed or not, and echoes them."""
    account = call.account
    entries = call.body.get("psks") if isinstance(call.body, dict) else None
    if not isinstance(entries, list) or not all(_is_key_entry(entry) for entry in entries):
        raise RefusedError('Invalid Request: "psks" must be a list of objects with "id" and "psk"')
    applied: Json = {}
    unapplied: dict[str, str] = {}
    for entry in entries:
        tunnel = account.tunnels.get(entry["id"])
        if tunnel is None:
            unapplied[entry["id"]] = "IPsec tunnel not found"
        elif server.semantics.psk_refusals & {tunnel["id"], tunnel["name"]}:
            unapplied[entry["id"]] = "the key could not be applied"
        else:
            applied[entry["id"]] = _applied(server, call, tunnel, entry["psk"])
    return {"successfully_applied_psks": applied, "unapplied_psks": unapplied}


def _applied(server: "Simulator", call: Call, tunnel: Json, key: str) -> Json:
    metadata = {"last_generated_on": server.moment()}
    if not call.dry:
        call.account.remember(server.semantics.list_lag)
        call.account.keep({**tunnel, "psk_metadata": metadata}, server.semantics)
        call.account.keys[tunnel["id"]] = key
    return {"ipsec_tunnel_id": tunnel["id"], "ipsec_id": tunnel["id"], "psk": key, "psk_metadata": metadata}


def _is_key_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    return all(isinstance(entry.get(name), str) and entry[name] for name in ("id", "psk"))


def _after_put(server: "Simulator", old: Json, patch: Json, *, merge: bool) -> Json:
    """The tunnel after a PUT with a new `modified_on`, or the old one itself when nothing changed."""
    tunnel = updated(old, patch, server.semantics, merge=merge)
    if tunnel == old:
        return old
    return {**tunnel, "modified_on": server.moment()}


def _key_after(account: Account, tunnel_id: str, patch: Json, semantics: Semantics, *, merge: bool) -> str | None:
    """The key that the tunnel has after a PUT, None for none."""
    if "psk" in patch:
        return str(patch["psk"])
    if not merge and semantics.replaced_psk == "cleared":
        return None
    return account.keys.get(tunnel_id)


def _set_key(account: Account, tunnel_id: str, key: str | None) -> None:
    """Set a key, or take it away with None."""
    if key is None:
        account.keys.pop(tunnel_id, None)
    else:
        account.keys[tunnel_id] = key


def _changed_flag(server: "Simulator", *, changed: bool) -> bool:
    """What the answer says about having changed something."""
    flag = server.semantics.modified_flag
    return changed if flag == "effective" else flag == "true"


def _view(server: "Simulator", call: Call, tunnel: Json) -> Json:
    """A tunnel in the form that the call asked for."""
    return shown(tunnel, server.semantics, object_form=call.object_form)


HANDLERS: Mapping[str, Callable[["Simulator", Call], Json]] = {
    "list": list_tunnels,
    "create": create_tunnel,
    "bulk": update_many,
    "get": get_tunnel,
    "update": update_tunnel,
    "delete": delete_tunnel,
    "psk_generate": generate_key,
    "psk_set": set_keys,
}
