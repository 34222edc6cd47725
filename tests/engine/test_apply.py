import pytest

from reconciler.api.call import ApiError, Denied, NotSent, Refused, Verb, drive
from reconciler.engine.apply import apply
from reconciler.engine.server_check import check
from tests.build import desired, tunnel
from tests.engine.harness import LOST, World, results
from tests.strangers import foreign_create

REFUSAL = Refused(400, (ApiError("1022", "no"),))


def test_creates_updates_and_deletes_take_one_call_each_kind():
    world = World("old", "kept")
    ended = world.apply(desired(tunnel("kept", description="new"), tunnel("fresh")))
    assert world.verbs == ["update", "create", "delete", "list"]
    assert ended.converged
    assert ended.written


def test_an_empty_plan_makes_no_call():
    world = World("a")
    ended = world.apply(desired(tunnel("a")))
    assert world.verbs == []
    assert ended.converged
    assert not ended.written


@pytest.mark.parametrize("protocol", [apply, check])
def test_a_call_whose_outcome_is_not_given_is_an_error(protocol):
    plan = World().plan(desired("a", "b"))
    with pytest.raises(ValueError, match="shorter"):
        drive(protocol(plan), lambda _: (REFUSAL,))


def test_a_delete_that_frees_a_network_goes_first():
    world = World("old", old={"interface_address": "10.0.0.0/31"})
    world.apply(desired(tunnel("new", interface_address="10.0.0.0/31")))
    assert world.verbs == ["delete", "create", "list"]


def test_last_deletes_are_skipped_when_an_update_failed():
    world = World("a", "b", "gone")
    world.instead = {(Verb.UPDATE, 0): REFUSAL, (Verb.UPDATE_ONE, 0): REFUSAL}
    ended = world.apply(desired(tunnel("a", description="x"), tunnel("b")))
    assert results(ended) == ["failed", "skipped"]
    assert [v.problem.code for v in ended.verdicts.values()] == ["1022", "earlier-not-applied"]
    assert "delete" not in world.verbs


def test_after_a_refused_token_nothing_more_is_sent():
    world = World("a", "gone")
    world.instead = {(Verb.UPDATE, 0): Denied(403, (ApiError("10000", "no"),))}
    ended = world.apply(desired(tunnel("a", description="x"), tunnel("b")))
    assert world.verbs == ["update"]
    assert results(ended) == ["failed", "skipped", "skipped"]
    assert {v.problem.code for v in ended.verdicts.values()} == {"10000"}
    assert not ended.written


def test_an_interrupted_run_does_not_even_list():
    world = World("a")
    world.instead = {(Verb.CREATE, 1): NotSent("interrupted", "stop")}
    ended = world.apply(desired(tunnel("a"), tunnel("b"), tunnel("c"), tunnel("d")))
    assert world.verbs == ["create", "create", "create"]
    assert ended.left is None
    assert ended.written


def test_a_failed_last_list_is_no_success():
    world = World("a")
    world.instead = {(Verb.LIST, 0): REFUSAL}
    ended = world.apply(desired(tunnel("a", description="x")))
    assert results(ended) == ["applied"]
    assert not ended.converged


def test_what_the_list_shows_as_done_is_applied_whatever_the_answer_said():
    world = World("a")
    world.after = {(Verb.UPDATE, 0): REFUSAL, (Verb.UPDATE_ONE, 0): REFUSAL}
    ended = world.apply(desired(tunnel("a", description="x")))
    assert results(ended) == ["applied"]
    assert ended.converged


def test_somebody_else_s_change_is_no_convergence():
    world = World("a")
    real, plan = world.carry, desired(tunnel("a", description="x"))

    def carry(step):
        outcomes = real(step)
        if world.verbs[-1] == "update":
            foreign_create(world.simulator, "023e105f4ecef8ad9ca31a8372d0c353", {**_other()})
        return outcomes

    world.carry = carry
    ended = world.apply(plan)
    assert [c.name for c in ended.left] == ["stranger"]
    assert not ended.converged


def _other():
    return {"name": "stranger", "cloudflare_endpoint": "203.0.113.9", "interface_address": "10.99.0.0/31"}


def test_removing_bgp_that_the_server_keeps_is_failed_not_cleared():
    world = World("a", a={"bgp": {"customer_asn": 65010}}, semantics="put=merge")
    ended = world.apply(desired(tunnel("a")))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "not-cleared")


@pytest.mark.parametrize("flag", ["true", "effective", "false"])
@pytest.mark.parametrize("before", [{}, {"description": "x"}])
def test_what_the_server_keeps_is_not_cleared_whatever_its_answer_says(flag, before):
    world = World("a", a={"bgp": {"customer_asn": 65010}, **before}, semantics=f"put=merge,modified_flag={flag}")
    ended = world.apply(desired(tunnel("a")))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "not-cleared")


def test_an_md5_key_that_the_server_keeps_is_not_cleared():
    world = World("a", a={"bgp": {"customer_asn": 5, "md5_key": "old"}}, semantics="put=merge,object_put=merge")
    ended = world.apply(desired(tunnel("a", bgp={"customer_asn": 5})))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "not-cleared")


def test_removing_bgp_on_a_server_that_replaces_converges():
    world = World("a", a={"bgp": {"customer_asn": 65010}}, semantics="put=replace")
    assert world.apply(desired(tunnel("a"))).converged


def test_a_lagging_list_is_read_again_until_it_shows_what_was_written():
    world = World("a", semantics="list_lag=2")
    assert world.apply(desired(tunnel("a", description="x"))).converged
    assert world.verbs.count("list") == 3
    assert sum(world.pauses) <= 30


def test_an_untrusted_list_in_the_middle_stops_the_account():
    world = World("a", "b")
    world.instead = {(Verb.UPDATE, 0): LOST, (Verb.LIST, 0): REFUSAL}
    ended = world.apply(desired(tunnel("a", description="x"), tunnel("b"), tunnel("c")))
    assert world.verbs == ["update", "list"]
    assert results(ended) == ["unknown", "skipped"]


def test_the_latest_list_is_kept():
    world = World("gone", "kept")
    ended = world.apply(desired(tunnel("kept")))
    assert [t.name for t in ended.live.tunnels.values()] == ["kept"]


def test_what_a_server_keeps_is_known_from_its_answer_without_waiting():
    world = World("a", a={"bgp": {"customer_asn": 65010}}, semantics="put=merge")
    world.apply(desired(tunnel("a")))
    assert world.pauses == []
