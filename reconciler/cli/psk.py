"""`reconciler psk`: set, rotate and look after pre-shared keys."""

from collections.abc import Mapping, Sequence

from reconciler.api.call import Answered, CallOutcome, Denied, Step
from reconciler.cli.approval import require_approval
from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, halt
from reconciler.cli.files import load_files
from reconciler.cli.keys import key_carrier, require, resolved, sinks_of, statuses
from reconciler.cli.lock import lock_accounts
from reconciler.cli.options import UsageError
from reconciler.cli.planning import live_tunnels, side_by_side
from reconciler.engine.apply import drive
from reconciler.model.desired import Declared, Desired
from reconciler.model.forms import tunnel_name
from reconciler.model.live import Live
from reconciler.model.verdict import APPLIED, Verdict, may_have_written
from reconciler.report.make import key_report, unread
from reconciler.report.outcome import Outcome
from reconciler.report.values import AccountReport, Report
from reconciler.secrets.rotate import rotate, set_keys

_WRONG_FILES = frozenset({"no-key", "external-key", "generated-key", "not-generated"})
"""Codes of keys that the files don't let this command treat."""


def run(ctx: Context) -> Report:
    """Carry out `psk status`, `psk set` or `psk rotate`.

    Raises:
        UsageError: A name is of no tunnel, or the names are of several accounts.
    """
    every = load_files(ctx)
    names = list(dict.fromkeys(map(tunnel_name, ctx.options.names)))
    unknown = [n for n in names if not any(n in d.tunnels for d in every)]
    if unknown:
        raise UsageError(f"no file declares a tunnel named {', '.join(unknown)}")
    if ctx.options.action == "status":
        return _status(ctx, every, frozenset(names))
    desired, targets = _targets(names, every)
    with Clients(ctx, [desired.account]) as clients, lock_accounts(ctx, [desired.account]):
        ring = clients.ring(desired.account)
        problems = resolved(ctx, ring, targets) if ctx.options.action == "set" else ()
        sinks, wrong = sinks_of(ctx, desired.account, targets)
        require(ctx, (*problems, *wrong))
        _approve(ctx, clients, desired, targets)
        send = clients.carry(desired.account)
        seen: list[CallOutcome] = []

        def noting(step: Step) -> tuple[CallOutcome, ...]:
            outcomes = send(step)
            seen.extend(outcomes)
            return outcomes

        carry = key_carrier(ctx, ring, sinks, noting)
        protocol = set_keys(targets) if ctx.options.action == "set" else rotate(targets)
        verdicts: dict[str, Verdict] = drive(protocol, carry)
    return _report(ctx, desired, targets, verdicts, seen)


def _targets(names: Sequence[str], every: Sequence[Desired]) -> tuple[Desired, list[Declared]]:
    """The named tunnels, all of one account.

    Raises:
        UsageError: The names belong to several accounts.
    """
    found = [d for d in every if any(name in d.tunnels for name in names)]
    if len(found) != 1:
        accounts = ", ".join(d.account.name for d in found)
        raise UsageError(f"the names belong to several accounts ({accounts}); choose one with --account NAME")
    return found[0], [found[0].tunnels[name] for name in names]


def _approve(ctx: Context, clients: Clients, desired: Desired, targets: Sequence[Declared]) -> None:
    if desired.account.paused is not None:
        raise halt("blocked", "paused", f"account {desired.account.name} is paused", f"{desired.account.paused}.")
    if ctx.options.auto_approve:
        return
    names = ", ".join(t.name for t in targets)
    account = AccountReport(
        account=desired.account.name,
        account_id=desired.account.account_id,
        outcome="blocked",
        keys=tuple(map(key_report, targets)),
    )
    shown = ctx.report([account])
    what = f"{ctx.options.action} the key of {names}; the customer's device needs it too"
    require_approval(ctx, clients, shown, what)


def _report(
    ctx: Context,
    desired: Desired,
    targets: Sequence[Declared],
    verdicts: Mapping[str, Verdict],
    seen: Sequence[CallOutcome],
) -> Report:
    # Where a sink fails after Cloudflare took the key, the verdict is `failed`; only the answer tells of the write.
    changed = any(isinstance(o, Answered) and (o.applied or o.psk) for o in seen)
    written = changed or may_have_written(verdicts.values())
    codes = {v.problem.code for v in verdicts.values() if v.problem}
    outcome: Outcome = "error"
    if all(v == APPLIED for v in verdicts.values()):
        outcome = "ok"
    elif written:
        outcome = "partial"
    elif any(isinstance(o, Denied) for o in seen):
        outcome = "auth"
    elif ctx.stop.is_set() or "interrupted" in codes:
        outcome = "interrupted"
    elif codes & _WRONG_FILES:
        outcome = "invalid"
    account = AccountReport(
        account=desired.account.name,
        account_id=desired.account.account_id,
        outcome=outcome,
        keys=tuple(key_report(target, verdicts.get(target.name)) for target in targets),
    )
    return ctx.report([account], written=written)


def _status(ctx: Context, every: Sequence[Desired], names: frozenset[str]) -> Report:
    """The named tunnels of all selected accounts, or every tunnel when none is named."""
    every = [d for d in every if not names or not names.isdisjoint(d.tunnels)]

    def one(desired: Desired) -> AccountReport:
        found = live_tunnels(clients, desired.account)
        if not isinstance(found, Live):
            return unread(desired.account, found)
        return AccountReport(
            account=desired.account.name,
            account_id=desired.account.account_id,
            outcome="ok",
            keys=tuple(key for key in statuses(ctx, desired, found) if not names or key.name in names),
            total=len(found.tunnels),
            managed=len(desired.tunnels),
        )

    with Clients(ctx, [d.account for d in every]) as clients:
        accounts = side_by_side(ctx, every, one)
    return ctx.report(accounts)
