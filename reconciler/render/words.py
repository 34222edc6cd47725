"""The wording that all formats share. Nothing here is made inert: that is for the sink to do."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.fields import FIELDS, Concern
from reconciler.core.report import AccountReport, ChangeReport, FieldReport, KeyReport, LeftAlone, Report
from reconciler.core.verdict import Result

SIGNS = {"create": "+", "update": "~", "delete": "-"}
SENSITIVE = "(sensitive)"
SANDBOX = "SANDBOX: the built-in simulator stood in for Cloudflare."
FAILED = frozenset({"error", "auth", "invalid", "usage", "internal"})
"""Outcomes of a run that could not do its work, whatever the counts say."""

SECRET = frozenset(path.rpartition(".")[2] for path, field in FIELDS.items() if field.sensitive)
"""Leaf names whose values are shown nowhere, not even inside a whole object."""

_CALLS = {"list": "list", "update": "bulk update", "create": "create", "delete": "delete"}
_PLAIN = re.compile(r"[\w./:@*+-]+\Z", re.ASCII)
_WHY = {
    "error": "the API or the network failed, or the live list can't be trusted",
    "auth": "the token is missing, refused, or lacks the permission",
    "usage": "the command line is wrong",
    "internal": "this is a bug in reconciler",
    "rejected": "Cloudflare refuses the change",
    "blocked": "nothing was written",
    "plan_changed": "what was approved is not what would be done now; nothing was written",
    "interrupted": "stopped by a signal; nothing more was sent",
}


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 list`, `2 lists`, `1,200 tunnels`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def calls(api_calls: Mapping[str, int]) -> str:
    """`2 lists, 1 bulk update, 2 creates, 1 delete`; kinds without a call are left out."""
    kinds = [*_CALLS, *sorted(set(api_calls) - set(_CALLS))]
    found = [count(api_calls[kind], _CALLS.get(kind, kind)) for kind in kinds if api_calls.get(kind)]
    return ", ".join(found) or "none"


def all_calls(report: Report) -> dict[str, int]:
    """The calls of all accounts together."""
    total: dict[str, int] = {}
    for account in report.accounts:
        for kind, number in account.api_calls.items():
            total[kind] = total.get(kind, 0) + number
    return total


def plan_line(report: Report) -> str:
    """`Plan: 2 to create, 3 to update, 1 to delete.`, or that there is nothing to do."""
    if not any(report.summary.get(action) for action in SIGNS):
        return "No changes. Live tunnels match the files."
    return f"Plan: {planned(report.summary)}."


def planned(summary: Mapping[str, int]) -> str:
    """`2 to create, 3 to update, 1 to delete`."""
    return ", ".join(f"{summary.get(action, 0):,} to {action}" for action in SIGNS)


def done(report: Report) -> str:
    """`2 created, 3 updated, 1 deleted`, and how many changes ended otherwise."""
    changes = [change for account in report.accounts for change in account.changes]
    words = {"create": "created", "update": "updated", "delete": "deleted"}
    parts = [
        f"{sum(c.action == action and c.outcome == 'applied' for c in changes):,} {word}"
        for action, word in words.items()
    ]
    for result in (Result.FAILED, Result.SKIPPED, Result.UNKNOWN):
        number = sum(c.outcome == result for c in changes)
        parts += [f"{number:,} {result}"] if number else []
    return ", ".join(parts)


def verdict(report: Report) -> str:
    """The one sentence a run comes down to: the last line of the text, the title of everything else."""
    if report.outcome in {"invalid", "usage"} or report.command == "validate":
        return _validity(report)
    if report.outcome in FAILED:
        return f"{report.command.capitalize()} failed: {_why(report)}."
    if report.command == "accounts":
        return f"{count(len(report.accounts), 'account')}."
    if report.command == "drift":
        return drift_line(report)
    if report.command == "plan":
        return plan_line(report)
    return _applied(report) if report.command == "apply" else _finished(report)


def _why(report: Report) -> str:
    """The reason of a run that could not do its work; a local one stands in its diagnostics."""
    local = next((d.summary for d in report.diagnostics if d.severity == "error"), None)
    if report.outcome == "error" and not any(account.error for account in report.accounts):
        return local or "nothing was written, for the reasons above"
    return _WHY[report.outcome]


def _applied(report: Report) -> str:
    if report.outcome in {"blocked", "plan_changed", "rejected"}:
        return f"Apply stopped ({report.outcome}): {_WHY[report.outcome]}."
    if report.outcome != "ok":
        return f"Apply incomplete: {done(report)}."
    if not any(account.changes for account in report.accounts):
        return plan_line(report)
    return f"Apply complete: {done(report)}."


def _finished(report: Report) -> str:
    keys = [key for account in report.accounts for key in account.keys]
    name = "Keys" if report.command == "psk" else report.command.capitalize()
    if keys and report.outcome in {"ok", "partial"}:
        return f"{count(len(keys), 'key')}: {_key_counts(keys)}."
    if report.outcome == "ok":
        return f"{name}: done."
    return f"{name} stopped ({report.outcome}): {_WHY.get(report.outcome, 'not everything was carried out')}."


def _key_counts(keys: list[KeyReport]) -> str:
    found = {result.value: sum(key.outcome == result for key in keys) for result in Result}
    found["overdue"] = sum(key.overdue for key in keys)
    return ", ".join(f"{number:,} {name}" for name, number in found.items() if number) or "none overdue"


def _validity(report: Report) -> str:
    errors = sum(d.severity == "error" for d in report.diagnostics)
    warnings = len(report.diagnostics) - errors
    found = [count(errors, "error")] if errors else []
    found += [count(warnings, "warning")] if warnings else []
    if report.outcome == "ok":
        tunnels = sum(account.managed for account in report.accounts)
        seen = [count(len(report.accounts), "account"), count(tunnels, "tunnel")]
        return f"Valid: {', '.join(seen + found)}."
    if report.outcome == "usage":
        return f"Invalid: {_WHY['usage']}."
    return f"Invalid: {', '.join(found) or 'nothing was written, for the reasons above'}."


def is_drift(change: ChangeReport) -> bool:
    """False for a difference that only git made: it waits for apply."""
    return change.cause != "git"


def drift_line(report: Report) -> str:
    """`3 of 412 tunnels drifted (99.3 % in sync), 2 unmanaged, 0 missing, 1 not checked`, or none."""
    counts = drift_counts(report)
    managed = sum(account.managed for account in report.accounts)
    rest = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("unmanaged", "missing", "not checked"))
    if not any(is_drift(change) for account in report.accounts for change in account.changes):
        return f"No drift: {count(managed, 'tunnel')} in sync, {rest}."
    drifted = counts["changed"] + counts["missing"]
    return f"{drifted:,} of {count(managed, 'tunnel')} drifted{_share(drifted, managed)}, {rest}."


def drift_counts(report: Report) -> dict[str, int]:
    """How many tunnels are of each class of drift, without what only git changed."""
    kinds = [change.drift_class for account in report.accounts for change in account.changes if is_drift(change)]
    return {
        "changed": kinds.count("changed"),
        "missing": kinds.count("missing"),
        "unmanaged": kinds.count("unmanaged") + sum(len(account.unmanaged) for account in report.accounts),
        "not checked": sum(len(account.not_checked) for account in report.accounts),
        "ignored": sum(len(account.ignored) for account in report.accounts),
        "in sync": sum(account.unchanged for account in report.accounts),
    }


def _share(drifted: int, managed: int) -> str:
    """How much is in sync, never rounded up to all of it while something drifts."""
    if not managed:
        return ""
    percent = 100 * (managed - drifted) / managed
    return f" ({min(percent, 99.9) if drifted else percent:.1f} % in sync)"


def label(change: ChangeReport) -> str:
    """The tunnel's name, `old -> new` for a rename."""
    return f"{change.previous_name} -> {change.name}" if change.previous_name else change.name


def by_impact(changes: Iterable[ChangeReport]) -> list[ChangeReport]:
    """What can interrupt traffic first, otherwise in the plan's order."""
    return sorted(changes, key=lambda change: change.impact != "traffic")


def by_severity(changes: Iterable[ChangeReport]) -> list[ChangeReport]:
    """Drift before what only git made, the gravest first, otherwise in the report's order."""
    rank = {concern.value: number for number, concern in enumerate(Concern)}
    return sorted(changes, key=lambda c: (not is_drift(c), rank.get(c.severity or "", len(rank))))


def place(change: ChangeReport) -> str:
    """`file:line` of the declaration, or nothing."""
    return f"{change.source.file}:{change.source.line}" if change.source else ""


def value(item: Any) -> str:
    """One setting as YAML would say it; text that could be mistaken for something else is quoted."""
    if item is None:
        return "(unset)"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, dict):
        return "{" + ", ".join(f"{n}: {SENSITIVE if n in SECRET else value(v)}" for n, v in item.items()) + "}"
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(value(one) for one in item) + "]"
    if isinstance(item, str) and not _PLAIN.match(item):
        return '"' + item.replace('"', '\\"') + '"'
    return str(item)


def difference(field: FieldReport, action: str) -> str:
    """What happens to one field: `mid -> high`, or the one value of what comes or goes."""
    if field.sensitive:
        return SENSITIVE
    if action == "create":
        return value(field.after)
    return value(field.before) if action == "delete" else f"{value(field.before)} -> {value(field.after)}"


def drift_difference(field: FieldReport) -> str:
    """How one field differs: `declared mid, live high`."""
    if field.sensitive:
        return SENSITIVE
    return f"declared {value(field.after)}, live {value(field.before)}"


def history(change: ChangeReport) -> str:
    """What is known of a difference's past: whose it is, when it was made, since when it is reported."""
    parts = {"git": "only git changed it: waits for apply", "both": "changed in git and on Cloudflare"}
    found = [parts[change.cause]] if change.cause in parts else []
    found += [f"changed live {change.modified_on}"] if change.modified_on else []
    found += [change.age] if change.age else []
    found += [f"since {change.first_seen}"] if change.first_seen and change.age != "new" else []
    return ", ".join(found)


def left_alone(item: LeftAlone) -> str:
    """A tunnel, or fields of it, and why they are left alone."""
    fields = f" ({', '.join(item.fields)})" if item.fields else ""
    made = f", created {item.created_on}" if item.created_on else ""
    return f"{item.name}{fields}: {item.reason}{made}"


def left_counts(account: AccountReport) -> str:
    """`2 unmanaged, 1 ignored, 1 not checked`, or nothing."""
    kinds = {"unmanaged": account.unmanaged, "ignored": account.ignored, "not checked": account.not_checked}
    return ", ".join(f"{len(items):,} {kind}" for kind, items in kinds.items() if items)
