"""One tunnel as the simulated server keeps it: made from patches, shown in the form that a switch asks for.

A kept tunnel is never changed in place: every write makes a new dict, so views and clones may share them.
It holds set values only (unset text and objects are absent), flags and the whole health check always.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from reconciler.simulator.checks import CLEARABLE, OBJECTS, READ_ONLY, Json, address, cells, peer, respell
from reconciler.simulator.message import RefusedError
from reconciler.simulator.semantics import Semantics

Claim = tuple[str | int, ...]
_REQUIRED = ("name", "cloudflare_endpoint", "interface_address")
_TEXTS = ("description", *CLEARABLE)
_FLAGS = ("replay_protection", "automatic_return_routing")
_BGP_TEXTS = ("md5_key", "import_filter_id", "export_filter_id")
# What `unset_object=zero` lists for an object that is not set: a server in Go that writes its zero values.
_ZERO: Json = {
    "bgp": {"customer_asn": 0, "extra_prefixes": [], "md5_key": ""},
    "custom_remote_identities": {"fqdn_id": ""},
}
_SPELLED = ("interface_address6", "customer_endpoint", "cloudflare_endpoint")
_NEW_FIELDS: Json = {"x_new_field": {"mode": "auto", "weight": 3}}
_NEW_HEALTH_FIELDS: Json = {"x_jitter": 7}
_BGP_STATUS = {"state": "BGP_DOWN", "tcp_established": False, "updated_at": "2026-01-01T00:00:00Z"}


def created(patch: Json, tunnel_id: str, moment: str, semantics: Semantics) -> Json:
    """A new tunnel.

    Args:
        patch: Checked fields; `psk` is ignored here.
        tunnel_id: Its id.
        moment: Time of creation, RFC 3339.
        semantics: The switches.

    Raises:
        RefusedError: A required field is missing.
    """
    facts: Json = {"id": tunnel_id, "created_on": moment, "modified_on": moment, "psk_metadata": {}}
    if "psk" in patch:
        facts["psk_metadata"] = {"last_generated_on": moment}
    extra = _NEW_FIELDS if semantics.server_fields else {}
    probe = _NEW_HEALTH_FIELDS if semantics.server_fields else {}
    health = {**_health(semantics), **probe, **patch.get("health_check", {})}
    return _finished({**extra, **patch, "health_check": health}, facts)


def updated(old: Json, patch: Json, semantics: Semantics, *, merge: bool) -> Json:
    """The tunnel after a PUT, with its old `modified_on`.

    Args:
        old: The kept tunnel.
        patch: Checked fields; `psk` is ignored here.
        semantics: The switches.
        merge: Fields that the patch lacks are kept (else they fall back to their defaults).

    Raises:
        RefusedError: A required field is missing.
    """
    facts = {name: old[name] for name in old.keys() & READ_ONLY}
    if not merge:
        return _finished({**patch, "health_check": {**_health(semantics), **patch.get("health_check", {})}}, facts)
    fields = {**old, **patch}
    if "health_check" in patch:
        fields["health_check"] = {**old["health_check"], **patch["health_check"]}
    if semantics.object_put == "merge":
        for name in OBJECTS:
            if patch.get(name) is not None and name in old:
                fields[name] = {**old[name], **patch[name]}
    return _finished(fields, facts)


def _health(semantics: Semantics) -> Json:
    direction = semantics.default_direction
    return {"enabled": True, "rate": "mid", "type": "reply", "direction": direction, "target": ""}


def _finished(fields: Json, facts: Json) -> Json:
    """The tunnel as it is kept: set values alone, with the facts that no request can set."""
    fields.pop("psk", None)
    for name in OBJECTS:
        if fields.get(name, ...) is None:  # null in the request (`null_object=clears`), not merely absent
            del fields[name]
    for name in _REQUIRED:
        if name not in fields:
            raise RefusedError(f'Invalid Request: "{name}" is required')
    if "bgp" in fields:
        if "customer_asn" not in fields["bgp"]:
            raise RefusedError('Invalid Request: "bgp.customer_asn" is required')
        fields["bgp"] = {name: value for name, value in fields["bgp"].items() if value not in ("", [])}
    _drop_unset(fields)
    return {**fields, **facts}


def _drop_unset(fields: Json) -> None:
    for name in _TEXTS:
        if fields.get(name) == "":
            del fields[name]
    for name in _FLAGS:
        fields.setdefault(name, False)
    if not fields.get("custom_remote_identities", {}).get("fqdn_id"):
        fields.pop("custom_remote_identities", None)


def claims(tunnel: Json, semantics: Semantics) -> tuple[Claim, ...]:
    """What no other tunnel of the account may hold: name, interface cells, identity per endpoint."""
    return _claims(
        tunnel["name"] if semantics.names_unique else None,
        tunnel["interface_address"] if semantics.addresses_unique else "",
        tunnel.get("interface_address6", "") if semantics.addresses_unique else "",
        tunnel.get("custom_remote_identities", {}).get("fqdn_id", ""),
        tunnel["cloudflare_endpoint"],
    )


@lru_cache(maxsize=65536)
def _claims(name: str | None, network: str, network6: str, fqdn: str, endpoint: str) -> tuple[Claim, ...]:
    taken: list[Claim] = [] if name is None else [("name", name)]
    taken += [("interface_address", *cell) for cell in cells(network)]
    taken += [("interface_address6", *cell) for cell in cells(network6)]
    if fqdn:
        taken.append(("custom_remote_identities.fqdn_id", fqdn.lower(), address(endpoint) or endpoint))
    return tuple(taken)


def shown(tunnel: Json, semantics: Semantics, *, object_form: bool) -> Json:
    """The tunnel as an answer gives it.

    Args:
        tunnel: The kept tunnel.
        semantics: The switches for unset values and spelling.
        object_form: Whether the health-check target is an object (API: chosen by `x-magic-new-hc-target`).
    """
    view = {**tunnel, "health_check": _shown_health(tunnel, semantics, object_form=object_form)}
    _fill_unset(view, semantics)
    if semantics.spelling != "as_sent":
        _respell(view, semantics)
    if semantics.server_fields:
        view["bgp_status"] = _BGP_STATUS
        view["allow_null_cipher"] = False
        view["remote_identities"] = {
            "hex_id": tunnel["id"],
            "fqdn_id": f"{tunnel['id']}.ipsec.test",
            "user_id": "",
        }
    return view


def _shown_health(tunnel: Json, semantics: Semantics, *, object_form: bool) -> Json:
    health: Json = dict(tunnel["health_check"])
    saved = health.pop("target")
    unset = saved == ""
    if unset and semantics.unset_target == "null":
        saved = None
    shown_saved = {} if unset and semantics.unset_target == "absent" else {"saved": saved}
    if object_form:
        health["target"] = {"effective": saved or _effective(tunnel), **shown_saved}
    elif shown_saved:
        health["target"] = saved
    return health


def _effective(tunnel: Json) -> str:
    """What is probed when no target was saved."""
    if tunnel["health_check"]["direction"] == "bidirectional":
        return peer(tunnel["interface_address"])
    return str(tunnel.get("customer_endpoint", ""))


def _fill_unset(view: Json, semantics: Semantics) -> None:
    """Give what is unset the form that the switches ask for."""
    if "bgp" in view:
        prefixes = _unset(["extra_prefixes"], semantics.unset_prefixes, value=[])
        view["bgp"] = prefixes | _unset(_BGP_TEXTS, semantics.unset_text, value="") | view["bgp"]
    false = [name for name in _FLAGS if not view[name]]
    for name in false:
        del view[name]
    objects = _ZERO if semantics.unset_object == "zero" else _unset(OBJECTS, semantics.unset_object, value=None)
    texts = _unset(_TEXTS, semantics.unset_text, value="")
    for name, value in (objects | texts | _unset(false, semantics.unset_flag, value=False)).items():
        view.setdefault(name, value)


def _unset(names: Iterable[str], form: str, *, value: Any) -> Json:
    """Unset fields in the form that a switch asks for: none, null, or a value that says nothing."""
    if form == "absent":
        return {}
    return dict.fromkeys(names, None if form == "null" else value)


def _respell(view: Json, semantics: Semantics) -> None:
    for name in _SPELLED:
        if view.get(name):
            view[name] = respell(view[name], semantics.spelling)
    bgp = view.get("bgp")
    if bgp and bgp.get("extra_prefixes"):
        prefixes = sorted(bgp["extra_prefixes"], reverse=semantics.spelling == "odd")
        view["bgp"] = {**bgp, "extra_prefixes": [respell(prefix, semantics.spelling) for prefix in prefixes]}
