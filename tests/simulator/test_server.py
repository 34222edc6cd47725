"""What every reading of the contract has in common: routes, envelope, wrappers, rules."""

import json

import pytest

from reconciler.simulator.message import RefusedError
from tests.strangers import foreign_create, foreign_delete, foreign_edit

REFUSED = (400, 1022)


def refusal(answer):
    status, body = answer
    assert body["success"] is False
    assert body["result"] is None
    return status, body["errors"][0]["code"]


def test_a_new_account_is_empty(api):
    assert api().call("GET") == (
        200,
        {"success": True, "errors": [], "messages": [], "result": {"ipsec_tunnels": []}},
    )


def test_create_answers_the_tunnel_with_defaults_and_server_facts(api):
    status, answer = api().call("POST", "", api().body(customer_endpoint="198.51.100.1"))
    assert status == 200
    result = answer["result"]
    assert len(result.pop("id")) == 32
    assert result == {
        "name": "lon-a",
        "cloudflare_endpoint": "203.0.113.1",
        "customer_endpoint": "198.51.100.1",
        "interface_address": "10.0.0.0/31",
        "health_check": {
            "enabled": True,
            "rate": "mid",
            "type": "reply",
            "direction": "unidirectional",
            "target": {"effective": "198.51.100.1"},
        },
        "psk_metadata": {},
        "created_on": "2027-01-15T08:00:00Z",
        "modified_on": "2027-01-15T08:00:00Z",
    }


def test_each_verb_has_its_own_wrapper(api):
    world = api()
    tunnel_id = world.create()
    assert world.call("GET", f"/{tunnel_id}")[1]["result"].keys() == {"ipsec_tunnel"}
    one = world.call("PUT", f"/{tunnel_id}", {"description": "x"})[1]["result"]
    assert one.keys() == {"modified", "modified_ipsec_tunnel"}
    many = world.call("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id, "description": "y"}]})[1]["result"]
    assert many.keys() == {"modified", "modified_ipsec_tunnels"}
    gone = world.call("DELETE", f"/{tunnel_id}", {})[1]["result"]
    assert gone.keys() == {"deleted", "deleted_ipsec_tunnel"}
    assert gone["deleted_ipsec_tunnel"]["description"] == "y"
    assert world.names() == []


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/psk_generate")])
def test_an_unknown_tunnel_is_404(api, method, tail):
    body = {"description": "x"} if method == "PUT" else None
    assert refusal(api().call(method, f"/{'a' * 32}{tail}", body)) == (404, 1032)


@pytest.mark.parametrize("tail", ["/nonsense", "/psk/x", f"/{'a' * 32}/psk", f"/{'a' * 31}g", "/"])
def test_an_unknown_route_is_7003(api, tail):
    assert refusal(api().call("GET", tail)) == (404, 7003)


def test_a_wrong_method_is_405(api):
    assert refusal(api().call("PATCH", "")) == (405, 7001)
    assert refusal(api().call("GET", "/psk")) == (405, 7001)


@pytest.mark.parametrize("name", ["name", "cloudflare_endpoint", "interface_address"])
def test_a_create_without_a_required_field_is_refused(api, name):
    world = api()
    body = world.body()
    del body[name]
    assert refusal(world.call("POST", "", body)) == REFUSED
    assert world.names() == []


BAD_FIELDS = [
    {"name": ""},
    {"name": 7},
    {"description": None},
    {"description": 7},
    {"cloudflare_endpoint": "nowhere"},
    {"cloudflare_endpoint": ""},
    {"customer_endpoint": "198.51.100.1/32"},
    {"interface_address": "10.0.0.0"},
    {"interface_address": "10.0.0.0/29"},
    {"interface_address": "10.0.0.0/255.255.255.254"},
    {"interface_address": "2001:db8::/127"},
    {"interface_address": "10.0.0.256/31"},
    {"interface_address6": "2001:db8::/126"},
    {"interface_address6": "10.0.0.0/31"},
    {"psk": ""},
    {"psk": 1},
    {"replay_protection": "true"},
    {"automatic_return_routing": "true"},
    {"health_check": []},
    {"health_check": None},
    {"health_check": {"rate": "medium"}},
    {"health_check": {"rate": "MID"}},
    {"health_check": {"type": "ping"}},
    {"health_check": {"direction": "both"}},
    {"health_check": {"enabled": 1}},
    {"health_check": {"enabled": None}},
    {"health_check": {"target": "192.0.2.1"}},
    {"health_check": {"target": {"saved": "here"}}},
    {"health_check": {"target": {"saved": None}}},
    {"health_check": {"target": {"saved": 5}}},
    {"bgp": {}},
    {"bgp": {"customer_asn": -1}},
    {"bgp": {"customer_asn": 4294967296}},
    {"bgp": {"customer_asn": True}},
    {"bgp": {"customer_asn": "65000"}},
    {"bgp": {"customer_asn": 1, "extra_prefixes": "10.0.0.0/8"}},
    {"bgp": {"customer_asn": 1, "extra_prefixes": ["ten"]}},
    {"bgp": {"customer_asn": 1, "extra_prefixes": [None]}},
    {"bgp": {"customer_asn": 1, "md5_key": ""}},
    {"bgp": {"customer_asn": 1, "md5_key": "x" * 81}},
    {"bgp": {"customer_asn": 1, "md5_key": 'quo"te'}},
    {"bgp": {"customer_asn": 1, "md5_key": "why?"}},
    {"bgp": {"customer_asn": 1, "md5_key": "tab\t"}},
    {"bgp": {"customer_asn": 1, "md5_key": "ümlaut"}},
    {"bgp": {"customer_asn": 1, "import_filter_id": 3}},
    {"custom_remote_identities": {"fqdn_id": "lon.example.com"}},
    {"custom_remote_identities": {"fqdn_id": "a.b.12345.custom.ipsec.cloudflare.com"}},
    {"custom_remote_identities": {"fqdn_id": "lon..custom.ipsec.cloudflare.com"}},
]


@pytest.mark.parametrize("fields", BAD_FIELDS, ids=json.dumps)
def test_a_bad_value_is_refused_by_create_put_and_bulk(api, fields):
    world = api()
    tunnel_id = world.create("other", 9)
    before = world.simulator.snapshot()["accounts"]
    assert refusal(world.call("POST", "", world.body(**fields))) == REFUSED
    assert refusal(world.call("PUT", f"/{tunnel_id}", fields)) == REFUSED
    assert refusal(world.call("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id, **fields}]})) == REFUSED
    assert world.simulator.snapshot()["accounts"] == before


GOOD_FIELDS = [
    {"name": "AWS BGP with spaces and more than fifteen"},
    {"interface_address": "10.0.0.9/30"},
    {"interface_address": "192.0.2.1/31"},
    {"interface_address6": "2606:54c1:7:0:a9fe:12d2:1:200/127"},
    {"automatic_return_routing": True, "replay_protection": True},
    {"health_check": {"enabled": False, "rate": "high", "type": "request", "direction": "bidirectional"}},
    {
        "bgp": {
            "customer_asn": 4294967295,
            "extra_prefixes": ["10.9.0.0/16", "2001:db8::/32"],
            "md5_key": "x" * 80,
        }
    },
    {"bgp": {"customer_asn": 0, "md5_key": "'!@#$%^&*()+[]{}<>/.,;:_-~`= \\|"}},
    {"bgp": {"customer_asn": 1, "import_filter_id": "a1", "export_filter_id": "b2"}},
    {"custom_remote_identities": {"fqdn_id": "lon-a.12345.custom.ipsec.cloudflare.com"}},
    {"description": "Ünïcode \u202e <b>"},
]


@pytest.mark.parametrize("fields", GOOD_FIELDS, ids=json.dumps)
def test_a_good_value_is_kept_as_sent(api, fields):
    world = api("unset=absent")
    shown = world.get(world.create(**fields))
    if "health_check" in fields:
        shown["health_check"].pop("target")
    assert {name: shown[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "a"}, {"name": "a", "interface_address": "10.9.0.0/31"}),
        ({}, {"name": "b", "interface_address": "10.0.0.1/31"}),
        ({}, {"name": "b", "interface_address": "10.0.0.3/30"}),
        ({"interface_address": "10.0.0.0/30"}, {"name": "b", "interface_address": "10.0.0.2/31"}),
        (
            {"interface_address6": "2001:db8::/127"},
            {"name": "b", "interface_address": "10.9.0.0/31", "interface_address6": "2001:DB8::1/127"},
        ),
        (
            {"custom_remote_identities": {"fqdn_id": "x.1.custom.ipsec.cloudflare.com"}},
            {
                "name": "b",
                "interface_address": "10.9.0.0/31",
                "custom_remote_identities": {"fqdn_id": "X.1.custom.ipsec.cloudflare.com"},
            },
        ),
    ],
)
def test_what_another_tunnel_holds_is_refused(api, first, second):
    world = api()
    world.create(**first)
    assert refusal(world.call("POST", "", world.body(**second))) == REFUSED
    other = world.create("other", 90)
    assert refusal(world.call("PUT", f"/{other}", second)) == REFUSED


def test_one_identity_may_stand_on_two_endpoints(api):
    world = api()
    identity = {"custom_remote_identities": {"fqdn_id": "x.1.custom.ipsec.cloudflare.com"}}
    world.create("a", 0, **identity)
    world.create("b", 1, **identity, cloudflare_endpoint="203.0.113.2")
    assert world.names() == ["a", "b"]


def test_a_freed_value_can_be_taken_again(api):
    world = api()
    first = world.create("a", 0)
    world.call("PUT", f"/{first}", {"name": "b", "interface_address": "10.1.0.0/31"})
    second = world.create("a", 0)
    world.call("DELETE", f"/{second}")
    world.create("a", 0)
    assert world.names() == ["b", "a"]


def test_the_target_has_the_form_that_the_header_asks_for(api):
    world = api()
    tunnel_id = world.create(health_check={"target": {"saved": "192.0.2.10", "effective": "ignored"}})
    assert world.get(tunnel_id)["health_check"]["target"] == {
        "saved": "192.0.2.10",
        "effective": "192.0.2.10",
    }
    plain = {"x_magic_new_hc_target": "false"}
    assert world.get(tunnel_id, **plain)["health_check"]["target"] == "192.0.2.10"
    changed = world.call("PUT", f"/{tunnel_id}", {"health_check": {"target": "192.0.2.11"}}, **plain)
    assert changed[1]["result"]["modified_ipsec_tunnel"]["health_check"]["target"] == "192.0.2.11"
    wrong = world.call("PUT", f"/{tunnel_id}", {"health_check": {"target": {"saved": ""}}}, **plain)
    assert refusal(wrong) == REFUSED


@pytest.mark.parametrize(
    ("address", "effective"),
    [("10.0.0.0/31", "10.0.0.1"), ("10.0.0.1/31", "10.0.0.0"), ("10.0.0.1/30", "10.0.0.2")],
)
def test_a_bidirectional_check_probes_the_other_end(api, address, effective):
    world = api()
    tunnel_id = world.create(interface_address=address, health_check={"direction": "bidirectional"})
    assert world.get(tunnel_id)["health_check"]["target"]["effective"] == effective


def test_fields_that_nobody_knows_are_ignored(api):
    world = api()
    assert "x_other" not in world.get(world.create(x_other=1, health_check={"x_other": 1}))


def test_keys_are_kept_and_never_shown(api):
    world = api()
    tunnel_id = world.create(psk="0123")
    assert world.simulator.psks(world.account) == {tunnel_id: "0123"}
    world.call("PUT", f"/{tunnel_id}", {"psk": "yes"})
    assert world.simulator.psks(world.account) == {tunnel_id: "yes"}
    assert "yes" not in json.dumps(world.call("GET"))
    world.call("DELETE", f"/{tunnel_id}")
    assert world.simulator.psks(world.account) == {}


def test_psk_generate_makes_a_new_key_each_time(api):
    world = api()
    tunnel_id = world.create()
    first = world.call("POST", f"/{tunnel_id}/psk_generate")[1]["result"]
    second = world.call("POST", f"/{tunnel_id}/psk_generate")[1]["result"]
    assert first["psk"] != second["psk"]
    assert len(second["psk"]) == 32
    assert second["ipsec_tunnel_id"] == tunnel_id
    assert world.simulator.psks(world.account) == {tunnel_id: second["psk"]}
    sent, read = (
        second["psk_metadata"]["last_generated_on"],
        world.get(tunnel_id)["psk_metadata"]["last_generated_on"],
    )
    assert sent == "2027-01-15T08:00:00.000002001Z"
    assert read == "2027-01-15T08:00:00.000002Z"


def test_psk_set_applies_what_it_can(api):
    world = api("psk_refusals=b")
    a, b = world.create("a", 0), world.create("b", 1)
    ghost = "f" * 32
    entries = [{"id": a, "psk": "k1"}, {"id": b, "psk": "k2"}, {"id": ghost, "psk": "k3"}]
    status, answer = world.call("POST", "/psk", {"psks": entries})
    assert status == 200
    assert answer["result"]["successfully_applied_psks"][a]["psk"] == "k1"
    assert answer["result"]["unapplied_psks"].keys() == {b, ghost}
    assert world.simulator.psks(world.account) == {a: "k1"}


@pytest.mark.parametrize(
    "body",
    [None, {}, [], {"psks": {}}, {"psks": [7]}, {"psks": [{"id": "a"}]}, {"psks": [{"id": "a", "psk": ""}]}],
)
def test_psk_set_refuses_a_malformed_body(api, body):
    assert refusal(api().call("POST", "/psk", body)) == REFUSED


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b'"x"', b"\xff", b'{"name":NaN}', b'{"name":"\\ud83d"}', b"[" * 100_000]
)
def test_a_body_that_is_no_object_is_refused(api, body):
    reply = api().raw("POST", "", body)
    assert (reply.status, json.loads(reply.body)["errors"][0]["code"]) == REFUSED


def test_validate_only_answers_alike_and_persists_nothing(api):
    world = api()
    tunnel_id = world.create(psk="k")
    before = world.simulator.snapshot()["accounts"]
    dry = "?validate_only=true"
    assert world.call("POST", dry, world.body("b", 1))[1]["result"]["name"] == "b"
    assert refusal(world.call("POST", dry, world.body("b", 0))) == REFUSED
    one = world.call("PUT", f"/{tunnel_id}{dry}", {"name": "c", "psk": "x"})[1]["result"]
    assert one["modified_ipsec_tunnel"]["name"] == "c"
    many = world.call("PUT", dry, {"ipsec_tunnels": [{"id": tunnel_id, "name": "d", "psk": "x"}]})
    assert many[1]["result"]["modified_ipsec_tunnels"][0]["name"] == "d"
    assert world.call("DELETE", f"/{tunnel_id}{dry}")[0] == 200
    assert world.call("POST", f"/psk{dry}", {"psks": [{"id": tunnel_id, "psk": "x"}]})[0] == 200
    assert refusal(world.call("POST", f"/{tunnel_id}/psk_generate{dry}")) == REFUSED
    assert world.simulator.snapshot()["accounts"] == before
    assert world.simulator.created(world.account) == {"lon-a": 1}


def test_modified_on_moves_with_each_effective_write_only(api):
    world = api()
    tunnel_id = world.create()
    first = world.get(tunnel_id)["modified_on"]
    world.call("PUT", f"/{tunnel_id}", {"name": "lon-a"})
    assert world.get(tunnel_id)["modified_on"] == first
    world.call("PUT", f"/{tunnel_id}", {"name": "lon-b"})
    assert world.get(tunnel_id)["modified_on"] == "2027-01-15T08:00:00.000001Z"
    world.seconds += 1.5
    world.call("PUT", f"/{tunnel_id}", {"name": "lon-c"})
    assert world.get(tunnel_id)["modified_on"] == "2027-01-15T08:00:01.5Z"
    world.seconds -= 100
    world.call("PUT", f"/{tunnel_id}", {"name": "lon-d"})
    assert world.get(tunnel_id)["modified_on"] == "2027-01-15T08:00:01.500001Z"


def test_bulk_leaves_the_others_alone_and_refuses_unknown_ids(api):
    world = api()
    a, b = world.create("a", 0), world.create("b", 1)
    world.call("PUT", "", {"ipsec_tunnels": [{"id": b, "description": "new"}]})
    assert "description" not in world.get(a)
    assert world.get(b)["description"] == "new"
    items = [{"id": a, "description": "x"}, {"id": "f" * 32}]
    assert refusal(world.call("PUT", "", {"ipsec_tunnels": items})) == (404, 1032)
    assert "description" not in world.get(a)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [],
        {"ipsec_tunnels": []},
        {"ipsec_tunnels": {}},
        {"ipsec_tunnels": [7]},
        {"ipsec_tunnels": [{}]},
    ],
)
def test_a_bulk_without_items_is_refused(api, body):
    assert refusal(api().call("PUT", "", body)) == REFUSED


def test_a_bulk_that_names_a_tunnel_twice_is_refused(api):
    world = api()
    tunnel_id = world.create()
    assert refusal(world.call("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id}] * 2})) == REFUSED


def test_accounts_are_apart(api):
    world = api()
    world.create()
    assert world.simulator.tunnels("0" * 32) == []
    foreign_create(world.simulator, "0" * 32, world.body())
    assert len(world.simulator.tunnels(world.account)) == 1


def test_the_log_and_the_counters_say_what_was_asked_and_done(api):
    world = api()
    tunnel_id = world.create("a")
    world.call("POST", "", world.body("a"))
    world.call("PUT", "?validate_only=true", {"ipsec_tunnels": [{"id": tunnel_id}]})
    world.call("DELETE", f"/{tunnel_id}")
    assert [tuple(entry) for entry in world.simulator.log] == [
        ("POST", world.path, "", 200, ("a",)),
        ("POST", world.path, "", 400, ("a",)),
        ("PUT", world.path, "validate_only=true", 200, (tunnel_id,)),
        ("DELETE", f"{world.path}/{tunnel_id}", "", 200, (tunnel_id,)),
    ]
    assert world.simulator.created(world.account) == {"a": 1}
    assert world.simulator.deleted(world.account) == {"a": 1}
    world.simulator.settle()
    assert world.simulator.log == []
    assert world.simulator.created(world.account) == {}


def test_foreign_edits_change_the_world_unseen(api):
    world = api("list_lag=1")
    foreign_create(world.simulator, world.account, world.body("a", psk="k"))
    foreign_edit(world.simulator, world.account, "a", {"description": "by hand"})
    assert world.simulator.tunnels(world.account)[0]["description"] == "by hand"
    assert world.names() == ["a"]
    with pytest.raises(RefusedError, match="not found"):
        foreign_edit(world.simulator, world.account, "b", {"description": "nobody"})
    foreign_edit(world.simulator, world.account, "a", {"psk": "other"})
    assert list(world.simulator.psks(world.account).values()) == ["other"]
    foreign_delete(world.simulator, world.account, "a")
    assert world.names() == []
    assert world.simulator.psks(world.account) == {}
    assert {entry.method for entry in world.simulator.log} == {"GET"}


def test_a_clone_lives_its_own_life(api):
    world = api()
    tunnel_id = world.create("a", psk="k")
    twin = world.simulator.clone()
    world.call("PUT", f"/{tunnel_id}", {"name": "b", "psk": "other"})
    world.create("c", 1)
    assert [tunnel["name"] for tunnel in twin.tunnels(world.account)] == ["a"]
    assert twin.psks(world.account) == {tunnel_id: "k"}
    assert len(twin.log) == 1


def test_a_snapshot_restores_the_same_world(api):
    world = api()
    world.create("a", 0, psk="k", bgp={"customer_asn": 1})
    snapshot = json.loads(json.dumps(world.simulator.snapshot()))
    twin = type(world.simulator).restore(snapshot)
    assert twin.snapshot() == snapshot
    assert twin.tunnels(world.account) == world.simulator.tunnels(world.account)
    assert twin.stamps.new_id() == world.simulator.stamps.new_id()


@pytest.mark.parametrize(
    "state",
    [None, [], {}, {"format": 2}, {"format": 1}, {"format": 1, "ids": 0, "micros": 0, "accounts": []}]
    + [{"format": 1, "ids": 0, "micros": 0, "accounts": {"a": value}} for value in (None, {}, {"tunnels": [{}]})]
    + [
        {
            "format": 1,
            "ids": 0,
            "micros": 0,
            "accounts": {"a": {"tunnels": [{"id": 1}], "keys": {}, "created": {}, "deleted": {}}},
        }
    ],
    ids=json.dumps,
)
def test_a_wrong_snapshot_is_refused(api, state):
    with pytest.raises(ValueError, match="not a state of the simulator"):
        type(api().simulator).restore(state)


@pytest.mark.parametrize("text", ["yes", "1", "TRUE", "", "true "])
def test_a_parameter_that_is_neither_true_nor_false_is_refused_and_has_no_effect(api, text):
    world = api()
    tunnel_id = world.create()
    before = world.simulator.snapshot()["accounts"]
    query = f"?other=x&validate_only={text.replace(' ', '%20')}"
    header = {"x_magic_new_hc_target": text}
    for method, tail, body in (
        ("POST", "", world.body("b", 1)),
        ("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id, "name": "c"}]}),
        ("PUT", f"/{tunnel_id}", {"name": "d"}),
        ("DELETE", f"/{tunnel_id}", None),
        ("POST", "/psk", {"psks": [{"id": tunnel_id, "psk": "x"}]}),
        ("POST", f"/{tunnel_id}/psk_generate", None),
    ):
        assert refusal(world.call(method, tail + query, body)) == REFUSED
        assert refusal(world.call(method, tail, body, **header)) == REFUSED
    assert refusal(world.call("GET", "", **header)) == REFUSED
    assert world.simulator.snapshot()["accounts"] == before


def test_a_parameter_of_another_spelling_still_is_the_parameter(api):
    world = api()
    assert world.call("POST", "?validate%5Fonly=%74rue", world.body())[0] == 200
    assert world.names() == []
    assert refusal(world.call("POST", "?validate_only=false&validate_only=true", world.body())) == REFUSED
    assert world.call("POST", "?validate_only=false", world.body())[0] == 200
    assert world.names() == ["lon-a"]
