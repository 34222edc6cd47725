"""How one thing that was to be done ended: a change of a plan, or the setting of a key."""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.problems import Problem


class Result(StrEnum):
    """Applied: proved or answered so. Failed: surely not done. Skipped: not tried. Unknown: nobody can tell."""

    APPLIED = "applied"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A result and, unless it is applied, why."""

    result: Result
    problem: Problem | None = None


APPLIED = Verdict(Result.APPLIED)

THERE = Verdict(Result.SKIPPED, Problem("already-there", "somebody made it meanwhile, just as declared"))
"""Of a create that a list shows as done, though no answer said that this run did it: all is well, and not counted."""
