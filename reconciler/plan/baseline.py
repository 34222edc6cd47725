"""Says for each change whether git made it, Cloudflare did, or both.

With `--baseline` a plan knows two states of the files: what is declared now, and what was at an older commit (the base
of a pull request, say). What live and files differ in already at the baseline is drift, the rest is the pull request's.
"""

from collections.abc import Iterable

from reconciler.model.desired import Declared, Desired
from reconciler.model.settings import Settings
from reconciler.model.tunnel import KEPT, covers
from reconciler.plan.diff import Action, Cause, Change
from reconciler.plan.scope import whole_rule

GIT: Cause = "git"
DRIFT: Cause = "drift"
BOTH: Cause = "both"


def attribute(changes: Iterable[Change], baseline: Desired | None) -> tuple[Change, ...]:
    """Fills in the cause of each change: what differed at the baseline already, and what git changed since.

    ====== ==================== ============ ========================================== =====
    action at the baseline      now in git   and                                        cause
    ====== ==================== ============ ========================================== =====
    create not declared         declared                                                git
    create declared             the same     so it is missing on Cloudflare             drift
    create declared             otherwise    it is missing and git changed it           both
    delete declared             gone                                                    git
    delete not declared, prune  not declared somebody made it on Cloudflare             drift
    delete not declared, kept   not declared somebody made it, and git now prunes it    both
    update not declared, prune  declared     it was surplus already; now git has it     both
    update not declared, kept   declared     git took it over                           git
    update declared             declared     every differing field: only git changed    git
    update declared             declared     every differing field: git is the same     drift
    update declared             declared     anything else                              both
    ====== ==================== ============ ========================================== =====

    Kept: `prune` was false, or `owns` or an ignore rule left the tunnel alone.

    Args:
        changes: Changes between what is declared now and what is live.
        baseline: What was declared then; for an account that did not exist, no tunnels and `prune: false`; None
            leaves the causes unknown.
    """
    if baseline is None:
        return tuple(changes)
    return tuple(c._replace(cause=_cause(c, baseline)) for c in changes)


def _cause(change: Change, baseline: Desired) -> Cause:
    names = [name for name in (change.name, change.previous_name) if name]
    then = next((baseline.tunnels[name] for name in names if name in baseline.tunnels), None)
    if change.action is Action.CREATE:
        if then is None or change.declared is None:
            return GIT
        return DRIFT if then.settings == change.declared.settings else BOTH
    if then is not None:
        return GIT if change.action is Action.DELETE else _update_cause(change, then)
    whole = [rule for rule in baseline.account.ignore if not rule.fields]
    owned = baseline.account.is_owned(names[-1])
    pruned = baseline.account.prune and owned and whole_rule(names[-1], whole) is None
    if change.action is Action.DELETE:
        return DRIFT if pruned else BOTH
    return BOTH if pruned else GIT


def _update_cause(change: Change, then: Declared) -> Cause:
    now = change.declared.settings if change.declared else {}
    before = then.settings
    causes: set[Cause] = set()
    for field in change.fields:
        meant = _under(before, field.path)
        if field.path in KEPT and not meant:  # git had no say in it then
            meant = _under(change.before, field.path)
        if meant != _under(now, field.path):
            causes.add(GIT)
        if meant != _under(change.before, field.path):
            causes.add(DRIFT)
    return causes.pop() if len(causes) == 1 else BOTH


def _under(settings: Settings, path: str) -> Settings:
    return {p: value for p, value in settings.items() if covers(path, p)}
