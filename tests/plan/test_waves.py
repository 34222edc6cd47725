"""Waves of a rollout, as the plan makes them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.desired import Rollout
from reconciler.model.problems import Location
from reconciler.model.tunnel import Impact
from reconciler.plan.build import wave_warnings
from tests.build import account, desired, live, plan, raw, tunnel

UP = {"state": "BGP_UP", "updated_at": "2026-05-04T08:00:00Z"}


def rolled_out(files: dict[str, str], rollout: Rollout, old=None, new=None, gone=(), **fields):
    """The plan for tunnels by name with their file; each gets a new ASN, or what `new` says of it."""
    old, new = old or {}, new or {}
    asn = {name: {"bgp": {"customer_asn": 65010}} for name in (*files, *gone)}
    now = [raw(name, **(asn[name] | old.get(name, {})), bgp_status=UP) for name in (*files, *gone)]
    wanted = [
        tunnel(name, **new.get(name, {"bgp": {"customer_asn": 65020}}))._replace(location=Location(file, 1))
        for name, file in files.items()
    ]
    return plan(desired(*wanted, of=account(rollout=rollout)), live(*now), **fields)


def waves(found) -> list[list[str]]:
    return [[c.name for group in wave.groups for c in group] for wave in found.phases.waves]


def test_bounds_are_how_many_are_done_at_the_end_of_each_wave():
    files = {name: f"{name}.yaml" for name in "abcdefgh"}
    assert waves(rolled_out(files, Rollout(("1", "50%", "100%")))) == [["a"], ["b", "c", "d"], ["e", "f", "g", "h"]]


@pytest.mark.parametrize(
    ("bounds", "sizes"),
    [
        (("10%", "20%"), [1, 1, 3]),  # rounded down, and at least one more each time; what is left goes last
        (("3", "1", "4"), [3, 1, 1]),
        (("100",), [5]),
        (("1",), [1, 4]),
    ],
)
def test_each_wave_does_at_least_one_more(bounds, sizes):
    found = rolled_out(dict.fromkeys("abcde", "x.yaml"), Rollout(bounds, apart="none"))
    assert [len(names) for names in waves(found)] == sizes


def test_tunnels_of_one_file_never_change_in_one_wave():
    files = {f"s{n:02}-{side}": f"s{n:02}.yaml" for n in range(20) for side in "ab"}
    found = waves(rolled_out(files, Rollout(("1", "25%", "100%"))))
    assert [len(names) for names in found] == [1, 9, 19, 11]
    assert all(len({files[name] for name in names}) == len(names) for names in found)
    assert found[0] == ["s00-a"]
    assert found[1] == ["s00-b", *(f"s{n:02}-a" for n in range(1, 9))]


def test_what_interrupts_nothing_goes_before_the_first_wave():
    found = rolled_out(
        {"a": "x.yaml", "b": "x.yaml"},
        Rollout(("1",)),
        new={"b": {"bgp": {"customer_asn": 65010}, "description": "new"}},
    )
    (wave,) = found.phases.waves
    assert [c.name for (c,) in wave.first] == ["b"]
    assert waves(found) == [["a"]]


def test_a_change_never_stands_before_one_that_frees_what_it_needs():
    old = {"a": {"interface_address": "10.1.0.0/31"}, "z": {"interface_address": "10.1.0.2/31"}}
    new = {
        "a": {"interface_address": "10.1.0.2/31", "bgp": {"customer_asn": 65010}},
        "z": {"interface_address": "10.1.0.4/31", "bgp": {"customer_asn": 65010}},
    }
    found = rolled_out({"a": "a.yaml", "z": "z.yaml"}, Rollout(("1", "2")), old, new)
    assert waves(found) == [["z"], ["a"]]


def test_a_cycle_is_one_unit_even_in_one_file_and_the_plan_says_so():
    old = {"a": {"interface_address": "10.1.0.0/31"}, "b": {"interface_address": "10.1.0.2/31"}}
    new = {
        "a": {"interface_address": "10.1.0.2/31", "bgp": {"customer_asn": 65010}},
        "b": {"interface_address": "10.1.0.0/31", "bgp": {"customer_asn": 65010}},
    }
    found = rolled_out({"a": "x.yaml", "b": "x.yaml"}, Rollout(("1",)), old, new)
    assert waves(found) == [["a", "b"]]
    (problem,) = wave_warnings(found)
    assert (str(problem.location), problem.code) == ("x.yaml:1:1", "cycle-in-wave")
    assert problem.summary == "a, b change in one wave though they stand in one file"


def test_what_needs_a_delete_goes_after_the_last_wave():
    old = {"gone": {"interface_address": "10.1.0.0/31"}}
    new = {"a": {"interface_address": "10.1.0.0/31", "bgp": {"customer_asn": 65010}}}
    found = rolled_out({"a": "a.yaml", "b": "b.yaml"}, Rollout(("1",)), old, new, gone=["gone"])
    assert waves(found) == [["b"]]
    assert [c.name for (c,) in found.phases.updates] == ["a"]
    assert [c.name for c in found.phases.first_deletes] == ["gone"]
    assert (
        "a need what a delete frees, so they change after the last wave, are not judged and are not rolled back."
        in found.notes
    )


def test_a_plan_says_when_nothing_can_be_judged():
    found = plan(
        desired(tunnel("a", replay_protection=True), of=account(rollout=Rollout(("1",)))), live(raw("a", bgp_status=UP))
    )
    (problem,) = wave_warnings(found)
    assert (problem.code, problem.summary) == ("unjudged-waves", "no wave of account prod can be judged")


def test_without_a_rollout_there_are_no_waves():
    assert plan(desired(tunnel("a", replay_protection=True), of=account()), live("a")).phases.waves == ()
    wanted = desired(tunnel("a", replay_protection=True), of=account(rollout=Rollout(("1",))))
    assert plan(wanted, live("a"), rollout=False).phases.waves == ()


def test_the_digest_covers_settings_and_waves_of_a_rollout():
    files = {"a": "x.yaml", "b": "y.yaml"}
    one, settle, apart = (
        rolled_out(files, rollout).digest for rollout in (Rollout(("1",)), Rollout(("1",), settle=16), Rollout(("2",)))
    )
    assert len({one, settle, apart}) == 3
    assert rolled_out(files, Rollout(("1",))).digest == one


def test_calls_are_counted_wave_by_wave():
    files = {name: f"{name}.yaml" for name in "abcd"}
    assert rolled_out(files, Rollout(("1", "2", "4"))).api_calls["update"] == 3


@given(
    st.dictionaries(st.sampled_from("abcdefghij"), st.sampled_from(("x", "y", "z")), min_size=1),
    st.lists(
        st.one_of(st.integers(1, 12).map(str), st.integers(1, 100).map(lambda n: f"{n}%")), min_size=1, max_size=4
    ),
    st.sampled_from(("file", "none")),
)
def test_every_update_stands_in_one_wave_and_no_wave_is_over_its_bound(files, bounds, apart):
    found = rolled_out(files, Rollout(tuple(bounds), apart=apart))
    told = waves(found)
    assert sorted(name for names in told for name in names) == sorted(files)
    done = 0
    for number, names in enumerate(told):
        bound = bounds[number] if number < len(bounds) else "100%"
        most = len(files) * int(bound[:-1]) // 100 if bound.endswith("%") else int(bound)
        assert 1 <= len(names) <= max(most - done, 1)
        done += len(names)
        assert apart == "none" or len({files[name] for name in names}) == len(names)
    assert all(c.impact is Impact.TRAFFIC for wave in found.phases.waves for group in wave.groups for c in group)


@pytest.mark.parametrize(
    ("state", "modified", "since", "codes"),
    [
        ("BGP_DOWN", "2026-05-04T08:30:00Z", "2026-05-04T08:30:00Z", ["down-after-change"]),  # down as it was changed
        ("BGP_ESTABLISHING", "2026-05-04T07:00:00Z", "2026-05-04T08:00:01Z", ["down-after-change"]),
        ("BGP_DOWN", "2026-05-04T07:00:00Z", "2026-05-04T08:00:00Z", []),  # an hour ago
        ("BGP_DOWN", "2026-05-04T08:30:00Z", "2026-05-04T08:29:59Z", []),  # the change came after
        ("BGP_UP", "2026-05-04T08:30:00Z", "2026-05-04T08:30:01Z", []),
        ("BGP_DOWN", None, "2026-05-04T08:30:00Z", []),
        ("BGP_DOWN", "2026-05-04T08:30:00Z", "some day", []),
    ],
)
def test_no_rollout_begins_while_a_changed_tunnel_is_down(state, modified, since, codes):
    found = down_after_change(state, modified, since, rollout=True)
    assert [guard.code for guard in found.guards] == codes
    assert down_after_change(state, modified, since, rollout=False).guards == ()


def down_after_change(state, modified, since, *, rollout):
    """A plan at nine o'clock that changes b, where a is as declared and its session is so."""
    bgp = {"customer_asn": 65010}
    a = raw("a", bgp=bgp, modified_on=modified, bgp_status={"state": state, "updated_at": since})
    wanted = desired(tunnel("a", bgp=bgp), tunnel("b", replay_protection=True), of=account(rollout=Rollout(("1",))))
    now = datetime(2026, 5, 4, 9, tzinfo=UTC)
    return plan(wanted, live(a, raw("b")), now=now, rollout=rollout)


def test_a_tunnel_that_is_itself_changed_may_be_down():
    bgp = {"customer_asn": 65010}
    a = raw("a", bgp=bgp, modified_on="2026-05-04T08:30:00Z", bgp_status=UP | {"state": "BGP_DOWN"})
    wanted = desired(tunnel("a", bgp={"customer_asn": 65020}), of=account(rollout=Rollout(("1",))))
    assert plan(wanted, live(a), now=datetime(2026, 5, 4, 9, tzinfo=UTC)).guards == ()


def test_a_chain_in_one_file_goes_link_by_link_from_its_free_end():
    names = [f"t{n:02}" for n in range(30)]
    bgp = {"bgp": {"customer_asn": 65010}}
    old = {name: bgp | {"interface_address": f"10.1.{n}.0/31"} for n, name in enumerate(names)}
    new = {name: bgp | {"interface_address": f"10.1.{n + 1}.0/31"} for n, name in enumerate(names)}
    found = rolled_out(dict.fromkeys(names, "x.yaml"), Rollout(("100%",)), old, new)
    assert waves(found) == [[name] for name in reversed(names)]
