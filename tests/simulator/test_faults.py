"""Each fault does what its name says, to the world and to the answer."""

import gzip
import json

import pytest

from reconciler.simulator.faults import Ambiguous, FaultKind, NotSent, apply_fault
from reconciler.simulator.message import Request

HEADERS = {"authorization": "Bearer secret", "x-magic-new-hc-target": "true"}
WITHOUT_EFFECT = {
    FaultKind.REFUSED,
    FaultKind.TIMEOUT_CONNECT,
    FaultKind.REDIRECT,
    FaultKind.LOST_WRITE,
    *(kind for kind in FaultKind if kind.endswith("-before") or kind.startswith(("429", "401", "403", "404", "413"))),
}
UNREADABLE = {
    FaultKind.TRUNCATED,
    FaultKind.WRONG_LENGTH,
    FaultKind.MALFORMED,
    FaultKind.NOT_UTF8,
    FaultKind.HTML_200,
    FaultKind.EMPTY_200,
    FaultKind.EMPTY_204,
    FaultKind.DEEP_JSON,
}


@pytest.fixture
def world(api):
    made = api()
    for number, name in enumerate("abc"):
        made.create(name, number)
    made.simulator.settle()
    return made


def requests(world):
    ids = [tunnel["id"] for tunnel in world.simulator.tunnels(world.account)]
    return {
        "create": Request("POST", world.path, "", HEADERS, json.dumps(world.body("new", 9)).encode()),
        "bulk": Request(
            "PUT",
            world.path,
            "",
            HEADERS,
            json.dumps({"ipsec_tunnels": [{"id": i, "description": "x"} for i in ids]}).encode(),
        ),
        "update": Request("PUT", f"{world.path}/{ids[0]}", "", HEADERS, b'{"description":"x"}'),
        "delete": Request("DELETE", f"{world.path}/{ids[0]}", "", HEADERS),
        "psk_generate": Request("POST", f"{world.path}/{ids[0]}/psk_generate", "", HEADERS),
        "psk_set": Request(
            "POST",
            f"{world.path}/psk",
            "",
            HEADERS,
            json.dumps({"psks": [{"id": ids[0], "psk": "k"}]}).encode(),
        ),
        "list": Request("GET", world.path, "", HEADERS),
        "get": Request("GET", f"{world.path}/{ids[0]}", "", HEADERS),
    }


def answer(kind, world, request):
    try:
        return apply_fault(kind, world.simulator, request)
    except (NotSent, Ambiguous) as error:
        return error


def listed(kind, world):
    return json.loads(apply_fault(kind, world.simulator, requests(world)["list"]).body)


@pytest.mark.parametrize("operation", ["create", "bulk", "update", "delete", "psk_generate", "psk_set"])
@pytest.mark.parametrize("kind", FaultKind)
def test_a_write_takes_effect_as_the_kind_says(world, kind, operation):
    before = world.simulator.snapshot()["accounts"]
    answer(kind, world, requests(world)[operation])
    assert (world.simulator.snapshot()["accounts"] != before) is (kind not in WITHOUT_EFFECT)


@pytest.mark.parametrize("operation", ["create", "delete", "list", "get", "psk_set"])
@pytest.mark.parametrize("kind", FaultKind)
def test_no_fault_looks_like_the_proper_answer(world, kind, operation):
    request = requests(world)[operation]
    proper = world.simulator.clone().handle(request)
    got = answer(kind, world, request)
    if kind is FaultKind.LOST_WRITE and request.method != "GET":
        assert got.status == 200
    elif not (kind in {FaultKind.STALE_LIST, FaultKind.LOST_WRITE} and operation in {"list", "get"}):
        assert isinstance(got, (NotSent, Ambiguous)) or (got.status, got.body) != (proper.status, proper.body)


def test_there_are_at_least_thirty_kinds():
    assert len(FaultKind) >= 30


@pytest.mark.parametrize("kind", [FaultKind.REFUSED, FaultKind.TIMEOUT_CONNECT])
def test_some_failures_surely_were_not_sent(world, kind):
    assert isinstance(answer(kind, world, requests(world)["create"]), NotSent)
    assert world.simulator.log == []


@pytest.mark.parametrize("kind", [k for k in FaultKind if k.startswith(("reset", "timeout-b", "timeout-a", "slow"))])
def test_lost_answers_are_ambiguous_and_logged(world, kind):
    assert isinstance(answer(kind, world, requests(world)["create"]), Ambiguous)
    assert len(world.simulator.log) == 1


@pytest.mark.parametrize("kind", [k for k in FaultKind if k[:3].isdigit()])
def test_status_kinds_answer_their_status_and_are_logged(world, kind):
    assert answer(kind, world, requests(world)["delete"]).status == int(kind[:3])
    assert len(world.simulator.log) == 1


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FaultKind.S429, None),
        (FaultKind.S429_SECONDS, "3"),
        (FaultKind.S429_DATE, "Fri, 15 Jan 2027 08:00:03 GMT"),
    ],
)
def test_429_comes_with_each_form_of_retry_after(world, kind, value):
    assert answer(kind, world, requests(world)["list"]).headers.get("retry-after") == value


@pytest.mark.parametrize("kind", sorted(UNREADABLE))
def test_unreadable_bodies_are_no_json(world, kind):
    with pytest.raises((ValueError, RecursionError)):
        json.loads(answer(kind, world, requests(world)["list"]).body)


def test_lengths_are_lied_about(world):
    cut = answer(FaultKind.TRUNCATED, world, requests(world)["list"])
    assert int(cut.headers["content-length"]) > len(cut.body)
    short = answer(FaultKind.WRONG_LENGTH, world, requests(world)["list"])
    assert int(short.headers["content-length"]) == len(short.body)


def test_big_bodies_are_big(world):
    bomb = answer(FaultKind.GZIP_BOMB, world, requests(world)["list"])
    assert len(bomb.body) < 100_000
    assert len(gzip.decompress(bomb.body)) == 64 * 1024 * 1024
    assert len(answer(FaultKind.HUGE_BODY, world, requests(world)["list"]).body) > 64 * 1024 * 1024


def test_nan_is_in_the_body(world):
    assert b":NaN," in answer(FaultKind.NAN, world, requests(world)["list"]).body


@pytest.mark.parametrize("kind", [FaultKind.REDIRECT, FaultKind.REDIRECT_AFTER])
def test_redirects_point_elsewhere(world, kind):
    reply = answer(kind, world, requests(world)["create"])
    assert reply.status == 307
    assert reply.headers["location"].startswith("https://elsewhere.invalid/client/v4/accounts/")


def test_envelopes_are_spoiled_as_named(world):
    assert listed(FaultKind.NULL_RESULT, world)["result"] is None
    assert listed(FaultKind.NULL_LIST, world)["result"] == {"ipsec_tunnels": None}
    assert listed(FaultKind.SUCCESS_FALSE, world)["success"] is False
    assert listed(FaultKind.SUCCESS_WITH_ERRORS, world)["errors"] != []
    assert listed(FaultKind.WRONG_TYPE, world)["result"]["ipsec_tunnels"][0] == 7
    assert "interface_address" not in listed(FaultKind.MISSING_FIELD, world)["result"]["ipsec_tunnels"][0]
    assert listed(FaultKind.LYING_PAGINATION, world)["result_info"]["total_count"] == 8


def test_lists_are_cut_and_doubled_as_named(world):
    def column(kind, field):
        return [tunnel[field] for tunnel in listed(kind, world)["result"]["ipsec_tunnels"]]

    assert column(FaultKind.PARTIAL_LIST, "name") == ["a"]
    assert column(FaultKind.EMPTY_LIST, "name") == []
    assert column(FaultKind.DUPLICATE_NAME, "name") == ["a", "a", "c"]
    assert len(set(column(FaultKind.DUPLICATE_ID, "id"))) == 2
    assert column(FaultKind.DUPLICATE_ID, "name") == ["a", "b", "c"]


def test_a_stale_list_shows_the_state_before_the_last_write_once(world):
    world.create("d", 3)
    stale = listed(FaultKind.STALE_LIST, world)["result"]["ipsec_tunnels"]
    assert [tunnel["name"] for tunnel in stale] == ["a", "b", "c"]
    assert world.names() == ["a", "b", "c", "d"]


def test_a_write_that_changes_nothing_is_no_last_write(world):
    tunnel_id = world.create("d", 3)
    world.call("PUT", f"/{tunnel_id}", {"name": "d"})
    assert len(listed(FaultKind.STALE_LIST, world)["result"]["ipsec_tunnels"]) == 3


def test_a_settled_world_has_no_past_to_show(world):
    assert len(listed(FaultKind.STALE_LIST, world)["result"]["ipsec_tunnels"]) == 3


def test_an_unknown_route_stays_one(world):
    request = Request("GET", "/nowhere", "", HEADERS)
    assert answer(FaultKind.STALE_LIST, world, request).status == 404


@pytest.mark.parametrize(("kind", "field"), [(FaultKind.DUPLICATE_ID, "id"), (FaultKind.DUPLICATE_NAME, "name")])
def test_a_list_of_one_is_doubled(api, kind, field):
    lone = api()
    lone.create()
    tunnels = listed(kind, lone)["result"]["ipsec_tunnels"]
    assert len(tunnels) == 2
    assert tunnels[0][field] == tunnels[1][field]
