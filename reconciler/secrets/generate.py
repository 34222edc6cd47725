"""Letting Cloudflare make a key. Pure: yields steps, is sent outcomes."""

from dataclasses import dataclass

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
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.verdict import Result, Verdict
from reconciler.secrets.secret import Secret

_APART = 5.0
"""Seconds between two lists that must agree."""


@dataclass(frozen=True, slots=True)
class Made:
    """A key that Cloudflare made, and when, in its own words; empty when it did not say."""

    key: Secret
    on: str


def generate_key(before: LiveTunnel) -> Conversation[Made | Verdict]:
    """Let Cloudflare make a key, asking once and never again.

    (API: the key stands only in the answer, and is in force at once.) When the answer is lost, the time of
    the last generation tells whether a key was made: if it moved, that key is lost.

    Args:
        before: The tunnel as listed before.

    Returns:
        The key, or why there is none.
    """
    (outcome,) = yield Send((Call(Verb.GENERATE_PSK, tunnel_id=before.id),))
    if isinstance(outcome, Answered):
        if isinstance(outcome.psk, Secret):
            return Made(outcome.psk, outcome.made_on)
    elif not isinstance(outcome, Ambiguous) and not contradicts(outcome):
        return Verdict(Result.FAILED, problem_of(outcome))
    for wait in (True, False):
        (listed,) = yield Send((Call(Verb.LIST),))
        if not isinstance(listed, Answered) or listed.live is None or before.id not in listed.live.tunnels:
            return _lost(before.name, outcome, "and the tunnel could not be read again")
        if listed.live.tunnels[before.id].key_generated_on != before.key_generated_on:
            return _lost(before.name, outcome, "and Cloudflare did make a new key, which nobody has")
        if wait:
            yield Pause(_APART, "to see whether a key was made")
    return _lost(before.name, outcome, "though two lists show no new key")


def _lost(name: str, outcome: CallOutcome, what: str) -> Verdict:
    seen = problem_of(outcome)
    message = f"The answer that holds the key was lost ({seen.message}), {what}"
    remedy = f"The tunnel may not come up with the key on the device: run `psk rotate {name}` again."
    return Verdict(Result.UNKNOWN, Problem("key-lost", message, remedy, seen.ray))
