from typing import Any

import pytest

from reconciler.files.dump import Layout, laid_over, lay_out, typical
from reconciler.model.settings import Settings, canonical, nested
from tests.build import settings

HEAD = (
    "# What is live at Cloudflare, written by `reconciler import`. Without this line, --force leaves the file alone.\n"
)
API = canonical({})
ONE_FILE = Layout(by_site=False)


def of(*tunnels: dict[str, Any]) -> dict[str, Settings]:
    """Canonical settings by name; what is not given has no value."""
    found = [
        canonical({"cloudflare_endpoint": "203.0.113.1", "interface_address": "10.0.0.0/31", **t}) for t in tunnels
    ]
    return {str(t["name"]): t for t in found}


def text_of(*tunnels: dict[str, Any], under: dict[str, Any] | None = None) -> str:
    """The one file of these tunnels, behind its head."""
    return lay_out(of(*tunnels), canonical(under or {}), ONE_FILE)["imported.yaml"].removeprefix(HEAD)


def test_a_site_of_two_tunnels_looks_as_if_written_by_hand():
    bgp = {"bgp": {"customer_asn": 65010, "extra_prefixes": ["10.9.0.0/16"]}}
    two = of(
        {"name": "lon-a", "customer_endpoint": "198.51.100.10", "description": "London, primary", **bgp},
        {
            "name": "lon-b",
            "cloudflare_endpoint": "203.0.113.2",
            "customer_endpoint": "198.51.100.10",
            "interface_address": "10.0.0.2/31",
            "description": "London, secondary",
            "health_check": {"rate": "high", "target": {"saved": "192.0.2.20"}},
            **bgp,
        },
    )
    assert lay_out(two, API, Layout(head="# of an editor\n")) == {
        "lon.yaml": HEAD
        + """# of an editor
defaults:
  customer_endpoint: 198.51.100.10
  bgp: {customer_asn: 65010, extra_prefixes: [10.9.0.0/16]}

tunnels:
  - name: lon-a
    description: London, primary
    cloudflare_endpoint: 203.0.113.1
    interface_address: 10.0.0.0/31
    psk: external

  - name: lon-b
    description: London, secondary
    cloudflare_endpoint: 203.0.113.2
    interface_address: 10.0.0.2/31
    health_check: {rate: high, target: {saved: 192.0.2.20}}
    psk: external
"""
    }


def test_one_that_differs_from_the_defaults_says_so():
    text = text_of(
        {"name": "a", "description": "x", "replay_protection": True},
        {"name": "b", "description": "x", "replay_protection": True},
        {"name": "c"},
    )
    assert text.startswith(
        "defaults:\n  cloudflare_endpoint: 203.0.113.1\n  description: x\n  replay_protection: true\n"
    )
    assert text.endswith(
        "  - name: c\n    description: null\n    interface_address: 10.0.0.0/31\n    replay_protection: false\n"
        "    psk: external\n"
    )


def test_half_of_the_tunnels_are_not_most():
    endpoints = ("203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.3")
    found = [canonical(settings(f"t{i}", cloudflare_endpoint=e)) for i, e in enumerate(endpoints)]
    assert "cloudflare_endpoint" not in typical(found, API)
    assert typical(found[:3], API)["cloudflare_endpoint"] == "203.0.113.1"


def test_a_tunnel_alone_has_no_defaults():
    assert text_of({"name": "a", "description": "x"}).startswith("tunnels:\n  - name: a\n    description: x\n")


@pytest.mark.parametrize(
    ("sessions", "common"),
    [
        # Most have a session, but no AS number is common: a tunnel without a session would get half of one.
        ([{"customer_asn": 1, "export_filter_id": "f"}, {"customer_asn": 2, "export_filter_id": "f"}, None], {}),
        # All have one.
        ([{"customer_asn": n, "export_filter_id": "f"} for n in (1, 2, 3)], {"bgp": {"export_filter_id": "f"}}),
        ([{"customer_asn": 1}, {"customer_asn": 1}, None], {"bgp": {"customer_asn": 1}}),
        ([{"customer_asn": 1}, None, None], {}),
        # A key stays where it belongs.
        ([{"customer_asn": 1, "md5_key": "k"}, {"customer_asn": 1, "md5_key": "k"}], {"bgp": {"customer_asn": 1}}),
    ],
)
def test_defaults_never_hold_half_a_session_or_a_key(sessions: list[Any], common: dict[str, Any]):
    found = [canonical({"bgp": bgp}) for bgp in sessions]
    assert laid_over(nested(API), nested(typical(found, API))) == common


def test_what_the_account_says_is_switched_off_for_a_file_that_has_none_of_it():
    under = {"bgp": {"customer_asn": 1}, "health_check": {"rate": "high"}, "cloudflare_endpoint": "203.0.113.1"}
    assert text_of({"name": "a"}, {"name": "b"}, under=under).startswith(
        "defaults:\n  health_check: {rate: mid}\n  bgp: null\n\ntunnels:\n  - name: a\n    interface_address: "
    )


def names_of(*names: str, by_site: bool = True, taken: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Files with the names of their tunnels."""
    files = lay_out(of(*({"name": name} for name in names)), API, Layout(by_site, taken))
    return {
        file: [line.removeprefix("  - name: ") for line in text.splitlines() if line.startswith("  - name: ")]
        for file, text in files.items()
    }


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["lon-a", "lon_b", "lon.c", "lon"], {"lon.yaml": ["lon-a", "lon_b", "lon.c", "lon"]}),
        (["a-1", "b-1", "b-2", "c"], {"imported.yaml": ["a-1", "c"], "b.yaml": ["b-1", "b-2"]}),
        # One file on some file systems.
        (["LON-a", "lon-b"], {"lon.yaml": ["LON-a", "lon-b"]}),
        # The account's own file, and what can't be the name of a file everywhere.
        (["account-1", "account-2", "ü-1", "ü-2"], {"imported.yaml": ["account-1", "account-2", "ü-1", "ü-2"]}),
        (["/a-1", "/a-2", "-1", "-2"], {"imported.yaml": ["/a-1", "/a-2", "'-1'", "'-2'"]}),
        ([f"{'x' * 61}-1", f"{'x' * 61}-2"], {"imported.yaml": [f"{'x' * 61}-1", f"{'x' * 61}-2"]}),
        (["a", "imported-1", "imported-2"], {"imported.yaml": ["a", "imported-1", "imported-2"]}),
        ([], {"imported.yaml": []}),
    ],
)
def test_each_site_has_a_file(names: list[str], files: dict[str, list[str]]):
    assert names_of(*names) == files


def test_all_go_into_one_file():
    assert names_of("a-1", "a-2", "b", by_site=False) == {"imported.yaml": ["a-1", "a-2", "b"]}


def test_a_name_that_is_taken_gets_a_number():
    assert names_of("a-1", "a-2", "b", taken=("a.yaml", "a-2.yaml", "imported.yaml")) == {
        "a-3.yaml": ["a-1", "a-2"],
        "imported-2.yaml": ["b"],
    }


def test_a_long_text_in_the_defaults_counts_too():
    long = "x" * 400_000
    files = lay_out(
        of(*({"name": f"a-{n}", "description": (long, long, "y" * 300_000)[n % 3]} for n in range(6))), API, ONE_FILE
    )
    assert max(len(text.encode()) for text in files.values()) < 1 << 20
    assert len(files) == 2
