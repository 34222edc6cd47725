"""The generated keys of an apply, before and after its changes. Pure: yields steps and is sent outcomes.

A key that is made here is stored before its tunnel is created with it, and becomes the sink's current one only if it is
surely in force. One that Cloudflare shall make is made for the tunnels of this run, and for those that an earlier run
made before it stopped.
"""

from collections.abc import Iterable, Sequence

from reconciler.api.call import problem_of
from reconciler.engine.apply import Applied
from reconciler.model.desired import Declared, Generated
from reconciler.model.problems import Problem
from reconciler.model.psk import NO_PSK, psk_command
from reconciler.model.verdict import Result, Verdict
from reconciler.plan.plan import Plan
from reconciler.secrets.made import make_psks
from reconciler.secrets.steps import PskConversation, PskSteps, hold, listed, probe, promote


def prepare(local: Iterable[str], later: Iterable[str] = ()) -> PskConversation[dict[str, Problem]]:
    """Before tunnels with a generated key are created: probe the sinks, and make, store and read back each key.

    The run then has the keys by tunnel name. After the create, `deliver` makes them current.

    Args:
        local: Tunnels whose key is made here.
        later: Tunnels whose key Cloudflare makes once they are there: their sinks are probed too.

    Returns:
        What is wrong, by name: then no tunnel must be created.
    """
    ordered = sorted(local)
    wrong = yield from probe([*ordered, *sorted(later)])
    for name in () if wrong else ordered:
        held = yield from hold(name, make=True)
        if isinstance(held, Problem):
            wrong[name] = held
    return wrong


def deliver(plan: Plan, ended: Applied) -> PskSteps:
    """Settle the generated keys of the tunnels that were made, and of those that the plan found without a key.

    Args:
        plan: What was carried out.
        ended: How.

    Returns:
        A verdict by tunnel name.
    """
    live = None if ended.left is None else ended.live.by_name()  # None without a last list: it can't say who is gone
    ours = [c.declared for c in plan.changes if c.ref in ended.made and c.declared]
    made = [t for t in ours if live is None or t.name in live]
    local = [t.name for t in made if isinstance(t.psk, Generated) and t.psk.by == "local"]
    by_cloudflare = [t for t in made if isinstance(t.psk, Generated) and t.psk.by == "cloudflare"]
    stop = problem_of(ended.stop) if ended.stop else None
    if stop is None:
        verdicts = yield from promote(local)
        for group in (by_cloudflare, [plan.desired.tunnels[name] for name in plan.without_psk]):
            for name, verdict in (yield from _make_missing(group)).items():
                why = verdict.problem
                # Where there may be a key, or the sink failed when one was asked for, that says more than "none".
                failed = verdict.result is Result.FAILED and why is not None and why.code == "sink-failed"
                says_more = verdict.result is Result.UNKNOWN or failed
                verdicts[name] = verdict if why is None or says_more else _none_made(why)
        return verdicts
    without = {t.name: _none_made(stop) for t in by_cloudflare}
    if stop.code != "list-untrusted":
        return (yield from promote(local)) | without
    # In such a list there may be two tunnels of one name. Nobody can say which of them will stay: both keys are kept.
    message = "the list can't be trusted, so the key stays pending in the sink"
    for name in local:
        remedy = f"Once there is a list again, set it and make it current: {psk_command('rotate', name)}"
        without[name] = Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))
    return without


def _make_missing(tunnels: Sequence[Declared]) -> PskSteps:
    """Have Cloudflare make the keys of tunnels that have none yet, each for itself: probe → list → ask → store.

    Returns:
        A verdict per name: `skipped` where Cloudflare was not asked, `unknown` where it may have a key all the same.
    """
    if not tunnels:
        return {}
    names = [tunnel.name for tunnel in tunnels]
    wrong = yield from probe(names)
    live, missing = yield from listed(names)
    verdicts = {name: Verdict(Result.SKIPPED, why) for name, why in (wrong | missing).items()}
    ready = []
    for name in names:
        if name in verdicts:
            continue
        pending = yield from hold(name, make=False)
        if isinstance(pending, Problem):
            verdicts[name] = Verdict(Result.SKIPPED, pending)
        elif pending or live[name].psk_generated_on is not None:
            message = "somebody else has had Cloudflare make a key for it, or has one pending in its sink"
            remedy = f"If its sink does not get it: {psk_command('rotate', name)}"
            verdicts[name] = Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))
        else:
            ready.append(live[name])
    return verdicts | (yield from make_psks(ready))


def _none_made(why: Problem) -> Verdict:
    message = f"the tunnel is there and Cloudflare has made no key for it: {why.message}"
    return Verdict(Result.FAILED, Problem(NO_PSK, message, "Run apply again: it has the key made and delivers it."))
