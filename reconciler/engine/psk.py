"""Setting pre-shared keys until it is certain whether they arrived: one protocol for creates and for rotations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from reconciler.api.call import (
    Answered,
    Call,
    CallOutcome,
    Conversation,
    Pause,
    Send,
    Verb,
    problem_of,
    unclear,
)
from reconciler.model.problems import Problem
from reconciler.model.verdict import APPLIED, Result, Verdict

_WAITS = (1.0, 2.0, 4.0, None)
"""Seconds to wait after each try whose answer is unclear. Sending the same value again changes nothing."""

_TELL = (
    "Cloudflare may have the old or the new key. Run the same command again: it sends the same value "
    "until an answer confirms it."
)
_REFUSED = Problem("key-refused", "Cloudflare does not take it; the reason is withheld, since it may quote the key")


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
    doubtful: set[str] = set()  # an earlier try may have been taken
    why = Problem("unclear-answer", "Cloudflare's answers don't say whether the tunnel has its key", _TELL)

    def refuse(tunnel_id: str, problem: Problem) -> None:
        unsure = tunnel_id in doubtful
        verdict = Verdict(Result.UNKNOWN, replace(problem, remedy=_TELL)) if unsure else Verdict(Result.FAILED, problem)
        verdicts[todo.pop(tunnel_id)] = verdict

    for wait in _WAITS:
        if not todo:
            break
        (outcome,) = yield from send([Call(Verb.SET_PSKS, psks=dict(todo))])
        if isinstance(outcome, Answered):
            for tunnel_id in list(todo):
                if outcome.taken.get(tunnel_id):
                    verdicts[todo.pop(tunnel_id)] = APPLIED
                elif tunnel_id in outcome.taken:
                    refuse(tunnel_id, _REFUSED)
        elif unclear(outcome):
            why = problem_of(outcome, _TELL)
        else:
            for tunnel_id in list(todo):
                refuse(tunnel_id, problem_of(outcome))
        doubtful |= set(todo)
        if todo and wait is not None:
            yield Pause(wait, "the answer to setting keys was unclear")
    return verdicts | dict.fromkeys(todo.values(), Verdict(Result.UNKNOWN, why))
