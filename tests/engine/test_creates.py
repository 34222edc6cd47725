from reconciler.api.call import ApiError, Denied, Refused, Verb
from tests.build import ACCOUNT_ID, account, desired, settings, tunnel
from tests.engine.harness import LOST, World, results
from tests.strangers import foreign_create, foreign_edit

KEYED = frozenset({"b"})
WISH = (tunnel("a"), tunnel("b"))


def world_with_key(*names, **options):
    world = World(*names, **options)
    world.keys = {"b": "0123"}
    return world


def test_a_key_goes_with_the_create():
    world = world_with_key("a")
    assert world.apply(desired(*WISH), KEYED).converged
    assert list(world.simulator.keys(ACCOUNT_ID).values()) == ["0123"]
    assert world.verbs == ["create", "list"]


def test_a_lost_create_is_adopted_and_its_key_set_again():
    world = world_with_key("a")
    world.after = {(Verb.CREATE, 0): LOST}
    assert world.apply(desired(*WISH), KEYED).converged
    assert world.verbs == ["create", "list", "set_keys", "list"]
    assert world.simulator.created(ACCOUNT_ID) == {"b": 1}


def test_a_create_that_did_not_arrive_is_sent_again_only_after_two_lists_that_lack_it():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): LOST}
    assert world.apply(desired(*WISH)).converged
    assert world.verbs == ["create", "list", "list", "create", "list"]
    assert world.pauses == [5.0]


def test_a_tunnel_of_that_name_that_is_not_ours_is_not_adopted():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): LOST}
    real = world.carry

    def carry(step):
        outcomes = real(step)
        if world.verbs == ["create"]:
            foreign_create(world.simulator, ACCOUNT_ID, settings("b", interface_address="10.200.0.0/31"))
        return outcomes

    world.carry = carry
    ended = world.apply(desired(*WISH))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "name-taken")


def test_a_refused_create_does_not_stop_the_others():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): Refused(400, (ApiError("1022", "no"),))}
    ended = world.apply(desired(*WISH, tunnel("c")))
    assert results(ended) == ["failed", "applied"]


def test_a_create_that_landed_late_is_adopted_when_the_second_one_is_refused():
    world = World("a", semantics="list_lag=2")
    world.after = {(Verb.CREATE, 0): LOST}
    assert world.apply(desired(*WISH)).converged
    assert world.simulator.created(ACCOUNT_ID) == {"b": 1}


def test_an_adopted_tunnel_without_its_key_is_a_failure():
    world = world_with_key("a", semantics="psk_refusals=b")
    world.after = {(Verb.CREATE, 0): LOST}
    ended = world.apply(desired(*WISH), KEYED)
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "key-not-set")
    assert not ended.converged


def test_an_adopted_tunnel_was_written_even_when_the_token_is_refused_before_its_key_is_set():
    world = world_with_key("a")
    world.after = {(Verb.CREATE, 0): LOST}
    world.instead = {(Verb.SET_KEYS, 0): Denied(403, (ApiError("10000", "no"),))}
    ended = world.apply(desired(*WISH), KEYED)
    assert (results(ended), ended.written) == (["failed"], True)


def test_a_tunnel_that_was_there_before_is_not_taken_for_the_one_sent_and_keeps_its_key():
    world = world_with_key("x", x={"interface_address": "10.200.0.0/31"})
    world.instead = {(Verb.CREATE, 0): LOST}
    real = world.carry

    def carry(step):
        outcomes = real(step)
        if world.verbs == ["create"]:
            foreign_edit(world.simulator, ACCOUNT_ID, "x", {"name": "b"})
        return outcomes

    world.carry = carry
    ended = world.apply(desired(tunnel("b", interface_address="10.200.0.0/31"), of=account(prune=False)), KEYED)
    assert "set_keys" not in world.verbs
    assert world.simulator.keys(ACCOUNT_ID) == {}
    assert ended.notes == (
        "b is there, but not surely made by this run, so its key may be another: reconciler psk set b",
    )
