from ipaddress import ip_network

import pytest

from reconciler.plan.claims import ClaimKind, conflicts, holders
from tests.build import desired, live, plan, raw, tunnel

NETWORKS = {
    "wide": "10.0.0.0/24",
    "low": "10.0.0.0/30",
    "high": "10.0.0.4/31",
    "other": "10.1.0.0/31",
}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("10.0.0.0/30", ["low", "wide"]),
        ("10.0.0.0/31", ["low", "wide"]),
        ("10.0.0.2/31", ["low", "wide"]),
        ("10.0.0.4/31", ["high", "wide"]),
        ("10.0.0.8/31", ["wide"]),
        ("10.0.0.0/24", ["high", "low", "wide"]),
        ("10.0.0.0/8", ["high", "low", "other", "wide"]),
        ("10.2.0.0/31", []),
        ("2001:db8::/64", []),
    ],
)
def test_a_network_is_held_once_by_each_whose_network_overlaps_it(wanted, expected):
    claim = ClaimKind.NETWORK, ip_network(wanted)
    held = [(key, tunnel(interface_address=network).settings) for key, network in NETWORKS.items()]
    held.append(("six", tunnel(interface_address=None, interface_address6="2001:db9::/127").settings))
    assert sorted(holders(held, [claim]).of(claim)) == expected


def test_all_that_one_change_waits_for_from_another_is_known():
    held = {"interface_address": "10.0.0.0/31", "custom_remote_identities": {"fqdn_id": "x.example"}}
    now = live("a", raw("b", **held))
    changes = plan(desired(tunnel("a", **held), "b"), now).changes
    ids = {c.name: c.ref for c in changes}
    assert conflicts(changes, now).waits == {ids["a"]: {ids["b"]: {ClaimKind.NETWORK, ClaimKind.IDENTITY}}}
