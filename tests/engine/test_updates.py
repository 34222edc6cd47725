import pytest

from reconciler.api.call import ApiError, NotSent, Refused, Verb
from reconciler.report.make import applied
from tests.build import ACCOUNT_ID, account, desired, tunnel
from tests.engine.harness import LOST, World, by_name, results
from tests.strangers import foreign_delete, foreign_edit

NAMES = tuple(f"t{i:02d}" for i in range(60))


def changed(*names, **fields):
    return desired(*(tunnel(n, description="new", **fields.get(n, {})) for n in names))


def test_one_refused_of_sixty_is_found_and_the_rest_applied():
    world = World(*NAMES, semantics="coupler_integration=false")
    ended = world.apply(changed(*NAMES, t37={"automatic_return_routing": True}))
    assert sorted(results(ended)).count("applied") == 59
    (failed,) = [v for v in ended.verdicts.values() if v.result == "failed"]
    assert failed.problem.code == "1022"
    assert world.verbs.count("update") + world.verbs.count("update_one") <= 16


@pytest.mark.parametrize("status", [413, 400])
def test_a_server_that_takes_thirty_items_gets_five_hundred(status):
    names = tuple(f"t{i:03d}" for i in range(500))
    world = World(*names, semantics=f"bulk_limit=30,bulk_limit_status={status}")
    assert world.apply(changed(*names)).converged
    assert world.verbs.count("update") <= 120


def test_a_single_tunnel_whose_body_is_too_large_goes_by_its_own_put():
    world = World("a")
    world.instead = dict.fromkeys([(Verb.UPDATE, i) for i in range(3)], Refused(413, (ApiError("http-413", "large"),)))
    assert world.apply(changed("a")).converged
    assert world.verbs == ["update", "update_one", "list"]


REFUSED = Refused(400, (ApiError("1022", "no"),))


def test_a_body_that_is_too_large_is_sent_in_two_halves():
    world = World(*NAMES[:6], semantics="bulk_limit=3")
    assert world.apply(changed(*NAMES[:6])).converged
    assert world.verbs == ["update", "update", "update", "list"]


def test_two_items_whose_body_is_too_large_are_sent_one_by_one():
    world = World("a", "b", "c", semantics="bulk_limit=1")
    assert world.apply(changed("a", "b", "c"), batch_size=2).converged
    assert world.verbs == ["update", "update", "update", "update", "list"]


def test_two_items_that_are_refused_together_and_taken_alone_make_the_next_calls_smaller():
    world = World("a", "b", "c", "d")
    world.instead = {(Verb.UPDATE, 0): REFUSED}
    assert world.apply(changed("a", "b", "c", "d"), batch_size=2).converged
    assert world.verbs == ["update", "update", "update_one", "update", "update", "list"]


def test_six_items_that_are_refused_together_and_taken_in_parts_make_the_next_calls_half_as_large():
    names = tuple(f"t{i:02d}" for i in range(12))
    world = World(*names)
    world.instead = {(Verb.UPDATE, 0): REFUSED}
    assert world.apply(changed(*names), batch_size=6).converged
    assert world.verbs == [*["update"] * 4, "update_one", *["update"] * 2, "list"]


def test_one_item_that_is_refused_in_bulk_and_taken_alone_ends_bulk_updates():
    world = World("a", "b", semantics="bulk_body=none")
    assert world.apply(changed("a", "b")).converged
    assert world.verbs == ["update", "update", "update_one", "update_one", "list"]


def test_so_does_one_that_comes_after_a_tunnel_that_is_refused_either_way():
    world = World("a", "b", "c")
    world.instead = {(Verb.UPDATE, i): REFUSED for i in range(3)} | {(Verb.UPDATE_ONE, 0): REFUSED}
    ended = world.apply(changed("a", "b", "c"), batch_size=2)
    assert world.verbs == ["update", "update", "update_one", "update", "update_one", "update_one", "list"]
    assert results(ended) == ["failed", "applied", "applied"]


def test_five_hundred_updates_are_five_calls():
    names = tuple(f"t{i:03d}" for i in range(500))
    world = World(*names)
    assert world.apply(changed(*names)).converged
    assert world.verbs == ["update"] * 5 + ["list"]


def test_a_server_without_a_usable_bulk_endpoint_gets_single_updates():
    world = World(*NAMES[:8], semantics="bulk_body=none")
    ended = world.apply(changed(*NAMES[:8]))
    assert ended.converged
    assert world.verbs.count("update_one") == 8
    assert ended.notes == ("The server refuses bulk updates that it takes one by one; the rest was sent one by one.",)


def test_a_lost_bulk_answer_is_looked_up_and_not_sent_again():
    world = World("a", "b")
    world.after = {(Verb.UPDATE, 0): LOST}
    assert world.apply(changed("a", "b")).converged
    assert world.verbs == ["update", "list", "list"]


def test_only_what_still_differs_is_sent_again():
    world = World("a", "b", semantics="bulk=prefix")
    world.instead = {(Verb.UPDATE, 0): LOST}
    assert world.apply(changed("a", "b")).converged
    assert world.verbs == ["update", "list", "update", "list"]


def test_a_tunnel_that_somebody_changed_meanwhile_is_left_alone():
    world = World("a")
    world.instead = {(Verb.UPDATE, 0): LOST}
    world.meddle(1, foreign_edit, "a", {"description": "theirs"})
    ended = world.apply(changed("a"))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "changed-meanwhile")
    assert verdict.problem.message == (
        "the tunnel is neither as it was nor as it was sent: somebody else changed it meanwhile"
    )
    assert world.verbs == ["update", "list", "list"]


def swap(world, *others, **of):
    return world.apply(
        desired(
            tunnel("a", interface_address="10.0.0.2/31"),
            tunnel("b", interface_address="10.0.0.0/31"),
            *others,
            **of,
        )
    )


SWAP = {"a": {"interface_address": "10.0.0.0/31"}, "b": {"interface_address": "10.0.0.2/31"}}


def test_a_swap_goes_in_one_call_where_the_server_judges_the_whole():
    world = World("a", "b", **SWAP)
    assert swap(world).converged
    assert world.verbs == ["update", "list"]


def test_a_lost_swap_that_was_not_done_goes_again_in_one_call():
    world = World("a", "b", **SWAP)
    world.instead = {(Verb.UPDATE, 0): LOST}
    assert swap(world).converged
    assert world.verbs == ["update", "list", "update", "list"]


def test_a_swap_goes_through_parking_where_the_server_judges_item_by_item():
    world = World("a", "b", semantics="bulk=sequential", **SWAP)
    ended = swap(world)
    assert ended.converged
    assert world.verbs == ["update", "list", "update_one", "update_one", "update_one", "list"]
    assert ended.notes == ("a went through 169.254.240.0/31 for a moment, to break a cycle.",)


def test_a_refused_swap_without_a_free_value_fails_in_the_server_s_words():
    world = World("a", "b", semantics="bulk=sequential", **SWAP)
    ended = swap(world, of=account(parking="10.0.0.0/30"))
    assert world.verbs == ["update", "list", "list"]
    assert [(v.result, v.problem.code) for v in ended.verdicts.values()] == [("failed", "1022")] * 2
    assert {v.problem.remedy for v in ended.verdicts.values()} == {
        "There is no free value to borrow for it: change one of the tunnels by hand, then run apply again."
    }


def without_bulk(world, **of):
    return world.apply(
        desired(
            tunnel("a", interface_address="10.0.0.2/31"),
            tunnel("b", interface_address="10.0.0.0/31"),
            tunnel("0", description="x"),
            tunnel("c", description="x"),
            **of,
        ),
        batch_size=1,
    )


def test_a_swap_among_others_is_parked_where_the_server_takes_no_bulk_update_at_all():
    world = World("0", "a", "b", "c", semantics="bulk_body=none", **SWAP)
    ended = without_bulk(world)
    assert ended.converged
    assert world.verbs == ["update", "update_one", "list", *["update_one"] * 4, "list"]
    assert ended.notes == (
        "The server refuses bulk updates that it takes one by one; the rest was sent one by one.",
        "a went through 169.254.240.0/31 for a moment, to break a cycle.",
    )


def test_what_follows_a_swap_is_sent_too_where_the_server_takes_no_bulk_update():
    world = World("0", "00", "a", "b", "c", semantics="bulk_body=none", **SWAP)
    wish = [tunnel(name, description="x") for name in ("0", "00", "c")]
    ends = [tunnel("a", **SWAP["b"]), tunnel("b", **SWAP["a"])]
    assert world.apply(desired(*wish, *ends), batch_size=3).converged
    assert world.verbs.count("update_one") == 6


def test_a_swap_without_a_free_value_says_that_the_server_takes_no_bulk_update():
    world = World("0", "a", "b", "c", semantics="bulk_body=none", **SWAP)
    ended = without_bulk(world, of=account(parking="10.0.0.0/30"))
    names = {t.id: t.name for t in ended.live.tunnels.values()}
    found = {names[key]: v.problem for key, v in ended.verdicts.items() if v.problem}
    assert {name: (p.code, p.message) for name, p in found.items()} == dict.fromkeys(
        ("a", "b"), ("no-bulk", "they exchange values in one bulk update, and the server takes none")
    )


@pytest.mark.parametrize("other", ["0", "z"])
@pytest.mark.parametrize("refused", [True, False])
def test_a_swap_without_a_free_value_fails_in_the_server_s_words_beside_others(other, refused):
    world = World("a", "b", other, semantics="bulk=sequential,coupler_integration=false", **SWAP)
    fields = {"automatic_return_routing": True} if refused else {"description": "x"}
    ended = swap(world, tunnel(other, **fields), of=account(parking="10.0.0.0/30"))
    found = {name: code for name, (_, code) in by_name(world, ended).items()}
    assert found == {"a": "1022", "b": "1022", other: "1022" if refused else None}


def test_a_refused_swap_is_unknown_when_no_list_can_be_had():
    world = World("a", "b", semantics="bulk=sequential", **SWAP)
    world.instead = {(Verb.LIST, 0): LOST}
    ended = swap(world)
    assert [(v.result.value, v.problem.code) for v in ended.verdicts.values()] == [("unknown", "1022")] * 2


def meanwhile(world, **fields):
    """Somebody edits b before a bulk update is refused."""
    world.instead = {(Verb.UPDATE, 0): REFUSED}
    world.meddle(0, foreign_edit, "b", fields)
    ended = swap(world)
    return by_name(world, ended)


def test_half_of_a_swap_that_somebody_did_meanwhile_leaves_the_other_half():
    world = World("a", "b", semantics="bulk=sequential,addresses_unique=false", **SWAP)
    found = meanwhile(world, interface_address="10.0.0.0/31")
    assert found == {"a": ("applied", None), "b": ("applied", None)}
    assert world.verbs == ["update", "list", "update_one", "list"]


def test_half_of_a_swap_is_not_sent_when_somebody_changed_the_other_tunnel_meanwhile():
    world = World("a", "b", semantics="addresses_unique=false", **SWAP)
    found = meanwhile(world, description="theirs")
    assert found == {"a": ("skipped", "needs-earlier"), "b": ("failed", "changed-meanwhile")}
    assert world.verbs == ["update", "list", "list"]


def rest_of_a_round(refused=()):
    """Somebody did c's part of a round of three whose bulk update is refused; PUTs of these numbers are refused too."""
    world = World("a", "b", "c", semantics="addresses_unique=false", **ROUND)
    world.instead = {(Verb.UPDATE, 0): REFUSED} | {(Verb.UPDATE_ONE, i): REFUSED for i in refused}
    world.meddle(0, foreign_edit, "c", ROUND["a"])
    ended = world.apply(desired(tunnel("a", **ROUND["b"]), tunnel("b", **ROUND["c"]), tunnel("c", **ROUND["a"])))
    return [call.body["name"] for call in world.calls if call.verb is Verb.UPDATE_ONE], by_name(world, ended)


def test_what_somebody_left_of_a_round_goes_in_turn():
    sent, found = rest_of_a_round()
    assert sent == ["b", "a"]
    assert found == dict.fromkeys("abc", ("applied", None))


def test_what_takes_the_place_of_a_tunnel_that_could_not_go_on_stays():
    sent, found = rest_of_a_round(refused=[0])
    assert sent == ["b"]
    assert found == {"a": ("skipped", "cycle-broken"), "b": ("failed", "1022"), "c": ("applied", None)}


def test_what_somebody_left_of_a_round_and_is_one_still_is_not_parked_on_values_that_nobody_saw():
    six = {"a": {"interface_address6": "fd00::/127"}, "c": {"interface_address6": "fd00::2/127"}}
    world = World("a", "b", "c", semantics="addresses_unique=false", a=SWAP["a"] | six["a"], b=SWAP["b"], c=six["c"])
    world.instead = {(Verb.UPDATE, 0): REFUSED}
    world.meddle(0, foreign_edit, "c", six["a"])
    ended = world.apply(
        desired(tunnel("a", **SWAP["b"], **six["c"]), tunnel("b", **SWAP["a"]), tunnel("c", **six["a"]))
    )
    assert by_name(world, ended) == {"a": ("failed", "1022"), "b": ("failed", "1022"), "c": ("applied", None)}
    assert world.verbs == ["update", "list", "list"]


def test_what_needs_a_tunnel_that_fell_out_of_a_lost_call_falls_out_too():
    world = World("a", "b", "c", semantics="addresses_unique=false", **ROUND)
    world.instead = {(Verb.UPDATE, 0): LOST}
    world.meddle(1, foreign_edit, "c", {"description": "theirs"})
    ended = world.apply(
        desired(tunnel("a", **ROUND["b"]), tunnel("b", **ROUND["c"]), tunnel("c", interface_address="10.0.0.6/31"))
    )
    assert by_name(world, ended) == {
        "a": ("skipped", "needs-earlier"),
        "b": ("skipped", "needs-earlier"),
        "c": ("failed", "changed-meanwhile"),
    }
    assert world.verbs == ["update", "list", "list"]


def test_a_tunnel_that_somebody_deleted_while_its_update_was_lost_is_gone():
    world = World("a")
    world.instead = {(Verb.UPDATE, 0): LOST}
    world.meddle(1, foreign_delete, "a")
    (verdict,) = world.apply(changed("a")).verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "gone")
    assert verdict.problem.message == "the tunnel was deleted by somebody else meanwhile"


def test_a_parked_tunnel_gets_its_address_back_when_the_other_one_is_refused():
    world = World("a", "b", semantics="bulk=sequential", **SWAP)
    world.instead = {(Verb.UPDATE_ONE, 1): Refused(400, (ApiError("1022", "no"),))}
    ended = swap(world)
    assert sorted(results(ended)) == ["failed", "failed"]
    assert {t.name: t.settings["interface_address"] for t in ended.live.tunnels.values()} == {
        "a": "10.0.0.0/31",
        "b": "10.0.0.2/31",
    }


ROUND = {name: {"interface_address": f"10.0.0.{2 * i}/31"} for i, name in enumerate("abc")}
BROKEN = "cycle-broken: it exchanges values with {}, which could not be changed"


def three_in_a_round(world):
    """Each takes the next one's address; one by one it goes: a is parked, then c, b and a reach their end."""
    ended = world.apply(desired(tunnel("a", **ROUND["b"]), tunnel("b", **ROUND["c"]), tunnel("c", **ROUND["a"])))
    names = {t["id"]: t["name"] for t in world.simulator.tunnels(ACCOUNT_ID)}
    shown = {t["name"]: t["interface_address"] for t in world.simulator.tunnels(ACCOUNT_ID)}
    found = {
        names[key]: (v.result.value, v.problem and f"{v.problem.code}: {v.problem.message}")
        for key, v in ended.verdicts.items()
    }
    return found, shown


def test_a_round_of_three_that_breaks_before_any_reached_its_end_is_as_it_was():
    world = World("a", "b", "c", semantics="bulk=sequential", **ROUND)
    world.instead = {(Verb.UPDATE_ONE, 1): REFUSED}
    found, shown = three_in_a_round(world)
    assert found == {
        "a": ("failed", BROKEN.format("c")),
        "b": ("skipped", BROKEN.format("c")),
        "c": ("failed", "1022: no"),
    }
    assert shown == {"a": "10.0.0.0/31", "b": "10.0.0.2/31", "c": "10.0.0.4/31"}


def test_a_round_of_three_that_breaks_once_one_reached_its_end_leaves_the_parked_one_where_it_is():
    world = World("a", "b", "c", semantics="bulk=sequential", **ROUND)
    world.instead = {(Verb.UPDATE_ONE, 2): REFUSED}
    found, shown = three_in_a_round(world)
    assert found == {"a": ("failed", BROKEN.format("b")), "b": ("failed", "1022: no"), "c": ("applied", None)}
    assert shown == {"a": "169.254.240.0/31", "b": "10.0.0.2/31", "c": "10.0.0.0/31"}


@pytest.mark.parametrize(
    ("answer", "told"), [(REFUSED, "1022: no"), (NotSent("deadline", "no time left"), "deadline: no time left")]
)
def test_a_parked_tunnel_that_does_not_reach_its_own_end_says_why(answer, told):
    world = World("a", "b", "c", semantics="bulk=sequential", **ROUND)
    world.instead = {(Verb.UPDATE_ONE, 3): answer}
    found, shown = three_in_a_round(world)
    assert found == {"a": ("failed", told), "b": ("applied", None), "c": ("applied", None)}
    assert shown == {"a": "169.254.240.0/31", "b": "10.0.0.4/31", "c": "10.0.0.0/31"}


def test_of_two_parked_tunnels_the_one_that_reached_its_end_stays_applied():
    identities = [{"fqdn_id": f"{name}.1.custom.ipsec.cloudflare.com"} for name in "abc"]
    before = dict(zip("abc", identities, strict=True))
    world = World(
        "a",
        "b",
        "c",
        semantics="bulk=sequential",
        **{name: ROUND[name] | {"custom_remote_identities": before[name]} for name in "abc"},
    )
    world.instead = {(Verb.UPDATE_ONE, 4): NotSent("deadline", "no time left")}
    ended = world.apply(
        desired(
            tunnel("a", **ROUND["b"], custom_remote_identities=before["c"]),
            tunnel("b", **ROUND["c"], custom_remote_identities=before["a"]),
            tunnel("c", **ROUND["a"], custom_remote_identities=before["b"]),
        )
    )
    assert {name: result for name, (result, _) in by_name(world, ended).items()} == {
        "a": "applied",
        "b": "failed",
        "c": "applied",
    }


def test_a_parked_tunnel_that_a_stop_leaves_there_was_written_to():
    world = World("a", "b", semantics="bulk=sequential", **SWAP)
    world.instead = {(Verb.UPDATE_ONE, 1): NotSent("deadline", "no time left")}
    ended = swap(world)
    assert sorted(results(ended)) == ["failed", "skipped"]
    assert world.verbs == ["update", "list", "update_one", "update_one"]
    assert (ended.written, ended.left) == (True, None)
    assert applied(world.plan(desired("a", "b")), ended).outcome == "partial"


def test_nothing_was_written_where_every_call_was_refused_or_not_sent():
    world = World("a")
    world.instead = {
        (Verb.UPDATE, 0): Refused(400, (ApiError("1022", "no"),)),
        (Verb.UPDATE_ONE, 0): NotSent("deadline", "no time left"),
    }
    assert world.apply(changed("a")).written is False


def test_what_needs_a_refused_update_is_skipped():
    world = World("a", a={"interface_address": "10.0.0.0/31"})
    world.instead = {
        (Verb.UPDATE, 0): Refused(400, (ApiError("1022", "no"),)),
        (Verb.UPDATE_ONE, 0): Refused(400, (ApiError("1022", "no"),)),
    }
    ended = world.apply(
        desired(tunnel("a", interface_address="10.0.0.4/31"), tunnel("b", interface_address="10.0.0.0/31"))
    )
    assert results(ended) == ["failed", "skipped"]
    problem = ended.verdicts["+b"].problem
    assert (problem.code, problem.message) == (
        "needs-earlier",
        "it needs a name, network or identity that a still holds",
    )
    assert "create" not in world.verbs


def test_what_needs_a_change_of_the_same_call_that_is_skipped_is_skipped_too():
    ends = {name: {"interface_address": f"10.0.0.{2 * i}/31"} for i, name in enumerate(("old", "b", "a"))}
    world = World("old", "b", "a", semantics="addresses_unique=false", **ends)
    world.instead = {(Verb.DELETE, 0): REFUSED}
    ended = world.apply(desired(tunnel("b", **ends["old"]), tunnel("a", **ends["b"])))
    assert by_name(world, ended) == {
        "old": ("failed", "1022"),
        "b": ("skipped", "needs-earlier"),
        "a": ("skipped", "needs-earlier"),
    }
    assert world.verbs == ["delete", "list"]
