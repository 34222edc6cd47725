"""The drift report: how live differs from git, in classes, with severity, age and both ways out."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from shlex import quote

from reconciler.files.patch import Accepted
from reconciler.model.desired import External
from reconciler.model.problems import Diagnostic, count, warning
from reconciler.model.psk import KeyStatus
from reconciler.model.settings import has_bgp
from reconciler.model.tunnel import Severity, severity_of
from reconciler.plan.build import clearing_notes
from reconciler.plan.diff import Action, Change
from reconciler.plan.plan import Plan, listed
from reconciler.plan.scope import LeftAlone, glob_of, matches
from reconciler.report.make import planned
from reconciler.report.values import AccountReport, Down, DriftClass, Report, Resolved, WaysOut

_CLASSES: dict[Action, DriftClass] = {Action.UPDATE: "changed", Action.CREATE: "missing", Action.DELETE: "unmanaged"}
_GRAVEST_FIRST = list(Severity)


def _severity(change: Change) -> Severity:
    """The gravest severity among the differing fields.

    A tunnel that nobody declares is somebody's way in (security); one that is missing carries nothing (traffic).
    """
    if change.action is Action.DELETE:
        return Severity.SECURITY
    if change.action is Action.CREATE:
        return Severity.TRAFFIC
    return min((severity_of(f.path) for f in change.fields), key=_GRAVEST_FIRST.index, default=Severity.COSMETIC)


def drift_of(plan: Plan) -> tuple[Change, ...]:
    """The differences that are drift: with a baseline, not those that only git made."""
    return tuple(c for c in plan.changes if c.cause != "git")


def drift_report(plan: Plan, accepted: Accepted, psks: tuple[KeyStatus, ...], accept_command: str) -> AccountReport:
    """One account's drift.

    Differences that only git made are listed too. A key in doubt is drift: it may be why a tunnel is down, and plan and
    apply don't call that account well either.

    Args:
        plan: With causes when there is a baseline.
        accepted: The patch that accepts the drift.
        psks: Pre-shared keys that are overdue or in doubt.
        accept_command: What makes this patch and applies it.
    """
    drifted = drift_of(plan)
    report = planned(plan, "changes" if drifted or plan.doubts else "ok")
    selection = f" --target {quote(glob_of(drifted[0].name))}" if len(drifted) == 1 else ""
    revert = f"reconciler apply --account {quote(report.account)}{selection}"
    ways_out = WaysOut(revert=revert, accept=accepted.patch, accept_command=accept_command if accepted.patch else None)
    live, ours = plan.live.by_name(), plan.desired.tunnels.values()
    with_psk = sum(t.name in live and not isinstance(t.psk, External | None) for t in ours)
    tunnels = count(with_psk, "tunnel")
    unread = LeftAlone("*", f"pre-shared keys can't be read back ({tunnels})", fields=("psk",))
    left_out: dict[str, list[str]] = {}
    for name, why in accepted.left_out:
        left_out.setdefault(why, []).append(name)
    return replace(
        report,
        guards=(),
        waves=(),
        window=report.window if report.window and report.window.opens else None,
        api_calls={"list": 1},
        changes=tuple(
            replace(reported, drift_class=_CLASSES[change.action], severity=_severity(change), device=())
            for change, reported in zip(plan.changes, report.changes, strict=True)
        ),
        notes=(
            *clearing_notes(drifted),
            *(f"Not in the patch: {listed(names)}: {why}" for why, names in left_out.items()),
        ),
        drifted=len(drifted),
        not_checked=(*report.not_checked, unread) if with_psk else report.not_checked,
        ways_out=ways_out if drifted else None,
        down=tuple(_down(plan)),
        keys=psks,
    )


def _down(plan: Plan) -> Iterator[Down]:
    """The tunnels that are declared with `bgp` and are so, and whose session is down."""
    live = plan.live.by_name()
    differs = {change.name for change in plan.changes} | {tunnel.name for tunnel in plan.scope.unreadable}
    for name in sorted(plan.desired.tunnels.keys() & live.keys() - differs):
        found = live[name].session
        if has_bgp(plan.desired.tunnels[name].settings) and found.state == "down" and matches(plan.options.glob, name):
            yield Down(name=name, id=live[name].id, since=found.since)


def down_warnings(accounts: Iterable[AccountReport]) -> tuple[Diagnostic, ...]:
    """A warning for each account with tunnels in sync and down: no drift, and nothing that an apply could mend."""
    return tuple(
        warning(
            "in-sync-and-down",
            f"{count(len(account.down), 'tunnel')} of account {account.account} in sync and down: "
            f"{listed(tunnel.name for tunnel in account.down)}",
            "The settings are as declared and the BGP session is not up, so no apply helps. Look at the other end.",
        )
        for account in accounts
        if account.down
    )


def with_history(report: Report, previous: Report | None, now: str) -> Report:
    """The report with the age of each difference and what was resolved since the previous report.

    Args:
        report: Of now.
        previous: The report before, or None for the first.
        now: RFC 3339, UTC.
    """
    before = {a.account_id: a for a in previous.accounts} if previous else {}
    began = previous.generated_at if previous else None
    accounts = tuple(_aged(a, before.get(a.account_id), began, now) for a in report.accounts)
    return replace(report, accounts=accounts, generated_at=now)


def _aged(account: AccountReport, before: AccountReport | None, began: str | None, now: str) -> AccountReport:
    if before is None or account.error is not None:
        return account
    seen = {(c.name, c.drift_class): c for c in before.changes if c.drift_class}
    changes = []
    for change in account.changes:
        old = seen.pop((change.name, change.drift_class), None) if change.drift_class else None
        first = (old.first_seen or began or now) if old else now
        changes.append(replace(change, age="persisting" if old else "new", first_seen=first))
    gone = (Resolved(name=n, drift_class=kind, first_seen=seen[n, kind].first_seen) for n, kind in sorted(seen))
    return replace(account, changes=tuple(changes), resolved=tuple(gone))
