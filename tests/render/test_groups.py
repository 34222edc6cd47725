from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.problems import Problem
from reconciler.plan.diff import FieldChange
from reconciler.render import render
from reconciler.render.groups import groups
from reconciler.report.values import ChangeReport
from tests.render.samples import DRIFT, LON_A, OLD_SITE, PAR_A, account

RATE = (FieldChange("health_check.rate", "mid", "high"),)
BOTH = (FieldChange("description", None, "x"), *RATE)


def update(name: str, fields: Sequence[FieldChange] = RATE, **other: object) -> ChangeReport:
    return replace(LON_A, name=name, fields=tuple(fields), **other)


def rate(name: str, before: Any, **other: object) -> ChangeReport:
    return update(name, [FieldChange("health_check.rate", before, "high")], **other)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([], []),
        ([update("a")], [("a", "all")]),
        ([update("a"), update("b")], [("a", "all"), ("b", "all")]),
        ([update("a"), update("b"), update("c")], [("abc", "all")]),
        ([update("a", BOTH), update("b", BOTH), update("c", BOTH)], [("abc", "all")]),
        ([rate("a", "low"), rate("b", "mid"), rate("c", None)], [("abc", "field")]),
        # Those that are equal are told once, and the others still together.
        (
            [rate(n, "mid") for n in "abc"] + [rate("d", 1), rate("e", "1"), rate("f", "low")],
            [("abc", "all"), ("def", "field")],
        ),
        # Each group stands where its first change does.
        (
            [update("x", BOTH), rate("a", 1), update("y", []), rate("b", 2), rate("c", 3)],
            [("x", "all"), ("abc", "field"), ("y", "all")],
        ),
        # Two fields with values of their own are told in full.
        ([update(n, [*RATE, FieldChange("description", None, n)]) for n in "abc"], [(n, "all") for n in "abc"]),
        # So are the items of lists.
        (
            [update(n, [FieldChange("bgp.extra_prefixes", ["a"], ["a", n], added=(n,))]) for n in "xyz"],
            [(n, "all") for n in "xyz"],
        ),
        # What differs in more than its name is not alike.
        ([update("a", impact="traffic"), update("b"), update("c")], [(n, "all") for n in "abc"]),
        ([update("a"), update("b"), update("c", cause="drift")], [(n, "all") for n in "abc"]),
        ([update("a"), update("b"), update("c", outcome="applied")], [(n, "all") for n in "abc"]),
        ([update("a"), update("b"), update("c", check="refused")], [(n, "all") for n in "cab"]),
        # These are never told by their number.
        ([replace(OLD_SITE, name=n) for n in "abc"], [(n, "all") for n in "abc"]),
        ([update("a"), update("b"), update("c", previous_name="d")], [(n, "all") for n in "abc"]),
        ([update("a"), update("b"), update("c", error=Problem("x", "y"))], [(n, "all") for n in "abc"]),
    ],
)
def test_updates_that_are_alike_are_told_together(changes: list[ChangeReport], told: list[tuple[str, str]]) -> None:
    assert shared(changes) == told


def shared(changes: Sequence[ChangeReport], **how: bool) -> list[tuple[str, str]]:
    found = groups([account(changes=tuple(changes))], **how)
    return [("".join(change.name for change in group.changes), group.share) for group in found]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([replace(OLD_SITE, name=n) for n in "abc"], [("abc", "kind")]),
        ([replace(OLD_SITE, name=n) for n in "ab"], [("a", "all"), ("b", "all")]),
        (
            [*(update(n, [*RATE, FieldChange("description", None, n)]) for n in "abc"), *(update(n) for n in "def")],
            [("abc", "kind"), ("def", "all")],
        ),
        (
            [*(replace(PAR_A, name=n) for n in "abc"), *(replace(OLD_SITE, name=n) for n in "def")],
            [("def", "kind"), ("abc", "kind")],
        ),
        # What went wrong is told with all that ended so.
        (
            [update(n, outcome="failed", error=Problem("x", n)) for n in "abc"] + [update("d", outcome="applied")],
            [("abc", "kind"), ("d", "all")],
        ),
        (
            [update(n, BOTH, cause=cause) for n, cause in zip("abc", ("git", "drift", "both"), strict=True)],
            [("a", "all"), ("b", "all"), ("c", "all")],
        ),
    ],
)
def test_where_a_plan_is_long_what_is_left_goes_together_by_kind(
    changes: list[ChangeReport], told: list[tuple[str, str]]
) -> None:
    assert shared(changes, by_kind=True) == told


def test_of_drift_each_difference_has_a_history_of_its_own() -> None:
    found = [update(n, drift_class="changed", severity="cosmetic") for n in "abc"]
    assert shared(found) == [("a", "all"), ("b", "all"), ("c", "all")]
    assert shared(found, by_kind=True) == [("abc", "kind")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([update(n) for n in "abc"], [("abc", "all")]),
        ([update("a", age="new"), update("b", age="persisting"), update("c")], [("abc", "all")]),
        ([update("a"), update("b"), update("c", cause="git")], [("a", "all"), ("b", "all"), ("c", "all")]),
        ([rate("a", "low"), rate("b", "mid"), rate("c", None)], [("a", "all"), ("b", "all"), ("c", "all")]),
    ],
)
def test_what_tells_histories_beside_names_puts_equal_drift_together(
    changes: list[ChangeReport], told: list[tuple[str, str]]
) -> None:
    found = [replace(change, drift_class="changed", severity="cosmetic") for change in changes]
    assert shared(found, drift=True) == told


def test_groups_never_span_accounts_and_the_gravest_of_all_come_first() -> None:
    changes = tuple(update(n) for n in "abc")
    found = groups([account("lab", changes=changes), account(changes=(OLD_SITE, *changes))], by_kind=True)
    assert [(group.account, len(group.changes)) for group in found] == [("prod", 1), ("lab", 3), ("prod", 3)]


def test_a_long_drift_report_folds_tunnels_and_tells_their_fields() -> None:
    surplus = [replace(OLD_SITE, name=f"s-{n}", drift_class="unmanaged", severity="security") for n in range(11)]
    changed = [
        replace(LON_A, name=f"c-{n}", fields=(FieldChange(path, 1, 2),), drift_class="changed", severity="traffic")
        for path in ("bgp", "description")
        for n in range(6)
    ]
    report = replace(DRIFT, accounts=(account(changes=(*surplus, *changed)),))
    told = render(report, "markdown")
    assert "<summary>- <b>11 tunnels</b> (unmanaged, security)</summary>" in told
    assert "<summary>~ <b>12 tunnels</b>: bgp, description (changed, traffic)</summary>" in told
    page = render(report, "html")
    assert "<b>12 tunnels</b>\n<code>bgp</code> <code>description</code>\n<span class=" in page
