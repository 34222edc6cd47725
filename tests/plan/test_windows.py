"""Windows: when they are open, daylight saving included, and what an apply holds back while they are closed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.desired import WEEK, Window
from reconciler.plan.windows import Hours, hold_back, hours, waiting
from tests.build import account, desired, live, plan, raw, tunnel

LONDON, NEW_YORK = "Europe/London", "America/New_York"


def window(days: str, begins: str, ends: str, zone: str = "UTC") -> Window:
    def minutes(text: str) -> int:
        hour, minute = map(int, text.split(":"))
        return 60 * hour + minute

    return Window(tuple(sorted(WEEK.index(day) for day in days.split())), minutes(begins), minutes(ends), zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}:00Z")


SUNDAY_NIGHT = window("sun", "22:00", "04:00")
EVERY_DAY = " ".join(WEEK)


@pytest.mark.parametrize(
    ("windows", "now", "opens", "closes"),
    [
        # 2026-05-03 is a Sunday.
        ([window("sun", "10:00", "12:00")], "05-03T09:59", "05-03T10:00", None),
        ([window("sun", "10:00", "12:00")], "05-03T10:00", None, "05-03T12:00"),
        ([window("sun", "10:00", "12:00")], "05-03T12:00", "05-10T10:00", None),
        # Over midnight: it is Sunday's window, also on Monday morning.
        ([SUNDAY_NIGHT], "05-03T03:00", "05-03T22:00", None),
        ([SUNDAY_NIGHT], "05-03T23:00", None, "05-04T04:00"),
        ([SUNDAY_NIGHT], "05-04T03:59", None, "05-04T04:00"),
        ([SUNDAY_NIGHT], "05-04T04:00", "05-10T22:00", None),
        ([window("sun", "22:00", "00:00")], "05-03T23:59", None, "05-04T00:00"),
        # Up to 24:00, and what meets there.
        ([window("sun", "22:00", "24:00")], "05-03T23:59", None, "05-04T00:00"),
        ([window("sun", "22:00", "24:00"), window("mon", "00:00", "05:00")], "05-03T23:00", None, "05-04T05:00"),
        ([window("sat sun", "00:00", "24:00")], "05-02T12:00", None, "05-04T00:00"),
        # Overlapping, within each other, in any order, of several zones.
        ([window("sun", "11:00", "13:00"), window("sun", "10:00", "12:00")], "05-03T10:30", None, "05-03T13:00"),
        ([window("sun", "10:00", "14:00"), window("sun", "11:00", "12:00")], "05-03T11:30", None, "05-03T14:00"),
        ([window("sun", "10:00", "12:00"), window("sun", "13:00", "14:00")], "05-03T12:30", "05-03T13:00", None),
        ([window("mon", "10:00", "11:00", "Asia/Tokyo")], "05-03T12:00", "05-04T01:00", None),
        (
            [window("sun", "22:00", "24:00", NEW_YORK), window("mon", "02:00", "03:00", LONDON)],
            "05-04T01:30",
            None,
            "05-04T04:00",
        ),
        ([window("sun", "20:00", "21:00", "Pacific/Kiritimati")], "05-03T05:59", "05-03T06:00", None),
        # Always.
        ([window(EVERY_DAY, "00:00", "24:00")], "05-03T12:00", None, None),
        ([window(EVERY_DAY, "12:00", "11:00"), window(EVERY_DAY, "11:00", "12:00")], "05-03T11:00", None, None),
        # London, clocks forward: on 29 March 01:00 becomes 02:00.
        ([window("sat", "22:00", "04:00", LONDON)], "03-28T23:00", None, "03-29T03:00"),
        ([window("sun", "00:00", "01:30", LONDON)], "03-29T00:30", None, "03-29T01:00"),
        ([window("sun", "01:30", "03:00", LONDON)], "03-29T00:59", "03-29T01:00", None),
        ([window("sun", "01:30", "03:00", LONDON)], "03-29T01:00", None, "03-29T02:00"),
        ([window("sun", "01:15", "01:45", LONDON)], "03-29T00:30", "04-05T00:15", None),
        # Clocks back: on 25 October 02:00 becomes 01:00.
        ([window("sat", "22:00", "04:00", LONDON)], "10-24T21:00", None, "10-25T04:00"),
        ([window("sun", "01:30", "01:45", LONDON)], "10-25T00:29", "10-25T00:30", None),
        ([window("sun", "01:30", "01:45", LONDON)], "10-25T00:30", None, "10-25T00:45"),
        ([window("sun", "01:30", "01:45", LONDON)], "10-25T01:30", "11-01T01:30", None),
        ([window("sun", "01:30", "03:00", LONDON)], "10-25T01:15", None, "10-25T03:00"),
        # New York, forward on 8 March from 02:00 to 03:00, back on 1 November from 02:00 to 01:00.
        ([window("sun", "02:30", "03:30", NEW_YORK)], "03-08T06:59", "03-08T07:00", None),
        ([window("sun", "02:30", "03:30", NEW_YORK)], "03-08T07:00", None, "03-08T07:30"),
        ([window("sun", "02:00", "03:00", NEW_YORK)], "03-08T06:00", "03-15T06:00", None),
        ([window("sun", "01:00", "02:00", NEW_YORK)], "11-01T04:59", "11-01T05:00", None),
        ([window("sun", "01:00", "02:00", NEW_YORK)], "11-01T06:30", None, "11-01T07:00"),
    ],
)
def test_when_traffic_may_be_touched(windows, now, opens, closes):
    assert hours(windows, at(now)) == Hours(opens and at(opens), closes and at(closes))


WINDOWS = st.lists(
    st.builds(
        Window,
        st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
        st.integers(0, 1439),
        st.integers(0, 1440),
        st.sampled_from([LONDON, NEW_YORK, "UTC", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    ).filter(lambda one: one.begins != one.ends),
    min_size=1,
    max_size=3,
)
MOMENTS = st.integers(0, 365 * 1440).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
SECOND = timedelta(seconds=1)


@given(WINDOWS, MOMENTS)
def test_what_is_said_of_a_change_is_so_when_it_comes(windows, now):
    found = hours(windows, now)
    if found.opens:
        assert now < found.opens
        assert hours(windows, found.opens - SECOND) == found
        assert hours(windows, found.opens).opens is None
    elif found.closes:
        assert now < found.closes
        assert hours(windows, found.closes - SECOND) == found
        assert hours(windows, found.closes).opens is not None


@given(WINDOWS, MOMENTS)
def test_another_window_never_closes_what_is_open(windows, now):
    alone = [hours([one], now).opens for one in windows]
    assert (hours(windows, now).opens is None) == (None in alone)


CLOSED, OPEN = at("05-03T12:00"), at("05-03T22:30")
NET = "10.0.0.0/31"


def waits(declared, now_live, of=None, **options):
    """Names of what waits, in a plan for a window that is closed."""
    found = plan(desired(*declared, of=of or account(windows=(SUNDAY_NIGHT,), removed=["gone"])), now_live, **options)
    return {change.name for change in found.changes if change.ref in waiting(found)}


def test_what_can_interrupt_traffic_waits_and_nothing_else_does():
    assert waits(
        [tunnel("a", description="x"), tunnel("b", customer_endpoint="198.51.100.77"), tunnel("new")],
        live("a", "b", "gone"),
    ) == {"b", "gone"}


def test_what_needs_a_change_that_waits_waits_too():
    # new takes what a gives up (no harm in itself), and a takes what gone holds.
    found = waits(
        [tunnel("a", interface_address="10.0.0.2/31"), tunnel("new", interface_address=NET)],
        live(raw("a", interface_address=NET), raw("gone", interface_address="10.0.0.2/31")),
    )
    assert found == {"a", "gone", "new"}


def test_a_name_that_is_needed_waits_over_several_steps():
    # x becomes y with a new endpoint, which can interrupt it; w becomes x then, and a new w is made.
    found = waits(
        [
            tunnel("y", renamed_from="x", customer_endpoint="198.51.100.77", **_address_of("x")),
            tunnel("x", renamed_from="w", **_address_of("w")),
            tunnel("w", interface_address=NET),
            tunnel("other"),
        ],
        live("x", "w"),
    )
    assert found == {"y", "x", "w"}


def _address_of(name):
    return {"interface_address": raw(name)["interface_address"]}


def test_a_cycle_waits_as_a_whole():
    found = waits(
        [tunnel("a", interface_address="10.0.0.2/31"), tunnel("b", interface_address=NET), tunnel("c")],
        live(raw("a", interface_address=NET), raw("b", interface_address="10.0.0.2/31")),
    )
    assert found == {"a", "b"}


def held(now, **options):
    of = account(windows=(SUNDAY_NIGHT,), removed=["gone"])
    declared = desired(tunnel("a", description="x"), tunnel("b", customer_endpoint="198.51.100.77"), of=of)
    return plan(declared, live("a", "b", "gone"), **options), hold_back(
        plan(declared, live("a", "b", "gone"), **options), now
    )


def test_a_plan_without_what_waits():
    whole, found = held(CLOSED)
    assert [(one.change.name, one.reason, one.opens) for one in found.held_back] == [
        ("b", "window", at("05-03T22:00")),
        ("gone", "window", at("05-03T22:00")),
    ]
    assert [change.name for change in found.changes] == ["a"]
    assert found.api_calls == {"list": 2, "update": 1, "create": 0, "delete": 0}
    assert found.digest == whole.digest


def test_nothing_waits_while_a_window_is_open_or_when_the_user_says_so():
    whole, found = held(OPEN)
    assert found == whole
    whole, found = held(CLOSED, outside_window=True)
    assert found == whole


def test_a_plan_and_its_guards_and_digest_know_no_windows():
    declared = [tunnel("b", customer_endpoint="198.51.100.77")]
    now_live = live("b", "c", "d", "e", "f")
    whole, windowed = (
        plan(desired(*declared, of=account(windows=windows)), now_live) for windows in ((), (SUNDAY_NIGHT,))
    )
    assert [guard.code for guard in windowed.guards] == ["max-deletes", "max-delete-percent"]
    assert (windowed.guards, windowed.digest, windowed.changes) == (whole.guards, whole.digest, whole.changes)
