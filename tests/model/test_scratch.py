"""What makes a live tunnel a scratch tunnel of a measurement: all signs together."""

from ipaddress import ip_network

import pytest

from reconciler.model.live import live_tunnel
from reconciler.model.scratch import MARKER, is_scratch
from tests.build import raw

IN = ip_network("10.99.0.0/29")


@pytest.mark.parametrize(
    ("name", "fields", "scratch"),
    [
        ("reconciler-doctor-a", {}, True),
        ("reconciler-doctor-a", {"description": f"{MARKER} of today"}, True),
        ("reconciler-doctor-a", {"interface_address6": "fd00::/127"}, False),
        ("reconciler-doctor-a", {"interface_address": "10.99.0.8/31"}, False),
        ("reconciler-doctor-a", {"interface_address": "nonsense"}, False),
        ("reconciler-doctor-a", {"interface_address6": 7}, False),
        ("reconciler-doctor-a", {"description": "made by hand"}, False),
        ("reconciler-doctor-a", {"description": None}, False),
        ("my-reconciler-doctor-a", {}, False),
    ],
)
def test_only_what_has_name_marker_and_addresses_of_a_measurement_is_one(name, fields, scratch):
    made = {"description": MARKER, "interface_address": "10.99.0.6/31"}
    assert is_scratch(live_tunnel(raw(name, **(made | fields))), IN) is scratch


def test_without_a_network_name_and_marker_decide():
    made = raw("reconciler-doctor-a", description=MARKER, interface_address="10.0.0.0/31")
    assert is_scratch(live_tunnel(made))
    assert not is_scratch(live_tunnel(made), IN)
