"""What forbids a plan: limits, protection, and conflicts that no order can solve.

A wrong delete is an outage, and most wrong deletes are slips: a file that was not committed, a name that was changed in
place, the wrong folder. Each guard knows one such slip by its traces, and says what lifts it.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from reconciler.model.canonical import same_letters
from reconciler.model.desired import rename_cycles
from reconciler.model.live import instant
from reconciler.model.problems import Guard, count
from reconciler.plan.claims import NETWORKS, claims
from reconciler.plan.diff import Action, Change
from reconciler.plan.digest import change_digest
from reconciler.plan.plan import Plan


def guards(plan: Plan) -> tuple[Guard, ...]:
    """Everything that forbids the plan, in a fixed order; empty when it may be carried out.

    (What static routes forbid is added in `plan.routes`, since they are read only where a plan is about them.)

    They hold however few tunnels there are. `removed` and `--allow-delete` lift those about deletes, and only
    for the tunnels they name: somebody looked at these, so only the rest can be an accident, and it is weighed as
    if it came alone. Nothing but the file lifts a protection.
    """
    return (
        *too_many_deletes(plan),
        *_too_many_changes(plan),
        *_protected(plan),
        *_probable_renames(plan),
        *_name_swaps(plan),
        *_held(plan),
        *_rolled_back_before(plan),
        *down_after_change(plan),
    )


def _names(changes: Iterable[Change]) -> tuple[str, ...]:
    return tuple(sorted(c.name for c in changes))


def _percent(part: int, whole: int) -> str:
    return f"{part} of {count(whole, 'live tunnel')} ({100 * part // whole} %)"


def too_many_deletes(plan: Plan) -> Iterator[Guard]:
    """What stands against the deletes that nobody named."""
    limits, unnamed, counted = plan.desired.account.limits, plan.unnamed, plan.scope.counted
    names = _names(unnamed)
    remedy = f"name the tunnels that are meant to go under `removed` in {plan.file}, or by --allow-delete NAME"
    number = len(unnamed)
    if number > limits.max_deletes:
        message = f"the plan deletes {count(number, 'tunnel')} that nobody named; max_deletes is {limits.max_deletes}"
        yield Guard("max-deletes", message, names, remedy)
    # One is always allowed: a percentage of a handful of tunnels would forbid every single delete.
    if number > 1 and number * 100 > limits.max_delete_percent * counted:
        share = _percent(number, counted)
        message = f"the plan deletes {share} that nobody named; max_delete_percent is {limits.max_delete_percent}"
        yield Guard("max-delete-percent", message, names, remedy)
    left = len(plan.live.tunnels) - len(plan.of(Action.DELETE)) + len(plan.of(Action.CREATE))
    if unnamed and left == (plan.scope.not_owned or 0):
        whose = "any tunnel" if plan.scope.not_owned is None else "any tunnel that these files own"
        message = f"the plan leaves the account without {whose}, and not every delete is named"
        yield Guard("empties-account", message, names, remedy)


def _too_many_changes(plan: Plan) -> Iterator[Guard]:
    limit, counted = plan.desired.account.limits.max_change_percent, plan.scope.counted
    touched = (*plan.of(Action.UPDATE), *plan.of(Action.DELETE))
    if len(touched) * 100 > limit * counted:
        message = f"the plan changes or deletes {_percent(len(touched), counted)}; max_change_percent is {limit}"
        remedy = f"make the change in smaller parts, or raise `limits.max_change_percent` in {plan.file}"
        yield Guard("max-change-percent", message, _names(touched), remedy)


def _protected(plan: Plan) -> Iterator[Guard]:
    account = plan.desired.account
    protected = set(account.protect)
    for tunnel in plan.desired.tunnels.values():
        if tunnel.protect:
            protected |= {tunnel.name, tunnel.renamed_from or tunnel.name}
    names = _names(c for c in plan.of(Action.DELETE) if c.name in protected)
    if names:
        message = f"the plan deletes {count(len(names), 'protected tunnel')}: {', '.join(names)}"
        remedy = f"put their lines back, or take them out of `protect` in {plan.file} in a commit of its own"
        yield Guard("protected", message, names, remedy)


def _probable_renames(plan: Plan) -> Iterator[Guard]:
    """A name that was changed in place looks like a delete and a create on the same network."""
    deleted = {claim: change.name for change in plan.unnamed for claim in claims(change.target, NETWORKS)}
    for change in plan.of(Action.CREATE) if deleted else ():
        found = next((claim for claim in claims(change.target, NETWORKS) if claim in deleted), None)
        if found is None:
            continue
        old, (kind, value) = deleted[found], found
        message = f"{old} is to be deleted, and {change.name} made on its {kind.value} {value}: probably a rename"
        remedy = (
            f"add the line `renamed_from: {old}` to {change.name} at {change.place}; if {old} is meant to go, "
            f"name it under `removed` in {plan.file}, or by --allow-delete {old}"
        )
        if same_letters(old, change.name):
            remedy += (
                f"; if the name comes back like this after every apply, Cloudflare keeps it so: write `name: {old}`"
            )
        yield Guard("probable-rename", message, (old, change.name), remedy)


def _name_swaps(plan: Plan) -> Iterator[Guard]:
    """Tunnels that exchange names: unlike a network, no name can be borrowed for a moment (`plan.detour`)."""
    old_of = {c.name: c.previous_name for c in plan.of(Action.UPDATE) if c.previous_name}
    for names in rename_cycles(old_of):
        message = f"{', '.join(names)} exchange their names, and no order can do that in place"
        remedy = "rename one of them to a name that is free, apply, then rename on"
        yield Guard("name-swap", message, names, remedy)


def _held(plan: Plan) -> Iterator[Guard]:
    """Changes that want what a live tunnel keeps; of each pair the first claim only."""
    seen: set[tuple[str, str]] = set()
    for conflict in plan.phases.unsolvable:
        pair = conflict.change.ref, conflict.holder
        if pair in seen:
            continue
        seen.add(pair)
        kind, value = conflict.claim
        holder, name = plan.live.tunnels[conflict.holder].name, conflict.change.name
        why, remedy = _why_kept(plan, conflict.holder)
        message = f"{name} wants the {kind.value} {value}, which {holder} holds and keeps: {why}"
        remedy = f"{remedy}, or give {name} at {conflict.change.place} another {kind.value}"
        yield Guard("held", message, (name, holder), remedy)


def _why_kept(plan: Plan, holder: str) -> tuple[str, str]:
    """Why a live tunnel keeps what it holds, and what would change that."""
    if not plan.desired.account.is_owned(plan.live.tunnels[holder].name):
        return "these files do not own it", "have it moved by the files that own it"
    if any(t.id == holder for t in plan.scope.ignored):
        return "an ignore rule covers it", f"end the ignore rule in {plan.file}"
    if any(t.id == holder for t in plan.scope.unreadable):
        return f"it can't be read ({plan.live.tunnels[holder].unreadable})", "correct that at Cloudflare"
    if any(t.id == holder for t in plan.scope.unmanaged):
        name = plan.live.tunnels[holder].name
        return (
            "no file declares it and prune is false",
            f"take it over by `renamed_from: {name}`, or delete it by hand",
        )
    if any(held.change.ref == holder for held in plan.held_back):
        return "deletes are left out", "run without --no-delete"
    if plan.options.glob is not None and all(c.ref != holder for c in plan.changes):
        return "it is outside the target", "widen --target"
    return "its own settings keep it", "change it first"


def _rolled_back_before(plan: Plan) -> Iterator[Guard]:
    """What an earlier run had to take back would most likely fail again."""
    before = {one.digest for one in plan.options.rolled_back}
    if not before or plan.options.retry:
        return
    names = _names(c for c in plan.of(Action.UPDATE) if change_digest(c) in before)
    if names:
        message = f"an earlier run rolled the same change of {', '.join(names)} back"
        yield Guard("rolled-back-before", message, names, "change it in the files, or try it again by --retry")


_HOUR = timedelta(hours=1)


def down_after_change(plan: Plan) -> Iterator[Guard]:
    """A run that was killed while it watched a wave leaves tunnels behind that are as declared, and down since."""
    if not plan.phases.waves:
        return
    changing = {c.ref for c in plan.changes}
    names = []
    for tunnel in (pair.live for pair in plan.scope.pairs if pair.live and pair.live.id not in changing):
        found = tunnel.session
        if found.state != "down":
            continue
        changed, since = instant(tunnel.modified_on), instant(found.since)
        if changed and since and changed <= since and plan.options.now - since < _HOUR:
            names.append(tunnel.name)
    if names:
        message = f"{', '.join(sorted(names))} went down when or after being changed, less than an hour ago"
        remedy = "bring them up, or change them back in the files and apply with --no-rollout"
        yield Guard("down-after-change", message, tuple(sorted(names)), remedy)
