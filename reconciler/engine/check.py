"""Server check: send every change with `validate_only=true`, then list again to see that nothing moved.

Some rules only Cloudflare knows (which addresses an account may use, what its subscription allows), and a plan can ask
for them before anybody approves it. (API: by its description every write takes `validate_only`; its schema names it for
the setting of keys alone, and what is answered is not documented. So the list afterwards has to show that nothing was
written, and an acceptance is never more than a good sign.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Call,
    CallOutcome,
    Conversation,
    Denied,
    NotSent,
    Refused,
    Send,
    Verb,
    problem_of,
)
from reconciler.engine.listing import read_list
from reconciler.model.live import Live
from reconciler.model.problems import Problem
from reconciler.model.settings import nested, update_body
from reconciler.plan.build import Plan
from reconciler.plan.diff import Action, Change

_AS_A_WHOLE = "only valid together with other changes: it needs something that another tunnel still holds"
_DELETE = "a delete is never sent, not even to be checked"
_MAY_NOT = "the token may not write, so Cloudflare does not check changes for it"


@dataclass(slots=True)
class Checked:
    """What the server says of a plan.

    Attributes:
        accepted: Refs of changes.
        refused: Change ref to Cloudflare's words.
        not_checked: Change ref to the reason.
        moved: True when the account is not as it was before the check.
        stop: Why the check could not be finished, or None.
    """

    accepted: set[str] = field(default_factory=set)
    refused: dict[str, Problem] = field(default_factory=dict)
    not_checked: dict[str, str] = field(default_factory=dict)
    moved: bool = False
    stop: Problem | Denied | NotSent | None = None


def check(plan: Plan) -> Conversation[Checked]:
    """Ask the server what it thinks of each change, without persisting anything.

    Creates go without their key, deletes are never sent: a server that does not know `validate_only` would carry them
    out. A change that is only valid after or together with others is not checked.
    """
    seen = Checked()
    alone = []
    cyclic = {c.ref for group in plan.phases.updates if len(group) > 1 for c in group}
    for change in plan.changes:
        if change.action is Action.DELETE:
            seen.not_checked[change.ref] = _DELETE
        elif change.ref in cyclic or plan.phases.needs.get(change.ref):
            seen.not_checked[change.ref] = _AS_A_WHOLE
        else:
            alone.append(change)
    updates = [c for c in alone if c.action is Action.UPDATE]
    size = plan.options.batch_size
    for start in range(0, len(updates), size):
        yield from _updates(seen, updates[start : start + size])
    yield from _creates(seen, [c for c in alone if c.action is Action.CREATE])
    if seen.stop is None and alone:
        yield from _look_again(seen, plan.live)
    return seen


def _updates(seen: Checked, changes: Sequence[Change]) -> Conversation[None]:
    if seen.stop is not None or not changes:
        return
    items = [{"id": c.id, **_body(c)} for c in changes]
    (outcome,) = yield Send((Call(Verb.UPDATE, {"items": items}, validate_only=True),))
    if not isinstance(outcome, Refused):
        _note(seen, changes, outcome)
    elif len(changes) == 1:  # by itself, since the bulk call may have been refused for being one
        (outcome,) = yield Send((Call(Verb.UPDATE_ONE, _body(changes[0]), changes[0].id, validate_only=True),))
        _note(seen, changes, outcome)
    else:
        middle = len(changes) // 2
        yield from _updates(seen, changes[:middle])
        yield from _updates(seen, changes[middle:])


def _body(change: Change) -> dict[str, object]:
    return update_body(change.live.raw if change.live else {}, change.target)


def _creates(seen: Checked, changes: list[Change]) -> Conversation[None]:
    if seen.stop is not None or not changes:
        return
    outcomes = yield Send(tuple(Call(Verb.CREATE, nested(c.target), validate_only=True) for c in changes))
    for change, outcome in zip(changes, outcomes, strict=True):
        _note(seen, [change], outcome)


def _note(seen: Checked, changes: Sequence[Change], outcome: CallOutcome) -> None:
    refs = [c.ref for c in changes]
    match outcome:
        case Answered():
            seen.accepted.update(refs)
        case Refused():
            seen.refused.update(dict.fromkeys(refs, problem_of(outcome)))
        case Denied():
            seen.not_checked.update(dict.fromkeys(refs, _MAY_NOT))
        case NotSent():
            seen.not_checked.update(dict.fromkeys(refs, outcome.message))
            seen.stop = seen.stop or outcome
        case Ambiguous():
            seen.not_checked.update(dict.fromkeys(refs, outcome.message))
            seen.stop = seen.stop or problem_of(outcome)


def _look_again(seen: Checked, before: Live) -> Conversation[None]:
    outcome = yield from read_list(before.tunnels)
    if isinstance(outcome, Answered) and outcome.live is not None:
        now = outcome.live.tunnels
        seen.moved = now.keys() != before.tunnels.keys() or any(
            t.settings != before.tunnels[i].settings or t.modified_on != before.tunnels[i].modified_on
            for i, t in now.items()
        )
    elif isinstance(outcome, (Denied, NotSent)):
        seen.stop = outcome
    elif not isinstance(outcome, Answered):
        seen.stop = problem_of(outcome)
