"""What must hold: judged after every request and at the end, by the simulator's own state and never by the tool's."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from reconciler.api.wire import Reply, Request
from reconciler.core.desired import Declared
from reconciler.core.fields import DIRECTION
from reconciler.core.plan import Plan
from reconciler.core.tunnel import canonical, interface_network
from reconciler.simulator.server import Simulator
from tests.battery.world import ACCOUNT, World, key_of

ORACLES = {
    "S1": "only what the plan names is written; an unmanaged or ignored tunnel never changes",
    "S2": "no delete beyond the declared wish and the limits, none of a declared tunnel",
    "S3": "at most one create per tunnel takes effect",
    "S4": "no tunnel is deleted to be made again; ids stay",
    "S5": "a created tunnel has the key of its reference at every instant",
    "S6": "psk_generate is sent once at most",
    "S7": "no write after a list that can't be trusted",
    "S8": "apply does what the plan lists and nothing else",
    "S9": "no key in anything that is reported",
    "S10": "no name, network or identity is held twice at any moment",
    "S11": "fields that the files don't know keep their value",
    "S12": "ok is said only of an account that has converged",
    "S13": "no call before Retry-After has passed",
    "S14": "nothing but GET before a plan is approved",
    "S15": "two appliers break none of these",
    "L1": "converged after at most three more runs",
    "L2": "then two empty plans",
    "L3": "the way does not matter, only the wish",
    "L5": "calls and time are bounded",
    "crash": "the tool never fails by an exception",
}

UNTRUE = frozenset({"stale-list", "partial-list", "empty-list", "lost-write"})
"""Faults after which a list is well formed and not true."""

_UNSENT = frozenset({"refused", "timeout-connect", "429", "429-seconds", "429-date", "401", "403"})
_REFUSING = _UNSENT | {"404", "413"}
_LISTS_TO_RESEND = 2
_WRITES_ALL = 60
_WRITES_EACH = 40


class Breach(NamedTuple):
    """One oracle that did not hold."""

    oracle: str
    text: str


def operation(request: Request) -> str:
    """The operation a request asks for, in the simulator's words."""
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
        self.generated = 0
        account = simulator.account(ACCOUNT)
        self._aliens = {i: account.tunnels[i] for i in world.alien}
        self._first = dict(account.tunnels)
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

    def state(self) -> None:
        """After a write: the whole account."""
        account, world = self.simulator.account(ACCOUNT), self.world
        for tunnel_id, before in self._aliens.items():
            if account.tunnels.get(tunnel_id) is not before:
                self.breach("S1", f"{before['name']} is not ours and was touched")
        for tunnel_id in world.kept:
            if tunnel_id not in account.tunnels:
                self.breach("S4", f"{self._first[tunnel_id]['name']} is declared and was deleted")
        self._counts(account.created, world.made, "S3", "created")
        self._counts(account.deleted, world.doomed, "S2", "deleted")
        if world.blocked and (account.deleted or (account.created and not self.lied)):
            self.breach("S2", "a guard forbids the plan and something was written")
        self._keys(account)
        semantics = self.simulator.semantics
        if not (semantics.names_unique and semantics.addresses_unique):
            self._unique(account.tunnels.values())
        if semantics.server_fields:
            self._unknown(account.tunnels)

    def _counts(self, counted: dict[str, int], allowed: frozenset[str], oracle: str, done: str) -> None:
        for name, times in counted.items():
            if name not in allowed:
                self.breach(oracle, f"{name} was {done}")
            elif times > 1:
                self.breach(oracle, f"{name} was {done} {times} times")

    def _keys(self, account: Any) -> None:
        for tunnel_id, tunnel in account.tunnels.items():
            name = tunnel["name"]
            if (
                tunnel_id not in self._first
                and not (self._forgetful and tunnel["modified_on"] != tunnel["created_on"])
                and name in self.world.keyed
                and account.keys.get(tunnel_id) != key_of(name)
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

    def settled(self) -> str:
        """Why the account is not what the files declare; empty when it is."""
        account, world = self.simulator.account(ACCOUNT), self.world
        by_name = {t["name"]: t for t in account.tunnels.values()}
        if len(by_name) != len(account.tunnels):
            return "two tunnels of one name"
        for name in world.doomed:
            if name in by_name and by_name[name]["id"] == world.ids[name]:
                return f"{name} is still there"
        reasons = (self._wrong(declared, by_name.get(name)) for name, declared in world.desired.tunnels.items())
        return next(filter(None, reasons), "")

    def _wrong(self, declared: Declared, tunnel: Any) -> str:
        name, world = declared.name, self.world
        if tunnel is None:
            return f"{name} is not there"
        if tunnel["id"] != world.ids.get(declared.renamed_from or name, tunnel["id"]):
            return f"{name} is another tunnel than before"
        now = canonical(tunnel)
        ours = {p for rule in world.desired.account.ignore if rule.name == name for p in rule.fields}
        if _differs(now, declared.settings, ours | {DIRECTION}):
            return f"{name} differs from its declaration"
        if ours and any(now[p] != canonical(self._first[tunnel["id"]])[p] for p in ours):
            return f"{name} lost what somebody else tuned"
        return ""


def _differs(now: Any, wanted: Any, skipped: set[str]) -> bool:
    if now == wanted:
        return False
    return any(now.get(p) != wanted.get(p) for p in now.keys() | wanted.keys() if p not in skipped)


class Guarded:
    """The oracles of one invocation of the tool: what it asks for, and when."""

    def __init__(self, watch: Watch, started: float) -> None:
        self.watch = watch
        self.asked = 0
        self.trusted = True
        self.silent_until = 0.0
        self.untrue_list = False
        self.untrue_last = False
        self.stopped = False
        self.raced = False
        self.denied = False
        self._started = started
        self._plan: Plan | None = None
        self._lists = 0
        self._unproved = False
        self._doubted = False
        self._sent: dict[str, int] = {}

    def approve(self, plan: Plan) -> None:
        """From now on this plan may be carried out."""
        self._plan = plan
        if self.watch.world.blocked and not self.untrue_list:
            self.watch.breach("S2", "a plan that a guard must stop was approved")

    def race(self) -> None:
        """Somebody edits the account: where lists lag, the edit may not be seen yet when all else is."""
        self.raced = self.watch.simulator.semantics.list_lag > 0

    def before(self, request: Request, now: float) -> None:
        """A request is about to go."""
        self.asked += 1
        if now < self.silent_until - 1e-6:
            self.watch.breach("S13", f"a call {self.silent_until - now:.2f} s before Retry-After has passed")
        if self.stopped:
            self.watch.breach("L5", "a call after the interruption")
        if self.denied:
            self.watch.breach("L5", "a call after the token was refused")
        limit = _WRITES_ALL + _WRITES_EACH * (len(self._plan.changes) if self._plan else 0)
        if self.asked > limit:
            self.watch.breach("L5", f"more than {limit} calls")
        if request.method != "GET":
            self._write(request)

    def _write(self, request: Request) -> None:
        if not self.trusted:
            self.watch.breach("S7", f"{request.method} after a list that can't be trusted")
        if self._plan is None:
            self.watch.breach("S14", f"{request.method} before a plan was approved")
            return
        kind, body = operation(request), json.loads(request.body)
        if kind == "psk_generate":
            return
        changes = self._plan.changes
        if kind == "create":
            self._again(body["name"])
            self._free(body["interface_address"])
            self._only([body["name"]], {c.name for c in changes if c.live is None}, kind)
        elif kind == "psk_set":
            spoken = [item["id"] for item in body["psks"]]
            if any(i in self.watch.world.ids.values() for i in spoken):
                self.watch.breach("S1", "a key is set on a tunnel that was there before")
        else:
            deletes = {c.id for c in changes if c.declared is None}
            updates = {c.id for c in changes if c.declared is not None and c.live is not None}
            items = body["ipsec_tunnels"] if kind == "bulk" else [{"id": request.path.rpartition("/")[2]}]
            self._only([i["id"] for i in items], deletes if kind == "delete" else updates, kind)
            if kind == "delete" and items[0]["id"] in {c.id for c in self._plan.phases.deletes}:
                self._last_delete()

    def _again(self, name: str) -> None:
        if self._lists - self._sent.get(name, -_LISTS_TO_RESEND) < _LISTS_TO_RESEND:
            self.watch.breach("S3", f"the create of {name} was sent again without two lists that lack it")
        self._sent[name] = self._lists

    def _free(self, network: str) -> None:
        """What a create takes from a tunnel that the plan deletes is free by then."""
        going = {c.id for c in self._plan.changes if c.declared is None} if self._plan else set()
        tunnels = self.watch.simulator.account(ACCOUNT).tunnels
        held = [t["name"] for i, t in tunnels.items() if i in going and t["interface_address"] == network]
        if held and not (self._doubted or self.untrue_list):
            self.watch.breach("S10", f"a create was sent for what {held[0]} still holds")

    def _last_delete(self) -> None:
        """A delete that frees nothing goes only when all else is done."""
        there = {t["name"] for t in self.watch.simulator.account(ACCOUNT).tunnels.values()}
        wanted = {c.name for c in self._plan.changes if c.declared is not None} if self._plan else set()
        if wanted - there and not self._doubted:
            self.watch.breach("S2", "a delete that frees nothing went before all else was done")

    def _only(self, asked: list[Any], allowed: set[Any], kind: str) -> None:
        for one in asked:
            if one not in allowed:
                self.watch.breach("S8", f"{kind} of {one}, which the plan does not list")

    def after(self, request: Request, reply: Reply | None, kind: str | None, now: float) -> None:
        """A request met its fate; `reply` is None when there was no whole answer."""
        if kind in UNTRUE and request.method == "GET":
            self.untrue_list = self.untrue_last = self.trusted = True
            self._lists += 1
            self.watch.untrue()
        elif request.method == "GET":
            self.trusted = kind is None or kind.startswith(("kill", "clock", "stop", "foreign"))
            self.untrue_last = False
            self._lists += self.trusted
        if request.method == "GET":
            self._unproved = self._unproved and not self.trusted
        self.denied = self.denied or kind in ("401", "403")
        if request.method != "GET":
            self._unproved = True
            self._doubted = self._doubted or kind in UNTRUE or kind == "404"
            if kind in _REFUSING and operation(request) == "create":
                self._sent.pop(json.loads(request.body)["name"], None)
            if kind in ("lost-write", "404"):  # the server says that a tunnel is gone which is not
                self.watch.unfenced()
            self.watch.state()
        if reply is not None and kind == "429-seconds":
            self.silent_until = now + float(reply.headers["retry-after"])

    def end(self, outcome: str, now: float) -> None:
        """The invocation ended by itself."""
        if now - self._started > 660:
            self.watch.breach("L5", f"it took {now - self._started:.0f} s")
        if outcome == "ok" and self._unproved:
            self.watch.breach("S12", "ok was said without a trusted list after the last write")
        if outcome == "ok" and not (self.untrue_last or self.raced or self.watch.raced):
            why = self.watch.settled()
            if why:
                self.watch.breach("S12", f"ok was said and {why}")
