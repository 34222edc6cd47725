import pytest

from reconciler.model.problems import Location
from reconciler.plan.stale import stale_names
from tests.build import account, desired, live, plan, rule, tunnel


def said(*plans, **options):
    return [(d.code, d.summary) for d in stale_names(plans, **options)]


def test_names_under_removed_that_are_gone_are_reported():
    (found,) = stale_names([plan(desired(of=account(removed=["gone", "old"])), live("old"))])
    assert (found.code, found.severity, found.summary) == (
        "removed-gone",
        "warning",
        "`gone` under `removed` is not live",
    )


def test_removing_where_nothing_is_deleted_is_reported():
    of = account(removed=["old"], prune=False)
    assert said(plan(desired(of=of), live("old"))) == [
        ("removed-stays", "`old` under `removed` stays, since `prune` is false")
    ]


def test_protecting_what_nobody_knows_is_reported():
    assert [code for code, _ in said(plan(desired(of=account(protect=["typo"])), live("old")))] == ["unknown-protected"]


def test_names_are_reported_in_order_of_their_places():
    place = Location("account.yaml", 6), Location("account.yaml", 5)
    of = account()._replace(removed={"gone": place[0]}, protect={"typo": place[1]})
    assert [d.location for d in stale_names([plan(desired(of=of), live("old"))])] == [place[1], place[0]]


ALLOWED = frozenset({"old"})


@pytest.mark.parametrize(
    ("declared", "options", "detail"),
    [
        (desired("old"), {}, "A file declares the tunnel."),
        (desired(of=account(prune=False)), {}, "`prune` is false in its account."),
        (desired(of=account(ignore=[rule("ol*")])), {}, "The tunnel is ignored"),
        (desired(tunnel("new", renamed_from="old")), {}, "renamed"),
        (desired("x"), {"glob": "x"}, "outside --target"),
    ],
)
def test_allowing_a_delete_that_is_none_is_reported_with_its_cause(declared, options, detail):
    (found,) = stale_names([plan(declared, live("old"), allow_delete=ALLOWED, **options)])
    assert (found.code, found.summary) == ("allowed-stays", "--allow-delete old deletes nothing")
    assert detail in found.detail


@pytest.mark.parametrize("options", [{}, {"no_delete": True}])
def test_allowing_a_delete_that_is_wanted_is_silent(options):
    assert said(plan(desired("a"), live("a", "old"), allow_delete=ALLOWED, **options)) == []


def test_names_of_options_stand_for_tunnels_of_any_account():
    one = plan(desired("a"), live("a"), allow_delete=ALLOWED, glob="o*")
    other = plan(desired(of=account(prune=True)), live("old"), allow_delete=ALLOWED, glob="o*")
    assert said(one, other) == []
    assert [code for code, _ in said(one)] == ["unknown-allowed", "unmatched-target"]
    assert said(one, whole=False) == []


@pytest.mark.parametrize(
    ("glob", "near"),
    [
        ("lno-a", 'Did you mean "lon-a"? '),
        ("lno-*", 'Did you mean "lon-a"? '),
        ("par-a", 'Did you mean "PAR-A"? '),
        ("*zzz*", ""),
        ("*", None),
    ],
)
def test_a_target_that_matches_nothing_gets_a_suggestion(glob, near):
    found = stale_names([plan(desired("lon-a"), live("PAR-A"), glob=glob)])
    assert [(d.code, d.detail) for d in found] == (
        [] if near is None else [("unmatched-target", f"{near}Correct the pattern.")]
    )


def test_no_warning_names_a_tunnel_that_is_not_owned():
    found = plan(desired(of=account(owns=["lon-*"], protect=["lon-b"])), live("xlon-b"), glob="xlon*")
    assert [(code, summary) for code, summary in said(found)] == [
        ("unknown-protected", "`lon-b` under `protect` is not known"),
        ("unmatched-target", "--target xlon* matches no tunnel"),
    ]
    assert not any("xlon-b" in one.detail for one in stale_names([found]))


def test_why_a_tunnel_stays_is_said_of_the_account_that_owns_it():
    others = plan(desired(of=account(owns=["lon-*"], prune=False)), live("old"), allow_delete=ALLOWED)
    own = plan(desired(of=account(ignore=[rule("old")])), live("old"), allow_delete=ALLOWED)
    (found,) = stale_names([others, own])
    assert (found.code, found.detail) == ("allowed-stays", "The tunnel is ignored, renamed or outside --target.")
