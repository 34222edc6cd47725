"""Setting pre-shared keys until it is certain whether they arrived: one protocol for creates and for rotations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Call,
    CallOutcome,
    Conversation,
    Pause,
    Send,
    Verb,
    contradicts,
    problem_of,
)
from reconciler.model.problems import Problem
from reconciler.model.verdict import APPLIED, Result, Verdict

ATTEMPTS = 4
"""How often the same values are sent while answers are ambiguous. Sending a value again changes nothing."""

_TELL = (
    "Cloudflare may have the old or the new key. Run the same command again: it sends the same value "
    "until an answer confirms it."
)


def _plainly(calls: Sequence[Call]) -> Conversation[tuple[CallOutcome, ...]]:
    return (yield Send(tuple(calls)))


def set_psks(
    ids: Mapping[str, str], send: Callable[[Sequence[Call]], Conversation[tuple[CallOutcome, ...]]] = _plainly
) -> Conversation[dict[str, Verdict]]:
    """Set keys in one bulk call; the same values are sent again while it is unclear whether they arrived.

    No list can tell which key a tunnel has, so the answer is all there is; and as the value is the same each time, a
    repetition can't do harm. (API: the answer is partial, each tunnel stands in it as applied or as refused.)

    Args:
        ids: Tunnel names, which are also the names of the keys, by id.
        send: Carries calls out; an apply gives its own, which remembers what stops the account.

    Returns:
        One verdict per name: failed only when Cloudflare surely did not take the key.
    """
    verdicts: dict[str, Verdict] = {}
    todo = dict(ids)
    doubtful: set[str] = set()
    why = Problem("unclear-answer", "Cloudflare's answers don't say whether the tunnel has its key", _TELL)
    for attempt in range(ATTEMPTS if todo else 0):
        (outcome,) = yield from send([Call(Verb.SET_PSKS, psks=dict(todo))])
        if isinstance(outcome, Answered):
            for tunnel_id in list(todo):
                verdict = _answer(tunnel_id, outcome, doubtful=tunnel_id in doubtful)
                if verdict is not None:
                    verdicts[todo.pop(tunnel_id)] = verdict
        elif isinstance(outcome, Ambiguous) or contradicts(outcome):
            why = problem_of(outcome, _TELL)
        else:
            problem = problem_of(outcome)
            return verdicts | {name: _not_taken(problem, doubtful=i in doubtful) for i, name in todo.items()}
        if not todo:
            break
        doubtful |= set(todo)
        if attempt + 1 < ATTEMPTS:
            yield Pause(2.0**attempt, "the answer to setting keys was unclear")
    return verdicts | dict.fromkeys(todo.values(), Verdict(Result.UNKNOWN, why))


def _answer(tunnel_id: str, outcome: Answered, *, doubtful: bool) -> Verdict | None:
    reason = outcome.refused.get(tunnel_id)
    if reason is not None:
        return _not_taken(Problem("key-refused", reason), doubtful=doubtful)
    return APPLIED if tunnel_id in outcome.applied else None


def _not_taken(why: Problem, *, doubtful: bool) -> Verdict:
    """Failed; or unknown, when an earlier try may have been taken."""
    if doubtful:
        return Verdict(Result.UNKNOWN, replace(why, remedy=_TELL))
    return Verdict(Result.FAILED, why)
