"""MD5 keys by reference: compared where they can be read, left alone where not, and needed by apply."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.test_accounts import git
from tests.cli.world import ID, World, tunnel
from tests.strangers import foreign_edit

REF = {"env": "LON_MD5"}
KEY = "live-md5-key"
HERE = {"LON_MD5": KEY}
OTHER = {"LON_MD5": "another-md5-key"}


def bgp(key: Any = REF, **fields: Any) -> dict[str, Any]:
    """A tunnel's BGP session; without a key where it is None."""
    return {"bgp": {"customer_asn": 65000, **({"md5_key": key} if key else {}), **fields}}


def changes(account: Any) -> dict[str, list[Any]]:
    """By name, what differs: paths, with both values."""
    return {c["name"]: [(f["path"], f["before"], f["after"]) for f in c["fields"]] for c in account["changes"]}


def unread(account: Any) -> list[tuple[str, str, list[str]]]:
    return [(one["name"], one["reason"], one["fields"]) for one in account["not_checked"] if one["name"] != "*"]


NOT_SET = ("t001", "the environment variable LON_MD5 is not set", ["bgp.md5_key"])


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_key_is_compared_where_it_can_be_read_and_only_there(world: World, command: str) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp()))
    argv = (command, "-o", "json", *(["--detailed-exitcode"] if command == "plan" else []))
    same, differs, nothing = (world.run(*argv, env=env) for env in (HERE, OTHER, {}))
    assert (same.code, changes(same.account), unread(same.account)) == (0, {}, [])
    assert (differs.code, changes(differs.account), unread(differs.account)) == (
        2,
        {"t001": [("bgp.md5_key", None, None)]},
        [],
    )
    assert (nothing.code, changes(nothing.account), unread(nothing.account)) == (0, {}, [NOT_SET])


def test_a_plan_says_in_every_format_what_it_did_not_check(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp()))
    told = world.run("plan")
    assert told.out.splitlines()[-1] == "No changes, but 1 MD5 key not checked."
    assert "    not checked  t001 (bgp.md5_key): the environment variable LON_MD5 is not set\n" in told.out
    comment = world.run("plan", "-o", "markdown").out
    assert "## ✅ Tunnel plan: no changes, but 1 MD5 key not checked\n" in comment
    assert "- not checked: t001 (bgp.md5\\_key): the environment variable LON\\_MD5 is not set\n" in comment
    assert world.run("plan", "-o", "html").out.count("the environment variable LON_MD5 is not set") == 1
    assert world.run("drift").out.splitlines()[0] == (
        "No drift of settings, but 1 MD5 key not checked: 1 tunnel in sync, 0 unmanaged, 0 missing, 0 not checked, "
        "1 in sync and down."
    )


def test_of_many_keys_that_were_not_read_only_the_first_are_named(world: World) -> None:
    world.live(*(tunnel(n, **bgp(KEY)) for n in range(10)))
    world.declare(*(tunnel(n, **bgp()) for n in range(10)))
    told = [line.strip() for line in world.run("plan").out.splitlines() if "not checked  " in line]
    assert told[4:] == [
        "not checked  t004 (bgp.md5_key): the environment variable LON_MD5 is not set",
        "not checked  5 more tunnels in the same way; JSON names them",
    ]


@pytest.mark.parametrize(
    ("key", "mode", "why"),
    [
        (None, 0o600, "the key file tunnels/prod/keys/lon does not exist"),
        (KEY, 0o640, "the key file tunnels/prod/keys/lon can be read or changed by others (mode 0640)"),
        ("", 0o600, "the key file tunnels/prod/keys/lon is empty"),
        ("x" * 81, 0o600, "the key file tunnels/prod/keys/lon holds no MD5 key that Cloudflare takes"),
        ("why?", 0o600, "the key file tunnels/prod/keys/lon holds no MD5 key that Cloudflare takes"),
    ],
)
def test_a_file_that_gives_no_key_is_not_checked_and_stops_apply(
    world: World, key: str | None, mode: int, why: str
) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp({"file": "keys/lon"})))
    if key is not None:
        world.write("tunnels/prod/keys/lon", key, mode)
    plan = world.run("plan", "-o", "json", "--detailed-exitcode")
    assert (plan.code, unread(plan.account)) == (0, [("t001", why, ["bgp.md5_key"])])
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, [d["summary"] for d in ran.json["diagnostics"]], world.calls) == (3, [why], ["GET"])


def test_a_file_is_read_beside_the_yaml_that_names_it_without_its_line_end(world: World) -> None:
    world.live(*(tunnel(n, **bgp(f"key {n} ")) for n in (1, 2)))
    world.account(defaults=bgp({"file": "keys/lon"}))
    world.declare(tunnel(1))
    world.write("tunnels/prod/eu/b.yaml", json.dumps({"tunnels": [tunnel(2, **bgp({"file": "keys/lon"}))]}))
    world.write("tunnels/prod/keys/lon", "key 1 \n", 0o600)
    world.write("tunnels/prod/eu/keys/lon", "key 2 \r\n", 0o600)
    ran = world.run("plan", "-o", "json")
    assert (changes(ran.account), unread(ran.account)) == ({}, [])


def test_apply_names_all_missing_keys_at_once_and_writes_nothing(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)), tunnel(9))
    world.declare(
        tunnel(1, **bgp()),
        tunnel(2, **bgp({"env": "PAR_MD5"}), psk={"env": "PAR_PSK"}),
        tunnel(3, **bgp({"file": "nope"})),
        tunnel(9, description="x"),
    )
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert ran.code == 3
    assert [(d["line"], d["summary"]) for d in ran.json["diagnostics"]] == [
        (2, "the environment variable LON_MD5 is not set"),
        (3, "the environment variable PAR_PSK is not set"),
        (3, "the environment variable PAR_MD5 is not set"),
        (4, "the key file tunnels/prod/nope does not exist"),
    ]
    assert world.calls == ["GET"]


def test_apply_without_a_change_needs_the_key_too_and_asks_nobody_before(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp()))
    assert world.run("apply").code == 3
    assert world.run("apply", env=HERE).code == 0
    world.declare(tunnel(1, **bgp(), description="x"))
    assert "missing-key" in world.run("apply").out


def test_what_is_ignored_or_outside_the_target_needs_no_key(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)), tunnel(2, **bgp(KEY)))
    world.account(ignore=[{"name": "t001", "fields": ["bgp.md5_key"], "reason": "x"}])
    world.declare(tunnel(1, **bgp(), description="x"), tunnel(2, **bgp()))
    ran = world.run("apply", "--auto-approve", "--target", "t001", "-o", "json")
    assert (ran.code, unread(ran.account), ran.account["ignored"]) == (0, [], [])
    assert world.bodies[-1]["ipsec_tunnels"][0]["bgp"]["md5_key"] == KEY
    assert world.run("apply", "--auto-approve").code == 3


def test_a_tunnel_to_create_needs_its_key_though_the_field_is_ignored(world: World) -> None:
    world.account(ignore=[{"name": "t001", "fields": ["bgp.md5_key"], "reason": "x"}])
    world.declare(tunnel(1, **bgp()))
    assert world.run("apply", "--auto-approve").code == 3
    assert world.run("apply", "--auto-approve", env=HERE).code == 0
    assert world.shown("t001")["bgp"]["md5_key"] == KEY


@pytest.mark.parametrize("semantics", ["replace", "merge"])
def test_apply_sets_the_key_and_proves_it(world: World, semantics: str) -> None:
    world.become(bulk_put=semantics)
    world.live(tunnel(1, **bgp(KEY)), tunnel(2))
    world.declare(tunnel(1, **bgp()), tunnel(2, **bgp()), tunnel(3, **bgp()))
    assert world.run("apply", "--auto-approve", env=OTHER).code == 0
    assert {world.shown(name)["bgp"]["md5_key"] for name in world.names()} == {"another-md5-key"}


def test_a_server_check_sends_what_was_observed_for_a_key_that_was_not_read(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)), tunnel(2))
    world.declare(tunnel(1, **bgp(), description="x"), tunnel(2, **bgp()), tunnel(3, **bgp()))
    ran = world.run("plan", "--server-check", "-o", "json")
    assert ran.code == 0
    one, two = world.bodies[0]["ipsec_tunnels"]
    sent = [t["bgp"] for t in (one, two, world.bodies[1])]
    assert [(b["customer_asn"], b.get("md5_key")) for b in sent] == [(65000, KEY), (65000, None), (65000, None)]


# Saved plans


def save(world: World, env: dict[str, str]) -> str:
    """A saved plan of an update that is not about the key, of BGP for a tunnel that had none, and of a create."""
    world.live(tunnel(1, **bgp(KEY)), tunnel(2), tunnel(4, **bgp(KEY)))
    world.declare(tunnel(1, **bgp(), description="x"), tunnel(2, **bgp()), tunnel(3, **bgp()), tunnel(4, **bgp()))
    assert world.run("plan", "--out", "plan.json", env=env).code == 0
    return str(json.loads(world.read("plan.json"))["accounts"][0]["digest"])


def test_a_plan_that_could_not_read_the_key_stands_while_the_key_does_not_differ(world: World) -> None:
    save(world, {})
    assert world.run("apply", "--plan", "plan.json", env=HERE).code == 0
    assert {world.shown(name)["bgp"]["md5_key"] for name in world.names()} == {KEY}


def test_the_plan_is_the_same_where_the_key_can_be_read_and_is_live(world: World) -> None:
    digest = save(world, {})
    assert world.run("plan", "-o", "json", env=HERE).account["digest"] == digest


def test_a_plan_that_could_not_read_the_key_is_refused_where_the_key_differs(world: World) -> None:
    save(world, {})
    ran = world.run("apply", "--plan", "plan.json", "-o", "json", env=OTHER)
    assert (ran.code, world.calls) == (6, ["GET"])
    why = "(its BGP MD5 key differs, which was not so, or could not be read, when the plan was made)"
    assert ran.json["diagnostics"][0]["summary"] == (
        f"the saved plan is not what would be done now: prod: bgp.md5_key of t001 is not what it was {why}; "
        f"prod: t004 would be changed now and was not before {why}"
    )


def test_a_missing_key_is_the_first_thing_that_a_saved_plan_lacks(world: World) -> None:
    save(world, OTHER)
    assert world.run("apply", "--plan", "plan.json").code == 3


def test_a_plan_that_sets_a_key_by_reference_is_refused_with_another_key(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp()))
    assert world.run("plan", "--out", "plan.json", env=OTHER).code == 0
    assert world.run("apply", "--plan", "plan.json", env={"LON_MD5": "a third"}).code == 6
    assert world.run("apply", "--plan", "plan.json", env=OTHER).code == 0


def test_a_saved_plan_holds_no_key(world: World) -> None:
    save(world, OTHER)
    assert "md5-key" not in world.read("plan.json")


# Beside other features


@pytest.mark.parametrize(
    ("then", "now", "env", "cause"),
    [
        (REF, REF, OTHER, "drift"),
        (KEY, REF, OTHER, "git"),
        ({"env": "OLD_MD5"}, REF, {**OTHER, "OLD_MD5": KEY}, "git"),
        ({"env": "OLD_MD5"}, REF, {**OTHER, "OLD_MD5": OTHER["LON_MD5"]}, "drift"),
        ("old", REF, OTHER, "both"),
    ],
)
def test_a_baseline_tells_who_changed_a_key(world: World, then: Any, now: Any, env: dict[str, str], cause: str) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp(then)))
    git(world)
    world.declare(tunnel(1, **bgp(now)))
    ran = world.run("plan", "--baseline", "HEAD", "-o", "json", env=env)
    assert [c["cause"] for c in ran.account["changes"]] == [cause]


@pytest.mark.parametrize("env", [{}, HERE, OTHER], ids=["unread", "equal", "other"])
def test_accepted_drift_keeps_the_reference(world: World, env: dict[str, str]) -> None:
    world.live(*(tunnel(n, **bgp(KEY), description="by hand") for n in (1, 2)), tunnel(3, **bgp(KEY)))
    world.account()
    lines = [
        f"  - name: t00{n}\n    cloudflare_endpoint: 203.0.113.1\n    customer_endpoint: 198.51.100.{n + 1}\n"
        f"    interface_address: 10.0.{n}.0/31\n    psk: external\n"
        f"    bgp:\n      customer_asn: 65000\n      md5_key: {{env: LON_MD5}}\n"
        for n in (1, 2, 3)
    ]
    world.write("tunnels/prod/a.yaml", "tunnels:\n" + "".join(lines))
    assert world.run("drift", "--patch", "drift.patch", env=env).code == 2
    subprocess.run(["git", "apply", "drift.patch"], cwd=world.root, check=True)  # noqa: S607
    assert world.read("tunnels/prod/a.yaml").count("md5_key: {env: LON_MD5}") == 3
    assert world.read("tunnels/prod/a.yaml").count("description: by hand") == 2
    assert world.run("drift", env=HERE).code == 0


def test_accepted_drift_takes_the_reference_away_with_the_key(world: World) -> None:
    world.live(tunnel(1, **bgp(None)))
    world.declare(tunnel(1, **bgp()))
    assert world.run("drift", "--patch", "drift.patch", env=HERE).code == 2
    subprocess.run(["git", "apply", "drift.patch"], cwd=world.root, check=True)  # noqa: S607
    assert "md5_key" not in world.read("tunnels/prod/a.yaml")


def test_a_key_command_gets_no_md5_key(world: World) -> None:
    tells = [sys.executable, "-c", "import os; print('with' if 'LON_MD5' in os.environ else 'without')"]
    world.declare(tunnel(1, **bgp(), psk={"command": tells}))
    assert world.run("apply", "--auto-approve", "--allow-commands", env=HERE).code == 0
    assert world.key("t001") == "without"


def test_a_key_file_is_no_file_of_tunnels_and_no_output_may_replace_it(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp({"file": "lon-a.yaml.key"})))
    world.write("tunnels/prod/lon-a.yaml.key", KEY, 0o600)
    assert world.run("plan", "--detailed-exitcode").code == 0
    world.declare(tunnel(1, **bgp({"file": "../../lon-a"})))
    world.write("lon-a", KEY, 0o600)
    ran = world.run("plan", "--out", "lon-a")
    assert (ran.code, world.read("lon-a")) == (64, KEY)


def test_validate_and_psk_read_no_md5_key(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp({"file": "nope"}), psk={"env": "PSK"}))
    assert world.run("validate", "--strict").code == 0
    assert world.run("psk", "status").code == 0
    assert world.run("psk", "set", "t001", "--auto-approve", env={"PSK": "a pre-shared key"}).code == 0


def test_a_saved_list_is_compared_with_the_keys_that_can_be_read(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp()))
    assert world.run("plan", "--save-live", "live.json").code == 0
    for env, code in ((HERE, 0), (OTHER, 2), ({}, 0)):
        assert world.bare("plan", "--live", "live.json", "--detailed-exitcode", env=env).code == code


def test_a_key_that_is_changed_by_hand_is_drift_only_where_it_can_be_read(world: World) -> None:
    world.live(tunnel(1, **bgp(KEY)))
    world.declare(tunnel(1, **bgp()))
    foreign_edit(world.sim, ID, "t001", {"bgp": {"customer_asn": 65000, "md5_key": "by hand"}})
    assert (world.run("drift").code, world.run("drift", env=HERE).code) == (0, 2)
