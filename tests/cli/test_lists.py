"""Lists that are odd and yet whole, and lists that are not: what the commands make of them."""

import json

import pytest

from reconciler.cli import apply
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests.cli.world import World, tunnel


def listed_with(world: World, **fields: dict[str, object]) -> None:
    """Put these fields into tunnels of the list."""

    def answer(sim: Simulator, request: Request) -> Reply:
        reply = sim.handle(request)
        if request.method != "GET":
            return reply
        document = json.loads(reply.body)
        document["result"]["ipsec_tunnels"] = [
            t | fields.get(t["name"], {}) for t in document["result"]["ipsec_tunnels"]
        ]
        return Reply(reply.status, reply.headers, json.dumps(document).encode())

    world.answer = answer


def test_an_account_that_is_listed_as_null_is_planned_saved_and_filled(world: World) -> None:
    world.become(empty_list="null")
    world.declare(tunnel(1))
    planned = world.run("plan", "--save-live", "live.json", "-o", "json")
    assert (planned.code, planned.json["summary"]["create"], world.calls) == (0, 1, ["GET", "GET"])
    assert planned.account["api_calls"]["list"] == 3
    (saved,) = json.loads(world.read("live.json"))["accounts"].values()
    assert saved == {"ipsec_tunnels": []}
    assert world.run("plan", "--live", "live.json", "-o", "json").json["summary"]["create"] == 1
    assert world.run("apply", "--auto-approve").code == 0
    assert list(world.names()) == ["t001"]


def test_the_last_tunnel_of_such_an_account_can_go(world: World) -> None:
    world.become(empty_list="null")
    world.live(tunnel(1))
    world.account(removed=["t001"])
    world.write("tunnels/prod/a.yaml", "tunnels: []\n")
    assert world.run("apply", "--auto-approve").code == 0
    assert world.names() == {}


def test_one_null_alone_is_not_an_empty_account(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    answers = iter([b'{"success": true, "errors": [], "messages": [], "result": {"ipsec_tunnels": null}}'])

    def answer(sim: Simulator, request: Request) -> Reply:
        body = next(answers, None)
        return sim.handle(request) if body is None else Reply(200, {}, body)

    world.answer = answer
    ran = world.run("plan", "-o", "json")
    assert (ran.code, ran.json["summary"]["unchanged"], ran.json["summary"]["create"]) == (0, 1, 0)


def test_null_after_the_plan_is_not_an_empty_account(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "LIST_LASTS", -1.0)
    world.live(tunnel(1))
    world.declare(tunnel(1, description="x"))

    seen: list[str] = []

    def answer(sim: Simulator, request: Request) -> Reply:
        seen.append(request.method)
        null = b'{"success": true, "errors": [], "messages": [], "result": {"ipsec_tunnels": null}}'
        return Reply(200, {}, null) if len(seen) > 1 else sim.handle(request)

    world.answer = answer
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, ran.account["error"]["code"]) == (1, "list-untrusted")
    assert seen == ["GET", "GET"]


def test_a_saved_list_of_null_is_not_trusted(world: World) -> None:
    world.declare(tunnel(1))
    world.write("live.json", '{"success": true, "result": {"ipsec_tunnels": null}}')
    ran = world.run("plan", "--live", "live.json")
    assert ran.code == 1
    assert "null where the list of tunnels belongs" in ran.out


@pytest.mark.parametrize(
    ("saved", "why"),
    [
        ('{"success": true, "result": {"ipsec_tunnels": [], "ipsec_tunnels": []}}', "has an object with the same key"),
        ('{"success": true, "result": {"ipsec_tunnels": [NaN]}}', "holds a number that JSON does not allow"),
        ('{"success": true, "result": ' + "[" * 70 + "]" * 70 + "}", "is nested too deeply"),
    ],
)
def test_a_saved_list_is_read_as_strictly_as_an_answer(world: World, saved: str, why: str) -> None:
    world.declare(tunnel(1))
    world.write("live.json", saved)
    ran = world.run("plan", "--live", "live.json")
    assert (ran.code, f"it {why}" in " ".join(ran.out.split())) == (1, True)


ODD = {"t001": {"bgp": {"customer_asn": ["key-zq9"]}}}


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_tunnel_that_cant_be_read_is_named_and_hides_no_other(world: World, command: str) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1), tunnel(2, description="x"))
    listed_with(world, **ODD)
    ran = world.run(command, "-o", "json")
    assert ran.code == 1
    assert [c["name"] for c in ran.account["changes"]] == ["t002"]
    assert ran.account["error"]["code"] == "unreadable-tunnel"
    assert ran.account["error"]["message"] == "t001: it can't be read: bgp.customer_asn is a list"
    assert "put the tunnel or that field under `ignore`" in ran.account["error"]["remedy"]
    assert ("t001", "it can't be read: bgp.customer_asn is a list") in [
        (left["name"], left["reason"]) for left in ran.account["not_checked"]
    ]
    assert "key-zq9" not in ran.out + ran.err


def test_a_field_that_is_somebody_elses_blocks_nothing_whatever_it_holds(world: World) -> None:
    world.live(tunnel(1, bgp={"customer_asn": 65010}))
    world.account(ignore=[{"name": "t*", "fields": ["bgp"], "reason": "theirs"}])
    world.declare(tunnel(1, bgp={"customer_asn": 65020}), tunnel(2))
    listed_with(world, **ODD)
    assert world.run("apply", "--auto-approve").code == 0
    assert world.calls == ["GET", "POST", "GET"]


@pytest.mark.parametrize("more", [[], ["--server-check"]])
def test_an_apply_carries_out_the_rest(world: World, more: list[str]) -> None:
    world.live(tunnel(1), tunnel(2), tunnel(3))
    world.account(removed=["t003"])
    world.declare(tunnel(1, description="x"), tunnel(2, description="x"))
    listed_with(world, **ODD)
    ran = world.run("apply", "--auto-approve", "-o", "json", *more)
    assert ran.code == 7
    assert {c["name"]: c["outcome"] for c in ran.account["changes"]} == {"t002": "applied", "t003": "applied"}
    assert ran.account["error"]["code"] == "unreadable-tunnel"
    assert sorted(world.names()) == ["t001", "t002"]
    again = world.run("apply", "--auto-approve")
    assert again.code == 1
    assert again.out.endswith("Apply failed: not every tunnel could be read; what is said of the others holds.\n")


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]], ids=lambda c: c[0])
def test_a_refused_change_does_not_hide_that_another_tunnel_cant_be_read(world: World, command: list[str]) -> None:
    world.become(coupler_integration=False)
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1), tunnel(2, automatic_return_routing=True))
    listed_with(world, **ODD)
    ran = world.run(*command, "--server-check", "-o", "json")
    assert (ran.code, ran.account["outcome"], ran.account["error"]["code"]) == (1, "error", "unreadable-tunnel")
    assert [c["check"] for c in ran.account["changes"]] == ["refused"]


def test_a_tunnel_that_would_be_deleted_stays_while_it_cant_be_read(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(2))
    listed_with(world, **ODD)
    assert world.run("apply", "--auto-approve").code == 1
    assert sorted(world.names()) == ["t001", "t002"]


@pytest.mark.parametrize("account", [{"prune": False}, {"ignore": [{"name": "t001", "reason": "theirs"}]}])
@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"], ["drift"]], ids=lambda c: c[0])
def test_it_blocks_nothing_where_it_is_nobodys_business(
    world: World, account: dict[str, object], command: list[str]
) -> None:
    world.live(tunnel(1), tunnel(2))
    world.account(**account)
    world.declare(tunnel(2))
    listed_with(world, **ODD)
    assert world.run(*command).code == 0


def test_import_ignores_it_and_says_why(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    listed_with(world, **ODD)
    world.run("import", "--account", "new", "--account-id", "023e105f4ecef8ad9ca31a8372d0c353")
    assert "can''t be declared: bgp.customer_asn is a list" in world.read("tunnels/new/account.yaml")
    assert world.run("plan").code == 0


def test_a_number_in_quotes_is_no_difference(world: World) -> None:
    world.live(tunnel(1, bgp={"customer_asn": 65010}))
    world.declare(tunnel(1, bgp={"customer_asn": 65010}))
    listed_with(world, t001={"bgp": {"customer_asn": "65010"}})
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_doubles_are_named_with_what_to_do(world: World) -> None:
    world.become(names_unique=False)
    ids = world.live(tunnel(1), tunnel(2, name="t001"))
    world.declare(tunnel(1))
    ran = world.run("plan", "-o", "json")
    assert (ran.code, ran.account["error"]["code"]) == (1, "list-untrusted")
    assert ran.account["error"]["message"] == f'2 tunnels have the name "t001" (ids {ids[0]}, {ids[1]})'
    assert ran.account["error"]["remedy"].startswith("Rename or delete all but one of them by hand")


@pytest.mark.parametrize("switches", ["unset_object=zero", "unset=explicit", "names=nfc,text=trimmed"])
def test_what_a_server_makes_of_values_is_no_update_for_ever(world: World, switches: str) -> None:
    world.sim.semantics = Semantics.parse(switches)
    world.declare(
        tunnel(1, name="cafe\u0301", description="London\n"), tunnel(2, bgp={"customer_asn": 65010}), tunnel(3)
    )
    assert world.run("apply", "--auto-approve").code == 0
    assert world.run("plan", "--detailed-exitcode").code == 0
    world.declare(tunnel(1, name="caf\xe9", description="x"), tunnel(2), tunnel(3, bgp={"customer_asn": 0}))
    world.become(single_put="replace", bulk_put="replace", unset_object="zero")
    assert world.run("apply", "--auto-approve").code == 0
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_names_in_account_yaml_and_options_mean_the_same_in_any_form(world: World) -> None:
    world.live(tunnel(1, name="caf\xe9"), tunnel(2, name="th\xe9"), tunnel(3, name="ol\xe9"))
    world.account(removed=["cafe\u0301"], protect=["the\u0301"], ignore=[{"name": "ole\u0301*", "reason": "theirs"}])
    world.declare(tunnel(2, name="the\u0301"))
    ran = world.run("plan", "--target", "cafe\u0301", "--allow-delete", "cafe\u0301", "-o", "json")
    assert (ran.code, [(c["action"], c["name"]) for c in ran.account["changes"]]) == (0, [("delete", "caf\xe9")])
    assert {d["code"] for d in ran.json["diagnostics"]} == {"odd-name"}


def test_a_name_that_cloudflare_keeps_in_another_form_is_told(world: World) -> None:
    world.become(names="lower")
    world.declare(tunnel(1, name="Lon"))
    ran = world.run("apply", "--auto-approve", "-o", "json")
    (change,) = ran.account["changes"]
    assert (ran.code, change["error"]["code"]) == (7, "name-changed")
    assert change["error"]["remedy"].startswith("Cloudflare seems to keep names in another form: write `name: lon` at")
    assert "somebody else" not in ran.out
    again = world.run("plan", "-o", "json")
    assert (again.code, again.account["guards"][0]["code"]) == (5, "probable-rename")
    assert "Cloudflare keeps it so: write `name: lon`" in again.account["guards"][0]["remedy"]


def test_a_tunnel_in_sync_and_down_is_a_warning_and_never_drift(world: World) -> None:
    bgp = {"bgp": {"customer_asn": 65010}}
    world.live(tunnel(1, **bgp), tunnel(2, **bgp))
    world.declare(tunnel(1, **bgp), tunnel(2, **bgp))
    listed_with(
        world,
        t001={"bgp_status": {"state": "BGP_UP"}},
        t002={"bgp_status": {"state": "BGP_DOWN", "updated_at": "2026-05-04T08:00:00Z"}},
    )
    ran = world.run("drift", "-o", "json")
    assert (ran.code, ran.account["drifted"], ran.account["unchanged"]) == (0, 0, 2)
    assert [(one["name"], one["since"]) for one in ran.account["down"]] == [("t002", "2026-05-04T08:00:00Z")]
    assert [(one["severity"], one["code"]) for one in ran.json["diagnostics"]] == [("warning", "in-sync-and-down")]
    assert world.run("plan", "--strict").code == 0
