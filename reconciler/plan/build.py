"""The plan of one account: what will be done, in which order, what forbids it, and the digest that proves it.

A plan is often made twice: for people, who approve it, and again right before apply carries it out. Equal digests then
show that what is done is what was approved, though files and tunnels were read again in between.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

from reconciler.model.desired import CommandRef, Desired, EnvRef, FileRef, Generated, PskRef
from reconciler.model.live import Live
from reconciler.model.problems import NO_PSK, Problem
from reconciler.model.psk import SinkState, doubt
from reconciler.model.settings import Settings
from reconciler.model.tunnel import SENSITIVE_PATHS, SETTINGS, WHOLE, Clear, covers
from reconciler.plan.claims import conflicts
from reconciler.plan.detour import Detour, detours
from reconciler.plan.diff import Action, Change, diff, left_fields, missing_secrets
from reconciler.plan.guard import Draft, Guard, guards
from reconciler.plan.order import Phases, all_batches, order
from reconciler.plan.scope import LeftAlone, Pair, PlanOptions, Scope, matches, scope


class Plan(NamedTuple):
    """One account's plan, a plain value: same inputs, same plan, whatever the order of files and lists.

    Attributes:
        changes: In order of name; without those that `no_delete` and `glob` leave out.
        phases: The same changes in the order in which apply sends them.
        guards: What forbids the plan; empty when it may be carried out.
        digest: See `plan_digest`.
        held_back: Deletes that `no_delete` leaves out.
        api_calls: What apply will make: `list`, `update` (bulk), `create`, `delete`.
        notes: Lines to read before approving (a cycle that may need parking, routes that are not checked).
        unchanged: Declared tunnels that already match.
        detours: By the ref of a cycle's first change, the way out when the server refuses the cycle as a whole; None
            where there is none.
        unreadable: Tunnels that these files are about and that can't be compared, with the reason: no change is about
            them, and an account with one has not converged.
        doubts: Name of a tunnel that is live and whose generated key may not be the one in its sink, to why; in order.
        unread: Tunnels with settings that were not compared, since a reference could not be read: these stay as they
            are live. Apply needs all of them.
        not_owned: How many live tunnels `owns` leaves to other files; None without `owns`.
    """

    desired: Desired
    live: Live
    options: PlanOptions
    changes: tuple[Change, ...]
    phases: Phases
    guards: tuple[Guard, ...]
    digest: str
    api_calls: Mapping[str, int]
    unmanaged: tuple[LeftAlone, ...]
    ignored: tuple[LeftAlone, ...]
    held_back: tuple[Change, ...]
    notes: tuple[str, ...]
    unchanged: int
    detours: Mapping[str, Detour | None] = {}
    unreadable: tuple[LeftAlone, ...] = ()
    doubts: Mapping[str, Problem] = {}
    unread: tuple[LeftAlone, ...] = ()
    not_owned: int | None = None

    @property
    def without_psk(self) -> tuple[str, ...]:
        """Tunnels that have no key yet although Cloudflare was to make one: apply has it made."""
        return _without_psk(self.doubts)

    @property
    def empty(self) -> bool:
        """True when apply has nothing to do."""
        return not self.changes and not self.without_psk


_SHOWN = 10
"""Names of one note. A plan can have thousands of changes, and its changes name them all."""

_FEW = 5
"""Names in the note on routes; more tunnels are only counted there."""


def build_plan(
    desired: Desired, live: Live, options: PlanOptions, sinks: Mapping[str, SinkState] = MappingProxyType({})
) -> Plan:
    """The plan that makes the live tunnels what the files declare. The same values give the same plan.

    Args:
        desired: What the files declare.
        live: What the account has.
        options: What the caller chose.
        sinks: What the sinks of generated keys show of themselves, by tunnel name.
    """
    owned = scope(desired, live, options)
    doubts = _doubts(owned, sinks)
    found = diff(owned.pairs, owned.surplus)
    held_back = tuple(c for c in found if options.no_delete and c.action is Action.DELETE)
    changes = tuple(c for c in found if not (options.no_delete and c.action is Action.DELETE))
    blocked = conflicts(changes, live)
    phases = order(changes, blocked)
    around = detours(phases.updates, desired, live)
    return Plan(
        desired=desired,
        live=live,
        options=options,
        changes=changes,
        phases=phases,
        guards=guards(Draft(desired, live, options, owned, changes, held_back, blocked)),
        digest=plan_digest(desired.account.account_id, options.base, changes, _without_psk(doubts)),
        api_calls=_api_calls(phases, options.batch_size, live.lists),
        unmanaged=owned.unmanaged,
        ignored=_ignored(owned),
        held_back=held_back,
        notes=(*clearing_notes(changes), *_cycle_notes(phases, around), *_route_notes(changes)),
        unchanged=len(owned.pairs) - sum(c.action is not Action.DELETE for c in changes),
        detours=around,
        unreadable=owned.unreadable,
        doubts=doubts,
        unread=_unread(owned, desired),
        not_owned=owned.not_owned,
    )


def _unread(owned: Scope, desired: Desired) -> tuple[LeftAlone, ...]:
    found = []
    for pair in owned.pairs:
        for path in missing_secrets(pair):
            why = desired.unread[pair.declared.references[path]].message
            found.append(LeftAlone(pair.declared.name, why, pair.live.id if pair.live else None, (path,)))
    return tuple(found)


def _doubts(owned: Scope, sinks: Mapping[str, SinkState]) -> dict[str, Problem]:
    doubts = {}
    for pair in owned.pairs:
        name = pair.declared.name
        why = doubt(pair.declared, pair.live, sinks.get(name, SinkState())) if pair.live else None
        if why is not None:
            doubts[name] = why
    return doubts


def _without_psk(doubts: Mapping[str, Problem]) -> tuple[str, ...]:
    return tuple(name for name, why in doubts.items() if why.code == NO_PSK)


def remaining(plan: Plan, live_now: Live) -> tuple[Change, ...]:
    """What of a plan is still to be done, judged by a later list under the same options.

    A renamed tunnel still belongs to the plan's target when only its old name matched.
    """
    owned = scope(plan.desired, live_now, plan.options._replace(glob=None))
    ids = {c.ref for c in plan.changes}

    def selected(pair: Pair) -> bool:
        now = pair.live
        if now is not None and now.id in ids:
            return True
        return matches(plan.options.glob, pair.declared.name, now.name if now else None)

    surplus = [t for t in owned.surplus if matches(plan.options.glob, t.name) and not plan.options.no_delete]
    return diff((p for p in owned.pairs if selected(p)), surplus)


def unreadable(plan: Plan, live_now: Live) -> tuple[LeftAlone, ...]:
    """The tunnels of a plan's files that a later list shows and that can't be compared."""
    if not any(t.unreadable for t in live_now.tunnels.values()):
        return ()
    return scope(plan.desired, live_now, plan.options).unreadable


def _api_calls(phases: Phases, batch_size: int, lists: int) -> dict[str, int]:
    """What apply makes when nothing goes wrong.

    Args:
        phases: What is to be done.
        batch_size: Items of one bulk update.
        lists: How many lists it took to trust the account's; a last one follows the changes and proves them.
    """
    deletes = len(phases.first_deletes) + len(phases.last_deletes)
    updates = len(all_batches(phases.updates, batch_size))
    lists += 1 if updates or phases.creates or deletes else 0
    return {"list": lists, "update": updates, "create": len(phases.creates), "delete": deletes}


def _ignored(owned: Scope) -> tuple[LeftAlone, ...]:
    """Whole tunnels first, then those of which an ignored field differs."""
    partly = []
    for pair in owned.pairs:
        fields = left_fields(pair)
        if fields and pair.live:
            reason = "; ".join(sorted({rule.reason for rule in pair.rules}))
            tunnel = pair.live
            partly.append(LeftAlone(tunnel.name, reason, tunnel.id, fields, tunnel.created_on))
    return (*owned.ignored, *partly)


def listed(names: Iterable[str]) -> str:
    """The first names of a note, and how many more there are."""
    every = sorted(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def clearing_notes(changes: Iterable[Change]) -> list[str]:
    """Notes on what these changes take away by leaving it out of the update, which a server that merges would keep.

    (API: no way to remove it is documented, so only the list afterwards tells.)
    """
    names: dict[str, list[str]] = {}
    for change in changes:
        if change.action is not Action.UPDATE:
            continue
        for path in (f.path for f in change.fields):
            omitted = path in WHOLE or SETTINGS[path].clear is Clear.OMIT
            if omitted and change.target.keys().isdisjoint(WHOLE.get(path, (path,))):
                names.setdefault(path, []).append(change.name)
    return [
        f"Removing {path} may not be possible, as the API documents no way to: if it is still there afterwards, apply "
        f"says so (not-cleared) and ends as partial. Concerns {listed(who)}."
        for path, who in sorted(names.items())
    ]


def _cycle_notes(phases: Phases, around: Mapping[str, Detour | None]) -> list[str]:
    notes = []
    for group in phases.updates:
        if group[0].ref not in around:
            continue
        detour = around[group[0].ref]
        note = f"{listed(c.name for c in group)} exchange addresses or identities and go in one call. "
        if detour is None:
            note += "If Cloudflare refuses that, they fail: there is no free value to pass through."
        else:
            moved = listed(leg.change.name for leg in detour.legs if leg.parked)
            note += f"If Cloudflare refuses that, {moved} goes through {listed(detour.through)} for a moment."
        notes.append(note)
    return notes


def _route_notes(changes: Iterable[Change]) -> list[str]:
    changes = list(changes)
    gone = [c.name for c in changes if c.action is Action.DELETE]
    moved = [
        c.name
        for c in changes
        if c.action is Action.UPDATE and any(f.path.startswith("interface_address") for f in c.fields)
    ]
    through = [f"the {len(gone):,} tunnels to delete"] if len(gone) > _FEW else gone
    through += [f"the {len(moved):,} tunnels with a new interface_address"] if len(moved) > _FEW else moved
    unread = "are not checked: this version does not read routes"
    return [f"Static routes through {listed(through)} {unread}."] if through else []


def plan_digest(account_id: str, base: str, changes: Iterable[Change], without_psk: Iterable[str] = ()) -> str:
    """`sha256:` and the hash of everything that decides what apply does.

    It covers the account, the API's base URL (or `sandbox`), the changes and the observed settings of the
    tunnels they touch. It does not cover times, places in files, read-only and unknown fields; nor what `owns`,
    `ignore` and `prune` say, since all that comes of these is which changes there are.

    Args:
        account_id: Cloudflare's account id.
        base: The base URL, or `sandbox`.
        changes: In any order.
        without_psk: Names of tunnels that have no key yet and get one from Cloudflare.
    """
    content: dict[str, Any] = {
        "account_id": account_id,
        "base": base,
        "changes": [_content(c) for c in sorted(changes, key=lambda c: (c.name, c.ref))],
    }
    if names := sorted(without_psk):
        content["keyless"] = names
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _content(change: Change) -> dict[str, Any]:
    """What the digest covers of a change. "key" is an old word for its ref: another one would change every digest."""
    content: dict[str, Any] = {"action": change.action.value, "key": change.ref, "name": change.name}
    if change.live:
        content["observed"] = _values(change.live.settings)
    if change.declared:
        content["wanted"] = {**_values(change.target), **_new_references(change)}
    if change.action is Action.CREATE and change.declared and change.declared.psk:
        content["psk"] = _reference(change.declared.psk)
    return content


def _new_references(change: Change) -> dict[str, list[str]]:
    """The references of keys in what only the files have: a tunnel to create, an object to add.

    They stand for the keys, so that a plan is the same where these can be read and where they can't. In all else a key
    that can't be read is as it is live.
    """
    references = change.declared.references if change.declared else {}
    new = [field.path for field in change.fields if field.path in WHOLE and field.before is None]
    return {path: _reference(where) for path, where in references.items() if any(covers(name, path) for name in new)}


def _values(settings: Settings) -> Mapping[str, Any]:
    """The settings, sensitive ones as their hash, so that a change of a key is seen and the key is not."""
    hidden = {p: settings[p] for p in SENSITIVE_PATHS if settings.get(p)}
    hashes = {p: sha256(str(v).encode(errors="surrogatepass")).hexdigest() for p, v in hidden.items()}
    return {**settings, **hashes}


def _reference(psk: PskRef) -> list[str]:
    """What a create's key reference says, without folders, which differ from checkout to checkout."""
    match psk:
        case EnvRef(name):
            return ["env", name]
        case FileRef(path):
            return ["file", path.replace("\\", "/").rpartition("/")[2]]
        case CommandRef(argv, _):
            return ["command", *argv]
        case Generated(by, sink):
            return ["generate", by, *_reference(sink)]
        case _:
            return ["external"]
