"""The generated keys of an apply, once its changes are made. Pure: yields steps and is sent outcomes.

A key that was made here becomes the sink's current one only if it is surely in force. One that Cloudflare shall make is
made for the tunnels of this run, and for those that an earlier run made before it stopped.
"""

from collections.abc import Sequence

from reconciler.api.call import problem_of
from reconciler.engine.apply import Applied
from reconciler.model.desired import Declared, Generated
from reconciler.model.problems import NO_KEY, Problem
from reconciler.model.verdict import Result, Verdict
from reconciler.plan.build import Plan
from reconciler.secrets.rotate import make_missing
from reconciler.secrets.steps import KeySteps, promote


def deliver(plan: Plan, ended: Applied) -> KeySteps:
    """Settle the generated keys of the tunnels that were made, and of those in which the plan found none.

    Args:
        plan: What was carried out.
        ended: How.
    """
    there_now = None if ended.left is None else ended.live.by_name()
    ours = [c.declared for c in plan.changes if c.ref in ended.made and c.declared]
    made = [t for t in ours if there_now is None or t.name in there_now]
    here = [t.name for t in made if isinstance(t.psk, Generated) and t.psk.by == "local"]
    there = [t for t in made if isinstance(t.psk, Generated) and t.psk.by == "cloudflare"]
    left = [plan.desired.tunnels[name] for name in plan.keyless]
    stop = ended.stop if ended.stop is None or isinstance(ended.stop, Problem) else problem_of(ended.stop)
    if stop is None:
        verdicts = yield from promote(here)
        for group in (there, left):
            verdicts |= yield from _make(group)
        return verdicts
    # In such a list there may be two tunnels of one name. Nobody can say which of them will stay: both keys are kept.
    verdicts = dict.fromkeys(here, _PENDING) if stop.code == "list-untrusted" else (yield from promote(here))
    return verdicts | {t.name: _keyless(stop) for t in there}


_PENDING = Verdict(
    Result.UNKNOWN,
    Problem(
        "key-not-in-sink",
        "The list can't be trusted, so the key stays pending in the sink",
        "Once there is a list again, `reconciler psk rotate` sets the pending key and makes it current.",
    ),
)


def _make(targets: Sequence[Declared]) -> KeySteps:
    verdicts = yield from make_missing(targets)
    return {name: _keyless(v.problem) if v.problem and not _asked(v) else v for name, v in verdicts.items()}


def _asked(verdict: Verdict) -> bool:
    """Whether Cloudflare may have made a key, or the sink's own words say best why it did not."""
    sink = verdict.problem is not None and verdict.problem.code == "sink-failed"
    return verdict.result is Result.UNKNOWN or (verdict.result is Result.FAILED and sink)


def _keyless(why: Problem) -> Verdict:
    message = f"The tunnel is there and Cloudflare has made no key for it: {why.message}"
    return Verdict(Result.FAILED, Problem(NO_KEY, message, "Run apply again: it has the key made and delivers it."))
