"""The one sentence that a run comes down to, and the counts that it is made of.

It is the last line of the text, the title of a comment and of a page, and the last annotation. Many readers see nothing
else, so it never sounds better than the run was:

    Plan: 2 to create, 3 to update, 1 to delete.
    Apply incomplete: 1 created, 0 updated, 0 deleted, 1 failed; 1 of 2 accounts converged.
    3 of 412 tunnels drifted (99.3 % in sync), 2 unmanaged, 0 missing, 1 not checked.
"""

from collections.abc import Iterator
from typing import Literal

from reconciler.model.problems import MORE, Level
from reconciler.model.psk import NO_PSK
from reconciler.model.verdict import Result
from reconciler.render.words import PLANNED, count, held_back, is_drift, unread
from reconciler.report.values import Report

DONE = {"create": "created", "update": "updated", "delete": "deleted"}
_SUBJECTS = {"show": "Tunnel saved plan", "validate": "Tunnel files", "psk": "Pre-shared keys"}
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
    if report.checks and report.outcome not in {"interrupted", "internal"}:
        return f"{_checked(report)}."
    if report.command == "doctor" and report.outcome == "ok":
        return f"{_measured(report)}."
    if report.outcome in {"invalid", "usage"} or (report.command == "validate" and report.outcome == "ok"):
        return f"{_validity(report)}."
    if report.outcome in {"error", "auth", "internal"}:
        return f"{_name(report)} failed: {_why(report)}."
    if report.outcome == "interrupted" and report.command in {"plan", "drift", "doctor"}:
        made = any(account.calls_made for account in report.accounts)  # by a measurement
        return f"{_name(report)} interrupted: it is not complete{'' if made else ', and nothing was written'}."
    sentence = {"drift": _drift, "plan": _plan, "show": _saved, "apply": _applied}.get(report.command, _other)
    return f"{sentence(report)}."


def subject(report: Report) -> str:
    """What the report is about: `Tunnel plan`."""
    return _SUBJECTS.get(report.command, f"Tunnel {report.command}")


def full_headline(report: Report) -> str:
    """The sentence where it stands alone: of a plan also that it is stopped, which a text says right above it."""
    stopped = {"blocked": ", blocked", "rejected": ", refused by Cloudflare"} if report.command == "plan" else {}
    return f"{headline(report).rstrip('.')}{stopped.get(report.outcome, '')}."


def title(report: Report) -> str:
    """The sentence as the subject of an e-mail or a page: `Tunnel plan: 2 to create, 3 to update, 1 to delete`."""
    about, sentence = subject(report), full_headline(report).rstrip(".")
    for own in (_name(report), "Saved plan"):  # "Plan: 2 to create" and "Plan failed" name the command already
        if sentence.startswith(own):
            return about + sentence.removeprefix(own)
    return f"{about}: {sentence[0].lower()}{sentence[1:].replace(': ', ', ', 1)}"


def tone(report: Report) -> Literal["failed", "grave", "changes", "good"]:
    """How it is to be taken at first sight: it failed, is blocked or deletes, changes something, or is well."""
    if report.outcome not in {"ok", "changes", "blocked"}:
        return "failed"
    planned = report.command in PLANNED
    if report.outcome == "blocked" or (planned and report.summary.delete):
        return "grave"
    changed = any(account.changes or account.keys or account.held_back for account in report.accounts)
    warned = any(psk.overdue or psk.error for psk in report.keys) or any(account.down for account in report.accounts)
    return "changes" if report.outcome == "changes" or (planned and changed) or warned else "good"


def _name(report: Report) -> str:
    return "Keys" if report.command == "psk" else report.command.capitalize()


def _why(report: Report) -> str:
    """The reason of a run that could not do its work; a local one stands in its diagnostics."""
    wrong = {account.error.code for account in report.accounts if account.error}
    if report.outcome == "error" and not wrong:
        local = (found.summary for found in report.diagnostics if found.severity == "error")
        return next(local, "nothing was written, for the reasons above")
    if report.outcome == "error" and wrong == {"unreadable-tunnel"}:
        return "not every tunnel could be read; what is said of the others holds"
    if report.outcome == "error" and report.command == "doctor":  # of which only a measurement has no checks
        return "the measurement is not complete, for the reason above"
    return _WHY[report.outcome]


def _validity(report: Report) -> str:
    """`Valid: 2 accounts, 30 tunnels, 1 warning`; beyond the limit of problems it says `more than`."""
    found = []
    for severity in Level:
        named = [d.code != MORE for d in report.diagnostics if d.severity is severity]
        if named:
            found.append(f"{'' if all(named) else 'more than '}{count(sum(named), severity.value)}")
    if report.outcome == "ok":
        tunnels = sum(account.managed for account in report.accounts)
        return f"Valid: {', '.join([count(len(report.accounts), 'account'), count(tunnels, 'tunnel'), *found])}"
    if report.outcome == "usage":
        return f"Invalid: {_WHY['usage']}"
    return f"Invalid: {', '.join(found) or 'nothing was written, for the reasons above'}"


def _checked(report: Report) -> str:
    """`Doctor: 14 checks, 1 error, 2 warnings`."""
    every = [*report.checks, *(check for account in report.accounts for check in account.checks)]
    checks = [check.severity for check in every]
    found = [count(checks.count(severity), severity) for severity in ("error", "warning") if severity in checks]
    return f"Doctor: {', '.join([count(len(checks), 'check'), *(found or ['all ok'])])}"


def _measured(report: Report) -> str:
    """`Doctor: 30 of 32 behaviours measured, 3 not as assumed; the scratch tunnels are gone`; before: what it does."""
    every = [one for account in report.accounts for one in account.behaviours if not one.not_measured]
    if not every:
        return "A measurement on two scratch tunnels, which are removed again"
    seen, differs = sum(one.seen is not None for one in every), sum(one.differs for one in every)
    result = f"{seen} of {count(len(every), 'behaviour')} measured, {f'{differs} not' if differs else 'all'} as assumed"
    return f"Doctor: {result}; the scratch tunnels are gone"


def _plan(report: Report) -> str:
    """`Plan: 2 to create, 3 to update, 1 to delete`, or that there is nothing to do."""
    psks = _psk_counts(report)
    if planned := _to_do(report):
        return f"Plan: {_and_held_back(report, [planned, *psks])}"
    if any(found.code == "unmatched-target" for found in report.diagnostics):
        return "No changes: --target matches no tunnel"
    nothing = _and_held_back(report, [f"No changes, but {', '.join(psks)}" if psks else "No changes"])
    return "No changes. Live tunnels match the files" if nothing == "No changes" else nothing


def _saved(report: Report) -> str:
    if any(account.tunnels or account.devices for account in report.accounts):
        return count(sum(len(a.tunnels) + len(a.devices) for a in report.accounts), "tunnel")
    if report.outcome != "ok":
        return _other(report)
    return f"Saved plan: {_to_do(report) or 'no changes'}"  # it says nothing of what is live by now


def _to_do(report: Report) -> str:
    """`2 to create, 3 to update, 1 to delete`, or nothing."""
    planned = report.summary.planned
    return ", ".join(f"{number:,} to {action}" for action, number in planned.items()) if any(planned.values()) else ""


def _and_held_back(report: Report, counts: list[str]) -> str:
    """`…; 3 deletes held back (--no-delete)`: with something left out, live tunnels don't match the files."""
    return "; ".join([", ".join(counts), *held_back(report.accounts)])


def _applied(report: Report) -> str:
    """`Apply complete: 2 created, 3 updated, 1 deleted`, and how many changes ended otherwise."""
    if any(found.code == "already-carried-out" for found in report.diagnostics):
        return "Apply stopped (plan_changed): nothing was written"
    if report.outcome in {"blocked", "plan_changed", "rejected"}:
        return f"Apply stopped ({report.outcome}): {_WHY[report.outcome]}"
    if report.outcome == "ok" and not (report.changes or report.keys):
        return _plan(report)
    counts = [f"{number:,} {word}" for word, number in done_counts(report).items()]
    done = _and_held_back(report, [*counts, *_psk_counts(report)])
    if report.outcome == "ok":
        return f"Apply complete: {done}"
    good, total = sum(account.outcome == "ok" for account in report.accounts), len(report.accounts)
    of_all = f"; {good:,} of {total:,} accounts converged" if total > 1 else ""
    return f"Apply {'interrupted' if report.outcome == 'interrupted' else 'incomplete'}: {done}{of_all}"


def done_counts(report: Report) -> dict[str, int]:
    """How many changes were carried out, by action, and how many ended otherwise, where any did."""
    applied: list[str] = [change.action for change in report.changes if change.outcome == Result.APPLIED]
    counts = {word: applied.count(action) for action, word in DONE.items()}
    for result in (Result.FAILED, Result.ROLLED_BACK, Result.SKIPPED, Result.UNKNOWN):
        if ended := sum(change.outcome == result for change in report.changes):
            counts[result.value.replace("_", " ")] = ended
    return counts


def _other(report: Report) -> str:
    """`3 keys: 1 in doubt, none overdue, 1 of unknown age`, and what is said of all other commands."""
    if report.command == "accounts":
        return count(len(report.accounts), "account")
    if not report.keys or report.outcome not in {"ok", "partial"}:
        why = _WHY.get(report.outcome, "not everything was carried out")
        return f"{_name(report)}{': done' if report.outcome == 'ok' else f' stopped ({report.outcome}): {why}'}"
    counts: dict[str, int] = {result.value: sum(psk.outcome == result for psk in report.keys) for result in Result}
    counts["in doubt"] = counts.pop(Result.UNKNOWN)
    parts = [f"{number:,} {word}" for word, number in counts.items() if number]
    looked_at = [psk for psk in report.keys if psk.outcome is None]
    overdue = sum(psk.overdue for psk in report.keys)
    if overdue or looked_at:
        parts.append(f"{overdue or 'none'} overdue")
    if unknown := sum(psk.age_days is None for psk in looked_at):
        parts.append(f"{unknown:,} of unknown age")
    return f"{count(len(report.keys), 'key')}: {', '.join(parts)}"


def _psk_counts(report: Report) -> list[str]:
    """`1 key made and delivered`, `1 key to make`, `2 keys in doubt`: of keys that need, or needed, something."""
    missing = sum(psk.error is not None and psk.error.code == NO_PSK for psk in report.keys)
    kept = "kept in the sandbox" if report.sandbox else "delivered"
    counts = {
        f"made and {kept}": sum(psk.outcome == Result.APPLIED for psk in report.keys),
        "to make": missing,
        "in doubt": sum(psk.error is not None for psk in report.keys) - missing,
    }
    parts = [f"{count(number, 'key')} {word}" for word, number in counts.items() if number]
    unchecked = sum(len(unread(account)) for account in report.accounts)
    return [*parts, f"{count(unchecked, 'MD5 key')} not checked"] if unchecked else parts


def _drift(report: Report) -> str:
    """`3 of 412 tunnels drifted (99.3 % in sync), 2 unmanaged, 0 missing, 1 not checked, 1 key in doubt`, or none.

    A tunnel that no file declares is drift where it is pruned, and so one of the tunnels that are counted.
    """
    counts, psks = drift_counts(report), _psk_counts(report)
    rest = [f"{counts[kind]:,} {kind}" for kind in ("unmanaged", "missing", "not checked")]
    waiting = [change for change in report.changes if not is_drift(change)]
    rest += [f"{len(waiting):,} waiting for apply"] if waiting else []
    rest += [f"{down:,} in sync and down"] if (down := sum(len(account.down) for account in report.accounts)) else []
    drifted = len(report.changes) - len(waiting)
    pruned = sum(change.drift_class == "unmanaged" and is_drift(change) for change in report.changes)
    total = sum(account.managed for account in report.accounts) + pruned
    in_sync = total - drifted - sum(change.drift_class != "unmanaged" for change in waiting)
    if not drifted:
        none = f"No drift of settings, but {', '.join(psks)}" if psks else "No drift"
        return f"{none}: {', '.join([count(in_sync, 'tunnel') + ' in sync', *rest])}"
    percent = 100 * in_sync / total
    if in_sync < total:  # never rounded up to all of it
        percent = min(percent, 99.9)
    return f"{drifted:,} of {count(total, 'tunnel')} drifted ({percent:.1f} % in sync), {', '.join([*rest, *psks])}"


def drift_counts(report: Report) -> dict[str, int]:
    """How many tunnels are of each class of drift, without what only git changed."""
    kinds = [change.drift_class for change in report.changes if is_drift(change)]
    return {
        "changed": kinds.count("changed"),
        "missing": kinds.count("missing"),
        "unmanaged": report.summary.unmanaged,
        "not checked": sum(not left.fields for account in report.accounts for left in account.not_checked),
        "ignored": report.summary.ignored,
        "in sync": sum(account.unchanged for account in report.accounts),
    }


def stops(report: Report) -> Iterator[str]:
    """What keeps a plan from being carried out, for everybody who reads only its counts."""
    several = len(report.accounts) > 1
    if guards := sum(len(account.guards) for account in report.accounts):
        yield f"Blocked by {count(guards, 'guard')}: apply writes nothing{' in such an account' if several else ''}."
    paused = sum(account.paused is not None for account in report.accounts)
    if paused and several and report.command in {"plan", "apply"}:
        yield f"{count(paused, 'paused account')}: apply writes nothing there."
    if refused := sum(change.check == "refused" for change in report.changes):
        yield f"Cloudflare refuses {count(refused, 'change')}."
