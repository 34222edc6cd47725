"""The eight operations. Each takes the server and a call, and returns the `result` of the answer."""

import string
from collections.abc import Callable, Mapping
from hashlib import blake2b

from reconciler.simulator.bulk import update_many
from reconciler.simulator.calls import Call, Server, edited, key_after, set_key, told, view
from reconciler.simulator.checks import Json, patch_of
from reconciler.simulator.message import RefusedError
from reconciler.simulator.tunnels import created

_KEY_LETTERS = string.ascii_letters + string.digits


def list_tunnels(server: Server, call: Call) -> Json:
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
    return {"ipsec_tunnels": [view(server, call, tunnel) for tunnel in tunnels]}


def get_tunnel(server: Server, call: Call) -> Json:
    """GET of one tunnel."""
    return {"ipsec_tunnel": view(server, call, call.account.find(call.tunnel_id))}


def create_tunnel(server: Server, call: Call) -> Json:
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
    result = view(server, call, tunnel)
    return result if semantics.create_shape == "object" else {"ipsec_tunnels": [result]}


def update_tunnel(server: Server, call: Call) -> Json:
    """PUT of one tunnel."""
    account, semantics = call.account, server.semantics
    old = account.find(call.tunnel_id)
    patch = patch_of(call.body, semantics, object_form=call.object_form)
    tunnel = edited(server, old, patch, merge=semantics.single_put == "merge")
    account.check_free(tunnel, semantics)
    key = key_after(account, tunnel["id"], patch, semantics, merge=semantics.single_put == "merge")
    changed = tunnel is not old or key != account.keys.get(tunnel["id"])
    if changed and not call.dry:
        account.remember(semantics.list_lag)
        account.keep(tunnel, semantics)
        set_key(account, tunnel["id"], key)
    return {"modified": told(server, changed=changed), "modified_ipsec_tunnel": view(server, call, tunnel)}


def delete_tunnel(server: Server, call: Call) -> Json:
    """DELETE of one tunnel; it takes an empty body, `{}`, or anything else."""
    account = call.account
    tunnel = account.find(call.tunnel_id)
    if not call.dry:
        account.remember(server.semantics.list_lag)
        account.remove(tunnel["id"], server.semantics)
        account.deleted[tunnel["name"]] = account.deleted.get(tunnel["name"], 0) + 1
    return {"deleted": told(server, changed=True), "deleted_ipsec_tunnel": view(server, call, tunnel)}


def generate_key(server: Server, call: Call) -> Json:
    """POST of psk_generate: makes a new key at every call and shows it once (API: in nanosecond time)."""
    if call.dry:  # what the API answers is unknown, and a real key could be replaced: nobody should ask
        raise RefusedError("Invalid Request: psk_generate cannot be validated only")
    account = call.account
    tunnel = account.find(call.tunnel_id)
    moment = server.moment(nanoseconds=True)
    digest = blake2b(f"{server.semantics.seed}:{tunnel['id']}:{moment}".encode(), digest_size=32).digest()
    key = "".join(_KEY_LETTERS[byte % len(_KEY_LETTERS)] for byte in digest)
    stored = f"{moment[:-4]}Z"
    account.remember(server.semantics.list_lag)
    account.keep({**tunnel, "psk_metadata": {"last_generated_on": stored}}, server.semantics)
    account.keys[tunnel["id"]] = key
    metadata = {"last_generated_on": moment}
    return {"ipsec_id": tunnel["id"], "ipsec_tunnel_id": tunnel["id"], "psk": key, "psk_metadata": metadata}


def set_keys(server: Server, call: Call) -> Json:
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


def _applied(server: Server, call: Call, tunnel: Json, key: str) -> Json:
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


HANDLERS: Mapping[str, Callable[[Server, Call], Json]] = {
    "list": list_tunnels,
    "create": create_tunnel,
    "bulk": update_many,
    "get": get_tunnel,
    "update": update_tunnel,
    "delete": delete_tunnel,
    "psk_generate": generate_key,
    "psk_set": set_keys,
}
