from time import process_time

import pytest

from reconciler.model.tunnel import Impact
from reconciler.plan.diff import FieldChange, diff, left_fields
from reconciler.plan.scope import scope
from tests.build import account, desired, live, options, raw, rule, tunnel

BGP = {"customer_asn": 65010, "extra_prefixes": ["10.9.0.0/16"], "md5_key": "s3cret"}


def changes(declared, now):
    owned = scope(declared, now, options())
    return diff(owned.pairs, owned.surplus)


def change(declared_fields, live_fields, *rules):
    declared = desired(tunnel("a", **declared_fields), of=account(ignore=rules))
    return changes(declared, live(raw("a", **live_fields)))


def fields(found):
    return [(f.path, f.before, f.after) for c in found for f in c.fields]


@pytest.mark.parametrize(
    ("declared", "now"),
    [
        ({}, {"description": "", "bgp": None, "health_check": {"enabled": True, "rate": "mid"}}),
        ({}, {"replay_protection": False, "automatic_return_routing": None}),
        ({}, {"health_check": {"direction": "bidirectional"}}),
        ({}, {"bgp_status": {"state": "up"}, "allow_null_cipher": True, "new_field": 1}),
        ({"interface_address6": "2001:db8::/127"}, {"interface_address6": "2001:DB8:0:0::0/127"}),
        (
            {"health_check": {"target": {"saved": "192.0.2.1"}}},
            {"health_check": {"target": "192.0.2.1"}},
        ),
        (
            {"bgp": BGP | {"extra_prefixes": ["10.0.0.0/8", "10.9.0.0/16"]}},
            {"bgp": BGP | {"extra_prefixes": ["10.9.0.0/16", "10.0.0.0/8", "10.0.0.0/8"]}},
        ),
    ],
)
def test_equal_meaning_is_no_change(declared, now):
    assert change(declared, now) == ()


@pytest.mark.parametrize(
    ("declared", "now", "expected"),
    [
        ({"description": "x"}, {}, [("description", None, "x")]),
        ({}, {"description": "x"}, [("description", "x", None)]),
        ({}, {"replay_protection": True}, [("replay_protection", True, False)]),
        (
            {"interface_address": "10.0.0.0/31"},
            {"interface_address": "10.0.0.1/31"},
            [("interface_address", "10.0.0.1/31", "10.0.0.0/31")],
        ),
        (
            {"health_check": {"direction": "bidirectional"}},
            {},
            [("health_check.direction", None, "bidirectional")],
        ),
        (
            {"bgp": {"customer_asn": 1}},
            {"bgp": {"customer_asn": 1, "extra_prefixes": ["10.0.0.0/8"]}},
            [("bgp.extra_prefixes", ["10.0.0.0/8"], None)],
        ),
        (
            {"bgp": BGP},
            {},
            [("bgp", None, {"customer_asn": 65010, "extra_prefixes": ["10.9.0.0/16"], "md5_key": None})],
        ),
        ({}, {"bgp": {"customer_asn": 1}}, [("bgp", {"customer_asn": 1}, None)]),
    ],
)
def test_differing_fields_are_named_with_both_values(declared, now, expected):
    assert fields(change(declared, now)) == expected


def test_md5_key_is_never_shown():
    found = change({"bgp": BGP}, {"bgp": BGP | {"md5_key": "other"}})
    assert found[0].fields == (FieldChange("bgp.md5_key", None, None, sensitive=True),)


@pytest.mark.parametrize(
    ("declared", "impact"),
    [
        ({"description": "x"}, Impact.NONE),
        ({"health_check": {"rate": "high"}}, Impact.NONE),
        ({"health_check": {"type": "request"}}, Impact.TRAFFIC),
        ({"description": "x", "replay_protection": True}, Impact.TRAFFIC),
        ({"bgp": BGP}, Impact.TRAFFIC),
    ],
)
def test_impact_is_that_of_the_worst_field(declared, impact):
    assert change(declared, {})[0].impact is impact


def test_create_lists_what_is_set_and_interrupts_nothing():
    (found,) = changes(desired(tunnel("a", replay_protection=True)), live())
    assert found.impact is Impact.NONE
    assert FieldChange("replay_protection", None, after=True) in found.fields
    assert "description" not in [f.path for f in found.fields]


def test_delete_lists_what_was_set_and_interrupts_traffic():
    (found,) = changes(desired(), live(raw("a", description="old")))
    assert found.impact is Impact.TRAFFIC
    assert FieldChange("description", "old", None) in found.fields


def test_rename_is_an_update_that_carries_both_names():
    (found,) = changes(
        desired(tunnel("b", renamed_from="a", interface_address="10.0.0.0/31")),
        live(raw("a", interface_address="10.0.0.0/31")),
    )
    assert (found.action, found.name, found.previous_name, found.impact) == ("update", "b", "a", "none")
    assert fields([found]) == [("name", "a", "b")]


@pytest.mark.parametrize(
    ("ignored", "declared", "now", "expected"),
    [
        ("description", {"description": "x"}, {}, []),
        ("bgp", {"bgp": BGP}, {}, []),
        ("bgp", {}, {"bgp": BGP}, []),
        ("bgp", {"bgp": BGP}, {"bgp": BGP | {"customer_asn": 1}}, []),
        ("bgp.md5_key", {"bgp": BGP}, {"bgp": BGP | {"md5_key": "x"}}, []),
        ("bgp.md5_key", {"bgp": BGP}, {"bgp": BGP | {"customer_asn": 1}}, ["bgp.customer_asn"]),
        ("bgp.md5_key", {}, {"bgp": BGP}, ["bgp"]),
        ("health_check", {}, {"health_check": {"rate": "low", "enabled": False}}, []),
        ("health_check.rate", {}, {"health_check": {"rate": "low", "type": "request"}}, ["health_check.type"]),
        ("health_check", {"health_check": {"direction": "bidirectional"}}, {}, []),
    ],
)
def test_ignored_fields_are_no_change(ignored, declared, now, expected):
    assert [path for path, _, _ in fields(change(declared, now, rule("*", ignored)))] == expected


def test_update_leaves_ignored_fields_and_an_undeclared_direction_as_they_are():
    (found,) = change(
        {"description": "git", "bgp": BGP},
        {"health_check": {"rate": "low", "direction": "unidirectional"}, "bgp": BGP | {"md5_key": "theirs"}},
        rule("a", "health_check.rate", "bgp.md5_key"),
    )
    settings = found.target
    paths = ("description", "health_check.rate", "health_check.direction", "bgp.md5_key")
    assert [settings[p] for p in paths] == ["git", "low", "unidirectional", "theirs"]


def test_a_target_has_no_bgp_when_it_goes():
    (found,) = change({}, {"bgp": BGP})
    assert found.target == tunnel("a").settings


def test_left_fields_names_only_ignored_fields_that_differ():
    of = account(ignore=[rule("a", "health_check.rate", "description")])
    owned = scope(desired("a", of=of), live(raw("a", health_check={"rate": "low"}, replay_protection=True)), options())
    assert left_fields(owned.pairs[0]) == ("health_check.rate",)


PREFIXES = [f"10.{i}.0.0/16" for i in range(200)]


@pytest.mark.parametrize(
    ("live_prefixes", "declared", "added", "removed"),
    [
        (["10.1.0.0/16"], ["10.2.0.0/16"], ("10.2.0.0/16",), ("10.1.0.0/16",)),
        (["10.1.0.0/16"], ["10.1.0.0/16", "10.2.0.0/16"], ("10.2.0.0/16",), ()),
        (["10.1.0.0/16"], [], (), ("10.1.0.0/16",)),
        (PREFIXES, [*PREFIXES[:-1], "10.200.0.0/16"], ("10.200.0.0/16",), ("10.199.0.0/16",)),
    ],
)
def test_a_changed_list_names_the_items_that_come_and_go(live_prefixes, declared, added, removed):
    bgp = {"customer_asn": 65010}
    (found,) = change({"bgp": bgp | {"extra_prefixes": declared}}, {"bgp": bgp | {"extra_prefixes": live_prefixes}})
    assert [(f.path, f.added, f.removed) for f in found.fields] == [("bgp.extra_prefixes", added, removed)]


def test_long_values_are_compared_quickly():
    text = ["\n".join(str(i * step % 20_011) for i in range(20_000)) for step in (1, 7)]
    prefixes = [[f"10.{i >> 8}.{i & 255}.0/24" for i in range(start, start + 5000)] for start in (0, 700)]
    now = {"description": text[0], "bgp": {"customer_asn": 1, "extra_prefixes": prefixes[0]}}
    then = {"description": text[1], "bgp": {"customer_asn": 1, "extra_prefixes": prefixes[1]}}
    start = process_time()
    assert [path for path, _, _ in fields(change(then, now))] == ["bgp.extra_prefixes", "description"]
    assert process_time() - start < 3


def test_equal_tunnels_need_no_deepdiff(monkeypatch):
    monkeypatch.setattr("reconciler.plan.diff.compare", None)  # the one that imports it
    assert change({"description": "x"}, {"description": "x "}) == ()
