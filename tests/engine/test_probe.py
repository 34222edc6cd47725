"""Tunnels that a program of the user's judges, in the place of a BGP session or beside it."""

from reconciler.model.desired import CommandRef, Rollout
from reconciler.plan.build import wave_warnings
from tests.build import ACCOUNT_ID, account, desired, settings, tunnel
from tests.engine.harness import World, by_name
from tests.engine.test_rollout import BGP, NEW, world_of

PROBE = CommandRef(("./probe.sh",), "tunnels/prod")
BACK = ("rolled_back", "rolled-back")


def wish(*names: str, waves: tuple[str, ...] = ("1", "2", "3"), probe: CommandRef | None = PROBE, **fields):
    rollout = Rollout(waves, apart="none", probe=probe)
    new = {name: {"replay_protection": True} | fields.get(name, {}) for name in names}
    return desired(*(tunnel(name, **new[name]) for name in names), of=account(rollout=rollout))


def changed(world: World) -> set[str]:
    return {t["name"] for t in world.simulator.tunnels(ACCOUNT_ID) if t.get("replay_protection")}


def while_changed(world: World, *names: str, why: str = "ended with status 1") -> None:
    """Lets these tunnels be ill as soon as they are changed."""
    world.ailing = lambda name: why if name in names and name in changed(world) else ""


def test_a_tunnel_without_bgp_is_judged_by_its_probe_until_it_was_healthy_for_long_enough():
    world = World("a", "b")
    assert world.apply(wish("a", "b")).converged
    watched = [5.0, "list"] * 4
    assert world.story == ["update", *watched, "update", *watched, "list"]
    first = [(at - 3600, name) for at, name, _ in world.probed if name == "a"]
    assert first == [(0.0, "a"), (5.0, "a"), (10.0, "a"), (15.0, "a"), (20.0, "a")]


def test_the_wave_of_one_that_is_ill_afterwards_is_rolled_back():
    world = World("a", "b", "c")
    while_changed(world, "b", why="ended with status 1: no answer")
    ended = world.apply(wish("a", "b", "c"))
    assert by_name(world, ended) == {"a": ("applied", None), "b": BACK, "c": ("skipped", "rollout-ended")}
    assert changed(world) == {"a"}
    assert "its probe ended with status 1: no answer" in {
        v.problem.message for v in ended.verdicts.values() if v.problem
    }


def test_one_that_was_ill_before_is_not_judged():
    world = World("a")
    world.ailing = lambda _: "ended with status 1"
    ended = world.apply(wish("a"))
    assert ended.converged
    assert ended.notes == (
        "Not judged in wave 1 of 1: a (no BGP session that was up before, and no probe that was healthy).",
    )
    assert len(world.probed) == 1


def test_one_that_is_healthy_now_and_then_never_settles():
    world = World("a")
    world.ailing = lambda _: "ended with status 1" if len(world.probed) % 3 == 0 else ""
    ended = world.apply(wish("a"))
    assert by_name(world, ended) == {"a": BACK}


def test_an_illness_that_ends_holds_the_wave_up_and_no_more():
    world = World("a")
    world.ailing = lambda _: "ended with status 1" if 1 < len(world.probed) <= 4 else ""
    assert world.apply(wish("a")).converged
    assert world.story == ["update", *[5.0, "list"] * (3 + 4), "list"]


def test_of_a_tunnel_with_both_session_and_probe_must_be_well():
    for semantics, ill in (("bgp_down=a", ()), ("", ("a",)), ("", ())):
        world = world_of("a", semantics=semantics)
        while_changed(world, *ill)
        ended = world.apply(wish("a", a=BGP))
        assert by_name(world, ended) == {"a": ("applied", None) if semantics == "" and not ill else BACK}


def test_a_session_is_judged_where_the_probe_was_ill_before():
    world = world_of("a", semantics="bgp_down=a")
    world.ailing = lambda _: "ended with status 1"
    assert by_name(world, world.apply(wish("a", a=NEW))) == {"a": BACK}


def test_the_probe_gets_the_addresses_of_the_moment():
    world = World("a")
    before, after = settings("a")["interface_address"], "10.77.0.0/31"
    assert world.apply(wish("a", a={"interface_address": after})).converged
    assert [address for _, _, address in world.probed] == [before, *[after] * 4]


def test_without_a_probe_nothing_is_probed():
    world = World("a")
    assert world.apply(wish("a", probe=None)).converged
    assert world.probed == []


def test_a_plan_counts_what_a_probe_may_judge():
    world = World("a", "b")
    assert [one.code for one in wave_warnings(world.plan(wish("a", "b", probe=None)))] == ["unjudged-waves"]
    assert list(wave_warnings(world.plan(wish("a", "b")))) == []


def test_the_digest_covers_the_probe_but_not_where_the_files_are():
    world = World("a")
    digests = [
        world.plan(wish("a", probe=probe)).digest
        for probe in (
            None,
            PROBE,
            CommandRef(("./probe.sh",), "elsewhere"),
            CommandRef(("./other.sh",), "tunnels/prod"),
        )
    ]
    assert (digests[1] == digests[2], len(set(digests))) == (True, 3)
