"""Two processes of the tool at once, for the same wish or for two."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, repeat

from reconciler.model.desired import Desired
from reconciler.model.settings import canonical
from tests.battery.paths import other_wish
from tests.battery.port import Mishaps
from tests.battery.run import Result, Story, finish
from tests.battery.world import ACCOUNT, World

SYSTEMATIC = 81
"""So many stories of `rivals` let each process make 0 to 8 calls before the other; the rest go by chance."""


def run_two(world: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Two processes that want the same, their calls interleaved as the seed says."""
    story = Story(world, Mishaps(faults), random.Random(seed))
    together(story, world, by_chance(story.rng))
    return finish(story)


def run_rivals(world: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Two processes that want different things of the same tunnels: one has older files, or edited ones.

    What is judged at the end of both (S15): when both say `ok`, the account is what one of them wants. What one undid
    of the other's work is judged by the ledger.
    """
    story = Story(world, Mishaps(faults), random.Random(seed))
    other = replace(world, desired=rival(world, random.Random(seed)), memo={})
    if seed < SYSTEMATIC:
        first, second = divmod(seed, 9)
        order = chain(repeat(0, first), repeat(1, second), repeat(0))
    else:
        order = by_chance(story.rng)
    story.watch.ledger.begin()
    together(story, other, order)
    story.simulator.account(ACCOUNT).stale.clear()  # minutes pass, and no list lags so long
    said = [ending.outcome for ending in story.endings]
    neither = story.watch.settled(world) and story.watch.settled(other)
    if said == ["ok", "ok"] and neither and not (story.simulator.semantics.list_lag or story.watch.lied):
        story.watch.breach("S15", f"both said ok, and the account is what neither wants: {neither}")
    return finish(story)


def by_chance(rng: random.Random) -> Iterator[int]:
    """Whose turn it is, one of the two more often than the other."""
    bias = rng.random()
    return iter(lambda: int(rng.random() >= bias), None)


def together(story: Story, other: World, order: Iterator[int]) -> None:
    """Runs the tool for the story's world and for another at once, their calls in this order."""
    story.watch.race()
    going = [story.start(), story.start(other)]
    for turn in order:
        one = going[min(turn, len(going) - 1)]
        if story.turn(*one) is not None:
            going.remove(one)
        if not going:
            break
    story.watch.raced = False


def rival(world: World, rng: random.Random) -> Desired:
    """The wish of somebody else for the same tunnels: edited files, older ones, or both."""
    kind = rng.randrange(3)
    if kind == 0:
        return other_wish(world.desired, rng)
    start = {t["name"]: t for t in world.start.account(ACCOUNT).tunnels.values()}
    older = {
        name: d._replace(settings=canonical(start[name])) if name in start and start[name]["id"] in world.kept else d
        for name, d in world.desired.tunnels.items()
    }
    before = world.desired._replace(tunnels=older)
    return before if kind == 1 else other_wish(before, rng)
