"""What must hold of a rollout: judged by whether a session of the simulator is truly alive, whatever its list shows."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reconciler.api.call import NotSent
from reconciler.model.settings import canonical
from reconciler.plan.plan import Plan
from reconciler.simulator.sessions import state
from tests.battery.oracles import Watch
from tests.battery.world import ACCOUNT, EPOCH, World

_LOOK = 5.0
_IN_VAIN = 35.0
"""Seconds before the deadline at which a call may be given up, since the wait before its next try would pass it."""
_CALM = frozenset({"name", "description", "health_check.rate"})


def alive(tunnel: Any, micros: int, semantics: Any) -> bool:
    """Whether the session carries traffic: its note says when it broke, and a server that is slow to notice lies."""
    note = tunnel.get("bgp_status")
    if "bgp" not in tunnel:
        return False
    if note is None:
        return True
    if semantics.bgp_flap or semantics.bgp_down & {tunnel["id"], tunnel["name"]}:
        return False
    return bool(micros >= note["changed"] + semantics.bgp_lag * 1_000_000)


class WaveOracles:
    """The oracles of one invocation that rolls out."""

    def __init__(self, watch: Watch, world: World, started: float, deadline: float) -> None:
        self.watched = 0.0
        self._watch = watch
        self._world = world
        self._started = started
        self._deadline = deadline
        self._stopped_at: float | None = None
        self._last_list: float | None = None
        self._listed = started
        self._close = 0
        self._taking_back = False
        self._plan: Plan | None = None
        self._wave: dict[str, int] = {}
        self._began = -1
        self._before: dict[str, Any] = {}
        self._sent: set[str] = set()
        self._judged: set[str] = set()

    def _micros(self, now: float) -> int:
        return round((EPOCH + now) * 1_000_000)

    def _alive(self, tunnel_id: str, now: float) -> bool:
        tunnel = self._watch.simulator.account(ACCOUNT).tunnels.get(tunnel_id)
        return tunnel is not None and alive(tunnel, self._micros(now), self._watch.simulator.semantics)

    def _name(self, tunnel_id: str) -> str:
        return str(self._before[tunnel_id]["name"])

    def _active(self, now: float) -> float:
        return now - self._started - self.watched

    def clock(self, now: float, *, stopped: bool) -> None:
        """The tool says whether the time counts."""
        if self._stopped_at is not None:
            self.watched += now - self._stopped_at
        self._stopped_at = now if stopped else None
        self._last_list = None
        self._taking_back = False

    def approve(self, plan: Plan, now: float, *, sure: bool) -> None:
        """A plan is about to be carried out.

        Args:
            plan: The plan.
            now: The time.
            sure: Whether the list that it was made from was true.
        """
        self._plan = plan
        self._before = dict(self._watch.simulator.account(ACCOUNT).tunnels)
        waves = [[change for group in wave.groups for change in group] for wave in plan.phases.waves]
        self._wave = {change.id: number for number, wave in enumerate(waves) for change in wave if change.id}
        rollout = self._world.desired.account.rollout
        if rollout is None or not waves:
            return
        done, total = 0, len([c for wave in waves for c in wave if _traffic(c)])
        for number, wave in enumerate(waves):
            files = {c.name: c.location.file for c in wave if c.location}
            for one, other in ((a, b) for a in files for b in files if a < b and files[a] == files[b]):
                if rollout.apart == "file" and not any({one, other} <= cycle for cycle in self._world.cycles):
                    self._watch.breach("R2", f"{one} and {other} stand in one file and in wave {number + 1}")
            largest = max([len(c) for c in self._world.cycles], default=1)
            new = len([c for c in wave if _traffic(c)])
            most = _bound(rollout.waves, number, total)
            if new > max(most - done, largest):
                self._watch.breach("R2", f"wave {number + 1} changes {new} after {done}, and {most} may be done")
            done += new
        if sure:
            self._down_after_change(plan, now)

    def _down_after_change(self, plan: Plan, now: float) -> None:
        changing, semantics = {c.id for c in plan.changes}, self._watch.simulator.semantics
        for tunnel_id in self._world.kept - changing:
            tunnel = self._before.get(tunnel_id)
            if tunnel is None or "bgp" not in tunnel or tunnel.get("bgp_status") is None:
                continue
            shown = state(tunnel, self._micros(now), semantics)
            if not shown.up and self._micros(now) - shown.since < 3_500_000_000:
                self._watch.breach("R1", f"a rollout begins while {tunnel['name']} is down since it was changed")

    def list(self, now: float, *, whole: bool) -> None:
        """A list was answered."""
        self._listed = now if whole else self._listed
        if self._stopped_at is None or not whole or self._taking_back:
            return
        close = self._last_list is not None and now - self._last_list < _LOOK - 0.001
        self._close = self._close + 1 if close else 0
        if self._close > 1:  # (a rollback that has to go around something begins with a list of its own)
            self._watch.breach("R5", f"two lists within {_LOOK:.0f} s each after the one before")
        self._last_list = now

    def update(self, tunnel_id: str, body: dict[str, Any], now: float) -> None:
        """An update of a tunnel is about to go."""
        self._last_list = None
        change = next((c for c in self._plan.changes if c.id == tunnel_id), None) if self._plan else None
        before = self._before.get(tunnel_id)
        if change is None or before is None or not _traffic(change):
            return
        was, wanted = canonical(before), canonical(body)
        if tunnel_id in self._sent and any(wanted.get(path) == was.get(path) for path in _written(change)):
            self._taking_back = True
            return
        if tunnel_id not in self._wave:
            self._late(tunnel_id, wanted, now)
            return
        self._sent.add(tunnel_id)
        number = self._wave[tunnel_id]
        if number > self._began:
            self._all_healthy(now, f"wave {number + 1} begins")
            self._in_a_window(f"wave {number + 1} begins")
            if self._active(now) >= self._deadline:
                self._watch.breach("R6", f"wave {number + 1} begins after the deadline")
            self._began = number
        has_bgp = "bgp.customer_asn" in was and "bgp.customer_asn" in change.target
        if has_bgp and tunnel_id not in self._judged and alive_before(before, now, self._watch.simulator.semantics):
            self._judged.add(tunnel_id)

    def _late(self, tunnel_id: str, wanted: dict[str, Any], now: float) -> None:
        first = self._world.start.account(ACCOUNT).tunnels
        freed = {first[self._world.ids[name]]["interface_address"] for name in self._world.doomed}
        inherits = wanted.get("interface_address") in freed
        if not inherits and self._world.desired.account.rollout:
            self._watch.breach("R2", f"{self._name(tunnel_id)} changes outside of all waves")
        self._all_healthy(now, "an update after all waves is sent")

    def delete(self, tunnel_id: str, now: float) -> None:
        """A delete is about to go."""
        self._all_healthy(now, f"{tunnel_id} is deleted")
        self._in_a_window(f"{tunnel_id} is deleted")
        unsent = [i for i in self._wave if i not in self._sent and not self._is_there(i)]
        if unsent and not self._watch.lied:
            self._watch.breach("R1", f"a delete goes before {self._name(unsent[0])} has changed")

    def _is_there(self, tunnel_id: str) -> bool:
        """Whether a change shows at the server (somebody else may have made it)."""
        now = self._watch.simulator.account(ACCOUNT).tunnels.get(tunnel_id)
        change = next(c for c in self._plan.changes if c.id == tunnel_id) if self._plan else None
        return now is not None and change is not None and _as(canonical(now), change.target, change)

    def _in_a_window(self, what: str) -> None:
        """By the latest list: its time is the latest that the engine knows."""
        if self._wave and self._world.shut(self._listed):
            self._watch.breach("S8", f"{what} while no window is open")

    def _all_healthy(self, now: float, what: str) -> None:
        ill = [i for i in sorted(self._judged) if not self._alive(i, now)]
        if ill:
            self._watch.breach("R1", f"{what} while {self._name(ill[0])} is down")

    def end(self, ending: Any, now: float, mentioned: Callable[[str, str], bool], undone: Iterable[str]) -> None:
        """The invocation ended by itself.

        Args:
            ending: How.
            now: The time.
            mentioned: Whether the report says of a tunnel, by id and name, that something is not as it should be.
            undone: Ids of tunnels of which a value was overwritten that a list had shown to be somebody else's.
        """
        if ending.applied is None:
            return
        stop = ending.applied.stop
        if isinstance(stop, NotSent) and stop.code == "deadline" and self._active(now) + _IN_VAIN < self._deadline:
            self._watch.breach("R6", f"the time is used up after {self._active(now):.0f} s of {self._deadline:.0f}")
        tunnels = self._watch.simulator.account(ACCOUNT).tunnels
        taken_back = {n for i, n in self._wave.items() if _told(ending, i) == "rolled_back"}
        for change in (c for c in ending.plan.changes if c.id in self._sent and c.id in tunnels):
            before, after = canonical(self._before[change.id]), canonical(tunnels[change.id])
            told = _told(ending, change.id)
            theirs = set(self._watch.ledger.paths_of_others(change.id))
            differing = sorted(_differing(before, after) - theirs)
            if told == "rolled_back" and differing:
                text = f"{change.name} is said to be rolled back, and {', '.join(differing)} are not as before"
                self._watch.breach("R3", text)
            paths = _differing(before, change.target) & _written(change) - theirs
            if told == "rolled_back" and change.id in undone:
                self._watch.breach("R3", f"what somebody else wrote of {change.name} was undone")
            if told == "applied" and paths and not paths & _differing(before, after) and not self._watch.lied:
                self._watch.breach("R3", f"{change.name} is as before, and is said to be applied")
            if told == "applied" and self._wave[change.id] in taken_back and paths & _differing(before, after):
                self._watch.breach("R3", f"{change.name} keeps what its wave had to give back")
            down = change.id in self._judged and not self._alive(change.id, now) and not self._watch.lied
            if down and paths & _differing(before, after) and not mentioned(change.id, change.name):
                self._watch.breach("R4", f"{change.name} was changed and is down, and no word is said about it")


def alive_before(tunnel: Any, now: float, semantics: Any) -> bool:
    """Whether a tunnel was healthy before the run, truly and by its list: such a one is judged."""
    micros = round((EPOCH + now) * 1_000_000)
    return alive(tunnel, micros, semantics) and state(tunnel, micros, semantics).up


def _told(ending: Any, tunnel_id: str) -> str:
    verdict = ending.applied.verdicts.get(tunnel_id)
    return str(verdict.result) if verdict else "nothing"


def _traffic(change: Any) -> bool:
    return any(f.path not in _CALM for f in change.fields)


def _bound(waves: tuple[str, ...], number: int, total: int) -> int:
    if number >= len(waves):
        return total
    text = waves[number]
    return total * int(text.rstrip("%")) // 100 if text.endswith("%") else int(text)


def _written(change: Any) -> set[str]:
    return _differing(change.live.settings, change.target)


def _as(now: Any, target: Any, change: Any) -> bool:
    return all(now.get(path) == target.get(path) for path in _written(change))


def _differing(one: Any, other: Any) -> set[str]:
    return {path for path in _paths((one, other)) if one.get(path) != other.get(path)}


def _paths(settings: Iterable[Any]) -> Iterator[str]:
    for one in settings:
        yield from one
