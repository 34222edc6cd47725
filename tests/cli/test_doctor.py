"""`doctor`: each of its lines when all is well and when it is not, and what it never does."""

import json

import pytest

from tests.cli.world import ID, OTHER_ID, TOKEN, Ran, World, tunnel


def lines(ran: Ran) -> dict[str, tuple[str, str, str | None]]:
    """Severity, summary and remedy of each check, of this machine and of the only account."""
    found = [*ran.json.get("checks", ()), *(check for account in ran.json["accounts"] for check in account["checks"])]
    return {check["name"]: (check["severity"], check["summary"], check["remedy"]) for check in found}


@pytest.fixture
def estate(world: World) -> World:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1), tunnel(2))
    return world


def test_a_well_account_is_asked_by_one_list_and_a_write_of_nothing(estate: World) -> None:
    ran = estate.run("doctor")
    assert (ran.code, ran.err, ran.out.splitlines()[-1]) == (0, "", "Doctor: 14 checks, 1 warning.")
    assert (estate.calls, estate.bodies) == (["GET", "PUT?"], [{"ipsec_tunnels": []}])
    assert [line.split()[:2] for line in ran.out.splitlines() if line.startswith("  ")] == [
        ["ok", "version"],
        ["ok", "python"],
        ["ok", "files"],
        ["warning", "git"],
        ["ok", "proxy"],
        ["ok", "token"],
        ["ok", "read"],
        ["ok", "write"],
        ["ok", "clock"],
        ["ok", "latency"],
        ["ok", "rate"],
        ["ok", "fields"],
        ["ok", "sessions"],
        ["ok", "leftovers"],
    ]


def test_a_new_user_learns_what_is_missing(world: World) -> None:
    ran = world.bare("doctor", "--json", env={"CLOUDFLARE_API_TOKEN": None})
    assert (ran.code, ran.json["outcome"], ran.json["accounts"]) == (3, "invalid", [])
    (problem,) = ran.json["diagnostics"]
    assert (problem["code"], problem["summary"]) == ("no-account", "the folder tunnels does not exist")
    found = lines(ran)
    assert found["files"][0] == "error"
    assert found["token"] == (
        "error",
        "the environment variable CLOUDFLARE_API_TOKEN is not set",
        "Set it to a Cloudflare API token, or try the tool without one: add --sandbox.",
    )


def test_a_missing_token_is_one_line_and_other_accounts_are_asked_all_the_same(estate: World) -> None:
    estate.declare(tunnel(3), file="lab/a.yaml")
    estate.account("lab", account_id=OTHER_ID, token={"env": "LAB_TOKEN"})
    ran = estate.run("doctor", "--json")
    assert (ran.code, ran.json["outcome"]) == (9, "auth")
    lab, prod = ran.json["accounts"]
    assert [check["summary"] for check in lab["checks"]] == ["the environment variable LAB_TOKEN is not set"]
    assert (lab["outcome"], prod["outcome"], prod["account_id"]) == ("auth", "ok", ID)
    assert estate.calls == ["GET", "PUT?"]
    only = estate.run("doctor", "--account", "prod", "--json")
    assert (only.code, [account["account"] for account in only.json["accounts"]]) == (0, ["prod"])


def test_a_token_that_is_refused(estate: World) -> None:
    estate.become(tokens={})
    ran = estate.run("doctor", "--json")
    assert (ran.code, estate.calls, "write" in lines(ran)) == (9, ["GET"], False)
    assert lines(ran)["read"][:2] == ("error", "Authentication error [10000] (ray 0000000000000001-SIM)")


def test_a_token_that_may_only_read(estate: World) -> None:
    estate.become(tokens={TOKEN: "read"})
    ran = estate.run("doctor", "--json")
    assert ran.code == 0
    assert lines(ran)["write"][:2] == ("warning", "the token may not write [10000]")
    assert json.dumps(TOKEN)[1:-1] not in ran.out
