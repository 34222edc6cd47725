"""Static routes: no tunnel that they use is deleted unless it was named, or the plan said that nobody looked."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import count

from reconciler.simulator.message import PREFIX, Request
from tests.battery.port import Mishaps
from tests.battery.run import Result, Story, finish
from tests.battery.world import ACCOUNT, World, world

_STRIDE = 16_000


@lru_cache(maxsize=4)
def routed_world(seed: int) -> World:
    """The next world that deletes something, in two of three unnamed; with routes through most of its tunnels."""
    worlds = (world(seed + i * _STRIDE) for i in count())
    found = next(w for w in worlds if not w.blocked and (_unnamed(w) if seed % 3 else w.doomed))
    rng, start = random.Random(seed), found.start.clone()
    used = {name for name in sorted(found.ids) if rng.random() < 0.7} | {min(_unnamed(found) or found.doomed)}
    tunnels = [start.account(ACCOUNT).tunnels[found.ids[name]] for name in sorted(used)]
    sides = [rng.choice([_other_side, _own_side])(tunnel["interface_address"]) for tunnel in tunnels]
    for number, nexthop in enumerate([*sides, "192.0.2.77"]):
        made = json.dumps({"prefix": f"10.200.{number}.0/24", "nexthop": nexthop, "priority": 100}).encode()
        path, headers = f"{PREFIX}/accounts/{ACCOUNT}/magic/routes", {"authorization": "Bearer token"}
        assert start.handle(Request("POST", path, "", headers, made)).status == 200
    start.settle()
    return replace(found, start=start, routed=frozenset(used), memo={})


def _unnamed(found: World) -> frozenset[str]:
    return found.doomed - found.desired.account.removed.keys()


def _own_side(interface: str) -> str:
    return interface.partition("/")[0]


def _other_side(interface: str) -> str:
    """The device's address in a /31 whose first address is Cloudflare's."""
    front, _, last = _own_side(interface).rpartition(".")
    return f"{front}.{int(last) + 1}"


def run_routed(known: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Runs with faults, the list of routes among what they may meet; then it converges, or waits for a name."""
    found = known if known.routed else routed_world(known.seed)
    story = Story(found, Mishaps(faults), random.Random(seed))
    first = story.invoke()
    if not story.mishaps.fired and first.outcome != story.expected:
        story.watch.breach("L1", f"{first.outcome} without any fault")
    while story.mishaps.left and len(story.endings) < 3 and story.endings[-1].outcome != "ok":
        story.invoke()
    return finish(story)
