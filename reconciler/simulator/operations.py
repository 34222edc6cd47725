"""The operations on tunnels, and the few on static routes. Each takes a call and gives the `result` of the answer.

They work on a copy of the account, which `server` keeps or drops: a refused request changes nothing, but with the
switch `bulk=prefix`, and neither does a dry run. The bulk PUT has the most open questions, since its body is not
documented anywhere: hence most of the switches.
"""

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from reconciler.simulator.account import Account
from reconciler.simulator.checks import address, interface, patch_of
from reconciler.simulator.message import Json, RefusedError
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.sessions import disturbed, status
from reconciler.simulator.tunnels import created, shown, updated

_PSK_LETTERS = string.ascii_letters + string.digits


@dataclass(slots=True)
class Stamps:
    """What the server makes up: ids, timestamps, shuffles. Clock and seed alone decide them, so a run can be replayed.

    Attributes:
        seed: Makes ids and shuffles differ between simulators.
        now: The clock, seconds since the epoch.
        ids: How many ids were given.
        lists: How many lists were read.
        micros: The last timestamp.
    """

    seed: int
    now: Callable[[], float]
    ids: int = 0
    lists: int = 0
    micros: int = 0

    def new_id(self) -> str:
        """The next tunnel id: 32 hexadecimal digits."""
        self.ids += 1
        return blake2b(f"{self.seed}:{self.ids}".encode(), digest_size=16).hexdigest()

    def moment(self, *, nanoseconds: bool = False) -> str:
        """The next timestamp, always later than the one before (API: trailing zeros are cut)."""
        self.micros = max(int(self.now() * 1_000_000), self.micros + 1)
        return f"{_text(self.micros)}001Z" if nanoseconds else moment_text(self.micros)

    def shown(self, tunnel: Json, semantics: Semantics, *, object_form: bool) -> Json:
        """A tunnel as an answer gives it now, with its session."""
        view = shown(tunnel, semantics, object_form=object_form)
        session = status(tunnel, max(int(self.now() * 1_000_000), self.micros), semantics, moment_text)
        view.pop("bgp_status", None)
        return view if session is None else {**view, "bgp_status": session}

    def shuffled(self, tunnels: list[Json]) -> list[Json]:
        """Another order at each read."""

        def rank(tunnel: Json) -> bytes:
            return blake2b(f"{self.seed}:{self.lists}:{tunnel['id']}".encode(), digest_size=8).digest()

        self.lists += 1
        return sorted(tunnels, key=rank)


def _text(micros: int) -> str:
    seconds, rest = divmod(micros, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}"


def moment_text(micros: int) -> str:
    """A time in microseconds since the epoch as the API writes it (trailing zeros are cut)."""
    return f"{_text(micros).rstrip('0').rstrip('.')}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


class Call(NamedTuple):
    """A routed request; `object_form` is the health-check target's."""

    account: Account
    tunnel_id: str
    body: Any
    object_form: bool
    semantics: Semantics
    stamps: Stamps

    def view(self, tunnel: Json) -> Json:
        """A tunnel in the form that the call asked for."""
        return self.stamps.shown(tunnel, self.semantics, object_form=self.object_form)

    def flag(self, *, changed: bool) -> bool:
        """What the answer says about having changed something."""
        flag = self.semantics.modified_flag
        return changed if flag == "effective" else flag == "true"


def list_tunnels(call: Call) -> Json:
    """GET of the collection."""
    tunnels, order = call.account.read(), call.semantics.order
    if order == "name":
        tunnels = sorted(tunnels, key=lambda tunnel: str(tunnel["name"]))
    elif order == "reverse":
        tunnels = tunnels[::-1]
    elif order == "shuffled":
        tunnels = call.stamps.shuffled(tunnels)
    if not tunnels and call.semantics.empty_list == "null":
        return {"ipsec_tunnels": None}
    return {"ipsec_tunnels": [call.view(tunnel) for tunnel in tunnels]}


def get_tunnel(call: Call) -> Json:
    """GET of one tunnel."""
    return {"ipsec_tunnel": call.view(call.account.find(call.tunnel_id))}


def create_tunnel(call: Call) -> Json:
    """POST to the collection (API: documented with two shapes of the result)."""
    account = call.account
    patch = patch_of(call.body, call.semantics, object_form=call.object_form)
    tunnel = created(patch, call.stamps.new_id(), call.stamps.moment(), call.semantics)
    account.check_free(tunnel, call.semantics)
    account.keep(tunnel)
    account.created[tunnel["name"]] = account.created.get(tunnel["name"], 0) + 1
    if "psk" in patch:
        account.psks[tunnel["id"]] = patch["psk"]
    result = call.view(tunnel)
    return result if call.semantics.create_shape == "object" else {"ipsec_tunnels": [result]}


def update_tunnel(call: Call) -> Json:
    """PUT of one tunnel."""
    tunnel, changed = _put(call, call.tunnel_id, call.body, bulk=False)
    return {"modified": call.flag(changed=changed), "modified_ipsec_tunnel": call.view(tunnel)}


def update_many(call: Call) -> Json:
    """Bulk PUT of the collection: tunnels that the body leaves out stay as they are."""
    semantics = call.semantics
    items = call.body.get("ipsec_tunnels") if isinstance(call.body, dict) else None
    if semantics.bulk_body == "array":
        items = call.body
    if semantics.bulk_body == "none" or not isinstance(items, list) or not items:
        raise RefusedError("Invalid Request: no IPsec tunnels found in request")
    if semantics.bulk_limit and len(items) > semantics.bulk_limit:
        raise RefusedError("Invalid Request: too many IPsec tunnels", status=semantics.bulk_limit_status)
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(tunnel_id, str) for tunnel_id in ids):
        raise RefusedError('Invalid Request: "id" is required for each IPsec tunnel')
    if len(set(ids)) != len(ids):
        raise RefusedError("Invalid Request: an IPsec tunnel occurs twice")
    if semantics.bulk == "atomic":  # only the end state must be free of collisions: nobody holds anything meanwhile
        for item in items:
            call.account.release(item["id"])
    done = [_put(call, item["id"], item, bulk=True) for item in items]
    return {
        "modified": call.flag(changed=any(changed for _, changed in done)),
        "modified_ipsec_tunnels": [call.view(tunnel) for tunnel, _ in done],
    }


def _put(call: Call, tunnel_id: str, body: Any, *, bulk: bool) -> tuple[Json, bool]:
    """The tunnel after a PUT, and whether anything changed; it is the old one itself when only its key did."""
    account, semantics = call.account, call.semantics
    merge = (semantics.bulk_put if bulk else semantics.single_put) == "merge"
    old, psk = account.find(tunnel_id), account.psks.get(tunnel_id)
    patch = patch_of(body, semantics, object_form=call.object_form, bulk=bulk)
    tunnel = updated(old, patch, semantics, merge=merge)
    if tunnel == old:
        tunnel = old
    else:
        tunnel = {**tunnel, "modified_on": call.stamps.moment()}
        tunnel = disturbed(old, tunnel, call.stamps.micros, semantics)
    account.check_free(tunnel, semantics)
    account.keep(tunnel)
    if "psk" in patch:
        account.psks[tunnel_id] = patch["psk"]
    elif not merge and semantics.replaced_psk == "cleared":
        account.psks.pop(tunnel_id, None)
    return tunnel, tunnel is not old or account.psks.get(tunnel_id) != psk


def delete_tunnel(call: Call) -> Json:
    """DELETE of one tunnel; it takes an empty body, `{}`, or anything else."""
    account = call.account
    tunnel = account.find(call.tunnel_id)
    account.remove(tunnel["id"])
    account.deleted[tunnel["name"]] = account.deleted.get(tunnel["name"], 0) + 1
    return {"deleted": call.flag(changed=True), "deleted_ipsec_tunnel": call.view(tunnel)}


def generate_psk(call: Call) -> Json:
    """POST of psk_generate: makes a new key at every call and shows it once (API: in nanosecond time)."""
    tunnel = call.account.find(call.tunnel_id)
    moment = call.stamps.moment(nanoseconds=True)
    digest = blake2b(f"{call.stamps.seed}:{tunnel['id']}:{moment}".encode(), digest_size=32).digest()
    psk = "".join(_PSK_LETTERS[byte % len(_PSK_LETTERS)] for byte in digest)
    stored = f"{moment[:-4]}Z"  # lists have it in microseconds
    return _set_psk(call, tunnel, psk, stored) | {"psk_metadata": {"last_generated_on": moment}}


def set_psks(call: Call) -> Json:
    """POST of psk: sets several keys, each of which may succeed or not, and echoes them."""
    entries = call.body.get("psks") if isinstance(call.body, dict) else None
    if not isinstance(entries, list) or not all(_is_psk_entry(entry) for entry in entries):
        raise RefusedError('Invalid Request: "psks" must be a list of objects with "id" and "psk"')
    applied: Json = {}
    unapplied: dict[str, str] = {}
    for entry in entries:
        tunnel = call.account.tunnels.get(entry["id"])
        if tunnel is None:
            unapplied[entry["id"]] = "IPsec tunnel not found"
        elif call.semantics.psk_refusals & {tunnel["id"], tunnel["name"]}:
            unapplied[entry["id"]] = "the key could not be applied"
        else:
            applied[entry["id"]] = _set_psk(call, tunnel, entry["psk"], call.stamps.moment())
    return {"successfully_applied_psks": applied, "unapplied_psks": unapplied}


def _is_psk_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    return all(isinstance(entry.get(name), str) and entry[name] for name in ("id", "psk"))


def _set_psk(call: Call, tunnel: Json, psk: str, moment: str) -> Json:
    metadata = {"last_generated_on": moment}
    call.account.keep({**tunnel, "psk_metadata": metadata})
    call.account.psks[tunnel["id"]] = psk
    return {"ipsec_id": tunnel["id"], "ipsec_tunnel_id": tunnel["id"], "psk": psk, "psk_metadata": metadata}


def list_routes(call: Call) -> Json:
    """GET of the static routes."""
    _check_routes(call)
    return {"routes": None if call.semantics.routes == "null" else list(call.account.routes.values())}


def create_route(call: Call) -> Json:
    """POST of one static route; what its next hop leads to is not looked at."""
    _check_routes(call)
    body = call.body if isinstance(call.body, dict) else {}
    prefix, nexthop, priority = (body.get(name) for name in ("prefix", "nexthop", "priority"))
    if not isinstance(nexthop, str) or address(nexthop) is None:
        raise RefusedError('Invalid Request: "nexthop" must be an IP address')
    if not isinstance(prefix, str) or interface(prefix) is None:
        raise RefusedError('Invalid Request: "prefix" must be a network')
    if type(priority) is not int:
        raise RefusedError('Invalid Request: "priority" must be a number')
    now = call.stamps.moment()
    optional = {name: body[name] for name in ("weight", "scope", "description") if name in body}
    route = {"id": call.stamps.new_id(), "prefix": prefix, "nexthop": nexthop, "priority": priority, **optional}
    call.account.routes[route["id"]] = {**route, "created_on": now, "modified_on": now}
    return call.account.routes[route["id"]]


def delete_route(call: Call) -> Json:
    """DELETE of one static route."""
    _check_routes(call)
    route = call.account.routes.pop(call.tunnel_id, None)
    if route is None:
        raise RefusedError("Route not found", code=1032, status=404)
    return {"deleted": True, "deleted_route": route}


def _check_routes(call: Call) -> None:
    if call.semantics.routes == "forbidden":
        raise RefusedError("Authentication error: the token has no right to routes", code=10000, status=403)
    if call.semantics.routes == "absent":
        raise RefusedError("Could not route to magic/routes: no route for the URI", code=7003, status=404)


HANDLERS: Mapping[str, Callable[[Call], Json]] = {
    "list": list_tunnels,
    "create": create_tunnel,
    "bulk": update_many,
    "get": get_tunnel,
    "update": update_tunnel,
    "delete": delete_tunnel,
    "psk_generate": generate_psk,
    "psk_set": set_psks,
    "routes": list_routes,
    "route_create": create_route,
    "route_delete": delete_route,
}
