import pytest

from reconciler.core.live import ListUntrusted, live_from_result
from tests.build import raw

IMPOSSIBLE = [
    {"description": 7},
    {"customer_endpoint": ["198.51.100.1"]},
    {"replay_protection": "yes"},
    {"automatic_return_routing": 1},
    {"health_check": []},
    {"health_check": {"enabled": "on"}},
    {"health_check": {"target": 5}},
    {"health_check": {"target": {"saved": 5}}},
    {"bgp": "x"},
    {"bgp": {"customer_asn": True}},
    {"bgp": {"customer_asn": "65010"}},
    {"bgp": {"customer_asn": 65010, "extra_prefixes": "10.0.0.0/8"}},
    {"bgp": {"customer_asn": 65010, "extra_prefixes": [8]}},
    {"custom_remote_identities": "x"},
    {"name": 5},
]


@pytest.mark.parametrize("fields", IMPOSSIBLE, ids=str)
def test_a_list_with_a_field_of_an_impossible_type_is_not_trusted(fields):
    with pytest.raises(ListUntrusted, match="impossible type"):
        live_from_result({"ipsec_tunnels": [raw("a") | fields]})


@pytest.mark.parametrize("key", ["name", "cloudflare_endpoint", "interface_address"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_list_without_a_required_field_is_not_trusted(key, value):
    with pytest.raises(ListUntrusted, match=f"lacks the required field {key}"):
        live_from_result({"ipsec_tunnels": [raw("a") | {key: value}]})


@pytest.mark.parametrize("value", [None, "", 5, "../x", "é" * 32, "a" * 37])
def test_a_list_with_an_unusable_id_is_not_trusted(value):
    with pytest.raises(ListUntrusted, match="no usable id"):
        live_from_result({"ipsec_tunnels": [raw("a") | {"id": value}]})


def test_tunnels_that_share_an_id_or_a_name_are_not_trusted():
    with pytest.raises(ListUntrusted, match="same id"):
        live_from_result({"ipsec_tunnels": [raw("a", id="1" * 32), raw("b", id="1" * 32)]})
    with pytest.raises(ListUntrusted, match="same name"):
        live_from_result({"ipsec_tunnels": [raw("a", id="1" * 32), raw("a", id="2" * 32)]})
