"""Server check: send every change with `validate_only=true`, then list again to see that nothing moved.

Some rules only Cloudflare knows (which addresses an account may use, what its subscription allows), and a plan can ask
for them before anybody approves it. (API: by its description every write takes `validate_only`; its schema names it for
the setting of keys alone, and what is answered is not documented. So the list afterwards has to show that nothing was
written, and an acceptance is never more than a good sign.)
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Call,
    CallOutcome,
    Conversation,
    Denied,
    Failure,
    NotSent,
    Refused,
    Send,
    Verb,
    problem_of,
)
from reconciler.engine.listing import read_list
from reconciler.model.canonical import Reference
from reconciler.model.desired import Account
from reconciler.model.live import Live
from reconciler.model.problems import Problem
from reconciler.model.settings import Settings, nested, update_body
from reconciler.plan.diff import Action, Change
from reconciler.plan.plan import Plan

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
        stop: What became of the call after which the check could not go on, or None.
    """

    accepted: set[str] = field(default_factory=set)
    refused: dict[str, Problem] = field(default_factory=dict)
    not_checked: dict[str, str] = field(default_factory=dict)
    moved: bool = False
    stop: Failure | None = None


def check(plan: Plan) -> Conversation[Checked]:
    """Ask the server what it thinks of each change, without persisting anything.

    Creates go without their key, all without an MD5 key that was not read, and deletes are never sent: a server that
    does not know `validate_only` would carry them out. A change that is only valid after or together with others is
    not checked.
    """
    seen = Checked()
    alone = []
    for change in plan.changes:
        if change.action is Action.DELETE:
            seen.not_checked[change.ref] = _DELETE
        elif plan.phases.needs.get(change.ref):
            seen.not_checked[change.ref] = _AS_A_WHOLE
        else:
            alone.append(change)
    updates = [c for c in alone if c.action is Action.UPDATE]
    yield from _updates(seen, updates, plan.options.batch_size)
    creates = [c for c in alone if c.action is Action.CREATE]
    if seen.stop is None and creates:
        outcomes = yield Send(tuple(Call(Verb.CREATE, nested(_readable(c)), validate_only=True) for c in creates))
        for change, outcome in zip(creates, outcomes, strict=True):
            _note(seen, [change], outcome)
    if seen.stop is None and alone:
        found = yield from read_list(plan.live.tunnels)
        if isinstance(found, Live):
            account = plan.desired.account
            seen.moved = _traces(found, account) != _traces(plan.live, account)
        else:
            seen.stop = found
    return seen


def _updates(seen: Checked, changes: Sequence[Change], size: int) -> Conversation[None]:
    """Ask about updates in bulk; what is refused together is asked about in halves, until it is one."""
    waiting = deque(changes[start : start + size] for start in range(0, len(changes), size))
    while waiting and seen.stop is None:
        some = waiting.popleft()
        bodies = [update_body(c.live.raw if c.live else {}, _readable(c)) for c in some]
        items = [{"id": c.id, **body} for c, body in zip(some, bodies, strict=True)]
        (outcome,) = yield Send((Call(Verb.UPDATE, {"items": items}, validate_only=True),))
        if isinstance(outcome, Refused) and len(some) > 1:
            middle = len(some) // 2
            waiting.extendleft((some[middle:], some[:middle]))
            continue
        if isinstance(outcome, Refused):  # by itself, since the bulk call may have been refused for being one
            (outcome,) = yield Send((Call(Verb.UPDATE_ONE, bodies[0], some[0].id, validate_only=True),))
        _note(seen, some, outcome)


def _readable(change: Change) -> Settings:
    return {path: value for path, value in change.target.items() if not isinstance(value, Reference)}


def _note(seen: Checked, changes: Iterable[Change], outcome: CallOutcome) -> None:
    refs = [c.ref for c in changes]
    match outcome:
        case Answered():
            seen.accepted.update(refs)
        case Refused():
            seen.refused.update(dict.fromkeys(refs, problem_of(outcome)))
        case Denied():
            seen.not_checked.update(dict.fromkeys(refs, _MAY_NOT))
        case NotSent() | Ambiguous():
            seen.not_checked.update(dict.fromkeys(refs, outcome.message))
            seen.stop = seen.stop or outcome


def _traces(live: Live, account: Account) -> dict[str, object]:
    """What shows of a write: by tunnel, its settings and when it was last modified.

    Those that `owns` leaves to other files may change at any time, by a run of theirs.
    """
    return {i: (t.settings, t.modified_on) for i, t in live.tunnels.items() if account.is_owned(t.name)}
