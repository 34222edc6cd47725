"""L3: what an account comes to depends on the last wish alone, not on the wishes before it."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.model.desired import Declared, Desired
from reconciler.model.settings import canonical
from tests.battery.port import Mishaps
from tests.battery.run import Result, Story, finish
from tests.battery.world import ACCOUNT, World

EDITS: tuple[dict[str, Any], ...] = (
    {"description": "on the way"},
    {"health_check.rate": "low", "health_check.target.saved": "192.0.2.77"},
    {"customer_endpoint": "198.51.100.253"},
    {"replay_protection": True},
)
REFUSED = {"automatic_return_routing": True}
"""Refused by an account without the flag for it, taken by others."""


def other_wish(desired: Desired, rng: random.Random) -> Desired:
    """Another wish for the same tunnels."""

    def other(declared: Declared) -> Declared:
        edit = rng.choice([{}, *EDITS, REFUSED])
        return declared._replace(settings={**declared.settings, **edit})

    return desired._replace(tunnels={name: other(t) for name, t in desired.tunnels.items()})


def _state(story: Story) -> dict[str, Any]:
    return {t["name"]: canonical(t) for t in story.simulator.account(ACCOUNT).tunnels.values()}


def _walk(world: World, wishes: list[Desired], seed: int, faults: Mapping[int, str]) -> Story:
    story = Story(world, Mishaps(faults), random.Random(seed))
    for wish in wishes:
        walking_to(story, wish)
        story.invoke()
    walking_to(story, world.desired)
    return story


def walking_to(story: Story, wish: Desired) -> None:
    """From now on the files say something else; that takes minutes, and no list lags so long."""
    story.simulator.account(ACCOUNT).stale.clear()
    story.world = story.watch.world = replace(story.world, desired=wish, memo={})


def run_path(world: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Through other wishes to the last one: the same as straight to it.

    The wishes between may be refused in part; then the last one is also the way back from a bad state.
    """
    rng = random.Random(seed)
    direct = _walk(world, [], seed, faults)
    finish(direct)
    straight = _state(direct)
    story = _walk(world, [other_wish(world.desired, rng) for _ in range(1 + seed % 2)], seed, faults)
    result = finish(story)
    if not world.blocked and _state(story) != straight:
        story.watch.breach("L3", "the state depends on the way")
    return result
