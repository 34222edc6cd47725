"""Windows over the simulator: what waits is not written, the rest is, and convergence means the rest."""

from datetime import timedelta

from reconciler.api.call import Verb, drive
from reconciler.engine.apply import apply, begin, finish
from reconciler.model.desired import Rollout
from reconciler.plan.windows import hold_back
from tests.build import ACCOUNT_ID, account, desired, tunnel
from tests.engine.harness import World, by_name
from tests.engine.test_rollout import ONE_BY_ONE, asns, new_asn, world_of
from tests.plan.test_windows import CLOSED, OPEN, SUNDAY_NIGHT
from tests.strangers import foreign_create

WINDOWED = account(windows=(SUNDAY_NIGHT,), removed=["gone"])
MOVED = tunnel("b", customer_endpoint="198.51.100.77")
CLOSES = OPEN.replace(day=4, hour=4, minute=0)


def ended_while_closed(world: World, *declared):
    plan = world.plan(desired(*declared, of=WINDOWED))
    return drive(apply(hold_back(plan, CLOSED)), world.carry)


def test_what_waits_is_not_written_and_the_rest_converges():
    world = World("a", "b", "gone")
    ended = ended_while_closed(world, tunnel("a", description="x"), MOVED, tunnel("new"))
    assert by_name(world, ended) == {"a": ("applied", None), "new": ("applied", None)}
    assert world.verbs == ["update", "create", "list"]
    assert ended.converged
    assert {t["name"]: t.get("customer_endpoint") for t in world.simulator.tunnels(ACCOUNT_ID)} == dict.fromkeys(
        ("a", "b", "gone", "new"), "198.51.100.10"
    )


def test_an_apply_of_which_all_waits_calls_nothing():
    world = World("b", "gone")
    ended = ended_while_closed(world, MOVED)
    assert (world.verbs, ended.converged, ended.written) == ([], True, False)


def test_what_somebody_else_makes_meanwhile_is_still_a_difference():
    world = World("a", "gone")
    world.meddle(1, foreign_create, {"name": "stranger", **_addresses()})
    ended = ended_while_closed(world, tunnel("a", description="x"))
    assert [change.name for change in ended.left] == ["stranger"]
    assert not ended.converged


def _addresses():
    return {
        "cloudflare_endpoint": "203.0.113.1",
        "customer_endpoint": "198.51.100.99",
        "interface_address": "10.99.0.0/31",
    }


def rolled_out(world: World, *names: str, before_closing: float, rollout: Rollout = ONE_BY_ONE):
    """A rollout that begins so many seconds before the window closes."""
    of = account(windows=(SUNDAY_NIGHT,), rollout=rollout, removed=["gone"])
    wanted = new_asn(*names, "new")._replace(account=of)
    plan = world.plan(wanted, now=CLOSES - timedelta(seconds=before_closing))
    run = drive(begin(plan), world.carry)
    ended = drive(finish(run), world.carry)
    return ended, [(one.change.name, one.reason) for one in run.plan.held_back]


def test_a_window_that_closes_during_a_rollout_holds_the_later_waves_and_the_deletes_back():
    world = world_of("a", "b", "c", "gone")
    ended, held = rolled_out(world, "a", "b", "c", before_closing=30)
    # A wave takes 20 s, so the second begins in time, and is watched to its end.
    assert by_name(world, ended) == {"a": ("applied", None), "b": ("applied", None), "new": ("applied", None)}
    assert asns(world) == {"a": 65020, "b": 65020, "c": 65010, "gone": 65010, "new": 65020}
    assert held == [("c", "window"), ("gone", "window")]
    assert ended.converged


def test_a_window_that_closes_in_the_last_wave_holds_the_deletes_back():
    world = world_of("a", "gone")
    ended, held = rolled_out(world, "a", before_closing=10)
    assert held == [("gone", "window")]
    assert "delete" not in world.verbs
    assert ended.converged


def test_a_window_that_stays_open_holds_nothing_back():
    world = world_of("a", "b", "gone")
    _, held = rolled_out(world, "a", "b", before_closing=3600)
    assert held == []
    assert asns(world) == {"a": 65020, "b": 65020, "new": 65020}


def test_a_rollback_asks_no_window():
    world = world_of("a", "b", semantics="bgp_down=a")
    ended, _ = rolled_out(world, "a", "b", before_closing=10)
    assert by_name(world, ended)["a"] == ("rolled_back", "rolled-back")
    assert asns(world) == {"a": 65010, "b": 65010}
    assert [call.verb for call in world.calls if call.verb is not Verb.LIST] == [Verb.UPDATE, Verb.UPDATE]


def test_a_window_that_closes_while_a_person_is_asked_holds_the_deletes_back():
    world = world_of("a", "gone")
    of = account(windows=(SUNDAY_NIGHT,), removed=["gone"])
    wanted = new_asn("a", "new")._replace(account=of)
    run = drive(begin(world.plan(wanted, now=CLOSES - timedelta(seconds=10))), world.carry)
    world.seconds += 60
    assert drive(finish(run, kept=""), world.carry).converged
    assert asns(world) == {"a": 65020, "gone": 65010, "new": 65020}
