"""The generated keys of an apply, once its changes are made. Pure: yields steps and is sent outcomes.

A key that was made here becomes the sink's current one only if it is surely in force. One that Cloudflare shall make is
made for the tunnels of this run, and for those that an earlier run made before it stopped.
"""

from reconciler.api.call import problem_of
from reconciler.engine.apply import Applied
from reconciler.model.desired import Generated
from reconciler.model.problems import NO_KEY, Problem
from reconciler.model.psk import psk_command
from reconciler.model.verdict import Result, Verdict
from reconciler.plan.build import Plan
from reconciler.secrets.rotate import make_missing
from reconciler.secrets.steps import KeySteps, promote


def deliver(plan: Plan, ended: Applied) -> KeySteps:
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
    keyless = [plan.desired.tunnels[name] for name in plan.keyless]
    stop = problem_of(ended.stop) if ended.stop else None
    if stop is None:
        verdicts = yield from promote(local)
        for group in (by_cloudflare, keyless):
            for name, verdict in (yield from make_missing(group)).items():
                why = verdict.problem
                verdicts[name] = verdict if why is None or _says_more(verdict) else _keyless(why)
        return verdicts
    # In such a list there may be two tunnels of one name. Nobody can say which of them will stay: both keys are kept.
    untrusted = stop.code == "list-untrusted"
    verdicts = {name: _pending(name) for name in local} if untrusted else (yield from promote(local))
    return verdicts | {t.name: _keyless(stop) for t in by_cloudflare}


def _pending(name: str) -> Verdict:
    message = "The list can't be trusted, so the key stays pending in the sink"
    remedy = f"Once there is a list again, set it and make it current: {psk_command('rotate', name)}"
    return Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))


def _says_more(verdict: Verdict) -> bool:
    """Whether a verdict says more than that there is no key: that there may be one, or what is wrong with the sink."""
    sink = verdict.problem is not None and verdict.problem.code == "sink-failed"
    return verdict.result is Result.UNKNOWN or (verdict.result is Result.FAILED and sink)


def _keyless(why: Problem) -> Verdict:
    message = f"The tunnel is there and Cloudflare has made no key for it: {why.message}"
    return Verdict(Result.FAILED, Problem(NO_KEY, message, "Run apply again: it has the key made and delivers it."))
