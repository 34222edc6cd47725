"""Apply: carry out one account's plan and prove that the account converged."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.api.call import Conversation, Failure
from reconciler.engine.creates import create
from reconciler.engine.deletes import delete, last_deletes
from reconciler.engine.rollout import heed_windows, roll_out, take_back
from reconciler.engine.run import Run
from reconciler.engine.updates import update
from reconciler.engine.verify import verify
from reconciler.model.live import Live
from reconciler.model.verdict import APPLIED, THERE, Verdict, may_have_written
from reconciler.plan.build import unreadable
from reconciler.plan.diff import Change
from reconciler.plan.plan import Plan
from reconciler.plan.scope import LeftAlone


@dataclass(frozen=True, slots=True)
class Applied:
    """How an account's apply ended.

    Attributes:
        verdicts: Change ref to verdict, for every change of the plan.
        left: What the last list still shows as different; None when there was no trusted last list.
        live: The latest trusted list.
        notes: What the report should say about how it went.
        stop: What became of the call after which the account stopped, or None.
        wrote: Whether any answer said that a write was done, whatever became of its change later: a tunnel that was
            parked and could not be brought to its end is a failed change, and the account is not what it was.
        unreadable: Tunnels of these files that the latest list shows and that can't be compared.
        made: Refs of creates that surely made their tunnel, with the key that was sent for it.
    """

    verdicts: Mapping[str, Verdict]
    left: tuple[Change, ...] | None
    live: Live
    notes: tuple[str, ...]
    stop: Failure | None
    wrote: bool = False
    unreadable: tuple[LeftAlone, ...] = ()
    made: frozenset[str] = frozenset()

    @property
    def written(self) -> bool:
        """True when anything was, or may have been, written."""
        return self.wrote or may_have_written(self.verdicts.values())

    @property
    def converged(self) -> bool:
        """True only when the last list was trusted and readable, nothing differs and all is applied, by whomever."""
        done = all(v in (APPLIED, THERE) for v in self.verdicts.values())
        return self.left == () and not self.unreadable and done


def apply(plan: Plan, with_psk: frozenset[str] = frozenset()) -> Conversation[Applied]:
    """Carry out a plan, step by step.

    The order keeps every moment valid: what frees a name or an address goes before what takes it, so deletes that free
    something come first, then updates, then creates. Deletes that free nothing come last, and only when all else is
    applied, since nothing is harder to undo. The waves of a rollout go before all of that.

    Args:
        plan: From a trusted list less than 30 seconds old. Guards are the caller's business.
        with_psk: Names of tunnels to create whose pre-shared key the carrier can put into the call.

    Yields:
        The steps of `api.call`.

    Returns:
        A verdict per change and what the last list says.
    """
    run = yield from begin(plan, with_psk)
    return (yield from finish(run))


def begin(plan: Plan, with_psk: frozenset[str] = frozenset(), *, asks: bool = False) -> Conversation[Run]:
    """The first part of `apply`, with all its updates.

    Args:
        plan: As for `apply`.
        with_psk: As for `apply`.
        asks: Whether a person is asked then if the updates are to be kept. Until then nothing is deleted but what an
            update needs, since a delete can't be taken back.
    """
    run = Run(plan, with_psk)
    run.ended = not (yield from roll_out(run))
    if not run.ended:
        phases = run.plan.phases  # a window that closed has made them fewer
        first = phases.first_deletes
        if asks:  # (the members of a group all need the same)
            needs = [phases.needs.get(group[0].ref, frozenset()) for group in phases.updates]
            first = tuple(c for c in first if any(c.ref in some for some in needs))
        yield from delete(run, first)
        yield from update(run, phases.updates)
    return run


def finish(run: Run, kept: str | None = None) -> Conversation[Applied]:
    """The rest of `apply`.

    Creates wait for the question too: one could take what an update gave up, and then it could not be rolled back.

    Args:
        run: As `begin` left it.
        kept: None when nobody was asked, empty when a person keeps the updates, else why they are not kept: then they
            are rolled back, and the rest is skipped.
    """
    if kept:
        yield from take_back(run, kept)
    elif not run.ended:
        if kept is not None:
            yield from run.observe()  # the list is as old as the question
            heed_windows(run)
        yield from delete(run, [c for c in run.plan.phases.first_deletes if c.ref not in run.verdicts])
        yield from create(run, run.plan.phases.creates)
        yield from last_deletes(run)
    left: tuple[Change, ...] | None = None
    if not run.plan.changes:
        left = ()  # nothing was sent: the plan's own list has just shown that nothing differs
    elif run.stop is None:
        left = yield from verify(run)
    return Applied(
        verdicts=run.verdicts,
        left=left,
        live=run.live,
        notes=tuple(run.notes),
        stop=run.stop,
        wrote=run.wrote,
        unreadable=unreadable(run.plan, run.live),
        made=frozenset(run.made),
    )
