"""What an update sends: everything observed that can be sent, overlaid with what is wanted."""

import pytest

from reconciler.core.tunnel import canonical, update_body
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
        ({"saved": "", "effective": "192.0.2.1"}, None, {"saved": ""}),
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


def test_a_key_that_a_server_lists_is_never_sent_back():
    assert "psk" not in update_body(raw("a") | {"psk": "0123"}, canonical(raw("a")))
