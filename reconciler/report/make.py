"""The report of a run and of each of its accounts, made from plans and from how they ended.

Each command tells its accounts with one of these, and `report_of` puts them together:

    unread                   there is no plan, for the list could not be had
    planned, checked         a plan, and what the server said of it when it was asked
    saved                    a plan that was saved
    applied, with_psks       how each change ended, then how each generated key was delivered
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.api.pace import PACE
from reconciler.model.desired import Account, Declared, Generated
from reconciler.model.problems import Diagnostic, Problem, Source, in_order
from reconciler.model.psk import KeyStatus, describe
from reconciler.model.settings import has_bgp
from reconciler.model.tunnel import PATHS, concerns_device
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan.diff import Action, FieldChange, impact_of_fields
from reconciler.plan.scope import LeftAlone, RolledBack, matches
from reconciler.report.outcome import Outcome, worst
from reconciler.report.values import (
    AccountReport,
    ChangeReport,
    Check,
    HeldBack,
    Report,
    Summary,
    WaveReport,
    WindowReport,
)

if TYPE_CHECKING:  # validate plans nothing, and a plan needs no engine
    from reconciler.api.call import Failure
    from reconciler.engine.apply import Applied
    from reconciler.engine.server_check import Checked
    from reconciler.plan.diff import Change
    from reconciler.plan.plan import Plan
    from reconciler.plan.saved import SavedAccount

_UNTRUSTED = (
    "Nothing is written on the strength of such a list, since it must never look like an empty account. Run it again; "
    "if it stays so, look at the account in Cloudflare's dashboard."
)
_REMEDIES = {
    "list-untrusted": _UNTRUSTED,
    "unreadable": _UNTRUSTED,
    "unreachable": "Check the network, the proxies and whether something listens at the address (--base-url).",
    "deadline": "Raise --timeout, or run it again later.",
    "rate-limited": "Run it again later, or raise --timeout so that it can wait.",
}
_EARLIER = "An earlier version saved it: notes, places and where keys come from are not in the file."
_SHOWN = 5
_STOPPED: dict[str, Outcome] = {"interrupted": "interrupted", "auth-stopped": "auth"}


def _stop_outcome(stop: "Failure") -> Outcome:
    """The account's outcome when it stopped before anything was written."""
    from reconciler.api.call import Denied, NotSent

    if isinstance(stop, Denied):
        return "error" if stop.blocked else "auth"
    return _STOPPED.get(stop.code, "error") if isinstance(stop, NotSent) else "error"


def _stop_problem(stop: "Failure", account: Account) -> Problem:
    """Why an account stopped, with a remedy, and the line of its id where that is in question."""
    from reconciler.api.call import OF_THE_PATH, problem_of

    problem = problem_of(stop)
    if problem.code in OF_THE_PATH:  # in an account's first call nothing but its id stands in the path
        problem = replace(problem, field="account_id", source=account.location.source)
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
    unreadable = plan.scope.unreadable if unreadable is None else unreadable
    window, waits = _window(plan)
    opens = window.opens if window else None
    return AccountReport(
        account=account.name,
        account_id=account.account_id,
        outcome=worst((outcome, "error")) if unreadable else outcome,
        digest=plan.digest,
        api_calls=plan.api_calls,
        guards=plan.guards,
        changes=tuple(
            replace(_change_report(c, routes=plan.taken(c)), opens=opens if c.ref in waits else None)
            for c in plan.changes
        ),
        waves=tuple(_waves(plan)),
        rolled_back=_rolled_back(plan, {}),
        window=window,
        held_back=tuple(
            HeldBack(action=held.change.action, name=held.change.name, reason=held.reason, opens=_utc(held.opens))
            for held in plan.held_back
        ),
        unmanaged=plan.scope.unmanaged,
        ignored=plan.ignored,
        not_checked=(*unreadable, *plan.unread),
        keys=tuple(psk_report(tunnels[name], Verdict(Result.UNKNOWN, why)) for name, why in plan.doubts.items()),
        notes=(*plan.notes, *_waiting(plan)),
        error=_unreadable(unreadable),
        paused=account.paused,
        total=len(plan.live.tunnels) - (plan.scope.not_owned or 0),
        not_owned=plan.scope.not_owned,
        managed=len(plan.desired.tunnels),
        unchanged=plan.unchanged,
    )


def _window(plan: "Plan") -> tuple[WindowReport | None, frozenset[str]]:
    """What the account's windows say when the plan is made, and the refs of the changes that wait for one."""
    windows = plan.desired.account.windows
    if not windows or plan.options.outside_window:
        return None, frozenset()
    from reconciler.plan.windows import hours, waiting

    found = hours(windows, plan.options.now)
    waits = waiting(plan) if found.opens else frozenset()
    return WindowReport(opens=_utc(found.opens), closes=_utc(found.closes)), waits


def utc(moment: datetime) -> str:
    """A time as reports write it: `2026-05-04T08:00:00Z`."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _utc(moment: datetime | None) -> str | None:
    return utc(moment) if moment else None


def _waves(plan: "Plan") -> Iterator[WaveReport]:
    from reconciler.plan.waves import may_be_judged, traffic

    done = 0
    # What waits for a window leaves waves empty, or with nothing in any of them that is watched.
    for wave in plan.phases.waves if any(wave.groups for wave in plan.phases.waves) else ():
        changes = [change for group in wave.groups for change in traffic(group)]
        if not changes and not wave.first:
            continue
        done += len(changes)
        yield WaveReport(
            first=tuple(change.name for group in wave.first for change in group),
            names=tuple(change.name for change in changes),
            done=done,
            judged=sum(may_be_judged(change, plan.desired.account.rollout) for change in changes),
        )


def _rolled_back(plan: "Plan", verdicts: Mapping[str, Verdict]) -> tuple[RolledBack, ...]:
    """What was rolled back and is still to be done: by this run, and by earlier ones as far as it is not resolved.

    An entry is resolved when the plan, which may leave tunnels out, holds its change no more, or it was applied.
    """
    if not plan.options.rolled_back and all(v.result is not Result.ROLLED_BACK for v in verdicts.values()):
        return ()
    from reconciler.plan.digest import change_digest

    every = (*plan.changes, *(held.change for held in plan.held_back))  # what waits for a window is not resolved
    updates = [change for change in every if change.live and change.declared]
    open_now = {change_digest(c): c for c in updates if verdicts.get(c.ref) != APPLIED}
    known = {one.digest for one in plan.options.rolled_back}
    kept = [
        one for one in plan.options.rolled_back if one.digest in open_now or not matches(plan.options.glob, one.name)
    ]
    new = [
        RolledBack(change.name, change.ref, digest)
        for digest, change in open_now.items()
        if digest not in known and (verdict := verdicts.get(change.ref)) and verdict.result is Result.ROLLED_BACK
    ]
    return tuple(sorted([*kept, *new], key=lambda one: (one.name, one.digest)))


def _waiting(plan: "Plan") -> Iterable[str]:
    """How long apply takes at least, where it makes so many calls that they are held back."""
    calls = sum(plan.api_calls.values())
    if minutes := 0 if plan.guards else (calls - 1) // PACE[0] * PACE[1] / 60:
        yield (
            f"Apply makes {calls:,} calls, which takes {minutes:g} minutes at least: Cloudflare allows 1,200 in "
            "5 minutes. Its --timeout must allow for that."
        )


def _unreadable(tunnels: tuple[LeftAlone, ...]) -> Problem | None:
    if not tunnels:
        return None
    named = "; ".join(f"{t.name}: {t.reason}" for t in tunnels[:_SHOWN])
    more = f"; and {len(tunnels) - _SHOWN:,} more" if len(tunnels) > _SHOWN else ""
    return Problem("unreadable-tunnel", f"{named}{more}", _UNREADABLE_FIELD)


_UNREADABLE_FIELD = (
    "It is neither changed nor deleted until then. Correct the field at Cloudflare (save the tunnel anew in the "
    "dashboard), or put the tunnel or that field under `ignore`."
)


def psk_report(tunnel: Declared, verdict: Verdict | None = None) -> KeyStatus:
    """What is to be said of a key that something was, or is to be, done about.

    Of its age only that a generated one which was just set is new: what made it and the sink may not tell before long.
    """
    new = verdict == APPLIED and isinstance(tunnel.psk, Generated)
    return KeyStatus(
        name=tunnel.name,
        reference=describe(tunnel.psk) if tunnel.psk else None,
        age_days=0 if new else None,
        overdue=False,
        rotate_after_days=tunnel.rotate_after_days,
        source=None,
        outcome=verdict.result if verdict else None,
        error=verdict.problem if verdict else None,
    )


def checked(plan: "Plan", found: "Checked", outcome: Outcome = "ok") -> AccountReport:
    """An account's plan with what the server said of it; `outcome` is the plan's own."""
    report = planned(plan, outcome)
    ended: Outcome = "rejected" if found.refused else "ok"
    problem = report.error
    if found.moved:
        ended, why = "error", "the account changed while the plan was being checked"
        problem = Problem("moved", why, "Run plan again: somebody else writes.")
    elif found.stop is not None:
        problem = _stop_problem(found.stop, plan.desired.account)
    if found.stop is not None:
        ended = _stop_outcome(found.stop)
    changes = []
    for change, reported in zip(plan.changes, report.changes, strict=True):
        refusal = found.refused.get(change.ref)
        accepted: Check = "accepted" if change.ref in found.accepted else "not checked"
        error = placed(refusal, change) if refusal else None
        changes.append(replace(reported, check="refused" if refusal else accepted, error=error))
    skipped = (LeftAlone(c.name, found.not_checked[c.ref], c.id) for c in plan.changes if c.ref in found.not_checked)
    return replace(
        report,
        outcome=worst((report.outcome, ended)),
        changes=tuple(changes),
        not_checked=(*plan.scope.unreadable, *plan.unread, *skipped),
        error=problem,
    )


def applied(plan: "Plan", ended: "Applied") -> AccountReport:
    """An account after apply: a verdict per change, and whether it converged."""
    outcome: Outcome = "ok"
    if ended.stop is not None and not ended.converged:
        outcome = _stop_outcome(ended.stop)
        outcome = "partial" if ended.written and outcome != "interrupted" else outcome
    elif not ended.converged:
        outcome = "partial" if ended.verdicts else "error"  # without a change only what can't be read is left
    report = planned(plan, outcome, ended.unreadable)
    not_sent = Verdict(Result.SKIPPED, Problem("not-sent", "it was not sent"))
    done = [_change_report(c, ended.verdicts.get(c.ref, not_sent), plan.taken(c)) for c in plan.changes]
    # What this run created has got an id, and so another ref than in the plan: its name tells it.
    ours = {c.ref for c in plan.changes} | {c.name for c in plan.changes}
    strangers = ", ".join(c.name for c in ended.left or () if c.ref not in ours and c.name not in ours)
    meanwhile = [f"Changed by somebody else meanwhile: {strangers}. Run plan again."] if strangers else []
    return replace(
        report,
        changes=tuple(sorted(done, key=lambda c: (c.name, c.action))),
        window=None,  # what was held back says when it may be done
        rolled_back=_rolled_back(plan, ended.verdicts),
        notes=(*report.notes, *ended.notes, *meanwhile),
        error=_stop_problem(ended.stop, plan.desired.account) if ended.stop is not None else report.error,
    )


def with_psks(report: AccountReport, plan: "Plan", verdicts: Mapping[str, Verdict]) -> AccountReport:
    """An account's report after its keys were delivered.

    What a run made stays `applied` and is counted, whatever became of its key: that is told beside it.

    Args:
        report: As it was before.
        plan: What was carried out.
        verdicts: By tunnel name, of the generated keys that something had to be done about.
    """
    found = {**{name: Verdict(Result.UNKNOWN, why) for name, why in plan.doubts.items()}, **verdicts}
    well = all(verdict == APPLIED for verdict in found.values())
    return replace(
        report,
        outcome=report.outcome if well or report.outcome != "ok" else "partial",
        keys=tuple(psk_report(plan.desired.tunnels[name], verdict) for name, verdict in sorted(found.items())),
    )


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
    changes = [change for account in shown for change in account.changes]
    actions = Counter(change.action for change in changes)
    # In a drift report what apply would delete is there still, and a stranger's; but for what git just took out.
    not_owned = [a.not_owned for a in shown if a.not_owned is not None]
    strangers = sum(change.drift_class == "unmanaged" and change.cause != "git" for change in changes)
    return Report(
        command=command,
        outcome=outcome or worst(tuple(a.outcome for a in shown), written=written),
        sandbox=sandbox,
        summary=Summary(
            create=actions[Action.CREATE],
            update=actions[Action.UPDATE],
            delete=actions[Action.DELETE],
            unchanged=sum(a.unchanged for a in shown),
            unmanaged=sum(len(a.unmanaged) for a in shown) + strangers,
            ignored=sum(not i.fields for a in shown for i in a.ignored),
            not_owned=sum(not_owned) if not_owned else None,
        ),
        accounts=shown,
        diagnostics=in_order(diagnostics),
    )


def saved(account: "SavedAccount") -> AccountReport:
    """An account's part of a saved plan."""
    changes = [
        ChangeReport(
            action=change.action,
            name=change.name,
            previous_name=change.previous_name,
            id=change.id,
            impact=impact_of_fields(change.action, change.fields),
            fields=change.fields,
            source=change.source,
            psk=change.psk,
            device=_device(change.action, change.fields),
            routes=change.routes,
        )
        for change in account.changes
    ]
    return AccountReport(
        account=account.account,
        account_id=account.account_id,
        outcome="ok",
        digest=account.digest,
        changes=tuple(changes),
        notes=account.notes if "notes" in account.model_fields_set else (_EARLIER,),
    )


def with_diagnostics(report: Report, found: Iterable[Diagnostic], outcome: Outcome) -> Report:
    """The report with more diagnostics, each once, and the outcome that it has then."""
    return replace(report, diagnostics=in_order((*report.diagnostics, *found)), outcome=outcome)


def _change_report(change: "Change", verdict: Verdict | None = None, routes: tuple[str, ...] = ()) -> ChangeReport:
    """A change, the routes that it takes the next hop from and, after apply, how it ended."""
    undone = verdict is not None and verdict.result in (Result.SKIPPED, Result.ROLLED_BACK)
    health = change.live.session if change.live and has_bgp(change.before) else None
    return ChangeReport(
        action=change.action,
        name=change.name,
        previous_name=change.previous_name,
        id=change.id,
        impact=change.impact,
        cause=change.cause,
        fields=change.fields,
        source=change.location.source if change.location else None,
        outcome=verdict.result if verdict else None,
        error=placed(verdict.problem, change) if verdict and verdict.problem else None,
        psk=change.psk,
        device=() if undone else _device(change.action, change.fields),
        routes=() if undone else routes,
        modified_on=change.live.modified_on if change.live else None,
        health=health and health.state,
        health_since=health and health.since,
    )


def _device(action: Action, fields: Iterable[FieldChange]) -> tuple[str, ...]:
    """In what the device must follow. Of a new tunnel it needs to know all, and of one that goes nothing."""
    return tuple(f.path for f in fields if concerns_device(f.path)) if action is Action.UPDATE else ()


def placed(problem: Problem, change: "Change") -> Problem:
    """A problem with the places of the fields that it is about."""
    declared = change.declared
    if declared is None:
        return problem

    def source(field: str | None) -> Source | None:
        return declared.place_of(field).source if field in PATHS else None

    also = tuple(replace(reason, source=source(reason.field)) for reason in problem.also)
    return replace(problem, source=source(problem.field), also=also)
