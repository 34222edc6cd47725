from itertools import permutations

import pytest

from reconciler.plan.order import all_batches, components
from tests.build import account, desired, live, plan, raw, tunnel

IDS = "{}.12345.custom.ipsec.cloudflare.com"


def net(number):
    return f"10.0.0.{number * 2}/31"


def names(groups):
    return [[c.name for c in group] for group in groups]


def of_addresses(wanted, now):
    """A plan for tunnels that hold network `now[name]` and want `wanted[name]`, by number."""
    return plan(
        desired(*(tunnel(n, interface_address=net(i)) for n, i in wanted.items())),
        live(*(raw(n, interface_address=net(i)) for n, i in now.items())),
        allow_delete=frozenset(now),
    )


def test_what_frees_a_network_comes_before_what_takes_it():
    found = of_addresses({"a": 2, "b": 3, "c": 4}, {"a": 1, "b": 2, "c": 3})
    assert names(found.phases.updates) == [["c"], ["b"], ["a"]]
    keys = {c.name: c.ref for c in found.changes}
    assert found.phases.needs == {keys["a"]: {keys["b"]}, keys["b"]: {keys["c"]}}


def test_independent_updates_go_by_name():
    assert names(of_addresses({"b": 5, "a": 6, "c": 7}, {"a": 1, "b": 2, "c": 3}).phases.updates) == [
        ["a"],
        ["b"],
        ["c"],
    ]


def test_cycle_is_one_group_and_its_dependents_come_after():
    found = of_addresses({"a": 3, "b": 2, "c": 1, "d": 9}, {"b": 1, "c": 2, "d": 3, "a": 4})
    assert names(found.phases.updates) == [["b", "c"], ["d"], ["a"]]
    keys = {c.name: c.ref for c in found.changes}
    cycle = {keys["b"], keys["c"]}
    assert found.phases.needs == {keys["a"]: {keys["d"]}, keys["b"]: cycle, keys["c"]: cycle}


def test_members_of_a_cycle_go_by_name_whatever_their_ids():
    found = plan(
        desired(tunnel("a", interface_address=net(2)), tunnel("b", interface_address=net(1))),
        live(raw("a", id="2" * 32, interface_address=net(1)), raw("b", id="1" * 32, interface_address=net(2))),
    )
    assert names(found.phases.updates) == [["a", "b"]]


def test_members_of_a_cycle_need_each_other_and_what_any_of_them_needs_from_outside():
    found = plan(
        desired(
            tunnel("a", interface_address=net(2), interface_address6="2001:db8::/127"),
            tunnel("b", interface_address=net(1)),
        ),
        live(
            raw("a", interface_address=net(1)),
            raw("b", interface_address=net(2)),
            raw("x", interface_address6="2001:db8::/127"),
        ),
        allow_delete=frozenset("x"),
    )
    keys = {c.name: c.ref for c in found.changes}
    assert found.phases.needs == {ref: {*keys.values()} for ref in (keys["a"], keys["b"])}
    assert len({id(needs) for needs in found.phases.needs.values()}) == 1


def test_only_deletes_that_free_something_come_first():
    found = of_addresses({"n": 1}, {"x": 1, "y": 2})
    phases = found.phases
    assert [[c.name for c in part] for part in (phases.first_deletes, phases.creates, phases.last_deletes)] == [
        ["x"],
        ["n"],
        ["y"],
    ]


def test_chain_of_renames_begins_at_its_free_end():
    found = plan(
        desired(
            tunnel("c", renamed_from="b", interface_address=net(2)),
            tunnel("b", renamed_from="a", interface_address=net(1)),
        ),
        live(raw("a", interface_address=net(1)), raw("b", interface_address=net(2))),
    )
    assert names(found.phases.updates) == [["c"], ["b"]]


def test_wider_network_waits_for_both_narrow_ones():
    found = plan(
        desired(
            tunnel("a", interface_address="10.0.0.0/30"),
            tunnel("b", interface_address=net(8)),
            tunnel("c", interface_address=net(9)),
        ),
        live(
            raw("a", interface_address=net(5)),
            raw("b", interface_address=net(0)),
            raw("c", interface_address=net(1)),
        ),
    )
    assert names(found.phases.updates) == [["b"], ["c"], ["a"]]


def test_other_host_bits_of_its_own_network_are_no_conflict():
    found = plan(
        desired(tunnel("a", interface_address="10.0.0.0/30")),
        live(raw("a", interface_address="10.0.0.1/31")),
    )
    assert (found.phases.needs, found.guards) == ({}, ())


@pytest.mark.parametrize(("endpoint", "needs"), [("203.0.113.1", 1), ("203.0.113.2", 0)])
def test_identity_is_held_only_on_its_own_endpoint(endpoint, needs):
    label = {"fqdn_id": IDS.format("x")}
    found = plan(
        desired(tunnel("a", custom_remote_identities=label), tunnel("b")),
        live("a", raw("b", custom_remote_identities=label, cloudflare_endpoint=endpoint)),
    )
    assert len(found.phases.needs) == needs


def test_a_move_to_another_endpoint_waits_for_who_has_the_identity_there():
    label = {"fqdn_id": IDS.format("x")}
    found = plan(
        desired(
            tunnel("a", custom_remote_identities=label, cloudflare_endpoint="203.0.113.2"),
            tunnel("b", cloudflare_endpoint="203.0.113.2"),
        ),
        live(
            raw("a", custom_remote_identities=label, cloudflare_endpoint="203.0.113.1"),
            raw("b", custom_remote_identities=label, cloudflare_endpoint="203.0.113.2"),
        ),
    )
    assert names(found.phases.updates) == [["b"], ["a"]]


@pytest.mark.parametrize("order", list(permutations("abcd")))
def test_every_permutation_of_addresses_has_a_detour(order):
    found = of_addresses({n: i for i, n in enumerate(order)}, {n: i for i, n in enumerate("abcd")})
    held = {n: net(i) for i, n in enumerate("abcd")}
    for group in found.phases.updates:
        detour = found.detours.get(group[0].ref)
        legs = [(leg.change.name, leg.settings["interface_address"]) for leg in detour.legs] if detour else []
        for name, address in legs:
            assert address not in [a for n, a in held.items() if n != name]
            held[name] = address
    assert held == {n: net(i) for i, n in enumerate(order)}
    assert {c.action for c in found.changes} <= {"update"}


def test_address_cycle_parks_one_member_on_a_free_network():
    found = plan(
        desired(
            tunnel("a", interface_address=net(2)),
            tunnel("b", interface_address=net(1)),
            tunnel("p", interface_address="169.254.240.2/31"),
            tunnel("0", description="x"),
            of=account(parking="169.254.240.0/28"),
        ),
        live(
            "0",
            raw("a", interface_address=net(1)),
            raw("b", interface_address=net(2)),
            raw("p", interface_address="169.254.240.0/31"),
        ),
    )
    (detour,) = found.detours.values()
    assert [(s.change.name, s.settings["interface_address"], s.parked) for s in detour.legs] == [
        ("a", "169.254.240.4/31", True),
        ("b", net(1), False),
        ("a", net(2), False),
    ]
    assert found.notes[0] == (
        "a, b exchange addresses or identities and go in one call. "
        "If Cloudflare refuses that, a goes through 169.254.240.4/31 for a moment."
    )


def test_identity_cycle_parks_one_member_on_a_temporary_label():
    one, two = ({"fqdn_id": IDS.format(n)} for n in ("one", "two"))
    found = plan(
        desired(tunnel("a", custom_remote_identities=two), tunnel("b", custom_remote_identities=one)),
        live(raw("a", custom_remote_identities=one), raw("b", custom_remote_identities=two)),
    )
    (detour,) = found.detours.values()
    label, _, rest = detour.through[0].partition(".")
    assert (label.startswith("reconciler-"), len(label), rest) == (True, 19, IDS.format("").lstrip("."))
    assert [s.change.name for s in detour.legs] == ["a", "b", "a"]


def test_cycle_of_an_address_and_an_identity_is_broken_at_one_place():
    label = {"fqdn_id": IDS.format("one")}
    found = plan(
        desired(
            tunnel("a", interface_address=net(2)),
            tunnel("b", interface_address=net(3), custom_remote_identities=label),
        ),
        live(
            raw("a", interface_address=net(1), custom_remote_identities=label),
            raw("b", interface_address=net(2)),
        ),
    )
    assert names(found.phases.updates) == [["a", "b"]]
    (detour,) = found.detours.values()
    assert [(s.change.name, s.parked) for s in detour.legs] == [("a", True), ("b", False), ("a", False)]


def test_the_one_that_lets_others_go_is_parked_rather_than_the_first():
    found = plan(
        desired(
            tunnel("b", interface_address="10.0.1.0/31"),
            tunnel("c", interface_address="10.0.1.2/31"),
            tunnel("z", interface_address="10.0.0.0/30"),
            of=account(parking="169.254.240.0/31"),
        ),
        live(
            raw("b", interface_address="10.0.0.0/31"),
            raw("c", interface_address="10.0.0.2/31"),
            raw("z", interface_address="10.0.1.0/30"),
        ),
    )
    (detour,) = found.detours.values()
    assert [(leg.change.name, leg.parked) for leg in detour.legs] == [
        ("z", True),
        ("b", False),
        ("c", False),
        ("z", False),
    ]


@pytest.mark.parametrize(("parking", "expected"), [("169.254.240.0/31", None), ("169.254.240.0/30", ["0/31", "2/31"])])
def test_two_that_are_parked_at_once_never_share_a_network(parking, expected):
    def made(make, name, address, identity):
        return make(name, interface_address=net(address), custom_remote_identities={"fqdn_id": IDS.format(identity)})

    found = plan(
        desired(made(tunnel, "a", 3, 2), made(tunnel, "b", 1, 3), made(tunnel, "c", 2, 1), of=account(parking=parking)),
        live(made(raw, "a", 1, 1), made(raw, "b", 2, 2), made(raw, "c", 3, 3)),
    )
    (detour,) = found.detours.values()
    networks = [v.removeprefix("169.254.240.") for v in detour.through if "/31" in v] if detour else None
    assert networks == expected


@pytest.mark.parametrize("parking", ["169.254.240.0/31", "169.254.240.0/32", "2001:db8::/64", "nonsense"])
def test_no_free_network_means_no_detour(parking):
    found = plan(
        desired(
            tunnel("a", interface_address=net(2)),
            tunnel("b", interface_address=net(1)),
            tunnel("p", interface_address="169.254.240.0/31"),
            of=account(parking=parking),
        ),
        live(raw("a", interface_address=net(1)), raw("b", interface_address=net(2))),
    )
    assert list(found.detours.values()) == [None]
    assert "there is no free value" in found.notes[0]


def test_ipv6_cycle_has_no_detour():
    found = plan(
        desired(tunnel("a", interface_address6="2001:db8::2/127"), tunnel("b", interface_address6="2001:db8::/127")),
        live(raw("a", interface_address6="2001:db8::/127"), raw("b", interface_address6="2001:db8::2/127")),
    )
    assert names(found.phases.updates) == [["a", "b"]]
    assert list(found.detours.values()) == [None]


def test_components_of_ten_thousand_nodes_need_no_recursion():
    ring = {str(i): (str((i + 1) % 10_000),) for i in range(10_000)}
    line = {str(i): (str(i + 1),) if i < 9_999 else () for i in range(10_000)}
    assert (len(components(ring)), len(components(line))) == (1, 10_000)


def test_components_join_cycles_that_share_a_node():
    edges = {"a": ("b",), "b": ("a", "c"), "c": ("b", "d"), "d": ()}
    assert sorted(sorted(c) for c in components(edges)) == [["a", "b", "c"], ["d"]]


@pytest.mark.parametrize(
    ("sizes", "size", "expected"),
    [
        ([], 2, []),
        ([1, 1, 1], 2, [[1, 1], [1]]),
        ([1, 2, 1], 2, [[1], [2], [1]]),
        ([1, 5, 1], 2, [[1], [5], [1]]),
        ([1] * 200, 100, [[1] * 100, [1] * 100]),
    ],
)
def test_batches_are_filled_in_order_and_never_split_a_group(sizes, size, expected):
    change = of_addresses({"a": 2}, {"a": 1}).changes[0]
    batches = all_batches([(change,) * n for n in sizes], size)
    assert [[len(g) for g in batch] for batch in batches] == expected
