"""What an update sends: everything observed that can be sent, overlaid with what is wanted."""

import pytest

from reconciler.model.settings import canonical, nested, update_body
from tests.build import raw

LIVE = {
    "id": "1",
    "name": "a",
    "cloudflare_endpoint": "203.0.113.1",
    "interface_address": "10.0.0.0/31",
    "replay_protection": False,
    "automatic_return_routing": False,
    "health_check": {"enabled": True, "rate": "mid", "type": "reply"},
}
SENT = {key: value for key, value in LIVE.items() if key != "id"}


@pytest.mark.parametrize(
    ("observed", "sent"),
    [
        ({"new": None}, {}),
        ({"new": {"a": 1, "b": None}}, {"new": {"a": 1}}),
        ({"new": [{"a": None}, None, 2]}, {"new": [{}, 2]}),
        ({"custom_remote_identities": {"fqdn_id": None, "x": "y"}}, {"custom_remote_identities": {"x": "y"}}),
        (
            {"bgp": {"customer_asn": 5, "md5_key": None, "new": {"z": None}}},
            {"bgp": {"customer_asn": 5, "new": {}}},
        ),
    ],
)
def test_null_is_never_sent_at_any_depth(observed: dict[str, object], sent: dict[str, object]) -> None:
    live = {**LIVE, **observed}
    assert update_body(live, canonical(live)) == {**SENT, **sent}


@pytest.mark.parametrize(
    ("live", "wanted", "sent"),
    [
        ({"saved": "", "effective": "192.0.2.1"}, None, None),
        ({"saved": "192.0.2.1", "new": 1}, None, {"saved": "", "new": 1}),
        ({"saved": "192.0.2.1", "new": 1}, {"saved": "192.0.2.2"}, {"saved": "192.0.2.2", "new": 1}),
        ("192.0.2.1", {"saved": "192.0.2.1"}, {"saved": "192.0.2.1"}),
        ({"effective": "192.0.2.1"}, None, None),
    ],
)
def test_the_target_keeps_all_but_what_is_effective(live: object, wanted: object, sent: object) -> None:
    health = {"enabled": True, "rate": "mid", "type": "reply"}
    body = update_body(
        {**LIVE, "health_check": {**health, "target": live}},
        canonical({**LIVE, "health_check": {**health, "target": wanted}}),
    )
    assert body["health_check"] == (health if sent is None else {**health, "target": sent})


@pytest.mark.parametrize(
    ("observed", "sent"),
    [
        ({"description": "", "customer_endpoint": "", "interface_address6": ""}, {}),
        ({"custom_remote_identities": {"fqdn_id": ""}}, {}),
        ({"custom_remote_identities": {"fqdn_id": "", "x": ""}}, {"custom_remote_identities": {"x": ""}}),
        ({"new": "", "deep": {"name": ""}}, {"new": "", "deep": {"name": ""}}),
        ({"new": [{"name": ""}, ""]}, {"new": [{"name": ""}, ""]}),
        (
            {"bgp": {"customer_asn": 5, "md5_key": "", "import_filter_id": "", "export_filter_id": "f"}},
            {"bgp": {"customer_asn": 5, "export_filter_id": "f"}},
        ),
    ],
)
def test_a_known_text_that_is_listed_as_empty_is_not_sent_back_since_a_server_may_refuse_it(
    observed: dict[str, object], sent: dict[str, object]
) -> None:
    live = {**LIVE, **observed}
    assert update_body(live, canonical(live)) == {**SENT, **sent}


def test_a_text_that_is_live_and_unset_in_git_is_cleared_by_an_empty_one() -> None:
    live = {**LIVE, "description": "x", "customer_endpoint": "192.0.2.1", "custom_remote_identities": {"fqdn_id": "f"}}
    cleared = {"description": "", "customer_endpoint": "", "custom_remote_identities": {"fqdn_id": ""}}
    assert update_body(live, canonical(LIVE)) == {**SENT, **cleared}


@pytest.mark.parametrize(
    "odd",
    [
        {"bgp": "?"},
        {"bgp": {"customer_asn": [1], "new": 5}},
        {"health_check": {"enabled": True, "rate": 5, "type": [5]}},
        {"custom_remote_identities": []},
    ],
)
@pytest.mark.parametrize("wanted", [{}, {"bgp": {"customer_asn": 65010}, "custom_remote_identities": {"fqdn_id": "f"}}])
def test_what_cannot_be_read_is_sent_back_as_it_is(odd: dict[str, object], wanted: dict[str, object]) -> None:
    live = {**LIVE, **odd, "description": "x"}
    (path, value), *_ = odd.items()
    body = update_body(live, canonical({**LIVE, **wanted, "description": "y"}))
    assert (body["description"], body[path]) == ("y", value)


def test_what_can_be_read_beside_it_is_set() -> None:
    live = {**LIVE, "health_check": {"enabled": True, "rate": 5, "target": {"saved": "192.0.2.1"}}}
    body = update_body(live, canonical({**LIVE, "health_check": {"enabled": False, "rate": "high"}}))
    assert body["health_check"] == {"enabled": False, "rate": 5, "type": "reply", "target": {"saved": ""}}


def test_a_key_that_a_server_lists_is_never_sent_back():
    assert "psk" not in update_body(raw("a") | {"psk": "0123"}, canonical(raw("a")))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "cafe\u0301"}, {"name": "caf\xe9"}),
        ({"name": " lon-a\n"}, {"name": "lon-a"}),
        ({"description": "\t London\r\n"}, {"description": "London"}),
        ({"description": " \n"}, {}),
        ({"custom_remote_identities": {"fqdn_id": "a.b \n"}}, {"custom_remote_identities": {"fqdn_id": "a.b"}}),
        ({"bgp": {"customer_asn": "65010"}}, {"bgp": {"customer_asn": 65010}}),
        ({"bgp": {"customer_asn": 65010.0}}, {"bgp": {"customer_asn": 65010}}),
        ({"bgp": {"customer_asn": 0, "extra_prefixes": [], "md5_key": ""}}, {}),
        ({"bgp": {"customer_asn": None, "extra_prefixes": None, "md5_key": None}}, {"bgp": None}),
        ({"bgp": {"customer_asn": "0", "import_filter_id": "", "new": False}}, {"bgp": {}}),
    ],
)
def test_what_means_the_same_is_equal(one: dict[str, object], other: dict[str, object]) -> None:
    assert canonical({**LIVE, **one}) == canonical({**LIVE, **other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"description": "cafe\u0301"}, {"description": "caf\xe9"}),
        ({"description": "a  b"}, {"description": "a b"}),
        ({"name": "Lon"}, {"name": "lon"}),
        ({"bgp": {"customer_asn": 5, "md5_key": " k"}}, {"bgp": {"customer_asn": 5, "md5_key": "k"}}),
        ({"bgp": {"customer_asn": 0, "extra_prefixes": ["10.0.0.0/8"]}}, {}),
        ({"bgp": {"customer_asn": 0, "md5_key": "k"}}, {}),
        ({"bgp": {"customer_asn": 0, "export_filter_id": "f"}}, {}),
    ],
)
def test_what_differs_in_meaning_is_not_equal(one: dict[str, object], other: dict[str, object]) -> None:
    assert canonical({**LIVE, **one}) != canonical({**LIVE, **other})


def test_texts_are_sent_as_a_server_keeps_them():
    wanted = canonical({**LIVE, "name": " cafe\u0301 ", "description": "London\n"})
    assert nested(wanted)["name"] == "caf\xe9"
    assert update_body(LIVE, wanted)["description"] == "London"


def test_bgp_of_zeros_is_not_sent_back():
    live = {**LIVE, "bgp": {"customer_asn": 0, "extra_prefixes": [], "md5_key": ""}}
    assert "bgp" not in update_body(live, canonical(live))
    assert update_body(live, canonical({**live, "bgp": {"customer_asn": 5}}))["bgp"] == {
        "customer_asn": 5,
        "extra_prefixes": [],
    }
