import pytest

from reconciler.api.call import Answered, ApiError, Denied, NotSent, Refused, Verb, drive
from reconciler.engine.server_check import check
from reconciler.model.live import live_from_result
from tests.build import ACCOUNT_ID, account, desired, tunnel
from tests.engine.harness import LOST, World
from tests.strangers import foreign_edit


def checked(world, *wish, of=None):
    plan = world.plan(desired(*wish, of=of))
    found = drive(check(plan), world.carry)
    names = {c.ref: c.name for c in plan.changes}
    return (
        {names[k] for k in found.accepted},
        {names[k]: p.code for k, p in found.refused.items()},
        {names[k] for k in found.not_checked},
        found,
    )


def test_accepted_changes_are_not_persisted():
    world = World("a")
    before = world.simulator.tunnels(ACCOUNT_ID)
    accepted, refused, left, found = checked(world, tunnel("a", description="x"), tunnel("b"))
    assert (accepted, refused, left, found.moved) == ({"a", "b"}, {}, set(), False)
    assert world.simulator.tunnels(ACCOUNT_ID) == before
    assert world.verbs == ["update", "create", "list"]


def test_a_server_without_bulk_calls_checks_one_by_one_and_persists_nothing():
    world = World("a", semantics="bulk_body=none")
    before = world.simulator.tunnels(ACCOUNT_ID)
    accepted, _, _, found = checked(world, tunnel("a", description="x"))
    assert (accepted, found.moved) == ({"a"}, False)
    assert world.simulator.tunnels(ACCOUNT_ID) == before
    assert world.verbs == ["update", "update_one", "list"]


def test_the_refused_one_is_found_among_the_accepted():
    world = World("a", "b", "c", semantics="coupler_integration=false")
    wish = (tunnel("a", description="x"), tunnel("b", automatic_return_routing=True), tunnel("c", description="x"))
    accepted, refused, _, _ = checked(world, *wish)
    assert (accepted, refused) == ({"a", "c"}, {"b": "1022"})


def test_deletes_and_what_is_only_valid_as_a_whole_are_not_checked():
    world = World("old", old={"interface_address": "10.0.0.0/31"})
    accepted, refused, left, _ = checked(world, tunnel("new", interface_address="10.0.0.0/31"))
    assert (accepted, refused, left) == (set(), {}, {"old", "new"})
    assert world.verbs == []


def test_a_swap_is_not_checked():
    one, two = {"interface_address": "10.0.0.0/31"}, {"interface_address": "10.0.0.2/31"}
    world = World("a", "b", a=one, b=two)
    accepted, refused, left, _ = checked(world, tunnel("a", **two), tunnel("b", **one))
    assert (accepted, refused, left) == (set(), {}, {"a", "b"})
    assert world.verbs == []


def test_a_token_that_may_not_write_checks_nothing():
    world = World("a")
    world.instead = {(Verb.UPDATE, 0): Denied(403, (ApiError("10000", "no"),))}
    accepted, refused, left, found = checked(world, tunnel("a", description="x"))
    assert (accepted, refused, left, found.stop) == (set(), {}, {"a"}, None)


MAY_NOT = "the token may not write, so Cloudflare does not check changes for it"
AS_A_WHOLE = "only valid together with other changes: it needs something that another tunnel still holds"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            Denied(403, (ApiError("10000", "no"),)),
            "the token may not write, so Cloudflare does not check changes for it",
        ),
        (NotSent("unreachable", "the connection was refused"), "the connection was refused"),
        (LOST, "the connection was reset"),
    ],
)
def test_what_was_not_checked_says_why(answer, reason):
    world = World("a", "old", old={"interface_address": "10.0.0.0/31"})
    world.instead = {(Verb.UPDATE, 0): answer}
    wish = (tunnel("a", description="x"), tunnel("new", interface_address="10.0.0.0/31"))
    plan = world.plan(desired(*wish))
    found = drive(check(plan), world.carry)
    names = {c.ref: c.name for c in plan.changes}
    assert {names[key]: why for key, why in found.not_checked.items()} == {
        "a": reason,
        "new": AS_A_WHOLE,
        "old": "a delete is never sent, not even to be checked",
    }


def test_a_move_meanwhile_is_seen():
    world = World("a")
    world.meddle(1, foreign_edit, "a", {"description": "theirs"})
    assert checked(world, tunnel("a", description="x"))[3].moved


@pytest.mark.parametrize(("name", "moved"), [("a2", True), ("b", False)])
def test_a_move_of_a_tunnel_that_others_own_is_theirs(name, moved):
    world = World("a", "a2", "b")
    world.meddle(1, foreign_edit, name, {"description": "theirs"})
    wish = tunnel("a", description="x"), tunnel("a2")
    assert checked(world, *wish, of=account(owns=["a*"]))[3].moved is moved


@pytest.mark.parametrize(
    ("shown", "moved"),
    [({}, False), ({"description": "theirs"}, True), ({"modified_on": "2026-05-04T10:00:00Z"}, True)],
)
def test_other_settings_or_another_time_of_modification_are_a_move(shown, moved):
    world = World("a")
    listed = live_from_result({"ipsec_tunnels": [t | shown for t in world.simulator.tunnels(ACCOUNT_ID)]})
    world.instead = {(Verb.LIST, 0): Answered(live=listed)}
    assert checked(world, tunnel("a", description="x"))[3].moved is moved


@pytest.mark.parametrize(
    "answer",
    [
        NotSent("interrupted", "stop"),
        Denied(403, (ApiError("10000", "no"),)),
        Refused(404, (ApiError("1", "gone"),)),
    ],
)
def test_a_check_whose_last_list_can_t_be_had_says_why(answer):
    world = World("a")
    world.instead = {(Verb.LIST, 0): answer}
    assert checked(world, tunnel("a", description="x"))[3].stop == answer


def test_a_check_that_could_not_be_sent_stops():
    world = World("a")
    world.instead = {(Verb.UPDATE, 0): NotSent("unreachable", "no")}
    found = checked(world, tunnel("a", description="x"), tunnel("b"))[3]
    assert (found.stop, found.moved) == (NotSent("unreachable", "no"), False)
    assert world.verbs == ["update"]


def test_a_check_that_could_not_be_sent_leaves_out_the_next_batch():
    world = World("a", "b")
    world.instead = {(Verb.UPDATE, 0): LOST}
    plan = world.plan(desired(tunnel("a", description="x"), tunnel("b", description="x")), batch_size=1)
    assert drive(check(plan), world.carry).stop == LOST
    assert world.verbs == ["update"]


def test_a_check_sends_just_what_apply_would_send():
    world = World("a", semantics="server_fields=true")
    wish = desired(tunnel("a", description="x"))
    drive(check(world.plan(wish)), world.carry)
    world.apply(wish)
    sent = [call for call in world.calls if call.verb is Verb.UPDATE]
    assert sent[0].validate_only
    assert "x_new_field" in sent[0].body["items"][0]
    assert sent[0]._replace(validate_only=False) == sent[1]
