"""Verification: list again, diff again; only an empty difference is success.

What an answer says of a write is a claim, and what the list shows is the fact: a server may drop a field that it took,
or keep what it was told to remove. So the last list corrects the verdicts. (API: it is not documented whether a
list shows a write at once, so a list may be read several times before it counts.)
"""

from collections.abc import Collection, Mapping

from reconciler.api.call import Conversation, Pause
from reconciler.engine.listing import AGREEMENT_SECONDS, PATIENCE
from reconciler.engine.run import Run, name_changed
from reconciler.model.canonical import same_letters
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.verdict import APPLIED, THERE, Result, Verdict
from reconciler.plan.build import remaining, unreadable
from reconciler.plan.diff import Action, Change

_GUESSED = frozenset({"not-modified", "changed-meanwhile"})
"""Codes of verdicts that were guessed, since neither answer nor list said why. The last list may know better."""


def verify(run: Run) -> Conversation[tuple[Change, ...] | None]:
    """Prove convergence by looking again; corrects the verdicts by what the list says.

    A list that differs only in what this run wrote may lag behind, so it is read again with back-off. So may one that
    shows everything done although not every answer said so: it is read once more.

    Returns:
        What still differs, or None when no trusted list could be had.
    """
    waits = [*PATIENCE]  # when none is left, the list counts, whatever it shows
    doubtful = True  # until a second list confirms what answers did not say
    while (live := (yield from run.observe())) is not None:
        left = remaining(run.plan, live)
        if not left and doubtful and any(v != APPLIED for v in run.verdicts.values()):
            doubtful = False
            yield Pause(AGREEMENT_SECONDS, "before a second list that must confirm what the answers did not say")
            continue
        ours = _origins(run, left)
        names = live.by_name().keys()
        if not waits or not any(_may_lag(run, change, live, names) for change, _ in ours):
            _correct(run, live, {change.ref: one for change, one in ours})
            # A create under another name is one difference and not two: the tunnel that is there is not surplus.
            renamed = {t.id for c in left if (t := _renamed(run, c, live))}
            return tuple(c for c in left if c.id not in renamed)
        yield Pause(waits.pop(0), "until the list shows what was written")
    return None


def _origins(run: Run, left: tuple[Change, ...]) -> list[tuple[Change, Change]]:
    """The changes of this run that should have made differences go away, each with the one that is left."""
    by_ref = {c.ref: c for c in run.plan.changes}
    # A create has another ref once its tunnel is there: the id in place of +name.
    by_name = {c.name: c for c in run.plan.changes if c.action is not Action.DELETE}
    found = [(by_ref.get(one.ref) or by_name.get(one.name), one) for one in left]
    return [(change, one) for change, one in found if change is not None]


def _may_lag(run: Run, change: Change, live: Live, names: Collection[str]) -> bool:
    """True when this run wrote what still differs, and the list shows no trace of the write yet.

    The trace of a create or a delete is that the tunnel is there or gone. That of an update is the values that its
    answer gave, or a new time of modification. With a trace the list is up to date, and waiting would not change it.
    """
    if run.verdicts.get(change.ref) != APPLIED:
        return False
    now = live.tunnels.get(change.ref)
    if change.live is None or now is None:
        return change.name not in names and _renamed(run, change, live) is None
    if run.answered.get(change.ref) == now.settings:
        return False
    return now.modified_on == change.live.modified_on


def _renamed(run: Run, change: Change, live: Live) -> LiveTunnel | None:
    """The tunnel that a create made, when the server keeps its name in another form."""
    other = run.stand_in(change, live) if change.action is Action.CREATE else None
    return other if other and same_letters(other.name, change.name) else None


def _correct(run: Run, live: Live, differing: Mapping[str, Change]) -> None:
    """The list decides: what it shows as done is applied, what it still shows as different is not.

    Where the answer already said why something was not done, its words stay: they are Cloudflare's own.
    """
    # By both refs that its change may have: that of an update, and that of a create.
    unread = {ref: t.reason for t in unreadable(run.plan, live) for ref in (t.id, f"+{t.name}")}
    for change in (c for c in run.plan.changes if c.ref not in run.for_good):
        one = differing.get(change.ref)
        if change.ref in unread:
            if run.verdicts.get(change.ref) in (APPLIED, THERE):
                run.verdicts[change.ref] = Verdict(Result.UNKNOWN, Problem("unreadable-tunnel", unread[change.ref]))
        elif one is None:
            if change.action is Action.CREATE and run.verdicts.get(change.ref) != APPLIED:
                run.unproved(change, "a list shows the tunnel, but no answer said that this run made it")
            else:
                run.verdicts[change.ref] = APPLIED
        else:
            verdict = run.verdicts.get(change.ref)
            guessed = verdict and verdict.problem and verdict.problem.code in _GUESSED and _kept(one)
            if verdict == APPLIED or guessed:  # the list knows better than the answer why something still differs
                run.verdicts[change.ref] = Verdict(Result.FAILED, _why(run, live, one))


def _kept(left: Change) -> bool:
    """True when all that differs was taken away and is still there."""
    return left.action is Action.UPDATE and all(
        f.after is None and not (f.sensitive and left.target.get(f.path)) for f in left.fields
    )


def _why(run: Run, live: Live, left: Change) -> Problem:
    paths = ", ".join(f.path for f in left.fields)
    other = _renamed(run, left, live)
    kept = other.name if other else left.previous_name if paths == "name" else None
    if kept and same_letters(kept, left.name):
        return name_changed(left, kept, f"it was sent as {left.name!r}, and the list shows {kept!r}")
    if _kept(left):
        remedy = "The API documents no way to remove it: declare it, ignore the field, or replace the tunnel by hand."
        return Problem("not-cleared", f"the server keeps {paths} although it was taken away", remedy)
    what = {
        Action.CREATE: "the list does not show the tunnel",
        Action.DELETE: "the list still shows the tunnel",
        Action.UPDATE: f"the list shows other values for {paths}",
    }[left.action]
    remedy = "Run apply again; if it stays so, somebody else changes it or the server does not keep what it is sent."
    return Problem("not-converged", what, remedy)
