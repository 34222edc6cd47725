import pytest

from reconciler.api.call import ApiError, Denied, NotSent, Refused, Verb
from tests.build import desired, tunnel
from tests.engine.harness import LOST, World


def verdicts(ended):
    return [(v.result.value, v.problem and v.problem.code) for v in ended.verdicts.values()]


def test_a_refused_delete_fails_in_the_server_s_words_and_is_not_sent_again():
    world = World("gone", "kept")
    world.instead = {(Verb.DELETE, 0): Refused(400, (ApiError("1022", "no"),))}
    ended = world.apply(desired("kept"))
    assert verdicts(ended) == [("failed", "1022")]
    assert world.verbs == ["delete", "list"]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Denied(403, (ApiError("10000", "no"),)), ("failed", "10000")),
        (NotSent("deadline", "no time left"), ("skipped", "deadline")),
    ],
)
def test_a_delete_that_was_surely_not_carried_out_ends_the_run(answer, verdict):
    world = World("gone", "kept")
    world.instead = {(Verb.DELETE, 0): answer}
    ended = world.apply(desired("kept"))
    assert verdicts(ended) == [verdict]
    assert world.verbs == ["delete"]


def test_a_delete_that_was_not_carried_out_is_sent_again_after_a_list_and_a_pause():
    world = World("gone", "kept")
    world.instead = {(Verb.DELETE, 0): LOST}
    assert world.apply(desired("kept")).converged
    assert world.verbs == ["delete", "list", "delete", "list"]
    assert world.pauses == [2.0]
    assert world.reasons == ["before an uncertain delete is sent again"]


def test_a_delete_that_a_success_says_was_not_done_is_sent_again_while_a_list_shows_the_tunnel():
    world = World("gone", "kept")
    world.instead = {(Verb.DELETE, 0): Refused(200, (ApiError("not-deleted", "deleted: false"),))}
    assert world.apply(desired("kept")).converged
    assert world.verbs == ["delete", "list", "delete", "list"]


def test_a_lost_delete_is_done_when_its_id_is_gone():
    world = World("gone", "kept")
    world.after = {(Verb.DELETE, 0): LOST}
    assert world.apply(desired("kept")).converged
    assert world.verbs == ["delete", "list", "list"]
    assert world.pauses == []


def test_of_two_lost_deletes_only_the_one_that_is_still_listed_is_sent_again():
    world = World("gone", "left", "kept")
    world.after = {(Verb.DELETE, 0): LOST}
    world.instead = {(Verb.DELETE, 1): LOST}
    assert world.apply(desired("kept")).converged
    assert world.verbs == ["delete", "delete", "list", "delete", "list"]


def test_what_a_lost_delete_frees_is_taken_in_the_same_run():
    world = World("old", old={"interface_address": "10.0.0.0/31"})
    world.after = {(Verb.DELETE, 0): LOST}
    assert world.apply(desired(tunnel("new", interface_address="10.0.0.0/31"))).converged
    assert world.verbs == ["delete", "list", "create", "list"]


def test_a_delete_that_is_lost_each_time_is_unknown():
    world = World("gone", "kept")
    world.instead = dict.fromkeys([(Verb.DELETE, i) for i in range(4)], LOST)
    ended = world.apply(desired("kept"))
    assert verdicts(ended) == [("unknown", "no-answer")]
    assert world.verbs == ["delete", "list"] * 4 + ["list"]
    assert world.pauses == [2.0, 4.0, 8.0]


def test_a_lost_delete_is_unknown_when_no_list_can_be_had():
    world = World("gone", "kept")
    world.instead = {(Verb.DELETE, 0): LOST, (Verb.LIST, 0): LOST}
    assert verdicts(world.apply(desired("kept"))) == [("unknown", "no-answer")]
    assert world.verbs == ["delete", "list"]
