"""What becomes of a run after its updates: kept, or taken back."""

from reconciler.api.call import ApiError, NotSent, Refused, Verb, drive
from reconciler.engine.apply import Applied, begin, finish
from reconciler.model.desired import Rollout
from tests.build import ACCOUNT_ID, account, desired, tunnel
from tests.engine.harness import LOST, World, by_name
from tests.engine.test_rollout import asns, new_asn, world_of
from tests.strangers import foreign_edit

WHY = "the answer was no"
BACK = ("rolled_back", "rolled-back")


def answered(world: World, wanted, why: str | None = WHY, meanwhile=lambda: None, **chosen) -> Applied:
    run = drive(begin(world.plan(wanted, **chosen), asks=True), world.carry)
    meanwhile()
    return drive(finish(run, why), world.carry)


def said(ended: Applied) -> set[str]:
    return {verdict.problem.message for verdict in ended.verdicts.values() if verdict.problem}


def described(world: World) -> dict[str, str]:
    return {t["name"]: t.get("description", "") for t in world.simulator.tunnels(ACCOUNT_ID)}


def test_all_waves_are_taken_back():
    world = world_of("a", "b", "gone")
    ended = answered(world, new_asn("a", "b", "new"))
    assert by_name(world, ended) == {
        "a": BACK,
        "b": BACK,
        "new": ("skipped", "not-confirmed"),
        "gone": ("skipped", "not-confirmed"),
    }
    assert said(ended) == {WHY}
    remedy = "Run apply again, and answer yes when the tunnels are well."
    assert {verdict.problem.remedy for verdict in ended.verdicts.values() if verdict.problem} == {remedy}
    assert asns(world) == {"a": 65010, "b": 65010, "gone": 65010}
    assert not ended.converged
    assert ended.notes == ("Rolled back: a, b.",)


def test_so_are_healthy_waves_before_one_that_failed():
    world = world_of("a", "b", "c", semantics="bgp_down=b")
    ended = answered(world, new_asn("a", "b", "c"))
    assert by_name(world, ended) == {"a": BACK, "b": BACK, "c": ("skipped", "rollout-ended")}
    assert asns(world) == {"a": 65010, "b": 65010, "c": 65010}


def test_what_is_kept_goes_on_where_it_was():
    world = world_of("a", "gone")
    ended = answered(world, new_asn("a", "new"), "")
    assert ended.converged
    assert world.verbs == ["update", *["list"] * 4, "list", "create", "delete", "list"]


def test_a_yes_does_not_let_a_failed_rollout_go_on():
    world = world_of("a", "gone", semantics="bgp_down=a")
    ended = answered(world, new_asn("a"), "")
    assert by_name(world, ended) == {"a": BACK, "gone": ("skipped", "rollout-ended")}


def test_an_update_of_which_nobody_knows_is_taken_back_too():
    world = World("a")
    world.after = {(Verb.UPDATE, n): LOST for n in range(4)}
    world.instead = {(Verb.LIST, 0): LOST}
    ended = answered(world, desired(tunnel("a", description="x")))
    assert by_name(world, ended) == {"a": BACK}
    assert described(world) == {"a": ""}


def test_a_delete_that_freed_something_stays_done_and_what_took_it_is_taken_back():
    world = World("a", "gone")
    nets = {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)}
    ended = answered(world, desired(tunnel("a", interface_address=nets["gone"])))
    assert {v.result.value for v in ended.verdicts.values()} == {"applied", "rolled_back"}
    assert [(t["name"], t["interface_address"]) for t in world.simulator.tunnels(ACCOUNT_ID)] == [("a", nets["a"])]


def test_without_a_list_nothing_is_taken_back_blindly():
    world = World("a", "b")
    world.instead = {(Verb.LIST, 0): NotSent("unreachable", "no route")}
    ended = answered(world, desired(tunnel("a", description="x"), "b"))
    assert by_name(world, ended) == {"a": ("unknown", "rollback-failed")}
    assert said(ended) == {f"it was to be rolled back ({WHY}), and there is no list to go by"}
    assert (world.verbs, ended.left) == (["update", "list"], None)


def test_what_others_changed_at_the_question_is_left():
    world = World("a", "b")
    wanted = desired(*(tunnel(name, description="x") for name in "ab"))
    ended = answered(
        world, wanted, meanwhile=lambda: foreign_edit(world.simulator, ACCOUNT_ID, "a", {"description": "theirs"})
    )
    assert by_name(world, ended) == {"a": ("unknown", "changed-meanwhile"), "b": BACK}
    assert described(world) == {"a": "theirs", "b": ""}


def test_a_run_that_was_stopped_takes_its_updates_back():
    world = World("a", "b")
    stopped = NotSent("interrupted", "the run was stopped")
    world.instead = {(Verb.UPDATE, 1): stopped}
    ended = answered(world, desired(*(tunnel(name, description="x") for name in "ab")), batch_size=1)
    assert by_name(world, ended) == {"a": BACK, "b": ("skipped", "interrupted")}
    assert ended.stop == stopped
    assert described(world) == {"a": "", "b": ""}


def test_a_cycle_is_taken_back_as_one():
    world = World("a", "b")
    nets = {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)}
    wanted = desired(tunnel("a", interface_address=nets["b"]), tunnel("b", interface_address=nets["a"]))
    ended = answered(world, wanted._replace(account=account(rollout=Rollout(("1",)))))
    assert by_name(world, ended) == {"a": BACK, "b": BACK}
    assert {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)} == nets


def test_what_others_did_just_so_is_not_taken_back():
    world = World("a", "b")
    world.instead = {(Verb.UPDATE, 0): LOST}
    world.meddle(1, foreign_edit, "b", {"description": "x"})
    wanted = desired(tunnel("a", description="x"), tunnel("b", description="x"))
    ended = answered(world, wanted, batch_size=1)
    assert by_name(world, ended) == {"a": BACK, "b": ("applied", None)}
    assert described(world) == {"a": "", "b": "x"}


def test_what_a_stop_left_parked_is_taken_back():
    world = World("a", "b")
    nets = {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)}
    no, stopped = Refused(400, (ApiError("1022", "no"),)), NotSent("interrupted", "the run was stopped")
    world.instead = {(Verb.UPDATE, 0): no, (Verb.UPDATE_ONE, 1): stopped}
    ended = answered(world, desired(*(tunnel(a, interface_address=nets[b]) for a, b in ("ab", "ba"))))
    assert {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)} == nets
    assert sorted(by_name(world, ended).values()) == [BACK, ("skipped", "interrupted")]


def test_a_refused_update_that_was_carried_out_all_the_same_is_taken_back():
    world = World("a", "b")
    no = Refused(400, (ApiError("1022", "no"),))
    world.after = {(Verb.UPDATE, 0): no, (Verb.UPDATE_ONE, 0): no}
    ended = answered(world, desired(tunnel("a", description="x"), "b"))
    assert (by_name(world, ended), described(world)) == ({"a": BACK}, {"a": "", "b": ""})


def test_what_a_rollout_left_ill_is_taken_back_too():
    world = world_of("a", "b", semantics="bgp_down=b")
    ended = answered(world, new_asn("a", "b", rollout=Rollout(("1", "2"), apart="none", on_failure="stop")))
    assert by_name(world, ended) == {"a": BACK, "b": BACK}
    assert asns(world) == {"a": 65010, "b": 65010}


def test_a_delete_that_frees_something_for_a_create_alone_waits_for_the_yes():
    for why, verbs in (
        (WHY, ["update", "list", "update", "list", "list"]),
        ("", ["update", "list", "delete", "create", "list"]),
    ):
        world = World("a", "gone")
        network = next(t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID) if t["name"] == "gone")
        wanted = desired(tunnel("a", description="x"), tunnel("new", interface_address=network))
        ended = answered(world, wanted, why)
        assert (ended.converged, world.verbs) == (not why, verbs)
        assert set(described(world)) == ({"a", "gone"} if why else {"a", "new"})


def test_nor_is_it_forgotten_where_nobody_was_asked():
    world = World("gone")
    network = world.simulator.tunnels(ACCOUNT_ID)[0]["interface_address"]
    assert answered(world, desired(tunnel("new", interface_address=network)), None).converged
    assert world.verbs == ["delete", "create", "list"]
