"""The oracles of one invocation of the tool: what it asks for and when, and what it says at its end."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.api.wire import Reply, Request
from reconciler.model.settings import canonical
from reconciler.plan.plan import Plan
from tests.battery.ledger import View
from tests.battery.oracles import UNTRUE, Watch, operation
from tests.battery.wave_oracles import WaveOracles
from tests.battery.world import ACCOUNT, World

_UNSENT = frozenset({"refused", "timeout-connect", "429", "429-seconds", "429-date", "401", "403"})
_REFUSING = _UNSENT | {"404", "413", "quoted"}
_LISTS_TO_RESEND = 2
_WRITES_ALL = 60
_WRITES_EACH = 40


_CALM = frozenset({"name", "description", "health_check.rate"})
"""What interrupts nothing when it changes."""


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    before, after = canonical(one), canonical(other)
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _tunnels(reply: Reply | None) -> Any:
    """What stands in an answer where a list of tunnels belongs; None also when nothing does."""
    result = json.loads(reply.body)["result"] if reply and reply.body else None
    return result.get("ipsec_tunnels") if isinstance(result, dict) else None


class Guarded:
    """The oracles of one invocation of the tool: what it asks for, and when."""

    def __init__(self, watch: Watch, started: float, world: World) -> None:
        self.watch = watch
        self.world = world
        self.asked = 0
        self.trusted = True
        self.silent_until = 0.0
        self.untrue_list = False
        self.untrue_last = False
        self.stopped = False
        self.raced = False
        self.denied = False
        self.keying: frozenset[str] = frozenset()
        rolls_out = world.desired.account.rollout is not None
        self.waves = WaveOracles(watch, world, started, world.deadline) if rolls_out else None
        self._started = started
        self.plan: Plan | None = None
        self._view: View = {}
        self._planned: View = {}
        self._lists = 0
        self._unproved = False
        self._doubted = False
        self._sent: dict[str, int] = {}
        self._nulls = 0
        self._routes_seen = False
        self._excused = False
        self._shown: set[str] = set()
        self._deleted: set[str] = set()

    def approve(self, plan: Plan) -> None:
        """From now on this plan may be carried out."""
        self.plan = plan
        self._excused |= not self._routes_seen and any("were not checked" in note for note in plan.notes)
        self._planned = self._view
        if self.waves:
            sure = not self.untrue_list and not self.watch.simulator.semantics.list_lag
            self.waves.approve(plan, self.watch.world.clock.seconds, sure=sure)
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
        limit = _WRITES_ALL + _WRITES_EACH * (len(self.plan.changes) if self.plan else 0)
        if self.asked > limit:
            self.watch.breach("L5", f"more than {limit} calls")
        if request.method != "GET":
            self._write(request)
            if self.world.shut(self._started) and self.world.shut(now) and not self.untrue_list:
                self._calm(request)

    def _write(self, request: Request) -> None:
        if not self.trusted:
            self.watch.breach("S7", f"{request.method} after a list that can't be trusted")
        if self.plan is None:
            self.watch.breach("S14", f"{request.method} before a plan was approved")
            return
        kind, body = operation(request), json.loads(request.body)
        if kind == "psk_generate":
            return
        changes = self.plan.changes
        if kind == "create":
            self._again(body["name"])
            self._taken(body["name"])
            self._free(body["interface_address"])
            self._only([body["name"]], {c.name for c in changes if c.live is None}, kind)
        elif kind == "psk_set":
            self._keyed([item["id"] for item in body["psks"]])
        else:
            deletes = {c.id for c in changes if c.declared is None}
            updates = {c.id for c in changes if c.declared is not None and c.live is not None}
            items = body["ipsec_tunnels"] if kind == "bulk" else [{"id": request.path.rpartition("/")[2]}]
            self._only([i["id"] for i in items], deletes if kind == "delete" else updates, kind)
            if self.waves:
                self._in_waves(kind, body, items[0]["id"])
            if kind == "delete" and items[0]["id"] in self.watch.in_use() and not self._excused:
                self.watch.breach("S18", f"{items[0]['id']} is deleted, which static routes use and nobody named")
            if kind == "delete" and items[0]["id"] in {c.id for c in self.plan.phases.last_deletes}:
                self._last_delete()

    def _in_waves(self, kind: str, body: Any, tunnel_id: str) -> None:
        if self.waves is None:
            return
        now = self.watch.world.clock.seconds
        if kind == "delete":
            self.waves.delete(tunnel_id, now)
            return
        for item in body["ipsec_tunnels"] if kind == "bulk" else [{"id": tunnel_id, **body}]:
            self.waves.update(item["id"], item, now)

    def _calm(self, request: Request) -> None:
        """While no window is open, nothing is deleted, and an update changes only what interrupts nothing."""
        kind, body = operation(request), json.loads(request.body or b"{}")
        tunnels = self.watch.simulator.account(ACCOUNT).tunnels
        one = request.path.rpartition("/")[2]
        items = body["ipsec_tunnels"] if kind == "bulk" else [body | {"id": one}] if kind == "update" else []
        touched = [i["id"] for i in items if i["id"] in tunnels and _differing(i, tunnels[i["id"]]) - _CALM]
        for tunnel_id in [one] if kind == "delete" else touched:
            self.watch.breach("S8", f"{kind} of {tunnel_id} touches traffic while no window is open")

    def _keyed(self, spoken: list[str]) -> None:
        """Only what this run made, or what can't be told from it, gets a key."""
        spoken = [i for i in spoken if i not in self.keying]
        if any(i in self.watch.world.ids.values() for i in spoken):
            self.watch.breach("S1", "a key is set on a tunnel that was there before")
        if not all(self.watch.strangers.get(i, True) for i in spoken):
            self.watch.breach("S1", "a key is set on a tunnel that somebody else made")

    def _again(self, name: str) -> None:
        if self._lists - self._sent.get(name, -_LISTS_TO_RESEND) < _LISTS_TO_RESEND:
            self.watch.breach("S3", f"the create of {name} was sent again without two lists that lack it")
        self._sent[name] = self._lists

    def _taken(self, name: str) -> None:
        """What the last list showed under this name must be somebody else's, or there would be no create."""
        if any(self._view.get(i, {}).get("name") == name for i in self.watch.strangers):
            self.watch.breach("S10", f"a create of {name} was sent although the list shows a tunnel of that name")

    def _free(self, network: str) -> None:
        """What a create takes from a tunnel that the plan deletes is free by then."""
        going = {c.id for c in self.plan.changes if c.declared is None} if self.plan else set()
        tunnels = self.watch.simulator.account(ACCOUNT).tunnels
        held = [t["name"] for i, t in tunnels.items() if i in going and t["interface_address"] == network]
        if held and not (self._doubted or self.untrue_list):
            self.watch.breach("S10", f"a create was sent for what {held[0]} still holds")

    def _last_delete(self) -> None:
        """A delete that frees nothing goes only when all else is done."""
        sent = self.watch.world.sent
        there = {sent.get(t["name"], t["name"]) for t in self.watch.simulator.account(ACCOUNT).tunnels.values()}
        wanted = {c.name for c in self.plan.changes if c.declared is not None} if self.plan else set()
        if wanted - there and not self._doubted:
            self.watch.breach("S2", "a delete that frees nothing went before all else was done")

    def _only(self, asked: list[Any], allowed: set[Any], kind: str) -> None:
        for one in asked:
            if one not in allowed:
                self.watch.breach("S8", f"{kind} of {one}, which the plan does not list")

    def after(self, request: Request, reply: Reply | None, kind: str | None, now: float) -> None:
        """A request met its fate; `reply` is None when there was no whole answer."""
        if operation(request) == "routes":
            self._routes_seen |= reply is not None and (kind is None or kind.startswith(("clock", "stop", "foreign")))
        elif request.method == "GET":
            self._listed(reply, kind)
        else:
            self._written(request, kind)
        self.denied = self.denied or (kind in ("401", "403") and operation(request) != "routes")
        if reply is not None and kind == "429-seconds":
            self.silent_until = now + float(reply.headers["retry-after"])

    def _listed(self, reply: Reply | None, kind: str | None) -> None:
        self.untrue_last = kind in UNTRUE
        if self.untrue_last:
            self.untrue_list = self.trusted = True
            self.watch.untrue()
        else:
            self.trusted = kind is None or kind.startswith(("kill", "clock", "stop", "foreign"))
        self.trusted = self.trusted and reply is not None
        tunnels = _tunnels(reply) if self.trusted or kind == "null-list" else None
        if tunnels is None and (self.trusted or kind == "null-list"):
            self._null(kind)
        elif tunnels is not None:
            self._nulls = 0
            self._shown |= {t["id"] for t in tunnels}
        self._lists += self.trusted
        if self.waves:
            self.waves.list(self.watch.world.clock.seconds, whole=self.trusted)
        self._unproved = self._unproved and not self.trusted
        if self.trusted and tunnels is not None and (self.watch.ledger.open or self.watch.strangers):
            self._look(tunnels)

    def _null(self, kind: str | None) -> None:
        """A list of null is an empty account if a second one agrees and none showed tunnels that were not deleted."""
        self._nulls += 1
        self.trusted = self._nulls % 2 == 0 and self._shown <= self._deleted
        if self.trusted and kind == "null-list":
            self.untrue_list = self.untrue_last = True
            self.watch.untrue()

    def _written(self, request: Request, kind: str | None) -> None:
        if operation(request) == "delete":
            self._deleted.add(request.path.rpartition("/")[2])
        self._unproved = True
        self._doubted = self._doubted or kind in UNTRUE or kind == "404"
        if kind in _REFUSING and operation(request) == "create":
            self._sent.pop(json.loads(request.body)["name"], None)
        if kind in ("lost-write", "404"):  # the server says that a tunnel is gone which is not
            self.watch.unfenced()
        self.took_effect()
        self.watch.state()

    def took_effect(self) -> None:
        """A write may have been carried out."""
        if self.watch.ledger.open:
            self.watch.ledger.wrote(self, self._view, self._planned, self.plan)

    def _look(self, tunnels: list[Any]) -> None:
        """What a list showed, by our own reading; one with two tunnels of a name is nothing to write by."""
        self._view = {t["id"]: canonical(t) for t in tunnels}
        self.trusted = len({t["name"] for t in tunnels}) == len(tunnels)

    def undone(self, mentioned: Callable[[str, str], bool]) -> None:
        """S15, at the end of an invocation that reports.

        Args:
            mentioned: Whether the report says of a tunnel, by id and name, that something is not as it should be.
        """
        for one in self.watch.ledger.overwrites:
            if one.by is self and one.seen and not one.planned and not mentioned(one.tunnel, one.name):
                text = f"{one.path} of {one.name} was overwritten although a list showed that another had changed it"
                self.watch.breach("S15", text)

    def undid(self) -> set[str]:
        """Ids of the tunnels of which this invocation knowingly overwrote what its plan does not name."""
        mine = (one for one in self.watch.ledger.overwrites if one.by is self)
        return {one.tunnel for one in mine if one.seen and not one.planned}

    def end(self, outcome: str, now: float) -> None:
        """The invocation ended by itself."""
        if now - self._started - (self.waves.watched if self.waves else 0) > 660:
            self.watch.breach("L5", f"it took {now - self._started:.0f} s")
        if outcome == "ok" and self._unproved:
            self.watch.breach("S12", "ok was said without a trusted list after the last write")
        if outcome == "ok" and not (self.untrue_last or self.raced or self.watch.raced):
            why = self.watch.settled(self.world)
            if why:
                self.watch.breach("S12", f"ok was said and {why}")
