"""Warnings about names in files and options that do nothing: gone tunnels, typos, deletes that are not done.

Such a name is never harmless: a line under `removed` would allow a later delete of that name, one under `protect` with
a slip of the pen protects nothing.
"""

from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.problems import Diagnostic, did_you_mean, in_order, warning
from reconciler.plan.diff import Action
from reconciler.plan.plan import Plan
from reconciler.plan.scope import matches


def stale_names(plans: Iterable[Plan], *, whole: bool = True) -> tuple[Diagnostic, ...]:
    """A warning for each name of `removed`, `protect`, `--allow-delete` and `--target` that does nothing.

    Args:
        plans: Of the selected accounts, with the same options.
        whole: Whether the plans of all selected accounts are here. Else an option's name may be one of a missing plan.
    """
    every = tuple(plans)
    found = (*(d for plan in every for d in _removed(plan)), *(d for plan in every for d in _protected(plan)))
    return (*in_order(found), *_allowed(every), *_unmatched(every)) if whole else in_order(found)


def _known(plans: Iterable[Plan]) -> set[str]:
    """Names of all live and all declared tunnels, without those that no message speaks of, since others own them."""
    return {
        name
        for plan in plans
        for name in (*plan.live.by_name(), *plan.desired.tunnels)
        if plan.desired.account.is_owned(name)
    }


def _removed(plan: Plan) -> Iterator[Diagnostic]:
    account = plan.desired.account
    names = plan.live.by_name() if account.removed else {}
    for name, location in sorted(account.removed.items()):
        if name not in names:
            detail = "The deletion is done. Take the line out, or it would also allow a later delete of that name."
            yield warning("removed-gone", f"`{name}` under `removed` is not live", detail, location)
        elif not account.prune:
            detail = "Nothing is deleted in this account. Delete the tunnel by hand, or set `prune: true`."
            summary = f"`{name}` under `removed` stays, since `prune` is false"
            yield warning("removed-stays", summary, detail, location)


def _protected(plan: Plan) -> Iterator[Diagnostic]:
    protect = plan.desired.account.protect
    known = _known([plan]) if protect else set()
    for name, location in sorted(protect.items()):
        if name not in known:
            near = did_you_mean(name, tuple(sorted(known)))
            detail = f"No tunnel has this name, so the line protects nothing. {near}Correct it or take it out."
            yield warning("unknown-protected", f"`{name}` under `protect` is not known", detail, location)


def _allowed(plans: Sequence[Plan]) -> Iterator[Diagnostic]:
    allowed = {name for plan in plans for name in plan.options.allow_delete}
    known = _known(plans) if allowed else set()
    every = (change for plan in plans for change in (*plan.changes, *(held.change for held in plan.held_back)))
    deletes = {change.name for change in every if change.action is Action.DELETE}
    for name in sorted(allowed - deletes):
        if name not in known:
            near = did_you_mean(name, tuple(sorted(known)))
            yield warning("unknown-allowed", f"--allow-delete {name} names no tunnel", f"{near}Correct the name.")
        else:
            yield warning("allowed-stays", f"--allow-delete {name} deletes nothing", _why_it_stays(plans, name))


def _why_it_stays(plans: Sequence[Plan], name: str) -> str:
    if any(name in plan.desired.tunnels for plan in plans):
        return "A file declares the tunnel. Take its lines out if it is meant to go."
    if any(name in _known([plan]) and not plan.desired.account.prune for plan in plans):
        return "`prune` is false in its account. Delete the tunnel by hand, or set `prune: true`."
    return "The tunnel is ignored, renamed or outside --target."


def _unmatched(plans: Sequence[Plan]) -> Iterator[Diagnostic]:
    globs = {plan.options.glob for plan in plans if plan.options.glob is not None}
    names = _known(plans) if globs else set()
    for glob in globs:
        if not any(matches(glob, name) for name in names):
            near = did_you_mean(glob.strip("*?"), tuple(sorted(names)))
            yield warning("unmatched-target", f"--target {glob} matches no tunnel", f"{near}Correct the pattern.")
