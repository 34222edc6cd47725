import json

import pytest

from reconciler.simulator.faults import FaultKind, apply_fault
from reconciler.simulator.message import failure
from reconciler.simulator.server import Simulator
from tests.cli.world import ID, OTHER_ID, TOKEN, World, tunnel


def estate(world: World) -> None:
    """50 live tunnels, of which files change 5 and leave 2 out; 2 are new."""
    world.live(*(tunnel(n) for n in range(50)))
    changed = [tunnel(n, description="changed") for n in range(5)]
    world.declare(*changed, *(tunnel(n) for n in range(5, 48)), tunnel(60), tunnel(61))


def test_the_plan_counts_what_changes(world: World) -> None:
    estate(world)
    ran = world.run("plan")
    assert ran.code == 0
    assert "Plan: 2 to create, 5 to update, 2 to delete." in ran.out
    assert "2 lists, 1 route list, 1 bulk update, 2 creates, 2 deletes" in ran.out
    assert world.calls == ["GET", "ROUTES"]


def test_apply_makes_the_calls_that_the_plan_stated(world: World) -> None:
    estate(world)
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert ran.code == 0
    assert [c["outcome"] for c in ran.account["changes"]] == ["applied"] * 9
    assert sorted(world.calls) == ["DELETE", "DELETE", "GET", "GET", "POST", "POST", "PUT", "ROUTES"]
    assert world.calls[0] == world.calls[-1] == "GET"
    assert len(world.names()) == 50


def test_a_second_apply_only_reads(world: World) -> None:
    estate(world)
    world.run("apply", "--auto-approve")
    assert world.run("apply").code == 0
    assert world.calls == ["GET"]
    assert "No changes. Live tunnels match the files." in world.run("plan").out


def test_500_updates_are_5_bulk_calls(world: World) -> None:
    world.live(*(tunnel(n) for n in range(500)))
    world.declare(*(tunnel(n, description="x") for n in range(500)))
    assert world.run("apply", "--auto-approve").code == 0
    assert world.calls == ["GET", "PUT", "PUT", "PUT", "PUT", "PUT", "GET"]
    assert [len(b["ipsec_tunnels"]) for b in world.bodies] == [100] * 5


@pytest.mark.parametrize("status", [413, 400])
def test_a_server_that_takes_30_items_still_converges(world: World, status: int) -> None:
    world.become(bulk_limit=30, bulk_limit_status=status)
    world.live(*(tunnel(n) for n in range(200)))
    world.declare(*(tunnel(n, description="x") for n in range(200)))
    assert world.run("apply", "--auto-approve").code == 0
    assert {t["description"] for t in world.sim.account(ID).tunnels.values()} == {"x"}


def test_the_batch_size_is_obeyed(world: World) -> None:
    world.live(*(tunnel(n) for n in range(7)))
    world.declare(*(tunnel(n, description="x") for n in range(7)))
    assert world.run("apply", "--auto-approve", "--batch-size", "3").code == 0
    assert [len(b["ipsec_tunnels"]) for b in world.bodies] == [3, 3, 1]


@pytest.mark.parametrize("put", ["merge", "replace"])
def test_unknown_fields_go_with_the_update(world: World, put: str) -> None:
    world.become(bulk_put=put, single_put=put, server_fields=True)
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, description="x"), tunnel(2))
    assert world.run("apply", "--auto-approve").code == 0
    assert world.bodies[0]["ipsec_tunnels"][0]["x_new_field"] == {"mode": "auto", "weight": 3}
    assert world.shown("t001")["x_new_field"] == {"mode": "auto", "weight": 3}
    assert world.shown("t001")["health_check"]["x_jitter"] == 7


FULL = {
    "description": "text",
    "interface_address6": "2606:54c1:7:0:a9fe:12d2:1:200/127",
    "custom_remote_identities": {"fqdn_id": "lon-a.12345.custom.ipsec.cloudflare.com"},
    "replay_protection": True,
    "automatic_return_routing": True,
    "health_check": {"rate": "high", "enabled": False, "type": "request", "target": {"saved": "192.0.2.10"}},
}


@pytest.mark.parametrize("put", ["merge", "replace"])
@pytest.mark.parametrize("field", FULL)
def test_a_line_taken_out_of_yaml_is_taken_out_live(world: World, field: str, put: str) -> None:
    world.become(bulk_put=put, single_put=put)
    world.live(tunnel(1, **FULL), tunnel(2))
    world.declare(tunnel(1, **{k: v for k, v in FULL.items() if k != field}), tunnel(2))
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert ran.code == 0, ran.out
    assert world.calls == ["GET", *(["ROUTES"] if field == "interface_address6" else []), "PUT", "GET"]
    now = world.shown("t001")
    default = {"enabled": True, "rate": "mid", "type": "reply", "target": ""}
    assert now.get(field, "") in ("", False) or {k: now[field][k] for k in default} == default


@pytest.mark.parametrize("argv", [["plan"], ["drift"], ["apply", "--auto-approve"]], ids=lambda argv: argv[0])
def test_every_format_says_that_bgp_may_not_be_possible_to_remove(world: World, argv: list[str]) -> None:
    world.become(bulk_put="replace")
    world.live(tunnel(1, bgp={"customer_asn": 65000}))
    world.declare(tunnel(1))
    (world.root / "out").mkdir()
    files = [part for name in ("text", "markdown", "html", "json") for part in ("-o", f"{name}=out/{name}")]
    assert world.run(*argv, *files).code == (2 if argv == ["drift"] else 0)
    for name in ("text", "markdown", "html", "json"):
        assert "Removing bgp may not be possible" in world.read(f"out/{name}")


def test_bgp_goes_on_a_server_that_replaces(world: World) -> None:
    world.become(bulk_put="replace")
    world.live(tunnel(1, bgp={"customer_asn": 65000}))
    world.declare(tunnel(1))
    assert world.run("apply", "--auto-approve").code == 0
    assert "bgp" not in world.shown("t001")


def test_bgp_that_a_merging_server_keeps_is_a_failure(world: World) -> None:
    world.live(tunnel(1, bgp={"customer_asn": 65000, "md5_key": "secret md key"}))
    world.declare(tunnel(1, description="so that the list shows at once that it was written"))
    ran = world.run("apply", "--auto-approve", "-o", "json")
    (change,) = ran.account["changes"]
    assert (ran.code, ran.json["outcome"]) == (7, "partial")
    assert (change["outcome"], change["error"]["code"]) == ("failed", "not-cleared")
    assert "by hand" in change["error"]["remedy"]


def test_no_token(world: World) -> None:
    world.declare(tunnel(1))
    ran = world.run("plan", env={"CLOUDFLARE_API_TOKEN": None})
    assert ran.code == 9
    assert "CLOUDFLARE_API_TOKEN is not set" in ran.out
    assert world.calls == []


def test_every_missing_token_is_named(world: World) -> None:
    world.account("a", token={"env": "TOKEN_A"})
    world.account("b", token={"env": "TOKEN_B"}, account_id=OTHER_ID)
    world.declare(tunnel(1), file="a/x.yaml")
    world.declare(tunnel(2), file="b/x.yaml")
    ran = world.run("plan")
    assert ran.code == 9
    assert "TOKEN_A is not set. Account a needs it." in ran.out
    assert "TOKEN_B is not set. Account b needs it." in ran.out


@pytest.mark.parametrize("kind", [FaultKind.S401, FaultKind.S403])
@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"], ["drift"], ["import"], ["psk", "status"]])
def test_a_refused_token(world: World, kind: FaultKind, command: list[str]) -> None:
    world.declare(tunnel(1))
    world.answer = lambda sim, request: apply_fault(kind, sim, request)
    ran = world.run(*command)
    assert ran.code == 9
    assert "simulated answer" in ran.out
    assert "permission" in ran.out
    assert world.calls == ["GET"]


def test_a_token_that_may_only_read(world: World) -> None:
    world.become(tokens={TOKEN: "read"})
    world.declare(tunnel(1))
    assert world.run("plan").code == 0
    ran = world.run("apply", "--auto-approve")
    assert ran.code == 9
    assert world.names() == {}


def test_invalid_files_are_reported_before_any_call(world: World) -> None:
    world.declare(tunnel(1, interface_address="10.0.0.0/24"), tunnel(2, nmae="x"))
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"], ["drift"]):
        ran = world.run(*command)
        assert ran.code == 3
        assert "tunnels/prod/a.yaml:2:" in ran.out
        assert "tunnels/prod/a.yaml:3:" in ran.out
        assert world.calls == []


def test_nobody_approved(world: World) -> None:
    world.declare(tunnel(1))
    ran = world.run("apply", "-o", "json", stdin="yes\n")
    assert (ran.code, ran.json["outcome"]) == (5, "blocked")
    assert [c["name"] for c in ran.account["changes"]] == ["t001"]
    assert "nobody approved" in ran.json["diagnostics"][0]["summary"]
    assert world.calls == ["GET"]


UNWHOLE = [
    FaultKind.NULL_RESULT,
    FaultKind.SUCCESS_FALSE,
    FaultKind.SUCCESS_WITH_ERRORS,
    FaultKind.MISSING_FIELD,
    FaultKind.WRONG_TYPE,
    FaultKind.DUPLICATE_ID,
    FaultKind.DUPLICATE_NAME,
    FaultKind.LYING_PAGINATION,
    FaultKind.HTML_200,
    FaultKind.EMPTY_200,
    FaultKind.EMPTY_204,
    FaultKind.MALFORMED,
    FaultKind.NOT_UTF8,
    FaultKind.TRUNCATED,
    FaultKind.NAN,
    FaultKind.DEEP_JSON,
    FaultKind.REDIRECT,
    FaultKind.S404,
    FaultKind.S500_BEFORE,
    FaultKind.RESET_BEFORE,
]


@pytest.mark.parametrize("kind", UNWHOLE)
@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]], ids=lambda c: c[0])
def test_a_list_that_is_not_whole_stops_everything(world: World, kind: FaultKind, command: list[str]) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, description="x"))
    world.answer = lambda sim, request: apply_fault(kind, sim, request)
    ran = world.run(*command, "-o", "json", "--timeout", "0.3")
    assert (ran.code, ran.json["outcome"]) == (1, "error")
    assert ran.account["error"]["message"]
    assert ran.account["changes"] == []
    assert set(world.calls) == {"GET"}


def test_a_field_that_the_server_refuses_is_named_with_its_line(world: World) -> None:
    world.become(coupler_integration=False)
    world.declare(tunnel(1), tunnel(2, automatic_return_routing=True))
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert ran.code == 7
    by_name = {c["name"]: c for c in ran.account["changes"]}
    assert by_name["t001"]["outcome"] == "applied"
    assert by_name["t002"]["outcome"] == "failed"
    assert by_name["t002"]["source"] == {"file": "tunnels/prod/a.yaml", "line": 3}
    assert by_name["t002"]["error"]["code"] == "1022"


def test_outputs_stay_parseable_when_an_apply_fails(world: World) -> None:
    world.declare(tunnel(1))

    def answer(sim: Simulator, request):
        return failure(400, 1022, "no\x1b[31m <b>") if request.method == "POST" else sim.handle(request)

    world.answer = answer
    ran = world.run("apply", "--auto-approve", "-o", "json", "-v", "--log-format", "json")
    assert ran.code == 7
    assert ran.account["changes"][0]["error"]["message"].startswith("no")
    assert "\x1b" not in ran.out + ran.err
    assert all(isinstance(json.loads(line), dict) for line in ran.err.splitlines())
    assert len(ran.err.splitlines()) >= 3
