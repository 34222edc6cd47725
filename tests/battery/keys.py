"""The ways of a key to Cloudflare, under faults: set in bulk, or made by Cloudflare and asked for once."""

import random
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.api.call import Answered, Call, Send, Step, Verb
from reconciler.engine.psk import set_psks
from reconciler.secrets.made import generate_psk
from reconciler.secrets.secret import Secret, reveal
from reconciler.simulator.faults import FaultKind
from tests.battery.oracles import UNTRUE, Breach
from tests.battery.port import Killed, Mishaps
from tests.battery.run import Ending, Result, Story, turns
from tests.battery.world import ACCOUNT, World, key_text

KEY_KINDS: tuple[str, ...] = (*(kind.value for kind in FaultKind), "kill-before", "kill-after", "stop")
_SAID_NOT_DONE = frozenset({"success-false", "success-with-errors", "lost-write"})
_NEVER_SENT = frozenset({"429", "429-seconds", "429-date", "refused", "timeout-connect"})


class _Plan:
    """Stands for an approved plan that lists nothing, since keys are no changes."""

    changes = ()


def _told(protocol: Generator[Step, Any, Any]) -> Generator[Step, Any, Ending]:
    return Ending("keys", applied=(yield from protocol))


def _generate(name: str) -> Generator[Step, Any, Any]:
    (outcome,) = yield Send((Call(Verb.LIST),))
    if not isinstance(outcome, Answered) or outcome.live is None:
        return None
    before = outcome.live.by_name().get(name)
    return None if before is None else (yield from generate_psk(before))


def _run(story: Story, protocol: Generator[Step, Any, Any], keying: frozenset[str]) -> Any:
    allowance, port, guarded = story.allowance()
    guarded.keying = keying
    allowance.secrets = allowance.secrets._replace(wrap=Secret)
    guarded.plan = _Plan  # type: ignore[assignment]
    taking = turns(_told(protocol), allowance, port)
    try:
        while True:
            next(taking)
    except StopIteration as end:
        return end.value.applied
    except Killed:
        return None


def _judge_generated(story: Story, tunnel_id: str, before: str | None, result: Any) -> None:
    now = story.simulator.psks(ACCOUNT).get(tunnel_id)
    asked = sum(entry.path.endswith("/psk_generate") for entry in story.simulator.log)
    met = {kind for kind, _ in story.mishaps.fired}
    if asked > 1 and not met & _NEVER_SENT:
        story.watch.breach("S6", f"psk_generate was sent {asked} times")
    if isinstance(result, Answered):
        if reveal(result.psk) != now and "lost-write" not in met:
            story.watch.breach("S5", "the key that was given out is not the one in force")
    elif result is not None and result.result == "failed" and now != before:
        late = story.simulator.semantics.list_lag > 1 or met & UNTRUE
        (story.watch.limits if late else story.watch.breaches).append(_lost())


def _lost() -> Breach:
    return Breach("S5", "a key was made and lost, and the report says that none was made")


def _judge_set(story: Story, ids: Mapping[str, str], results: Any) -> None:
    keys = story.simulator.psks(ACCOUNT)
    met = {kind for kind, _ in story.mishaps.fired}
    for tunnel_id, name in ids.items():
        found = results.get(name) if results else None
        right = keys.get(tunnel_id) == key_text(name)
        if found is not None and found.result == "applied" and not right and "lost-write" not in met:
            story.watch.breach("S5", f"the key of {name} is said to be set and is not")
        if found is not None and found.result == "failed" and right and not met & _SAID_NOT_DONE:
            story.watch.breach("S5", f"the key of {name} is said not to be set and is")


def set_keys(story: Story, ids: Mapping[str, str]) -> None:
    """Sets the keys of these tunnels, ids to names, and judges what was said of each."""
    _judge_set(story, ids, _run(story, set_psks(ids), frozenset(ids)))


def run_keys(world: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Generates or sets keys of the tunnels that are there."""
    story = Story(replace(world, alien=frozenset()), Mishaps(faults), random.Random(seed))
    names = sorted(world.ids)
    if names and seed % 2:
        tunnel_id = world.ids[names[0]]
        before = story.simulator.psks(ACCOUNT).get(tunnel_id)
        _judge_generated(story, tunnel_id, before, _run(story, _generate(names[0]), frozenset()))
    elif names:
        set_keys(story, {world.ids[name]: name for name in names})
    watch = story.watch
    return Result(watch.breaches, watch.limits, story.mishaps.fired, story.mishaps.asked, 1, Counter({"keys": 1}))
