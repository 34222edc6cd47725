import json

import pytest

TOKENS = "tokens=boss:write;guest:read"


@pytest.mark.parametrize(
    ("switches", "header", "read", "write"),
    [
        ("", "Bearer anything", 200, 200),
        ("", "", 401, 401),
        ("", "Bearer ", 401, 401),
        ("", "Basic anything", 401, 401),
        (TOKENS, "Bearer boss", 200, 200),
        (TOKENS, "Bearer guest", 200, 403),
        (TOKENS, "Bearer other", 401, 401),
    ],
)
def test_the_token_decides(api, switches, header, read, write):
    world = api(switches)
    assert world.call("GET", authorization=header)[0] == read
    status, answer = world.call("POST", "", world.body(), authorization=header)
    assert status == write
    assert [error["code"] for error in answer["errors"]] == ([] if write == 200 else [10000])


def test_a_reading_token_may_not_even_validate(api):
    world = api(TOKENS)
    for method, tail in (("PUT", ""), ("DELETE", f"/{'a' * 32}"), ("POST", "/psk?validate_only=true")):
        assert world.call(method, tail, {}, authorization="Bearer guest")[0] == 403


def test_calls_over_the_limit_are_blocked_for_one_more_window(api):
    world = api("rate_limit=2/10")
    assert [world.raw("GET").status for _ in range(3)] == [200, 200, 429]
    world.seconds += 9.5
    blocked = world.raw("GET")
    assert (blocked.status, blocked.headers["retry-after"]) == (429, "1")
    assert json.loads(blocked.body)["success"] is False
    assert world.raw("GET", authorization="Bearer somebody-else").status == 200
    world.seconds += 0.5
    assert world.raw("GET").status == 200


def test_a_blocked_write_has_no_effect(api):
    world = api("rate_limit=1/10")
    world.raw("GET")
    assert world.raw("POST", "", json.dumps(world.body()).encode()).status == 429
    assert world.simulator.tunnels(world.account) == []


def test_the_rate_headers_tell_what_is_left(api):
    world = api("rate_limit=2/10")
    headers = world.raw("GET").headers
    assert headers["ratelimit"] == '"default";r=1;t=10'
    assert headers["ratelimit-policy"] == '"default";q=2;w=10'
    world.seconds += 4
    assert world.raw("GET").headers["ratelimit"] == '"default";r=0;t=6'


@pytest.mark.parametrize(
    ("form", "value"), [("seconds", "10"), ("date", "Fri, 15 Jan 2027 08:00:10 GMT"), ("none", None)]
)
def test_retry_after_has_three_forms(api, form, value):
    world = api(f"rate_limit=1/10,retry_after={form}")
    world.raw("GET")
    assert world.raw("GET").headers.get("retry-after") == value


def test_a_clone_counts_on_its_own(api):
    world = api("rate_limit=1/10")
    twin = world.simulator.clone()
    world.raw("GET")
    assert world.raw("GET").status == 429
    world.simulator = twin
    assert world.raw("GET").status == 200
