"""The wording that all formats share, and the one sentence that a run comes down to (`verdict`).

Nothing here is made inert: that is for the sink to do.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.model import problems
from reconciler.model.problems import MORE, NO_KEY, Problem, Reason
from reconciler.model.psk import KeyStatus
from reconciler.model.tunnel import SETTINGS, Severity
from reconciler.model.verdict import Result
from reconciler.plan.diff import FieldChange
from reconciler.plan.scope import LeftAlone
from reconciler.report.values import AccountReport, ChangeReport, Report, Resolved, Summary

SIGNS = {"create": "+", "update": "~", "delete": "-"}
SENSITIVE = "(sensitive)"
SANDBOX = "SANDBOX: the built-in simulator stood in for Cloudflare."
SECRET = frozenset(path.rpartition(".")[2] for path, field in SETTINGS.items() if field.sensitive)
"""Leaf names whose values are shown nowhere, not even inside a whole object."""

_FAILED = frozenset({"error", "auth", "invalid", "usage", "internal"})
_DONE = {"create": "created", "update": "updated", "delete": "deleted"}
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
_CALLS = {"list": "list", "update": "bulk update", "create": "create", "delete": "delete"}
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)\Z", re.ASCII)
_PLAIN = re.compile(r"[\w./:@*+-]+\Z", re.ASCII)


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


def is_drift(change: ChangeReport) -> bool:
    """False for a difference that only git made: it waits for apply."""
    return change.cause != "git"


def label(change: ChangeReport) -> str:
    """The tunnel's name, `old -> new` for a rename."""
    return f"{change.previous_name} -> {change.name}" if change.previous_name else change.name


def by_impact(changes: Iterable[ChangeReport]) -> list[ChangeReport]:
    """What can interrupt traffic first, otherwise in the plan's order."""
    return sorted(changes, key=lambda change: change.impact != "traffic")


def by_severity(changes: Iterable[ChangeReport]) -> list[ChangeReport]:
    """Drift before what only git made, the gravest first, otherwise in the report's order."""
    rank = {concern.value: number for number, concern in enumerate(Severity)}
    return sorted(changes, key=lambda c: (not is_drift(c), rank.get(c.severity or "", len(rank))))


def place(change: ChangeReport) -> str:
    """`file:line` of the declaration, or nothing."""
    return f"{change.source.file}:{change.source.line}" if change.source else ""


def spot(said: Problem | Reason) -> str:
    """`tunnels/prod/london.yaml:7: bgp.customer_asn`, as far as a refusal says what it is about."""
    place = f"{said.source.file}:{said.source.line}" if said.source else ""
    return ": ".join(part for part in (place, said.field) if part)


def more(problem: Problem) -> Iterator[tuple[str, str | None]]:
    """What is told of a problem besides its message, line by line, each with its link."""
    if spot(problem):
        yield f"at {spot(problem)}", None
    if problem.documentation_url:
        yield "see", problem.documentation_url
    for reason in problem.also:
        where = f" at {spot(reason)}" if spot(reason) else ""
        yield f"also: {reason.message} [{reason.code}]{where}", reason.documentation_url


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


def items(field: FieldChange) -> list[tuple[str, str]]:
    """The items that a list loses and gains, each with its sign; nothing for all other changes."""
    return [*(("-", item) for item in field.removed), *(("+", item) for item in field.added)]


def kept(field: FieldChange) -> str:
    """`199 unchanged` of a list's items, or nothing."""
    number = len(field.after or ()) - len(field.added)
    return f"{number:,} unchanged" if number > 0 else ""


def difference(field: FieldChange, action: str) -> str:
    """What happens to one field: `mid -> high`, or the one value of what comes or goes."""
    if field.sensitive:
        return SENSITIVE
    if action == "create":
        return value(field.after)
    return value(field.before) if action == "delete" else f"{value(field.before)} -> {value(field.after)}"


def drift_difference(field: FieldChange) -> str:
    """How one field differs: `declared mid, live high`."""
    if field.sensitive:
        return SENSITIVE
    return f"declared {value(field.after)}, live {value(field.before)}"


def history(change: ChangeReport) -> str:
    """What is known of a difference's past: whose it is, when it was made, since when it is reported."""
    parts = {"git": "only git changed it: waits for apply", "both": "changed in git and on Cloudflare"}
    found = [parts[change.cause]] if change.cause in parts else []
    return ", ".join([*found, *_seen(change)])


def seen(change: ChangeReport) -> str:
    """The same where it is clear already whose it is."""
    return ", ".join(_seen(change))


def _seen(change: ChangeReport) -> Iterator[str]:
    if change.modified_on:
        yield f"changed live {moment(change.modified_on)}"
    if change.age:
        yield change.age
    if change.first_seen and change.age != "new":
        yield f"since {moment(change.first_seen)}"


def moment(text: str) -> str:
    """A time for people, `2026-05-01 08:00:00 UTC`; what is no such time stays as it is."""
    found = _MOMENT.match(text)
    return f"{found[1]} {found[2]} UTC" if found else text


def left_alone(item: LeftAlone) -> str:
    """A tunnel, or fields of it, and why they are left alone."""
    name = "all tunnels" if item.name == "*" and item.id is None else item.name
    fields = f" ({', '.join(item.fields)})" if item.fields else ""
    made = f", created {moment(item.created_on)}" if item.created_on else ""
    return f"{name}{fields}: {item.reason}{made}"


def resolved(item: Resolved) -> str:
    """A difference that is gone, and since when it had been there."""
    since = f" (since {moment(item.first_seen)})" if item.first_seen else ""
    return f"{item.name}: was {item.drift_class}{since}"


def left_counts(*accounts: AccountReport) -> str:
    """`2 unmanaged, 1 ignored, 1 not checked`, or nothing."""
    kinds = {
        "unmanaged": sum(len(account.unmanaged) for account in accounts),
        "ignored": sum(len(account.ignored) for account in accounts),
        "not checked": sum(len(account.not_checked) for account in accounts),
    }
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds.items() if number)


def plan_line(report: Report) -> str:
    """`Plan: 2 to create, 3 to update, 1 to delete.`, or that there is nothing to do."""
    if not any(report.summary.planned.values()):
        if any(found.code == "unmatched-target" for found in report.diagnostics):
            return "No changes: --target matches no tunnel."
        keys = ", ".join(key_counts(report))
        return f"No changes, but {keys}." if keys else "No changes. Live tunnels match the files."
    return f"Plan: {', '.join([planned(report.summary), *key_counts(report)])}."


def planned(summary: Summary) -> str:
    """`2 to create, 3 to update, 1 to delete`."""
    return ", ".join(f"{number:,} to {action}" for action, number in summary.planned.items())


def key_counts(report: Report) -> list[str]:
    """`1 key to make`, `1 key made`, `2 keys in doubt`: of keys that are not, or were not, as they should be."""
    keys = [key for account in report.accounts for key in account.keys]
    missing = sum(key.error is not None and key.error.code == NO_KEY for key in keys)
    counts = {
        "made": sum(key.outcome == Result.APPLIED for key in keys),
        "to make": missing,
        "in doubt": sum(key.error is not None for key in keys) - missing,
    }
    return [f"{count(number, 'key')} {word}" for word, number in counts.items() if number]


def done(report: Report) -> str:
    """`2 created, 3 updated, 1 deleted`, how many changes ended otherwise, and what there is to say of keys."""
    counts = [f"{number:,} {word}" for word, number in done_counts(report).items()]
    return ", ".join([*counts, *key_counts(report)])


def done_counts(report: Report) -> dict[str, int]:
    """How many changes were carried out, by action, and how many ended otherwise, where any did."""
    changes = [change for account in report.accounts for change in account.changes]
    applied: list[str] = [change.action for change in changes if change.outcome == Result.APPLIED]
    counts = {word: applied.count(action) for action, word in _DONE.items()}
    others = (Result.FAILED, Result.SKIPPED, Result.UNKNOWN)
    ended = {result.value: sum(change.outcome == result for change in changes) for result in others}
    return counts | {word: number for word, number in ended.items() if number}


def verdict(report: Report) -> str:
    """The one sentence a run comes down to: the last line of the text, the title of everything else."""
    if report.outcome in {"invalid", "usage"} or (report.command == "validate" and report.outcome == "ok"):
        return _validity(report)
    if report.outcome in _FAILED:
        return f"{report.command.capitalize()} failed: {_why(report)}."
    if report.outcome == "interrupted" and report.command in {"plan", "drift"}:
        return f"{report.command.capitalize()} interrupted: it is not complete, and nothing was written."
    if report.command == "accounts":
        return f"{count(len(report.accounts), 'account')}."
    sentences = {"drift": drift_line, "plan": plan_line, "apply": _applied}
    return sentences.get(report.command, _finished)(report)


def stops(report: Report) -> Iterator[str]:
    """What keeps a plan from being carried out, for everybody who reads only its counts."""
    changes = [change for account in report.accounts for change in account.changes]
    guards = sum(len(account.guards) for account in report.accounts)
    paused = sum(account.paused is not None for account in report.accounts)
    refused = sum(change.check == "refused" for change in changes)
    several = len(report.accounts) > 1
    if guards:
        yield f"Blocked by {count(guards, 'guard')}: apply writes nothing{' in such an account' if several else ''}."
    if paused and several and report.command in {"plan", "apply"}:
        yield f"{count(paused, 'paused account')}: apply writes nothing there."
    if refused:
        yield f"Cloudflare refuses {count(refused, 'change')}."


def _why(report: Report) -> str:
    """The reason of a run that could not do its work; a local one stands in its diagnostics."""
    local = next((d.summary for d in report.diagnostics if d.severity == "error"), None)
    if report.outcome == "error" and not any(account.error for account in report.accounts):
        return local or "nothing was written, for the reasons above"
    if report.outcome == "error" and {a.error.code for a in report.accounts if a.error} == {"unreadable-tunnel"}:
        return "not every tunnel could be read; what is said of the others holds"
    return _WHY[report.outcome]


def _applied(report: Report) -> str:
    if report.outcome in {"blocked", "plan_changed", "rejected"}:
        return f"Apply stopped ({report.outcome}): {_WHY[report.outcome]}."
    if report.outcome != "ok":
        good, total = sum(account.outcome == "ok" for account in report.accounts), len(report.accounts)
        of_all = f"; {good:,} of {total:,} accounts converged" if total > 1 else ""
        return f"Apply {'interrupted' if report.outcome == 'interrupted' else 'incomplete'}: {done(report)}{of_all}."
    if not any(account.changes or account.keys for account in report.accounts):
        return plan_line(report)
    return f"Apply complete: {done(report)}."


def _finished(report: Report) -> str:
    keys = [key for account in report.accounts for key in account.keys]
    name = "Keys" if report.command == "psk" else report.command.capitalize()
    if keys and report.outcome in {"ok", "partial"}:
        return f"{count(len(keys), 'key')}: {_by_outcome(keys)}."
    if report.outcome == "ok":
        return f"{name}: done."
    return f"{name} stopped ({report.outcome}): {_WHY.get(report.outcome, 'not everything was carried out')}."


def _by_outcome(keys: list[KeyStatus]) -> str:
    found = {result.value: sum(key.outcome == result for key in keys) for result in Result}
    found["overdue"] = sum(key.overdue for key in keys)
    return ", ".join(f"{number:,} {name}" for name, number in found.items() if number) or "none overdue"


def _validity(report: Report) -> str:
    found = []
    for severity in problems.Severity:
        told = [d.code != MORE for d in report.diagnostics if d.severity is severity]
        if told:
            found.append(f"{'' if all(told) else 'more than '}{count(sum(told), severity.value)}")
    if report.outcome == "ok":
        tunnels = sum(account.managed for account in report.accounts)
        seen = [count(len(report.accounts), "account"), count(tunnels, "tunnel")]
        return f"Valid: {', '.join(seen + found)}."
    if report.outcome == "usage":
        return f"Invalid: {_WHY['usage']}."
    return f"Invalid: {', '.join(found) or 'nothing was written, for the reasons above'}."


def drift_line(report: Report) -> str:
    """`3 of 412 tunnels drifted (99.3 % in sync), 2 unmanaged, 0 missing, 1 not checked, 1 key in doubt`, or none."""
    counts = drift_counts(report)
    managed = sum(account.managed for account in report.accounts)
    rest = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("unmanaged", "missing", "not checked"))
    waiting = [c for account in report.accounts for c in account.changes if not is_drift(c)]
    rest += f", {len(waiting):,} waiting for apply" if waiting else ""
    keys = ", ".join(key_counts(report))
    drifted = counts["changed"] + counts["missing"]
    in_sync = managed - drifted - sum(change.drift_class != "unmanaged" for change in waiting)
    if not any(is_drift(change) for account in report.accounts for change in account.changes):
        return f"No drift{f' of settings, but {keys}' if keys else ''}: {count(in_sync, 'tunnel')} in sync, {rest}."
    return f"{drifted:,} of {count(managed, 'tunnel')} drifted{_share(in_sync, managed)}, {rest}{keys and f', {keys}'}."


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


def _share(in_sync: int, managed: int) -> str:
    """How much is in sync, never rounded up to all of it while something is not."""
    if not managed:
        return ""
    percent = 100 * in_sync / managed
    return f" ({min(percent, 99.9) if in_sync < managed else percent:.1f} % in sync)"
