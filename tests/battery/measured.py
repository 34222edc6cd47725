"""`doctor --measure` under faults: it touches nothing but its own tunnels, and nothing of them stays.

A world is an account by seed: sometimes other live tunnels, some of which only look like scratch tunnels, and sometimes
what an earlier measurement left. A story is a measurement with faults, which may be killed or stopped at any request,
then one without. What makes a scratch tunnel stands here once more, since the program's own words may be wrong.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import IPv4Network, ip_interface
from threading import Event
from typing import Any

from reconciler.api.call import drive
from reconciler.api.exchange import Allowance, Client, SecretAccess
from reconciler.api.wire import Request
from reconciler.cli.measure import clear_whatever_comes
from reconciler.engine import measure as measuring
from reconciler.engine.bench import Bench
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests.battery.oracles import UNTRUE, Breach
from tests.battery.port import KINDS, STRANGE, Killed, Mishaps, VirtualPort
from tests.battery.run import Result
from tests.battery.world import ACCOUNT, World, world
from tests.strangers import foreign_create, foreign_edit

MEASURED_KINDS = tuple(kind for kind in KINDS if kind not in STRANGE)
NETWORK = IPv4Network("10.255.0.0/29")
_ENDPOINT = "203.0.113.1"
_SIGNS = "reconciler-doctor-", "scratch tunnel of reconciler doctor --measure"
_LASTING = frozenset({"401", "403"})
"""Faults after which no call of the run goes any more."""
_LYING = UNTRUE | {"403", "404", "413", "quoted"}
"""Faults that look like what the API says of a request."""


@lru_cache(maxsize=4)
def measured_world(seed: int) -> World:
    """A server of any kind, and what is live on it."""
    found, rng = world(seed), random.Random(seed)
    start = Simulator(
        replace(found.start.semantics, list_lag=min(2, found.start.semantics.list_lag)), found.clock.server
    )
    others = [
        {"name": f"{_SIGNS[0]}mine", "description": "by hand"},
        {"name": "lon", "description": f"was a {_SIGNS[1]}"},
        {"name": "par"},
    ]
    for number, fields in enumerate(rng.sample(others, rng.choice((0, 0, 2, 3)))):
        foreign_create(start, ACCOUNT, _body(f"10.1.{number}.0/31", **fields))
    if rng.random() < 0.1:
        foreign_create(start, ACCOUNT, _body("10.2.0.0/31", name=f"{_SIGNS[0]}far", description=f"{_SIGNS[1]} 4"))
    if rng.random() < 0.4:
        foreign_create(start, ACCOUNT, _body("10.255.0.2/31", name=f"{_SIGNS[0]}old", description=f"{_SIGNS[1]} 4"))
    start.settle()
    return replace(found, start=start, memo={})


def _body(address: str, **fields: Any) -> dict[str, Any]:
    return {"cloudflare_endpoint": _ENDPOINT, "interface_address": address, **fields}


def _is_scratch(tunnel: Mapping[str, Any]) -> bool:
    own = ip_interface(tunnel["interface_address"]).ip in NETWORK and "interface_address6" not in tunnel
    return tunnel["name"].startswith(_SIGNS[0]) and _SIGNS[1] in tunnel.get("description", "") and own


@dataclass(slots=True)
class Measurement:
    """A story on its way, and its oracles."""

    world: World
    mishaps: Mishaps
    rng: random.Random
    simulator: Simulator = field(init=False)
    others: dict[str, Any] = field(init=False)
    breaches: list[Breach] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    stop: Event = field(default_factory=Event)
    waves: None = None
    ran: int = 0

    def __post_init__(self) -> None:
        self.world.clock.reset()
        self.simulator = self.world.start.clone()
        self.others = {i: tunnel for i, tunnel in self.live.items() if not _is_scratch(tunnel)}

    @property
    def live(self) -> dict[str, Any]:
        return self.simulator.account(ACCOUNT).tunnels

    def breach(self, oracle: str, text: str) -> None:
        if Breach(oracle, text) not in self.breaches:
            self.breaches.append(Breach(oracle, text))

    # What the port asks of a story and of its guard.

    @property
    def stopped(self) -> bool:
        return self.stop.is_set()

    @stopped.setter
    def stopped(self, _: bool) -> None:
        self.stop.set()

    def before(self, request: Request, _: float) -> None:
        if self.stopped:
            self.breach("L5", "a call after the interruption")
        said = request.path + (request.body or b"").decode()
        if request.method != "GET" and any(tunnel_id in said for tunnel_id in self.others):
            self.breach("M1", f"{request.method} names a tunnel of somebody else")

    def after(self, *_: object) -> None:
        if any(self.live.get(i) != tunnel for i, tunnel in self.others.items()):
            self.breach("M1", "a tunnel of somebody else is not as it was")
        own = [tunnel for i, tunnel in self.live.items() if i not in self.others]
        for tunnel in own:
            if not _is_scratch(tunnel):
                self.breach("M2", f"the tunnel {tunnel['name']} could not be told from others")
        names = [tunnel["name"] for tunnel in self.live.values()]
        if len(own) > 2 or len(set(names)) != len(names):
            self.breach("M2", f"there are the tunnels {', '.join(sorted(names))}")

    def foreign_edit(self) -> None:
        if self.others:
            tunnel_id = self.rng.choice(sorted(self.others))
            foreign_edit(self.simulator, ACCOUNT, tunnel_id, {"customer_endpoint": f"192.0.2.{self.mishaps.asked}"})
            self.others[tunnel_id] = self.live[tunnel_id]

    def race(self) -> None: ...

    def took_effect(self) -> None: ...

    # Runs.

    def run(self, rows: tuple[measuring.Behaviour, ...]) -> None:
        """One process that measures, as the command does it."""
        self.ran += 1
        label = f"r{self.ran}"
        self.stop.clear()
        access = SecretAccess(lambda *_: "", lambda text: text, lambda _: False)
        allowance = Allowance(self.world.clock.seconds + self.world.deadline, access)
        client = Client(ACCOUNT, allowance, VirtualPort(self, self, self.rng.random), 1)  # type: ignore[arg-type]
        bench = Bench(NETWORK, _ENDPOINT, label, beside_live=True)
        outcome, left = "ok", None
        try:
            outcome = "hindered" if drive(measuring.measure(bench, rows), client.run) else "ok"
            left = clear_whatever_comes(bench, client.run, self.stop)
        except Killed:
            outcome = "killed"
        except Exception as problem:  # noqa: BLE001 - any exception is a finding
            self.breach("crash", f"{type(problem).__name__}: {problem}")
            outcome = "internal"
        self.outcomes.append("left" if left else outcome)
        met = {kind for kind, _ in self.mishaps.fired}
        for switch, value in {} if met & _LYING else bench.seen.items():
            if getattr(Semantics.parse(f"{switch}={value}"), switch) != getattr(self.simulator.semantics, switch):
                self.breach("M5", f"{switch} is said to be {value}")
        mine = [tunnel["name"] for tunnel in self.live.values() if tunnel["name"].startswith(f"{_SIGNS[0]}{label}-")]
        cut_off = met & (_LASTING | UNTRUE) or met >= {"clock-back", "429-date"}  # a day of silence, by that clock
        if mine and outcome not in {"killed", "internal"} and not cut_off:
            self.breach("M3", f"{', '.join(mine)} stayed after a run that ended {self.outcomes[-1]}")
        self.world.clock.seconds += 60
        self.simulator.account(ACCOUNT).stale.clear()  # by then no list lags any more


def _some_rows(rng: random.Random) -> tuple[measuring.Behaviour, ...]:
    """Some experiments, in their order; each takes a few requests."""
    experiments = {row.experiment for row in rng.sample([row for row in measuring.TABLE if row.experiment], 3)}
    return tuple(
        row for row in measuring.TABLE if row.experiment in experiments or row.switch in ("bulk_body", "single_put")
    )


def run_measured(known: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """A measurement with faults, then one without."""
    found = measured_world(known.seed)
    story = Measurement(found, Mishaps(faults), random.Random(seed))
    rows = _some_rows(random.Random(found.seed))
    story.run(rows)
    requests = story.mishaps.asked
    elsewhere = any(tunnel["name"] == f"{_SIGNS[0]}far" for tunnel in story.others.values())
    if not story.mishaps.fired and story.outcomes != ["hindered" if elsewhere else "ok"]:
        story.breach("L1", f"{story.outcomes[0]} without any fault")
    story.mishaps.left.clear()
    story.run(())
    left = [tunnel["name"] for i, tunnel in story.live.items() if i not in story.others]
    if left and not elsewhere:
        story.breach("M4", f"{', '.join(left)} stayed after the next measurement")
    return Result(story.breaches, [], story.mishaps.fired, requests, 1, Counter(story.outcomes))
