"""What a list shows that is read on the way is not undone, taken or ignored."""

from reconciler.api.call import ApiError, Refused, Verb
from tests.build import ACCOUNT_ID, account, desired, settings, tunnel
from tests.engine.harness import LOST, World
from tests.strangers import foreign_create, foreign_delete, foreign_edit


def meddling(world, verb, meddle, number=0):
    """Lets somebody meddle right after a call of a verb, by default the first, whose answer is lost."""
    world.after = {(verb, number): LOST}
    real = world.carry

    def carry(step):
        outcomes = real(step)
        if world.verbs[-1] == verb and world.verbs.count(verb) == number + 1:
            meddle(world.simulator)
        return outcomes

    world.carry = carry
    return world


def test_an_update_does_not_undo_what_a_list_on_the_way_showed():
    world = meddling(
        World("a", "b"), Verb.UPDATE, lambda server: foreign_edit(server, ACCOUNT_ID, "b", {"replay_protection": True})
    )

    ended = world.apply(desired(tunnel("a", description="new"), tunnel("b", description="new")), batch_size=1)

    (b,) = [t for t in world.simulator.tunnels(ACCOUNT_ID) if t["name"] == "b"]
    assert (b["replay_protection"], b.get("description")) == (True, None)
    assert ended.verdicts[b["id"]].problem.code == "changed-meanwhile"


def test_a_refused_half_does_not_undo_it_either():
    world = meddling(
        World("a", "b"),
        Verb.UPDATE,
        lambda server: foreign_edit(server, ACCOUNT_ID, "b", {"replay_protection": True}),
        1,
    )
    world.instead = {(Verb.UPDATE, 0): Refused(400, (ApiError("1022", "no"),))}

    world.apply(desired(tunnel("a", description="new"), tunnel("b", description="new")))

    assert world.verbs == ["update", "update", "list", "list"]


def test_nor_does_it_make_the_next_calls_smaller():
    world = meddling(
        World("a", "b", "c", "d"),
        Verb.UPDATE,
        lambda server: foreign_edit(server, ACCOUNT_ID, "b", {"replay_protection": True}),
        1,
    )
    world.instead = {(Verb.UPDATE, 0): Refused(400, (ApiError("1022", "no"),))}

    world.apply(desired(*(tunnel(name, description="new") for name in "abcd")), batch_size=2)

    assert world.verbs == ["update", "update", "list", "update", "list"]


def test_a_detour_stops_at_a_tunnel_that_a_list_on_the_way_showed_to_be_changed():
    ends = {"a": {"interface_address": "10.0.0.0/31"}, "b": {"interface_address": "10.0.0.2/31"}}
    world = meddling(
        World("a", "b", semantics="bulk=sequential", **ends),
        Verb.UPDATE_ONE,
        lambda server: foreign_edit(server, ACCOUNT_ID, "b", {"replay_protection": True}),
    )

    ended = world.apply(desired(tunnel("a", **ends["b"]), tunnel("b", **ends["a"])))

    (b,) = [t for t in world.simulator.tunnels(ACCOUNT_ID) if t["name"] == "b"]
    assert (b["replay_protection"], b["interface_address"]) == (True, "10.0.0.2/31")
    assert ended.verdicts[b["id"]].problem.code == "changed-meanwhile"


def test_an_update_that_somebody_else_has_made_meanwhile_is_not_sent():
    world = meddling(
        World("a", "b"), Verb.UPDATE, lambda server: foreign_edit(server, ACCOUNT_ID, "b", {"description": "new"})
    )

    ended = world.apply(desired(tunnel("a", description="new"), tunnel("b", description="new")), batch_size=1)

    assert world.verbs == ["update", "list", "list"]
    assert ended.converged


def test_a_tunnel_that_somebody_edits_meanwhile_is_not_deleted():
    world = meddling(
        World("a", "b"), Verb.UPDATE, lambda server: foreign_edit(server, ACCOUNT_ID, "b", {"description": "mine"})
    )

    ended = world.apply(desired(tunnel("a", description="new"), of=account(removed=["b"])))

    assert "delete" not in world.verbs
    assert [v.problem.code for v in ended.verdicts.values() if v.problem] == ["changed-meanwhile"]


def test_a_tunnel_that_somebody_deletes_meanwhile_is_gone_as_was_wanted():
    world = meddling(World("a", "b"), Verb.UPDATE, lambda server: foreign_delete(server, ACCOUNT_ID, "b"))
    assert world.apply(desired(tunnel("a", description="new"), of=account(removed=["b"]))).converged


def test_a_lost_delete_is_not_repeated_when_somebody_edits_the_tunnel():
    world = World("a", "b")
    world.instead = {(Verb.DELETE, 0): LOST}
    world.meddle(1, foreign_edit, "b", {"description": "mine"})
    ended = world.apply(desired(tunnel("a"), of=account(removed=["b"])))

    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "changed-meanwhile")
    assert world.verbs == ["delete", "list", "list"]


def test_no_create_of_a_name_that_a_list_on_the_way_showed():
    taken = settings("b", interface_address="10.200.0.0/31")
    world = meddling(
        World("a", semantics="names_unique=false"),
        Verb.UPDATE,
        lambda server: foreign_create(server, ACCOUNT_ID, taken),
    )

    ended = world.apply(desired(tunnel("a", description="new"), tunnel("b")))

    assert "create" not in world.verbs
    verdict = ended.verdicts["+b"]
    assert (verdict.result, verdict.problem.code) == ("failed", "name-taken")


def test_the_last_leg_of_a_detour_is_sent_again_when_it_did_not_arrive():
    ends = {"a": {"interface_address": "10.0.0.0/31"}, "b": {"interface_address": "10.0.0.2/31"}}
    world = World("a", "b", semantics="bulk=sequential", **ends)
    world.instead = {(Verb.UPDATE_ONE, 2): LOST}

    assert world.apply(desired(tunnel("a", **ends["b"]), tunnel("b", **ends["a"]))).converged
    assert world.verbs == ["update", "list", *["update_one"] * 3, "list", "update_one", "list"]


def test_a_create_takes_no_network_that_a_list_on_the_way_showed_to_be_taken():
    world = meddling(
        World("a"),
        Verb.UPDATE,
        lambda server: foreign_create(server, ACCOUNT_ID, settings("theirs", interface_address="10.200.0.0/30")),
    )

    ended = world.apply(desired(tunnel("a", description="x"), tunnel("b", interface_address="10.200.0.0/31")))

    verdict = ended.verdicts["+b"]
    assert (verdict.result, verdict.problem.code) == ("failed", "network-taken")
    assert "create" not in world.verbs
