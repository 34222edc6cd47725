from collections.abc import Sequence
from typing import Any

import pytest

from reconciler.model.problems import Problem
from reconciler.plan.diff import FieldChange
from reconciler.render.groups import groups
from reconciler.report.values import ChangeReport
from tests.render.samples import LON_A, OLD_SITE, replace

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
        ([update("a")], [("a", True)]),
        ([update("a"), update("b")], [("a", True), ("b", True)]),
        ([update("a"), update("b"), update("c")], [("abc", True)]),
        ([update("a", BOTH), update("b", BOTH), update("c", BOTH)], [("abc", True)]),
        ([rate("a", "low"), rate("b", "mid"), rate("c", None)], [("abc", False)]),
        # Those that are equal are told once, and the others still together.
        (
            [rate(n, "mid") for n in "abc"] + [rate("d", 1), rate("e", "1"), rate("f", "low")],
            [("abc", True), ("def", False)],
        ),
        # Each group stands where its first change does.
        (
            [update("x", BOTH), rate("a", 1), update("y", []), rate("b", 2), rate("c", 3)],
            [("x", True), ("abc", False), ("y", True)],
        ),
        # Two fields with values of their own are told in full.
        ([update(n, [*RATE, FieldChange("description", None, n)]) for n in "abc"], [(n, True) for n in "abc"]),
        # So are the items of lists.
        (
            [update(n, [FieldChange("bgp.extra_prefixes", ["a"], ["a", n], added=(n,))]) for n in "xyz"],
            [(n, True) for n in "xyz"],
        ),
        # What differs in more than its name is not alike.
        ([update("a"), update("b"), update("c", impact="traffic")], [(n, True) for n in "abc"]),
        ([update("a"), update("b"), update("c", cause="drift")], [(n, True) for n in "abc"]),
        ([update("a"), update("b"), update("c", outcome="applied")], [(n, True) for n in "abc"]),
        ([update("a"), update("b"), update("c", check="refused")], [(n, True) for n in "abc"]),
        # These are never told by their number.
        ([replace(OLD_SITE, name=n) for n in "abc"], [(n, True) for n in "abc"]),
        ([update("a"), update("b"), update("c", previous_name="d")], [(n, True) for n in "abc"]),
        ([update("a"), update("b"), update("c", error=Problem("x", "y"))], [(n, True) for n in "abc"]),
    ],
)
def test_updates_that_are_alike_are_told_together(changes: list[ChangeReport], told: list[tuple[str, bool]]) -> None:
    assert [("".join(c.name for c in group.changes), group.equal) for group in groups(changes)] == told
