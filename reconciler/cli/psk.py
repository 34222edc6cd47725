"""`reconciler psk`: set, rotate and look after pre-shared keys."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from reconciler.api.call import Answered, CallOutcome, Denied, Step
from reconciler.cli.approval import require_approval
from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, halt
from reconciler.cli.files import load_files
from reconciler.cli.keys import fill_ring, key_carrier, report_problems, sinks_of, statuses
from reconciler.cli.lock import lock_accounts
from reconciler.cli.options import UsageError
from reconciler.cli.planning import live_tunnels, side_by_side
from reconciler.engine.apply import drive
from reconciler.model.checks import did_you_mean
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
        near = did_you_mean(unknown[0], tuple(name for d in every for name in d.tunnels))
        raise UsageError(f"no file declares a tunnel named {', '.join(unknown)}. {near}".rstrip(" ."))
    if ctx.options.action == "status":
        return _status(ctx, every, frozenset(names))
    concerned = [d for d in every if any(name in d.tunnels for name in names)]
    if len(concerned) != 1:
        accounts = ", ".join(d.account.name for d in concerned)
        raise UsageError(f"the names belong to several accounts ({accounts}); choose one with --account NAME")
    desired = concerned[0]
    targets = [desired.tunnels[name] for name in names]
    with Clients(ctx, [desired.account]) as clients, lock_accounts(ctx, [desired.account]):
        ring = clients.ring(desired.account)
        problems = fill_ring(ctx, ring, targets) if ctx.options.action == "set" else ()
        sinks, wrong = sinks_of(ctx, desired.account, targets)
        report_problems(ctx, (*problems, *wrong))
        if desired.account.paused is not None:
            raise halt("blocked", "paused", f"account {desired.account.name} is paused", f"{desired.account.paused}.")
        if not ctx.options.auto_approve:
            shown = ctx.report([_account(desired, targets, "blocked", {})])
            named = ", ".join(t.name for t in targets)
            what = f"{ctx.options.action} the key of {named}; the customer's device needs it too"
            require_approval(ctx, clients, shown, what)
        send = clients.carry(desired.account)
        seen: list[CallOutcome] = []

        def noting(step: Step) -> tuple[CallOutcome, ...]:
            outcomes = send(step)
            seen.extend(outcomes)
            return outcomes

        carry = key_carrier(ctx, ring, sinks, noting)
        protocol = set_keys(targets) if ctx.options.action == "set" else rotate(targets)
        verdicts: dict[str, Verdict] = drive(protocol, carry)
    # Where a sink fails after Cloudflare took the key, the verdict is `failed`; only the answer tells of the write.
    taken = any(isinstance(o, Answered) and (o.applied or o.psk) for o in seen)
    written = taken or may_have_written(verdicts.values())
    outcome = _outcome(ctx, verdicts.values(), seen, written=written)
    return ctx.report([_account(desired, targets, outcome, verdicts)], written=written)


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
    return "invalid" if codes & _WRONG_FILES else "error"


def _account(
    desired: Desired, targets: Iterable[Declared], outcome: Outcome, verdicts: Mapping[str, Verdict]
) -> AccountReport:
    return AccountReport(
        account=desired.account.name,
        account_id=desired.account.account_id,
        outcome=outcome,
        keys=tuple(key_report(target, verdicts.get(target.name)) for target in targets),
    )


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
