import pytest

from reconciler.model.live import live_tunnel
from reconciler.model.routes import Routes, routes_from_result
from reconciler.report.tunnels import other_side, tunnel_report
from tests.build import raw


def told(routes=Routes(), **fields):  # noqa: B008 - a value that nothing changes
    """What show tells of a live tunnel with these fields."""
    return tunnel_report(live_tunnel(raw("a") | fields), None, (), routes)


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({}, {}),
        ({"x": {"y": [1]}}, {"x": {"y": [1]}}),
        ({"x": None}, {"x": None}),
        ({"bgp": {"customer_asn": 1, "x": 7}}, {"bgp.x": 7}),
        ({"custom_remote_identities": {"x": 7}}, {"custom_remote_identities.x": 7}),
        ({"health_check": {"x": 7, "target": {"x": 8}}}, {"health_check.target.x": 8, "health_check.x": 7}),
        ({"psk_metadata": {"x": 7}}, {"psk_metadata.x": 7}),
        ({"remote_identities": {"x": 7}}, {"remote_identities.x": 7}),
        # What is known, of a type that it can't have.
        ({"created_on": 7}, {"created_on": 7}),
        ({"modified_on": []}, {"modified_on": []}),
        ({"psk_metadata": "x"}, {"psk_metadata": "(sensitive)"}),
        ({"psk_metadata": {"last_generated_on": 7}}, {"psk_metadata.last_generated_on": 7}),
        ({"bgp_status": "BGP_UP"}, {"bgp_status": "BGP_UP"}),
        ({"allow_null_cipher": "no"}, {"allow_null_cipher": "no"}),
        ({"redundancy_group_id": 7}, {"redundancy_group_id": 7}),
        ({"remote_identities": ["x"]}, {"remote_identities": ["x"]}),
        ({"health_check": {"target": {"effective": 7}}}, {"health_check.target.effective": 7}),
        # What is unset says nothing.
        (dict.fromkeys(("created_on", "bgp_status", "allow_null_cipher", "redundancy_group_id")), {}),
    ],
    ids=str,
)
def test_what_has_no_place_of_its_own_is_told_as_unknown(fields, unknown):
    assert told(**fields).unknown == unknown


def test_a_setting_that_can_not_be_read_is_named():
    found = told(bgp=["md5-of-bgp"], health_check={"rate": 7, "target": 8})
    assert found.unreadable == ("bgp is a list", "health_check.rate is a number", "health_check.target is a number")
    assert found.unknown == {}


def test_what_may_be_a_key_by_its_name_is_hidden():
    found = told(psk="a", x={"MD5_Key": "b", "y": [{"shared_secret": {"z": "c"}, "name": "d"}]}, password="", key=None)
    hidden = "(sensitive)"
    assert found.unknown == {
        "psk": hidden,
        "x": {"MD5_Key": hidden, "y": [{"shared_secret": hidden, "name": "d"}]},
        "password": "",
        "key": None,
    }


def test_what_the_api_says_besides_its_schema_has_its_place():
    found = told(redundancy_group_id="5c", remote_identities={"hex_id": "0a", "fqdn_id": "a.test", "user_id": ""})
    assert (found.redundancy_group_id, found.unknown) == ("5c", {})
    assert found.remote_identities == {"hex_id": "0a", "fqdn_id": "a.test"}
    unset = told(redundancy_group_id="", health_check={"target": {"effective": ""}})
    assert (unset.redundancy_group_id, unset.health_check_target, unset.unknown) == (None, None, {})


@pytest.mark.parametrize(
    ("fields", "health"),
    [
        ({}, None),
        ({"bgp": {"customer_asn": 1}}, "unknown"),
        ({"bgp": {"customer_asn": 1}, "bgp_status": {"state": "BGP_ESTABLISHING"}}, "down"),
        ({"bgp": {"customer_asn": 1}, "bgp_status": {"state": "BGP_UP"}}, "up"),
    ],
)
def test_a_session_is_up_down_or_not_known(fields, health):
    assert told(**fields).health == health


def test_the_routes_through_a_tunnel_are_those_into_its_networks():
    listed = [
        ("2001:db8:9::/48", "2001:db8::1", 100),
        ("10.9.0.0/16", "10.20.0.1", 200),
        ("10.9.0.0/16", "10.20.0.1", 100),
        ("10.8.0.0/16", "10.20.0.0", None),
        ("10.6.0.0/16", "10.20.0.1", 300),
        ("10.7.0.0/16", "10.20.0.2", 100),
    ]
    entries = [{"id": str(n), "prefix": p, "nexthop": h, "priority": q} for n, (p, h, q) in enumerate(listed)]
    routes = Routes(routes_from_result({"routes": entries}))
    found = told(routes, interface_address="10.20.0.0/31", interface_address6="2001:db8::/127").routes
    assert [(route.prefix, route.nexthop, route.priority) for route in found or ()] == [
        ("10.6.0.0/16", "10.20.0.1", 300),
        ("10.8.0.0/16", "10.20.0.0", None),
        ("10.9.0.0/16", "10.20.0.1", 100),
        ("10.9.0.0/16", "10.20.0.1", 200),
        ("2001:db8:9::/48", "2001:db8::1", 100),
    ]


@pytest.mark.parametrize(
    ("routes", "fields", "found"),
    [
        (Routes(), {}, ()),
        (Routes(unchecked="the token may not read them"), {}, None),
        (Routes(), {"interface_address": 7}, None),  # nobody knows which network it has
    ],
)
def test_none_are_no_routes_only_where_they_could_be_looked_for(routes, fields, found):
    assert told(routes, **fields).routes == found


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("10.20.0.0/31", "10.20.0.1/31"),
        ("10.20.0.1/31", "10.20.0.0/31"),
        ("10.20.0.5/30", "10.20.0.6/30"),
        ("10.20.0.6/30", "10.20.0.5/30"),
        ("2001:db8::1/127", "2001:db8::/127"),
        ("10.20.0.4/30", None),  # the network's own address is no end
        ("10.20.0.1/24", None),
        ("10.20.0.1", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_other_side_of_a_network_of_two(address, other):
    assert other_side(address) == other
