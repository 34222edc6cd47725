"""The order of a rotation, and what is said of what went wrong."""

from collections.abc import Callable

import pytest

from reconciler.model.desired import (
    CommandRef,
    Declared,
    EnvRef,
    External,
    FileRef,
    Generated,
    PskRef,
)
from reconciler.secrets.rotate import rotate, send_psks, unfit
from reconciler.secrets.steps import PskSteps
from tests.secrets.honest import ALL, LOCAL, LOCAL_B, NAMES, World, declared, drive, outcomes, trace


def test_rotation_stores_and_reads_back_before_it_sets_and_promotes_last() -> None:
    assert trace(rotate([LOCAL]), World(), {}) == [
        "probe lon-a",
        "list",
        "pending lon-a",
        "make lon-a",
        "put lon-a",
        "check lon-a",
        "set_psks",
        "promote lon-a",
    ]


def test_many_tunnels_are_set_in_one_call() -> None:
    assert trace(rotate([LOCAL, LOCAL_B]), World(), {}).count("set_psks") == 1


def test_a_pending_key_of_an_interrupted_run_is_sent_instead_of_a_new_one() -> None:
    world = World()
    world.pending["lon-a"] = "interrupted"
    drive(rotate([LOCAL]), world, {})
    assert world.key["lon-a"] == world.current["lon-a"] == "interrupted"


def test_a_sink_that_fails_its_probe_stops_everything_before_the_first_write() -> None:
    world = World()
    results = drive(rotate(ALL), world, {1: "fails before"})
    assert outcomes(results) == {
        "lon-a": ("skipped", "nothing-done"),
        "lon-b": ("failed", "sink-failed"),
        "par-a": ("skipped", "nothing-done"),
    }
    assert world.key == world.current == dict.fromkeys(NAMES, "old")


def test_an_ambiguous_answer_is_followed_by_the_same_values_and_never_by_blind_success() -> None:
    world = World()
    assert trace(rotate([LOCAL]), world, {6: "answer lost"}).count("set_psks") == 2
    world = World()
    results = drive(rotate([LOCAL]), world, dict.fromkeys(range(6, 10), "request lost"))
    assert outcomes(results) == {"lon-a": ("unknown", "timeout")}
    assert set(world.pending) == {"lon-a"}


def test_a_refusal_after_a_lost_answer_is_unknown_since_the_first_may_have_been_taken() -> None:
    results = drive(rotate([LOCAL]), World(), {6: "answer lost", 7: "refused"})
    assert outcomes(results) == {"lon-a": ("unknown", "1004")}


def test_a_tunnel_that_the_answer_refuses_fails_with_the_reason_and_the_others_are_applied() -> None:
    results = drive(rotate([LOCAL, LOCAL_B]), World(), {11: "one refused"})
    assert outcomes(results) == {"lon-a": ("failed", "key-refused"), "lon-b": ("applied", None)}


@pytest.mark.parametrize(
    ("key", "set_", "rotated"),
    [
        (EnvRef("A"), None, "not-generated"),
        (FileRef("a"), None, "not-generated"),
        (CommandRef(("a",), "."), None, "not-generated"),
        (External(), "external-key", "external-key"),
        (None, "no-key", "no-key"),
        (Generated("local", FileRef("a")), "generated-key", None),
        (Generated("cloudflare", FileRef("a")), "generated-key", None),
    ],
)
def test_only_generated_keys_can_be_rotated_and_only_others_set(
    key: PskRef | None, set_: str | None, rotated: str | None
) -> None:
    found = [unfit(action, declared("lon-a", key)) for action in ("set", "rotate")]
    assert [problem and problem.code for problem in found] == [set_, rotated]
    assert all(problem.remedy for problem in found if problem)


def test_who_wants_to_send_a_key_of_others_is_not_told_how_to_have_one_made() -> None:
    remedies = [problem.remedy for action in ("set", "rotate") if (problem := unfit(action, declared("a", External())))]
    assert remedies == [
        "To have it sent from here, declare where it is: `psk: {env: NAME}`.",
        "To have keys made here, declare `psk: {generate: true, deliver_to: …}`.",
    ]


def test_set_sends_the_key_that_a_reference_holds() -> None:
    world = World()
    world.ring["lon-a"] = "mine"
    assert outcomes(drive(send_psks([declared("lon-a", EnvRef("A"))]), world, {})) == {"lon-a": ("applied", None)}
    assert world.key["lon-a"] == "mine"


@pytest.mark.parametrize("run", [send_psks, rotate])
def test_a_tunnel_that_is_not_live_stops_all(run: Callable[[list[Declared]], PskSteps]) -> None:
    key = EnvRef("A") if run is send_psks else Generated("local", FileRef("a"))
    results = drive(run([declared("lon-a", key), declared("new", key)]), World(), {})
    assert outcomes(results) == {"lon-a": ("skipped", "nothing-done"), "new": ("failed", "not-live")}


def test_an_unreadable_list_changes_no_key() -> None:
    world = World()
    assert outcomes(drive(rotate([LOCAL]), world, {1: "denied"})) == {"lon-a": ("failed", "10000")}
    assert world.key["lon-a"] == "old"
