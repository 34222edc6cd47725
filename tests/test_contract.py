"""The fields this project knows against the official SDK's types: a new field there fails here."""

import json
import types
from datetime import datetime
from typing import Annotated, Literal, Required, Union, get_args, get_origin

import pytest
from cloudflare.types.magic_transit import (
    ipsec_tunnel_create_params,
    ipsec_tunnel_list_response,
    ipsec_tunnel_psk_set_params,
    ipsec_tunnel_update_params,
)
from typing_extensions import get_type_hints, is_typeddict

from reconciler.api.call import Call, Verb
from reconciler.api.wire import encode
from reconciler.files.schema import json_schema
from reconciler.model import canonical
from reconciler.model.session import session
from reconciler.model.tunnel import SETTINGS
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


def plain(hint):
    """The JSON type of an SDK leaf, as a Python type."""
    if get_origin(hint) is Annotated:
        return plain(get_args(hint)[0])
    if get_origin(hint) is Literal:
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


def test_a_session_is_read_from_the_fields_and_states_of_the_contract():
    fields = ipsec_tunnel_list_response.IPSECTunnelBGPStatus.model_fields
    lists = (live(raw("a", bgp_status={"state": state})) for state in get_args(fields["state"].annotation))
    found = [(t.raw["bgp_status"]["state"], session(t).state) for listed in lists for t in listed.tunnels.values()]
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
