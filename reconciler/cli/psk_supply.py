"""Pre-shared keys on their way from files, variables and commands to Cloudflare, and the sinks of generated ones.

A key that is missing, or a sink that can't be written, must stop an apply before its first write: a tunnel without its
key does not come up. So all keys are resolved, or made and stored, first; sinks make them current after the changes.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.cli.context import Context, Halt, halt
from reconciler.model.desired import Account, Declared, Desired, Generated
from reconciler.model.live import Live
from reconciler.model.problems import Diagnostic, Problem, has_errors, in_order
from reconciler.model.psk import KeyStatus, SinkState
from reconciler.model.verdict import Verdict
from reconciler.plan.build import Plan
from reconciler.plan.diff import Action
from reconciler.secrets.program import child_environment
from reconciler.secrets.secret import Secret
from reconciler.secrets.sinks import carry_out, open_sinks
from reconciler.secrets.steps import Sink, SinkStep

if TYPE_CHECKING:  # a plan looks at sinks, and neither reads nor makes a key
    from reconciler.api.call import Carry, Step
    from reconciler.cli.clients import Clients
    from reconciler.engine.apply import Applied


def fill_ring(ctx: Context, ring: dict[str, Secret], tunnels: Iterable[Declared]) -> tuple[Diagnostic, ...]:
    """Put the keys that references hold into the ring; returns what is wrong with them."""
    from reconciler.secrets.resolve import resolve

    references = {t.name: (t.psk, t.place_of("psk")) for t in tunnels if t.psk}
    found, problems = resolve(
        references, ctx.env, child_environment(ctx.env, ctx.every), allow_commands=ctx.options.allow_commands
    )
    ctx.output.hide(*found.values())  # before any of them can be sent, logged or quoted
    ring |= found
    return problems


def require_md5_keys(ctx: Context, clients: "Clients", plans: Sequence[Plan]) -> None:
    """Stop where an MD5 key could not be read, and name the pre-shared keys that can't be read either.

    Raises:
        Halt: `invalid`; nothing was written.
    """
    problems: list[Diagnostic] = []
    for plan in plans:
        for one in plan.unread:
            tunnel = plan.desired.tunnels[one.name]
            from reconciler.secrets.resolve import needed

            problems += [
                needed(one.name, plan.desired.unread[tunnel.references[p]], tunnel.place_of(p)) for p in one.fields
            ]
    if problems:
        problems += [d for plan in plans for d in fill_ring(ctx, clients.ring(plan.desired.account), _created(plan))]
        report_problems(ctx, problems)


def report_problems(ctx: Context, problems: Sequence[Diagnostic]) -> None:
    """Report these problems of keys and sinks, and go on only if there is no error among them.

    Raises:
        Halt: `invalid`; nothing was written.
    """
    ctx.diagnostics += in_order(problems)
    if has_errors(problems):
        raise Halt("invalid")


def sinks_of(
    ctx: Context, account: Account, tunnels: Iterable[Declared]
) -> tuple[dict[str, Sink], tuple[Diagnostic, ...]]:
    """The sinks of an account's tunnels whose key is generated; in the sandbox files of its own in their place."""
    references = {t.name: (t.psk, t.place_of("psk")) for t in tunnels if isinstance(t.psk, Generated)}
    return open_sinks(
        references,
        child_environment(ctx.env, ctx.every),
        ctx.now,
        allow_commands=ctx.options.allow_commands,
        sandbox=f"{ctx.options.sandbox}.keys/{account.account_id}" if ctx.sandbox else None,
    )


def sink_states(ctx: Context, desired: Desired) -> dict[str, SinkState]:
    """What the sinks of generated keys show of themselves: no key is read and no command runs."""
    sinks, _ = sinks_of(ctx, desired.account, desired.tunnels.values())
    return {name: sink.state() for name, sink in sinks.items()}


def statuses(ctx: Context, desired: Desired, live: Live) -> tuple[KeyStatus, ...]:
    """What is known of each declared tunnel's key; no key is read."""
    from reconciler.secrets.status import psk_statuses

    return psk_statuses(desired, live, sink_states(ctx, desired), ctx.now())


def psk_carrier(
    ctx: Context, ring: dict[str, Secret], sinks: dict[str, Sink], carry: "Carry"
) -> Callable[["Step | SinkStep"], Any]:
    """Carries out steps of both kinds: calls and sink operations."""

    def both(step: "Step | SinkStep") -> Any:
        if isinstance(step, SinkStep):
            return carry_out(step, sinks, ring, ctx.output.hide)
        return carry(step)

    return both


class PskSupply:
    """The keys of one apply, for all its accounts: making it resolves, makes and stores them, before the first write.

    Raises:
        Halt: `invalid` when one is missing, `error` when a sink fails; nothing was written.
    """

    def __init__(self, ctx: Context, clients: "Clients", plans: Sequence[Plan]) -> None:
        self._ctx = ctx
        self._clients = clients
        self._sinks: dict[str, dict[str, Sink]] = {}
        problems: list[Diagnostic] = []
        for plan in plans:
            created = _created(plan)
            problems += fill_ring(ctx, clients.ring(plan.desired.account), created)
            without_psk = [plan.desired.tunnels[name] for name in plan.without_psk]
            sinks, wrong = sinks_of(ctx, plan.desired.account, [*created, *without_psk])
            problems += wrong
            self._sinks[plan.desired.account.account_id] = sinks
        report_problems(ctx, problems)
        for plan in plans:
            self._prepare(plan)

    def _prepare(self, plan: Plan) -> None:
        from reconciler.api.call import drive
        from reconciler.secrets.deliver import prepare

        generated = {t.name: t.psk.by for t in _created(plan) if isinstance(t.psk, Generated)}
        if not generated:
            return
        local = {name for name, by in generated.items() if by == "local"}
        wrong: dict[str, Problem] = drive(prepare(local, generated.keys() - local), self._carrier(plan))
        for name, why in wrong.items():
            summary = f"the key of {name} can't be stored: {why.message}"
            raise halt("error", why.code, summary, "Nothing was written.")

    def _carrier(self, plan: Plan) -> Callable[["Step | SinkStep"], Any]:
        account, clients = plan.desired.account, self._clients
        return psk_carrier(self._ctx, clients.ring(account), self._sinks[account.account_id], clients.carry(account))

    def sent_with_creates(self, plan: Plan) -> frozenset[str]:
        """Names of the tunnels to create whose key is sent with the create."""
        ring = self._clients.ring(plan.desired.account)
        return frozenset(t.name for t in _created(plan) if t.name in ring)

    def deliver(self, plan: Plan, ended: "Applied") -> dict[str, Verdict]:
        """After the changes: a verdict for each generated key that something had to be done about."""
        from reconciler.api.call import drive
        from reconciler.secrets.deliver import deliver

        return drive(deliver(plan, ended), self._carrier(plan))


def _created(plan: Plan) -> list[Declared]:
    return [c.declared for c in plan.changes if c.action is Action.CREATE and c.declared]
