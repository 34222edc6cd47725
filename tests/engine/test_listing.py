import pytest

from reconciler.api.call import Answered, ApiError, NotSent, Pause, Refused, Verb, drive, problem_of
from reconciler.engine.apply import apply
from reconciler.engine.listing import read_list
from reconciler.engine.server_check import check
from reconciler.model.live import Live
from tests.build import ACCOUNT_ID, account, desired, live, plan, tunnel
from tests.engine.harness import LOST, World

NULL = Answered()
WHOLE = live("a")
EMPTY = Live({})
FAILED = NotSent("unreachable", "x")


def reading(*answers, seen=()):
    """How a list is read that is answered like this, and how long was waited."""
    left, waited = list(answers), []

    def carry(step):
        if isinstance(step, Pause):
            waited.append(step.seconds)
            return ()
        answer = left.pop(0)
        return (Answered(live=answer) if isinstance(answer, Live) else answer,)

    found = drive(read_list(seen), carry)
    assert left == []
    return found, waited


@pytest.mark.parametrize("answer", [WHOLE, EMPTY, FAILED])
def test_what_is_not_null_is_read_once(answer):
    assert reading(answer) == (answer, [])
    assert reading(answer, seen={"1"}) == (answer, [])


def test_null_twice_some_seconds_apart_is_an_empty_account():
    assert reading(NULL, NULL) == (Live({}, lists=2), [5.0])


@pytest.mark.parametrize("second", [WHOLE, EMPTY, FAILED])
def test_after_one_null_the_second_list_decides(second):
    assert reading(NULL, second) == (second, [5.0])


def test_null_is_not_believed_while_there_must_be_tunnels():
    why = "the list is null, though an earlier one of this run showed 2 tunnels that must be there (ids 1, 2)"
    assert reading(NULL, seen={"2", "1"}) == (Refused(200, (ApiError("list-untrusted", why),)), [])


def why(stop):
    return stop and problem_of(stop).code


def world(*names, **instead):
    """An account that is listed as null when it is empty, and answers to put in the place of the first lists."""
    one = World(*names, semantics="empty_list=null")
    one.instead = {(Verb.LIST, number): answer for number, answer in enumerate(instead.get("lists", ()))}
    return one


def carried_out(one, declared):
    now = Live({}, lists=2) if not one.simulator.tunnels(ACCOUNT_ID) else one.live()
    return drive(apply(plan(declared, now)), one.carry)


def test_a_create_in_an_account_that_is_listed_as_null_converges():
    one = world()
    assert carried_out(one, desired("a")).converged
    assert (one.verbs, one.pauses) == (["create", "list"], [])


@pytest.mark.parametrize("lost", [False, True])
def test_the_last_tunnel_goes_and_null_twice_proves_it(lost):
    one = world("a")
    one.after = {(Verb.DELETE, 0): LOST} if lost else {}
    assert carried_out(one, desired(of=account(removed=["a"]))).converged
    assert one.verbs[:3] == ["delete", "list", "list"]
    assert one.pauses[0] == 5.0


def test_a_lost_create_is_sent_again_after_lists_of_null():
    one = world()
    one.instead = {(Verb.CREATE, 0): LOST}
    assert carried_out(one, desired("a")).converged
    assert one.simulator.created(ACCOUNT_ID) == {"a": 1}


@pytest.mark.parametrize(
    "declared",
    [desired(tunnel("a", description="x"), "b"), desired("b", of=account(removed=["a"])), desired("a", "b", "c")],
)
def test_null_stops_an_account_of_which_a_list_showed_tunnels(declared):
    one = world("a", "b", lists=[NULL])
    ended = carried_out(one, declared)
    assert (ended.left, why(ended.stop), ended.converged) == (None, "list-untrusted", False)
    assert one.verbs[1:] == ["list"]


def test_null_stops_an_account_of_which_a_later_list_showed_tunnels():
    one = world()
    one.after = {(Verb.CREATE, 0): LOST}  # recognised after the first list
    one.instead = {(Verb.LIST, 1): NULL}
    ended = carried_out(one, desired("a"))
    assert (one.verbs, why(ended.stop)) == (["create", "list", "list"], "list-untrusted")


def test_null_is_believed_after_a_list_that_still_showed_what_was_deleted():
    one = world("a")
    one.instead = {(Verb.LIST, 0): Answered(live=one.live())}
    assert carried_out(one, desired(of=account(removed=["a"]))).converged
    assert one.verbs == ["delete", "list", "list", "list"]


@pytest.mark.parametrize(("names", "code"), [((), None), (("b",), "list-untrusted")])
def test_a_check_believes_null_only_of_an_account_that_was_empty(names, code):
    one = World(*names)
    one.instead = {(Verb.LIST, 0): NULL, (Verb.LIST, 1): NULL}
    seen = drive(check(one.plan(desired("a", *names))), one.carry)
    assert (seen.moved, why(seen.stop)) == (False, code)


def test_the_plan_counts_the_second_list():
    assert plan(desired("a"), Live({}, lists=2)).api_calls["list"] == 3
    assert plan(desired(), Live({}, lists=2)).api_calls["list"] == 2


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (Refused(400, (ApiError("1022", "no"),)), ("failed", "list-untrusted")),
        (Refused(200, (ApiError("not-deleted", "deleted: false"),)), ("applied", None)),
    ],
)
def test_null_is_believed_after_a_delete_that_may_have_been_carried_out(answer, ending):
    one = world("a", lists=[NULL, NULL, NULL, NULL])
    one.instead[Verb.DELETE, 0] = answer
    ended = carried_out(one, desired(of=account(removed=["a"])))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, why(ended.stop)) == ending
