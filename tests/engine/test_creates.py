import unicodedata

import pytest

from reconciler.api.call import Answered, ApiError, Denied, NotSent, Refused, Verb
from reconciler.model.desired import EnvRef, External, FileRef, Generated
from reconciler.report.make import applied
from tests.build import ACCOUNT_ID, account, desired, live, raw, settings, tunnel
from tests.engine.harness import LOST, World, results
from tests.strangers import foreign_create, foreign_edit

WITH_PSK = frozenset({"b"})
WISH = (tunnel("a"), tunnel("b", psk=EnvRef("B_PSK")))
LOCAL = Generated("local", FileRef("keys/b"))
CLOUDFLARE = Generated("cloudflare", FileRef("keys/b"))


def world_with_key(*names, **options):
    world = World(*names, **options)
    world.psks = {"b": "0123"}
    return world


def test_a_key_goes_with_the_create():
    world = world_with_key("a")
    ended = world.apply(desired(*WISH), WITH_PSK)
    assert (ended.converged, ended.made) == (True, {"+b"})
    assert list(world.simulator.psks(ACCOUNT_ID).values()) == ["0123"]
    assert world.verbs == ["create", "list"]
    assert world.calls[0].psks == {"": "b"}


def test_a_lost_create_is_recognised_and_its_key_set_again():
    world = world_with_key("a")
    world.after = {(Verb.CREATE, 0): LOST}
    ended = world.apply(desired(*WISH), WITH_PSK)
    assert (ended.converged, ended.made) == (True, {"+b"})
    assert world.verbs == ["create", "list", "set_psks", "list"]
    assert world.simulator.created(ACCOUNT_ID) == {"b": 1}


def test_a_create_that_did_not_arrive_is_sent_again_only_after_two_lists_that_lack_it():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): LOST}
    assert world.apply(desired(*WISH)).converged
    assert world.story == ["create", "list", 5.0, "list", "create", "list"]


CONTRADICTION = Refused(200, (ApiError("1022", "an answer that calls itself a success and says that it is none"),))


def test_a_create_whose_answer_contradicts_itself_is_looked_for_in_the_list():
    world = world_with_key("a")
    world.after = {(Verb.CREATE, 0): CONTRADICTION}
    ended = world.apply(desired(*WISH), WITH_PSK)
    assert (ended.converged, ended.made) == (True, {"+b"})
    assert world.verbs == ["create", "list", "set_psks", "list"]


def test_a_create_whose_answer_contradicts_itself_failed_when_two_lists_lack_it():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): CONTRADICTION}
    ended = world.apply(desired(*WISH))
    assert outcome(ended) == ("failed", "1022")
    assert world.story == ["create", "list", 5.0, "list", "list"]


def test_a_tunnel_of_that_name_that_is_not_ours_is_not_recognised():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): LOST}
    world.meddle(1, foreign_create, settings("b", interface_address="10.200.0.0/31"))
    ended = world.apply(desired(*WISH))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "name-taken")


def test_a_create_that_is_refused_at_its_second_try_fails_in_the_server_s_words():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): LOST}
    world.meddle(3, foreign_create, settings("b", interface_address="10.200.0.0/31"))
    ended = world.apply(desired(*WISH))
    assert world.verbs == ["create", "list", "list", "create", "list", "list"]
    assert outcome(ended) == ("failed", "1022")
    assert ended.verdicts["+b"].problem.message == 'Invalid Request: "name" of tunnel b is used by another tunnel'


def test_a_create_that_is_refused_at_its_second_try_is_unknown_where_no_list_can_be_had():
    world = World("a")
    world.instead = {
        (Verb.CREATE, 0): LOST,
        (Verb.CREATE, 1): Refused(400, (ApiError("1022", "no"),)),
        (Verb.LIST, 2): LOST,
    }
    ended = world.apply(desired(*WISH))
    assert world.verbs == ["create", "list", "list", "create", "list"]
    assert outcome(ended) == ("unknown", "1022")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Refused(400, (ApiError("1022", "no"),)), ("failed", "1022")),
        (Denied(403, (ApiError("10000", "no"),)), ("failed", "10000")),
        (NotSent("deadline", "no time left"), ("skipped", "deadline")),
    ],
)
def test_a_create_that_was_surely_not_carried_out_says_why(answer, verdict):
    world = World("a")
    world.instead = {(Verb.CREATE, 0): answer}
    ended = world.apply(desired(*WISH))
    assert outcome(ended) == verdict
    assert world.verbs.count("create") == 1


def test_a_refused_create_does_not_stop_the_others():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): Refused(400, (ApiError("1022", "no"),))}
    ended = world.apply(desired(*WISH, tunnel("c")))
    assert results(ended) == ["failed", "applied"]


def test_a_create_that_landed_late_is_recognised_when_the_second_one_is_refused():
    world = World("a", semantics="list_lag=2")
    world.after = {(Verb.CREATE, 0): LOST}
    assert world.apply(desired(*WISH)).converged
    assert world.simulator.created(ACCOUNT_ID) == {"b": 1}


def test_a_lost_create_that_no_list_can_tell_of_is_unknown():
    world = World("a")
    world.instead = {(Verb.CREATE, 0): LOST, (Verb.LIST, 0): LOST}
    wish = desired(*WISH)
    ended = world.apply(wish)
    assert outcome(ended) == ("unknown", "no-answer")
    assert remedy(ended) == "Run apply again: it lists the account first and continues from what is there."
    assert applied(world.plan(wish), ended).outcome == "partial"


def test_a_create_that_stays_lost_to_the_end_is_unknown():
    world = World("a")
    world.instead = dict.fromkeys([(Verb.CREATE, i) for i in range(4)], LOST)
    ended = world.apply(desired(*WISH))
    assert world.verbs == ["create", "list", "list"] * 4 + ["list"]
    assert outcome(ended) == ("unknown", "no-answer")


def outcome(ended, key="+b"):
    verdict = ended.verdicts[key]
    return (verdict.result, verdict.problem and verdict.problem.code)


def remedy(ended):
    return ended.verdicts["+b"].problem.remedy


@pytest.mark.parametrize(
    ("key", "code", "harm", "command"),
    [
        (EnvRef("B_PSK"), "key-not-set", "so it may have another key", "psk set b"),
        (LOCAL, "key-not-in-sink", "so its key may be in no sink", "psk rotate b"),
    ],
)
def test_a_recognised_tunnel_whose_key_is_not_surely_set_again_is_unknown(key, code, harm, command):
    world = world_with_key("a", semantics="psk_refusals=b")
    world.after = {(Verb.CREATE, 0): LOST}

    ended = world.apply(desired(tunnel("a"), tunnel("b", psk=key)), WITH_PSK)

    assert (outcome(ended), ended.made) == (("unknown", code), frozenset())
    assert ended.verdicts["+b"].problem.message == (
        "no answer says what became of the create, and its key was not set again: Cloudflare does not take it; "
        f"the reason is withheld, since it may quote the key, {harm}"
    )
    assert remedy(ended).endswith(command)
    assert not ended.converged


def test_a_recognised_tunnel_was_written_even_when_the_token_is_refused_before_its_key_is_set():
    world = world_with_key("a")
    world.after = {(Verb.CREATE, 0): LOST}
    world.instead = {(Verb.SET_PSKS, 0): Denied(403, (ApiError("10000", "no"),))}
    ended = world.apply(desired(*WISH), WITH_PSK)
    assert (results(ended), ended.written) == (["unknown"], True)


def test_a_recognised_tunnel_keeps_no_good_word_when_the_run_stops_before_its_key_is_set():
    world = world_with_key("a")
    world.after = {(Verb.CREATE, 0): LOST}
    world.instead = {(Verb.CREATE, 1): LOST, (Verb.LIST, 1): NotSent("interrupted", "stopped by a signal")}

    ended = world.apply(desired(*WISH, tunnel("c")), WITH_PSK)

    assert world.verbs == ["create", "create", "list", "list"]
    assert outcome(ended) == ("unknown", "key-not-set")


@pytest.mark.parametrize(
    ("key", "result", "code", "todo", "converged"),
    [
        (None, "skipped", "already-there", None, True),
        (External(), "skipped", "already-there", None, True),
        (EnvRef("B_PSK"), "unknown", "key-not-set", "Set its key: reconciler psk set b", False),
        (
            LOCAL,
            "unknown",
            "key-not-in-sink",
            "Give it the key of its sink, and its device too: reconciler psk rotate b",
            False,
        ),
        (
            CLOUDFLARE,
            "unknown",
            "key-not-in-sink",
            "Run apply again: it has Cloudflare make the key if nobody has had it made.",
            False,
        ),
    ],
)
def test_a_refused_create_whose_tunnel_is_there_is_not_called_applied(key, result, code, todo, converged):
    world = world_with_key("a")
    world.meddle(0, foreign_create, settings("b") | {"psk": "theirs"})
    with_psk = WITH_PSK if key in (EnvRef("B_PSK"), LOCAL) else frozenset()
    ended = world.apply(desired(tunnel("a"), tunnel("b", psk=key)), with_psk)

    assert (world.verbs, world.pauses) == (["create", "list", "list"], [5.0])
    assert (outcome(ended), ended.made) == ((result, code), frozenset())
    assert remedy(ended) == todo
    assert (ended.converged, ended.left) == (converged, ())
    assert list(world.simulator.psks(ACCOUNT_ID).values()) == ["theirs"]


def test_a_tunnel_that_was_there_before_is_not_taken_for_the_one_sent_and_keeps_its_key():
    world = world_with_key("x", x={"interface_address": "10.200.0.0/31"})
    world.instead = {(Verb.CREATE, 0): LOST}
    world.meddle(1, foreign_edit, "x", {"name": "b"})
    wanted = tunnel("b", interface_address="10.200.0.0/31", psk=EnvRef("B_PSK"))
    ended = world.apply(desired(wanted, of=account(prune=False)), WITH_PSK)
    assert "set_psks" not in world.verbs
    assert world.simulator.psks(ACCOUNT_ID) == {}
    assert outcome(ended) == ("unknown", "key-not-set")
    assert remedy(ended) == "Set its key: reconciler psk set b"


@pytest.mark.parametrize(
    ("key", "settle"),
    [
        (None, ""),
        (EnvRef("B_PSK"), " Set its key: reconciler psk set b"),
        (LOCAL, " Give it the key of its sink, and its device too: reconciler psk rotate b"),
    ],
)
@pytest.mark.parametrize("kept", [{"interface_address": "10.200.0.0/31"}, {"customer_endpoint": "192.0.2.77"}])
def test_a_lost_create_that_the_list_holds_with_other_settings_is_neither_ours_nor_somebody_else_s(key, settle, kept):
    world = world_with_key("a")
    world.after = {(Verb.CREATE, 0): LOST}
    world.meddle(1, foreign_edit, "b", kept)
    wanted = tunnel("b", interface_address="10.200.0.1/31", psk=key)
    ended = world.apply(desired(tunnel("a"), wanted), WITH_PSK if key else frozenset())

    assert world.verbs == ["create", "list", "list"]
    assert (outcome(ended), ended.made) == (("unknown", "not-recognised"), frozenset())
    assert ended.verdicts["+b"].problem.message == (
        "no answer says what became of the create, and the list now holds 'b' with other settings than were sent"
    )
    assert remedy(ended) == (
        "Look whether that is the tunnel that was sent or somebody else's, then run plan: it says what differs."
        + settle
    )


def test_a_lost_create_that_the_list_holds_unreadably_is_neither_ours_nor_somebody_else_s():
    world = World("a")
    odd = raw("b", interface_address=["10.200.0.0/31"])
    world.instead = {(Verb.CREATE, 0): LOST} | {(Verb.LIST, n): Answered(live=live("a", odd)) for n in range(9)}
    assert outcome(world.apply(desired(*WISH))) == ("unknown", "not-recognised")


MIXED = "names=lower,names_unique=false,addresses_unique=false"


@pytest.mark.parametrize("prune", [True, False])
def test_a_lost_create_that_the_list_holds_under_another_form_of_its_name_is_not_sent_again(prune):
    world = world_with_key("a", semantics=MIXED)
    world.after = {(Verb.CREATE, 0): LOST}
    ended = world.apply(desired(tunnel("a"), tunnel("Lon", line=7), of=account(prune=prune)))
    (verdict,) = ended.verdicts.values()
    assert world.simulator.created(ACCOUNT_ID) == {"lon": 1}
    assert (verdict.result, verdict.problem.code) == ("unknown", "name-changed")
    assert verdict.problem.message == (
        "no answer says what became of the create, and the list now holds 'lon' on its interface network"
    )
    assert verdict.problem.remedy == (
        "Cloudflare seems to keep names in another form: write `name: lon` at tunnels/prod/a.yaml:7, then run plan."
    )
    assert [(c.action.value, c.name) for c in ended.left] == [("create", "Lon")]
    assert not ended.converged


def test_a_created_tunnel_whose_name_the_server_changes_is_named_without_waiting_for_the_list():
    world = World("a", semantics=MIXED)
    ended = world.apply(desired(tunnel("a"), tunnel("Lon")))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "name-changed")
    assert (world.verbs, world.pauses) == (["create", "list"], [])
    assert [(c.action.value, c.name) for c in ended.left] == [("create", "Lon")]
    assert ended.written


def test_a_rename_that_the_server_changes_back_is_named():
    world = World("a", semantics="names=lower")
    ended = world.apply(desired(tunnel("A", interface_address=settings("a")["interface_address"], renamed_from="a")))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("failed", "name-changed")
    assert verdict.problem.message == "it was sent as 'A', and the list shows 'a'"
    assert verdict.problem.remedy.startswith("Cloudflare seems to keep names in another form: write `name: a` at")


@pytest.mark.parametrize("theirs", ["cafe\u0301", "other"])
def test_a_lost_create_is_not_sent_again_while_somebody_elses_tunnel_is_on_its_network(theirs):
    world = World("a", semantics=MIXED)
    world.instead = {(Verb.CREATE, 0): LOST}
    world.meddle(1, foreign_create, settings(theirs, interface_address="10.200.0.0/30"))
    ended = world.apply(desired(tunnel("a"), tunnel("b", interface_address="10.200.0.0/31")))
    (verdict,) = ended.verdicts.values()
    assert (verdict.result, verdict.problem.code) == ("unknown", "network-taken")
    assert verdict.problem.message == (
        f"no answer says what became of the create, and the list now holds {unicodedata.normalize('NFC', theirs)!r} on "
        "its interface network"
    )
    assert verdict.problem.remedy == (
        "Look whether that is the tunnel that was sent or somebody else's, rename or move it, then run plan."
    )
    assert world.verbs.count("create") == 1


def test_a_tunnel_that_was_there_before_takes_no_network_of_a_create():
    world = World("a", "x", semantics=f"{MIXED},list_lag=1", x={"interface_address": "10.200.0.0/31"})
    world.instead = {(Verb.CREATE, 0): LOST}
    wish = desired(tunnel("a"), tunnel("b", interface_address="10.200.0.0/31"), of=account(removed=["x"]))
    assert world.apply(wish).converged


def test_names_that_a_server_keeps_in_nfc_and_texts_that_it_trims_converge():
    world = World(semantics="names=nfc,text=trimmed")
    wish = desired(tunnel("cafe\u0301 ", description=" x\n"))
    assert world.apply(wish).converged
    assert world.plan(wish).changes == ()
    world.simulator.semantics = type(world.simulator.semantics)()
    assert world.plan(wish).changes == ()


def test_a_list_that_lags_is_waited_for_beside_somebody_elses_tunnel_on_that_network():
    world = World("a", semantics=MIXED)
    theirs = raw("theirs", interface_address=settings("b")["interface_address"])
    world.instead = {(Verb.LIST, 0): Answered(live=live("a", theirs))}
    assert world.apply(desired(*WISH)).converged
    assert world.pauses == [1.0]
