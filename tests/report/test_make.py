from datetime import UTC, datetime

import pytest

from reconciler.api.call import Ambiguous, ApiError, Denied, NotSent, Refused
from reconciler.engine.apply import Applied
from reconciler.engine.server_check import Checked
from reconciler.model.desired import Rollout, Window
from reconciler.model.problems import Location, Problem, error, warning
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan.build import build_plan
from reconciler.plan.digest import change_digest
from reconciler.plan.order import Phases
from reconciler.plan.scope import RolledBack
from reconciler.plan.windows import hold_back
from reconciler.report.make import applied, checked, planned, report_of, unread, with_diagnostics
from reconciler.report.values import AccountReport, WindowReport
from tests.build import account, desired, live, options, plan, raw, tunnel

ERRORS = (ApiError("1000", "no"),)
FAILED = Verdict(Result.FAILED, Problem("1000", "no"))


@pytest.mark.parametrize(
    ("stop", "outcome", "remedy"),
    [
        (Denied(403, ERRORS), "auth", "Check the token"),
        (NotSent("auth-stopped", "x"), "auth", None),
        (NotSent("interrupted", "x"), "interrupted", None),
        (NotSent("deadline", "x"), "error", "Raise --timeout"),
        (NotSent("unreachable", "x"), "error", "Check the network"),
        (Refused(404, ERRORS), "error", None),
        (Ambiguous("unreadable", "x"), "error", "Nothing is written on the strength of such a list"),
        (Refused(200, (ApiError("list-untrusted", "x", "Rename one"),)), "error", "Rename one"),
    ],
)
def test_why_a_list_could_not_be_read_decides_the_outcome(stop, outcome, remedy):
    report = unread(account(), stop)
    assert (report.outcome, report.total, [n.name for n in report.not_checked]) == (outcome, None, ["*"])
    assert report.error is not None
    assert (report.error.remedy or "").startswith(remedy or "")
    assert bool(report.error.remedy) is bool(remedy)


def update(*names: str):
    return plan(desired(*(tunnel(n, description="x") for n in names)), live(*names))


def with_creates(found, number):
    return found._replace(phases=Phases(creates=found.changes[:1] * number))


@pytest.mark.parametrize(
    ("creates", "minutes"), [(1098, None), (1099, 5), (2198, 5), (2199, 10), (13198, 55), (13199, 60)]
)
def test_a_plan_that_the_limit_on_calls_holds_up_says_how_long_at_least(creates, minutes):
    notes = planned(with_creates(update("a"), creates), "ok").notes
    assert [note.partition(" minutes at least")[0] for note in notes] == (
        [f"Apply makes {creates + 2:,} calls, which takes {minutes}"] if minutes else []
    )


def test_a_plan_that_is_blocked_takes_no_time():
    found = plan(desired(of=account(prune=True)), live("a", "b", "c"))
    assert found.guards
    assert planned(with_creates(found, 9999), "blocked").notes == found.notes


def test_what_the_server_did_not_check_is_told_by_name():
    found = plan(desired(*(tunnel(n, description="x") for n in "ab"), "c"), live(raw("a", id="2"), raw("b", id="1")))
    left = checked(found, Checked(not_checked={c.ref: "why" for c in found.changes})).not_checked
    assert [(one.name, one.id) for one in left] == [("a", "2"), ("b", "1"), ("c", None)]


def ended(found, *verdicts, left=(), stop=None) -> Applied:
    keys = [c.ref for c in found.changes]
    return Applied(dict(zip(keys, verdicts, strict=False)), left, found.live, (), stop)


@pytest.mark.parametrize(
    ("verdicts", "left", "stop", "expected"),
    [
        ([APPLIED, APPLIED], (), None, "ok"),
        ([APPLIED, APPLIED], None, None, "partial"),
        ([APPLIED, FAILED], (), None, "partial"),
        ([FAILED, FAILED], (), None, "partial"),
        ([FAILED], None, Denied(403, ERRORS), "auth"),
        ([APPLIED], None, Denied(403, ERRORS), "partial"),
        ([APPLIED], None, NotSent("interrupted", "x"), "interrupted"),
        ([], None, Ambiguous("no-answer", "x"), "error"),
    ],
)
def test_only_a_proved_end_is_ok(verdicts, left, stop, expected):
    found = update("a", "b")
    assert applied(found, ended(found, *verdicts, left=left, stop=stop)).outcome == expected


def test_a_change_without_a_verdict_was_not_sent():
    found = update("a", "b")
    report = applied(found, ended(found, APPLIED, stop=NotSent("deadline", "x"), left=None))
    assert [(c.outcome, c.error.code if c.error else None) for c in report.changes] == [
        ("applied", None),
        ("skipped", "not-sent"),
    ]


def test_what_others_changed_meanwhile_is_named():
    found = update("a")
    strange = plan(desired("a", tunnel("z", description="y")), live("a", "z")).changes
    assert applied(found, ended(found, APPLIED, left=strange)).notes == (
        "Changed by somebody else meanwhile: z. Run plan again.",
    )


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [({}, "ok"), ({"moved": True}, "error"), ({"refused": {"x": Problem("1", "no")}}, "rejected")],
)
def test_a_check_that_saw_the_account_move_is_an_error(fields, outcome):
    assert checked(update("a"), Checked(**fields)).outcome == outcome


@pytest.mark.parametrize(
    ("own", "fields", "outcome"),
    [
        ("blocked", {"refused": {"x": Problem("1", "no")}}, "blocked"),
        ("changes", {"refused": {"x": Problem("1", "no")}}, "rejected"),
        ("changes", {}, "changes"),
        ("blocked", {"moved": True}, "error"),
    ],
)
def test_a_guard_weighs_more_than_a_refusal_and_less_than_an_error(own, fields, outcome):
    assert checked(update("a"), Checked(**fields), own).outcome == outcome


def test_deletes_that_are_left_out_are_reported_and_not_counted():
    found = plan(desired("a"), live(raw("a", description="x"), "b"), no_delete=True)
    report = report_of("apply", [applied(found, ended(found, APPLIED))])
    assert {k: getattr(report.summary, k) for k in ("update", "delete")} == {"update": 1, "delete": 0}
    assert [(c.name, c.outcome) for c in report.accounts[0].changes] == [("a", "applied")]
    assert [(c.action, c.name, c.reason) for c in report.accounts[0].held_back] == [("delete", "b", "--no-delete")]


def test_anything_written_and_anything_wrong_is_partial():
    accounts = [
        AccountReport(account="a", account_id="1", outcome="ok"),
        AccountReport(account="b", account_id="2", outcome="auth"),
    ]
    assert report_of("apply", accounts).outcome == "auth"
    assert report_of("apply", accounts, written=True).outcome == "partial"


def test_warnings_stand_in_the_order_of_their_places_whenever_they_were_found():
    early = warning("unknown-key", "of a file", "x", Location("t/prod/lon.yaml", 7, 3))
    later = warning("removed-gone", "of the list", "x", Location("t/prod/account.yaml", 12, 3))
    nowhere = warning("no-lock", "of the machine", "x")
    last = error("unwritable", "of the end", "x", Location("t/prod/lon.yaml", 2, 1))
    report = report_of("plan", (), [early, later, early, nowhere])
    assert [d.summary for d in report.diagnostics] == ["of the machine", "of the list", "of a file"]
    amended = with_diagnostics(report, [last, later], "error")
    assert [d.summary for d in amended.diagnostics] == ["of the machine", "of the list", "of the end", "of a file"]


def test_only_the_number_tells_of_tunnels_that_are_not_owned():
    with_owns = planned(plan(desired("a", of=account(owns=["a*"])), live("a", "b", "c")), "ok")
    without = planned(plan(desired("x"), live("x")), "ok")
    assert (with_owns.total, with_owns.not_owned, without.total, without.not_owned) == (1, 2, 1, None)
    assert report_of("plan", [with_owns, with_owns, without]).summary.not_owned == 4
    assert report_of("plan", [without]).summary.not_owned is None


BGP = {"bgp": {"customer_asn": 65010}}


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (BGP | {"bgp_status": {"state": "BGP_UP", "updated_at": "2026-05-04"}}, ("up", "2026-05-04")),
        (BGP | {"bgp_status": {"state": "BGP_DOWN"}}, ("down", None)),
        (BGP, ("unknown", None)),
        ({"bgp_status": {"state": "BGP_UP"}}, (None, None)),  # it has no BGP
    ],
)
@pytest.mark.parametrize("declared", [desired("b"), desired("b", tunnel("a", description="x"))])
def test_a_change_says_how_bgp_was_and_its_digest_does_not(declared, observed, expected):
    found, without = (
        plan(declared, live("b", raw("a", **fields))) for fields in (observed, observed | {"bgp_status": 7})
    )
    (told,) = planned(found, "ok").changes
    assert (told.health, told.health_since) == expected
    assert found.digest == without.digest


def test_what_is_to_be_created_has_no_session():
    (told,) = planned(plan(desired(tunnel("a", **BGP)), live()), "ok").changes
    assert (told.action, told.health) == ("create", None)


NIGHT = Window((6,), 1320, 1440, "UTC")  # Sundays, from 22:00 to 24:00
NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)


def moved(*, at, **chosen):
    declared = desired("a", tunnel("b", customer_endpoint="198.51.100.77"), of=account(windows=(NIGHT,)))
    return build_plan(declared, live(raw("a", description="x"), "b"), options(now=at, **chosen))


def test_a_plan_tells_of_each_change_when_it_may_be_carried_out():
    found = planned(moved(at=NOON), "ok")
    assert found.window == WindowReport(opens="2026-05-03T22:00:00Z", closes=None)
    assert {c.name: c.opens for c in found.changes} == {"a": None, "b": "2026-05-03T22:00:00Z"}
    assert found.held_back == ()


def test_a_plan_tells_until_when_a_window_is_open():
    found = planned(moved(at=NOON.replace(hour=23)), "ok")
    assert found.window == WindowReport(opens=None, closes="2026-05-04T00:00:00Z")
    assert {c.opens for c in found.changes} == {None}


def test_nothing_is_told_of_windows_that_are_lifted():
    assert planned(moved(at=NOON, outside_window=True), "ok").window is None


def test_what_was_rolled_back_and_waits_for_a_window_is_not_resolved():
    whole = moved(at=NOON)
    digest = next(change_digest(change) for change in whole.changes if change.name == "b")
    entry = RolledBack("b", whole.changes[1].ref, digest)
    found = hold_back(moved(at=NOON, rolled_back=(entry,), retry=True), NOON)
    assert [change.name for change in found.changes] == ["a"]
    assert applied(found, ended(found, APPLIED)).rolled_back == (entry,)


@pytest.mark.parametrize(
    ("before", "after", "device"),
    [
        ({}, {"customer_endpoint": "198.51.100.77", "description": "x"}, ("customer_endpoint",)),
        ({}, {"interface_address": "10.9.9.0/31"}, ("interface_address",)),
        ({}, {"bgp": {"customer_asn": 65001}}, ("bgp",)),
        ({"bgp": {"customer_asn": 65001}}, {"bgp": {"customer_asn": 65002}}, ("bgp.customer_asn",)),
        ({}, {"custom_remote_identities": {"fqdn_id": "a.b"}}, ("custom_remote_identities.fqdn_id",)),
        ({}, {"replay_protection": True, "health_check": {"rate": "low"}}, ()),
    ],
    ids=str,
)
def test_an_update_says_in_what_the_device_must_follow(before, after, device):
    found = plan(desired(tunnel("a", **after)), live(raw("a", **before)))
    (change,) = planned(found, "ok").changes
    assert change.device == device


@pytest.mark.parametrize(
    ("result", "device"),
    [
        (Result.APPLIED, ("customer_endpoint",)),
        (Result.UNKNOWN, ("customer_endpoint",)),
        (Result.FAILED, ("customer_endpoint",)),  # it may be a tunnel that was changed and stays down
        (Result.SKIPPED, ()),
        (Result.ROLLED_BACK, ()),
    ],
)
def test_nobody_must_follow_what_was_not_done_or_was_taken_back(result, device):
    found = plan(desired(tunnel("a", customer_endpoint="198.51.100.77")), live("a"))
    (change,) = applied(found, ended(found, Verdict(result))).changes
    assert change.device == device


def test_nothing_was_taken_from_routes_by_a_delete_that_was_skipped():
    found = plan(desired(), live("a"), allow_delete=frozenset({"a"}))
    found = found._replace(routes={found.changes[0].ref: ("10.9.0.0/16",)})
    told = [applied(found, ended(found, verdict)).changes[0].routes for verdict in (APPLIED, Verdict(Result.SKIPPED))]
    assert told == [("10.9.0.0/16",), ()]


def test_of_what_comes_or_goes_the_device_has_nothing_to_follow():
    found = planned(plan(desired("a"), live("b")), "ok")
    assert [change.device for change in found.changes] == [(), ()]


def test_no_wave_is_told_of_whose_updates_all_wait():
    names = ("a", "b", "c")
    of = account(windows=(NIGHT,), rollout=Rollout(("1",), apart="none"))
    declared = desired(*(tunnel(name, replay_protection=True) for name in names), tunnel("d", description="x"), of=of)
    whole = build_plan(declared, live(*names, "d"), options(now=NOON))
    assert [wave.names for wave in planned(whole, "ok").waves] == [("a",), ("b", "c")]
    assert [wave.names for wave in planned(hold_back(whole, NOON), "ok").waves] == []
    decided = [change.ref for change in whole.changes if change.name == "a"]
    assert [wave.names for wave in planned(hold_back(whole, NOON, decided), "ok").waves] == [("a",)]
