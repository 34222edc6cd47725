"""What `doctor` makes of answers: a line each, with severity and remedy."""

import pytest

from reconciler.api.call import Ambiguous, Answered, ApiError, Denied, NotSent, Refused
from reconciler.api.exchange import Heard
from reconciler.model.problems import Problem
from reconciler.report.doctor import failed, leftover_check, tunnel_checks, way_checks, write_check
from tests.build import live, raw

SERVER = "Sun, 06 Nov 1994 08:49:37 GMT"
EPOCH = 784111777.0


def heard(at: float = EPOCH, seconds: float = 0.25, **headers: str) -> dict[str, tuple[str, str]]:
    checks = way_checks(Heard({name.replace("_", "-"): value for name, value in headers.items()}, seconds, at))
    return {check.name: (check.severity, check.summary) for check in checks}


@pytest.mark.parametrize(
    ("at", "seconds", "said"),
    [
        (EPOCH, 0.1, ("ok", "this machine's clock agrees with the server's")),
        (EPOCH + 5, 0, ("ok", "this machine's clock agrees with the server's")),
        (EPOCH - 5, 0, ("ok", "this machine's clock agrees with the server's")),
        (EPOCH + 6, 0, ("warning", "this machine's clock is 6 s ahead of the server's")),
        (EPOCH - 6, 0, ("warning", "this machine's clock is 6 s behind the server's")),
        (EPOCH + 20, 20, ("ok", "this machine's clock agrees with the server's")),  # the answer took so long
        (EPOCH + 7207, 7, ("warning", "this machine's clock is 7,200 s ahead of the server's")),
    ],
)
def test_the_clock_is_compared_with_the_server_s(at, seconds, said):
    assert heard(at, seconds, date=SERVER)["clock"] == said


@pytest.mark.parametrize("headers", [{}, {"date": "today"}, {"date": ""}])
def test_a_server_that_does_not_say_its_time(headers):
    assert heard(**headers)["clock"] == ("ok", "not compared: the answer does not say the server's time")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.25, ("ok", "a list takes 0.25 s")), (5.5, ("warning", "a list takes 5.50 s"))]
)
def test_a_list_that_takes_long(seconds, said):
    assert heard(seconds=seconds)["latency"] == said


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, ("ok", "the answer does not say how many calls are left; at most 1,100 are made in 5 minutes")),
        ({"ratelimit": '"default";r=1150;t=280'}, ("ok", "1,150 calls left for the next 280 s")),
        ({"ratelimit": '"default";r=50;t=280'}, ("ok", "50 calls left for the next 280 s")),
        ({"ratelimit": '"default";r=1;t=30'}, ("warning", "1 call left for the next 30 s")),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "60"}, ("warning", "0 calls left for the next 60 s")),
    ],
)
def test_the_calls_that_are_left(headers, said):
    assert heard(**headers)["rate limit"] == said


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Refused(400, (ApiError("1022", "no tunnels"),)), ("ok", "the token may write")),
        (Denied(403, (ApiError("10000", "Authentication error"),)), ("warning", "the token may not write [10000]")),
        (Denied(401, (ApiError("10000", "Authentication error"),)), ("warning", "the token may not write [10000]")),
        (
            Denied(403, (ApiError("http-403", "HTTP 403 with a web page in place of the API's answer"),)),
            (
                "warning",
                "whether the token may write is not known: HTTP 403 with a web page in place of the API's answer",
            ),
        ),
        (
            Refused(404, (ApiError("7003", "No route"),)),
            ("warning", "whether the token may write is not known: No route"),
        ),
        (Answered(), ("warning", "whether the token may write is not known: a bulk update of no tunnel was taken")),
        (
            Ambiguous("http-502", "HTTP 502"),
            ("warning", "whether the token may write is not known: HTTP 502"),
        ),
        (
            NotSent("interrupted", "not sent, since the run is being stopped"),
            ("warning", "whether the token may write is not known: not sent, since the run is being stopped"),
        ),
    ],
)
def test_whether_a_token_may_write(outcome, said):
    check = write_check(outcome)
    assert (check.severity, check.summary) == said


def test_a_call_that_failed_says_why_and_what_to_do():
    check = failed("read", Problem("7003", "Could not route", "Check `account_id`.", "8f00c0ffee-LHR"))
    assert (check.severity, check.summary, check.remedy) == (
        "error",
        "Could not route [7003] (ray 8f00c0ffee-LHR)",
        "Check `account_id`.",
    )


BGP = {"bgp": {"customer_asn": 65010}}
UP, DOWN = {"bgp_status": {"state": "BGP_UP"}}, {"bgp_status": {"state": "BGP_DOWN"}}
LEFT = {"description": "scratch tunnel of reconciler doctor --measure, of 2026-11-29"}


def seen(*tunnels: dict) -> dict[str, tuple[str, str]]:
    return {check.name: (check.severity, check.summary) for check in tunnel_checks(live(*tunnels).tunnels.values())}


def test_tunnels_without_anything_to_say():
    assert seen(raw("a"), raw("b")) == {
        "fields": ("ok", "every field of the list is known"),
        "sessions": ("ok", "no tunnel has BGP"),
    }


def test_fields_that_are_not_known_are_named_once():
    health = {"health_check": {"enabled": True, "x_jitter": 7}}
    assert seen(raw("a", mtu=1400, **health), raw("b", mtu=1450))["fields"] == (
        "warning",
        "2 fields that this version does not know: health_check.x_jitter, mtu",
    )


def test_sessions_that_are_down_are_named_and_one_of_which_nothing_is_said_is_not_up():
    assert seen(raw("a", **BGP, **UP), raw("b", **BGP, **DOWN), raw("c", **BGP), raw("d", **DOWN))["sessions"] == (
        "warning",
        "1 of 3 BGP sessions up; down: b",
    )
    assert seen(raw("a", **BGP, **UP))["sessions"] == ("ok", "1 of 1 BGP session up")


def test_only_a_tunnel_with_name_and_marker_was_left_by_a_measurement():
    others = (raw("reconciler-doctor-2", description="mine"), raw("doctor", **LEFT))
    check = leftover_check(
        live(raw("reconciler-doctor-1", interface_address="10.9.0.0/31", **LEFT), *others).tunnels.values()
    )
    assert (check.severity, check.summary) == ("warning", "left by a measurement: reconciler-doctor-1 (10.9.0.0/31)")
    check = leftover_check(live(*others).tunnels.values())
    assert (check.severity, check.summary) == ("ok", "no measurement left any tunnel")
