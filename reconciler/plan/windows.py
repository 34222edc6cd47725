"""Windows: when traffic may be touched, and what an apply holds back at any other time.

    windows: [{days: [sat, sun], from: "22:00", to: "04:00", zone: Europe/London}]

opens on Saturday and Sunday at 22:00, and closes on Sunday and Monday at 04:00. Where windows overlap or meet, traffic
may be touched as long as any of them is open.

A time of day means the first moment at which the zone's clocks show it, or a later time. So when they are put back and
show 01:30 twice, it is the first; and when they are put forward past 01:30, it is the moment at which that happens: a
window that lies wholly within the skipped hour does not open that day.

A plan holds and judges all changes, whatever the hour. Only an apply, right before it writes, leaves out what waits.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.desired import Window
from reconciler.model.tunnel import Impact
from reconciler.plan.diff import Change
from reconciler.plan.order import Group, Wave
from reconciler.plan.plan import Held, Plan

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_AHEAD = 16
"""Days to look ahead: windows come again each week, and one that clocks skip comes again a week later."""
_ALWAYS = timedelta(days=8)
"""What is open for longer is open at all times, since windows are the same each week."""


class Hours(NamedTuple):
    """Whether traffic may be touched, and when that changes.

    Attributes:
        opens: While all windows are closed, when one opens; None while one is open.
        closes: While one is open, when none is any more; None while all are closed, and where it is always open.
    """

    opens: datetime | None
    closes: datetime | None


def hours(windows: Iterable[Window], now: datetime) -> Hours:
    """Whether traffic may be touched now, by these windows."""
    opens = closes = None
    for begin, end in sorted(span for window in windows for span in _spans(window, now)):
        if opens is None or closes is None or begin > closes:
            if closes is not None and closes > now:
                break  # the one under way, or the next one, is found in full
            opens, closes = begin, end
        else:
            closes = max(closes, end)
    if opens is None or closes is None or opens > now:
        return Hours(opens, None)
    return Hours(None, None if closes - now > _ALWAYS else closes)


def _spans(window: Window, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When the window is open from yesterday on, as opening and end."""
    from zoneinfo import ZoneInfo  # most accounts have no window

    zone = ZoneInfo(window.zone)
    today = now.astimezone(zone).date()
    next_day = 1440 if window.ends <= window.begins else 0
    for day in (today + _DAY * number for number in range(-1, _AHEAD)):
        if day.weekday() in window.days:
            begin, end = (_moment(day, m, zone) for m in (window.begins, window.ends + next_day))
            if begin < end:
                yield begin, end


def _moment(day: date, minutes: int, zone: "ZoneInfo") -> datetime:
    """The first moment at which the zone's clocks show so many minutes since the day began, or a later time."""
    shown = datetime.combine(day, time()) + _MINUTE * minutes
    # By `fold` of a time that is shown twice: the first and the second; of one that is skipped: before and after it.
    first = min(shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while first.astimezone(zone).replace(tzinfo=None) < shown:
        first += _MINUTE
    return first


def waiting(plan: Plan, decided: Collection[str] = ()) -> frozenset[str]:
    """Refs of the changes that wait for a window: what can interrupt traffic, and what needs a change that waits.

    Args:
        plan: The plan.
        decided: Refs of changes that are decided already, and so wait for nothing.
    """
    phases = plan.phases
    found = {change.ref for change in (*phases.first_deletes, *phases.last_deletes) if change.ref not in decided}
    # What frees comes before what needs it, so one pass finds all. The members of a cycle all need the same.
    for group in (*phases.all_updates, *((change,) for change in phases.creates)):
        if group[0].ref in decided:
            continue
        touches = any(change.impact is Impact.TRAFFIC for change in group)
        if touches or not found.isdisjoint(phases.needs.get(group[0].ref, ())):
            found |= {change.ref for change in group}
    return frozenset(found)


def hold_back(plan: Plan, now: datetime, decided: Collection[str] = ()) -> Plan:
    """The plan without what has to wait now; the plan as it is while a window is open, or where there is none.

    What is left was judged with the rest, so its guards and its digest are the whole plan's.
    """
    windows = plan.desired.account.windows
    opens = hours(windows, now).opens if windows and not plan.options.outside_window else None
    if opens is None:
        return plan
    refs = waiting(plan, decided)

    def kept(changes: Iterable[Change]) -> tuple[Change, ...]:
        return tuple(change for change in changes if change.ref not in refs)

    def groups(every: Iterable[Group]) -> tuple[Group, ...]:
        return tuple(group for group in every if group[0].ref not in refs)  # a cycle goes as a whole, or not at all

    phases = plan.phases._replace(
        waves=tuple(Wave(groups(wave.first), groups(wave.groups)) for wave in plan.phases.waves),
        first_deletes=kept(plan.phases.first_deletes),
        updates=groups(plan.phases.updates),
        creates=kept(plan.phases.creates),
        last_deletes=kept(plan.phases.last_deletes),
    )
    held = [
        Held(change, "window" if change.impact is Impact.TRAFFIC else "needs-window", opens)
        for change in plan.changes
        if change.ref in refs
    ]
    return plan._replace(changes=kept(plan.changes), phases=phases, held_back=(*plan.held_back, *held))
