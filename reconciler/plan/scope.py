"""Settles, before anything is compared, which live tunnel belongs to whom.

A list shows all tunnels of an account, also those that other people or Cloudflare's appliances made. Whether one is
ours follows from the files alone: they declare it (under its name or its former one), or they say `prune: true`. An
ignore rule for it wins over both, and `owns` over all: a tunnel outside it is only counted. What is settled here to be
left alone is in no change that is made of it later.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from reconciler.model.desired import Account, Declared, Desired, IgnoreRule
from reconciler.model.document import says_nothing
from reconciler.model.live import Live, LiveTunnel

_UNHELD = "[!\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""A glob for one character that no file can hold, and for no other: the tunnels beside it may well be declared."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """An update that a run took back since its wave did not prove healthy."""

    name: Annotated[str, Field(description="The tunnel's name")]
    id: Annotated[str, Field(description="Cloudflare's id")]
    digest: Annotated[str, Field(description="Digest of the change: tunnel, values before and after")]


HeldReason = Literal["--no-delete", "window", "needs-window"]
"""Why a run leaves a change out; `window`: it can interrupt traffic, `needs-window`: it needs such a change."""


class PlanOptions(NamedTuple):
    """What the caller of plan and apply may choose.

    Attributes:
        now: When the plan is made (UTC).
        glob: Of --target; changes of tunnels whose names (old and new) it does not match are left out.
        no_delete: Leave deletes out (reported; they count neither for guards nor against convergence).
        allow_delete: Names whose deletion is meant, as `removed` does.
        batch_size: Items of one bulk update.
        base: The API's base URL, or `sandbox`; part of the digest.
        rollout: Whether what can interrupt traffic goes in waves, where the account says so.
        rolled_back: What earlier runs rolled back in this account.
        retry: Whether that may be tried again.
        outside_window: Whether traffic may be touched at any time.
    """

    now: datetime
    glob: str | None = None
    no_delete: bool = False
    allow_delete: frozenset[str] = frozenset()
    batch_size: int = 100
    base: str = ""
    rollout: bool = True
    rolled_back: tuple[RolledBack, ...] = ()
    retry: bool = False
    outside_window: bool = False

    @property
    def today(self) -> date:
        """The day on which rules that end are judged."""
        return self.now.date()


class Pair(NamedTuple):
    """A declared tunnel and the live one that it declares.

    Attributes:
        declared: The declaration.
        live: The live tunnel, under its old name when it is to be renamed; None when it must be created.
        rules: The ignore rules for single fields that cover it.
    """

    declared: Declared
    live: LiveTunnel | None
    rules: tuple[IgnoreRule, ...] = ()

    @property
    def ignored(self) -> tuple[str, ...]:
        """Paths (or whole objects) that are left as they are live."""
        return tuple(sorted({field for rule in self.rules for field in rule.fields}))


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A live tunnel that is not ours to touch (unmanaged, ignored), or something that was not checked, and why."""

    name: Annotated[str, Field(description="The tunnel's name; `*` for all of them")]
    reason: Annotated[str, Field(description="Why it is left alone")]
    id: Annotated[str | None, Field(description="Cloudflare's id")] = None
    fields: Annotated[tuple[str, ...], Field(description="The fields it is about; empty for the whole tunnel")] = ()
    created_on: Annotated[
        str | None, Field(description="When it was made, says Cloudflare", exclude_if=says_nothing)
    ] = None


class Scope(NamedTuple):
    """Who owns what in one account.

    Attributes:
        pairs: Declared tunnels that the options select, in order of name.
        surplus: Live tunnels to delete, in order of name.
        unmanaged: Live tunnels that no file declares, under `prune: false`.
        ignored: Live tunnels under a whole-tunnel rule.
        counted: Number of live tunnels that are owned and not ignored: what the guards' percentages refer to.
        unreadable: Live tunnels that these files are about and that can't be compared, with the reason. They stand in
            neither `pairs` nor `surplus`: what can't be read is neither changed nor deleted.
        not_owned: Number of live tunnels that `owns` leaves to other files; None without `owns`.
    """

    pairs: tuple[Pair, ...]
    surplus: tuple[LiveTunnel, ...]
    unmanaged: tuple[LeftAlone, ...]
    ignored: tuple[LeftAlone, ...]
    counted: int
    unreadable: tuple[LeftAlone, ...] = ()
    not_owned: int | None = None


def glob_of(name: str) -> str:
    """A glob that matches a name literally; a character that no file can hold is matched by its like."""
    return "".join(f"[{c}]" if c in "*?[" else _UNHELD if fnmatchcase(c, _UNHELD) else c for c in name)


def matches(glob: str | None, *names: str | None) -> bool:
    """True when a change with these names (old and new) is selected; without a glob all are."""
    return glob is None or any(name is not None and fnmatchcase(name, glob) for name in names)


def _expired(rule: IgnoreRule, today: date) -> bool:
    return rule.until is not None and rule.until < today


def whole_rule(name: str, rules: Iterable[IgnoreRule]) -> IgnoreRule | None:
    """The first rule that leaves the whole tunnel alone."""
    return next((r for r in rules if fnmatchcase(name, r.name)), None)


def renames(declared: Mapping[str, Declared], live: Mapping[str, LiveTunnel]) -> dict[str, str]:
    """The renames to carry out, as new name to old name.

    A rename needs its old name live and not kept by another declaration, and its new name either not live or itself
    renamed away. `b` from `a` and `c` from `b` is such a chain: the first needs the second, which gives `b` away. So
    renames depend on each other in both directions: all are assumed at first, and those that can't be are dropped until
    nothing changes. A rename that is done has no effect, since its old name is not live any more.
    """
    active: dict[str, str] = {}
    heir: dict[str, str] = {}  # old name to new name, also of renames that were dropped
    for tunnel in declared.values():
        old = tunnel.renamed_from
        if old is not None and old != tunnel.name and old in live and old not in heir:
            active[tunnel.name] = old
            heir[old] = tunnel.name
    doubtful = deque(sorted(active))
    while doubtful:
        new = doubtful.popleft()
        old = active.get(new)
        if old is None:
            continue
        kept = old in declared and old not in active
        taken = new in live and heir.get(new) not in active
        if kept or taken:
            del active[new]
            # The neighbours in the chain counted on this one.
            doubtful.extend(n for n in (old, heir.get(new)) if n in active)
    return active


def owned(live: Live, account: Account) -> tuple[list[LiveTunnel], int | None]:
    """The live tunnels that an account's files are about, in order of name, and how many others there are.

    Without `owns` there are none, and None says that nobody asked.
    """
    mine = sorted((t for t in live.tunnels.values() if account.is_owned(t.name)), key=lambda t: t.name)
    return mine, None if account.owns is None else len(live.tunnels) - len(mine)


def _pairs(desired: Desired, ours: Mapping[str, LiveTunnel], today: date) -> tuple[Pair, ...]:
    rules = [r for r in desired.account.ignore if r.fields and not _expired(r, today)]
    renamed = renames(desired.tunnels, ours)
    given_away = set(renamed.values())
    pairs = []
    for name, declared in sorted(desired.tunnels.items()):
        source = renamed.get(name) or (name if name not in given_away else None)
        found = ours.get(source) if source else None
        # Judged by the name it will have, so that a plan right after the rename sees the same rules.
        covering = tuple(r for r in rules if fnmatchcase(name, r.name))
        if found and found.wrong_types:
            found = found.without_wrong_types([path for rule in covering for path in rule.fields], declared.settings)
        pairs.append(Pair(declared, found, covering))
    return tuple(pairs)


def scope(desired: Desired, live: Live, options: PlanOptions) -> Scope:
    """Decides for every declared and every live tunnel whether it is compared, deleted or left alone.

    An ignore rule for whole tunnels wins over everything, and protects even after its last day: the passing of a day
    must not delete anything. A rule for single fields ends with its last day.
    """
    whole = [r for r in desired.account.ignore if not r.fields]
    ours: dict[str, LiveTunnel] = {}
    ignored: list[LeftAlone] = []
    mine, not_owned = owned(live, desired.account)
    for tunnel in mine:
        rule = whole_rule(tunnel.name, whole)
        if rule is None:
            ours[tunnel.name] = tunnel
            continue
        expired = f" (the rule expired on {rule.until}; it protects until its lines go)"
        reason = rule.reason + (expired if _expired(rule, options.today) else "")
        ignored.append(LeftAlone(tunnel.name, reason, tunnel.id, created_on=tunnel.created_on))
    pairs = _pairs(desired, ours, options.today)
    managed = {p.live.id for p in pairs if p.live}
    rest = [t for t in ours.values() if t.id not in managed]
    prune = desired.account.prune
    surplus = tuple(t for t in rest if prune and matches(options.glob, t.name))
    unmanaged = tuple(
        LeftAlone(t.name, "no file declares it", t.id, created_on=t.created_on) for t in rest if not prune
    )
    if options.glob is not None:
        pairs = tuple(p for p in pairs if matches(options.glob, p.declared.name, p.live.name if p.live else None))
    found = Scope(pairs, surplus, unmanaged, tuple(ignored), len(ours), not_owned=not_owned)
    return _set_apart(found, options) if any(t.unreadable for t in ours.values()) else found


def _set_apart(found: Scope, options: PlanOptions) -> Scope:
    """The scope without the tunnels that can't be read; a delete that is left out anyway needs no reading."""
    declared = [p.live for p in found.pairs if p.live and p.live.unreadable]
    surplus = [t for t in found.surplus if t.unreadable and not options.no_delete]
    apart = sorted((*declared, *surplus), key=lambda t: t.name)
    ids = {t.id for t in apart}
    return found._replace(
        pairs=tuple(p for p in found.pairs if p.live is None or p.live.id not in ids),
        surplus=tuple(t for t in found.surplus if t.id not in ids),
        unreadable=tuple(LeftAlone(t.name, f"it can't be read: {t.unreadable}", t.id) for t in apart),
    )
