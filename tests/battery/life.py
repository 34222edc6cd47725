"""The life of an account: its files and the account itself change in any order, and the tool runs in between."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.model.desired import Declared, EnvRef
from reconciler.model.settings import canonical
from reconciler.plan.claims import interface_network
from tests import build
from tests.battery.keys import set_keys
from tests.battery.oracles import Breach, Watch
from tests.battery.paths import EDITS, REFUSED
from tests.battery.port import Mishaps
from tests.battery.run import Story, finish
from tests.battery.two import by_chance, rival, together
from tests.battery.world import ACCOUNT, NOT_OWNED, World, world
from tests.strangers import foreign_delete

_ADDRESS = "interface_address"
_IDENTITY = "custom_remote_identities.fqdn_id"
_NEVER: tuple[dict[str, Any], ...] = (*EDITS, REFUSED)


class Life:
    """An account with its files. Every number picks one of what is there, so that any number will do.

    A new wish is judged from where the account is then: minutes pass, lists lag no more, and what may be made, changed
    and deleted from then on follows from the files and the account alone.
    """

    def __init__(self, seed: int, variant: int) -> None:
        first = world(seed, variant=variant)
        self.story = Story(first, Mishaps({}), random.Random(seed))
        self.tunnels = dict(first.desired.tunnels)
        self.tuned = {rule.name for rule in first.desired.account.ignore if rule.fields}
        self.made = 0
        self._wish()

    @property
    def breaches(self) -> list[Breach]:
        """What was breached so far."""
        return self.story.watch.breaches

    def _pick(self, number: int, *, tuned: bool = False) -> str | None:
        names = sorted(self.tunnels.keys() - (set() if tuned else self.tuned))
        return names[number % len(names)] if names else None

    def _held(self) -> dict[str, dict[str, Any]]:
        return {t["name"]: t for t in self.story.simulator.account(ACCOUNT).tunnels.values()}

    def create(self, number: int, *, keyed: bool, heir: bool) -> None:
        """The files declare a new tunnel, perhaps with the address of one that goes."""
        self.made += 1
        wanted = {t.settings[_ADDRESS] for t in self.tunnels.values()}
        left = sorted({t[_ADDRESS] for t in self._held().values()} & self._going() - wanted)
        address = left[number % len(left)] if heir and left else f"10.77.{self.made}.0/31"
        name = f"new{self.made}"
        key = EnvRef("KEY") if keyed else None
        self.tunnels[name] = build.tunnel(name, interface_address=address, psk=key)
        self._wish()

    def _going(self) -> set[str]:
        doomed = self.story.world.doomed
        return {t[_ADDRESS] for t in self._held().values() if t["name"] in doomed}

    def edit(self, number: int, edit: int) -> None:
        """The files say something else of a tunnel."""
        name = self._pick(number, tuned=True)
        if name:
            self._set(name, _NEVER[edit % len(_NEVER)])
            self._wish()

    def _set(self, name: str, fields: Mapping[str, Any]) -> None:
        declared = self.tunnels[name]
        self.tunnels[name] = declared._replace(settings={**declared.settings, **fields})

    def delete(self, number: int) -> None:
        """The files declare a tunnel no more; without pruning only if that leaves nobody what another needs."""
        name = self._pick(number)
        if name is None:
            return
        gone = self.tunnels.pop(name)
        now = self._held().get(name) or self._held().get(gone.renamed_from or "")
        wanted = {t.settings.get(p) for t in self.tunnels.values() for p in (_ADDRESS, _IDENTITY)} - {None}
        holds = canonical(now) if now else {}
        if not self.story.world.desired.account.prune and wanted & {holds.get(_ADDRESS), holds.get(_IDENTITY)}:
            self.tunnels[name] = gone
        self._wish()

    def rename(self, number: int) -> None:
        """The files give a tunnel another name."""
        name = self._pick(number)
        if name is None:
            return
        self.made += 1
        old = self.tunnels.pop(name)
        begin = old.renamed_from if old.renamed_from in self._held() and name not in self._held() else name
        new = f"named{self.made}"
        self.tunnels[new] = old._replace(name=new, renamed_from=begin, settings={**old.settings, "name": new})
        self._wish()

    def swap(self, number: int, other: int) -> None:
        """Two tunnels exchange addresses, and identities if both have one."""
        one, two = self._pick(number), self._pick(other)
        if one is None or two is None or one == two:
            return
        first, second = self.tunnels[one].settings, self.tunnels[two].settings
        paths = [_ADDRESS] + [_IDENTITY] * (_IDENTITY in first and _IDENTITY in second)
        self._set(one, {p: second[p] for p in paths})
        self._set(two, {p: first[p] for p in paths})
        self._wish()

    def edit_by_hand(self) -> None:
        """Somebody edits a tunnel, minutes after all else."""
        self._wait()
        self.story.foreign_edit()

    def make_by_hand(self) -> None:
        """Somebody makes a tunnel of a name that is to be created."""
        self._wait()
        self.story.foreign_create(None)

    def _wait(self) -> None:
        """No list lags any more."""
        self.story.simulator.account(ACCOUNT).stale.clear()

    def delete_by_hand(self, number: int) -> None:
        """Somebody deletes a tunnel."""
        name = self._pick(number)
        if name in self._held():
            foreign_delete(self.story.simulator, ACCOUNT, str(name))
            self._wish()

    def set_keys(self, faults: Mapping[int, str]) -> None:
        """The keys of all declared tunnels are set in bulk; they had others before."""
        story = self.story
        before, story.mishaps.fired = story.mishaps.fired, []
        self._expect(faults)
        account, kept = story.simulator.account(ACCOUNT), story.world.kept
        names = {i: t["name"] for i, t in account.tunnels.items() if i in kept}
        account.psks.update(dict.fromkeys(names, "before"))
        set_keys(story, names)
        story.mishaps.fired = before + story.mishaps.fired

    def apply(self, faults: Mapping[int, str]) -> None:
        """The tool runs and meets faults."""
        self._expect(faults)
        self.story.invoke()

    def apply_twice_at_once(self, seed: int, faults: Mapping[int, str]) -> None:
        """The tool runs twice at once, for this wish and for another."""
        self._expect(faults)
        rng = random.Random(seed)
        here = self.story.world
        together(self.story, replace(here, desired=rival(here, rng), memo={}), by_chance(rng))
        self._wish()

    def _expect(self, faults: Mapping[int, str]) -> None:
        mishaps = self.story.mishaps
        mishaps.left = {mishaps.asked + i: kind for i, kind in faults.items()}

    def let_the_clock_jump(self, days: int) -> None:
        """The calendar of the machine is wrong from now on."""
        self.story.world.clock.skew = days * 86400.0

    def end(self) -> None:
        """What the server would refuse for ever is taken back; then all must converge."""
        for name in self.tunnels:
            self._set(name, dict.fromkeys(REFUSED, False))
        self._wish()
        finish(self.story)

    def _wish(self) -> None:
        """The files are as they are: what is expected of the account from now on."""
        story = self.story
        story.mishaps.left.clear()
        story.clear()
        account = story.simulator.account(ACCOUNT)
        self._wait()
        account.created.clear()
        account.deleted.clear()
        if story.watch.excused:
            self._tidy()
        story.world = _expected(story.world, self.tunnels, {t["name"]: i for i, t in account.tunnels.items()})
        before = story.watch
        story.watch = Watch(story.world, story.simulator)
        story.watch.breaches, story.watch.limits = before.breaches, before.limits
        story.watch.strangers = before.strangers

    def _tidy(self) -> None:
        """Somebody takes away what no client could have kept from being doubled."""
        seen: set[Any] = set()
        for tunnel_id, tunnel in list(self.story.simulator.account(ACCOUNT).tunnels.items()):
            holds = {tunnel["name"], interface_network(tunnel[_ADDRESS])}
            if holds & seen:
                foreign_delete(self.story.simulator, ACCOUNT, tunnel_id)
            seen |= holds


def _with_key(declared: Declared) -> Declared:
    """The same with an MD5 key that can be read, which it takes to make the tunnel."""
    return declared._replace(settings={**declared.settings, **dict.fromkeys(declared.unread, "canary-md5-read")})


def _expected(before: World, tunnels: Mapping[str, Declared], ids: dict[str, str]) -> World:
    """The world of these files and this account; every delete is named, so no limit stops it."""
    account = before.desired.account
    claimed = {
        name: ids[held]
        for name, declared in tunnels.items()
        if (held := name if name in ids else declared.renamed_from) in ids and (held == name or held not in tunnels)
    }
    surplus = {name for name, i in ids.items() if i not in claimed.values()}
    alien = {name for name in surplus if name.startswith(("appliance-", NOT_OWNED)) or not account.prune}
    doomed = surplus - alien
    named = account._replace(removed=dict.fromkeys(sorted(doomed), build.PLACE))
    made = tunnels.keys() - claimed.keys()
    wanted = {name: _with_key(tunnels[name]) if name in made else tunnels[name] for name in sorted(tunnels)}
    return replace(
        before,
        desired=before.desired._replace(account=named, tunnels=wanted),
        ids=ids,
        kept=frozenset(claimed.values()),
        alien=frozenset(ids[name] for name in alien),
        doomed=frozenset(doomed),
        made=frozenset(made),
        keyed=frozenset(name for name in made if isinstance(tunnels[name].psk, EnvRef)),
        blocked=False,
        memo={},
    )
