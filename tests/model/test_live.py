import pytest

from reconciler.model.live import UNKNOWN, ListUntrusted, Session, is_null_list, live_from_result
from tests.build import live, raw

IMPOSSIBLE = [
    ({"description": 7}, "description is a number"),
    ({"customer_endpoint": ["198.51.100.1"]}, "customer_endpoint is a list"),
    ({"interface_address": {}}, "interface_address is an object"),
    ({"replay_protection": "yes"}, "replay_protection is a string"),
    ({"automatic_return_routing": 1}, "automatic_return_routing is a number"),
    ({"health_check": []}, "health_check is a list"),
    ({"bgp": {"customer_asn": [], "md5_key": "x"}}, "bgp.customer_asn is a list"),
    ({"health_check": {"enabled": "on"}}, "health_check.enabled is a string"),
    ({"health_check": {"rate": True}}, "health_check.rate is a boolean"),
    ({"health_check": {"target": 5}}, "health_check.target is a number"),
    ({"health_check": {"target": {"saved": 5}}}, "health_check.target.saved is a number"),
    ({"bgp": "x"}, "bgp is a string"),
    ({"bgp": {"customer_asn": True}}, "bgp.customer_asn is a boolean"),
    ({"bgp": {"customer_asn": "x"}}, "bgp.customer_asn is a string"),
    ({"bgp": {"customer_asn": 6.5}}, "bgp.customer_asn is a number"),
    ({"bgp": {"extra_prefixes": ["10.0.0.0/8"]}}, "bgp.customer_asn is null"),
    ({"bgp": {"customer_asn": 65010, "extra_prefixes": "10.0.0.0/8"}}, "bgp.extra_prefixes is a string"),
    ({"bgp": {"customer_asn": 65010, "extra_prefixes": [8]}}, "bgp.extra_prefixes is a number"),
    ({"custom_remote_identities": "x"}, "custom_remote_identities is a string"),
    ({"description": 7, "bgp": []}, "bgp is a list, description is a number"),
]


LOOK = "Look at it in Cloudflare's dashboard. If it looks well there, report this message to Cloudflare."


def refusal(*tunnels):
    with pytest.raises(ListUntrusted) as refused:
        live_from_result({"ipsec_tunnels": list(tunnels)})
    return str(refused.value), refused.value.remedy


@pytest.mark.parametrize(("fields", "why"), IMPOSSIBLE, ids=str)
def test_a_field_of_an_impossible_type_makes_its_tunnel_unreadable_and_no_other(fields, why):
    one, other = live_from_result({"ipsec_tunnels": [raw("a") | fields, raw("b")]}).tunnels.values()
    assert (one.name, one.unreadable) == ("a", why)
    assert (other.name, other.unreadable) == ("b", "")


def test_what_an_unreadable_tunnel_holds_is_known_as_far_as_it_can_be_read():
    odd = raw("a", interface_address="10.0.0.0/31") | {"bgp": [], "customer_endpoint": 5}
    (one,) = live_from_result({"ipsec_tunnels": [odd]}).tunnels.values()
    assert (one.settings["interface_address"], one.settings.get("customer_endpoint")) == ("10.0.0.0/31", None)


def test_a_name_that_is_no_text_makes_the_list_untrusted():
    assert refusal(raw("a", id="1" * 32) | {"name": 5}) == (
        "the tunnel with the id 11111111111111111111111111111111 has no name that can be read: name is a number",
        LOOK,
    )


def test_a_number_in_quotes_is_the_number():
    (one,) = live_from_result({"ipsec_tunnels": [raw("a", bgp={"customer_asn": "65010"})]}).tunnels.values()
    assert (one.settings["bgp.customer_asn"], one.unreadable) == (65010, "")


def test_null_is_neither_a_list_nor_an_empty_account_by_itself():
    results = ({"ipsec_tunnels": None}, {}, None, [], {"ipsec_tunnels": {}}, {"ipsec_tunnels": []})
    assert [is_null_list(result) for result in results] == [True, False, False, False, False, False]
    for result in results[:-1]:
        with pytest.raises(ListUntrusted, match="the answer holds n"):
            live_from_result(result)


@pytest.mark.parametrize("key", ["name", "cloudflare_endpoint", "interface_address"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_list_without_a_required_field_is_not_trusted(key, value):
    message, remedy = refusal(raw("a") | {key: value})
    assert (message.partition(" lacks ")[2], remedy) == (f"the required field {key}", LOOK)


@pytest.mark.parametrize("value", ["0", "a" * 36, "023e105f-4ecef8ad-9ca31a8372d0c353"])
def test_an_id_of_up_to_36_letters_digits_and_hyphens_is_taken(value):
    assert list(live_from_result({"ipsec_tunnels": [raw("a") | {"id": value}]}).tunnels) == [value]


@pytest.mark.parametrize("value", [None, "", 5, "../x", "é" * 32, "a" * 37])
def test_a_list_with_an_unusable_id_is_not_trusted(value):
    assert refusal(raw("a") | {"id": value}) == ('the tunnel "a" has no usable id', LOOK)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lon-a", 'the tunnel "lon-a"'),
        ("n" * 60, 'the tunnel "' + "n" * 60 + '"'),
        ("n" * 61, 'the tunnel "' + "n" * 57 + '..."'),
        ("", "a tunnel"),
        (5, "a tunnel"),
        (None, "a tunnel"),
    ],
)
def test_an_unusable_id_is_told_with_the_name(name, shown):
    assert refusal(raw("a") | {"id": "", "name": name})[0] == f"{shown} has no usable id"


def test_doubles_are_named():
    one, two = "1" * 32, "2" * 32
    assert refusal(raw("a", id=one), raw("b", id=one)) == (f'2 tunnels have the id "{one}" (names "a", "b")', LOOK)
    message, remedy = refusal(raw("a", id=one), raw("a", id=two), raw("b"))
    assert message == f'2 tunnels have the name "a" (ids {one}, {two})'
    assert remedy == (
        "Rename or delete all but one of them by hand, for example in Cloudflare's dashboard, then run it again."
    )


def test_names_that_mean_the_same_are_doubles():
    message, _ = refusal(raw("cafe\u0301", id="1" * 32), raw("caf\xe9 ", id="2" * 32))
    assert message.startswith('2 tunnels have the name "caf\xe9"')


def test_many_doubles_are_counted():
    tunnels = [raw(f"t{n % 7}", id=f"{n:032}") for n in range(14)]
    message, _ = refusal(*tunnels)
    assert message.count("tunnels have the name") == 5
    assert message.endswith("; and 2 more like that")
    message, _ = refusal(*(raw(f"t{n % 5}", id=f"{n:032}") for n in range(10)))
    assert message.count("tunnels have the name") == 5
    assert "more" not in message


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"state": "BGP_UP", "updated_at": "2026-05-04T08:00:00Z"}, Session("up", "2026-05-04T08:00:00Z")),
        ({"state": "BGP_DOWN", "updated_at": "2026-05-04T08:00:00Z"}, Session("down", "2026-05-04T08:00:00Z")),
        ({"state": "BGP_ESTABLISHING"}, Session("down")),
        ({"state": "SOMETHING_NEW", "updated_at": 7}, Session("down")),
        ({"state": ""}, UNKNOWN),
        ({"state": None}, UNKNOWN),
        ({}, UNKNOWN),
        ([], UNKNOWN),
        ("BGP_UP", UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_a_session_is_read_for_what_it_is(status, expected):
    (tunnel,) = live(raw("a", bgp_status=status)).tunnels.values()
    assert tunnel.session == expected
