"""How one thing that was to be done ended: a change of a plan, or the setting of a key.

There are four results and not two, since a lost answer leaves it open whether a write was done. Then it is `unknown`,
never rounded to `applied` or `failed`, because what a person should do next differs.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from reconciler.model.problems import Problem


class Result(StrEnum):
    """How it ended.

    Applied: a list or an answer says so. Failed: it is not done. Skipped: not tried. Unknown: nobody can tell. Rolled
    back: it was done and taken back, since it did harm or nobody confirmed it.
    """

    APPLIED = "applied"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    ROLLED_BACK = "rolled_back"


class Verdict(NamedTuple):
    """A result and, unless it is applied, why."""

    result: Result
    problem: Problem | None = None


APPLIED = Verdict(Result.APPLIED)

THERE = Verdict(Result.SKIPPED, Problem("already-there", "somebody made it meanwhile, just as declared"))
"""Of a create that a list shows as done, though no answer said that this run did it: all is well, but this run must not
count it as its own work."""


def may_have_written(verdicts: Iterable[Verdict]) -> bool:
    """Whether anything was done, or may have been: the end of a run must not call that nothing."""
    return any(v.result in (Result.APPLIED, Result.UNKNOWN, Result.ROLLED_BACK) for v in verdicts)
