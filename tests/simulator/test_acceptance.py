"""What the acceptance test of the official Terraform provider demands of the list, stated literally.

The test is `TestAccCloudflareIPsecTunnelExists`: after a create its plan has to be empty, so the answers must hold
nothing that the provider would take for a change.
"""

import pytest

SENT = {
    "name": "acceptance",
    "description": "acceptance",
    "cloudflare_endpoint": "192.0.2.1",
    "customer_endpoint": "203.0.113.1",
    "interface_address": "10.212.0.10/31",
    "health_check": {"enabled": True, "rate": "low", "type": "request", "direction": "unidirectional"},
    "psk": "asdf1234",
    "replay_protection": True,
    "automatic_return_routing": True,
    "bgp": {"customer_asn": 65001, "extra_prefixes": []},
}
LISTED = {
    "name": "acceptance",
    "description": "acceptance",
    "cloudflare_endpoint": "192.0.2.1",
    "customer_endpoint": "203.0.113.1",
    "interface_address": "10.212.0.10/31",
    "health_check": {
        "enabled": True,
        "rate": "low",
        "type": "request",
        "direction": "unidirectional",
        "target": {"effective": "203.0.113.1"},
    },
    "replay_protection": True,
    "automatic_return_routing": True,
    "bgp": {"customer_asn": 65001, "extra_prefixes": []},
}
FACTS = {"id", "created_on", "modified_on", "psk_metadata", "bgp_status"}


def settings(tunnel):
    """A tunnel as listed without what the server adds; null is the same as absent to the provider, at any depth."""
    if not isinstance(tunnel, dict):
        return tunnel
    return {name: settings(value) for name, value in tunnel.items() if value is not None and name not in FACTS}


def answers(world, sent):
    """The tunnel as each verb shows it."""
    made = world.call("POST", "", sent)[1]["result"]
    listed = world.call("GET")[1]["result"]["ipsec_tunnels"]
    put = world.call("PUT", f"/{made['id']}", sent)[1]["result"]["modified_ipsec_tunnel"]
    return [made, *listed, world.get(made["id"]), put]


def test_every_answer_holds_what_was_sent_and_nothing_else(api):
    shown = answers(api(), SENT)
    assert [{name: tunnel[name] for name in tunnel if name not in FACTS} for tunnel in shown] == [LISTED] * 4


def test_false_flags_and_unset_objects_and_text_are_not_listed(api):
    sent = {name: SENT[name] for name in ("name", "cloudflare_endpoint", "interface_address")}
    shown = answers(api(), sent | {"replay_protection": False, "automatic_return_routing": False})
    health = {"enabled": True, "rate": "mid", "type": "reply", "direction": "unidirectional"}
    listed = {**sent, "health_check": {**health, "target": {"effective": ""}}}
    assert [{name: tunnel[name] for name in tunnel if name not in FACTS} for tunnel in shown] == [listed] * 4


@pytest.mark.parametrize(
    "switches",
    ["unset_text=null", "unset_object=null", "unset_flag=null", "unset_flag=false", "unset_target=null", "put=replace"],
)
def test_readings_that_the_provider_takes_for_the_same(api, switches):
    assert [settings(tunnel) for tunnel in answers(api(switches), SENT)] == [LISTED] * 4


@pytest.mark.parametrize(
    ("switches", "section", "found"),
    [
        (
            "unset_target=empty",
            "health_check",
            {**LISTED["health_check"], "target": {"saved": "", "effective": "203.0.113.1"}},
        ),
        ("unset_prefixes=absent", "bgp", {"customer_asn": 65001}),
        ("unset_prefixes=null", "bgp", {"customer_asn": 65001}),
        (
            "unset_text=empty",
            "bgp",
            {
                "customer_asn": 65001,
                "extra_prefixes": [],
                "md5_key": "",
                "import_filter_id": "",
                "export_filter_id": "",
            },
        ),
        ("unset_text=empty", "interface_address6", ""),
        ("unset_object=zero", "custom_remote_identities", {"fqdn_id": ""}),
    ],
)
def test_readings_that_make_the_plan_of_the_acceptance_test_not_empty(api, switches, section, found):
    for tunnel in answers(api(switches), SENT):
        assert settings(tunnel)[section] == found
        assert settings(tunnel) != LISTED


def test_a_create_answers_with_the_tunnel_itself_since_the_provider_reads_no_list(api):
    assert api().call("POST", "", SENT)[1]["result"]["name"] == "acceptance"
