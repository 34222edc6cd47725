"""Rollouts over the simulator: waves, what is judged, what is taken back."""

from reconciler.api.call import Answered, ApiError, NotSent, Pause, Refused, Verb, drive
from reconciler.engine.apply import apply
from reconciler.model.desired import Rollout
from reconciler.model.problems import Location
from tests.build import ACCOUNT_ID, account, desired, settings, tunnel
from tests.engine.harness import LOST, World, by_name
from tests.strangers import foreign_create, foreign_edit

BGP = {"bgp": {"customer_asn": 65010}}
NEW = {"bgp": {"customer_asn": 65020}}
ONE_BY_ONE = Rollout(("1", "2", "3", "4"), apart="none")


def world_of(*names: str, semantics: str = "") -> World:
    return World(*names, semantics=semantics, **dict.fromkeys(names, BGP))


def new_asn(*names: str, rollout: Rollout = ONE_BY_ONE, **fields):
    files = {name: Location(f"tunnels/prod/{name.partition('-')[0]}.yaml", 1) for name in names}
    return desired(
        *(tunnel(name, **(NEW | fields.get(name, {})))._replace(location=files[name]) for name in names),
        of=account(rollout=rollout),
    )


def asns(world: World) -> dict[str, int]:
    return {t["name"]: t["bgp"]["customer_asn"] for t in world.simulator.tunnels(ACCOUNT_ID)}


def test_each_wave_is_watched_until_it_is_healthy():
    world = world_of("a", "b")
    ended = world.apply(new_asn("a", "b"))
    assert ended.converged
    # The session is up after 3 s and stays so for 15: seen up at 5, believed at 20.
    watched = [5.0, "list"] * 4
    assert world.story == ["update", *watched, "update", *watched, "list"]


def test_lists_are_read_until_a_slow_session_is_up():
    world = world_of("a", semantics="bgp_lag=61")
    assert world.apply(new_asn("a")).converged
    assert world.story == ["update", *[5.0, "list"] * (13 + 3), "list"]


def test_a_session_that_never_went_down_is_believed_after_the_hold():
    world = world_of("a", semantics="bgp_keeps=true")
    assert world.apply(new_asn("a")).converged
    assert world.story == ["update", *[5.0, "list"] * 21, "list"]


def test_a_dead_session_that_still_reads_up_is_not_believed():
    world = world_of("a", semantics="bgp_hold=90,bgp_down=a")
    ended = world.apply(new_asn("a"))
    assert by_name(world, ended) == {"a": ("rolled_back", "rolled-back")}
    assert asns(world) == {"a": 65010}


def test_a_session_that_flaps_never_settles():
    world = world_of("a", semantics="bgp_flap=12")
    ended = world.apply(new_asn("a"))
    assert by_name(world, ended) == {"a": ("rolled_back", "rolled-back")}


def test_a_wave_that_stays_down_is_rolled_back_and_the_rest_is_skipped():
    world = world_of("a", "b", "c", "d", semantics="bgp_down=b")
    ended = world.apply(new_asn("a", "b", "c", "d", rollout=Rollout(("1", "3", "4"), apart="none")))
    assert by_name(world, ended) == {
        "a": ("applied", None),
        "b": ("rolled_back", "rolled-back"),
        "c": ("rolled_back", "rolled-back"),
        "d": ("skipped", "rollout-ended"),
    }
    assert asns(world) == {"a": 65020, "b": 65010, "c": 65010, "d": 65010}
    assert not ended.converged
    said = {name: ended.verdicts[_id(world, name)].problem.message for name in "bcd"}
    assert said["b"].startswith("its BGP session is down since 2027-")
    assert said["c"] == "it is in one wave with b"
    assert said["d"] == "the rollout ended in wave 2 of 3: b"


def test_stop_leaves_the_wave_as_it_is():
    world = world_of("a", "b", semantics="bgp_down=a")
    ended = world.apply(new_asn("a", "b", rollout=Rollout(("1",), on_failure="stop")))
    assert by_name(world, ended) == {"a": ("failed", "not-healthy"), "b": ("skipped", "rollout-ended")}
    assert asns(world) == {"a": 65020, "b": 65010}
    assert not ended.converged


def test_what_was_down_before_holds_nothing_up():
    world = world_of("a", "b", semantics="bgp_down=a")
    foreign_edit(world.simulator, ACCOUNT_ID, "a", {"bgp": {"customer_asn": 65011}})
    world.simulator.account(ACCOUNT_ID).keep(
        world.simulator.account(ACCOUNT_ID).tunnels[_id(world, "a")]
        | {"bgp_status": {"changed": 1_800_000_000_000_000, "up": False, "since": 0}}
    )
    ended = world.apply(new_asn("a", "b"))
    assert ended.converged
    assert ended.notes[0] == "Not judged in wave 1 of 2: a (no BGP session that was up before)."


def _id(world: World, name: str) -> str:
    return next(t["id"] for t in world.simulator.tunnels(ACCOUNT_ID) if t["name"] == name)


def test_a_wave_with_nothing_to_judge_waits_once():
    world = World("a", "b")
    wanted = desired(
        *(tunnel(name, replay_protection=True) for name in ("a", "b")),
        of=account(rollout=Rollout(("1",), apart="none")),
    )
    assert world.apply(wanted).converged
    assert world.story == ["update", 15.0, "list", "update", 15.0, "list", "list"]


def test_a_field_that_somebody_changed_since_is_left():
    world = world_of("a", semantics="bgp_down=a")
    world.meddle(3, foreign_edit, "a", {"bgp": {"customer_asn": 65099}})
    ended = world.apply(new_asn("a"))
    assert by_name(world, ended) == {"a": ("unknown", "changed-meanwhile")}
    assert asns(world) == {"a": 65099}


def test_a_rollback_that_the_server_refuses_is_a_failure_with_both_values():
    world = world_of("a", semantics="bgp_down=a")
    no = Refused(400, (ApiError("1022", "no"),))
    world.instead = {(Verb.UPDATE, 1): no, (Verb.UPDATE_ONE, 0): no}
    ended = world.apply(new_asn("a"))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "rollback-failed")
    assert verdict.problem.message == (
        "it could not be given its old values back: no; bgp.customer_asn is 65020 and was 65010"
    )


def test_a_refused_update_ends_the_rollout_and_harms_nobody():
    world = world_of("a", "b", "c")
    no = Refused(400, (ApiError("1022", "no"),))
    world.instead = {(Verb.UPDATE, 0): no, (Verb.UPDATE, 1): no, (Verb.UPDATE_ONE, 0): no}
    ended = world.apply(new_asn("a", "b", "c", rollout=Rollout(("2", "3"), apart="none")))
    assert by_name(world, ended) == {
        "a": ("failed", "1022"),
        "b": ("applied", None),
        "c": ("skipped", "rollout-ended"),
    }


def test_a_list_that_fails_while_watching_ends_all_and_nothing_is_written_blindly():
    world = world_of("a", "b", semantics="bgp_down=a")
    world.instead = {(Verb.LIST, 1): NotSent("unreachable", "no route")}
    ended = world.apply(new_asn("a", "b"))
    assert by_name(world, ended) == {"a": ("applied", None), "b": ("skipped", "unreachable")}
    assert world.verbs == ["update", "list", "list"]
    assert ended.left is None


def test_nothing_is_deleted_before_all_waves_are_healthy():
    world = world_of("a", "gone", semantics="bgp_down=a")
    ended = world.apply(new_asn("a"))
    assert by_name(world, ended)["gone"] == ("skipped", "rollout-ended")
    assert "delete" not in world.verbs
    world = world_of("a", "gone")
    assert world.apply(new_asn("a")).converged
    assert world.verbs == ["update", *["list"] * 4, "delete", "list"]


def test_nor_is_anything_made_or_freed_after_a_wave_that_failed():
    world = world_of("a", "gone", semantics="bgp_down=a")
    network = next(t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID) if t["name"] == "gone")
    ended = world.apply(new_asn("a", "new", new={"interface_address": network}))
    assert set(by_name(world, ended).values()) == {("rolled_back", "rolled-back"), ("skipped", "rollout-ended")}
    assert {t["name"] for t in world.simulator.tunnels(ACCOUNT_ID)} == {"a", "gone"}


def test_a_swap_is_one_unit_and_is_rolled_back_as_one():
    world = world_of("a", "b", semantics="bgp_down=b")
    nets = {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)}
    wanted = new_asn("a", "b", a={"interface_address": nets["b"]}, b={"interface_address": nets["a"]})
    ended = world.apply(wanted)
    assert {v.result for v in ended.verdicts.values()} == {"rolled_back"}
    assert {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)} == nets


def test_at_the_deadline_no_wave_begins_and_nobody_waits_for_those_that_did_not():
    world = world_of("a", "b", "c", "d")
    world.instead = {(Verb.UPDATE, 1): NotSent("deadline", "no time left")}
    ended = world.apply(new_asn("a", "b", "c", "d"))
    assert by_name(world, ended) == {"a": ("applied", None), **dict.fromkeys("bcd", ("skipped", "deadline"))}
    assert world.story == ["update", *[5.0, "list"] * 4, "update"]


def test_a_wave_whose_answer_the_deadline_cut_off_is_judged_all_the_same():
    world = world_of("a", "b", semantics="bgp_down=a")
    world.after = {(Verb.UPDATE, 0): LOST}
    world.instead = {(Verb.LIST, 0): NotSent("deadline", "no time left")}
    ended = world.apply(new_asn("a", "b"))
    assert by_name(world, ended) == {"a": ("rolled_back", "rolled-back"), "b": ("skipped", "deadline")}
    assert asns(world) == {"a": 65010, "b": 65010}


def test_a_cycle_is_rolled_back_with_the_member_that_only_changes_its_name():
    world = world_of("x", "y", "z", semantics="bgp_down=new;x")
    nets = {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)}
    of = account(rollout=Rollout(("1",)))
    y = tunnel("y", renamed_from="x", interface_address=nets["x"], **BGP)
    new = tunnel("new", renamed_from="y", interface_address=nets["z"], **BGP)
    x = tunnel("x", renamed_from="z", interface_address="10.200.0.0/31", **BGP)
    ended = world.apply(desired(y, new, x, of=of))
    assert {v.result for v in ended.verdicts.values()} == {"rolled_back"}
    assert {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)} == nets


def test_a_list_that_does_not_show_the_change_yet_says_nothing_of_its_session():
    world = world_of("a", "b", semantics="bgp_down=a,list_lag=25")
    world.apply(new_asn("a", "b"))
    assert asns(world) == {"a": 65010, "b": 65010}


def test_a_session_that_changed_while_no_list_could_be_had_begins_anew():
    world = world_of("a", semantics="bgp_hold=20,bgp_lag=90")
    real = world.carry
    rest = iter([5.0] * 3 + [100.0])  # three looks at the dead session that reads up, then retries until it is up anew

    def carry(step):
        return real(step._replace(seconds=next(rest, step.seconds)) if isinstance(step, Pause) else step)

    drive(apply(world.plan(new_asn("a"))), carry)
    assert world.story == ["update", *[5.0, "list"] * 3, 100.0, "list", *[5.0, "list"] * 3, "list"]


def test_what_others_had_changed_just_so_is_not_watched_and_not_rolled_back():
    world = world_of("a", "b")
    world.meddle(2, foreign_edit, "b", NEW)
    assert world.apply(new_asn("a", "b")).converged
    assert world.story == ["update", *[5.0, "list"] * 4, "list"]


def test_what_somebody_else_took_meanwhile_is_not_taken_back():
    world = world_of("a", semantics="bgp_down=a,addresses_unique=false")
    (net,) = (t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID))
    world.meddle(3, foreign_create, settings("theirs", interface_address=net))
    ended = world.apply(new_asn("a", a={"interface_address": "10.200.0.0/31"}))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "rollback-failed")
    assert verdict.problem.message.startswith(
        f"it could not be given its old values back: theirs holds the interface network {net} by now; "
    )
    assert {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)} == {
        "a": "10.200.0.0/31",
        "theirs": net,
    }


def test_only_what_was_rolled_back_is_said_to_be():
    world = world_of("a", "b", semantics="bgp_down=a;b")
    no = Refused(400, (ApiError("1022", "no"),))
    world.instead = {(Verb.UPDATE, 1): no, (Verb.UPDATE, 2): no, (Verb.UPDATE_ONE, 0): no}
    ended = world.apply(new_asn("a", "b", rollout=Rollout(("2",), apart="none")))
    assert by_name(world, ended) == {"a": ("failed", "rollback-failed"), "b": ("rolled_back", "rolled-back")}
    assert ended.notes == ("Rolled back: b.",)


def test_a_wave_that_is_not_watched_to_its_end_is_told():
    world = world_of("a", "b")
    world.instead = {(Verb.LIST, 1): NotSent("interrupted", "not sent, since the run is being stopped")}
    ended = world.apply(new_asn("a", "b"))
    assert by_name(world, ended) == {"a": ("applied", None), "b": ("skipped", "interrupted")}
    assert ended.notes == ("Wave 1 of 2 was changed and not watched to its end: look at a.",)


def test_a_rollback_knows_what_it_wrote_in_the_form_that_the_server_keeps():
    world = world_of("old", semantics="bgp_down=new,names=lower")
    wanted = tunnel("New", renamed_from="old", **NEW)
    ended = world.apply(desired(wanted, of=account(rollout=ONE_BY_ONE)))
    assert by_name(world, ended) == {"old": ("rolled_back", "rolled-back")}


def test_a_rollback_goes_by_no_list_that_lags_behind_what_it_takes_back():
    world = world_of("a", semantics="bgp_down=a")
    stale = world.live()._replace(asked=305.0 + world.seconds, at=305.0 + world.seconds)
    world.instead = {(Verb.LIST, 60): Answered(live=stale)}  # the last one while watching
    ended = world.apply(new_asn("a"))
    assert world.verbs == ["update", *["list"] * 62, "update", "list", "list"]
    assert by_name(world, ended) == {"a": ("rolled_back", "rolled-back")}
    assert asns(world) == {"a": 65010}


def test_nothing_is_rolled_back_where_no_list_shows_what_there_is():
    world = world_of("a", semantics="bgp_down=a")
    stale = world.live()._replace(asked=305.0 + world.seconds, at=305.0 + world.seconds)
    world.instead = {(Verb.LIST, 60): Answered(live=stale), (Verb.LIST, 61): NotSent("unreachable", "no route")}
    ended = world.apply(new_asn("a"))
    assert by_name(world, ended) == {"a": ("unknown", "rollback-failed")}
    assert world.verbs == ["update", *["list"] * 62]
