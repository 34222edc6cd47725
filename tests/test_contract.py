"""The fields this project knows against the official SDK's types and the OpenAPI document: a new one fails here."""

import json
import types
from datetime import datetime
from typing import Annotated, Literal, Required, Union, get_args, get_origin

import pytest
from cloudflare.types.magic_transit import (
    ipsec_tunnel_create_params,
    ipsec_tunnel_get_response,
    ipsec_tunnel_list_response,
    ipsec_tunnel_psk_set_params,
    ipsec_tunnel_update_params,
)
from typing_extensions import get_type_hints, is_typeddict

from reconciler.api.call import Call, Verb
from reconciler.api.wire import encode
from reconciler.files.schema import json_schema
from reconciler.model import canonical
from reconciler.model.live import live_tunnel
from reconciler.model.routes import Routes
from reconciler.model.tunnel import SETTINGS
from reconciler.render import render, words
from reconciler.report.tunnels import tunnel_report
from reconciler.report.values import AccountReport, Report
from tests.build import live, raw

CREATE = ipsec_tunnel_create_params.IPSECTunnelCreateParams
UPDATE = ipsec_tunnel_update_params.IPSECTunnelUpdateParams
PSKS = ipsec_tunnel_psk_set_params.IPSECTunnelPSKSetParams
ONE_PSK = ipsec_tunnel_psk_set_params.PSK
NOT_SETTINGS = {"account_id", "x_magic_new_hc_target"}  # part of the URL, and a header
OURS_ALONE = {"renamed_from", "protect"}
TYPES = {
    canonical.text: str,
    canonical.opaque: str,
    canonical.name: str,
    canonical.choice: str,
    canonical.address: str,
    canonical.flag: bool,
    canonical.number: int,
    canonical.prefixes: list,
}
# What an answer says of a tunnel, down to the leaves and in the newer form of the health check's target.
# (API: the schema magic_ipsec-tunnel of openapi.yaml in cloudflare/api-schemas at commit 004e306, of 2026-08-14)
DOCUMENT = {
    "allow_null_cipher": bool,
    "automatic_return_routing": bool,
    "bgp.customer_asn": int,
    "bgp.export_filter_id": str,
    "bgp.extra_prefixes": list,
    "bgp.import_filter_id": str,
    "bgp.md5_key": str,
    "bgp_status.bgp_state": str,
    "bgp_status.cf_speaker_ip": str,
    "bgp_status.cf_speaker_port": int,
    "bgp_status.customer_speaker_ip": str,
    "bgp_status.customer_speaker_port": int,
    "bgp_status.state": str,
    "bgp_status.tcp_established": bool,
    "bgp_status.updated_at": str,
    "cloudflare_endpoint": str,
    "created_on": str,
    "custom_remote_identities.fqdn_id": str,
    "customer_endpoint": str,
    "description": str,
    "health_check.direction": str,
    "health_check.enabled": bool,
    "health_check.rate": str,
    "health_check.target.effective": str,
    "health_check.target.saved": str,
    "health_check.type": str,
    "id": str,
    "interface_address": str,
    "interface_address6": str,
    "modified_on": str,
    "name": str,
    "psk_metadata.last_generated_on": str,
    "replay_protection": bool,
}
# A tunnel that has them all, with other values than the defaults.
WHOLE = {
    "allow_null_cipher": True,
    "automatic_return_routing": True,
    "bgp": {
        "customer_asn": 65010,
        "export_filter_id": "out",
        "extra_prefixes": ["10.9.0.0/16"],
        "import_filter_id": "in",
        "md5_key": "md5-of-bgp",
    },
    "bgp_status": {
        "bgp_state": "established",
        "cf_speaker_ip": "10.20.0.0",
        "cf_speaker_port": 179,
        "customer_speaker_ip": "10.20.0.1",
        "customer_speaker_port": 50123,
        "state": "BGP_UP",
        "tcp_established": True,
        "updated_at": "2026-05-01T08:00:00Z",
    },
    "cloudflare_endpoint": "203.0.113.1",
    "created_on": "2026-03-01T08:00:00Z",
    "custom_remote_identities": {"fqdn_id": "lon.1.custom.ipsec.cloudflare.com"},
    "customer_endpoint": "198.51.100.1",
    "description": "London",
    "health_check": {
        "direction": "unidirectional",
        "enabled": False,
        "rate": "high",
        "target": {"effective": "192.0.2.20", "saved": "192.0.2.10"},
        "type": "request",
    },
    "id": "0a" * 16,
    "interface_address": "10.20.0.0/31",
    "interface_address6": "2001:db8::/127",
    "modified_on": "2026-04-01T08:00:00Z",
    "name": "lon-a",
    "psk_metadata": {"last_generated_on": "2026-03-02T08:00:00Z"},
    "replay_protection": True,
}


def sdk_leaves(of, path=""):
    """Dotted paths of an SDK type's leaves with their Python types."""
    found = {}
    for name, hint in get_type_hints(of).items():
        if path or name not in NOT_SETTINGS:
            options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
            nested = [option for option in options if is_typeddict(option)]
            below = sdk_leaves(nested[0], f"{path}{name}.") if nested else {f"{path}{name}": options[0]}
            found |= below
    return found


def required(of):
    """The keys that an SDK type requires (its `__required_keys__` is empty, since its annotations are text)."""
    return {name for name, hint in get_type_hints(of, include_extras=True).items() if get_origin(hint) is Required}


def model_leaves(of, path=""):
    """Dotted paths of the leaves of an SDK's answer with their Python types; of a leaf with two forms the object."""
    found = {}
    for name, field in of.model_fields.items():
        hint = field.annotation
        options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        nested = [option for option in options if hasattr(option, "model_fields")]
        found |= model_leaves(nested[0], f"{path}{name}.") if nested else {f"{path}{name}": plain(options[0])}
    return found


def leaves(value, path=""):
    """The leaves of a JSON object, by dotted path."""
    nested = [leaves(v, f"{path}{k}.") if isinstance(v, dict) else {f"{path}{k}": v} for k, v in value.items()]
    return {leaf: found for inner in nested for leaf, found in inner.items()}


def plain(hint):
    """The JSON type of an SDK leaf, as a Python type."""
    if get_origin(hint) is Annotated:
        return plain(get_args(hint)[0])
    if get_origin(hint) is Literal or hint is datetime:
        return str
    return hint if hint in (str, bool, int) else list


def yaml_leaves(name, path=""):
    """Dotted paths of the leaves of one type of the files' JSON Schema, with their schemas."""
    found = {}
    for key, value in DEFINITIONS[name]["properties"].items():
        references = [o["$ref"].rpartition("/")[2] for o in value.get("anyOf", [value]) if "$ref" in o]
        if references and key not in ("psk", "md5_key"):  # those may be said by reference
            found |= yaml_leaves(references[0], f"{path}{key}.")
        else:
            found[path + key] = value
    return found


DEFINITIONS = json_schema()["$defs"]
TUNNEL = yaml_leaves("Tunnel")


@pytest.mark.parametrize("params", [CREATE, UPDATE])
def test_every_writable_field_is_known_and_no_other(params):
    assert set(sdk_leaves(params)) == {*SETTINGS, "psk"}


@pytest.mark.parametrize("params", [CREATE, UPDATE])
def test_fields_have_the_types_of_the_contract(params):
    found = {path: plain(hint) for path, hint in sdk_leaves(params).items() if path != "psk"}
    assert found == {path: TYPES[setting.read] for path, setting in SETTINGS.items()}


def test_choices_are_those_of_the_contract():
    found = {p: get_args(h) for p, h in sdk_leaves(CREATE).items() if get_origin(h) is Literal}
    assert found == {path: choices for path, schema in TUNNEL.items() for choices in enums(schema)}


def enums(schema):
    """The choices that the JSON Schema of a field offers."""
    return [tuple(option["enum"]) for option in schema.get("anyOf", [schema]) if "enum" in option]


@pytest.mark.parametrize("params", [CREATE, UPDATE])
def test_what_the_api_requires_is_required(params):
    inside = {f"bgp.{name}" for name in required(get_type_hints(params)["bgp"])}
    assert required(params) - NOT_SETTINGS | inside == {path for path, s in SETTINGS.items() if s.required}


def test_keys_are_set_in_the_form_of_the_contract():
    request = encode(Call(Verb.SET_PSKS, psks={"0a": "lon-a"}), "0" * 32, str.upper)
    sent = json.loads(request.body)
    assert set(sent) == required(PSKS) - NOT_SETTINGS
    assert {frozenset(item) for item in sent["psks"]} == {frozenset(get_type_hints(ONE_PSK))}
    assert required(ONE_PSK) == set(get_type_hints(ONE_PSK))


def test_the_document_and_the_sdk_say_the_same_of_an_answer():
    assert model_leaves(ipsec_tunnel_get_response.IPSECTunnel) == DOCUMENT
    assert {path: type(value) for path, value in leaves(WHOLE).items()} == DOCUMENT


def test_show_tells_all_that_an_answer_can_say():
    told = tunnel_report(live_tunnel(WHOLE), None, (), Routes())
    settings = {setting.path: setting.live for setting in told.settings}
    facts = {
        "id": told.id,
        "created_on": told.created_on,
        "modified_on": told.modified_on,
        "psk_metadata": {"last_generated_on": told.psk_generated_on},
        "bgp_status": told.bgp_status,
        "allow_null_cipher": told.allow_null_cipher,
        "health_check": {"target": {"effective": told.health_check_target}},
    }
    assert settings | leaves(facts) == leaves(WHOLE) | {"bgp.md5_key": None}
    assert (told.unknown, told.unreadable) == ({}, ())


def test_show_draws_all_that_an_answer_can_say_but_the_key():
    told = tunnel_report(live_tunnel(WHOLE), None, (), Routes())
    account = AccountReport(account="prod", account_id="0" * 32, outcome="ok", tunnels=(told,))
    drawn = render(Report(command="show", outcome="ok", sandbox=False, accounts=(account,)), "text")
    lines = {path: f"  {words.moment(words.value(value))}\n" for path, value in leaves(WHOLE).items()}
    assert [path for path, line in lines.items() if line not in drawn] == ["bgp.md5_key", "id"]
    assert f"  lon-a  {'0a' * 16}  " in drawn


def test_the_sdk_reads_from_that_answer_what_show_tells():
    answer = ipsec_tunnel_get_response.IPSECTunnelGetResponse.model_validate({"ipsec_tunnel": WHOLE})
    assert answer.ipsec_tunnel.to_dict(mode="json", exclude_unset=True) == WHOLE


def test_a_session_is_read_from_the_fields_and_states_of_the_contract():
    fields = ipsec_tunnel_list_response.IPSECTunnelBGPStatus.model_fields
    lists = (live(raw("a", bgp_status={"state": state})) for state in get_args(fields["state"].annotation))
    found = [(t.raw["bgp_status"]["state"], t.session.state) for listed in lists for t in listed.tunnels.values()]
    assert found == [("BGP_DOWN", "down"), ("BGP_UP", "up"), ("BGP_ESTABLISHING", "down")]
    assert fields["updated_at"].annotation is datetime


def test_files_can_say_every_field_and_no_other():
    assert set(TUNNEL) == {*SETTINGS, "psk", *OURS_ALONE}


def test_defaults_hold_what_tunnels_can_share():
    own = {"name", "interface_address", "interface_address6", "psk", *OURS_ALONE}
    assert set(yaml_leaves("Defaults")) == set(TUNNEL) - own


@pytest.mark.parametrize("path", SETTINGS)
def test_schema_of_the_files_agrees_with_the_table(path):
    assert TUNNEL[path].get("default", SETTINGS[path].default) == SETTINGS[path].default
    assert TUNNEL[path]["description"]
