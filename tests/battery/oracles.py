"""What must hold: judged after every request and at the end, by the simulator's own state and never by the tool's."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from reconciler.api.wire import Request
from reconciler.model.desired import Declared
from reconciler.model.settings import canonical
from reconciler.model.tunnel import KEPT
from reconciler.plan.claims import interface_network
from reconciler.simulator.server import Simulator
from tests.battery.ledger import Ledger
from tests.battery.world import ACCOUNT, World, key_of

ORACLES = {
    "S1": "only what the plan names is written; an unmanaged, ignored or not owned tunnel never changes",
    "S2": "no delete beyond the declared wish and the limits, none of a declared tunnel",
    "S3": "at most one create per tunnel takes effect",
    "S4": "no tunnel is deleted to be made again; ids stay",
    "S5": "a created tunnel has the key of its reference at every instant",
    "S6": "psk_generate is sent once at most",
    "S7": "no write after a list that can't be trusted",
    "S8": "apply does what the plan lists and nothing else",
    "S9": "no key in anything that is reported",
    "S10": "no name, network or identity is held twice at any moment",
    "S11": "fields that the files don't know, and MD5 keys that can't be read, keep their value",
    "S12": "ok is said only of an account that has converged",
    "S13": "no call before Retry-After has passed",
    "S14": "nothing but GET before a plan is approved",
    "S15": "what others wrote meanwhile is not undone without a report, once a list has shown it",
    "S16": "a generated key in force is its sink's current one, or the report says that it may not be",
    "S17": "a tunnel that has no key although one was to be generated is reported",
    "R1": "no wave begins and nothing is deleted while a judged tunnel of an earlier wave is truly down",
    "R2": "two tunnels of a file are never in one wave, cycles excepted, and no wave is over its bound",
    "R3": "what is rolled back is as it was but for what others wrote, and is told so",
    "R4": "no tunnel that a wave changed is down without a word about it",
    "R5": "lists while watching are no closer than five seconds",
    "R6": "no wave begins after the deadline, and the time that is watched does not count",
    "S18": "no tunnel that static routes use is deleted unnamed, unless the plan says why nobody looked",
    "M1": "a measurement names and changes no tunnel but its own two",
    "M2": "each of them can be told from all others, by its name, network and description, at any moment",
    "M3": "a measurement that is not killed leaves nothing",
    "M4": "what is left by one that was killed, the next one removes",
    "M5": "what a measurement says it saw is so, unless an answer lied",
    "L1": "converged after at most three more runs",
    "L2": "then two empty plans",
    "L3": "the way does not matter, only the wish",
    "L5": "calls and time are bounded",
    "machine": "all of these, whatever happens in whatever order",
    "crash": "the tool never fails by an exception",
}

UNTRUE = frozenset({"stale-list", "partial-list", "empty-list", "lost-write"})
"""Faults after which a list is well formed and not true."""


class Breach(NamedTuple):
    """One oracle that did not hold."""

    oracle: str
    text: str


def operation(request: Request) -> str:
    """The operation a request asks for, in the simulator's words."""
    if request.path.endswith("/routes"):
        return "routes"
    tail = request.path.partition("/ipsec_tunnels")[2]
    if tail.endswith("/psk_generate"):
        return "psk_generate"
    if tail == "/psk":
        return "psk_set"
    if not tail:
        return {"GET": "list", "POST": "create", "PUT": "bulk"}[request.method]
    return {"PUT": "update", "DELETE": "delete", "GET": "get"}[request.method]


class Watch:
    """The oracles of one story: a run with faults and those that repair it."""

    def __init__(self, world: World, simulator: Simulator) -> None:
        self.world = world
        self.simulator = simulator
        self.breaches: list[Breach] = []
        self.limits: list[Breach] = []
        self.excused = False
        self.lied = False
        self.raced = False
        self.strangers: dict[str, bool] = {}
        account = simulator.account(ACCOUNT)
        self._aliens = {i: account.tunnels[i] for i in world.alien}
        self._first = dict(account.tunnels)
        self.ledger = Ledger(account)
        self._forgetful = simulator.semantics.replaced_psk == "cleared"  # any update takes the key away

    def breach(self, oracle: str, text: str) -> None:
        """Notes a breach, as a known limit when the server gave the tool no chance."""
        found = Breach(oracle, text)
        kept = self.limits if self.excused else self.breaches
        if found not in kept:
            kept.append(found)

    def untrue(self) -> None:
        """A list lied. Only unique names at the server then keep a second tunnel of a name away, and no limit that
        is a share of the listed tunnels holds."""
        self.lied = True
        if not self.world.fenced or self.world.blocked:
            self.excused = True

    def unfenced(self) -> None:
        """Something else that only the server's own checks can guard against: the last write may not be listed yet."""
        semantics = self.simulator.semantics
        if not semantics.names_unique and not semantics.addresses_unique:
            self.excused = True

    def race(self) -> None:
        """Two appliers: where lists lag, neither can see the other's last write, so `ok` may be said too early."""
        self.unfenced()
        self.raced = self.simulator.semantics.list_lag > 0

    def editable(self) -> list[str]:
        """Names of the tunnels that somebody may edit: those of the start, in order."""
        return sorted(t["name"] for i, t in self.simulator.account(ACCOUNT).tunnels.items() if i in self._first)

    def foreign(self, tunnel_id: str) -> None:
        """Somebody edited a tunnel: that is its state from now on."""
        now = self.simulator.account(ACCOUNT).tunnels[tunnel_id]
        if tunnel_id in self._aliens:
            self._aliens[tunnel_id] = now
        self.ledger.wrote(None, {}, {}, None)

    def stranger(self, tunnel_id: str, *, same: bool) -> None:
        """Somebody made a tunnel under a name that is ours to make.

        Args:
            tunnel_id: Its id.
            same: Whether name and addresses are all those of the declaration, so that it can't be told from ours.
        """
        self.strangers[tunnel_id] = same
        self.ledger.wrote(None, {}, {}, None)

    def in_use(self) -> set[str]:
        """Ids of tunnels that are there, that routes use, and whose delete nobody named."""
        unnamed = self.world.doomed & self.world.routed - self.world.desired.account.removed.keys()
        return {self.world.ids[name] for name in unnamed} & self.simulator.account(ACCOUNT).tunnels.keys()

    def doubled(self) -> list[str]:
        """Ids of tunnels that somebody made and whose name another tunnel has too."""
        tunnels = self.simulator.account(ACCOUNT).tunnels
        names = [t["name"] for t in tunnels.values()]
        return [i for i in self.strangers if i in tunnels and names.count(tunnels[i]["name"]) > 1]

    def state(self) -> None:
        """After a write: the whole account."""
        account, world = self.simulator.account(ACCOUNT), self.world
        for tunnel_id, before in self._aliens.items():
            if account.tunnels.get(tunnel_id) is not before:
                self.breach("S1", f"{before['name']} is not ours and was touched")
        for tunnel_id in world.kept:
            if tunnel_id not in account.tunnels:
                self.breach("S4", f"{self._first[tunnel_id]['name']} is declared and was deleted")
        self._created({world.sent.get(name, name): times for name, times in account.created.items()})
        # What happens to tunnels that are not ours or declared is S1 and S4 above.
        others = world.doomed | {self._first[i]["name"] for i in world.kept | world.alien}
        self._counts(account.deleted, others, "S2", "deleted")
        if world.blocked and (account.deleted or (account.created and not self.lied)):
            self.breach("S2", "a guard forbids the plan and something was written")
        self._keys(account)
        semantics = self.simulator.semantics
        if not (semantics.names_unique and semantics.addresses_unique):
            self._unique(t for i, t in account.tunnels.items() if i not in self.strangers)
        if semantics.server_fields:
            self._unknown(account.tunnels)
        self._unread(account.tunnels)

    def _created(self, counted: dict[str, int]) -> None:
        world = self.world
        declared = world.desired.tunnels.keys()
        self._counts(counted, world.made | declared, "S3", "created")
        for name in (counted.keys() & declared) - world.made:
            self.breach("S4", f"{name} was there and was made again")

    def _counts(self, counted: dict[str, int], allowed: AbstractSet[str], oracle: str, done: str) -> None:
        for name, times in counted.items():
            if name not in allowed:
                self.breach(oracle, f"{name} was {done}")
            elif times > 1:
                self.breach(oracle, f"{name} was {done} {times} times")

    def _keys(self, account: Any) -> None:
        for tunnel_id, tunnel in account.tunnels.items():
            name = self.world.sent.get(tunnel["name"], tunnel["name"])
            if (
                tunnel_id not in self._first
                and tunnel_id not in self.strangers
                and not (self._forgetful and tunnel["modified_on"] != tunnel["created_on"])
                and name in self.world.keyed
                and account.psks.get(tunnel_id) != key_of(name)
            ):
                self.breach("S5", f"{name} has not the key of its reference")

    def _unique(self, tunnels: Iterable[dict[str, Any]]) -> None:
        seen: set[Any] = set()
        for tunnel in tunnels:
            for held in (tunnel["name"], interface_network(tunnel["interface_address"])):
                if held in seen:
                    self.breach("S10", f"{held} is held twice")
                seen.add(held)

    def _unknown(self, tunnels: dict[str, dict[str, Any]]) -> None:
        for tunnel_id, before in self._first.items():
            now = tunnels.get(tunnel_id)
            if now is None or now is before:
                continue
            lost = [k for k in before if k.startswith("x_") and now.get(k) != before[k]]
            inner = [k for k in before["health_check"] if k.startswith("x_") and k not in now["health_check"]]
            if lost or inner:
                self.breach("S11", f"{before['name']} lost {', '.join([*lost, *inner])}")

    def _unread(self, tunnels: dict[str, dict[str, Any]]) -> None:
        for declared in self.world.desired.tunnels.values():
            tunnel_id = self.world.ids.get(declared.renamed_from or declared.name) if declared.unread else None
            if tunnel_id is None or tunnel_id not in tunnels:
                continue
            before, now = (canonical(t).get("bgp.md5_key") for t in (self._first[tunnel_id], tunnels[tunnel_id]))
            if before != now:
                self.breach("S11", f"the key of {declared.name} could not be read and was changed")

    def settled(self, world: World) -> str:
        """Why the account is not what the files declare; empty when it is."""
        account = self.simulator.account(ACCOUNT)
        by_name = {t["name"]: t for t in account.tunnels.values()}
        if len(by_name) != len(account.tunnels):
            return "two tunnels of one name"
        for name in world.doomed:
            if name in by_name and by_name[name]["id"] == world.ids[name]:
                return f"{name} is still there"
        reasons = (self._wrong(world, declared, by_name.get(name)) for name, declared in world.desired.tunnels.items())
        return next(filter(None, reasons), "")

    def _wrong(self, world: World, declared: Declared, tunnel: Any) -> str:
        name = declared.name
        if tunnel is None:
            return f"{name} is not there"
        before = world.ids.get(declared.renamed_from or name)
        if tunnel["id"] != before and before in self.simulator.account(ACCOUNT).tunnels:  # else it is S4
            return f"{name} is another tunnel than before"
        now = canonical(tunnel)
        ours = {p for rule in world.desired.account.ignore if rule.name == name for p in rule.fields}
        if _differs(now, declared.settings, ours | {*KEPT}):
            return f"{name} differs from its declaration"
        if ours and any(now.get(p) != canonical(self._first[tunnel["id"]]).get(p) for p in ours):
            return f"{name} lost what somebody else tuned"
        return ""


def _differs(now: Any, wanted: Any, skipped: set[str]) -> bool:
    if now == wanted:
        return False
    return any(now.get(p) != wanted.get(p) for p in now.keys() | wanted.keys() if p not in skipped)
