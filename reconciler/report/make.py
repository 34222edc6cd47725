"""The report of a run and of each of its accounts, made from plans and from how they ended.

Each command tells its accounts with one of these, and `report_of` puts them together:

    unread                   there is no plan, for the list could not be had
    planned, checked         a plan, and what the server said of it when it was asked
    saved                    a plan that was saved
    applied, with_keys       how each change ended, then how each generated key was delivered
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.desired import Account, Declared, Generated
from reconciler.model.problems import Diagnostic, Problem, Source
from reconciler.model.psk import KeyStatus, describe
from reconciler.model.tunnel import PATHS, Impact, impact_of
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan.diff import Action
from reconciler.plan.scope import LeftAlone
from reconciler.report.outcome import Outcome, worst
from reconciler.report.values import AccountReport, ChangeReport, HeldBack, Report, Summary, diagnostic_report

if TYPE_CHECKING:  # validate plans nothing, and a plan needs no engine
    from reconciler.api.call import Failure
    from reconciler.engine.apply import Applied
    from reconciler.engine.check import Checked
    from reconciler.plan.build import Plan
    from reconciler.plan.diff import Change
    from reconciler.plan.saved import SavedAccount

_UNTRUSTED = (
    "Nothing is written on the strength of such a list, since it must never look like an empty account. Run it again; "
    "if it stays so, look at the account in Cloudflare's dashboard."
)
_REMEDIES = {
    "list-untrusted": _UNTRUSTED,
    "unreadable": _UNTRUSTED,
    "unreachable": "Check the network, proxies and --base-url, then run it again.",
    "deadline": "Raise --timeout, or run it again later.",
    "rate-limited": "Run it again later, or raise --timeout so that it can wait.",
}
_SHOWN = 5
_STOPPED: dict[str, Outcome] = {"interrupted": "interrupted", "auth-stopped": "auth"}
_OF_THE_ACCOUNT = frozenset({"1012", "7000", "7003"})
"""Codes that speak of the account: of its id, in the end."""


def _stop_outcome(stop: "Failure") -> Outcome:
    """The account's outcome when it stopped before anything was written."""
    from reconciler.api.call import Denied, NotSent

    if isinstance(stop, Denied):
        return "error" if stop.blocked else "auth"
    return _STOPPED.get(stop.code, "error") if isinstance(stop, NotSent) else "error"


def _stop_problem(stop: "Failure", account: Account) -> Problem:
    """Why an account stopped, with a remedy, and the line of its id where that is in question."""
    from reconciler.api.call import problem_of

    problem = problem_of(stop)
    if problem.code in _OF_THE_ACCOUNT:
        place = account.location
        problem = replace(problem, field="account_id", source=Source(place.file, place.line))
    return problem if problem.remedy else replace(problem, remedy=_REMEDIES.get(problem.code))


def unread(account: Account, stop: "Failure") -> AccountReport:
    """An account whose live list could not be read."""
    return AccountReport(
        account=account.name,
        account_id=account.account_id,
        outcome=_stop_outcome(stop),
        not_checked=(LeftAlone("*", "the live list could not be read"),),
        error=_stop_problem(stop, account),
        paused=account.paused,
    )


def planned(plan: "Plan", outcome: Outcome, unreadable: tuple[LeftAlone, ...] | None = None) -> AccountReport:
    """An account's plan.

    Args:
        plan: The plan.
        outcome: What it is otherwise; with a tunnel that can't be read it is an error.
        unreadable: Tunnels that can't be read, by a later list than the plan's.
    """
    account, tunnels = plan.desired.account, plan.desired.tunnels
    unreadable = plan.unreadable if unreadable is None else unreadable
    return AccountReport(
        account=account.name,
        account_id=account.account_id,
        outcome=worst((outcome, "error")) if unreadable else outcome,
        digest=plan.digest,
        api_calls=dict(plan.api_calls),
        guards=plan.guards,
        changes=tuple(change_report(c) for c in plan.changes),
        held_back=tuple(HeldBack(action=c.action, name=c.name, reason="--no-delete") for c in plan.held_back),
        unmanaged=plan.unmanaged,
        ignored=plan.ignored,
        not_checked=unreadable,
        keys=tuple(key_report(tunnels[name], Verdict(Result.UNKNOWN, why)) for name, why in plan.doubts.items()),
        notes=plan.notes,
        error=_unreadable(unreadable),
        paused=account.paused,
        total=len(plan.live.tunnels),
        managed=len(plan.desired.tunnels),
        unchanged=plan.unchanged,
    )


def _unreadable(tunnels: tuple[LeftAlone, ...]) -> Problem | None:
    if not tunnels:
        return None
    named = "; ".join(f"{t.name}: {t.reason}" for t in tunnels[:_SHOWN])
    more = f"; and {len(tunnels) - _SHOWN:,} more" if len(tunnels) > _SHOWN else ""
    return Problem("unreadable-tunnel", f"{named}{more}", _ODD_FIELD)


_ODD_FIELD = (
    "It is neither changed nor deleted until then. Correct the field at Cloudflare (save the tunnel anew in the "
    "dashboard), or put the tunnel or that field under `ignore`."
)


def key_report(target: Declared, verdict: Verdict | None = None) -> KeyStatus:
    """What is to be said of a key that something was, or is to be, done about.

    Of its age only that a generated one which was just set is new: what made it and the sink may not tell before long.
    """
    new = verdict == APPLIED and isinstance(target.psk, Generated)
    return KeyStatus(
        name=target.name,
        reference=describe(target.psk) if target.psk else None,
        age_days=0 if new else None,
        overdue=False,
        rotate_after_days=target.rotate_after_days,
        source=None,
        outcome=verdict.result if verdict else None,
        error=verdict.problem if verdict else None,
    )


def checked(plan: "Plan", found: "Checked", outcome: Outcome = "ok") -> AccountReport:
    """An account's plan with what the server said of it; `outcome` is the plan's own."""
    report = planned(plan, outcome)
    names = {c.ref: c for c in plan.changes}
    problem = _stop_problem(found.stop, plan.desired.account) if found.stop is not None else None
    if found.moved:
        problem = Problem(
            "moved", "the account changed while the plan was being checked", "Run plan again: somebody else writes."
        )
    skipped = [LeftAlone(names[ref].name, why, names[ref].id) for ref, why in sorted(found.not_checked.items())]
    return report.model_copy(
        update={
            "outcome": worst((report.outcome, _checked_outcome(found))),
            "changes": checked_reports(plan.changes, found),
            "not_checked": (*plan.unreadable, *skipped),
            "error": problem or report.error,
        }
    )


def _checked_outcome(found: "Checked") -> Outcome:
    if found.stop is not None:
        return _stop_outcome(found.stop)
    if found.moved:
        return "error"
    return "rejected" if found.refused else "ok"


def applied(plan: "Plan", ended: "Applied") -> AccountReport:
    """An account after apply: a verdict per change, and whether it converged."""
    report = planned(plan, _applied_outcome(ended), ended.unreadable)
    notes = (*report.notes, *ended.notes, *_strangers(plan, ended))
    problem = _stop_problem(ended.stop, plan.desired.account) if ended.stop is not None else report.error
    changes = applied_reports(plan.changes, ended.verdicts)
    return report.model_copy(update={"changes": changes, "notes": notes, "error": problem})


def with_keys(report: AccountReport, plan: "Plan", verdicts: Mapping[str, Verdict]) -> AccountReport:
    """An account's report after its keys were delivered.

    What a run made stays `applied` and is counted, whatever became of its key: that is told beside it.

    Args:
        report: As it was before.
        plan: What was carried out.
        verdicts: By tunnel name, of the generated keys that something had to be done about.
    """
    found = {**{name: Verdict(Result.UNKNOWN, why) for name, why in plan.doubts.items()}, **verdicts}
    well = all(verdict == APPLIED for verdict in found.values())
    return report.model_copy(
        update={
            "outcome": report.outcome if well or report.outcome != "ok" else "partial",
            "keys": tuple(key_report(plan.desired.tunnels[name], verdict) for name, verdict in sorted(found.items())),
        }
    )


def _applied_outcome(ended: "Applied") -> Outcome:
    """How an account's apply ended."""
    if ended.converged:
        return "ok"
    if ended.stop is None:
        return "partial" if ended.verdicts else "error"  # without a change only what can't be read is left
    outcome = _stop_outcome(ended.stop)
    return "partial" if ended.written and outcome != "interrupted" else outcome


def _strangers(plan: "Plan", ended: "Applied") -> list[str]:
    """Differences that the last list shows and this run did not make: somebody else was there meanwhile."""
    # What this run created has got an id, and so another ref than in the plan: its name tells it.
    ours = {c.ref for c in plan.changes} | {c.name for c in plan.changes}
    names = ", ".join(c.name for c in ended.left or () if c.ref not in ours and c.name not in ours)
    return [f"Changed by somebody else meanwhile: {names}. Run plan again."] if names else []


def report_of(
    command: str,
    accounts: Iterable[AccountReport],
    diagnostics: Sequence[Diagnostic] = (),
    *,
    sandbox: bool = False,
    outcome: Outcome | None = None,
    written: bool = False,
) -> Report:
    """The report of a run.

    Args:
        command: The command's name.
        accounts: In order of name.
        diagnostics: Of the files.
        sandbox: Whether the simulator stood in for Cloudflare.
        outcome: Overrides what the accounts say.
        written: Whether anything was written anywhere.
    """
    shown = tuple(accounts)
    ended = outcome or worst(tuple(a.outcome for a in shown), written=written)
    return Report(
        command=command,
        outcome=ended,
        sandbox=sandbox,
        summary=_summary_of(shown),
        accounts=shown,
        diagnostics=tuple(map(diagnostic_report, diagnostics)),
    )


def saved(account: "SavedAccount") -> AccountReport:
    """An account's part of a saved plan; what was not saved, such as the lines of files, is left out."""
    changes = []
    for change in account.changes:
        fields = [impact_of(field.path) for field in change.fields]
        update = change.action is Action.UPDATE and Impact.TRAFFIC in fields
        changes.append(
            ChangeReport(
                action=change.action,
                name=change.name,
                previous_name=change.previous_name,
                id=change.id,
                impact=Impact.TRAFFIC if update or change.action is Action.DELETE else Impact.NONE,
                fields=change.fields,
                source=None,
            )
        )
    return AccountReport(
        account=account.account,
        account_id=account.account_id,
        outcome="ok",
        digest=account.digest,
        changes=tuple(changes),
    )


def with_diagnostics(report: Report, found: Iterable[Diagnostic], outcome: Outcome) -> Report:
    """The report with more diagnostics, each once, and the outcome that it has then."""
    every = dict.fromkeys((*report.diagnostics, *map(diagnostic_report, found)))
    return report.model_copy(update={"diagnostics": tuple(every), "outcome": outcome})


def _summary_of(accounts: Sequence[AccountReport]) -> Summary:
    """Counts over all accounts."""
    actions = Counter(change.action for account in accounts for change in account.changes)
    return Summary(
        create=actions[Action.CREATE],
        update=actions[Action.UPDATE],
        delete=actions[Action.DELETE],
        unchanged=sum(a.unchanged for a in accounts),
        unmanaged=sum(len(a.unmanaged) + sum(map(_is_stranger, a.changes)) for a in accounts),
        ignored=sum(not i.fields for a in accounts for i in a.ignored),
    )


def _is_stranger(change: ChangeReport) -> bool:
    """True in a drift report for a tunnel that apply would delete and that nobody has taken out of the files."""
    return change.drift_class == "unmanaged" and change.cause != "git"


def change_report(change: "Change", verdict: Verdict | None = None) -> ChangeReport:
    """A change and, after apply, how it ended."""
    place = change.location
    return ChangeReport(
        action=change.action,
        name=change.name,
        previous_name=change.previous_name,
        id=change.id,
        impact=change.impact,
        cause=change.cause,
        fields=change.fields,
        source=Source(place.file, place.line) if place else None,
        outcome=verdict.result if verdict else None,
        error=placed(verdict.problem, change) if verdict and verdict.problem else None,
        psk=_psk(change),
        modified_on=change.live.modified_on if change.live else None,
    )


def _psk(change: "Change") -> str | None:
    if change.action is not Action.CREATE or change.declared is None:
        return None
    return describe(change.declared.psk) if change.declared.psk else "none"


def placed(problem: Problem, change: "Change") -> Problem:
    """A problem with the places of the fields that it is about."""
    declared = change.declared
    if declared is None:
        return problem

    def source(field: str | None) -> Source | None:
        if field is None or field not in PATHS:
            return None
        place = declared.place_of(field)
        return Source(place.file, place.line)

    also = tuple(replace(reason, source=source(reason.field)) for reason in problem.also)
    return replace(problem, source=source(problem.field), also=also)


def checked_reports(changes: tuple["Change", ...], checked: "Checked") -> tuple[ChangeReport, ...]:
    """Changes with what the server said of each."""
    out = []
    for change in changes:
        refusal = checked.refused.get(change.ref)
        check = "refused" if refusal else "accepted" if change.ref in checked.accepted else "not checked"
        error = placed(refusal, change) if refusal else None
        out.append(change_report(change).model_copy(update={"check": check, "error": error}))
    return tuple(out)


def applied_reports(changes: tuple["Change", ...], verdicts: Mapping[str, Verdict]) -> tuple[ChangeReport, ...]:
    """Changes with how they ended."""
    not_sent = Verdict(Result.SKIPPED, Problem("not-sent", "it was not sent"))
    done = [change_report(c, verdicts.get(c.ref, not_sent)) for c in changes]
    return tuple(sorted(done, key=lambda c: (c.name, c.action)))
