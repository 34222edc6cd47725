import json
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.cli.world import ID, OTHER_ID, World, tunnel
from tests.strangers import foreign_edit


def saved(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, description="x"), tunnel(2), tunnel(3))
    assert world.run("plan", "--out", "plan.json").code == 0


def refused(world: World, *argv: str) -> str:
    ran = world.run("apply", "--plan", "plan.json", "-o", "json", *argv)
    assert (ran.code, ran.json["outcome"]) == (6, "plan_changed")
    assert set(world.calls) <= {"GET"}
    return " ".join(d["summary"] for d in ran.json["diagnostics"])


def test_an_equal_plan_is_carried_out_without_asking(world: World) -> None:
    saved(world)
    assert world.run("apply", "--plan", "plan.json").code == 0
    assert sorted(world.calls) == ["GET", "GET", "POST", "PUT"]
    assert "already carried out" in refused(world)


def test_a_foreign_edit(world: World) -> None:
    saved(world)
    foreign_edit(world.sim, ID, "t001", {"customer_endpoint": "192.0.2.99"})
    assert "t001" in refused(world)


def test_a_foreign_edit_elsewhere_matters_only_when_it_makes_a_change(world: World) -> None:
    saved(world)
    foreign_edit(world.sim, ID, "t002", {"description": "drift"})
    assert "t002" in refused(world)


def test_an_edit_of_the_files(world: World) -> None:
    saved(world)
    world.declare(tunnel(1, description="y"), tunnel(2), tunnel(3))
    assert "t001" in refused(world)


def test_what_differs_is_one_error_in_order_of_name(world: World) -> None:
    world.live(*(tunnel(n) for n in range(13)))
    world.declare(*(tunnel(n, description="x") for n in range(13)))
    assert world.run("plan", "--out", "plan.json").code == 0
    world.declare(*(tunnel(n, description="y") for n in range(13)))
    differing = "; ".join(f"prod: description of t{n:03} is not what it was" for n in range(10))
    assert refused(world) == f"the saved plan is not what would be done now: {differing}; and 3 more"


def test_a_plan_of_some_tunnels_must_be_carried_out_as_one(world: World) -> None:
    world.declare(tunnel(1), tunnel(2))
    assert world.run("plan", "--out", "plan.json", "--target", "t001").code == 0
    ran = world.run("apply", "--plan", "plan.json", "-o", "json")
    (problem,) = ran.json["diagnostics"]
    said = "What chooses (--account, --target, --no-delete) must be given as it was for that plan. Nothing was written."
    assert (ran.code, problem["detail"].startswith(said)) == (6, True)
    assert problem["summary"] == (
        "the saved plan is not what would be done now: it was made with --target t001; "
        "prod: t002 would be changed now and was not before"
    )
    assert world.run("apply", "--plan", "plan.json", "--target", "t001").code == 0


def test_a_plan_of_some_tunnels_is_the_same_where_there_are_no_others_to_change(world: World) -> None:
    world.live(tunnel(2))
    world.declare(tunnel(1), tunnel(2))
    assert world.run("plan", "--out", "plan.json", "--target", "t001").code == 0
    assert world.run("apply", "--plan", "plan.json").code == 0


KEYED = tunnel(2, bgp={"customer_asn": 65000, "md5_key": {"env": "LON_MD5"}})
LIVE = KEYED | {"bgp": {"customer_asn": 65000, "md5_key": "live-md5-key"}}


def test_a_plan_of_other_tunnels_is_refused_before_their_keys_are_asked_for(world: World) -> None:
    world.live(LIVE)
    world.declare(tunnel(1), KEYED)
    assert world.run("plan", "--out", "plan.json", "--target", "t001").code == 0
    assert refused(world) == "the saved plan is not what would be done now: it was made with --target t001"


def test_a_plan_of_another_account_is_refused_before_the_keys_of_this_one_are_asked_for(world: World) -> None:
    world.live(LIVE, account=OTHER_ID)
    world.declare(tunnel(1))
    world.account("lab", account_id=OTHER_ID)
    world.declare(KEYED, file="lab/a.yaml")
    assert world.run("plan", "--out", "plan.json", "--account", "prod").code == 0
    assert refused(world) == "the saved plan is not what would be done now: account lab is not in the saved plan"


def test_moved_lines_and_read_only_facts_change_nothing(world: World) -> None:
    saved(world)
    world.write("tunnels/prod/a.yaml", "# a comment\n\n" + world.read("tunnels/prod/a.yaml"))
    assert world.run("apply", "--plan", "plan.json").code == 0


def test_another_set_of_accounts(world: World) -> None:
    saved(world)
    world.account("lab", account_id=OTHER_ID)
    world.declare(tunnel(1), file="lab/a.yaml")
    assert "account lab is not in the saved plan" in refused(world)
    assert world.run("apply", "--plan", "plan.json", "--account", "prod").code == 0


def test_another_base_url(world: World) -> None:
    saved(world)
    ran = world.bare("apply", "--plan", "plan.json", "--sandbox")
    assert ran.code == 6


def forge(change: Callable[[dict], object]) -> Callable[[str], str]:
    def forged(text: str) -> str:
        document = json.loads(text)
        change(document)
        return json.dumps(document)

    return forged


FORGED: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "cut": lambda text: text[: len(text) // 2],
    "no json": lambda _: "yes\n",
    "null": lambda _: "null",
    "list": lambda _: "[]",
    "deep": lambda _: "[" * 100_000,
    "version": forge(lambda d: d.update(format_version="2.0")),
    "kind": forge(lambda d: d.update(kind="other")),
    "no accounts": forge(lambda d: d.update(accounts=[])),
    "twice": forge(lambda d: d["accounts"].append(d["accounts"][0])),
    "digest": forge(lambda d: d["accounts"][0].update(digest="sha256:" + "0" * 64)),
    "no digest": forge(lambda d: d["accounts"][0].pop("digest")),
    "null digest": forge(lambda d: d["accounts"][0].update(digest=None)),
    "changes of another type": forge(lambda d: d["accounts"][0].update(digest="x", changes={"a": 1})),
    "an item of another type": forge(lambda d: d["accounts"][0].update(digest="x", changes=[7])),
    "name of another type": forge(lambda d: d["accounts"][0].update(account=["prod"])),
    "account": forge(lambda d: d["accounts"][0].update(account="lab")),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_or_broken_file_is_refused(world: World, how: str) -> None:
    saved(world)
    world.write("plan.json", FORGED[how](world.read("plan.json")))
    refused(world)


def test_forged_changes_with_the_right_digest_are_refused(world: World) -> None:
    saved(world)
    more = forge(lambda d: d["accounts"][0].update(changes=[{"action": "delete", "name": "t002"}]))
    world.write("plan.json", more(world.read("plan.json")))
    refused(world)


def test_a_missing_file(world: World) -> None:
    saved(world)
    (world.root / "plan.json").unlink()
    assert world.run("apply", "--plan", "plan.json").code == 64
    assert world.calls == []


def test_guards_hold_for_a_saved_plan(world: World) -> None:
    world.live(*(tunnel(n) for n in range(20)))
    world.declare(*(tunnel(n) for n in range(4, 20)))
    names = [part for n in range(4) for part in ("--allow-delete", f"t{n:03}")]
    assert world.run("plan", "--out", "plan.json", *names).code == 0
    assert world.run("apply", "--plan", "plan.json").code == 5
    assert world.calls == ["GET", "ROUTES"]
    assert world.run("apply", "--plan", "plan.json", *names).code == 0


def test_offline_plans(world: World) -> None:
    world.live(tunnel(1, bgp={"customer_asn": 65000, "md5_key": "secret md key"}), tunnel(2))
    world.declare(tunnel(1, description="x"), tunnel(2), tunnel(3))
    online = world.run("plan", "--save-live", "live.json", "-o", "json")
    assert (world.root / "live.json").stat().st_mode & 0o777 == 0o600
    offline = world.bare("plan", "--live", "live.json", "-o", "json", env={"CLOUDFLARE_API_TOKEN": None})
    assert world.calls == []
    mine, theirs = offline.json, online.json
    for report in (mine, theirs):
        report["accounts"][0].pop("digest")
    assert mine == theirs


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "null",
        '{"kind":"saved-live","format_version":"9","accounts":{}}',
        '{"kind":"saved-live","format_version":"1.0","accounts":{}}',
        f'{{"kind":"saved-live","format_version":"1.0","accounts":{{"{ID}":null}}}}',
        f'{{"kind":"saved-live","format_version":"1.0","accounts":{{"{ID}":{{"ipsec_tunnels":[{{}}]}}}}}}',
        "[" * 100_000,
    ],
    ids=range(8),
)
def test_a_saved_list_is_trusted_only_when_it_is_whole(world: World, content: str) -> None:
    world.declare(tunnel(1))
    world.write("live.json", content)
    ran = world.bare("plan", "--live", "live.json")
    assert ran.code == 1
    assert "live.json" in ran.out


# the server check


def test_a_server_check_persists_nothing(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, description="x"), tunnel(3, psk={"env": "KEY"}))
    before = world.sim.snapshot()["accounts"]
    ran = world.run("plan", "--server-check", "-o", "json")
    assert ran.code == 0
    assert world.calls == ["GET", "ROUTES", "PUT?", "POST?", "GET"]
    assert {c["name"]: c["check"] for c in ran.account["changes"]} == {
        "t001": "accepted",
        "t002": "not checked",
        "t003": "accepted",
    }
    assert "psk" not in json.dumps(world.bodies)
    assert world.sim.snapshot()["accounts"] == before


def test_what_the_server_refuses_has_a_file_and_a_line(world: World) -> None:
    world.become(coupler_integration=False)
    world.live(tunnel(1), tunnel(2), tunnel(3))
    changed = [tunnel(n, description="x") for n in (1, 3)]
    world.declare(changed[0], tunnel(2, automatic_return_routing=True), changed[1])
    for command in (["plan"], ["apply", "--auto-approve"]):
        ran = world.run(*command, "--server-check", "-o", "json")
        assert (ran.code, ran.json["outcome"]) == (4, "rejected")
        (wrong,) = [c for c in ran.account["changes"] if c["check"] == "refused"]
        assert wrong["source"] == {"file": "tunnels/prod/a.yaml", "line": 3}
        assert wrong["error"]["code"] == "1022"
        assert "PUT" not in world.calls
    assert "description" not in world.shown("t001")
    text = world.run("plan", "--server-check").out
    assert "tunnels/prod/a.yaml:3" in text
    assert "automatic_return_routing" in text


def test_an_apply_checks_before_its_first_write(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, description="x"))
    assert world.run("apply", "--server-check", "--auto-approve").code == 0
    assert world.calls == ["GET", "PUT?", "GET", "PUT", "GET"]


def test_a_token_that_may_only_read_checks_nothing(world: World) -> None:
    from tests.cli.world import TOKEN

    world.become(tokens={TOKEN: "read"})
    world.live(tunnel(1))
    world.declare(tunnel(1, description="x"), tunnel(2))
    ran = world.run("plan", "--server-check", "-o", "json")
    assert ran.code == 0
    assert {c["check"] for c in ran.account["changes"]} == {"not checked"}
    assert {n["name"] for n in ran.account["not_checked"]} == {"t001", "t002"}


def test_what_is_only_valid_as_a_whole_is_not_refused(world: World) -> None:
    world.live(tunnel(1), tunnel(2), tunnel(3))
    one, two, three = (tunnel(n)["interface_address"] for n in (1, 2, 3))
    world.account(removed=["t003"])
    swapped = [tunnel(1, interface_address=two), tunnel(2, interface_address=one)]
    world.declare(*swapped, tunnel(4, interface_address=three))
    ran = world.run("plan", "--server-check", "-o", "json")
    assert ran.code == 0, ran.out
    assert {c["check"] for c in ran.account["changes"]} == {"not checked"}


def test_somebody_who_writes_during_the_check_is_noticed(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, description="x"))

    def answer(sim, request):
        if request.method == "PUT":
            foreign_edit(sim, ID, "t001", {"customer_endpoint": "192.0.2.99"})
        return sim.handle(request)

    world.answer = answer
    ran = world.run("plan", "--server-check", "-o", "json")
    assert (ran.code, ran.account["error"]["code"]) == (1, "moved")


# the same bytes


def test_a_plan_is_the_same_bytes_whatever_surrounds_it(world: World) -> None:
    declared = [tunnel(n, description="é x", bgp={"customer_asn": 65000 + n}) for n in range(6)]
    live = [tunnel(n) for n in range(8)]
    seen = set()
    around = [
        ("0", "UTC", "C", [0, 1, 2], "insertion"),
        ("1", "Asia/Tokyo", "C.UTF-8", [2, 1, 0], "reverse"),
        ("77", "America/New_York", "POSIX", [1, 2, 0], "name"),
    ]
    world.live(*live)
    for seed, zone, locale, order, listing in around:
        world.become(order=listing)
        parts = [declared[:2], declared[2:4], declared[4:]]
        for name, i in zip("abc", order, strict=True):
            world.declare(*parts[i], file=f"prod/{name}.yaml")
        env = world.child() | {"PYTHONHASHSEED": seed, "TZ": zone, "LANG": locale, "LC_ALL": locale}
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "reconciler", "plan", "--base-url", world.base_url, "-o", "json"],
            cwd=world.root,
            env=env,
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0
        report = json.loads(ran.stdout)
        for change in report["accounts"][0]["changes"]:
            change["source"] = None
        seen.add(json.dumps(report))
    assert len(seen) == 1


def test_a_plan_is_the_same_bytes_twice(world: World) -> None:
    world.live(*(tunnel(n) for n in range(8)))
    world.declare(*(tunnel(n, description="é", bgp={"customer_asn": 65000 + n}) for n in range(6)), tunnel(20))
    command = [sys.executable, "-m", "reconciler", "plan", "--base-url", world.base_url, "-o", "text"]
    command += [part for form in ("json", "markdown", "html", "github") for part in ("-o", f"{form}={form}")]
    seen = set()
    around = [("UTC", "C", "reverse"), ("Asia/Tokyo", "C.UTF-8", "shuffled")]
    for i, (zone, locale, listing) in enumerate(around):
        world.become(order=listing)
        os.utime(world.root / "tunnels/prod/a.yaml", (i, i))
        env = world.child() | {"PYTHONHASHSEED": str(i), "TZ": zone, "LANG": locale, "LC_ALL": locale}
        env |= {"PYTHONIOENCODING": "latin-1"} if i else {}
        ran = subprocess.run(command, cwd=world.root, env=env, capture_output=True, check=False)  # noqa: S603
        assert ran.returncode == 0, ran.stderr
        files = [(world.root / form).read_text() for form in ("json", "markdown", "github", "html")]
        files[-1] = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC · ", "", files[-1])  # the page says when it was made
        seen.add((ran.stdout, *files))
    assert len(seen) == 1


def test_a_plan_that_is_carried_out_already_is_told_so_once(world: World) -> None:
    old = {"customer_asn": 65000, "extra_prefixes": ["10.8.0.0/16"]}
    world.live(*(tunnel(n, bgp=old) for n in range(8)))
    bgp = {"customer_asn": 65001, "extra_prefixes": ["10.9.0.0/16", "10.7.0.0/16"]}
    world.declare(*(tunnel(n, description="x", bgp=bgp) for n in range(6)), tunnel(6, bgp=old), tunnel(9, bgp=bgp))
    assert world.run("plan", "--out", "plan.json").code == 0
    assert world.run("apply", "--plan", "plan.json").code == 0
    ran = world.run("apply", "--plan", "plan.json", "-o", "json")
    assert (ran.code, world.calls) == (6, ["GET"])
    assert [(d["code"], d["summary"]) for d in ran.json["diagnostics"]] == [
        ("already-carried-out", "the saved plan is already carried out: live is as the plan wanted")
    ]
    text = world.run("apply", "--plan", "plan.json").out
    assert (text.count("already carried out"), text.splitlines()[-1]) == (
        1,
        "Apply stopped (plan_changed): nothing was written.",
    )


@pytest.mark.parametrize(
    "undo",
    [
        lambda world: foreign_edit(world.sim, ID, "t001", {"description": "y"}),
        lambda world: world.declare(tunnel(1, description="z"), tunnel(2), tunnel(3)),
    ],
    ids=["live is something else", "the files want something else"],
)
def test_a_plan_that_is_no_longer_live_is_not_called_carried_out(world: World, undo: Callable[[World], object]) -> None:
    saved(world)
    assert world.run("apply", "--plan", "plan.json").code == 0
    undo(world)
    assert "already" not in refused(world)


def test_a_plan_that_the_files_took_back_is_not_called_carried_out(world: World) -> None:
    saved(world)
    world.declare(tunnel(1), tunnel(2))
    assert "already" not in refused(world)


def test_a_saved_plan_of_some_tunnels_says_so(world: World) -> None:
    world.declare(tunnel(1), tunnel(2))
    assert world.run("plan", "--out", "plan.json", "--target", "t00[1]").code == 0
    assert "note: Made with --target 't00[1]'; give it to apply too.\n" in world.run("show", "--plan", "plan.json").out


def test_a_saved_plan_is_shown(world: World) -> None:
    world.become(routes="absent")
    world.live(tunnel(1), tunnel(2), tunnel(4, bgp={"customer_asn": 65000, "md5_key": "s3cret"}))
    world.declare(tunnel(1, description="x"), tunnel(3), tunnel(4, bgp={"customer_asn": 65000, "md5_key": "other"}))
    planned = world.run("plan", "--out", "plan.json", "--allow-delete", "t002", "-o", "json")
    found = world.run("show", "--plan", "plan.json", "-o", "json", env={"CLOUDFLARE_API_TOKEN": None})
    assert (found.code, found.json["command"], found.json["summary"]["delete"], world.calls) == (0, "show", 1, [])
    keys = ("action", "name", "previous_name", "id", "impact", "fields", "source", "psk")
    assert [[c.get(k) for k in keys] for c in found.account["changes"]] == [
        [c.get(k) for k in keys] for c in planned.account["changes"]
    ]
    assert [c.get("psk") for c in found.account["changes"]] == [None, None, "external", None]
    assert found.account["notes"] == [f"For the API at {world.base_url}.", *planned.account["notes"]]
    assert len(planned.account["notes"]) == 1
    assert found.account["digest"] == planned.account["digest"]
    text = world.run("show", "--plan", "plan.json").out
    assert text.splitlines()[-2:] == [
        "Not in a saved plan: guards, warnings and what is left alone. Apply judges them anew.",
        "Saved plan: 1 to create, 2 to update, 1 to delete.",
    ]
    assert f"For the API at {world.base_url}." in text
    assert "s3cret" not in text
    assert "🔴 Tunnel saved plan: 1 to create" in world.run("show", "--plan", "plan.json", "-o", "markdown").out
    assert "Tunnel saved plan" in world.run("show", "--plan", "plan.json", "-o", "html").out


def test_what_an_earlier_version_saved_is_shown_and_carried_out(world: World) -> None:
    saved(world)
    document = json.loads(world.read("plan.json"))
    for account in document["accounts"]:
        del account["notes"]
        for change in account["changes"]:
            del change["psk"], change["source"]
    world.write("plan.json", json.dumps(document))
    earlier = "  note: An earlier version saved it: notes, places and where keys come from are not in the file.\n"
    assert earlier in world.run("show", "--plan", "plan.json").out
    assert world.run("apply", "--plan", "plan.json").code == 0


@pytest.mark.parametrize("content", ["", "{}", "null", "[" * 100_000, '{"kind": "saved-plan", "accounts": 1}'])
def test_what_is_no_saved_plan_is_not_shown_and_no_reason_to_call(world: World, content: str) -> None:
    world.write("plan.json", content)
    ran = world.bare("show", "--plan", "plan.json", "-o", "json")
    assert (ran.code, [d["code"] for d in ran.json["diagnostics"]]) == (1, ["saved-plan"])
    assert "Not in a saved plan" not in world.bare("show", "--plan", "plan.json").out
    world.declare(tunnel(1))
    refused = world.run("apply", "--plan", "plan.json", "-o", "json")
    assert (refused.code, [d["code"] for d in refused.json["diagnostics"]]) == (6, ["saved-plan"])
    assert world.calls == []
