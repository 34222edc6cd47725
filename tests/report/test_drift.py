import pytest

from reconciler.files.patch import Accepted
from reconciler.model.desired import EnvRef, External, Rollout
from reconciler.model.problems import Problem
from reconciler.plan.plan import Plan
from reconciler.plan.scope import LeftAlone
from reconciler.render.headline import headline
from reconciler.report.drift import down_warnings, drift_report, with_history
from reconciler.report.make import planned, report_of
from reconciler.report.values import AccountReport, ChangeReport, Down, DriftClass, Report
from tests.build import account, desired, live, plan, raw, rule, tunnel

MONDAY, TUESDAY, FRIDAY = "2026-05-04T00:00:00Z", "2026-05-05T00:00:00Z", "2026-05-08T00:00:00Z"


def drifted(found: Plan) -> AccountReport:
    return drift_report(found, Accepted("", ()), planned(found, "ok").keys, "")


@pytest.mark.parametrize(
    ("declared", "observed", "expected"),
    [
        (desired("a"), live(), ("missing", "traffic")),
        (desired("b"), live("a", "b"), ("unmanaged", "security")),
        (desired(tunnel("a", description="x")), live("a"), ("changed", "cosmetic")),
        (desired(tunnel("a", description="x", customer_endpoint="192.0.2.9")), live("a"), ("changed", "traffic")),
        (desired(tunnel("a", description="x", replay_protection=True)), live("a"), ("changed", "security")),
    ],
)
def test_class_and_severity_of_a_difference(declared, observed, expected):
    (change,) = drifted(plan(declared, observed)).changes
    assert (change.drift_class, change.severity) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a"], "reconciler apply --account prod --target a"),
        (["a", "b"], "reconciler apply --account prod"),
        (["it's 1"], "reconciler apply --account prod --target 'it'\"'\"'s 1'"),
        (["lon-[a]*"], "reconciler apply --account prod --target 'lon-[[]a][*]'"),
    ],
)
def test_the_command_that_reverts_names_a_single_tunnel_and_no_other(names, expected):
    found = drifted(plan(desired(*(tunnel(n, description="x") for n in names)), live(*names)))
    assert found.ways_out is not None
    assert found.ways_out.revert == expected


def test_waves_are_of_a_plan_that_is_applied_and_stand_in_no_drift_report():
    wanted = desired(tunnel("a", customer_endpoint="192.0.2.9"), of=account(rollout=Rollout(("1",))))
    found = plan(wanted, live("a"))
    assert (len(planned(found, "ok").waves), drifted(found).waves) == (1, ())


def test_what_only_git_changed_is_listed_and_is_no_drift():
    found = plan(desired(tunnel("a", description="x")), live("a"))
    report = drifted(found._replace(changes=tuple(c._replace(cause="git") for c in found.changes)))
    assert (report.outcome, report.drifted, len(report.changes), report.ways_out) == ("ok", 0, 1, None)


@pytest.mark.parametrize(
    ("declared", "outcome", "expected"),
    [
        ("a", "changes", "No drift of settings, but 1 key in doubt: 1 tunnel in sync, "),
        (tunnel("a", description="x"), "changes", "1 of 1 tunnel drifted (0.0 % in sync), "),
    ],
)
def test_a_key_in_doubt_is_drift_and_stands_in_the_title(declared, outcome, expected):
    found = plan(desired(declared), live("a"))._replace(doubts={"a": Problem("key-not-in-sink", "pending")})
    report = drifted(found)
    title = headline(report_of("drift", [report]))
    assert report.outcome == outcome
    assert (title.startswith(expected), title.count("1 key in doubt")) == (True, 1)


@pytest.mark.parametrize(
    ("prune", "outcome", "expected"),
    [
        (True, "changes", "1 of 3 tunnels drifted (66.7 % in sync), 1 unmanaged, 0 missing, 0 not checked."),
        (False, "ok", "No drift: 2 tunnels in sync, 1 unmanaged, 0 missing, 0 not checked."),
    ],
)
def test_a_tunnel_that_nobody_declares_is_drift_where_it_is_pruned(prune, outcome, expected):
    declared = desired("a", "b", of=account(prune=prune))
    found = report_of("drift", [drifted(plan(declared, live("a", "b", "x")))])
    assert (found.outcome, headline(found)) == (outcome, expected)


def test_keys_that_no_list_shows_are_said_once_and_are_no_tunnels_that_were_not_checked():
    own = {"psk": EnvRef("KEY")}
    declared = desired(tunnel("a", **own), tunnel("b", **own), tunnel("c", psk=External()), tunnel("new", **own))
    found = report_of("drift", [drifted(plan(declared, live("a", "b", "c")))])
    why = "pre-shared keys can't be read back (2 tunnels)"
    assert found.accounts[0].not_checked == (LeftAlone("*", why, fields=("psk",)),)
    assert headline(found).endswith(" drifted (75.0 % in sync), 0 unmanaged, 1 missing, 0 not checked.")


@pytest.mark.parametrize(
    ("declared", "cause", "expected"),
    [
        (desired(), "drift", 1),
        (desired(), "both", 1),
        (desired(), "git", 0),  # somebody took it out of the files: it waits for apply
        (desired(of=account(prune=False)), None, 1),
        (desired("a"), None, 0),
    ],
)
def test_the_sum_and_the_title_count_the_same_unmanaged_tunnels(declared, cause, expected):
    found = plan(declared, live("a"))
    found = found._replace(changes=tuple(c._replace(cause=cause) for c in found.changes))
    report = report_of("drift", [drifted(found)])
    assert (report.summary.unmanaged, f", {expected} unmanaged, " in headline(report)) == (expected, True)


def aged(report: Report) -> dict[str, tuple[str | None, str | None]]:
    return {c.name: (c.age, c.first_seen) for a in report.accounts for c in a.changes}


def report(*names: str) -> Report:
    observed = live(*(raw(n, description="x") for n in names))
    return report_of("drift", [drifted(plan(desired(*names), observed))])


def test_differences_age_from_report_to_report():
    first = with_history(report("a", "b"), None, MONDAY)
    assert aged(first) == {"a": (None, None), "b": (None, None)}
    second = with_history(report("b", "c"), first, TUESDAY)
    assert aged(second) == {"b": ("persisting", MONDAY), "c": ("new", TUESDAY)}
    third = with_history(report("c"), second, FRIDAY)
    assert aged(third) == {"c": ("persisting", TUESDAY)}
    assert [(r.name, r.first_seen) for r in third.accounts[0].resolved] == [("b", MONDAY)]


def previous(*kinds: DriftClass | None) -> Report:
    """A report that holds one tunnel several times, as a report of somebody else may."""
    changes = [
        ChangeReport(action="update", name="a", id=None, impact="none", fields=(), source=None, drift_class=kind)
        for kind in kinds
    ]
    account_id = report("a").accounts[0].account_id
    told = AccountReport(account="prod", account_id=account_id, outcome="changes", changes=tuple(changes))
    return report_of("drift", [told])


def test_a_report_without_a_generated_time_ages_from_now():
    assert aged(with_history(report("a"), previous("changed"), MONDAY)) == {"a": ("persisting", MONDAY)}


def test_only_what_the_previous_report_calls_drift_is_resolved():
    found = with_history(report("b"), previous(None, "missing", "changed"), MONDAY).accounts[0].resolved
    assert [(r.name, r.drift_class) for r in found] == [("a", "changed"), ("a", "missing")]


BGP = {"bgp": {"customer_asn": 65010}}
SINCE = "2026-05-04T08:00:00Z"
DOWN = {"bgp_status": {"state": "BGP_DOWN", "updated_at": SINCE}}
UP = {"bgp_status": {"state": "BGP_UP", "updated_at": SINCE}}


@pytest.mark.parametrize(
    ("declared", "observed", "expected"),
    [
        (BGP, BGP | DOWN, [SINCE]),
        (BGP, BGP | {"bgp_status": {"state": "BGP_ESTABLISHING"}}, [None]),
        (BGP, BGP | UP, []),
        (BGP, BGP, []),  # not known
        (BGP, BGP | {"bgp_status": None}, []),
        (BGP | {"description": "x"}, BGP | DOWN, []),  # it is drift
        ({}, DOWN, []),  # it has no BGP
    ],
)
def test_what_is_in_sync_and_down_is_named_and_is_no_drift(declared, observed, expected):
    report = drifted(plan(desired(tunnel("a", **declared)), live(raw("a", **observed))))
    assert [one.since for one in report.down] == expected
    assert report.outcome == ("changes" if "description" in declared else "ok")


def test_what_no_pattern_wants_and_what_cannot_be_read_is_not_called_down():
    odd = raw("b", replay_protection="maybe", **BGP, **DOWN)
    observed = live(raw("a", **BGP, **DOWN), odd, raw("c", **BGP, **DOWN))
    declared = desired(*(tunnel(name, **BGP) for name in "abc"))
    assert [one.name for one in drifted(plan(declared, observed)).down] == ["a", "c"]
    assert [one.name for one in drifted(plan(declared, observed, glob="c*")).down] == ["c"]


def test_a_tunnel_whose_bgp_is_left_to_others_is_not_called_down():
    by_hand = account(ignore=[rule("a", "bgp")])
    report = drifted(plan(desired("a", of=by_hand), live(raw("a", **BGP, **DOWN))))
    assert (report.unchanged, report.down) == (1, ())


def test_a_warning_counts_those_that_are_down_and_names_the_first():
    every = tuple(Down(name=f"t{n:02}", id=str(n), since=None) for n in range(12))
    accounts = [
        AccountReport(account=n, account_id="1", outcome="ok", down=d) for n, d in (("lab", ()), ("prod", every))
    ]
    (found,) = down_warnings(accounts)
    names = "t00, t01, t02, t03, t04, t05, t06, t07, t08, t09 and 2 more"
    assert (found.severity, found.code) == ("warning", "in-sync-and-down")
    assert found.summary == f"12 tunnels of account prod in sync and down: {names}"


def test_drift_asks_no_device_to_follow():
    found = drifted(plan(desired("a"), live(raw("a", customer_endpoint="198.51.100.77"))))
    assert [change.device for change in found.changes] == [()]
