"""The one sentence that a run comes down to, and the counts that it is made of.

It is the last line of the text, the title of a comment and of a page, and the last annotation. Many readers see nothing
else, so it never sounds better than the run was:

    Plan: 2 to create, 3 to update, 1 to delete.
    Apply incomplete: 1 created, 0 updated, 0 deleted, 1 failed; 1 of 2 accounts converged.
    3 of 412 tunnels drifted (99.3 % in sync), 2 unmanaged, 0 missing, 1 not checked.
"""

from collections.abc import Iterator
from typing import Literal

from reconciler.model import problems
from reconciler.model.problems import MORE, NO_KEY
from reconciler.model.psk import KeyStatus
from reconciler.model.verdict import Result
from reconciler.render.words import count, held_back, is_drift
from reconciler.report.values import Report, Summary

_FAILED = frozenset({"error", "auth", "invalid", "usage", "internal"})
DONE = {"create": "created", "update": "updated", "delete": "deleted"}
_SUBJECTS = {"show": "Saved tunnel plan", "validate": "Tunnel files", "psk": "Pre-shared keys"}
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


def headline(report: Report) -> str:
    """The sentence of a run, with its full stop."""
    if report.outcome in {"invalid", "usage"} or (report.command == "validate" and report.outcome == "ok"):
        return _validity(report)
    if report.outcome in _FAILED:
        return f"{_name(report)} failed: {_why(report)}."
    if report.outcome == "interrupted" and report.command in {"plan", "drift"}:
        return f"{_name(report)} interrupted: it is not complete, and nothing was written."
    if report.command == "accounts":
        return f"{count(len(report.accounts), 'account')}."
    sentences = {"show": _saved, "drift": _drift, "plan": _plan, "apply": _applied}
    return sentences.get(report.command, _finished)(report)


def subject(report: Report) -> str:
    """What the report is about: `Tunnel plan`."""
    return _SUBJECTS.get(report.command, f"Tunnel {report.command}")


def title(report: Report) -> str:
    """The sentence as the subject of an e-mail or a page: `Tunnel plan: 2 to create, 3 to update, 1 to delete`."""
    about, sentence = subject(report), headline(report).rstrip(".")
    stopped = {"blocked": ", blocked", "rejected": ", refused by Cloudflare"} if report.command == "plan" else {}
    for own in (_name(report), "Saved plan"):  # "Plan: 2 to create" and "Plan failed" name the command already
        if sentence.startswith(own):
            return about + sentence.removeprefix(own) + stopped.get(report.outcome, "")
    return f"{about}: {sentence[0].lower()}{sentence[1:].replace(': ', ', ', 1)}{stopped.get(report.outcome, '')}"


def tone(report: Report) -> Literal["failed", "grave", "changes", "good"]:
    """How it is to be taken at first sight: it failed, is blocked or deletes, changes something, or is well."""
    if report.outcome not in {"ok", "changes", "blocked"}:
        return "failed"
    planned = report.command in {"plan", "show"}
    if report.outcome == "blocked" or (planned and report.summary.delete):
        return "grave"
    changed = any(account.changes or account.keys or account.held_back for account in report.accounts)
    return "changes" if report.outcome == "changes" or (planned and changed) else "good"


def _why(report: Report) -> str:
    """The reason of a run that could not do its work; a local one stands in its diagnostics."""
    local = next((d.summary for d in report.diagnostics if d.severity == "error"), None)
    if report.outcome == "error" and not any(account.error for account in report.accounts):
        return local or "nothing was written, for the reasons above"
    if report.outcome == "error" and {a.error.code for a in report.accounts if a.error} == {"unreadable-tunnel"}:
        return "not every tunnel could be read; what is said of the others holds"
    return _WHY[report.outcome]


def _validity(report: Report) -> str:
    """`Valid: 2 accounts, 30 tunnels, 1 warning.`; beyond the limit of problems it says `more than`."""
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


def _plan(report: Report) -> str:
    """`Plan: 2 to create, 3 to update, 1 to delete.`, or that there is nothing to do."""
    if not any(report.summary.planned.values()):
        if any(found.code == "unmatched-target" for found in report.diagnostics):
            return "No changes: --target matches no tunnel."
        keys = ", ".join(key_counts(report))
        nothing = _and_held_back(report, f"No changes, but {keys}" if keys else "No changes")
        return "No changes. Live tunnels match the files." if nothing == "No changes" else f"{nothing}."
    return f"Plan: {_and_held_back(report, ', '.join([to_do(report.summary), *key_counts(report)]))}."


def _saved(report: Report) -> str:
    """`Saved plan: 2 to create, 3 to update, 1 to delete.`; it says nothing of what is live by now."""
    return f"Saved plan: {to_do(report.summary) if any(report.summary.planned.values()) else 'no changes'}."


def _and_held_back(report: Report, counts: str) -> str:
    """`…; 3 deletes held back (--no-delete)`: with something left out, live tunnels don't match the files."""
    return "; ".join([counts, *held_back(report.accounts)])


def to_do(summary: Summary) -> str:
    """`2 to create, 3 to update, 1 to delete`."""
    return ", ".join(f"{number:,} to {action}" for action, number in summary.planned.items())


def key_counts(report: Report) -> list[str]:
    """`1 key made and delivered`, `1 key to make`, `2 keys in doubt`: of keys that need, or needed, something."""
    keys = [key for account in report.accounts for key in account.keys]
    missing = sum(key.error is not None and key.error.code == NO_KEY for key in keys)
    counts = {
        "made and delivered": sum(key.outcome == Result.APPLIED for key in keys),
        "to make": missing,
        "in doubt": sum(key.error is not None for key in keys) - missing,
    }
    return [f"{count(number, 'key')} {word}" for word, number in counts.items() if number]


def _applied(report: Report) -> str:
    if any(found.code == "already-carried-out" for found in report.diagnostics):
        return "Apply stopped (plan_changed): nothing was written."
    if report.outcome in {"blocked", "plan_changed", "rejected"}:
        return f"Apply stopped ({report.outcome}): {_WHY[report.outcome]}."
    if report.outcome != "ok":
        good, total = sum(account.outcome == "ok" for account in report.accounts), len(report.accounts)
        of_all = f"; {good:,} of {total:,} accounts converged" if total > 1 else ""
        return f"Apply {'interrupted' if report.outcome == 'interrupted' else 'incomplete'}: {_done(report)}{of_all}."
    if not any(account.changes or account.keys for account in report.accounts):
        return _plan(report)
    return f"Apply complete: {_done(report)}."


def _done(report: Report) -> str:
    """`2 created, 3 updated, 1 deleted`, how many changes ended otherwise, and what there is to say of keys."""
    counts = [f"{number:,} {word}" for word, number in done_counts(report).items()]
    return _and_held_back(report, ", ".join([*counts, *key_counts(report)]))


def done_counts(report: Report) -> dict[str, int]:
    """How many changes were carried out, by action, and how many ended otherwise, where any did."""
    changes = [change for account in report.accounts for change in account.changes]
    applied: list[str] = [change.action for change in changes if change.outcome == Result.APPLIED]
    counts = {word: applied.count(action) for action, word in DONE.items()}
    others = (Result.FAILED, Result.SKIPPED, Result.UNKNOWN)
    ended = {result.value: sum(change.outcome == result for change in changes) for result in others}
    return counts | {word: number for word, number in ended.items() if number}


def _name(report: Report) -> str:
    return "Keys" if report.command == "psk" else report.command.capitalize()


def _finished(report: Report) -> str:
    """`3 keys: 2 applied, 1 failed.` of `psk`, and what is said of all other commands."""
    keys = [key for account in report.accounts for key in account.keys]
    if keys and report.outcome in {"ok", "partial"}:
        return f"{count(len(keys), 'key')}: {_by_outcome(keys)}."
    if report.outcome == "ok":
        return f"{_name(report)}: done."
    return f"{_name(report)} stopped ({report.outcome}): {_WHY.get(report.outcome, 'not everything was carried out')}."


def _by_outcome(keys: list[KeyStatus]) -> str:
    found = {result.value: sum(key.outcome == result for key in keys) for result in Result}
    found["overdue"] = sum(key.overdue for key in keys)
    told = [f"{number:,} {name}" for name, number in found.items() if number] or ["none overdue"]
    of_unknown_age = sum(key.age_days is None and key.outcome is None for key in keys)
    return ", ".join([*told, f"{of_unknown_age:,} of unknown age"] if of_unknown_age else told)


def _drift(report: Report) -> str:
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
        "unmanaged": report.summary.unmanaged,
        "not checked": sum(not left.fields for account in report.accounts for left in account.not_checked),
        "ignored": report.summary.ignored,
        "in sync": sum(account.unchanged for account in report.accounts),
    }


def _share(in_sync: int, managed: int) -> str:
    """How much is in sync, never rounded up to all of it while something is not."""
    if not managed:
        return ""
    percent = 100 * in_sync / managed
    return f" ({min(percent, 99.9) if in_sync < managed else percent:.1f} % in sync)"


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
