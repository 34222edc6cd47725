"""How a run ends: the names of its outcomes, their exit codes, and which of several it is.

Scripts and workflows decide by the exit code, so one run has one outcome, whatever its accounts met.
"""

from typing import Literal

Outcome = Literal[
    "ok",
    "error",
    "changes",
    "invalid",
    "rejected",
    "blocked",
    "plan_changed",
    "partial",
    "interrupted",
    "auth",
    "usage",
    "internal",
]

EXIT_CODES: dict[Outcome, int] = {
    "ok": 0,
    "error": 1,
    "changes": 2,
    "invalid": 3,
    "rejected": 4,
    "blocked": 5,
    "plan_changed": 6,
    "partial": 7,
    "interrupted": 8,
    "auth": 9,
    "usage": 64,
    "internal": 70,
}

_FIRST: tuple[Outcome, ...] = ("usage", "invalid", "internal", "interrupted")
_ORDER: tuple[Outcome, ...] = ("auth", "error", "blocked", "plan_changed", "rejected", "changes")


def worst(outcomes: tuple[Outcome, ...], *, written: bool = False) -> Outcome:
    """The outcome of a run from those of its accounts, `written` when anything was written anywhere.

    The order is that of the documented exit codes: usage, invalid, then internal and interrupted, then `partial` when
    something was written and not all is well, else the first of auth, error, blocked, plan_changed, rejected, changes.
    """
    for outcome in _FIRST:
        if outcome in outcomes:
            return outcome
    bad = [o for o in _ORDER if o in outcomes]
    if "partial" in outcomes or (written and bad):
        return "partial"
    return bad[0] if bad else "ok"
