import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.api.pace import Pacer, Quota, parse_policies, parse_quota


def rush(pacer, end, answer=None):
    """Send as fast as the pacer lets, answered at once; returns the times."""
    now, sent = 0.0, []
    while now <= end:
        wait = pacer.reserve(now)
        if wait > 0:
            now += wait
            continue
        sent.append(now)
        pacer.note(answer(sent) if answer else {}, now, 0.0)
        now += 0.001
    return sent


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        ({"ratelimit": '"default";r=50;t=30'}, Quota(50, 30)),
        ({"ratelimit": '"burst";r=9;t=5, "default";r=3;t=200'}, Quota(3, 200)),
        ({"ratelimit": '"burst";r=3;t=5,"default";r=9;t=200'}, Quota(3, 5)),
        ({"x-ratelimit-remaining": "4", "x-ratelimit-reset": "12"}, Quota(4, 12)),
        ({"x-ratelimit-remaining": "4", "x-ratelimit-reset": "1800000012"}, Quota(4, 12)),
        ({"x-ratelimit-remaining": "4", "x-ratelimit-reset": "1700000000"}, Quota(4, 0)),
        ({"x-ratelimit-remaining": "4", "x-ratelimit-reset": "100000000"}, Quota(4, 100_000_000)),
        ({"ratelimit-remaining": "4", "ratelimit-reset": "12"}, Quota(4, 12)),
        ({"x-ratelimit-remaining": "4, 9", "x-ratelimit-reset": "12, 30"}, Quota(4, 30)),
        ({}, None),
        ({"ratelimit": '"default";r=50'}, None),
        ({"ratelimit": '"default";r=-1;t=x'}, None),
        ({"ratelimit": "\x00;r=" + "9" * 99 + ";t=1"}, None),
        ({"x-ratelimit-remaining": "4"}, None),
    ],
)
def test_the_quota_is_read_from_any_of_the_headers(headers, quota):
    assert parse_quota(headers, 1_800_000_000.0) == quota


@pytest.mark.parametrize(
    ("header", "policies"),
    [
        ('"burst";q=100;w=60', ((100, 60.0),)),
        ('"burst";q=8;w=2, "default";q=1000;w=300', ((8, 2.0), (1000, 300.0))),
        ('"default";q=1200;w=300', ()),
        ('"least";q=1;w=1,"most";q=1100;w=3600', ((1, 1.0), (1100, 3600.0))),
        ('"more";q=1101;w=60', ()),
        ('"half";q=5', ()),
        ('"half";w=5', ()),
        ('"zero";q=0;w=60', ()),
        ('"zero";q=5;w=0', ()),
        ('"long";q=5;w=999999', ()),
        ("nonsense", ()),
    ],
)
def test_the_policies_that_bind_are_read(header, policies):
    assert parse_policies({"ratelimit-policy": header}) == policies


def test_no_window_of_five_minutes_holds_more_than_the_pace():
    sent = rush(Pacer(), 650.0)
    assert len(sent) > 2200
    assert all(later - sooner > 300 for sooner, later in zip(sent, sent[1100:], strict=False))


def test_a_published_policy_is_kept_from_its_first_mention():
    sent = rush(Pacer(), 9.0, lambda _: {"ratelimit-policy": '"burst";q=8;w=2'})
    assert len(sent) == 40
    assert all(later - sooner > 2 for sooner, later in zip(sent, sent[8:], strict=False))


def test_a_quota_that_is_used_up_holds_calls_back_until_it_is_renewed():
    pacer = Pacer()
    assert pacer.reserve(0.0) == 0
    pacer.note({"ratelimit": '"default";r=2;t=30'}, 0.0, 0.0)
    assert [pacer.reserve(1.0), pacer.reserve(1.0)] == [0, 0]
    assert pacer.reserve(1.0) == pytest.approx(29.1)
    assert pacer.reserve(30.1) > 0  # two calls are in flight: whoever comes first after a drought comes alone
    pacer.note({}, 30.2, 0.0)
    pacer.note({}, 30.2, 0.0)
    assert [pacer.reserve(30.2), pacer.reserve(30.2)] == [0, 0]


def test_a_quota_that_was_not_used_up_makes_nobody_go_alone_when_it_is_renewed():
    pacer = Pacer()
    assert pacer.reserve(0.0) == 0
    pacer.note({"ratelimit": '"default";r=1;t=30'}, 0.0, 0.0)
    assert [pacer.reserve(31.0), pacer.reserve(31.0)] == [0, 0]


def test_a_used_up_quota_with_a_published_policy_makes_nobody_go_alone_when_it_is_renewed():
    pacer = Pacer()
    assert pacer.reserve(0.0) == 0
    pacer.note({"ratelimit": '"default";r=0;t=30', "ratelimit-policy": '"default";q=5;w=30'}, 0.0, 0.0)
    assert [pacer.reserve(31.0), pacer.reserve(31.0)] == [0, 0]


def test_a_quota_may_be_renewed_at_a_time_of_day():
    pacer = Pacer()
    assert pacer.reserve(0.0) == 0
    pacer.note({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000012"}, 0.0, 1_800_000_000.0)
    assert pacer.reserve(1.0) == pytest.approx(11.1)


def test_an_answer_that_comes_when_the_quota_is_renewed_begins_a_new_one():
    pacer = Pacer()
    assert [pacer.reserve(0.0), pacer.reserve(0.0)] == [0, 0]
    pacer.note({"ratelimit": '"default";r=1;t=30'}, 0.0, 0.0)
    pacer.note({"ratelimit": '"default";r=50;t=30'}, 30.1, 0.0)
    assert [pacer.reserve(30.1), pacer.reserve(30.1)] == [0, 0]


def test_later_answers_do_not_put_off_when_a_quota_is_renewed():
    pacer = Pacer()
    assert pacer.reserve(0.0) == 0
    pacer.note({"ratelimit": '"default";r=2;t=30'}, 0.0, 0.0)
    assert pacer.reserve(10.0) == 0
    pacer.note({"ratelimit": '"default";r=1;t=30'}, 10.0, 0.0)
    assert pacer.reserve(20.0) == 0
    assert pacer.reserve(21.0) == pytest.approx(9.1)


def test_an_answer_that_leaves_nothing_puts_off_the_next_call():
    pacer = Pacer()
    assert pacer.reserve(0.0) == 0
    pacer.note({"ratelimit": '"default";r=2;t=30'}, 0.0, 0.0)
    assert pacer.reserve(10.0) == 0
    pacer.note({"ratelimit": '"default";r=0;t=30'}, 10.0, 0.0)
    assert pacer.reserve(21.0) == pytest.approx(19.1)


def test_calls_in_flight_count_against_a_quota():
    pacer = Pacer()
    assert [pacer.reserve(0.0) for _ in range(4)] == [0, 0, 0, 0]
    pacer.note({"ratelimit": '"default";r=3;t=30'}, 0.1, 0.0)
    assert pacer.reserve(0.1) > 0


def test_an_answer_that_was_overtaken_does_not_raise_the_quota():
    pacer = Pacer()
    assert [pacer.reserve(0.0) for _ in range(2)] == [0, 0]
    pacer.note({"ratelimit": '"default";r=1;t=30'}, 0.1, 0.0)
    pacer.note({"ratelimit": '"default";r=9;t=30'}, 0.1, 0.0)
    assert pacer.reserve(0.1) > 0


def test_a_quota_that_slides_does_not_stall():
    sent = rush(Pacer(), 5.0, lambda _: {"ratelimit": '"default";r=1000;t=300'})
    assert len(sent) > 900


def test_after_a_silence_one_call_goes_alone_until_it_is_answered():
    pacer = Pacer()
    pacer.silence(3.0, 0.0)
    assert pacer.reserve(0.5) == 2.5
    assert pacer.reserve(3.0) == 0
    assert pacer.reserve(3.0) > 0
    pacer.note({}, 3.1, 0.0)
    assert [pacer.reserve(3.1), pacer.reserve(3.1)] == [0, 0]


def test_a_lost_probe_lets_the_next_call_go():
    pacer = Pacer()
    pacer.silence(1.0, 0.0)
    assert pacer.reserve(1.0) == 0
    pacer.lost()
    assert pacer.reserve(1.0) == 0


def test_calls_from_before_a_silence_that_get_lost_end_it_only_together():
    pacer = Pacer()
    assert [pacer.reserve(0.0), pacer.reserve(0.0)] == [0, 0]
    pacer.silence(1.0, 0.0)
    pacer.lost()
    assert pacer.reserve(1.0) > 0
    pacer.lost()
    assert [pacer.reserve(1.0), pacer.reserve(1.0)] == [0, 0]


def test_a_silence_ends_only_with_the_last_call_from_before_it():
    pacer = Pacer()
    assert [pacer.reserve(0.0), pacer.reserve(0.0)] == [0, 0]
    pacer.silence(1.0, 0.0)
    pacer.note({}, 2.0, 0.0)
    assert pacer.reserve(2.0) > 0
    pacer.note({}, 2.0, 0.0)
    assert [pacer.reserve(2.0), pacer.reserve(2.0)] == [0, 0]


def test_the_last_call_from_before_a_silence_ends_it_at_the_very_moment_it_is_over():
    pacer = Pacer()
    assert pacer.reserve(0.0) == 0
    pacer.silence(1.0, 0.0)
    pacer.note({}, 1.0, 0.0)
    assert [pacer.reserve(1.0), pacer.reserve(1.0)] == [0, 0]


def test_an_answer_from_before_a_silence_does_not_end_it():
    pacer = Pacer()
    assert [pacer.reserve(0.0), pacer.reserve(0.0)] == [0, 0]
    pacer.note({}, 0.1, 0.0)
    pacer.silence(5.0, 0.1)
    pacer.note({"ratelimit": '"default";r=100;t=1'}, 0.2, 0.0)
    assert pacer.reserve(1.0) == pytest.approx(4.1)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["ratelimit", "ratelimit-policy", "x-ratelimit-reset"]), st.text(max_size=30)))
def test_no_header_can_raise(headers):
    pacer = Pacer()
    pacer.reserve(0.0)
    pacer.note(headers, 0.0, 0.0)
    assert pacer.delay(0.0) >= 0
