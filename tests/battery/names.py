"""Servers that keep a name in another form than it was sent: no create may become two tunnels for it."""

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from unicodedata import normalize

from reconciler.model.desired import Desired
from reconciler.model.settings import canonical
from tests import build
from tests.battery.port import Mishaps
from tests.battery.run import Result, Story, finish
from tests.battery.world import World, world

_STRIDE = 16_000
"""A multiple of the number of variants, beyond all seeds in use."""


def named_world(seed: int) -> World:
    """The next world with a create, on a server that keeps names in lower case (odd seeds) or in NFC (even ones).

    What is to be created has a name in another form. In two of four nothing but the client keeps a second tunnel away.
    """
    found = next(w for i in count() if (w := world(seed + i * _STRIDE)).made and not w.blocked)
    lower, fenced = bool(seed % 2), seed % 4 > 1
    sent = {name: _declared_name(name.title() if lower else f"{name}-e\u0301") for name in found.made}
    start = found.start.clone()
    start.semantics = replace(
        start.semantics,
        names="lower" if lower else "nfc",
        names_unique=fenced and start.semantics.names_unique,
        addresses_unique=fenced and start.semantics.addresses_unique,
        list_lag=min(1, start.semantics.list_lag),  # nobody could tell a lost create from one that two lists hide
    )
    return replace(
        found,
        seed=seed,
        desired=_respelled(found, sent),
        start=start,
        made=frozenset(sent.values()),
        keyed=frozenset(sent[name] for name in found.keyed),
        sent={_kept(name, lower=lower): name for name in sent.values()},
        fenced=start.semantics.names_unique,
        memo={},
    )


def _declared_name(text: str) -> str:
    """The name as the files' loader reads it."""
    return str(canonical({"name": text})["name"])


def _kept(name: str, *, lower: bool) -> str:
    return name.lower() if lower else normalize("NFC", name)


def _respelled(found: World, names: Mapping[str, str]) -> Desired:
    """The declarations under these names."""
    tunnels = found.desired.tunnels.items()
    spelled = [(names.get(name, name), declared) for name, declared in tunnels]
    new = {name: d._replace(name=name, settings={**d.settings, "name": name}) for name, d in spelled}
    return found.desired._replace(tunnels=dict(sorted(new.items())))


def run_named(known: World, faults: Mapping[int, str], seed: int = 0) -> Result:
    """Runs with faults; then somebody writes the names into the files as the server keeps them, and all converges."""
    found = known if known.sent else named_world(known.seed)
    # Of names the files' loader reads two spellings of one letter as one, and capitals as they are written.
    renamed = found.start.semantics.names == "lower"
    story = Story(found, Mishaps(faults), random.Random(seed))
    first = story.invoke()
    if not story.mishaps.fired and first.outcome != ("partial" if renamed else "ok"):
        story.watch.breach("L1", f"{first.outcome} without any fault")
    while story.mishaps.left and len(story.endings) < 3 and story.endings[-1].outcome != "ok":
        story.invoke()
    if renamed:
        kept = {name: kept for kept, name in found.sent.items()}
        story.simulator.account(build.ACCOUNT_ID).stale.clear()  # that takes minutes, and no list lags so long
        story.world = story.watch.world = replace(
            found,
            desired=_respelled(found, kept),
            made=frozenset(found.sent),
            keyed=frozenset(kept[name] for name in found.keyed),
            sent={},
            memo={},
        )
    return finish(story)
