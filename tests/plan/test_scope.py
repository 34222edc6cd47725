from datetime import date

import pytest

from reconciler.model.tunnel import WHOLE
from reconciler.plan.scope import renames, scope
from tests.build import account, desired, live, options, raw, rule, tunnel


def owned(declared, now, **fields):
    found = scope(declared, now, options(**fields))
    return {p.declared.name: p.live.name if p.live else None for p in found.pairs}, [t.name for t in found.surplus]


def declared_renames(**new_to_old):
    return {new: tunnel(new, renamed_from=old) for new, old in new_to_old.items()}


@pytest.mark.parametrize(
    ("new_to_old", "live_names", "expected"),
    [
        ({"b": "a"}, "a", {"b": "a"}),
        ({"b": "a"}, "", {}),
        ({"b": "a"}, "b", {}),  # done already
        ({"b": "a"}, "ab", {}),  # the new name is taken
        ({"b": "a", "a": None}, "a", {}),  # a is kept by its own declaration
        ({"b": "a", "c": "b"}, "ab", {"b": "a", "c": "b"}),
        ({"b": "a", "c": "b"}, "abc", {}),
        ({"b": "a", "c": "b"}, "ac", {"b": "a"}),  # the second half was carried out
        ({"b": "a", "c": "b"}, "bc", {}),  # all was carried out
        ({"b": "a", "c": "b", "d": "c"}, "abc", {"b": "a", "c": "b", "d": "c"}),
        ({"b": "a", "c": "b", "d": "c"}, "abcd", {}),
        ({"b": "a", "a": "b"}, "ab", {"a": "b", "b": "a"}),  # a guard refuses it later
        ({"a": "b", "b": "e", "e": None}, "be", {}),  # e keeps its name, so b keeps its own
        ({"a": "d", "b": "e", "d": "b"}, "abde", {}),  # a keeps its name, and with it d, b and e
        ({"a": "a"}, "a", {}),
    ],
)
def test_rename_is_carried_out_when_its_names_are_free(new_to_old, live_names, expected):
    assert renames(declared_renames(**new_to_old), live(*live_names).by_name()) == expected


def test_a_long_chain_of_renames_is_settled_in_linear_time():
    names = [f"n{i:05d}" for i in range(5000)]
    declared = declared_renames(**dict(zip(names[1:], names[:-1], strict=True)))
    assert renames(declared, live(*names).by_name()) == {}


def test_renamed_tunnel_is_paired_with_its_old_self():
    assert owned(desired(tunnel("b", renamed_from="a"), tunnel("c", renamed_from="b")), live("a", "b")) == (
        {"b": "a", "c": "b"},
        [],
    )


def test_name_that_is_renamed_away_can_be_declared_anew_only_by_a_create():
    assert owned(desired("a", tunnel("b", renamed_from="a")), live("a")) == ({"a": "a", "b": None}, [])


def test_undeclared_live_tunnel_is_surplus_with_prune():
    assert owned(desired("a"), live("a", "b")) == ({"a": "a"}, ["b"])


def test_undeclared_live_tunnel_is_unmanaged_without_prune():
    found = scope(desired(of=account(prune=False)), live(raw("b", created_on="2026-01-01T00:00:00Z")), options())
    assert found.surplus == ()
    assert [(t.name, t.created_on) for t in found.unmanaged] == [("b", "2026-01-01T00:00:00Z")]


def test_whole_tunnel_rule_protects_and_does_not_count():
    found = scope(
        desired(of=account(ignore=[rule("app-*")])),
        live(raw("app-1", created_on="2026-01-01T00:00:00Z"), "b"),
        options(),
    )
    assert [t.name for t in found.surplus] == ["b"]
    assert [(t.name, t.reason, t.created_on) for t in found.ignored] == [("app-1", "not ours", "2026-01-01T00:00:00Z")]
    assert found.counted == 1


def test_expired_whole_tunnel_rule_says_so_and_still_protects():
    found = scope(desired(of=account(ignore=[rule("a", until=date(2026, 5, 3))])), live("a"), options())
    assert found.surplus == ()
    assert "the rule expired on 2026-05-03" in found.ignored[0].reason


def test_ignored_tunnel_is_not_renamed():
    of = account(ignore=[rule("app-*")])
    assert owned(desired(tunnel("b", renamed_from="app-1"), of=of), live("app-1")) == ({"b": None}, [])


@pytest.mark.parametrize(
    ("until", "ignored"),
    [(None, ("description",)), (date(2026, 5, 4), ("description",)), (date(2026, 5, 3), ())],
)
def test_field_rule_holds_up_to_its_last_day(until, ignored):
    of = account(ignore=[rule("a", "description", until=until)])
    assert scope(desired("a", of=of), live("a"), options()).pairs[0].ignored == ignored


def test_globs_are_case_sensitive():
    found = scope(desired(of=account(ignore=[rule("APP-*")])), live("app-1"), options())
    assert found.ignored == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("new", ({"new": "old"}, [])),
        ("old", ({"new": "old"}, [])),
        ("x*", ({}, ["xx"])),
        ("k", ({"k": None}, [])),
        ("K", ({}, [])),
        ("?", ({"k": None}, ["s"])),
    ],
)
def test_target_selects_by_old_and_new_name_and_prunes_nothing_else(target, expected):
    declared = desired(tunnel("new", renamed_from="old"), "k")
    assert owned(declared, live("old", "s", "xx"), glob=target) == expected


ODD = {"bgp": "?"}


@pytest.mark.parametrize(
    ("declared", "fields", "apart"),
    [
        (desired("a"), {}, ["a"]),  # declared
        (desired(tunnel("c", renamed_from="a")), {}, ["a"]),
        (desired(), {}, ["a"]),  # would be deleted
        (desired("a"), {"glob": "b*"}, []),
        (desired(), {"glob": "b*"}, []),
        (desired(), {"no_delete": True}, []),
        (desired(of=account(prune=False)), {}, []),
        (desired("a", of=account(prune=False)), {}, ["a"]),
        (desired(of=account(ignore=[rule("a")])), {}, []),
    ],
)
def test_a_tunnel_that_cant_be_read_is_set_apart_where_it_concerns_these_files(declared, fields, apart):
    found = scope(declared, live(raw("a") | ODD, "b"), options(**fields))
    assert [t.name for t in found.unreadable] == apart
    assert [t.reason for t in found.unreadable] == ["it can't be read: bgp is a string"] * len(apart)
    assert not {p.live.name for p in found.pairs if p.live} & set(apart)
    assert not {t.name for t in found.surplus} & set(apart)
    assert "a" not in {p.declared.name for p in found.pairs} or not apart


ASN = {"bgp": {"customer_asn": [], "extra_prefixes": ["10.9.0.0/16"]}}


@pytest.mark.parametrize(
    ("listed", "fields", "apart"),
    [
        (ODD, ["bgp"], False),
        (ODD, sorted(WHOLE["bgp"]), False),
        (ODD, ["bgp.customer_asn"], True),
        (ODD, ["description"], True),
        (ODD | {"description": 5}, ["bgp"], True),
        (ODD | {"description": 5}, ["bgp", "description"], False),
        (ASN, ["bgp"], False),
        (ASN, ["bgp.customer_asn"], False),
        (ASN, ["bgp.extra_prefixes"], True),
        ({"health_check": {"rate": 5, "type": "request"}}, ["health_check.rate"], False),
        ({"health_check": {"rate": 5, "type": []}}, ["health_check.rate"], True),
    ],
)
def test_a_field_that_a_rule_leaves_alone_need_not_be_readable(listed, fields, apart):
    of = account(ignore=[rule("a", *fields)])
    found = scope(desired("a", of=of), live(raw("a") | listed), options())
    assert [t.name for t in found.unreadable] == ["a"] * apart


@pytest.mark.parametrize(("until", "apart"), [(date(2026, 5, 4), []), (date(2026, 5, 3), ["a"])])
def test_a_rule_that_has_ended_leaves_nothing_alone(until, apart):
    of = account(ignore=[rule("a", "bgp", until=until)])
    found = scope(desired("a", of=of), live(raw("a") | ODD), options())
    assert [t.name for t in found.unreadable] == apart


def test_the_rest_of_an_object_is_still_compared():
    of = account(ignore=[rule("a", "bgp.customer_asn")])
    declared = tunnel("a", bgp={"customer_asn": 65010})
    (pair,) = scope(desired(declared, of=of), live(raw("a") | ASN), options()).pairs
    settings = pair.live.settings
    assert (settings["bgp.customer_asn"], settings["bgp.extra_prefixes"]) == (65010, ("10.9.0.0/16",))


def test_tunnels_that_cant_be_read_are_told_in_order_of_name():
    found = scope(desired("b"), live(raw("b") | ODD, raw("a") | ODD, raw("c") | ODD), options())
    assert [t.name for t in found.unreadable] == ["a", "b", "c"]


OWNING = account(owns=["lon-*", "par"])


def test_a_tunnel_that_is_not_owned_is_only_counted():
    odd = raw("oslo", bgp=[])  # of a type that nobody can read
    for prune in (True, False):
        of = OWNING._replace(prune=prune, ignore=(rule("*o"),))
        found = scope(desired("par", of=of), live("par", "par-a", "lon", odd), options())
        assert ([p.declared.name for p in found.pairs], found.surplus, found.unmanaged) == (["par"], (), ())
        assert (found.ignored, found.unreadable, found.counted, found.not_owned) == ((), (), 1, 3)


def test_what_is_owned_is_deleted_ignored_and_left_alone_as_ever():
    now = live("lon-a", "lon-b", "oslo")
    found = scope(desired(of=OWNING._replace(ignore=(rule("*-b"),))), now, options())
    assert ([t.name for t in found.surplus], [t.name for t in found.ignored]) == (["lon-a"], ["lon-b"])
    found = scope(desired(of=OWNING._replace(prune=False)), now, options())
    assert [t.name for t in found.unmanaged] == ["lon-a", "lon-b"]


def test_without_owns_there_is_no_number_of_tunnels_that_are_not_owned():
    assert scope(desired(), live("a"), options()).not_owned is None
    assert scope(desired(of=OWNING), live("par"), options()).not_owned == 0
