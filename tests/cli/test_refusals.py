"""What Cloudflare says of a refusal: all of it is shown, in its place, with a remedy that fits."""

import json
from typing import Any

import pytest

from reconciler.simulator.message import Reply, Request, failure
from reconciler.simulator.server import Simulator
from tests.cli.world import OTHER_ID, Ran, World, tunnel

YAML = """\
tunnels:
  - name: t001
    cloudflare_endpoint: 203.0.113.1
    customer_endpoint: 198.51.100.2
    interface_address: 10.0.1.0/31
    description: new
    psk: external
    health_check:
      rate: high
    bgp:
      customer_asn: 65010
"""
LINK = "https://developers.cloudflare.com/cloudflare-wan/errors/"
ERRORS = [
    {
        "code": 1022,
        "message": "Invalid Request",
        "documentation_url": LINK,
        "source": {"pointer": "/bgp/customer_asn"},
        "error_chain": [{"code": 1099, "message": "the AS number is taken"}],
    },
    {"code": 1023, "message": "too many probes", "source": {"pointer": "#/ipsec_tunnels/0/health_check/rate"}},
    {"code": 1024, "message": "what is this", "source": {"pointer": "/mtu"}},
]
MESSAGES = [{"code": 77, "message": "the account is being moved"}, {"code": 78, "message": " "}, "maintenance"]


def refuse(world: World, method: str, status: int, **envelope: Any) -> None:
    def answer(sim, request):
        if request.method != method:
            return sim.handle(request)
        sim.note(request, status)
        whole = {"success": False, "errors": [], "messages": [], "result": None} | envelope
        return Reply(status, {"content-type": "application/json"}, json.dumps(whole).encode())

    world.answer = answer


def refused(world: World, *argv: str, errors: Any = ERRORS, messages: Any = MESSAGES, yaml: str = YAML) -> Ran:
    world.account()
    world.write("tunnels/prod/a.yaml", yaml)
    world.live(tunnel(1))
    refuse(world, "PUT", 400, errors=errors, messages=messages)
    return world.run(*(argv or ("apply", "--auto-approve", "-o", "json")))


ALL = {
    "code": "1022",
    "message": "Invalid Request",
    "remedy": None,
    "ray": None,
    "documentation_url": LINK,
    "field": "bgp.customer_asn",
    "source": {"file": "tunnels/prod/a.yaml", "line": 11},
    "also": [
        {"code": "1099", "message": "the AS number is taken"},
        {
            "code": "1023",
            "message": "too many probes",
            "field": "health_check.rate",
            "source": {"file": "tunnels/prod/a.yaml", "line": 9},
        },
        {"code": "1024", "message": "what is this", "field": "/mtu"},
        {"code": "77", "message": "the account is being moved"},
        {"code": "unknown", "message": "maintenance"},
    ],
}


@pytest.mark.parametrize("argv", [("apply", "--auto-approve"), ("plan", "--server-check")])
def test_all_that_cloudflare_says_is_in_the_report(world: World, argv: tuple[str, ...]) -> None:
    (change,) = refused(world, *argv, "-o", "json").account["changes"]
    assert change["error"] == ALL


def test_the_text_says_it_line_by_line(world: World) -> None:
    lines = refused(world, "apply", "--auto-approve").out.splitlines()
    first = lines.index("      error: Invalid Request [1022]")
    assert lines[first + 1 : first + 9] == [
        "        at tunnels/prod/a.yaml:11: bgp.customer_asn",
        f"        see {LINK}",
        "        also: the AS number is taken [1099]",
        "        also: too many probes [1023] at tunnels/prod/a.yaml:9: health_check.rate",
        "        also: what is this [1024] at /mtu",
        "        also: the account is being moved [77]",
        "        also: maintenance [unknown]",
        "",
    ]


@pytest.mark.parametrize("form", ["markdown", "html", "github"])
def test_every_format_shows_all_of_it(world: World, form: str) -> None:
    out = refused(world, "apply", "--auto-approve", "-o", form).out.replace("\\", "").replace("\u200b", "")
    for words in ("Invalid Request", "AS number is taken", "too many probes", "being moved", "maintenance", "/mtu"):
        assert words in out
    for place in ("customer", "health", "a.yaml", "1022", "1099", "developers.cloudflare.com/cloudflare-wan/errors"):
        assert place in out


def test_an_annotation_stands_on_the_line_of_the_field(world: World) -> None:
    out = refused(world, "apply", "--auto-approve", "-o", "github").out
    assert "::error file=tunnels/prod/a.yaml,line=11,title=failed::" in out


def test_a_field_that_the_tunnel_inherits_is_where_the_tunnel_is(world: World) -> None:
    yaml = YAML.replace("    bgp:\n      customer_asn: 65010\n", "")
    yaml = "defaults: {bgp: {customer_asn: 65010}}\n" + yaml
    error = refused(world, yaml=yaml).account["changes"][0]["error"]
    assert (error["field"], error["source"]) == ("bgp.customer_asn", {"file": "tunnels/prod/a.yaml", "line": 3})


def test_of_a_call_with_a_key_code_and_field_remain(world: World) -> None:
    yaml = YAML + "      md5_key: Qw7hunter2\n"
    error = refused(world, yaml=yaml).account["changes"][0]["error"]
    sentence = "Cloudflare's message is withheld, since it may quote a key"
    assert error["message"] == sentence
    assert (error["code"], error["field"], error["source"]["line"]) == ("1022", "bgp.customer_asn", 11)
    assert "documentation_url" not in error
    assert error["also"] == [
        {"code": "1099", "message": sentence},
        {"code": "1023", "message": sentence, "field": "health_check.rate", "source": error["source"] | {"line": 9}},
        {"code": "1024", "message": sentence},
        {"code": "77", "message": sentence},
        {"code": "unknown", "message": sentence},
    ]


@pytest.mark.parametrize("pointer", ["", "/", "/0", "#", "/Qw7hunter2", "Qw7hunter2", None, 5, ["/bgp"]])
def test_a_pointer_that_names_no_field_of_ours_is_withheld_too(world: World, pointer: Any) -> None:
    errors = [{"code": 1022, "message": "no", "source": {"pointer": pointer}}]
    error = refused(world, yaml=YAML + "      md5_key: Qw7hunter2\n", errors=errors, messages=None)
    assert set(error.account["changes"][0]["error"]) == {"code", "message", "remedy", "ray"}


@pytest.mark.parametrize("shape", [None, 5, "words", {"code": 5}, [None], [[]], [5], {}, [{}]])
def test_odd_shapes_of_what_stands_beside_an_error_are_passed_over(world: World, shape: Any) -> None:
    errors = [{"code": 1022, "message": "no", "error_chain": shape, "source": shape, "documentation_url": shape}]
    ran = refused(world, errors=errors, messages=shape)
    assert ran.account["changes"][0]["error"]["message"] == "no"


def chain(depth: int) -> list[dict[str, Any]]:
    return [{"code": depth, "message": "m", "error_chain": chain(depth - 1)}] if depth else []


def test_what_is_told_of_one_refusal_is_bounded(world: World) -> None:
    errors = [{"code": n, "message": "m" * 5000, "error_chain": chain(12)} for n in range(50)]
    error = refused(world, errors=errors, messages=[f"m{n}" for n in range(50)]).account["changes"][0]["error"]
    assert len(error["also"]) < 40
    assert len(json.dumps(error)) < 30_000


@pytest.mark.parametrize(
    ("status", "code", "outcome", "word"),
    [
        (404, 7003, "error", "account_id"),
        (404, 7000, "error", "account_id"),
        (400, 1012, "error", "onboard"),
        (403, 1012, "error", "onboard"),
        (403, 7003, "error", "account_id"),
        (400, 1025, "auth", "permission"),
        (400, 6003, "auth", "whole"),
        (401, 10000, "auth", "permission"),
        (403, 9109, "auth", "permission"),
    ],
)
def test_a_list_that_is_refused_has_a_remedy_that_fits(
    world: World, status: int, code: int, outcome: str, word: str
) -> None:
    world.declare(tunnel(1))
    refuse(world, "GET", status, errors=[{"code": code, "message": "no"}])
    account = world.run("plan", "-o", "json").account
    assert (account["outcome"], account["error"]["code"]) == (outcome, str(code))
    assert word in account["error"]["remedy"]


def test_a_wrong_account_id_is_shown_where_it_stands(world: World) -> None:
    world.write("tunnels/prod/account.yaml", f"prune: false\naccount_id: {OTHER_ID}\n")
    world.declare(tunnel(1))
    refuse(world, "GET", 404, errors=[{"code": 7003, "message": "Could not route"}])
    ran = world.run("plan")
    assert "    at tunnels/prod/account.yaml:2: account_id" in ran.out.splitlines()


@pytest.mark.parametrize(("method", "command"), [("GET", "plan"), ("POST", "apply")])
def test_a_403_about_what_was_asked_says_no_word_of_the_token_and_leaves_other_accounts_alone(
    world: World, method: str, command: str
) -> None:
    world.declare(tunnel(1))
    world.account("lab", account_id=OTHER_ID)
    world.declare(tunnel(2), file="lab/a.yaml")

    def answer(simulator: Simulator, request: Request) -> Reply:
        ours = request.method == method and OTHER_ID in request.path
        return failure(403, 1012, "this account is not onboarded") if ours else simulator.handle(request)

    world.answer = answer
    approve = ["--auto-approve"] if command == "apply" else []
    ran = world.run(command, *approve, "--parallelism", "1")
    assert ran.code == (1 if command == "plan" else 7)
    assert "error: this account is not onboarded [1012]" in ran.out
    assert "token" not in ran.out
    assert set(world.names()) == ({"t001"} if command == "apply" else set())


PAGE = b"<!DOCTYPE html><title>Access denied</title>"


@pytest.mark.parametrize("body", [PAGE, b"", b"blocked", b'{"blocked": "by policy"}'])
def test_a_403_that_the_api_did_not_write_is_no_fault_of_the_token(world: World, body: bytes) -> None:
    world.declare(tunnel(1))
    world.account("lab", account_id=OTHER_ID)
    world.declare(tunnel(2), file="lab/a.yaml")
    world.answer = lambda *_: Reply(403, {"content-type": "text/html"}, body)
    ran = world.run("plan", "-o", "json", "--parallelism", "1")
    first, second = (account["error"] for account in ran.json["accounts"])
    assert ran.code == 1
    assert (first["code"], "proxy or firewall" in first["remedy"]) == ("http-403", True)
    assert (second["code"], "token" in second["message"]) == ("stopped", False)
    assert ("a web page" in first["message"]) is (body == PAGE)


def test_what_a_failing_server_says_is_shown_too(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    refuse(world, "GET", 503, errors=[{"code": 1500, "message": "the database is away"}])
    error = world.run("plan", "-o", "json", "--timeout", "1").account["error"]
    assert error["also"] == [{"code": "1500", "message": "the database is away"}]
