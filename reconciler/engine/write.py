"""Writing until the outcome is certain: the answer decides, or else the list, and nothing is sent again blindly."""

from collections.abc import Callable, Sequence

from reconciler.api.call import Ambiguous, Answered, Call, Conversation, Denied, NotSent, Pause, Refused, contradicts
from reconciler.engine.listing import AGREEMENT_SECONDS
from reconciler.engine.run import TRIES, Run
from reconciler.model.live import LiveTunnel
from reconciler.model.verdict import APPLIED, Verdict
from reconciler.plan.diff import Change

Judge = Callable[[Change, LiveTunnel | None], Verdict | None]
"""After an ambiguous write and a new list: the change's verdict, or None when it must be sent again."""


def write(
    run: Run, changes: list[Change], make: Callable[[list[Change]], Call], judge: Judge
) -> Conversation[Refused | None]:
    """Send one write for these changes until its outcome is certain, never blindly again.

    What an answer says decides, if it can be believed:

    - done, or surely not carried out: decided at once;
    - a plain refusal: the caller knows what to do about it;
    - no answer, or one that cannot tell: the list decides for each change, and what it shows as not done goes into the
      next, smaller call. Sending that again is safe, because an update says what a tunnel shall be, not what to add;
    - a refusal in an answer that calls itself a success: the list decides too, but a list may lag behind a write. So it
      takes two of them, some seconds apart, to believe that nothing was done.

    Args:
        run: The account's state.
        changes: What the call carries; those that need it no more drop out on the way.
        make: Makes the call for the changes that still need it.
        judge: Decides from a new list what became of a change.

    Returns:
        The refusal, which leaves the remaining changes undecided; or None when all are decided.
    """
    pending = list(changes)
    for attempt in range(TRIES):
        (outcome,) = yield from run.send([make(pending)])
        if isinstance(outcome, Refused) and not contradicts(outcome):
            return outcome
        if not isinstance(outcome, Refused | Ambiguous):
            _certain(run, pending, outcome)
            return None
        pending = yield from look(run, pending, outcome, judge)
        if pending and isinstance(outcome, Refused):
            yield Pause(AGREEMENT_SECONDS, "before a second list that must agree that nothing was done")
            pending = yield from look(run, pending, outcome, judge)
        pending = run.ready(pending, together=True)
        if not pending:
            return None
        if isinstance(outcome, Refused):
            return outcome
        if attempt == TRIES - 1:
            run.unknown(pending, outcome)
        else:
            yield from run.pause(attempt, "before an uncertain write is sent again")
    return None


def _certain(run: Run, changes: list[Change], outcome: Answered | Denied | NotSent) -> None:
    if isinstance(outcome, Answered):
        run.decide(changes, APPLIED)
    else:
        run.settle_unsent(changes, outcome)


def look(run: Run, pending: Sequence[Change], outcome: Ambiguous | Refused, judge: Judge) -> Conversation[list[Change]]:
    """List again and let `judge` decide these changes; returns those that must be sent again.

    Without a trusted list all are unknown, and the account has stopped.
    """
    live = yield from run.observe()
    if live is None:
        run.unknown(pending, outcome)
        return []
    again = []
    for change in pending:
        now = live.tunnels.get(change.live.id) if change.live else None
        verdict = judge(change, now)
        if now and now.unreadable:
            run.unknown([change], outcome)
        elif verdict is None:
            again.append(change)
        else:
            run.verdicts[change.ref] = verdict
    return again
