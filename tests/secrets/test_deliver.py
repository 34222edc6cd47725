import pytest

from reconciler.api.call import ApiError, NotSent, Refused
from reconciler.engine.apply import Applied
from reconciler.model.psk import SinkState
from reconciler.plan.plan import Plan
from reconciler.secrets.deliver import deliver, prepare
from reconciler.secrets.steps import PskSteps, promote
from tests import build
from tests.secrets.honest import LOCAL, THERE, World, drive, outcomes, trace

MADE = frozenset({"+lon-a", "+par-a"})


def plan() -> Plan:
    """Two tunnels are to be made: one with a key made here, one with a key of Cloudflare's."""
    local, there = (build.tunnel(t.name, psk=t.psk) for t in (LOCAL, THERE))
    return build.plan(build.desired(local, there), build.live())


def ended(*names: str, **fields: object) -> Applied:
    """An apply after which the account has tunnels of these names."""
    given = {"verdicts": {}, "left": (), "live": build.live(*names), "notes": (), "stop": None, "made": MADE}
    return Applied(**(given | fields))  # type: ignore[arg-type]


def world() -> World:
    """The key that was sent for the first tunnel is pending."""
    found = World()
    found.pending["lon-a"] = found.ring["lon-a"] = found.key["lon-a"] = "sent"
    return found


def test_a_key_becomes_current_and_one_is_made_where_the_tunnels_are() -> None:
    now = world()
    assert outcomes(drive(deliver(plan(), ended("lon-a", "par-a")), now, {})) == {
        "lon-a": ("applied", None),
        "par-a": ("applied", None),
    }
    assert now.current == {**now.key, "lon-a": "sent"}


def test_a_tunnel_that_the_last_list_does_not_show_has_no_key_to_deliver() -> None:
    now = world()
    assert drive(deliver(plan(), ended()), now, {}) == {}
    assert (now.pending, now.sent) == ({"lon-a": "sent"}, {})


def test_a_tunnel_that_this_run_did_not_surely_make_keeps_its_key() -> None:
    now = world()
    assert drive(deliver(plan(), ended("lon-a", "par-a", made=frozenset())), now, {}) == {}
    assert (now.pending, now.sent) == ({"lon-a": "sent"}, {})


@pytest.mark.parametrize(
    ("stop", "current"),
    [
        (NotSent("interrupted", "stopped"), "sent"),
        (Refused(200, (ApiError("list-untrusted", "two of one name"),)), "old"),
    ],
)
def test_after_a_stop_only_keys_that_are_in_force_are_delivered(stop: NotSent | Refused, current: str) -> None:
    now = world()
    found = outcomes(drive(deliver(plan(), ended(left=None, stop=stop)), now, {}))
    assert found["par-a"] == ("failed", "no-key")
    assert (now.current["lon-a"], now.sent) == (current, {})


def test_a_key_is_made_for_a_tunnel_that_an_earlier_run_left_without_one() -> None:
    wish = build.desired(build.tunnel("par-a", psk=THERE.psk))
    left = build.plan(wish, build.live("par-a"), sinks={"par-a": SinkState(current=False)})
    now = World()
    found = drive(deliver(left, ended("par-a", made=frozenset())), now, {})
    assert outcomes(found) == {"par-a": ("applied", None)}
    assert now.current["par-a"] == now.key["par-a"] != "old"


@pytest.mark.parametrize("sign", ["pending", "generated"])
def test_no_key_is_made_where_somebody_else_may_have_had_one_made(sign: str) -> None:
    now = World()
    getattr(now, sign)["par-a"] = {"pending": "theirs", "generated": 7}[sign]
    found = drive(deliver(plan(), ended("par-a")), now, {})
    assert outcomes(found)["par-a"] == ("unknown", "key-not-in-sink")
    assert now.sent == {}


def test_keys_of_new_tunnels_are_stored_before_the_create_and_promoted_after() -> None:
    world = World()
    assert trace(prepare(["lon-b", "lon-a"]), world, {})[-3:] == ["make lon-b", "put lon-b", "check lon-b"]
    assert set(world.pending) == {"lon-a", "lon-b"}

    def after() -> PskSteps:
        return (yield from promote(["lon-a"]))

    assert outcomes(drive(after(), world, {})) == {"lon-a": ("applied", None)}
    assert world.current["lon-a"] == world.ring["lon-a"]


@pytest.mark.parametrize(("step", "fault"), [(1, "fails after"), (3, "fails after"), (3, "garbles")])
def test_a_new_tunnel_whose_key_is_not_safely_stored_must_not_be_created(step: int, fault: str) -> None:
    assert list(drive(prepare(["lon-a"]), World(), {step: fault})) == ["lon-a"]


def test_keys_whose_sink_works_need_nothing() -> None:
    assert drive(prepare(["lon-a"], ["par-a"]), World(), {}) == {}


def test_no_key_of_a_new_tunnel_is_made_when_one_sink_fails_its_probe() -> None:
    world = World()
    assert list(drive(prepare(["lon-a"], ["par-a"]), world, {1: "fails before"})) == ["par-a"]
    assert (world.ring, world.pending) == ({}, {})
