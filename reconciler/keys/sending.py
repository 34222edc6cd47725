"""Getting keys to Cloudflare and finding out whether they arrived. Pure: yields steps, is sent outcomes."""

from collections.abc import Generator, Mapping
from typing import Any

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Call,
    Outcome,
    Pause,
    Send,
    Step,
    Verb,
)
from reconciler.api.outcome import contradicts, problem_of
from reconciler.core.live import LiveTunnel
from reconciler.core.report import Problem
from reconciler.keys.secret import Secret
from reconciler.keys.steps import KeyResult

ATTEMPTS = 4
"""How often the same values are sent while answers are ambiguous. Sending a value again changes nothing."""

_APART = 5.0
"""Seconds between two lists that must agree."""


def send_keys(ids: Mapping[str, str]) -> Generator[Step, Any, dict[str, KeyResult]]:
    """Set keys in one bulk call; the same values are sent again while it is unclear whether they arrived.

    (API: the answer is partial, each tunnel stands in it as applied or as refused with a reason.)

    Args:
        ids: Tunnel names, which are also the names of the keys, by id.

    Returns:
        One result per name: `applied` (not yet promoted), `failed` when Cloudflare surely did not take it,
        `unknown`.
    """
    results: dict[str, KeyResult] = {}
    todo = dict(ids)
    doubtful: set[str] = set()
    why = Problem("unclear-answer", "Cloudflare's answers don't mention the tunnel", _TELL)
    for attempt in range(ATTEMPTS if todo else 0):
        (outcome,) = yield Send((Call(Verb.SET_KEYS, keys=dict(todo)),))
        if isinstance(outcome, Answered):
            for tunnel_id in list(todo):
                result = _answer(todo[tunnel_id], tunnel_id, outcome, doubtful=tunnel_id in doubtful)
                if result is not None:
                    results[todo.pop(tunnel_id)] = result
        elif isinstance(outcome, Ambiguous) or contradicts(outcome):
            why = problem_of(outcome, _TELL)
        else:
            stopped = {i: _not_taken(n, problem_of(outcome), doubtful=i in doubtful) for i, n in todo.items()}
            return results | {r.name: r for r in stopped.values()}
        if not todo:
            break
        doubtful |= set(todo)
        if attempt + 1 < ATTEMPTS:
            yield Pause(2.0**attempt, "the answer to setting keys was unclear")
    return results | {name: KeyResult(name, "unknown", why) for name in todo.values()}


_TELL = (
    "Cloudflare may have the old or the new key. Run the same command again: it sends the same value "
    "until an answer confirms it."
)


def _answer(name: str, tunnel_id: str, outcome: Answered, *, doubtful: bool) -> KeyResult | None:
    reason = outcome.result.get("refused", {}).get(tunnel_id)
    if reason is not None:
        return _not_taken(name, Problem("key-refused", str(reason)), doubtful=doubtful)
    return KeyResult(name, "applied") if tunnel_id in outcome.result.get("applied", ()) else None


def _not_taken(name: str, why: Problem, *, doubtful: bool) -> KeyResult:
    """Failed; or unknown, when an earlier try may have been taken."""
    if doubtful:
        return KeyResult(name, "unknown", Problem(why.code, why.message, _TELL, why.ray))
    return KeyResult(name, "failed", why)


def generate_key(name: str, before: LiveTunnel) -> Generator[Step, Any, Secret | KeyResult]:
    """Let Cloudflare make a key, asking once and never again.

    (API: the key stands only in the answer, and is in force at once.) When the answer is lost, the time of
    the last generation tells whether a key was made: if it moved, that key is lost.

    Args:
        name: The tunnel.
        before: The tunnel as listed before.

    Returns:
        The key, or why there is none.
    """
    (outcome,) = yield Send((Call(Verb.GENERATE_KEY, tunnel_id=before.id),))
    if isinstance(outcome, Answered):
        key = outcome.result.get("key")
        if isinstance(key, Secret):
            return key
    elif not isinstance(outcome, Ambiguous) and not contradicts(outcome):
        return KeyResult(name, "failed", problem_of(outcome))
    for wait in (True, False):
        (listed,) = yield Send((Call(Verb.LIST),))
        if not isinstance(listed, Answered) or listed.live is None or before.id not in listed.live.tunnels:
            return _lost(name, outcome, "and the tunnel could not be read again")
        if listed.live.tunnels[before.id].key_generated_on != before.key_generated_on:
            return _lost(name, outcome, "and Cloudflare did make a new key, which nobody has")
        if wait:
            yield Pause(_APART, "to see whether a key was made")
    return _lost(name, outcome, "though two lists show no new key")


def _lost(name: str, outcome: Outcome, what: str) -> KeyResult:
    seen = problem_of(outcome)
    message = f"The answer that holds the key was lost ({seen.message}), {what}"
    remedy = f"The tunnel may not come up with the key on the device: run `psk rotate {name}` again."
    return KeyResult(name, "unknown", Problem("key-lost", message, remedy, seen.ray))
