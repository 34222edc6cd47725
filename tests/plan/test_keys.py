import pytest

from reconciler.model.desired import CommandRef, EnvRef, External, FileRef, Generated
from reconciler.model.live import LiveTunnel
from reconciler.model.psk import SinkState, doubt, psk_command
from tests.build import desired, live, plan, raw, tunnel

HERE = Generated("local", FileRef("keys/a"))
THERE = Generated("cloudflare", FileRef("keys/a"))
BY_COMMAND = Generated("cloudflare", CommandRef(("put",), "/"))
EMPTY, FULL = SinkState(current=False), SinkState(current=True, set_on="2026-05-01T12:00:00+00:00")


def code(key, held, made=None, created=None):
    metadata = {"last_generated_on": made} if made is not None else {}
    found = doubt(
        tunnel("a", psk=key), LiveTunnel("1", "a", {}, {"psk_metadata": metadata, "created_on": created}), held
    )
    return found and found.code


@pytest.mark.parametrize(
    ("key", "held", "expected"),
    [
        (THERE, EMPTY, "no-key"),
        (THERE, SinkState(current=False, noted=""), "no-key"),
        (THERE, FULL, None),
        (BY_COMMAND, SinkState(), "key-not-checked"),
        (HERE, EMPTY, None),
        (EnvRef("A"), EMPTY, None),
        (External(), EMPTY, None),
        (None, EMPTY, None),
    ],
)
def test_a_tunnel_for_which_cloudflare_was_to_make_a_key_and_never_did(key, held, expected):
    assert code(key, held) == expected


@pytest.mark.parametrize("never", ["", "0001-01-01T00:00:00Z", 0, False])
def test_a_time_that_a_server_lists_when_there_is_none_says_that_no_key_was_made(never):
    assert code(THERE, EMPTY, made=never) == "no-key"


@pytest.mark.parametrize("key", [HERE, THERE, BY_COMMAND])
@pytest.mark.parametrize("made", [None, "2026-05-01T12:00:00Z"])
def test_a_pending_key_may_be_the_one_in_force_or_not(key, made):
    assert code(key, SinkState(current=False, pending=True), made) == "key-not-in-sink"
    assert code(key, SinkState(current=True, pending=True), made) == "key-not-in-sink"


@pytest.mark.parametrize(
    ("noted", "made", "expected"),
    [
        ("2026-05-01T11:00:00Z", "2026-05-01T12:00:00Z", "key-not-in-sink"),
        ("", "2026-05-01T12:00:00Z", "key-not-in-sink"),
        ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z", None),
        (None, "2026-05-01T12:00:00Z", None),
    ],
)
def test_a_key_that_was_asked_for_and_never_became_current(noted, made, expected):
    assert code(THERE, SinkState(current=True, noted=noted, set_on="2026-05-01T12:00:00Z"), made) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("2026-05-01T12:05:00Z", None),
        ("2026-05-01T12:05:00.047054317Z", "key-not-in-sink"),
        ("2026-05-01T14:04:00+02:00", None),
        ("yesterday", None),
        ("2027-05-01T12:00:00", None),
    ],
)
def test_a_key_that_was_made_later_than_the_current_one_was_set_by_more_than_clocks_differ(made, expected):
    assert code(THERE, FULL, made) == expected
    assert code(THERE, SinkState(current=True, set_on="no time"), made) is None


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("2026-05-01T12:00:00.047318Z", None),
        ("2026-05-01T12:00:00.049Z", "key-not-in-sink"),
        ("2026-05-01T11:00:00Z", None),
        (None, None),
    ],
)
def test_another_key_that_cloudflare_made_after_the_current_one_is_told_by_its_own_clock(made, expected):
    held = SinkState(current=True, set_on="2026-05-01T13:00:00Z", made_on="2026-05-01T12:00:00.047317925Z")
    assert code(THERE, held, made) == expected


def test_a_key_that_is_older_than_its_tunnel_is_not_its_key():
    assert code(THERE, FULL, created="2026-05-01T12:06:00Z") == "key-not-in-sink"
    assert code(THERE, FULL, created="2026-05-01T12:04:00Z") is None


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("a", "reconciler psk rotate a"),
        ("it's 1", "reconciler psk rotate 'it'\"'\"'s 1'"),
        ("-a", "reconciler psk rotate -- -a"),
    ],
)
def test_the_command_of_a_remedy_is_one_that_a_shell_takes(name, command):
    assert psk_command("rotate", name) == command


def test_a_plan_names_the_keys_in_doubt_and_its_digest_those_that_it_has_made():
    wish = desired(tunnel("a", psk=THERE), tunnel("b", psk=HERE), tunnel("new", psk=THERE))
    now = live("a", "b")
    found = plan(wish, now, sinks={"a": EMPTY, "b": SinkState(pending=True), "new": EMPTY})

    assert {name: why.code for name, why in found.doubts.items()} == {"a": "no-key", "b": "key-not-in-sink"}
    assert found.without_psk == ("a",)
    assert found.digest != plan(wish, now, sinks={"a": FULL, "b": SinkState(pending=True)}).digest
    assert found.digest == plan(wish, now, sinks={"a": EMPTY}).digest


def test_a_plan_without_changes_is_not_empty_while_a_key_is_to_be_made():
    wish = desired(tunnel("a", psk=THERE))
    assert not plan(wish, live("a"), sinks={"a": EMPTY}).empty
    assert plan(wish, live("a"), sinks={"a": FULL}).empty


def test_a_renamed_tunnel_s_key_is_judged_by_the_tunnel_that_is_there():
    wish = desired(tunnel("a", psk=THERE, renamed_from="old"))
    made = {"psk_metadata": {"last_generated_on": "2026-05-01T12:00:00Z"}}
    assert plan(wish, live(raw("old")), sinks={"a": EMPTY}).without_psk == ("a",)
    assert plan(wish, live(raw("old", **made)), sinks={"a": EMPTY}).without_psk == ()


def test_a_target_leaves_the_keys_of_others_out():
    wish = desired(tunnel("a", psk=THERE), tunnel("b", psk=THERE))
    assert plan(wish, live("a", "b"), sinks={"a": EMPTY, "b": EMPTY}, glob="b").without_psk == ("b",)
