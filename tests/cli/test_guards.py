import json
from itertools import permutations

import pytest

from tests.cli.world import ID, World, body, tunnel


def refused(count: int, deletes: int) -> bool:
    """The documented guards: three deletes, 30 percent (one is always allowed), and never all tunnels."""
    if deletes == 0:
        return False
    return deletes > 3 or deletes == count or (deletes > 1 and deletes * 100 > 30 * count)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 10, 11, 100])
def test_delete_guards_hold_at_every_size(world: World, count: int) -> None:
    ids = world.live(*(tunnel(n) for n in range(count)))
    before = world.sim.clone()
    for deletes in sorted({*range(min(count, 12) + 1), max(count - 1, 0), count}):
        world.declare(*(tunnel(n) for n in range(deletes, count)))
        expected = 5 if refused(count, deletes) else 0
        assert world.run("plan").code == expected, deletes
        assert world.run("apply", "--auto-approve").code == expected, deletes
        assert len(world.names()) == (count if expected else count - deletes)
        if expected:
            assert world.calls == ["GET", "ROUTES"]
        world.forget(before)
    assert len(ids) == count


@pytest.mark.parametrize("gone", [4, 20])
@pytest.mark.parametrize("how", ["removed", "--allow-delete"])
def test_named_deletions_are_meant(world: World, gone: int, how: str) -> None:
    world.live(*(tunnel(n) for n in range(20)))
    names = [f"t{n:03}" for n in range(gone)]
    world.declare(*(tunnel(n) for n in range(gone, 20)))
    assert world.run("apply", "--auto-approve").code == 5
    flags = [part for name in names for part in ("--allow-delete", name)] if how != "removed" else []
    if how == "removed":
        world.account(removed=names)
    all_but_one = flags[:-2]
    if flags:
        expected = 0 if gone == 4 else 5
        assert world.run("plan", *all_but_one).code == expected
    assert world.run("apply", "--auto-approve", *flags).code == 0
    assert len(world.names()) == 20 - gone


def test_a_name_that_was_removed_is_a_warning_once_it_is_gone(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.account(removed=["t002"])
    world.declare(tunnel(1))
    assert world.run("apply", "--auto-approve").code == 0
    ran = world.run("plan", "-o", "json")
    assert ran.code == 0
    (warning,) = ran.json["diagnostics"]
    assert (warning["severity"], warning["file"]) == ("warning", "tunnels/prod/account.yaml")
    assert "t002" in warning["summary"] + warning["detail"]


@pytest.mark.parametrize("where", ["account", "named too"])
def test_a_protected_tunnel_is_never_deleted(world: World, where: str) -> None:
    world.live(tunnel(1), tunnel(2), tunnel(3))
    world.account(protect=["t003"])
    world.declare(tunnel(1), tunnel(2))
    more = ["--allow-delete", "t003"] if where == "named too" else []
    ran = world.run("apply", "--auto-approve", *more, "-o", "json")
    assert ran.code == 5
    assert [g["names"] for g in ran.account["guards"]] == [["t003"]]
    assert "protect" in ran.account["guards"][0]["code"]
    assert world.calls == ["GET", "ROUTES"]


def test_a_paused_account_can_be_looked_at(world: World) -> None:
    world.account(paused={"reason": "change freeze"})
    world.declare(tunnel(1))
    assert world.run("plan").code == 0
    assert world.run("drift").code == 2
    ran = world.run("apply", "--auto-approve")
    assert ran.code == 5
    assert "change freeze" in ran.out
    assert world.names() == {}
    world.declare(tunnel(1, psk={"env": "KEY"}))
    assert world.run("psk", "set", "t001", "--auto-approve", env={"KEY": "the key"}).code == 5


def test_a_probable_rename_is_blocked_with_the_line_to_add(world: World) -> None:
    world.live(tunnel(1, name="old"), tunnel(2))
    world.declare(tunnel(1, name="new"), tunnel(2))
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert ran.code == 5
    assert world.calls == ["GET", "ROUTES"]
    text = " ".join(g["message"] + g["remedy"] for g in ran.account["guards"])
    assert "renamed_from: old" in text
    assert "renamed_from: old" in world.run("plan").out
    ids = world.names()
    world.declare(tunnel(1, name="new", renamed_from="old"), tunnel(2))
    for expected in (["GET", "PUT", "GET"], ["GET"]):
        assert world.run("apply", "--auto-approve").code == 0
        assert world.calls == expected
    assert world.names() == {"new": ids["old"], "t002": ids["t002"]}


def test_a_rename_that_is_none_can_be_lifted_by_naming_the_deletion(world: World) -> None:
    world.live(tunnel(1, name="old"), tunnel(2))
    world.account(removed=["old"])
    world.declare(tunnel(1, name="new"), tunnel(2))
    assert world.run("apply", "--auto-approve").code == 0
    assert world.calls == ["GET", "ROUTES", "DELETE", "POST", "GET"]


@pytest.mark.parametrize("bulk", ["atomic", "sequential", "prefix"])
def test_chains_of_renames_keep_their_ids(world: World, bulk: str) -> None:
    world.become(bulk=bulk)
    world.live(*(tunnel(n, name=name) for n, name in enumerate("abc")))
    ids = world.names()
    chain = [tunnel(n, name=new, renamed_from=old) for n, (old, new) in enumerate(zip("abc", "bcd", strict=True))]
    world.declare(*chain)
    assert world.run("apply", "--auto-approve").code == 0
    assert world.names() == {"b": ids["a"], "c": ids["b"], "d": ids["c"]}
    assert {"POST", "DELETE"}.isdisjoint(world.calls)
    assert world.run("apply").code == 0
    assert world.calls == ["GET"]


def test_names_can_not_be_swapped(world: World) -> None:
    world.live(tunnel(1, name="a"), tunnel(2, name="b"))
    world.declare(tunnel(1, name="b", renamed_from="a"), tunnel(2, name="a", renamed_from="b"))
    ran = world.run("apply", "--auto-approve")
    assert ran.code == 3
    assert world.calls == []


@pytest.mark.parametrize("bulk", ["atomic", "sequential", "prefix"])
@pytest.mark.parametrize("what", ["interface_address", "custom_remote_identities", "both"])
def test_every_exchange_converges_in_place(world: World, bulk: str, what: str) -> None:
    world.become(bulk=bulk)
    for count in (2, 3, 4):
        start = [
            tunnel(n, custom_remote_identities={"fqdn_id": f"s{n}.12345.custom.ipsec.cloudflare.com"})
            for n in range(count)
        ]
        for order in permutations(range(count)):
            world.forget()
            ids = world.live(*start)
            fields = ["interface_address", "custom_remote_identities"] if what == "both" else [what]
            world.declare(*(t | {f: start[i][f] for f in fields} for t, i in zip(start, order, strict=True)))
            ran = world.run("apply", "--auto-approve")
            assert ran.code == 0, (order, ran.out)
            assert list(world.names().values()) == ids
            assert {"POST", "DELETE"}.isdisjoint(world.calls)
            assert [world.shown(f"t{n:03}")[fields[0]] for n in range(count)] == [start[i][fields[0]] for i in order]


def test_ignored_tunnels_and_fields_are_left_alone(world: World) -> None:
    live = [tunnel(1, health_check={"rate": "low"}), tunnel(2, name="appliance-1"), tunnel(3)]
    world.live(*live)
    rules = [
        {"name": "appliance-*", "reason": "made by appliances"},
        {"name": "t001", "fields": ["health_check.rate"], "reason": "tuned by hand"},
    ]
    world.account(ignore=rules)
    world.declare(tunnel(1, description="x", health_check={"rate": "high"}), tunnel(3))
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert ran.code == 0
    assert [(i["name"], i["reason"]) for i in ran.account["ignored"]][:1] == [("appliance-1", "made by appliances")]
    assert world.shown("t001")["health_check"]["rate"] == "low"
    assert world.shown("t001")["description"] == "x"
    assert "appliance-1" in world.names()
    ran = world.run("drift", "-o", "json=d.json", "-o", "text")
    assert (ran.code, json.loads(world.read("d.json"))["summary"]["ignored"]) == (0, 1)
    assert "  Left alone: 1 ignored, 1 ignored in part.\n" in ran.out


def test_a_tunnel_can_not_be_ignored_and_declared(world: World) -> None:
    world.account(ignore=[{"name": "t0*", "reason": "theirs"}])
    world.declare(tunnel(1))
    assert world.run("plan").code == 3


def test_an_account_that_does_not_prune_only_reports(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.account(prune=False)
    world.declare(tunnel(1))
    ran = world.run("plan", "-o", "json")
    assert [u["name"] for u in ran.account["unmanaged"]] == ["t002"]
    assert world.run("drift").code == 0
    assert world.run("apply").code == 0


def test_deletes_can_be_left_out(world: World) -> None:
    world.live(*(tunnel(n) for n in range(6)))
    world.declare(tunnel(0, description="x"))
    ran = world.run("apply", "--auto-approve", "--no-delete", "-o", "json")
    assert ran.code == 0
    assert ran.json["summary"]["delete"] == 0
    assert [c["name"] for c in ran.account["changes"]] == ["t000"]
    assert [c["name"] for c in ran.account["held_back"]] == ["t001", "t002", "t003", "t004", "t005"]
    assert world.calls == ["GET", "PUT", "GET"]
    assert len(world.names()) == 6


def test_a_plan_says_what_it_leaves_out(world: World) -> None:
    world.live(tunnel(1), tunnel(2), tunnel(3))
    world.declare(tunnel(1))
    ran = world.run("plan", "--no-delete", "--detailed-exitcode", "-o", "text", "-o", "json=plan.json")
    assert ran.code == 0
    assert ran.out == (
        "Account prod\n\n  2 deletes held back (--no-delete):\n    t002, t003\n\n"
        "No changes; 2 deletes held back (--no-delete).\n"
    )
    assert world.run("render", "plan.json", "-o", "github").out == (
        "::notice title=Verdict::No changes; 2 deletes held back (--no-delete).\n"
    )


def test_a_target_prunes_nothing_else(world: World) -> None:
    world.live(*(tunnel(n) for n in range(9)))
    world.declare(tunnel(0, description="x"), tunnel(1, description="x"))
    assert world.run("apply", "--auto-approve", "--target", "t000").code == 0
    assert world.calls == ["GET", "PUT", "GET"]
    assert world.shown("t000")["description"] == "x"
    assert "description" not in world.shown("t001")
    assert world.run("apply", "--auto-approve", "--target", "t008").code == 0
    assert "t008" not in world.names()
    assert len(world.names()) == 8


def test_too_many_changes(world: World) -> None:
    world.live(*(tunnel(n) for n in range(4)))
    world.account(limits={"max_change_percent": 50})
    world.declare(*(tunnel(n, description="x" if n < 3 else "") for n in range(4)))
    assert world.run("apply", "--auto-approve").code == 5
    world.declare(*(tunnel(n, description="x" if n < 2 else "") for n in range(4)))
    assert world.run("apply", "--auto-approve").code == 0


def test_a_blocked_plan_is_shown_and_saved_whole(world: World) -> None:
    world.live(tunnel(1))
    world.declare()
    ran = world.run("plan", "--out", "plan.json")
    assert ran.code == 5
    assert "Plan: 0 to create, 0 to update, 1 to delete." in ran.out
    assert world.run("apply", "--plan", "plan.json").code == 5
    assert world.calls == ["GET", "ROUTES"]


def test_one_refused_change_keeps_the_last_deletes_back(world: World) -> None:
    world.become(coupler_integration=False)
    world.live(*(tunnel(n) for n in range(5)))
    world.declare(tunnel(0, automatic_return_routing=True), *(tunnel(n) for n in range(1, 4)))
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert ran.code == 7
    assert {c["name"]: c["outcome"] for c in ran.account["changes"]} == {"t000": "failed", "t004": "skipped"}
    assert len(world.sim.account(ID).tunnels) == 5
    assert body(tunnel(4))["name"] in world.names()


def warned(world: World, kind: str) -> list[str]:
    """Files and options that bring this warning, and nothing else, after the list."""
    world.live(tunnel(1))
    fields = {"removed-gone": {"removed": ["gone"]}, "unknown-protected": {"protect": ["typo"]}}
    world.account(**fields.get(kind, {}))
    world.declare(tunnel(1, description="x"))
    options = {"unknown-allowed": ["--allow-delete", "typo"], "allowed-stays": ["--allow-delete", "t001"]}
    return options.get(kind, [])


@pytest.mark.parametrize("kind", ["removed-gone", "unknown-protected", "unknown-allowed", "allowed-stays"])
def test_strict_takes_a_warning_after_the_list_for_an_error(world: World, kind: str) -> None:
    options = warned(world, kind)
    ran = world.run("plan", "-o", "json", *options)
    assert (ran.code, [d["code"] for d in ran.json["diagnostics"]]) == (0, [kind])
    ran = world.run("plan", "-o", "json", "--strict", *options)
    assert (ran.code, ran.json["outcome"], ran.json["summary"]["update"]) == (3, "invalid", 1)
    ran = world.run("apply", "--auto-approve", "-o", "json", "--strict", *options)
    assert (ran.code, ran.json["outcome"], ran.json["summary"]["update"]) == (3, "invalid", 1)
    assert world.calls == ["GET"]
    assert world.run("apply", "--auto-approve", *options).code == 0


def test_strict_takes_a_warning_about_a_key_for_an_error_before_anything_is_written(world: World) -> None:
    world.declare(tunnel(1, psk={"env": "KEY"}))
    ran = world.run("apply", "--auto-approve", "--strict", "-o", "json", env={"KEY": "abc"})
    assert (ran.code, [d["code"] for d in ran.json["diagnostics"]]) == (3, ["short-key"])
    assert (world.calls, world.names()) == (["GET"], {})


def test_a_target_that_matches_nothing_is_not_called_equal(world: World) -> None:
    world.declare(tunnel(1))
    for command in (["plan"], ["apply", "--auto-approve"]):
        ran = world.run(*command, "--target", "typo*")
        assert ran.code == 0
        assert ran.out.splitlines()[-1] == "No changes: --target matches no tunnel."
