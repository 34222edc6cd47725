"""Writing until the outcome is certain: the answer decides, or else the list, and nothing is sent again blindly."""

from collections.abc import Callable
from functools import partial

from reconciler.api.call import Call, Conversation, Pause, Refused, unclear
from reconciler.engine.listing import AGREEMENT_SECONDS
from reconciler.engine.run import Judge, Open, Run
from reconciler.plan.diff import Action, Change

WAITS = (2.0, 4.0, 8.0, None)
"""Seconds to wait after each try of a write that a list does not show as done. After the last it is not tried again."""


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
    for wait in WAITS:
        (outcome,) = yield from run.send([make(pending)])
        if isinstance(outcome, Refused) and not unclear(outcome):
            return outcome
        if run.settle(pending, outcome):
            return None
        still: Open = [(change, outcome) for change in pending]
        if isinstance(outcome, Refused):
            why = "before a second list must agree that nothing was done"
            still = yield from agreed(partial(look, run, judge), still, why)
        else:
            still = yield from look(run, judge, still)
        pending = run.ready([change for change, _ in still])
        if not pending:
            return None
        if isinstance(outcome, Refused):
            return outcome
        if wait is None:
            run.unknown([(change, outcome) for change in pending])
        else:
            yield Pause(wait, "before an uncertain write is sent again")
    return None


def look(run: Run, judge: Judge, still: Open) -> Conversation[Open]:
    """List again and let `judge` decide these changes; returns those that must be sent again.

    Without a trusted list all are unknown, and the account has stopped.
    """
    live = (yield from run.observe()) if still else None
    if live is None:
        run.unknown(still)
        return []
    again = []
    for change, outcome in still:
        now = live.tunnels.get(change.ref)
        verdict = judge(change, now)
        if now and now.unreadable and change.action is Action.UPDATE:  # nobody can see whether it was done
            run.unknown([(change, outcome)])
        elif verdict is None:
            again.append((change, outcome))
        else:
            run.verdicts[change.ref] = verdict
    return again


def agreed(check: Callable[[Open], Conversation[Open]], still: Open, why: str) -> Conversation[Open]:
    """What two lists, some seconds apart, both leave open: a single one may lag behind a write.

    Args:
        check: Lists, and returns the changes that the list leaves open.
        still: The changes.
        why: What the second list is for.
    """
    still = yield from check(still)
    if still:
        yield Pause(AGREEMENT_SECONDS, why)
        still = yield from check(still)
    return still
