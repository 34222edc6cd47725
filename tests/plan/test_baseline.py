import pytest

from reconciler.plan.baseline import attribute
from tests.build import account, desired, live, plan, raw, rule, tunnel

KEPT = account(prune=False)
IGNORING = account(ignore=[rule("a")])
OTHERS = account(owns=["b*"])


def causes(then, now, observed):
    return {c.name: c.cause for c in attribute(plan(now, observed).changes, then)}


def described(text):
    return desired(tunnel("a", description=text))


@pytest.mark.parametrize(
    ("then", "now", "observed", "expected"),
    [
        # creates
        (desired(), desired("a"), live(), "git"),
        (desired("a"), desired("a"), live(), "drift"),
        (desired("a"), described("x"), live(), "both"),
        # deletes
        (desired("a"), desired(), live("a"), "git"),
        (desired(), desired(), live("a"), "drift"),
        (desired(of=KEPT), desired(), live("a"), "both"),  # a stranger's, and git prunes it from now on
        (desired(of=IGNORING), desired(), live("a"), "both"),
        (desired(of=OTHERS), desired(), live("a"), "both"),
        # updates
        (desired(), described("x"), live("a"), "both"),
        (desired(of=KEPT), described("x"), live("a"), "git"),
        (desired(of=IGNORING), described("x"), live("a"), "git"),
        (desired(of=OTHERS), described("x"), live("a"), "git"),
        (described("x"), described("y"), live(raw("a", description="x")), "git"),
        (described("x"), described("x"), live(raw("a", description="z")), "drift"),
        (described("x"), described("y"), live(raw("a", description="z")), "both"),
        (
            described("x"),
            desired(tunnel("a", description="x", replay_protection=True)),
            live(raw("a", description="z")),
            "both",
        ),
        (
            described("x"),
            desired(tunnel("a", description="z", replay_protection=True)),
            live(raw("a", description="z")),
            "git",  # git took over what had drifted
        ),
        (desired("a"), desired(tunnel("a", bgp={"customer_asn": 1})), live("a"), "git"),
        (desired("a"), desired("a"), live(raw("a", bgp={"customer_asn": 1})), "drift"),
        (
            desired("a"),
            desired(tunnel("a", health_check={"direction": "bidirectional"})),
            live(raw("a", health_check={"direction": "unidirectional"})),
            "git",
        ),
    ],
)
def test_truth_table(then, now, observed, expected):
    assert causes(then, now, observed) == {"a": expected}


def test_rename_finds_the_old_declaration():
    old = {"interface_address": "10.0.0.0/31"}
    now = desired(tunnel("b", renamed_from="a", **old))
    assert causes(desired(tunnel("a", **old)), now, live(raw("a", **old))) == {"b": "git"}
    assert causes(now, now, live(raw("a", **old))) == {"b": "drift"}


def test_without_a_baseline_causes_stay_unknown():
    assert causes(None, desired("a"), live()) == {"a": None}
