"""`reconciler psk`: set, rotate and look after pre-shared keys."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from reconciler.api.call import Answered, CallOutcome, Denied, drive
from reconciler.cli.approval import require_approval
from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, halt
from reconciler.cli.files import load_files
from reconciler.cli.lock import lock_accounts
from reconciler.cli.options import UsageError, near
from reconciler.cli.planning import live_tunnels, side_by_side
from reconciler.cli.psk_supply import Psks, report_problems, statuses
from reconciler.model.canonical import tunnel_name
from reconciler.model.desired import Account, Declared, Desired
from reconciler.model.verdict import APPLIED, Verdict, may_have_written
from reconciler.plan.scope import owned
from reconciler.plan.windows import hours
from reconciler.report.make import psk_report
from reconciler.report.outcome import Outcome
from reconciler.report.values import AccountReport, Report
from reconciler.secrets.rotate import all_or_nothing, rotate, send_psks, unfit

_NONE_FITS = {
    "set": "none of these keys comes from a variable, a file or a command, so psk set has none to send",
    "rotate": "none of these keys is generated, so psk rotate can't make one",
}


def run(ctx: Context) -> Report:
    """Carry out `psk status`, `psk set` or `psk rotate`.

    Raises:
        UsageError: A word matches no tunnel, none of the keys can be treated, or they are of several accounts.
    """
    action, every = ctx.options.action, load_files(ctx)
    words = list(dict.fromkeys(map(tunnel_name, ctx.options.names)))
    unknown = [word for word in words if not any(_matching(desired, word) for desired in every)]
    if unknown:
        patterns = [word for word in unknown if any(sign in word for sign in "*?[")]
        names = [word for word in unknown if word not in patterns]
        said = [f"no file declares a tunnel named {', '.join(names)}"] if names else []
        said += [f"no declared tunnel matches {', '.join(map(repr, patterns))}"] if patterns else []
        hint = near((names or patterns)[0].strip("*?"), tuple(name for d in every for name in d.tunnels))
        raise UsageError(f"{'; '.join(said)}{hint}")
    meant = [(d, list({t.name: t for word in words or ["*"] for t in _matching(d, word)}.values())) for d in every]
    if action == "status":
        chosen = [(desired, tunnels) for desired, tunnels in meant if tunnels or not words]
        with Clients(ctx, [desired.account for desired, _ in chosen]) as clients:
            return ctx.report(side_by_side(ctx, chosen, lambda one: _status(ctx, clients, *one)))
    # Whoever names a tunnel in full is told why its key can't be treated; a pattern means those that can be.
    fits = [(d, [t for t in tunnels if t.name in words or not unfit(action, t)]) for d, tunnels in meant]
    fits = [(desired, tunnels) for desired, tunnels in fits if tunnels]
    if not fits:
        raise UsageError(_NONE_FITS[action])
    if len(fits) > 1:
        accounts = ", ".join(desired.account.name for desired, _ in fits)
        raise UsageError(f"the keys belong to several accounts ({accounts}); choose one with --account NAME")
    return _change(ctx, *fits[0])


def _matching(desired: Desired, word: str) -> list[Declared]:
    """The tunnel of this name, or those whose names match."""
    if word in desired.tunnels:
        return [desired.tunnels[word]]
    return [t for name, t in desired.tunnels.items() if fnmatchcase(name, word)]


def _change(ctx: Context, desired: Desired, tunnels: list[Declared]) -> Report:
    """Set or rotate the keys of an account's tunnels."""
    action, account = ctx.options.action, desired.account
    wrong = {t.name: why for t in tunnels if (why := unfit(action, t))}
    if wrong:
        verdicts = all_or_nothing([t.name for t in tunnels], wrong)
        return ctx.report([_account(desired, tunnels, "invalid", verdicts)])
    with Clients(ctx, [account]) as clients, lock_accounts(ctx, [account]):
        if ctx.options.overdue:
            found = _status(ctx, clients, desired, tunnels)
            due = {status.name for status in found.keys if status.overdue}
            if not due:  # or there is no list
                return ctx.report([found])
            tunnels = [t for t in tunnels if t.name in due]
        psks = Psks(ctx, clients, account, tunnels)
        report_problems(ctx, psks.problems)
        if account.paused is not None:
            raise halt("blocked", "paused", f"account {account.name} is paused", f"Reason: {account.paused}")
        _require_window(ctx, account)
        if not ctx.options.auto_approve:
            found = _status(ctx, clients, desired, tunnels)
            if found.error:
                return ctx.report([found])
            what, note = f"{action} the key of {tunnels[0].name}", "The customer's device needs the new key too."
            if len(tunnels) > 1:
                what = f"{action} the keys of these {len(tunnels):,} tunnels"
                note = "The customers' devices need the new keys too."
            require_approval(ctx, clients, ctx.report([replace(found, notes=(*found.notes, note))]), what)
            _require_window(ctx, account)  # it may have closed meanwhile
        verdicts = drive(send_psks(tunnels) if action == "set" else rotate(tunnels), psks.carry)
    # Where a sink fails after Cloudflare took the key, the verdict is `failed`; only the answer tells of the write.
    taken = any(isinstance(o, Answered) and (any(o.taken.values()) or o.psk) for o in psks.answers)
    written = taken or may_have_written(verdicts.values())
    outcome = _outcome(ctx, verdicts.values(), psks.answers, written=written)
    return clients.counted(ctx.report([_account(desired, tunnels, outcome, verdicts)], written=written), calls=True)


def _require_window(ctx: Context, account: Account) -> None:
    """Go on only while a window is open: a tunnel with a new key carries nothing until its device has it too."""
    opens = hours(account.windows, ctx.now()).opens if account.windows and not ctx.options.outside_window else None
    if opens is not None:
        when = opens.strftime("%Y-%m-%d %H:%M UTC")
        remedy = "Nothing was written. Run it again then, or add --outside-window."
        raise halt(
            "blocked", "outside-window", f"no window of account {account.name} is open; the next opens {when}", remedy
        )


def _outcome(ctx: Context, verdicts: Collection[Verdict], seen: Sequence[CallOutcome], *, written: bool) -> Outcome:
    codes = {v.problem.code for v in verdicts if v.problem}
    if all(v == APPLIED for v in verdicts):
        return "ok"
    if written:
        return "partial"
    if any(isinstance(o, Denied) for o in seen):
        return "auth"
    if ctx.stop.is_set() or "interrupted" in codes:
        return "interrupted"
    return "error"


def _account(
    desired: Desired, tunnels: Iterable[Declared], outcome: Outcome, verdicts: Mapping[str, Verdict]
) -> AccountReport:
    return AccountReport(
        account=desired.account.name,
        account_id=desired.account.account_id,
        outcome=outcome,
        keys=tuple(psk_report(tunnel, verdicts.get(tunnel.name)) for tunnel in tunnels),
    )


def _status(ctx: Context, clients: Clients, desired: Desired, tunnels: Iterable[Declared]) -> AccountReport:
    """What is known of the keys of these tunnels."""
    found = live_tunnels(ctx, clients, desired.account)
    if isinstance(found, AccountReport):
        return found
    names = {tunnel.name for tunnel in tunnels}
    mine, not_owned = owned(found, desired.account)
    return AccountReport(
        account=desired.account.name,
        account_id=desired.account.account_id,
        outcome="ok",
        keys=tuple(status for status in statuses(ctx, desired, found) if status.name in names),
        total=len(mine),
        not_owned=not_owned,
        managed=len(desired.tunnels),
    )
