"""The official SDK as a witness: it validates every answer of every operation against the types of the contract."""

import pytest
from cloudflare import APIResponseValidationError, Cloudflare

from reconciler.simulator.faults import FaultKind, apply_fault
from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.server import Simulator
from tests.strangers import foreign_create
from tests.variants import ALL_VARIANTS

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
WORD = "secret"
BARE = {"name": "bare", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.0.0.0/31"}
FULL = {
    "name": "full",
    "cloudflare_endpoint": "203.0.113.1",
    "interface_address": "10.0.0.2/31",
    "interface_address6": "2001:db8::/127",
    "customer_endpoint": "198.51.100.1",
    "description": "text",
    "replay_protection": True,
    "health_check": {"rate": "high", "target": {"saved": "192.0.2.10"}},
    "bgp": {"customer_asn": 65010, "extra_prefixes": ["10.9.0.0/16"], "md5_key": "k"},
    "custom_remote_identities": {"fqdn_id": "x.1.custom.ipsec.cloudflare.com"},
}


def strict(running):
    """An SDK client that refuses an answer of a wrong type instead of passing it on."""
    return Cloudflare(api_token=WORD, base_url=running.base_url, max_retries=0, _strict_response_validation=True)


@pytest.mark.parametrize("variant", ALL_VARIANTS, ids=lambda variant: variant.name)
def test_the_sdk_finds_every_answer_valid_under_every_reading(variant):
    simulator = Simulator(variant.semantics)
    bare = foreign_create(simulator, ACCOUNT, BARE)
    full = foreign_create(simulator, ACCOUNT, FULL)
    item = {"id": bare, **BARE, "description": "new"}
    bodies = {"wrapped": {"ipsec_tunnels": [item]}, "array": [item]}
    with LoopbackServer(simulator) as running, strict(running) as client:
        tunnels = client.magic_transit.ipsec_tunnels
        for form in (True, False):
            listed = tunnels.list(account_id=ACCOUNT, x_magic_new_hc_target=form).ipsec_tunnels
            assert {tunnel.name for tunnel in listed} == {"bare", "full"}
            assert tunnels.get(full, account_id=ACCOUNT, x_magic_new_hc_target=form).ipsec_tunnel.description == "text"
        if variant.semantics.bulk_body in bodies:
            many = tunnels.bulk_update(account_id=ACCOUNT, body=bodies[variant.semantics.bulk_body])
            assert [tunnel.description for tunnel in many.modified_ipsec_tunnels] == ["new"]
        one = tunnels.update(bare, account_id=ACCOUNT, **BARE, description="newer")
        assert one.modified_ipsec_tunnel.description == "newer"
        assert len(tunnels.psk_generate(bare, account_id=ACCOUNT).psk) == 32
        assert tunnels.psk_set(account_id=ACCOUNT, psks=[{"id": bare, "psk": "k"}]).unapplied_psks == {}
        assert tunnels.delete(bare, account_id=ACCOUNT).deleted_ipsec_tunnel.name == "bare"


def test_the_sdk_sees_what_is_unset_as_the_acceptance_test_needs_it():
    with LoopbackServer(Simulator()) as running, strict(running) as client:
        tunnels = client.magic_transit.ipsec_tunnels
        made = tunnels.create(account_id=ACCOUNT, **BARE, bgp={"customer_asn": 65001}, x_magic_new_hc_target=True)
        (listed,) = tunnels.list(account_id=ACCOUNT, x_magic_new_hc_target=True).ipsec_tunnels
    for tunnel in (made, listed):
        assert tunnel.to_dict(mode="json", exclude_unset=True).keys() == {
            *BARE,
            "id",
            "bgp",
            "health_check",
            "psk_metadata",
            "created_on",
            "modified_on",
            "bgp_status",
        }
        assert tunnel.bgp.to_dict() == {"customer_asn": 65001, "extra_prefixes": []}
        assert tunnel.health_check.target.to_dict() == {"effective": ""}


def test_the_witness_objects_to_an_answer_of_a_wrong_type():
    simulator = Simulator()
    foreign_create(simulator, ACCOUNT, BARE)

    def spoiled(simulator, request):
        return apply_fault(FaultKind.WRONG_TYPE, simulator, request)

    with (
        LoopbackServer(simulator, answer=spoiled) as running,
        strict(running) as client,
        pytest.raises(APIResponseValidationError),
    ):
        client.magic_transit.ipsec_tunnels.list(account_id=ACCOUNT)
