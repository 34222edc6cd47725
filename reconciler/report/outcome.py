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

_GRAVEST_FIRST: tuple[Outcome, ...] = (
    *("usage", "invalid", "internal", "interrupted", "partial"),
    *("auth", "error", "blocked", "plan_changed", "rejected", "changes", "ok"),
)


def worst(outcomes: tuple[Outcome, ...], *, written: bool = False) -> Outcome:
    """The outcome of a run from those of its accounts: the gravest, in the order of the documented exit codes.

    Where anything was `written` anywhere and not all is well, it is `partial` at least.
    """
    partial = written and any(outcome != "ok" for outcome in outcomes)
    return next((one for one in _GRAVEST_FIRST if one in outcomes or (partial and one == "partial")), "ok")
