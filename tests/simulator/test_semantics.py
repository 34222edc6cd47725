"""Every switch changes what it says it changes."""

import itertools

import pytest

from reconciler.simulator.semantics import Semantics
from tests.variants import ALL_VARIANTS


@pytest.mark.parametrize(("switches", "kept"), [("", True), ("put=replace", False)])
def test_a_put_merges_or_replaces(api, switches, kept):
    world = api(switches)
    tunnel_id = world.create(description="old", health_check={"rate": "high", "type": "request"})
    body = world.body(health_check={"rate": "low"})
    for call in (("PUT", f"/{tunnel_id}", body), ("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id, **body}]})):
        assert world.call(*call)[0] == 200
        tunnel = world.get(tunnel_id)
        assert ("description" in tunnel) is kept
        assert tunnel["health_check"]["type"] == ("request" if kept else "reply")
        assert tunnel["health_check"]["rate"] == "low"
        world.call("PUT", f"/{tunnel_id}", world.body(description="old", health_check={"type": "request"}))


def test_a_replacing_put_needs_the_required_fields(api):
    world = api("put=replace")
    tunnel_id = world.create()
    assert world.call("PUT", f"/{tunnel_id}", {"description": "x"})[0] == 400
    assert world.call("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id, "description": "x"}]})[0] == 400
    assert world.get(tunnel_id)["created_on"] == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize(("switches", "kept"), [("object_put=merge", True), ("object_put=replace", False)])
def test_a_merge_goes_into_objects_or_not(api, switches, kept):
    world = api(switches)
    tunnel_id = world.create(bgp={"customer_asn": 1, "md5_key": "k"})
    world.call("PUT", f"/{tunnel_id}", {"bgp": {"customer_asn": 2}})
    assert world.get(tunnel_id)["bgp"].get("md5_key") == ("k" if kept else None)


def test_a_merging_put_cannot_remove_bgp_and_a_replacing_one_does(api):
    for switches, left in (("", {"customer_asn": 1, "extra_prefixes": []}), ("put=replace", None)):
        world = api(switches)
        tunnel_id = world.create(bgp={"customer_asn": 1})
        world.call("PUT", f"/{tunnel_id}", world.body())
        assert world.get(tunnel_id).get("bgp") == left


SWAP = (("a", "10.0.0.2/31"), ("b", "10.0.0.0/31"))


@pytest.mark.parametrize(("bulk", "status"), [("atomic", 200), ("sequential", 400), ("prefix", 400)])
def test_a_swap_in_one_bulk_passes_only_where_the_end_state_is_judged(api, bulk, status):
    world = api(f"bulk={bulk}")
    ids = {"a": world.create("a", 0), "b": world.create("b", 1)}
    items = [{"id": ids[name], "interface_address": address} for name, address in SWAP]
    assert world.call("PUT", "", {"ipsec_tunnels": items})[0] == status
    swapped = [tunnel["interface_address"] for tunnel in world.simulator.tunnels(world.account)]
    assert swapped == (["10.0.0.2/31", "10.0.0.0/31"] if status == 200 else ["10.0.0.0/31", "10.0.0.2/31"])


def test_an_atomic_bulk_refuses_an_end_state_with_a_collision(api):
    world = api()
    a, b = world.create("a", 0), world.create("b", 1)
    items = [{"id": a, "name": "same"}, {"id": b, "name": "same"}]
    assert world.call("PUT", "", {"ipsec_tunnels": items})[0] == 400
    assert world.names() == ["a", "b"]
    assert world.call("PUT", f"/{a}", {"name": "same"})[0] == 200


@pytest.mark.parametrize(
    ("bulk", "name", "key"), [("atomic", "a", "k"), ("sequential", "a", "k"), ("prefix", "new", "n")]
)
def test_only_a_prefix_bulk_keeps_what_came_before_the_refused_item(api, bulk, name, key):
    world = api(f"bulk={bulk}")
    a, b, c = world.create("a", 0, psk="k"), world.create("b", 1), world.create("c", 2)
    items = [
        {"id": a, "name": "new", "psk": "n"},
        {"id": b, "psk": "x", "name": "c"},
        {"id": c, "description": "late"},
    ]
    assert world.call("PUT", "", {"ipsec_tunnels": items})[0] == 400
    assert world.names() == [name, "b", "c"]
    assert world.simulator.psks(world.account) == {a: key}


@pytest.mark.parametrize("bulk", ["sequential", "prefix"])
def test_item_by_item_a_freed_name_can_be_taken_by_a_later_item(api, bulk):
    world = api(f"bulk={bulk}")
    a, b = world.create("a", 0), world.create("b", 1)
    items = [{"id": b, "name": "c"}, {"id": a, "name": "b"}]
    assert world.call("PUT", "", {"ipsec_tunnels": items})[0] == 200
    assert world.names() == ["b", "c"]


@pytest.mark.parametrize(
    ("switch", "wrapped", "array"), [("wrapped", 200, 400), ("array", 400, 200), ("none", 400, 400)]
)
def test_the_bulk_body_has_one_shape(api, switch, wrapped, array):
    world = api(f"bulk_body={switch}")
    items = [{"id": world.create(), "description": "x"}]
    assert world.call("PUT", "", {"ipsec_tunnels": items})[0] == wrapped
    assert world.call("PUT", "", items)[0] == array


@pytest.mark.parametrize(("switches", "status"), [("bulk_limit=1", 413), ("bulk_limit=1,bulk_limit_status=400", 400)])
def test_a_bulk_over_the_limit_is_refused(api, switches, status):
    world = api(switches)
    items = [{"id": world.create("a", 0)}, {"id": world.create("b", 1)}]
    assert world.call("PUT", "", {"ipsec_tunnels": items})[0] == status
    assert world.call("PUT", "", {"ipsec_tunnels": items[:1]})[0] == 200


@pytest.mark.parametrize(("switch", "key"), [("object", "id"), ("collection", "ipsec_tunnels")])
def test_create_answers_in_two_shapes(api, switch, key):
    world = api(f"create_shape={switch}")
    assert key in world.call("POST", "", world.body())[1]["result"]


UNSET = ("description", "customer_endpoint", "interface_address6", "custom_remote_identities", "bgp")
TEXT = UNSET[:3]
OBJECTS = UNSET[3:]
FLAGS = ("replay_protection", "automatic_return_routing")
EVERY = {
    "unset_text": {"absent": {}, "null": dict.fromkeys(TEXT), "empty": dict.fromkeys(TEXT, "")},
    "unset_object": {
        "absent": {},
        "null": dict.fromkeys(OBJECTS),
        "zero": {
            "custom_remote_identities": {"fqdn_id": ""},
            "bgp": {"customer_asn": 0, "extra_prefixes": [], "md5_key": ""},
        },
    },
    "unset_flag": {"absent": {}, "null": dict.fromkeys(FLAGS), "false": dict.fromkeys(FLAGS, False)},
}


@pytest.mark.parametrize(("switch", "value"), [(switch, value) for switch in EVERY for value in EVERY[switch]])
def test_what_is_unset_is_listed_as_its_switch_says_and_the_rest_is_absent(api, switch, value):
    world = api(f"{switch}={value}")
    tunnel = world.get(world.create())
    assert {name: tunnel[name] for name in (*UNSET, *FLAGS) if name in tunnel} == EVERY[switch][value]


@pytest.mark.parametrize(
    ("switches", "bgp"),
    [
        ("", {"customer_asn": 1, "extra_prefixes": []}),
        ("unset_prefixes=absent", {"customer_asn": 1}),
        ("unset_prefixes=null", {"customer_asn": 1, "extra_prefixes": None}),
        (
            "unset_text=null",
            {
                "customer_asn": 1,
                "extra_prefixes": [],
                "md5_key": None,
                "import_filter_id": None,
                "export_filter_id": None,
            },
        ),
        (
            "unset_text=empty",
            {"customer_asn": 1, "extra_prefixes": [], "md5_key": "", "import_filter_id": "", "export_filter_id": ""},
        ),
    ],
)
def test_what_is_unset_inside_bgp_follows_the_switches_of_text_and_prefixes(api, switches, bgp):
    world = api(switches)
    assert world.get(world.create(bgp={"customer_asn": 1}))["bgp"] == bgp


@pytest.mark.parametrize(
    ("switch", "text", "target"),
    [
        ("absent", {}, {"effective": ""}),
        ("null", {"target": None}, {"saved": None, "effective": ""}),
        ("empty", {"target": ""}, {"saved": "", "effective": ""}),
    ],
)
def test_an_unset_target_is_absent_null_or_empty(api, switch, text, target):
    world = api(f"unset_target={switch}")
    tunnel_id = world.create()
    assert world.get(tunnel_id)["health_check"]["target"] == target
    health = world.get(tunnel_id, x_magic_new_hc_target="false")["health_check"]
    assert {name: health[name] for name in health if name == "target"} == text


def test_unset_is_short_for_all_switches_of_unset_values():
    for short, full in (
        ("absent", "unset_text=absent,unset_object=absent,unset_flag=absent,unset_prefixes=absent,unset_target=absent"),
        ("null", "unset_text=null,unset_object=null,unset_flag=null,unset_prefixes=null,unset_target=null"),
        ("explicit", "unset_text=empty,unset_object=zero,unset_flag=false,unset_prefixes=empty,unset_target=empty"),
    ):
        assert Semantics.parse(f"unset={short}") == Semantics.parse(full)
    assert Semantics.parse("unset=null,unset_text=empty").unset_text == "empty"
    assert Semantics.parse("unset_text=empty,unset=null").unset_text is Semantics.parse("unset=null").unset_text


def test_an_account_without_tunnels_lists_none_or_null(api):
    world = api("empty_list=null")
    assert world.call("GET")[1]["result"] == {"ipsec_tunnels": None}
    world.create()
    assert world.names() == ["lon-a"]
    assert api("empty_list=list").call("GET")[1]["result"] == {"ipsec_tunnels": []}


@pytest.mark.parametrize(
    ("switches", "status", "left"),
    [
        ("", 400, True),
        ("null_object=clears", 200, False),
        ("null_object=clears,object_put=merge", 200, False),
        ("null_object=ignored", 200, True),
    ],
)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bgp", {"customer_asn": 1, "extra_prefixes": ["10.9.0.0/16"]}),
        ("custom_remote_identities", {"fqdn_id": "x.1.custom.ipsec.cloudflare.com"}),
    ],
)
def test_null_for_an_object_is_refused_or_clears_it_or_is_ignored(api, switches, status, left, name, value):
    for bulk in (False, True):
        world = api(switches)
        tunnel_id = world.create(**{name: value})
        item = {"id": tunnel_id, name: None}
        answer = world.call("PUT", "", {"ipsec_tunnels": [item]}) if bulk else world.call("PUT", f"/{tunnel_id}", item)
        assert answer[0] == status
        assert world.get(tunnel_id).get(name) == (value if left else None)
        assert world.call("POST", "", world.body("b", 1, **{name: None}))[0] == status


def test_null_is_refused_for_everything_but_the_two_objects(api):
    world = api("null_object=clears")
    tunnel_id = world.create(bgp={"customer_asn": 1, "md5_key": "k"}, description="x")
    for field in ("description", "customer_endpoint", "replay_protection", "health_check", "psk"):
        assert world.call("PUT", f"/{tunnel_id}", {field: None})[0] == 400
    assert world.call("PUT", f"/{tunnel_id}", {"bgp": {"customer_asn": 1, "md5_key": None}})[0] == 400
    assert world.get(tunnel_id)["bgp"]["md5_key"] == "k"


@pytest.mark.parametrize(
    ("switch", "name"),
    [("as_sent", "Lon-\u212b A\u030a"), ("lower", "lon-\u00e5 a\u030a"), ("nfc", "Lon-\u00c5 \u00c5")],
)
def test_names_are_kept_as_the_switch_says(api, switch, name):
    world = api(f"names={switch}")
    tunnel_id = world.create("Lon-\u212b A\u030a", description="A\u030a")
    assert world.names() == [name]
    assert world.get(tunnel_id)["description"] == "A\u030a"
    world.call("PUT", f"/{tunnel_id}", {"name": "other"})
    world.call("PUT", f"/{tunnel_id}", {"name": "Lon-\u212b A\u030a"})
    assert world.names() == [name]


def test_names_that_the_server_makes_equal_collide(api):
    world = api("names=lower")
    world.create("lon-a", 0)
    assert world.call("POST", "", world.body("Lon-A", 1))[0] == 400
    assert api("names=as_sent").create("Lon-A", 1)


@pytest.mark.parametrize(
    ("switch", "name", "description"),
    [("as_sent", " lon-a ", "\ttext\n"), ("trimmed", "lon-a", "text")],
)
def test_texts_are_kept_as_sent_or_trimmed(api, switch, name, description):
    world = api(f"text={switch}")
    tunnel = world.get(world.create(" lon-a ", description="\ttext\n"))
    assert (tunnel["name"], tunnel["description"]) == (name, description)


def test_a_name_or_description_of_blanks_alone_is_empty_where_texts_are_trimmed(api):
    world = api("text=trimmed")
    assert world.call("POST", "", world.body(" "))[0] == 400
    assert "description" not in world.get(world.create(description=" "))


@pytest.mark.parametrize(
    ("switch", "status", "kept"), [("clears", 200, False), ("refused", 400, True), ("ignored", 200, True)]
)
@pytest.mark.parametrize(
    "field",
    [
        ("customer_endpoint", "198.51.100.1", ""),
        ("interface_address6", "2001:db8::/127", ""),
        ("custom_remote_identities", {"fqdn_id": "x.1.custom.ipsec.cloudflare.com"}, {"fqdn_id": ""}),
    ],
)
def test_empty_text_clears_or_does_not(api, switch, status, kept, field):
    name, value, empty = field
    world = api(f"empty_text={switch}")
    tunnel_id = world.create(**{name: value})
    assert world.call("PUT", f"/{tunnel_id}", {name: empty})[0] == status
    assert (name in world.get(tunnel_id)) is kept


def test_an_empty_description_always_clears(api):
    world = api("empty_text=refused")
    tunnel_id = world.create(description="x")
    world.call("PUT", f"/{tunnel_id}", {"description": ""})
    assert "description" not in world.get(tunnel_id)


@pytest.mark.parametrize(
    ("order", "names"),
    [("insertion", ["b", "c", "a"]), ("name", ["a", "b", "c"]), ("reverse", ["a", "c", "b"])],
)
def test_the_list_has_the_order_of_the_switch(api, order, names):
    world = api(f"order={order}")
    for number, name in enumerate("bca"):
        world.create(name, number)
    assert world.names() == names


def test_a_shuffled_list_differs_between_reads_and_not_between_runs(api):
    def reads():
        world = api("order=shuffled,seed=3")
        for number, name in enumerate("abcdef"):
            world.create(name, number)
        return ["".join(world.names()) for _ in range(5)]

    assert len(set(reads())) > 1
    assert reads() == reads()


def test_ids_depend_on_the_seed(api):
    assert api("seed=1").create() == api("seed=1").create() != api("seed=2").create()


def test_a_lagging_list_shows_the_state_before_the_write(api):
    world = api("list_lag=2")
    world.create("a", 0)
    assert [world.names() for _ in range(3)] == [[], [], ["a"]]
    world.create("b", 1)
    assert world.names() == ["a"]
    world.create("c", 2)
    assert [world.names() for _ in range(3)] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert world.get(world.create("d", 3))["name"] == "d"


@pytest.mark.parametrize(
    ("switch", "address", "prefixes"),
    [
        ("as_sent", "2001:DB8:0::/127", ["10.9.0.0/16", "10.1.0.0/16"]),
        ("canonical", "2001:db8::/127", ["10.1.0.0/16", "10.9.0.0/16"]),
        ("odd", "2001:0DB8:0000:0000:0000:0000:0000:0000/127", ["10.9.0.0/16", "10.1.0.0/16"]),
    ],
)
def test_values_come_back_in_the_spelling_of_the_switch(api, switch, address, prefixes):
    world = api(f"spelling={switch}")
    bgp = {"customer_asn": 1, "extra_prefixes": ["10.9.0.0/16", "10.1.0.0/16"]}
    tunnel = world.get(world.create(interface_address6="2001:DB8:0::/127", bgp=bgp, interface_address="10.0.0.1/31"))
    assert tunnel["interface_address6"] == address
    assert tunnel["bgp"]["extra_prefixes"] == prefixes
    assert tunnel["interface_address"] == "10.0.0.1/31"


def test_the_default_direction_is_a_switch(api):
    world = api("default_direction=bidirectional")
    assert world.get(world.create())["health_check"]["direction"] == "bidirectional"


def test_uniqueness_of_names_and_addresses_can_be_off(api):
    world = api("names_unique=false")
    world.create("a", 0)
    world.create("a", 1)
    assert world.call("POST", "", world.body("b", 1))[0] == 400
    world = api("addresses_unique=false")
    world.create("a", 0)
    world.create("b", 0)
    assert world.call("POST", "", world.body("b", 1))[0] == 400


@pytest.mark.parametrize(("switch", "status"), [("ignored", 200), ("refused", 400)])
def test_read_only_fields_are_ignored_or_refused(api, switch, status):
    world = api(f"read_only={switch}")
    tunnel_id = world.create()
    for field in ({"id": "f" * 32}, {"modified_on": "x"}, {"psk_metadata": {}}, {"allow_null_cipher": True}):
        assert world.call("PUT", f"/{tunnel_id}", field)[0] == status
    assert world.call("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id}]})[0] == 200
    assert world.get(tunnel_id)["modified_on"] == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize(
    ("switch", "told"),
    [("true", [True, True, True]), ("effective", [False, True, True]), ("false", [False] * 3)],
)
def test_the_modified_flag_may_say_anything(api, switch, told):
    world = api(f"modified_flag={switch}")
    tunnel_id = world.create()
    same = world.call("PUT", f"/{tunnel_id}", {"name": "lon-a"})[1]["result"]["modified"]
    bulk = world.call("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id, "name": "b"}]})[1]["result"]["modified"]
    assert [same, bulk, world.call("DELETE", f"/{tunnel_id}")[1]["result"]["deleted"]] == told


@pytest.mark.parametrize(("switch", "keys"), [("kept", ["k"]), ("cleared", [])])
def test_a_replacing_put_without_a_key_keeps_or_clears_it(api, switch, keys):
    for tail in ("single", "bulk"):
        world = api(f"put=replace,replaced_psk={switch}")
        tunnel_id = world.create(psk="k")
        if tail == "single":
            world.call("PUT", f"/{tunnel_id}", world.body())
        else:
            world.call("PUT", "", {"ipsec_tunnels": [{"id": tunnel_id, **world.body()}]})
        assert list(world.simulator.psks(world.account).values()) == keys


def test_account_flags_and_the_asn_ceiling_are_switches(api):
    world = api("coupler_integration=false,asn_max=2147483647")
    assert world.call("POST", "", world.body(automatic_return_routing=True))[0] == 400
    assert world.call("POST", "", world.body(automatic_return_routing=False))[0] == 200
    assert world.call("POST", "", world.body("b", 1, bgp={"customer_asn": 2147483648}))[0] == 400


def test_unknown_server_fields_are_lost_by_a_replacing_put_that_omits_them(api):
    new = {"mode": "auto", "weight": 3}
    for switches, bare in (("server_fields=true", new), ("server_fields=true,put=replace", None)):
        world = api(switches)
        tunnel_id = world.create()
        assert world.get(tunnel_id)["x_new_field"] == new
        world.call("PUT", f"/{tunnel_id}", world.body(x_new_field=new, health_check={"x_jitter": 9}))
        assert world.get(tunnel_id)["x_new_field"] == new
        assert world.get(tunnel_id)["health_check"]["x_jitter"] == 9
        world.call("PUT", f"/{tunnel_id}", world.body())
        assert world.get(tunnel_id).get("x_new_field") == bare


def test_switches_are_read_from_text():
    text = "single_put=replace, bulk=prefix,list_lag=2,names_unique=false,psk_refusals=a;b,rate_limit=8/2.5"
    assert Semantics.parse(text) == Semantics(
        single_put="replace",
        bulk="prefix",
        list_lag=2,
        names_unique=False,
        psk_refusals=frozenset({"a", "b"}),
        rate_limit=(8, 2.5),
    )
    assert Semantics.parse("tokens=a:b:write;c:read").tokens == {"a:b": "write", "c": "read"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour=red", "unknown switch 'colour'; known: addresses_unique, asn_max"),
        ("colour", "unknown switch 'colour'; known: addresses_unique, asn_max"),
        ("bulk=random", "bulk: 'random' is not one of atomic, sequential, prefix"),
        ("names_unique=1", "names_unique: '1' is not one of true, false"),
        ("list_lag=-1", "list_lag: must not be negative"),
        ("list_lag=x", "list_lag: cannot read the value"),
        ("rate_limit=8", "rate_limit: cannot read the value"),
        ("tokens=a:admin", "tokens: cannot read the value"),
        ("put=", "single_put: '' is not one of merge, replace"),
        ("bgp_down", "bgp_down: needs a value, as bgp_down=VALUE"),
        ("names_unique,list_lag=1", "names_unique: needs a value, as names_unique=VALUE"),
        ("unset=empty", "unset: 'empty' is not one of absent, null, explicit"),
    ],
)
def test_wrong_switches_are_named(text, message):
    with pytest.raises(ValueError, match="^" + message.replace("?", r"\?")):
        Semantics.parse(text)


def test_tokens_do_not_show():
    assert "hush" not in repr(Semantics.parse("tokens=hush:write"))


def test_variants_cover_every_pair_of_the_main_switches():
    main = ("single_put", "bulk", "create_shape", "unset_text", "names_unique", "list_lag")
    choices = {
        "single_put": ("merge", "replace"),
        "bulk": ("atomic", "sequential", "prefix"),
        "create_shape": ("object", "collection"),
        "unset_text": ("absent", "null", "empty"),
        "names_unique": (True, False),
        "list_lag": (0, 1),
    }
    seen = {
        (one, getattr(v.semantics, one), two, getattr(v.semantics, two))
        for v in ALL_VARIANTS
        for one, two in itertools.combinations(main, 2)
    }
    wanted = {
        (one, a, two, b)
        for one, two in itertools.combinations(main, 2)
        for a, b in itertools.product(choices[one], choices[two])
    }
    assert wanted - seen == set()
    assert len({v.name for v in ALL_VARIANTS}) == len(ALL_VARIANTS) >= 12
    assert len({v.semantics for v in ALL_VARIANTS}) == len(ALL_VARIANTS)


def test_variants_cover_every_reading_of_unset_values():
    wanted = {
        "unset_text": {"absent", "null", "empty"},
        "unset_object": {"absent", "null", "zero"},
        "unset_flag": {"absent", "null", "false"},
        "unset_prefixes": {"empty", "absent", "null"},
        "unset_target": {"absent", "null", "empty"},
        "empty_list": {"list", "null"},
        "null_object": {"refused", "clears", "ignored"},
        "names": {"as_sent", "nfc"},  # under `lower` a declared name in capitals can never be live
        "text": {"as_sent", "trimmed"},
    }
    assert {switch: {getattr(v.semantics, switch) for v in ALL_VARIANTS} for switch in wanted} == wanted
