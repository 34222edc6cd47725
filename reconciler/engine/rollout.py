"""Rollout: what can interrupt traffic goes in waves, and each wave must prove healthy before the next one begins.

    StopClock(True)           what is waited here is not the run's time
    Pause(5.0)
    Send(LIST)                lon-a: down since 09:00:02
    Pause(5.0)
    Send(LIST)                lon-a: up since 09:00:06, newer than its modified_on
    …                         still so when `settle` is over: healthy
    StopClock(False)

A session that is up proves little right after a change: a dead one still reads up until BGP's hold time is over. So it
must be newer than the change, by the server's clock in both cases, or have been up in every list for longer than that.

The user's own program, where there is one (`probe`), is asked of each tunnel too, before the wave and at every look: a
tunnel that it called healthy before must be called so for `settle`.

A wave that is not healthy in time gets its old values back, by updates like any other.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple

from reconciler.api.call import Conversation, Failure, NotSent, Pause, Probe, Probed, StopClock
from reconciler.engine.listing import PATIENCE
from reconciler.engine.run import Run
from reconciler.engine.updates import update
from reconciler.model.desired import Rollout
from reconciler.model.live import UNKNOWN, Live, LiveTunnel, Session, instant
from reconciler.model.problems import Problem
from reconciler.model.settings import Settings
from reconciler.model.tunnel import SENSITIVE_PATHS
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan.detour import detours
from reconciler.plan.diff import Change, shown_value, update_of
from reconciler.plan.order import order
from reconciler.plan.plan import listed
from reconciler.plan.waves import can_be_judged, traffic
from reconciler.plan.windows import hold_back

LOOK_SECONDS = 5.0
"""Time between two lists while a wave is watched."""

_LOOKS_FOR_WHAT_IT_WROTE = 6
"""Lists, at most, until one shows what is to be rolled back."""

_AGAIN = "Look at the tunnel's other end. Run apply again when it is clear why: it tries the change anew."
_UNCONFIRMED = "Run apply again, and answer yes when the tunnels are well."

Seen = Mapping[str, str]
"""Ref of a change whose tunnel is not healthy, to what was seen of it."""


def roll_out(run: Run) -> Conversation[bool]:
    """Carry out the waves of a plan.

    At the run's deadline nothing new begins, but the wave under way is judged to its end.

    Returns:
        Whether the rest of the plan may follow. When a wave ends badly it may not, and all that is left is skipped.
    """
    rollout = run.plan.desired.account.rollout
    waves = run.plan.phases.waves
    for number in range(1, len(waves) + 1):
        if number > 1:
            heed_windows(run)
        wave = run.plan.phases.waves[number - 1]
        yield from update(run, wave.first)
        before = run.live
        healthy_before = yield from _probed_before(run, traffic(change for group in wave.groups for change in group))
        yield from update(run, wave.groups)
        if rollout is None or not wave.groups:
            continue
        which = f"wave {number} of {len(waves)}"
        changes = [change for group in wave.groups for change in group]
        yield StopClock(stopped=True)
        if _is_deadline(run.stop):
            yield from _look_at_cut_off(run, changes)
        done = [c for c in changes if run.verdicts.get(c.ref) == APPLIED and c.id in run.sent]
        unhealthy: Seen | None = {}
        if done:
            watchable = run.stop is None or _is_deadline(run.stop)
            unhealthy = (
                (yield from watch(run, rollout, traffic(done), before, healthy_before, which)) if watchable else None
            )
        if unhealthy is None:
            run.notes.append(f"{which.capitalize()} was changed and not watched to its end: look at {_names(done)}.")
        elif unhealthy and rollout.on_failure == "rollback":
            yield from roll_back(run, done, unhealthy)
        elif unhealthy:
            for change in (c for c in done if c.ref in unhealthy):
                run.judge_for_good(
                    change, Verdict(Result.FAILED, Problem("not-healthy", unhealthy[change.ref], _AGAIN))
                )
        yield StopClock(stopped=False)
        bad = [
            c for c in changes if c.ref in (unhealthy or ()) or run.verdicts.get(c.ref, APPLIED).result not in _IN_ORDER
        ]
        if run.stop is None and bad:
            remedy = "Run apply again once that is solved: it goes on from where this run ended."
            skip_the_rest(run, Problem("rollout-ended", f"the rollout ended in {which}: {_names(bad)}", remedy))
            return False
    if waves:
        heed_windows(run)
    return True


def heed_windows(run: Run) -> None:
    """Hold back what waits for a window, if all have closed since the run began: it is the latest list's time."""
    plan = run.plan
    if run.stop is None:
        now = plan.options.now + timedelta(seconds=run.live.at - plan.live.at)
        run.plan = hold_back(plan, now, run.verdicts)


_IN_ORDER = (Result.APPLIED, Result.ROLLED_BACK)
"""Results of changes that are not themselves what ended a rollout."""


def _is_deadline(stop: Failure | None) -> bool:
    return isinstance(stop, NotSent) and stop.code == "deadline"


def _is_as(change: Change, live: Live) -> bool:
    """Whether a list shows a change as done."""
    tunnel = live.tunnels.get(change.ref)
    return tunnel is not None and tunnel.settings == change.target


def _names(changes: Iterable[Change]) -> str:
    return listed(change.name for change in changes)


def _look_at_cut_off(run: Run, changes: Iterable[Change]) -> Conversation[None]:
    """Look what became of the updates whose answer the deadline cut off, so that they can be judged."""
    unsure = [c for c in changes if c.ref in run.verdicts and run.verdicts[c.ref].result is Result.UNKNOWN]
    if unsure:
        yield Pause(LOOK_SECONDS, "until the list shows what the deadline cut off")
        live = yield from run.observe()
        run.decide((c for c in unsure if live and _is_as(c, live)), APPLIED)


def skip_the_rest(run: Run, why: Problem) -> None:
    """Decide about all that no verdict says anything of yet: it is not tried any more."""
    run.decide((c for c in run.plan.changes if c.ref not in run.verdicts), Verdict(Result.SKIPPED, why))


def updated(run: Run) -> list[Change]:
    """The updates that this run made, or may have made, and did not take back; not what others did just so."""
    made = (Result.APPLIED, Result.UNKNOWN)
    return [c for c in _sent(run) if run.verdicts[c.ref].result in made or _is_left_unhealthy(run.verdicts[c.ref])]


def _sent(run: Run) -> list[Change]:
    updates = (c for group in run.plan.phases.all_updates for c in group if c.id in run.sent and c.ref in run.verdicts)
    return [c for c in updates if c.ref not in run.for_good or _is_left_unhealthy(run.verdicts[c.ref])]


def _is_left_unhealthy(verdict: Verdict) -> bool:
    """Whether an update was made that did not come up, and was left since `on_failure` is `stop`."""
    return verdict.problem is not None and verdict.problem.code == "not-healthy"


def take_back(run: Run, why: str) -> Conversation[None]:
    """Roll back all updates of a run that nobody confirmed, and skip what was still to come.

    Args:
        run: As it is after its updates.
        why: Why they are not kept, in the words of a message.
    """
    done = updated(run)
    yield StopClock(stopped=True)
    live = (yield from run.observe()) if _sent(run) else None
    if live is None:
        remedy = "Run plan to see."
        problem = Problem("rollback-failed", f"it was to be rolled back ({why}), and there is no list to go by", remedy)
        for change in done:
            run.judge_for_good(change, Verdict(Result.UNKNOWN, problem))
    else:  # what failed may have been carried out all the same, or be parked
        at = {t.id: t.settings for t in live.tunnels.values()}
        failed = (c for c in _sent(run) if c not in done)
        done += [c for c in failed if at.get(c.ref, {}) in (c.target, run.answered.get(c.ref))]
    if live is not None and done:
        yield from roll_back(run, done, {change.ref: why for change in done}, _UNCONFIRMED)
    yield StopClock(stopped=False)
    skip_the_rest(run, Problem("not-confirmed", why, _UNCONFIRMED))


class _History(NamedTuple):
    """What the lists of a watch say of one session.

    Attributes:
        session: As last listed.
        at: When that list was there.
        same_since: When it was first listed just so.
        up_since: When it was first listed as up with no list in between that showed it otherwise; None if it is not up.
        fresh: Whether it became so after the change, by the server's clock.
    """

    session: Session
    at: float
    same_since: float
    up_since: float | None
    fresh: bool


def _probed_before(run: Run, changes: list[Change]) -> Conversation[frozenset[str]]:
    """Refs of the changes whose tunnel the user's program calls healthy before the wave, where there is one."""
    rollout = run.plan.desired.account.rollout
    tunnels = [(c, run.live.tunnels[c.ref].settings) for c in changes if c.ref in run.live.tunnels]
    if rollout is None or rollout.probe is None or run.stop is not None or not tunnels:
        return frozenset()
    yield StopClock(stopped=True)
    found: tuple[Probed, ...] = yield Probe(tuple((change.name, settings) for change, settings in tunnels))
    yield StopClock(stopped=False)
    return frozenset(change.ref for (change, _), one in zip(tunnels, found, strict=True) if one.healthy)


def watch(
    run: Run, rollout: Rollout, changes: list[Change], before: Live, healthy_before: frozenset[str], which: str
) -> Conversation[Seen | None]:
    """List until every tunnel of a wave is healthy that can be judged, or the time for that is over.

    Args:
        run: The account's state.
        rollout: How long to watch.
        changes: What the wave changed.
        before: The account as listed before the wave.
        healthy_before: Refs of changes whose tunnel the probe called healthy before the wave.
        which: The wave, for messages.

    Returns:
        What is not healthy; None when a list could not be had, which stops the account.
    """
    probed = [c for c in changes if c.ref in healthy_before]
    judged = [c for c in changes if c.ref in healthy_before or can_be_judged(c, before.tunnels.get(c.ref))]
    others = [c for c in changes if c not in judged]
    if others:
        but = ", and no probe that was healthy" if rollout.probe else ""
        run.notes.append(f"Not judged in {which}: {_names(others)} (no BGP session that was up before{but}).")
    if not judged:
        yield Pause(max(float(rollout.settle), LOOK_SECONDS), f"after {which}, of which nothing can be judged")
        return None if (yield from run.observe()) is None else {}
    histories: dict[str, _History] = {}
    since: dict[str, float] = {}  # when the probe began to call it healthy
    began: float | None = None
    waiting = [change.name for change in judged]
    while True:
        yield Pause(LOOK_SECONDS, f"for {waiting[0]} to be healthy ({which}, {len(waiting)} to go)")
        # Before the list, whose times then hold for what was found: it was so when the list was asked for.
        found: tuple[Probed, ...] = (yield Probe(tuple((c.name, c.target) for c in probed))) if probed else ()
        live = yield from run.observe()
        if live is None:
            return None
        began = live.at if began is None else began
        unhealthy: dict[str, list[str]] = {}
        for change in (c for c in judged if can_be_judged(c, before.tunnels.get(c.ref))):
            history = _after_list(change, live, histories.get(change.ref))
            histories[change.ref] = history
            if not healthy(history, live.asked, rollout):
                unhealthy.setdefault(change.ref, []).append(_why_unhealthy(history, live.at))
        for change, one in zip(probed, found, strict=True):
            if not one.healthy:
                since.pop(change.ref, None)
                unhealthy.setdefault(change.ref, []).append(f"its probe {one.said}")
            elif live.asked - since.setdefault(change.ref, live.at) < rollout.settle:
                unhealthy.setdefault(change.ref, []).append("its probe was healthy, and not for long enough")
        if not unhealthy:
            return {}
        if live.at - began >= rollout.watch:
            return {ref: "; ".join(said) for ref, said in unhealthy.items()}
        waiting = [change.name for change in judged if change.ref in unhealthy]


def _after_list(change: Change, live: Live, last: _History | None) -> _History:
    """The history with one more list. A list that does not show the change yet says nothing of what the change did.

    Where lists failed for a while, a session that has another time than before may have been down in between.
    """
    tunnel, at = live.tunnels.get(change.ref), live.at
    if tunnel is None or not _shows(change, tunnel):
        return _History(UNKNOWN, at, at, None, fresh=False)
    now = tunnel.session
    same = last is not None and last.session == now
    same_since = last.same_since if last and same else at
    seen_all_along = same or (last is not None and live.asked - last.at <= 2 * LOOK_SECONDS)
    up_since = last.up_since if last and last.up_since is not None and seen_all_along else at
    return _History(now, at, same_since, up_since if now.state == "up" else None, is_fresh(change, tunnel, now))


def _shows(change: Change, tunnel: LiveTunnel | None) -> bool:
    """Whether a list is younger than the change."""
    if tunnel is None or change.live is None:
        return False
    return tunnel.settings == change.target or tunnel.modified_on != change.live.modified_on


def is_fresh(change: Change, tunnel: LiveTunnel | None, now: Session) -> bool:
    """Whether the session became what it is after the change, by the server's clock."""
    if tunnel is None or change.live is None or tunnel.modified_on == change.live.modified_on:
        return False
    changed, since = instant(tunnel.modified_on), instant(now.since)
    return changed is not None and since is not None and since > changed


def healthy(history: _History, asked: float, rollout: Rollout) -> bool:
    """Whether it was up for long enough: from when its first list was there until its last was asked for."""
    if history.up_since is None:
        return False
    return (history.fresh and asked - history.same_since >= rollout.settle) or asked - history.up_since >= rollout.hold


def _why_unhealthy(history: _History, at: float) -> str:
    """What was seen last of a tunnel that is not healthy."""
    since = f" since {history.session.since}" if history.session.since else ""
    if history.session.state == "down":
        return f"its BGP session is down{since}"
    if history.up_since is None:
        return "nothing is known of its BGP session"
    return (
        f"its BGP session is up{since}, and was for {at - history.up_since:.0f} s only when the time to watch was over"
    )


def roll_back(run: Run, changes: list[Change], unhealthy: Seen, remedy: str = _AGAIN) -> Conversation[None]:
    """Give the tunnels of a wave the values back that this run took from them.

    Only these: what somebody else changed meanwhile is left as it is, and said. It goes by a list that shows what is to
    be taken back: one that lags behind would show the old values, as if there were nothing to do.
    """
    for _ in range(_LOOKS_FOR_WHAT_IT_WROTE):
        if all(_shows(change, run.live.tunnels.get(change.ref)) for change in changes):
            break
        yield Pause(LOOK_SECONDS, "until the list shows what is to be rolled back")
        if (yield from run.observe()) is None:
            for change in changes:
                run.judge_for_good(change, _not_known(unhealthy.get(change.ref, "its wave is not healthy")))
            return
    culprits = sorted(change.name for change in changes if change.ref in unhealthy)
    backwards: dict[str, Change] = {}
    foreign: dict[str, list[str]] = {}
    for change in changes:
        now = run.live.tunnels.get(change.ref)
        if now is None or now.unreadable:
            why = "it is no longer listed" if now is None else f"it can't be read any more: {now.unreadable}"
            run.judge_for_good(change, _not_back(change, why))
            continue
        target, foreign[change.ref] = as_before(change, now.settings, run.answered.get(change.ref, {}))
        backwards[change.ref] = update_of(now, target)
    back = yield from carry_back(run, [c for c in backwards.values() if c.fields])
    for change in (c for c in changes if c.ref in backwards):
        seen = unhealthy.get(change.ref) or f"it is in one wave with {', '.join(culprits)}"
        rolled_back = Problem("rolled-back", seen, remedy)
        verdict = verdict_of(change, back, backwards[change.ref], foreign[change.ref], rolled_back)
        run.judge_for_good(change, verdict)
    taken_back = [c for c in changes if run.verdicts[c.ref].result is Result.ROLLED_BACK]
    if taken_back:
        run.notes.append(f"Rolled back: {_names(taken_back)}.")


def as_before(change: Change, now: Settings, answered: Settings) -> tuple[Settings, list[str]]:
    """The settings as listed now with the old values of what was written, and the paths that somebody changed since.

    Args:
        change: What was written.
        now: As listed now.
        answered: As the server said that it keeps what was written, should it keep it in another form.
    """
    old = change.before
    known = (change.target, answered, old)
    foreign = [path for path in change.paths if all(now.get(path) != one.get(path) for one in known)]
    back = {*change.paths} - {*foreign}
    kept = {path: value for path, value in now.items() if path not in back}
    return kept | {path: value for path, value in old.items() if path in back}, foreign


def carry_back(run: Run, changes: list[Change]) -> Conversation[Run]:
    """Carry updates out as an apply does, and look until a list shows them done; the run of its own that did it."""
    phases = order(changes, run.live)
    around = detours(phases.updates, run.plan.desired, run.live)
    plan = run.plan._replace(live=run.live, changes=tuple(changes), phases=phases, detours=around)
    back = Run(plan, frozenset())
    back.size = run.size
    for change, (kind, value), holder in phases.unsolvable:  # on servers that don't refuse it two would hold it
        why = f"{run.live.tunnels[holder].name} holds the {kind.value} {value} by now"
        back.verdicts[change.ref] = Verdict(Result.FAILED, Problem("held", why))
    yield from update(back, phases.updates)
    for wait in (0.0, *PATIENCE) if changes else ():
        if wait:
            yield Pause(wait, "until the list shows what was rolled back")
        live = yield from back.observe()
        left = [c for c in changes if live and not _is_as(c, live) and back.verdicts.get(c.ref) == APPLIED]
        if not left:
            break
    run.live = back.live
    run.stop = run.stop or back.stop
    run.notes += back.notes
    return back


def verdict_of(change: Change, back: Run, way: Change, foreign: Iterable[str], rolled_back: Problem) -> Verdict:
    """How the rollback of a change ended, by the last list; `rolled_back` says why, where all of it was."""
    if back.stop is not None:
        return _not_known(rolled_back.message)
    now = back.live.tunnels.get(change.ref)
    if not _is_as(way, back.live):
        said = back.verdicts.get(change.ref)
        why = said.problem.message if said and said.problem else "the list does not show its old values"
        return _not_back(change, why, now.settings if now else {})
    if foreign := list(foreign):
        why = f"it was rolled back ({rolled_back.message}) but for {', '.join(foreign)}, which others changed meanwhile"
        return Verdict(Result.UNKNOWN, Problem("changed-meanwhile", why, "Run plan and look."))
    return Verdict(Result.ROLLED_BACK, rolled_back)


def _not_known(seen: str) -> Verdict:
    why = f"it was to be rolled back ({seen}), and no list shows whether it was"
    return Verdict(Result.UNKNOWN, Problem("rollback-failed", why, "Run plan to see."))


def _not_back(change: Change, why: str, now: Settings | None = None) -> Verdict:
    """The verdict on a change that could not be taken back, with the values that differ."""
    paths = [field.path for field in change.fields if field.path not in SENSITIVE_PATHS] if now is not None else []
    values = [
        f"{path} is {shown_value(path, now or {})!r} and was {shown_value(path, change.before)!r}" for path in paths
    ]
    message = "; ".join([f"it could not be given its old values back: {why}", *values])
    return Verdict(Result.FAILED, Problem("rollback-failed", message, "Change it back in the files, or by hand."))
