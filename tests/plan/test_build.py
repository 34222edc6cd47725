import pytest

from reconciler.plan.build import remaining
from reconciler.plan.scope import LeftAlone
from tests.build import account, desired, live, plan, raw, rule, tunnel


def estate(total, changed=0, new=0, gone=0):
    names = [f"t{i:03d}" for i in range(total)]
    declared = [tunnel(n, description="x" if i < changed else None) for i, n in enumerate(names[: total - gone])]
    return desired(*declared, *(f"n{i}" for i in range(new))), live(*names)


@pytest.mark.parametrize(
    ("sizes", "batch", "expected"),
    [
        ((50, 5, 2, 2), 100, {"list": 2, "update": 1, "create": 2, "delete": 2}),
        ((500, 500), 100, {"list": 2, "update": 5, "create": 0, "delete": 0}),
        ((10, 10), 3, {"list": 2, "update": 4, "create": 0, "delete": 0}),
        ((10,), 100, {"list": 1, "update": 0, "create": 0, "delete": 0}),
    ],
)
def test_calls_that_apply_will_make(sizes, batch, expected):
    assert plan(*estate(*sizes), batch_size=batch).api_calls == expected


def test_unchanged_counts_declared_tunnels_that_match():
    assert plan(*estate(50, 5, 2, 2)).unchanged == 43


def test_unchanged_counts_only_the_target():
    assert plan(*estate(10), glob="t000").unchanged == 1


def test_ignored_lists_whole_tunnels_and_fields_that_differ():
    of = account(ignore=[rule("app", reason="appliance"), rule("*", "description", reason="by hand")])
    now = live("app", raw("a", id="1" * 32, description="x", created_on="2026-01-01T00:00:00Z"), "b")
    app, a = plan(desired("a", "b", of=of), now).ignored
    assert (app.name, app.reason, app.fields) == ("app", "appliance", ())
    assert a == LeftAlone("a", "by hand", "1" * 32, ("description",), "2026-01-01T00:00:00Z")


def test_nothing_remains_when_the_list_shows_the_plan_carried_out():
    declared = desired(tunnel("b", renamed_from="a", description="x"), "n")
    found = plan(declared, live("a", "gone", "k"), allow_delete=frozenset({"gone", "k"}))
    assert remaining(found, live(raw("b", description="x"), "n")) == ()


def test_what_was_not_carried_out_remains():
    found = plan(desired(tunnel("a", description="x"), "n"), live("a", "gone"))
    left = remaining(found, live("a", "gone"))
    assert [(c.action, c.name) for c in left] == [("update", "a"), ("delete", "gone"), ("create", "n")]


@pytest.mark.parametrize(("no_delete", "held_back"), [(True, ["gone"]), (False, [])])
def test_only_deletes_are_held_back_and_only_when_they_are_left_out(no_delete, held_back):
    found = plan(desired(tunnel("a", description="x"), "new"), live("a", "gone"), no_delete=no_delete)
    assert [held.change.name for held in found.held_back] == held_back


def test_left_out_deletes_do_not_remain():
    found = plan(desired("a"), live("a", "b"), no_delete=True)
    assert remaining(found, live("a", "b")) == ()


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (["lon-1", "lon-2", "par"], []),
        (["lon-1", "par"], [("create", "lon-2")]),
        (["lon-1", "lon-2"], []),
        (["lon-1", "lon-2", "par", "lon-3"], [("delete", "lon-3")]),
        (["lon-1", "lon-2", "par", "stranger"], []),
        (["lon-1", "lon-2", "par", "lon-old"], [("update", "ams")]),
    ],
)
def test_what_remains_is_within_the_target(now, left):
    declared = desired("lon-1", "lon-2", "par", tunnel("ams", renamed_from="lon-old", description="x"))
    found = plan(declared, live("lon-1", "lon-2", "par"), glob="lon-*")
    assert [(c.action.value, c.name) for c in remaining(found, live(*now))] == left


def test_renamed_tunnel_stays_in_the_target_of_its_old_name():
    found = plan(desired(tunnel("b", renamed_from="a", description="x"), "c"), live("a"), glob="a")
    assert [c.name for c in remaining(found, live(raw("b", id=found.changes[0].id)))] == ["b"]


def test_a_tunnel_that_cant_be_read_blocks_only_itself():
    now = live(raw("a") | {"bgp": "?"}, "b", "c")
    found = plan(desired(tunnel("a", description="x"), tunnel("b", description="x"), "d"), now)
    assert [(c.action.value, c.name) for c in found.changes] == [("update", "b"), ("delete", "c"), ("create", "d")]
    assert [(t.name, t.reason) for t in found.scope.unreadable] == [("a", "it can't be read: bgp is a string")]
    assert found.guards == ()


def test_what_a_tunnel_holds_that_cant_be_read_is_not_free():
    odd = raw("a", interface_address="10.0.0.0/31") | {"bgp": "?"}
    found = plan(desired("a", tunnel("b", interface_address="10.0.0.1/31")), live(odd))
    (guard,) = found.guards
    assert guard.message == (
        "b wants the interface network 10.0.0.0/31, which a holds and keeps: it can't be read (bgp is a string)"
    )


BGP = {"customer_asn": 65010, "extra_prefixes": ["10.9.0.0/16"], "md5_key": "s0me key"}
WITHOUT_KEY = {**BGP, "md5_key": ""}


@pytest.mark.parametrize(
    ("declared", "now", "paths"),
    [
        ({}, {"bgp": BGP}, ["bgp"]),
        ({"bgp": WITHOUT_KEY}, {"bgp": BGP}, ["bgp.md5_key"]),
        ({"bgp": {**BGP, "md5_key": "another"}}, {"bgp": BGP}, []),
        ({"bgp": {**BGP, "extra_prefixes": []}}, {"bgp": BGP}, []),
        ({"bgp": BGP}, {"bgp": WITHOUT_KEY}, []),
        ({"bgp": BGP}, {}, []),
        ({}, {"description": "x", "custom_remote_identities": {"fqdn_id": "a.example"}}, []),
    ],
    ids=str,
)
def test_a_plan_says_what_may_not_be_possible_to_remove(declared, now, paths):
    notes = plan(desired(tunnel("a", **declared)), live(raw("a", **now))).notes
    assert [note.partition(" may not be possible")[0] for note in notes] == [f"Removing {path}" for path in paths]


def test_all_tunnels_that_lose_their_bgp_are_named_together():
    now = live(raw("a", bgp=BGP, interface_address="10.0.0.0/31"), raw("b", bgp=BGP), raw("c", bgp=BGP))
    notes = plan(desired("0", tunnel("a", interface_address="10.0.0.2/31"), "b", tunnel("c", bgp=BGP)), now).notes
    assert notes == (
        (
            "Removing bgp may not be possible, as the API documents no way to: if it is still there afterwards, apply "
            "says so (not-cleared) and ends as partial. Concerns a, b."
        ),
    )


def test_a_deleted_tunnel_and_an_ignored_bgp_take_nothing_away():
    assert plan(desired(), live(raw("a", bgp=BGP))).notes == ()
    ignoring = account(ignore=[rule("a", "bgp")])
    assert plan(desired(tunnel("a", description="x"), of=ignoring), live(raw("a", bgp=BGP))).notes == ()
