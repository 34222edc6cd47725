"""Windows, as a user meets them: what waits for one is told by every command, and written by none."""

from datetime import UTC, datetime

import pytest

from reconciler.cli.context import Context
from tests.cli.world import World, tunnel

CLOSED = datetime(2026, 5, 3, 12, tzinfo=UTC)  # a Sunday
OPEN = datetime(2026, 5, 3, 23, tzinfo=UTC)
OPENS = "2026-05-03 22:00:00 UTC"


@pytest.fixture
def clock(world: World) -> dict[str, datetime]:
    """The time, to be set; with an account whose window opens on Sunday night, and three tunnels."""
    time = {"now": CLOSED}
    world.patch.setattr(Context, "now", lambda _: time["now"])
    night = {"days": ["sun"], "from": "22:00", "to": "04:00", "zone": "UTC"}
    world.account(windows=[night], removed=["t003"])
    world.live(tunnel(1), tunnel(2), tunnel(3))
    world.declare(tunnel(1, description="x"), tunnel(2, customer_endpoint="192.0.2.77"))
    return time


@pytest.mark.usefixtures("clock")
def test_a_plan_holds_all_and_says_what_waits(world: World) -> None:
    ran = world.run("plan", "--detailed-exitcode", "-o", "text", "-o", "json=p.json", "-o", "markdown=p.md")
    assert ran.code == 2
    assert f"  window: closed, opens {OPENS}; 2 changes wait for it: t002, t003\n" in ran.out
    assert ran.out.endswith("Plan: 0 to create, 2 to update, 1 to delete.\n")
    assert f"**Window**: closed, opens {OPENS}; 2 changes wait for it: t002, t003" in world.read("p.md")
    assert '"opens": "2026-05-03T22:00:00Z"' in world.read("p.json")


def test_a_plan_says_until_when_a_window_is_open(world: World, clock: dict[str, datetime]) -> None:
    clock["now"] = OPEN
    assert "  window: open until 2026-05-04 04:00:00 UTC\n" in world.run("plan").out


@pytest.mark.usefixtures("clock")
def test_an_apply_carries_out_what_interrupts_nothing_and_says_what_waits(world: World) -> None:
    ran = world.run("apply", "--auto-approve")
    assert ran.code == 0
    assert world.calls == ["GET", "ROUTES", "PUT", "GET"]
    assert [item["description"] for item in world.bodies[0]["ipsec_tunnels"]] == ["x"]
    assert ran.out.endswith(
        f"Apply complete: 0 created, 1 updated, 0 deleted; 1 update, 1 delete held back (window opens {OPENS}).\n"
    )
    assert len(world.names()) == 3


@pytest.mark.usefixtures("clock")
def test_an_apply_of_which_all_waits_asks_nobody_and_writes_nothing(world: World) -> None:
    world.declare(tunnel(1), tunnel(2, customer_endpoint="192.0.2.77"))
    ran = world.run("apply")
    assert (ran.code, world.calls) == (0, ["GET", "ROUTES"])
    assert ran.out.endswith(f"No changes; 1 update, 1 delete held back (window opens {OPENS}).\n")


def test_in_a_window_all_is_carried_out(world: World, clock: dict[str, datetime]) -> None:
    clock["now"] = OPEN
    assert world.run("apply", "--auto-approve").code == 0
    assert sorted(world.names()) == ["t001", "t002"]


@pytest.mark.usefixtures("clock")
def test_the_user_can_lift_the_windows(world: World) -> None:
    ran = world.run("apply", "--auto-approve", "--outside-window")
    assert ran.code == 0
    assert ran.out.endswith("Apply complete: 0 created, 2 updated, 1 deleted.\n")


@pytest.mark.parametrize(("hour", "left"), [(CLOSED, ["t001", "t002", "t003"]), (OPEN, ["t001", "t002"])])
def test_a_saved_plan_obeys_the_windows_of_the_time_when_it_is_carried_out(
    world: World, clock: dict[str, datetime], hour: datetime, left: list[str]
) -> None:
    clock["now"] = OPEN if hour == CLOSED else CLOSED
    assert world.run("plan", "--out", "plan.json").code == 0
    clock["now"] = hour
    assert world.run("apply", "--plan", "plan.json").code == 0
    assert sorted(world.names()) == left


@pytest.mark.usefixtures("clock")
def test_no_key_is_needed_for_a_tunnel_that_waits(world: World) -> None:
    freed = tunnel(3)["interface_address"]
    new = tunnel(4, interface_address=freed, psk={"env": "NOT_SET"})
    world.declare(tunnel(1), tunnel(2), new)
    assert world.run("apply", "--auto-approve").code == 0
    assert sorted(world.names()) == ["t001", "t002", "t003"]
    assert world.run("apply", "--auto-approve", "--outside-window").code == 3


@pytest.mark.parametrize(("first", "then"), [(CLOSED, OPEN), (OPEN, CLOSED)])
def test_what_may_be_written_was_allowed_at_approval_and_still_is(
    world: World, clock: dict[str, datetime], first: datetime, then: datetime
) -> None:
    world.patch.setattr("reconciler.cli.apply.LIST_LASTS", -1.0)  # so that it lists once more before it writes
    clock["now"] = first
    lists = 0

    def answer(simulator, request):
        nonlocal lists
        lists += request.method == "GET" and not request.path.endswith("routes")
        clock["now"] = first if lists < 2 else then
        return simulator.handle(request)

    world.answer = answer
    assert world.run("apply", "--auto-approve").code == 0
    assert sorted(world.names()) == ["t001", "t002", "t003"]
    assert world.shown("t002")["customer_endpoint"] == tunnel(2)["customer_endpoint"]
    assert world.shown("t001")["description"] == "x"


@pytest.mark.usefixtures("clock")
def test_drift_marks_what_waits(world: World) -> None:
    ran = world.run("drift", "-o", "json")
    assert {c["name"]: c.get("opens") for c in ran.account["changes"]} == {
        "t001": None,
        "t002": "2026-05-03T22:00:00Z",
        "t003": "2026-05-03T22:00:00Z",
    }
    assert world.run("drift").out.count("waits for window") == 2


@pytest.mark.parametrize("action", ["set", "rotate"])
def test_keys_are_changed_in_a_window_only(world: World, clock: dict[str, datetime], action: str) -> None:
    psk = {"env": "KEY"} if action == "set" else {"generate": True, "deliver_to": {"file": "../../t001.key"}}
    world.declare(tunnel(1, psk=psk))
    words = ["psk", action, "t001", "--auto-approve", "--allow-commands"]
    key = {"KEY": "0123456789abcdef0123456789abcdef"}
    ran = world.run(*words, env=key)
    assert (ran.code, [call for call in world.calls if call != "GET"]) == (5, [])
    assert "no window of account prod is open; the next opens 2026-05-03 22:00 UTC" in ran.out
    assert world.run(*words, "--outside-window", env=key).code == 0
    clock["now"] = OPEN
    assert world.run(*words, env=key).code == 0


@pytest.mark.parametrize(("then", "left"), [(OPEN, ["t001", "t002"]), (CLOSED, ["t001", "t002", "t003"])])
def test_the_time_of_the_approval_counts(
    world: World, clock: dict[str, datetime], then: datetime, left: list[str]
) -> None:
    clock["now"] = CLOSED if then == OPEN else OPEN
    world.patch.setattr("reconciler.cli.apply.require_approval", lambda *_: clock.update(now=then))
    assert world.run("apply").code == 0
    assert sorted(world.names()) == left


def test_keys_are_not_changed_when_the_window_closed_during_the_question(
    world: World, clock: dict[str, datetime]
) -> None:
    world.declare(tunnel(1, psk={"env": "KEY"}))
    world.patch.setattr("reconciler.cli.psk.require_approval", lambda *_: clock.update(now=CLOSED))
    clock["now"] = OPEN
    ran = world.run("psk", "set", "t001", env={"KEY": "0123456789abcdef0123456789abcdef"})
    assert (ran.code, [call for call in world.calls if call != "GET"]) == (5, [])
