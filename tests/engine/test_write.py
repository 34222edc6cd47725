"""An update whose answer can't be believed is looked up, and sent again only when a list shows that it was not done."""

from reconciler.api.call import Answered, ApiError, Refused, Verb
from tests.build import ACCOUNT_ID, desired, tunnel
from tests.engine.harness import LOST, World
from tests.strangers import foreign_edit

NOT_MODIFIED = Refused(200, (ApiError("not-modified", "the answer says modified: false"),))
WISH = desired(tunnel("a", description="x"))


def verdicts(ended):
    return [(v.result.value, v.problem and v.problem.code) for v in ended.verdicts.values()]


def test_an_update_that_is_lost_each_time_is_unknown():
    world = World("a")
    world.instead = dict.fromkeys([(Verb.UPDATE, i) for i in range(4)], LOST)
    assert verdicts(world.apply(WISH)) == [("unknown", "no-answer")]
    assert world.reasons == ["before an uncertain write is sent again"] * 3
    assert world.story == [
        "update",
        "list",
        2.0,
        "update",
        "list",
        4.0,
        "update",
        "list",
        8.0,
        "update",
        "list",
        "list",
    ]


def test_a_success_that_says_not_modified_is_believed_after_two_lists():
    world = World("a")
    world.instead = {(Verb.UPDATE, 0): NOT_MODIFIED}
    assert world.apply(WISH).converged
    assert world.story == ["update", "list", 5.0, "list", "update_one", "list"]


def test_a_success_that_says_not_modified_is_not_believed_when_the_second_list_shows_the_update():
    world = World("a", semantics="list_lag=1")
    world.after = {(Verb.UPDATE, 0): NOT_MODIFIED}
    assert world.apply(WISH).converged
    assert world.story == ["update", "list", 5.0, "list", "list"]


def test_a_success_that_says_not_modified_is_unknown_without_a_second_list():
    world = World("a")
    world.instead = {(Verb.UPDATE, 0): NOT_MODIFIED, (Verb.LIST, 1): LOST}
    assert verdicts(world.apply(WISH)) == [("unknown", "not-modified")]
    assert world.verbs == ["update", "list", "list"]


def test_an_update_sends_the_unknown_fields_that_the_latest_list_shows():
    world = World("a", "b", semantics="server_fields=true")
    world.after = {(Verb.UPDATE, 0): LOST}
    world.meddle(1, foreign_edit, "b", {"x_new_field": "theirs"})
    assert world.apply(desired(tunnel("a", description="x"), tunnel("b", description="x")), batch_size=1).converged
    assert [t["x_new_field"] for t in world.simulator.tunnels(ACCOUNT_ID) if t["name"] == "b"] == ["theirs"]


def test_an_answer_that_shows_an_impossible_tunnel_is_left_to_the_list():
    world = World("a")
    world.after = {(Verb.UPDATE, 0): Answered(tunnels={"0" * 32: {"name": "a", "bgp": "?"}})}
    assert world.apply(WISH).converged
    assert world.verbs == ["update", "list"]
