"""The one value behind every output format. Its JSON form is the documented one."""

from dataclasses import dataclass, field
from typing import Any, Literal

from reconciler.model.problems import Diagnostic

FORMAT_VERSION = "1.1"

NO_KEY = "no-key"
"""Code of a tunnel that Cloudflare never made a key for and whose sink holds none: apply has it made."""

FIXED = frozenset(
    {
        "account_id",
        "action",
        "age",
        "cause",
        "check",
        "command",
        "created_on",
        "digest",
        "drift_class",
        "first_seen",
        "format_version",
        "generated_at",
        "id",
        "impact",
        "modified_on",
        "outcome",
        "path",
        "severity",
    }
)
"""Fields that hold words of ours, ids or times: nothing from files or answers that could be a secret."""

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


@dataclass(frozen=True, slots=True)
class Source:
    """Where a tunnel or one of its fields is declared."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One more thing that Cloudflare said of a failure: another error, its cause, a message beside the errors.

    Attributes: as those of `Problem`.
    """

    code: str
    message: str
    documentation_url: str | None = None
    field: str | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something failed: `code` and `message` are Cloudflare's or ours, `remedy` says what to do.

    Attributes:
        ray: Cloudflare's request id (header `cf-ray`) when there was one.
        documentation_url: Where Cloudflare explains it.
        field: What it is about: a field's path, or Cloudflare's pointer as it is.
        source: Where that field is declared.
        also: What else was said of it.
    """

    code: str
    message: str
    remedy: str | None = None
    ray: str | None = None
    documentation_url: str | None = None
    field: str | None = None
    source: Source | None = None
    also: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldReport:
    """One differing field; a sensitive one has neither value. None is unset."""

    path: str
    before: Any
    after: Any
    sensitive: bool = False


Age = Literal["new", "persisting"]


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """One change, or in a drift report one difference.

    Attributes:
        outcome: After apply `applied`, `failed`, `skipped` or `unknown`; else None.
        error: Why it is not applied.
        check: With `--server-check`: `accepted`, `refused`, `not checked`; else None.
        drift_class: `changed`, `missing` or `unmanaged` in a drift report (JSON name `class`).
        severity: `security`, `traffic` or `cosmetic` in a drift report.
        first_seen: With `--previous`: when it was first reported (RFC 3339, UTC).
        age: With `--previous`: `new` or `persisting`.
        modified_on: When the live tunnel last changed, as the API says.
    """

    action: str
    name: str
    previous_name: str | None
    id: str | None
    impact: str
    cause: str | None
    fields: tuple[FieldReport, ...]
    source: Source | None
    outcome: str | None = None
    error: Problem | None = None
    check: str | None = None
    drift_class: str | None = None
    severity: str | None = None
    first_seen: str | None = None
    age: Age | None = None
    modified_on: str | None = None


@dataclass(frozen=True, slots=True)
class GuardReport:
    """One guard that blocks the plan: its code, what it says, the tunnels it is about and what lifts it."""

    code: str
    message: str
    names: tuple[str, ...]
    remedy: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A live tunnel that is not ours to touch (unmanaged, ignored), or something that was not checked, and why."""

    name: str
    reason: str
    id: str | None = None
    fields: tuple[str, ...] = ()
    created_on: str | None = None


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What is known of one tunnel's pre-shared key; never the key.

    `age_days` is None when unknown; `source` says what the age was read from (`sink`, `cloudflare`) or is None.
    """

    name: str
    reference: str | None
    age_days: int | None
    overdue: bool
    rotate_after_days: int | None
    source: str | None
    outcome: str | None = None
    error: Problem | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """A way out of drift: the command that reverts and the patch of the YAML that accepts the live values."""

    revert: str
    accept: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """A difference of the previous report that is gone."""

    name: str
    drift_class: str
    first_seen: str | None


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where an account's API token is read from: the name of an environment variable."""

    env: str


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What was seen, planned and done in one account.

    Attributes:
        total: Live tunnels in the account, or None when the list was not read.
        managed: Live tunnels that files declare, plus declared ones that are missing.
        drifted: Number of differences that are drift (drift reports only).
        notes: Lines people should read before approving (parking, gaps, `--no-delete` leftovers).
        error: Why the account could not be read or converged.
        token: Where its token is read from (`accounts` only).
    """

    account: str
    account_id: str
    outcome: Outcome
    digest: str | None = None
    api_calls: dict[str, int] = field(default_factory=dict)
    guards: tuple[GuardReport, ...] = ()
    changes: tuple[ChangeReport, ...] = ()
    unmanaged: tuple[LeftAlone, ...] = ()
    ignored: tuple[LeftAlone, ...] = ()
    not_checked: tuple[LeftAlone, ...] = ()
    keys: tuple[KeyReport, ...] = ()
    notes: tuple[str, ...] = ()
    paused: str | None = None
    total: int | None = None
    managed: int = 0
    drifted: int = 0
    unchanged: int = 0
    resolved: tuple[Resolved, ...] = ()
    ways_out: Patch | None = None
    error: Problem | None = None
    token: TokenSource | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What one run has to say.

    Attributes:
        command: The command's name.
        outcome: Name of the exit code.
        sandbox: True when the built-in simulator stood in for Cloudflare.
        summary: Counts over all accounts: create, update, delete, unchanged, unmanaged, ignored.
        generated_at: Time of the run (RFC 3339, UTC) where the format needs one (drift history), else None.
        context: What the caller knows of the run (commit, base, run URL), shown in the comment.
    """

    command: str
    outcome: Outcome
    sandbox: bool
    summary: dict[str, int]
    accounts: tuple[AccountReport, ...]
    diagnostics: tuple[Diagnostic, ...]
    generated_at: str | None = None
    context: dict[str, str] = field(default_factory=dict)
    format_version: str = FORMAT_VERSION


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
