"""Rollouts: accounts with BGP in several files, servers on which sessions are slow, stay down, flap or only read up."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.model.desired import EnvRef, Limits, Rollout
from reconciler.model.problems import Location
from reconciler.simulator.server import Simulator
from tests import build
from tests.battery.port import Mishaps
from tests.battery.run import Result, Story, finish
from tests.battery.world import ACCOUNT, Clock, Sketch, World
from tests.strangers import foreign_create, foreign_edit
from tests.variants import ALL_VARIANTS

_LONG_AGO = -3600.0
_OLD, _NEW = {"customer_asn": 64600}, {"customer_asn": 64601}


class _Draw(Sketch):
    """A world while it is drawn, with the cycles in it."""

    def tunnel(self, **fields: Any) -> dict[str, Any]:
        """A live tunnel with a session."""
        body = self.body(**{"bgp": _OLD, **fields})
        self.live.append(body)
        return body


def _asn(draw: _Draw) -> None:
    draw.declare(draw.tunnel() | {"bgp": _NEW})


def _without_bgp(draw: _Draw) -> None:
    draw.declare(draw.tunnel(bgp=None) | {"replay_protection": True})


def _gains_bgp(draw: _Draw) -> None:
    draw.declare(draw.tunnel(bgp=None) | {"bgp": _NEW})


def _calm(draw: _Draw) -> None:
    draw.declare(draw.tunnel() | {"description": "new"})


def _renamed(draw: _Draw) -> None:
    body = draw.tunnel()
    draw.declare(body | {"name": f"n-{body['name']}", "bgp": _NEW}, renamed_from=body["name"])


def _unchanged(draw: _Draw) -> None:
    draw.declare(draw.tunnel())


def _moves(draw: _Draw) -> None:
    """One takes the network that another leaves."""
    first, second = draw.tunnel(), draw.tunnel()
    draw.declare(first | {"interface_address": draw.address()})
    draw.declare(second | {"interface_address": first["interface_address"]})


def _swap(draw: _Draw) -> None:
    one, other = draw.tunnel(), draw.tunnel()
    draw.declare(one | {"interface_address": other["interface_address"]})
    draw.declare(other | {"interface_address": one["interface_address"]})


def _goes(draw: _Draw) -> None:
    draw.removed.add(draw.tunnel()["name"])


def _heir(draw: _Draw) -> None:
    gone, heir = draw.tunnel(), draw.tunnel()
    draw.removed.add(gone["name"])
    draw.declare(heir | {"interface_address": gone["interface_address"]})


def _made(draw: _Draw) -> None:
    body = draw.body(bgp=_NEW)
    draw.made.add(body["name"])
    draw.keyed.add(body["name"])
    draw.declare(body, psk=EnvRef("KEY"))


_PARTS = {
    _asn: 9,
    _without_bgp: 1,
    _gains_bgp: 1,
    _calm: 2,
    _renamed: 1,
    _unchanged: 1,
    _moves: 2,
    _swap: 2,
    _goes: 2,
    _heir: 1,
    _made: 1,
}


def wave_world(seed: int) -> World:
    """The rollout of a seed: 2 to 6 parts, in up to three files."""
    rng = random.Random(f"waves {seed}")
    chosen = ALL_VARIANTS[seed % len(ALL_VARIANTS)]
    draw = _Draw(rng, prune=True)
    cycles = set()
    for part in (_asn, *rng.choices(list(_PARTS), list(_PARTS.values()), k=rng.randrange(1, 6))):
        part(draw)
        if part is _swap:
            cycles.add(frozenset(declared.name for declared in draw.wanted[-2:]))
    files = [f"tunnels/prod/{rng.choice('xyz')}.yaml" for _ in draw.wanted]
    wanted = [d._replace(location=Location(file, 1)) for d, file in zip(draw.wanted, files, strict=True)]
    rng.shuffle(draw.live)
    clock = Clock()
    clock.seconds = _LONG_AGO  # all sessions are up when the story begins
    start = Simulator(replace(chosen.semantics, seed=seed), clock.server)
    extra = {"x_unknown": "keep me"} if chosen.semantics.server_fields else {}
    ids = {body["name"]: foreign_create(start, ACCOUNT, body | extra | {"psk": "old"}) for body in draw.live}
    start.settle()
    down = frozenset(rng.sample(sorted(ids.values()), min(rng.choice([0, 0, 0, 1, 1, 2]), len(ids))))
    start.semantics = replace(
        start.semantics,
        bgp_lag=rng.choice([0, 3, 3, 12]),
        bgp_hold=rng.choice([0, 0, 20]),
        bgp_keeps=rng.random() < 0.1,
        bgp_flap=6 if rng.random() < 0.1 else 0,
        bgp_down=down,
    )
    rollout = Rollout(
        rng.choice([("1", "100%"), ("1", "2", "3"), ("50%",), ("1", "50%", "100%")]),
        apart=rng.choice(["file", "file", "none"]),
        watch=60,
        settle=10,
        hold=30,
        on_failure=rng.choice(["rollback"] * 5 + ["stop"]),
    )
    of = build.account(removed=sorted(draw.removed), limits=Limits(99, 100), rollout=rollout)
    return World(
        seed=seed,
        variant=chosen.name,
        desired=build.desired(*wanted, of=of),
        options=build.options(batch_size=rng.choice([1, 2, 100, 100])),
        start=start,
        clock=clock,
        ids=ids,
        kept=frozenset(i for name, i in ids.items() if name not in draw.removed),
        alien=frozenset(),
        doomed=frozenset(draw.removed),
        made=frozenset(draw.made),
        keyed=frozenset(draw.keyed),
        blocked=False,
        fenced=chosen.semantics.names_unique,
        cycles=frozenset(cycles),
        deadline=rng.choice([600.0, 600.0, 45.0, 0.12]),
    )


class WaveStory(Story):
    """A story in which a person may also edit what the rollout writes."""

    def foreign_edit(self) -> None:
        tunnels = self.simulator.account(ACCOUNT).tunnels
        held = sorted(t["name"] for i, t in tunnels.items() if "bgp" in t and i in self.world.kept)
        if not held or self.rng.random() < 0.5:
            super().foreign_edit()
            return
        name = self.rng.choice(held)
        self.watch.ledger.begin()
        foreign_edit(self.simulator, ACCOUNT, name, {"bgp": {"customer_asn": 64999}})
        self.watch.foreign(next(i for i, t in tunnels.items() if t["name"] == name))


def run_waves(known: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Runs with faults; then all sessions come up, and what the faults or a rollback left is done."""
    found = known if known.desired.account.rollout else wave_world(known.seed)
    story = WaveStory(found, Mishaps(faults), random.Random(seed))
    first = story.invoke()
    semantics = found.start.semantics
    harmless = found.deadline > 1 and not story.mishaps.fired and not semantics.bgp_down and not semantics.bgp_flap
    if harmless and first.outcome not in ({"ok", "waits"} if found.opens else {"ok"}):
        story.watch.breach("L1", f"{first.outcome} without any fault")
    while story.mishaps.left and len(story.endings) < 3 and story.endings[-1].outcome != "ok":
        story.invoke()
    story.simulator.account(ACCOUNT).stale.clear()  # it takes minutes until all is up, and no list lags so long
    story.simulator.semantics = replace(semantics, bgp_down=frozenset(), bgp_flap=0)
    story.world = story.watch.world = replace(found, deadline=600.0)
    return finish(story)
