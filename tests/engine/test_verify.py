"""What the last list says of a change counts, whatever the answer to it said."""

import pytest

from reconciler.api.call import Answered, ApiError, Refused, Verb
from tests.build import desired, tunnel
from tests.engine.harness import World, results
from tests.strangers import foreign_delete, foreign_edit

REMEDY = "Run apply again; if it stays so, somebody else changes it or the server does not keep what it is sent."


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (desired("a", "b"), "the list does not show the tunnel"),
        (desired(), "the list still shows the tunnel"),
        (
            desired(tunnel("a", description="x", replay_protection=True)),
            "the list shows other values for description, replay_protection",
        ),
    ],
)
def test_what_no_list_shows_has_not_converged_and_is_waited_for_thirty_seconds(declared, message):
    world = World("a", semantics="list_lag=99")
    ended = world.apply(declared)
    ((key, verdict),) = ended.verdicts.items()
    assert (verdict.result, verdict.problem.code) == ("failed", "not-converged")
    assert (verdict.problem.message, verdict.problem.remedy) == (message, REMEDY)
    assert [c.ref for c in ended.left] == [key]
    assert world.pauses == [1.0, 2.0, 4.0, 8.0, 15.0]


def test_the_list_that_is_read_last_is_confirmed_too_when_an_answer_said_something_else():
    world = World("a", "b")
    world.after = {(Verb.DELETE, 0): Refused(400, (ApiError("1", "no"),))}
    world.instead = {(Verb.LIST, number): Answered(live=world.live()) for number in range(5)}
    ended = world.apply(desired(tunnel("a", description="x")))
    assert (results(ended), ended.left) == (["applied", "applied"], ())
    assert world.pauses == [1.0, 2.0, 4.0, 8.0, 15.0, 5.0]


def test_an_updated_tunnel_that_somebody_deletes_before_the_list_has_not_converged():
    world = World("a")
    world.meddle(1, foreign_delete, "a")
    ended = world.apply(desired(tunnel("a", description="x")))
    (verdict,) = ended.verdicts.values()
    assert (verdict.problem.code, verdict.problem.message) == ("not-converged", "the list does not show the tunnel")
    assert [(c.action.value, c.name) for c in ended.left] == [("create", "a")]


def test_a_changed_md5_key_that_no_list_shows_has_not_converged():
    world = World("a", semantics="list_lag=99", a={"bgp": {"customer_asn": 5, "md5_key": "old"}})
    ended = world.apply(desired(tunnel("a", bgp={"customer_asn": 5, "md5_key": "new"})))
    (verdict,) = ended.verdicts.values()
    assert (verdict.problem.code, verdict.problem.message) == (
        "not-converged",
        "the list shows other values for bgp.md5_key",
    )


def test_what_somebody_else_changed_after_the_write_is_not_waited_for():
    world = World("a")
    world.meddle(1, foreign_edit, "a", {"description": "theirs"})
    ended = world.apply(desired(tunnel("a", description="ours")))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "not-converged")
    assert (world.verbs, world.pauses) == (["update", "list"], [])


def test_what_the_server_keeps_can_be_declared_ignored_or_replaced():
    world = World("a", a={"bgp": {"customer_asn": 65010}}, semantics="put=merge")
    (verdict,) = world.apply(desired("a")).verdicts.values()
    assert verdict.problem.message == "the server keeps bgp although it was taken away"
    assert verdict.problem.remedy == (
        "The API documents no way to remove it: declare it, ignore the field, or replace the tunnel by hand."
    )
