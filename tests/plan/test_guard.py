import pytest

from reconciler.model.desired import Limits
from reconciler.model.problems import Guard
from reconciler.plan.build import build_plan
from tests.build import account, desired, live, options, plan, raw, rule, tunnel

NET = {"interface_address": "10.0.0.0/31"}


def codes(found):
    return [g.code for g in found.guards]


def kept(total, deletes, **account_fields):
    """A plan over `total` live tunnels of which the files lack the first `deletes`."""
    names = [f"t{i:03d}" for i in range(total)]
    return plan(desired(*names[deletes:], of=account(**account_fields)), live(*names))


def forbidden(total, deletes):
    """The rule in words: more than 3, or more than one and more than 30 %, or nothing is left."""
    return deletes > 3 or (deletes > 1 and deletes / total > 0.3) or (deletes > 0 and deletes == total)


@pytest.mark.parametrize("total", [0, 1, 2, 3, 9, 10, 11, 100])
def test_limits_on_deletes_hold_at_every_size(total):
    blocked = [deletes for deletes in range(total + 1) if kept(total, deletes).guards]
    assert blocked == [deletes for deletes in range(total + 1) if forbidden(total, deletes)]


NAME_THEM = (
    "name the tunnels that are meant to go under `removed` in tunnels/prod/account.yaml, or by --allow-delete NAME"
)


def test_a_guard_says_what_it_forbids_and_what_lifts_it():
    found = kept(5, 5, limits=Limits(max_change_percent=99))
    assert [(g.message, g.remedy) for g in found.guards] == [
        ("the plan deletes 5 tunnels that nobody named; max_deletes is 3", NAME_THEM),
        ("the plan deletes 5 of 5 live tunnels (100 %) that nobody named; max_delete_percent is 30", NAME_THEM),
        ("the plan leaves the account without any tunnel, and not every delete is named", NAME_THEM),
        (
            "the plan changes or deletes 5 of 5 live tunnels (100 %); max_change_percent is 99",
            "make the change in smaller parts, or raise `limits.max_change_percent` in tunnels/prod/account.yaml",
        ),
    ]
    assert {g.names for g in found.guards} == {("t000", "t001", "t002", "t003", "t004")}


@pytest.mark.parametrize("total", [1, 4, 11])
def test_named_deletes_are_not_limited(total):
    names = [f"t{i:03d}" for i in range(total)]
    assert kept(total, total, removed=names).guards == ()
    assert plan(desired(), live(*names), allow_delete=frozenset(names)).guards == ()


@pytest.mark.parametrize(
    ("total", "deletes", "expected"),
    [
        (1, 1, ["empties-account"]),
        (3, 1, []),
        (4, 3, ["max-delete-percent"]),
        (20, 3, []),
        (20, 4, ["max-deletes"]),
        (10, 4, ["max-deletes", "max-delete-percent"]),
        (2, 2, ["max-delete-percent", "empties-account"]),
    ],
)
def test_each_limit_is_named(total, deletes, expected):
    assert codes(kept(total, deletes)) == expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (["t000"], ["empties-account"]),  # two more are gone, and only one is named
        (["t000", "t001"], ["empties-account"]),
        (["t000", "t001", "t002"], []),
        (["other"], ["max-delete-percent", "empties-account"]),
    ],
)
def test_naming_lifts_only_for_what_it_names(named, expected):
    limits = Limits(max_delete_percent=70)
    assert codes(kept(3, 3, removed=named, limits=limits)) == expected


@pytest.mark.parametrize(
    ("total", "deletes", "named", "expected"),
    [
        (10, 4, 0, ["max-deletes", "max-delete-percent"]),
        (10, 4, 1, []),  # three of ten that nobody named: the share is of the tunnels that are live now
        (9, 4, 1, ["max-delete-percent"]),
        (10, 9, 6, []),
        (10, 10, 9, ["empties-account"]),
        (3, 2, 1, []),
    ],
)
def test_limits_weigh_what_nobody_named_alone(total, deletes, named, expected):
    assert codes(kept(total, deletes, removed=[f"t{i:03d}" for i in range(named)])) == expected


def test_ignored_tunnels_do_not_count_for_percentages():
    names = [f"t{i}" for i in range(4)]
    of = account(ignore=[rule("app-*")])
    found = plan(desired("t0", "t1", of=of), live(*names, *(f"app-{i}" for i in range(20))))
    assert codes(found) == ["max-delete-percent"]
    assert "2 of 4 live tunnels (50 %)" in found.guards[0].message


def test_a_limit_of_no_deletes_forbids_one():
    assert codes(kept(10, 1, limits=Limits(max_deletes=0))) == ["max-deletes"]


@pytest.mark.parametrize(("changed", "expected"), [(2, []), (3, ["max-change-percent"])])
def test_updates_are_limited_by_their_share(changed, expected):
    names = ["a", "b", "c", "d"]
    items = [tunnel(n, description="x" if i < changed else None) for i, n in enumerate(names)]
    assert codes(plan(desired(*items, of=account(limits=Limits(max_change_percent=50))), live(*names))) == expected


def test_named_deletes_still_count_as_changes():
    found = kept(2, 1, removed=["t000"], limits=Limits(max_change_percent=40))
    assert codes(found) == ["max-change-percent"]


def test_creates_are_not_limited():
    assert plan(desired(*"abcdef"), live("a")).guards == ()


def test_deletes_that_are_left_out_trip_nothing():
    found = plan(desired(), live("a", "b"), no_delete=True)
    assert (found.guards, found.changes, [held.change.name for held in found.held_back]) == ((), (), ["a", "b"])


@pytest.mark.parametrize("fields", [{}, {"removed": ["a"]}])
def test_protected_tunnel_is_not_deleted_even_when_named(fields):
    found = plan(desired("b", "c", of=account(protect=["a"], **fields)), live("a", "b", "c"))
    assert codes(found) == ["protected"]
    assert found.guards[0].message == "the plan deletes 1 protected tunnel: a"
    assert found.guards[0].names == ("a",)
    assert found.guards[0].remedy == (
        "put their lines back, or take them out of `protect` in tunnels/prod/account.yaml in a commit of its own"
    )


def test_protected_tunnel_may_be_changed():
    assert plan(desired(tunnel("a", description="x"), of=account(protect=["a"])), live("a")).guards == ()


def test_protection_covers_the_old_tunnel_of_a_rename_that_can_not_be_carried_out():
    found = plan(desired(tunnel("b", renamed_from="a", protect=True), "c", "d"), live("a", "b", "c", "d"))
    assert codes(found) == ["protected"]


@pytest.mark.parametrize(
    "fields",
    [
        {"interface_address": "10.0.0.1/31"},
        {"interface_address6": "2001:db8::/127"},
    ],
)
def test_create_on_a_deleted_tunnels_network_is_a_probable_rename(fields):
    old = NET | {"interface_address6": "2001:db8::1/127"}
    found = plan(desired(tunnel("new", line=7, **fields), "b"), live(raw("old", **old), "b"))
    assert codes(found) == ["probable-rename"]
    assert found.guards[0].names == ("old", "new")
    assert found.guards[0].remedy == (
        "add the line `renamed_from: old` to new at tunnels/prod/a.yaml:7; if old is meant to go, name it under "
        "`removed` in tunnels/prod/account.yaml, or by --allow-delete old"
    )


def test_a_name_that_comes_back_in_other_letters_is_told_how_to_be_written():
    (guard,) = plan(desired(tunnel("New", line=7, **NET), "b"), live(raw("new", **NET), "b")).guards
    assert guard.message == (
        "new is to be deleted, and New made on its interface network 10.0.0.0/31: probably a rename"
    )
    assert guard.remedy == (
        "add the line `renamed_from: new` to New at tunnels/prod/a.yaml:7; if new is meant to go, name it under "
        "`removed` in tunnels/prod/account.yaml, or by --allow-delete new; if the name comes back like this after "
        "every apply, Cloudflare keeps it so: write `name: new`"
    )


def test_named_delete_is_no_probable_rename():
    found = plan(desired(tunnel("new", **NET), of=account(removed=["old"])), live(raw("old", **NET)))
    assert found.guards == ()
    assert [c.name for c in found.phases.first_deletes] == ["old"]


def test_declared_rename_is_no_probable_rename():
    assert plan(desired(tunnel("new", renamed_from="old", **NET)), live(raw("old", **NET))).guards == ()


def test_name_swap_is_refused():
    found = plan(desired(tunnel("a", renamed_from="b"), tunnel("b", renamed_from="a")), live("a", "b"))
    assert found.guards == (
        Guard(
            "name-swap",
            "a, b exchange their names, and no order can do that in place",
            ("a", "b"),
            "rename one of them to a name that is free, apply, then rename on",
        ),
    )


@pytest.mark.parametrize(
    ("of", "fields", "why", "remedy"),
    [
        (
            account(prune=False),
            {},
            "no file declares it and prune is false",
            "take it over by `renamed_from: old`, or delete it by hand",
        ),
        (
            account(ignore=[rule("old")]),
            {},
            "an ignore rule covers it",
            "end the ignore rule in tunnels/prod/account.yaml",
        ),
        (account(), {"no_delete": True}, "deletes are left out", "run without --no-delete"),
        (account(), {"glob": "new"}, "it is outside the target", "widen --target"),
    ],
)
def test_resource_of_a_tunnel_left_alone_blocks(of, fields, why, remedy):
    found = plan(desired(tunnel("new", **NET), of=of), live(raw("old", **NET)), **fields)
    assert codes(found) == ["held"]
    assert found.guards[0].message == (f"new wants the interface network 10.0.0.0/31, which old holds and keeps: {why}")
    assert found.guards[0].remedy == f"{remedy}, or give new at tunnels/prod/a.yaml:1 another interface network"


def test_a_tunnel_that_holds_two_things_that_are_wanted_is_told_once():
    both = NET | {"interface_address6": "2001:db8::/127"}
    found = plan(desired(tunnel("new", **both), of=account(prune=False)), live(raw("old", **both)))
    assert [(g.code, g.names) for g in found.guards] == [("held", ("new", "old"))]


def test_tunnels_that_overlap_already_may_be_changed_otherwise():
    declared = desired(tunnel("a", description="x", **NET), of=account(prune=False))
    assert plan(declared, live(raw("a", **NET), raw("b", **NET))).guards == ()


@pytest.mark.parametrize("description", ["", "x"])
def test_address_kept_by_an_ignored_field_blocks(description):
    declared = desired(
        tunnel("a", interface_address="10.0.0.2/31", description=description),
        tunnel("b", interface_address="10.0.0.0/31"),
        of=account(ignore=[rule("a", "interface_address")]),
    )
    found = plan(declared, live(raw("a", interface_address="10.0.0.0/31"), "b"))
    assert [(g.code, g.names) for g in found.guards] == [("held", ("b", "a"))]
    assert found.guards[0].message.endswith("which a holds and keeps: its own settings keep it")
    assert found.guards[0].remedy == ("change it first, or give b at tunnels/prod/a.yaml:1 another interface network")


def test_identity_kept_by_an_ignored_field_blocks():
    held = {"custom_remote_identities": {"fqdn_id": "X.custom.ipsec.cloudflare.com"}}
    of = account(ignore=[rule("a", "custom_remote_identities.fqdn_id")])
    declared = desired(tunnel("a", description="x"), tunnel("b", **held), of=of)
    (guard,) = plan(declared, live(raw("a", **held), "b")).guards
    assert guard.message == (
        "b wants the identity x.custom.ipsec.cloudflare.com on 203.0.113.1, which a holds and keeps: "
        "its own settings keep it"
    )


def test_rename_out_of_the_target_keeps_its_name():
    declared = desired(tunnel("b", renamed_from="a"), tunnel("c", renamed_from="b"))
    assert "held" in codes(plan(declared, live("a", "b"), glob="a"))


def test_guards_of_an_empty_account_are_silent():
    assert build_plan(desired(), live(), options()).guards == ()


def test_one_tunnel_is_told_as_one():
    found = plan(desired("b", of=account(limits=Limits(max_deletes=0))), live("a", "b"))
    assert [guard.message for guard in found.guards] == [
        "the plan deletes 1 tunnel that nobody named; max_deletes is 0"
    ]


@pytest.mark.parametrize(
    ("live_names", "expected"),
    [
        ("a1 a2 b1 b2 b3 b4 b5 b6", ["max-delete-percent", "empties-account"]),
        ("a1 b1", ["empties-account"]),
        ("a1 a2 a3 a4 a5 a6 a7", []),
    ],
)
def test_percentages_and_the_last_tunnel_are_counted_among_owned_ones(live_names, expected):
    """a1 and a2 go, a3 and on stay; what begins with b is somebody else's."""
    names = live_names.split()
    kept = [name for name in names if name[0] == "a" and name not in ("a1", "a2")]
    found = plan(desired(*kept, of=account(owns=["a*"])), live(*names))
    assert codes(found) == expected


def test_a_guard_that_counts_owned_tunnels_says_so():
    (found,) = plan(desired(of=account(owns=["a*"])), live("a", "b")).guards
    assert found.message == (
        "the plan leaves the account without any tunnel that these files own, and not every delete is named"
    )


def test_max_change_percent_is_of_owned_tunnels():
    of = account(owns=["a*"], limits=Limits(max_change_percent=50))
    found = plan(desired(tunnel("a1", description="x"), of=of), live("a1", "b1", "b2", "b3"))
    assert [g.message for g in found.guards] == [
        "the plan changes or deletes 1 of 1 live tunnel (100 %); max_change_percent is 50"
    ]


@pytest.mark.parametrize(
    ("wanted", "held", "kind"),
    [
        (NET, NET, "interface network 10.0.0.0/31"),
        (
            {"custom_remote_identities": {"fqdn_id": "x.1.custom.ipsec.cloudflare.com"}},
            {"custom_remote_identities": {"fqdn_id": "x.1.custom.ipsec.cloudflare.com"}},
            "identity x.1.custom.ipsec.cloudflare.com on 203.0.113.1",
        ),
    ],
)
def test_what_a_tunnel_of_others_holds_can_not_be_taken(wanted, held, kind):
    of = account(owns=["a*"])
    found = plan(desired(tunnel("a", **wanted), of=of), live(raw("b", **held)))
    assert [(g.code, g.names, g.message) for g in found.guards] == [
        ("held", ("a", "b"), f"a wants the {kind}, which b holds and keeps: these files do not own it")
    ]
    assert found.guards[0].remedy.startswith("have it moved by the files that own it, or give a at ")
