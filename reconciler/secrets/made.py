"""Keys that Cloudflare makes: asked for once, stored at once, missed when they are lost. Pure: yields steps.

Such a key can't be stored first. It is in force as soon as it is made, and it stands in one answer only: when the
connection breaks, it is lost for good. So the sink notes beforehand that a key is asked for, and when the last one was
made: should this process die with the answer, `psk status` sees by Cloudflare's time that nobody has the key in force.
"""

from collections.abc import Iterable, Mapping, Sequence

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
from reconciler.engine.listing import AGREEMENT_SECONDS, PATIENCE, read_list
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.psk import is_later, psk_command
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.secrets.secret import Secret
from reconciler.secrets.steps import DIFFERS, PskConversation, PskSteps, SinkOp, SinkOutcome, SinkStep, promote

_PUTS = 3
"""How often a sink is asked to store a key that is in force already, 1 and 2 seconds apart."""


def make_psks(tunnels: Iterable[LiveTunnel]) -> PskSteps:
    """Let Cloudflare make each key and store it at once; then see that nobody had another one made since.

    Args:
        tunnels: As listed just before.
    """
    verdicts: dict[str, Verdict] = {}
    kept: list[tuple[LiveTunnel, str]] = []
    for tunnel in tunnels:
        noted: SinkOutcome = yield SinkStep(SinkOp.NOTE, tunnel.name, before=tunnel.psk_generated_on or "")
        if isinstance(noted, Problem):
            verdicts[tunnel.name] = Verdict(Result.FAILED, noted)
            continue
        made = yield from generate_psk(tunnel)
        verdicts[tunnel.name] = made if isinstance(made, Verdict) else (yield from keep_made(tunnel.name, made))
        yield SinkStep(SinkOp.RELEASE, tunnel.name)
        if isinstance(made, Answered) and verdicts[tunnel.name] == APPLIED:
            kept.append((tunnel, made.made_on))
    return verdicts | ((yield from overtaken(kept)) if kept else {})


def generate_psk(before: LiveTunnel) -> Conversation[Answered | Verdict]:
    """Let Cloudflare make a key, asking once and never again.

    (API: the key stands only in the answer, and is in force at once.) When the answer is lost, the time of
    the last generation tells whether a key was made: if it moved, that key is lost.

    Args:
        before: The tunnel as listed before.

    Returns:
        The answer with the key, or why there is none.
    """
    (outcome,) = yield Send((Call(Verb.GENERATE_PSK, tunnel_id=before.id),))
    if isinstance(outcome, Answered):
        if isinstance(outcome.psk, Secret):
            return outcome
    elif not unclear(outcome):
        return Verdict(Result.FAILED, problem_of(outcome))
    # A list may lag behind a write: one that shows no new key is asked again, after the time in which lists agree.
    for wait in (True, False):
        (listed,) = yield Send((Call(Verb.LIST),))
        if not isinstance(listed, Answered) or listed.live is None or before.id not in listed.live.tunnels:
            return _lost(before.name, outcome, "and the tunnel could not be read again")
        if listed.live.tunnels[before.id].psk_generated_on != before.psk_generated_on:
            return _lost(before.name, outcome, "and Cloudflare did make a new key, which nobody has")
        if wait:
            yield Pause(AGREEMENT_SECONDS, "to see whether a key was made")
    return _lost(before.name, outcome, "though two lists show no new key")


def _lost(name: str, outcome: CallOutcome, what: str) -> Verdict:
    seen = problem_of(outcome)
    message = f"the answer that holds the key was lost ({seen.message}), {what}"
    remedy = f"The tunnel may not come up with the key on the device. For a new key: {psk_command('rotate', name)}"
    return Verdict(Result.UNKNOWN, Problem("key-lost", message, remedy, seen.ray))


def overtaken(kept: Sequence[tuple[LiveTunnel, str]]) -> PskSteps:
    """The keys that no list proves to be in force: another run may have had a later one made.

    A list that still shows the time before our own key lags behind, and could hide a later key as well. So it is read
    again, and what no list has shown is not called settled: a later run would see the old list and doubt the key.

    Args:
        kept: Each tunnel as listed before, and when Cloudflare made its key.
    """
    live: Mapping[str, LiveTunnel] = {}
    lagging: set[str] = set()
    for wait in (*PATIENCE, None):
        found = yield from read_list()
        if not isinstance(found, Live):
            why = problem_of(found)
            return {tunnel.name: _unchecked(why.message, why.ray) for tunnel, _ in kept}
        live = found.tunnels
        lagging = {t.id for t, _ in kept if t.id in live and live[t.id].psk_generated_on == t.psk_generated_on}
        if not lagging or wait is None:
            break
        yield Pause(wait, "until the list shows the keys that were made")
    verdicts = {}
    for tunnel, made_on in kept:
        # A later time, not just another one: an answer and a list spell one time differently.
        if tunnel.id not in live:
            gone = Problem(
                "not-live", "Cloudflare made a key, and then the tunnel was gone", "Run plan: others write too."
            )
            verdicts[tunnel.name] = Verdict(Result.UNKNOWN, gone)
        elif is_later(live[tunnel.id].psk_generated_on, made_on):
            message = "Cloudflare made a key, and another one for somebody else right after it"
            remedy = f"Once no other run is at work: {psk_command('rotate', tunnel.name)}"
            verdicts[tunnel.name] = Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))
        elif tunnel.id in lagging:
            verdicts[tunnel.name] = _unchecked("no list shows it yet")
    return verdicts


def _unchecked(why: str, ray: str | None = None) -> Verdict:
    message = f"Cloudflare made a key, which is in the sink; whether it is the last one is not known: {why}"
    return Verdict(Result.UNKNOWN, Problem("key-not-checked", message, "See `reconciler psk status`.", ray))


def keep_made(name: str, made: Answered) -> PskConversation[Verdict]:
    """Store a key that is in force already; a failed write may have worked, so reading decides."""
    why = DIFFERS
    for attempt in range(_PUTS):
        put: SinkOutcome = yield SinkStep(SinkOp.PUT, name, made.psk)
        same: SinkOutcome = yield SinkStep(SinkOp.CHECK, name)
        if same is True:
            return (yield from promote([name], made.made_on))[name]
        why = next((failed for failed in (put, same) if isinstance(failed, Problem)), DIFFERS)
        if attempt + 1 < _PUTS:
            yield Pause(2.0**attempt, f"the sink of {name} failed")
    message = f"Cloudflare made a key and its sink did not take it ({why.message}): the key is lost"
    remedy = f"Repair the sink, then: {psk_command('rotate', name)}"
    return Verdict(Result.UNKNOWN, Problem("key-lost", message, remedy))
