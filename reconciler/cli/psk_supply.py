"""Pre-shared keys on their way from files, variables and commands to Cloudflare, and the sinks of generated ones.

A key that is missing, or a sink that can't be written, must stop an apply before its first write: a tunnel without its
key does not come up. So all keys are resolved, or made and stored, first; sinks make them current after the changes.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.cli.context import Context, Halt, halt
from reconciler.model.desired import Account, Declared, Desired, Generated
from reconciler.model.live import Live
from reconciler.model.problems import Diagnostic, Problem, has_errors, in_order
from reconciler.model.psk import KeyStatus, SinkState
from reconciler.plan.diff import Action
from reconciler.plan.plan import Plan
from reconciler.secrets.program import child_environment
from reconciler.secrets.secret import Secret
from reconciler.secrets.sinks import Sink, carry_out, open_sinks
from reconciler.secrets.steps import SinkStep

if TYPE_CHECKING:  # a plan looks at sinks, and neither reads nor makes a key
    from reconciler.api.call import Step
    from reconciler.cli.clients import Clients


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
    from reconciler.secrets.resolve import needed

    problems: list[Diagnostic] = []
    for plan in plans:
        for one in plan.unread:
            tunnel = plan.desired.tunnels[one.name]
            missing = ((plan.desired.unread[tunnel.references[path]], tunnel.place_of(path)) for path in one.fields)
            problems += [needed(one.name, problem, place) for problem, place in missing]
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


def _sinks_of(
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
    sinks, _ = _sinks_of(ctx, desired.account, desired.tunnels.values())
    return {name: sink.state() for name, sink in sinks.items()}


def statuses(ctx: Context, desired: Desired, live: Live) -> tuple[KeyStatus, ...]:
    """What is known of each declared tunnel's key; no key is read."""
    from reconciler.secrets.status import psk_statuses

    return psk_statuses(desired, live, sink_states(ctx, desired), ctx.now())


class Psks:
    """The keys of some tunnels of an account: those that references hold are read, and sinks are opened for the others.

    Attributes:
        problems: What is wrong with references and sinks.
        answers: How the calls ended that were made for them, in order.
    """

    def __init__(self, ctx: Context, clients: "Clients", account: Account, tunnels: Sequence[Declared]) -> None:
        self._hide = ctx.output.hide
        self._ring = clients.ring(account)
        self._send = clients.carry(account)
        unread = fill_ring(ctx, self._ring, tunnels)
        self._sinks, unopened = _sinks_of(ctx, account, tunnels)
        self.problems = (*unread, *unopened)
        self.answers: list[Any] = []

    def carry(self, step: "Step | SinkStep") -> Any:
        """Carries out a step of either kind: calls, and what is done with a sink."""
        if isinstance(step, SinkStep):
            return carry_out(step, self._sinks, self._ring, self._hide)
        outcomes = self._send(step)
        self.answers += outcomes
        return outcomes


def prepared_psks(ctx: Context, clients: "Clients", plans: Sequence[Plan]) -> dict[str, Psks]:
    """The keys of an apply by the account's name: read, or made and stored, before its first write.

    Raises:
        Halt: `invalid` when one is missing, `error` when a sink fails; nothing was written.
    """
    from reconciler.api.call import drive
    from reconciler.secrets.deliver import prepare

    psks = {}
    for plan in plans:
        account, without_psk = plan.desired.account, (plan.desired.tunnels[name] for name in plan.without_psk)
        psks[account.name] = Psks(ctx, clients, account, [*_created(plan), *without_psk])
    report_problems(ctx, [problem for one in psks.values() for problem in one.problems])
    for plan in plans:
        generated = {t.name: t.psk.by for t in _created(plan) if isinstance(t.psk, Generated)}
        if not generated:
            continue
        local = {name for name, by in generated.items() if by == "local"}
        protocol = prepare(local, generated.keys() - local)
        wrong: dict[str, Problem] = drive(protocol, psks[plan.desired.account.name].carry)
        for name, why in wrong.items():
            summary = f"the key of {name} can't be stored: {why.message}"
            raise halt("error", why.code, summary, "Nothing was written.")
    return psks


def _created(plan: Plan) -> list[Declared]:
    return [c.declared for c in plan.changes if c.action is Action.CREATE and c.declared]
