"""A tunnel that a later list shows with a field of an impossible type: nothing is guessed about it."""

import pytest

from reconciler.api.call import Answered, Verb
from tests.build import account, desired, live, raw, tunnel
from tests.engine.harness import LOST, World, by_name

WISH = desired(tunnel("a", description="x"), tunnel("b", description="x"))
GONE = desired("b", of=account(removed=["a"]))


def world(odd="a"):
    """Two tunnels; from the first list on, one of them can't be read."""
    one = World("a", "b")
    real = one.call

    def call(asked):
        outcome = real(asked)
        if asked.verb is not Verb.LIST:
            return outcome
        shown = [dict(t.raw) | ({"bgp": "?"} if t.name == odd else {}) for t in outcome.live.tunnels.values()]
        return Answered(live=live(*shown))

    one.call = call
    return one


def test_a_change_that_no_list_can_prove_is_unknown_and_the_others_are_proved():
    one = world()
    ended = one.apply(WISH)
    assert by_name(one, ended) == {"a": ("unknown", "unreadable-tunnel"), "b": ("applied", None)}
    assert [v.problem.message for v in ended.verdicts.values() if v.problem] == ["it can't be read: bgp is a string"]
    assert [t.name for t in ended.unreadable] == ["a"]
    assert (ended.left, ended.converged) == ((), False)


def test_a_lost_update_of_it_is_not_sent_again():
    one = world()
    one.after = {(Verb.UPDATE, 0): LOST}
    ended = one.apply(WISH)
    assert by_name(one, ended) == {"a": ("unknown", "no-answer"), "b": ("applied", None)}
    assert one.verbs.count("update") == 1


def test_an_update_is_not_sent_once_a_list_on_the_way_showed_it():
    one = world("b")
    one.after = {(Verb.UPDATE, 0): LOST}
    ended = one.apply(WISH, batch_size=1)
    assert by_name(one, ended) == {"a": ("applied", None), "b": ("failed", "unreadable-tunnel")}
    assert [v.problem.message for v in ended.verdicts.values() if v.problem] == [
        "it can't be read any more: bgp is a string"
    ]
    assert one.verbs.count("update") == 1


def test_a_lost_delete_of_it_is_not_sent_again():
    one = world()
    one.instead = {(Verb.DELETE, 0): LOST}
    ended = one.apply(GONE)
    assert by_name(one, ended) == {"a": ("failed", "changed-meanwhile")}
    assert one.verbs.count("delete") == 1
    assert not ended.converged


@pytest.mark.parametrize("declared", [desired("a", "b"), desired("b"), desired(tunnel("c", renamed_from="a"), "b")])
def test_an_account_with_one_has_not_converged_even_without_a_change(declared):
    one = World()
    odd = live(raw("a") | {"bgp": "?"}, raw("b"))
    one.live = lambda: odd
    ended = one.apply(declared)
    assert (one.verbs, ended.converged, [t.name for t in ended.unreadable]) == ([], False, ["a"])


def test_one_that_is_nobodys_business_blocks_nothing():
    one = world()
    assert one.apply(desired(tunnel("b", description="x"), of=account(prune=False))).converged


def test_a_created_tunnel_that_cant_be_read_is_not_said_to_be_as_declared():
    one = world("c")
    ended = one.apply(desired("a", "b", tunnel("c", description="x")))
    assert [(v.result.value, v.problem.code) for v in ended.verdicts.values()] == [("unknown", "unreadable-tunnel")]
    assert not ended.converged
