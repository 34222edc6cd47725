from ipaddress import ip_address, ip_network

import pytest

from reconciler.model.live import ListUntrusted
from reconciler.model.routes import Routes, routes_from_result

ONE = {"id": "1" * 32, "prefix": "10.9.0.0/16", "nexthop": "10.20.0.1", "priority": 100, "scope": {}, "x": 1}


def test_a_list_of_routes_is_read():
    two = ONE | {"id": "2", "prefix": "2001:db8::/48", "nexthop": "2001:db8:1::1"}
    found = routes_from_result({"routes": [two, ONE]})
    assert [(str(r.prefix), str(r.nexthop), r.priority) for r in found] == [
        ("10.9.0.0/16", "10.20.0.1", 100),
        ("2001:db8::/48", "2001:db8:1::1", 100),
    ]


@pytest.mark.parametrize("priority", [None, "100", 1.5, True, ...])
def test_a_priority_that_can_not_be_read_is_not_known(priority):
    route = {k: v for k, v in (ONE | {"priority": priority}).items() if v is not ...}
    assert [r.priority for r in routes_from_result({"routes": [route]})] == [None]


@pytest.mark.parametrize("result", [{"routes": None}, {"routes": []}])
def test_null_is_no_route(result):
    assert routes_from_result(result) == ()


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        {},
        {"routes": {}},
        {"routes": "none"},
        {"routes": [None]},
        {"routes": [{}]},
        {"routes": [ONE | {"id": ""}]},
        {"routes": [ONE | {"id": 7}]},
        {"routes": [ONE, ONE]},
        {"routes": [ONE | {"prefix": None}]},
        {"routes": [ONE | {"prefix": "everywhere"}]},
        {"routes": [ONE | {"nexthop": 167772161}]},
        {"routes": [ONE | {"nexthop": "10.20.0.1/31"}]},
        {"routes": [{k: v for k, v in ONE.items() if k != "nexthop"}]},
    ],
    ids=str,
)
def test_what_is_not_a_whole_list_of_routes_is_not_believed(result):
    with pytest.raises(ListUntrusted):
        routes_from_result(result)


def test_the_next_hops_of_a_network_are_found_up_to_its_ends():
    hops = ["10.20.0.0", "10.20.0.3", "10.20.0.1", "10.20.0.1", "10.19.255.255", "::a14:1"]
    known = Routes(routes_from_result({"routes": [ONE | {"id": str(n), "nexthop": h} for n, h in enumerate(hops)]}))
    found = known.through(ip_network("10.20.0.0/31"))
    assert {route.nexthop for route in found} == {ip_address("10.20.0.0"), ip_address("10.20.0.1")}
    assert known.through(ip_network("::/0")) == {route for route in known.known if route.nexthop.version == 6}
