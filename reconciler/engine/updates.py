"""Updates: in bulk; a refused bulk call is split until the refused tunnel is found; a cycle is never split.

(API: what becomes of the other items of a refused bulk call is not documented: none, some or all may be taken.) Nothing
here depends on it. Every item says in full what its tunnel shall be, so sending it twice does no harm; a change is
applied only when an answer or a list says so; and at the end a list proves all of it.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain

from reconciler.api.call import ApiError, Call, Conversation, Refused, Verb, problem_of
from reconciler.engine.run import Run
from reconciler.engine.write import look, write
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.settings import Settings, update_body
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan.detour import Detour, Leg
from reconciler.plan.diff import Change
from reconciler.plan.order import Group, next_batch, order

_TOO_LARGE = 413
_NO_BULK = Refused(0, (ApiError("no-bulk", "they exchange values in one bulk update, and the server takes none"),))
"""Stands for the server's refusal of a cycle that was not even sent in bulk."""


def update(run: Run, groups: Sequence[Group]) -> Conversation[None]:
    """Carry out all updates in order, `run.size` items a call.

    A body that is too large says nothing about its items: the same ones go again in smaller calls, and so do all that
    follow. Any other refusal is about an item, which is looked for.
    """
    queue = deque(groups)
    while queue:
        batch = next_batch(queue, run.size)
        refusal = yield from _bulk(run, batch)
        if refusal is None:
            continue
        if refusal.status == _TOO_LARGE and len(batch) > 1:
            run.size = max(1, sum(len(g) for g in batch) // 2)
            queue.extendleft(reversed(batch))
        else:
            yield from _split(run, batch, refusal, sent=True)


def _bulk(run: Run, groups: Sequence[Group]) -> Conversation[Refused | None]:
    """Send these groups in one call. None when every change in it is decided."""
    pending = undecided(run, chain.from_iterable(groups))
    changes = run.ready(pending)
    if not changes:
        return None
    if not run.size:
        for group in groups:
            yield from _lone(run, group, _NO_BULK)
        return None
    return (yield from write(run, changes, lambda pending: bulk_call(run, pending), partial(judge, run)))


def undecided(run: Run, changes: Iterable[Change]) -> list[Change]:
    """Those without a verdict, also after a look at the latest list."""
    return run.left_to_do((c for c in changes if c.ref not in run.verdicts), partial(judge, run))


def bulk_call(run: Run, changes: list[Change]) -> Call:
    """One call for these changes."""
    return Call(Verb.UPDATE, body={"items": [{"id": c.id, **_body(run, c, c.target)} for c in changes]})


def _body(run: Run, change: Change, settings: Settings) -> dict[str, object]:
    observed = run.live.tunnels.get(change.ref) or change.live
    return update_body(observed.raw if observed else {}, settings)


def judge(run: Run, change: Change, now: LiveTunnel | None) -> Verdict | None:
    """What a new list says of an update: done, changed by somebody else, or None: it is to be sent.

    It is sent only to a tunnel that is just as this run found it or left it. Anything else is the work of others, which
    an update would undo unseen.
    """
    if now is None:
        message = "the tunnel was deleted by somebody else meanwhile"
        return Verdict(Result.FAILED, Problem("gone", message, "Run plan again and look."))
    if now.unreadable:
        message = f"it can't be read any more: {now.unreadable}"
        return Verdict(Result.FAILED, Problem("unreadable-tunnel", message, "Look at the tunnel, then run plan."))
    if now.settings == change.target:
        return APPLIED
    if now.settings == change.before or now.settings == run.passing.get(change.ref):
        return None
    message = "the tunnel is neither as it was nor as it was sent: somebody else changed it meanwhile"
    return Verdict(Result.FAILED, Problem("changed-meanwhile", message, "Run plan again and look."))


def _split(run: Run, groups: Sequence[Group], refusal: Refused, *, sent: bool) -> Conversation[None]:
    """Find what the server refuses among groups that it refused together, in halves.

    Of a, b, c and d it refuses c, so `a b c d` was refused. Then go: `a b` (taken), `c` (refused), c by its own PUT
    (refused: c has failed), `d`. When the left half is taken, what is refused must be in the right one, which therefore
    need not be sent whole again: one refused tunnel of n is found in at most 2 log2(n) calls. If no half is refused and
    yet the whole was, the calls were too large or bulk calls don't work at all.

    Args:
        run: The account's state.
        groups: Refused together, or the rest of what was refused when its first half was taken.
        refusal: The server's words.
        sent: True when just these groups were sent in one call.
    """
    if len(groups) == 1:
        taken = yield from _lone(run, groups[0], refusal)
        # What was refused in bulk and is taken alone was refused for what was around it. If that was a call of its own,
        # the server takes no bulk calls; if it was other items, calls were too large.
        if taken and sent:
            run.size = 0
            run.notes.append("The server refuses bulk updates that it takes one by one; the rest was sent one by one.")
        elif taken:
            run.size = max(1, run.size // 2)
        return
    middle = len(groups) // 2
    left, right = groups[:middle], groups[middle:]
    of_left = yield from _bulk(run, left)
    if of_left is None:
        yield from _split(run, right, refusal, sent=False)
    else:
        yield from _split(run, left, of_left, sent=True)
        of_right = yield from _bulk(run, right)
        if of_right is not None:
            yield from _split(run, right, of_right, sent=True)


def _lone(run: Run, group: Group, refusal: Refused) -> Conversation[bool]:
    """One group that the server refuses in bulk: a cycle takes its detour, a single change is tried by its own PUT.

    The PUT is the judge: what it refuses has failed.

    Returns:
        True when the PUT was taken.
    """
    pending = undecided(run, group)
    if not run.ready(pending):
        return False
    if len(group) > 1:
        yield from _detour(run, group, refusal)
        return False
    yield from _put(run, group[0])
    return run.verdicts.get(group[0].ref) == APPLIED


def _put(run: Run, change: Change, settings: Settings | None = None) -> Conversation[None]:
    """PUT one tunnel by its id; a refusal is its verdict."""
    target = change.target if settings is None else settings

    def judge_put(one: Change, now: LiveTunnel | None) -> Verdict | None:
        return APPLIED if now is not None and now.settings == target else judge(run, one, now)

    refusal = yield from write(
        run, [change], lambda _: Call(Verb.UPDATE_ONE, _body(run, change, target), change.id), judge_put
    )
    if refusal is not None:
        run.decide([change], Verdict(Result.FAILED, problem_of(refusal)))


def _detour(run: Run, group: Group, refusal: Refused) -> Conversation[None]:
    """Break a cycle that the server refuses as a whole: one by one, some passing through a free value (`plan.detour`).

    The outcome of each leg is certain before the next begins, so none takes a value that is still held. A tunnel that a
    crash leaves parked is drift like any other: the next run's plan sets it right.
    """
    # Whoever else applies may have done it meanwhile: then parking a member would be harm.
    waiting = yield from look(run, partial(judge, run), [(change, refusal) for change in group])
    left = run.ready([change for change, _ in waiting])
    if not left:
        return
    detour = run.plan.detours.get(group[0].ref) if len(left) == len(group) else _rest(left)
    if detour is None:
        remedy = "There is no free value to borrow for it: change one of the tunnels by hand, then run apply again."
        run.decide(left, Verdict(Result.FAILED, problem_of(refusal, remedy)))
        return
    parked: dict[str, Change] = {}
    for i, leg in enumerate(detour.legs):
        if run.left_to_do([leg.change], partial(judge, run)):
            yield from _put(run, leg.change, leg.settings)
        # (For a tunnel that is only parked this verdict holds for the moment. Its last leg gives it another.)
        if run.verdicts.get(leg.change.ref) != APPLIED:
            yield from _back_out(run, detour.legs, i)
            return
        if leg.parked:
            run.passing[leg.change.ref] = leg.settings
            parked[leg.change.ref] = leg.change
    if parked:
        names = ", ".join(sorted(c.name for c in parked.values()))
        run.notes.append(f"{names} went through {', '.join(detour.through)} for a moment, to break a cycle.")


def _rest(left: Sequence[Change]) -> Detour | None:
    """The way of what others left of a cycle: one after the other. None where that is a cycle still.

    It might be parked on values that the plan did not show, and nobody approved that.
    """
    parts = order(left, Live({c.ref: c.live for c in left if c.live})).updates
    return Detour(tuple(Leg(c, c.target) for (c, *_) in parts)) if len(parts) == len(left) else None


def _back_out(run: Run, legs: Sequence[Leg], failed: int) -> Conversation[None]:
    """A leg of a detour failed: tunnels that are parked get their old values back, unless another has them by now.

    Once any member has reached its target, it may hold what a parked one gave up. Then the parked ones stay as they
    are, and a later run goes on from there.
    """
    final = {leg.change.ref for leg in legs[:failed] if not leg.parked}
    parked = [leg.change for leg in legs[:failed] if leg.parked and leg.change.ref not in final]
    culprit = legs[failed].change
    why = run.verdicts[culprit.ref]
    for change in parked:
        if not final and run.stop is None:
            yield from _put(run, change, change.before)
    problem = Problem(
        "cycle-broken",
        f"it exchanges values with {culprit.name}, which could not be changed",
        "Run apply again once that is solved: it goes on from where this run ended.",
    )
    waiting = {leg.change.ref: leg.change for leg in legs if leg.change.ref not in final and leg.change is not culprit}
    run.decide(waiting.values(), Verdict(Result.SKIPPED, problem))
    run.decide(parked, Verdict(Result.FAILED, problem))
    # What failed keeps its own words. If it is parked it is not as it was, so it was not merely skipped.
    skipped = why.result is Result.SKIPPED and culprit in parked
    run.decide([culprit], Verdict(Result.FAILED, why.problem) if skipped else why)
