"""What a plan says of the static routes whose next hop it takes away, and which delete they block."""

import pytest

from reconciler.model.routes import Routes, routes_from_result
from reconciler.plan.routes import OFFLINE, with_routes
from tests.build import account, desired, live, plan, raw, tunnel


def routes(**nexthop_of: str) -> Routes:
    """Routes by prefix, `n10_1` for 10.1.0.0/16."""
    listed = [
        {"id": name, "prefix": f"{name[1:].replace('_', '.')}.0.0/16", "nexthop": nexthop, "priority": 100}
        for name, nexthop in nexthop_of.items()
    ]
    return Routes(routes_from_result({"routes": listed}))


A, B = raw("a", interface_address="10.20.0.0/31"), raw("b", interface_address="10.20.0.4/30")
V6 = raw("c", interface_address="10.20.0.8/31", interface_address6="2001:db8::2/127")


def kept(entry, **fields):
    return tunnel(entry["name"], **{k: v for k, v in (entry | fields).items() if k not in ("id", "name")})


@pytest.mark.parametrize(
    ("before", "after", "frees"),
    [
        (raw("a"), tunnel("a"), False),
        (raw("a"), tunnel("a", description="x"), False),
        (A, kept(A, interface_address="10.20.0.2/31"), True),
        (A, kept(A, interface_address6="2001:db8::/127"), False),
        (V6, kept(V6, interface_address6="2001:db8::4/127"), True),
        (V6, kept(V6, interface_address6=""), True),
    ],
)
def test_a_moved_interface_address_frees_a_network(before, after, frees):
    assert plan(desired(after), live(before)).frees_networks is frees


def test_a_delete_frees_a_network_and_a_create_does_not():
    assert plan(desired("a"), live("a", "b")).frees_networks
    assert not plan(desired("a", "b"), live("a")).frees_networks
    assert not plan(desired("a"), live("a", "b"), no_delete=True).frees_networks


def test_a_change_names_the_prefixes_whose_next_hop_it_takes_away():
    found = plan(desired(kept(A, interface_address="10.30.0.0/31")), live(A, B))
    told = with_routes(found, routes(n10_2="10.20.0.1", n10_1="10.20.0.0", n10_3="10.20.0.2", n10_4="10.20.0.6"))
    assert told.routes == {A["id"]: ("10.1.0.0/16", "10.2.0.0/16"), B["id"]: ("10.4.0.0/16",)}


@pytest.mark.parametrize(
    ("address", "taken"),
    [("10.20.0.5/30", ()), ("10.20.0.4/31", ("10.2.0.0/16",)), ("10.20.0.6/31", ("10.1.0.0/16",))],
)
def test_what_stays_in_the_network_keeps_its_next_hop(address, taken):
    found = with_routes(
        plan(desired(kept(B, interface_address=address)), live(B)), routes(n10_1="10.20.0.5", n10_2="10.20.0.6")
    )
    assert found.routes.get(B["id"], ()) == taken


def test_ipv6_next_hops_count_as_well():
    known = routes_from_result({"routes": [{"id": "1", "prefix": "2001:db8:9::/48", "nexthop": "2001:db8::3"}]})
    found = with_routes(plan(desired(kept(V6, interface_address6="")), live(V6)), Routes(known))
    assert found.routes == {V6["id"]: ("2001:db8:9::/48",)}


def test_an_unnamed_delete_of_a_tunnel_that_routes_use_is_blocked():
    now = live(A, B, "c", "d")
    found = with_routes(plan(desired("c", "d"), now), routes(n10_1="10.20.0.1", n10_9="10.99.0.1"))
    assert [guard for guard in found.guards if guard.code == "routes-in-use"] == list(found.guards)[-1:]
    blocked = found.guards[-1]
    assert blocked.names == ("a",)
    assert blocked.message == "the plan deletes a (10.1.0.0/16), which nobody named and which static routes use"
    assert "`removed` in tunnels/prod/account.yaml" in blocked.remedy


@pytest.mark.parametrize("how", ["removed", "allow_delete"])
def test_a_named_delete_is_only_told(how):
    of = account(removed=["a"] if how == "removed" else [])
    allowed = frozenset({"a"} if how == "allow_delete" else ())
    found = with_routes(plan(desired("c", of=of), live(A, "c"), allow_delete=allowed), routes(n10_1="10.20.0.1"))
    assert found.guards == ()
    assert found.routes == {A["id"]: ("10.1.0.0/16",)}


def test_a_moved_address_is_only_told():
    found = with_routes(plan(desired(kept(A, interface_address="10.30.0.0/31")), live(A)), routes(n10_1="10.20.0.1"))
    assert (found.guards, found.notes) == ((), ())
    assert found.routes == {A["id"]: ("10.1.0.0/16",)}


def test_many_prefixes_and_tunnels_are_counted_in_the_guard():
    gone = [raw(f"t{n}", interface_address=f"10.20.0.{2 * n}/31") for n in range(7)]
    known = {f"n10_{n + 1}": f"10.20.0.{2 * n + 1}" for n in range(7)} | {f"n11_{n}": "10.20.0.0" for n in range(7)}
    found = with_routes(plan(desired("x"), live(*gone, "x")), routes(**known))
    assert found.guards[-1].message == (
        "the plan deletes t0 (10.1.0.0/16, 11.0.0.0/16, 11.1.0.0/16, 11.2.0.0/16, 11.3.0.0/16 and 3 more), "
        "t1 (10.2.0.0/16), t2 (10.3.0.0/16), t3 (10.4.0.0/16), t4 (10.5.0.0/16) and 2 more tunnels, which nobody named "
        "and which static routes use"
    )


def test_a_plan_says_why_routes_were_not_checked_and_what_that_leaves_unguarded():
    moved = plan(desired(kept(A, interface_address="10.30.0.0/31")), live(A))
    assert with_routes(moved, OFFLINE).notes == (
        "Static routes through a were not checked: the plan was made offline.",
    )
    assert with_routes(plan(desired("b"), live("a", "b")), OFFLINE).notes == (
        (
            "Static routes through a were not checked: the plan was made offline. Nobody named the delete of a, so "
            "look first whether routes use it."
        ),
    )


def test_the_calls_hold_the_list_of_routes():
    assert "routes" not in plan(desired("a"), live("a", "b")).api_calls
    found = with_routes(plan(desired("a"), live("a", "b")), Routes())
    assert found.api_calls == {"list": 2, "update": 0, "create": 0, "delete": 1, "routes": 1}
    assert (found.notes, found.guards, found.routes) == ((), (), {})


def test_routes_are_not_in_the_digest():
    found = plan(desired("b"), live(A, "b"))
    assert with_routes(found, routes(n10_1="10.20.0.1")).digest == found.digest
