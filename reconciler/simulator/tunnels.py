"""One tunnel as the simulated server keeps it: made from patches, shown in the form that a switch asks for.

A kept tunnel is never changed in place: every write makes a new dict, so views and clones may share them.
It holds set values only (unset text and objects are absent), flags and the whole health check always.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Interface, ip_interface
from typing import Any

from reconciler.simulator.checks import CLEARABLE, OBJECTS, READ_ONLY
from reconciler.simulator.message import Json, RefusedError
from reconciler.simulator.semantics import Semantics

_REQUIRED = ("name", "cloudflare_endpoint", "interface_address")
_TEXTS = ("description", *CLEARABLE)
_FLAGS = ("replay_protection", "automatic_return_routing")
_BGP_TEXTS = ("md5_key", "import_filter_id", "export_filter_id")
# What `unset_object=zero` lists for an object that is not set: a server in Go that writes its zero values.
_ZERO: Json = {
    "bgp": {"customer_asn": 0, "extra_prefixes": [], "md5_key": ""},
    "custom_remote_identities": {"fqdn_id": ""},
}
_NEW_FIELDS: Json = {"x_new_field": {"mode": "auto", "weight": 3}}
_NEW_HEALTH_FIELDS: Json = {"x_jitter": 7}


def created(patch: Json, tunnel_id: str, moment: str, semantics: Semantics) -> Json:
    """A new tunnel from checked fields; of their `psk` it notes the time alone.

    Raises:
        RefusedError: A required field is missing.
    """
    facts = {
        "id": tunnel_id,
        "created_on": moment,
        "modified_on": moment,
        "psk_metadata": {"last_generated_on": moment} if "psk" in patch else {},
    }
    new, new_health = (_NEW_FIELDS, _NEW_HEALTH_FIELDS) if semantics.server_fields else ({}, {})
    health = {**_health(semantics), **new_health, **patch.get("health_check", {})}
    return _finished({**new, **patch, "health_check": health}, facts)


def updated(old: Json, patch: Json, semantics: Semantics, *, merge: bool) -> Json:
    """The tunnel after a PUT of checked fields, with its old `modified_on`; the `psk` among them is ignored.

    Args:
        old: The kept tunnel.
        patch: Checked fields.
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
    for name in _TEXTS:
        if fields.get(name) == "":
            del fields[name]
    for name in _FLAGS:
        fields.setdefault(name, False)
    if not fields.get("custom_remote_identities", {}).get("fqdn_id"):
        fields.pop("custom_remote_identities", None)
    return {**fields, **facts}


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
    form = semantics.unset_target if saved == "" else "set"
    target = {} if form == "absent" else {"saved": None if form == "null" else saved}
    if object_form:
        probed = (
            peer(tunnel["interface_address"])
            if health["direction"] == "bidirectional"
            else tunnel.get("customer_endpoint", "")
        )
        health["target"] = {"effective": saved or probed, **target}
    elif target:
        health["target"] = target["saved"]
    return health


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
    for name in ("interface_address6", "customer_endpoint", "cloudflare_endpoint"):
        if view.get(name):
            view[name] = respell(view[name], semantics.spelling)
    bgp = view.get("bgp")
    if bgp and bgp.get("extra_prefixes"):
        prefixes = sorted(bgp["extra_prefixes"], reverse=semantics.spelling == "odd")
        view["bgp"] = {**bgp, "extra_prefixes": [respell(prefix, semantics.spelling) for prefix in prefixes]}


@lru_cache(maxsize=65536)
def respell(text: str, spelling: str) -> str:
    """An equal spelling of an address or prefix: `canonical`, which is the shortest, or `odd`, longest in capitals."""
    try:
        parsed = ip_interface(text)
    except ValueError:
        return text
    plain = parsed if "/" in text else parsed.ip
    return str(plain) if spelling == "canonical" else plain.exploded.upper()


@lru_cache(maxsize=65536)
def peer(text: str) -> str:
    """The other host of a /31 or /30, which a bidirectional health check probes; `""` if none."""
    try:
        own = IPv4Interface(text)
    except ValueError:
        return ""
    return next((str(host) for host in own.network.hosts() if host != own.ip), "")
