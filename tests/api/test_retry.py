import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.api.call import READS, Ambiguous, Call, NotSent, Verb
from reconciler.api.retry import next_delay, parse_retry_after

LIST = Call(Verb.LIST)
ROUTES = Call(Verb.ROUTES)
WRITES = [Call(verb) for verb in Verb if verb not in READS]
MAYBE = Ambiguous("http-500", "HTTP 500")
UNREACHABLE = NotSent("unreachable", "refused")
LIMITED = NotSent("rate-limited", "HTTP 429")
NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize("call", WRITES, ids=lambda call: call.verb)
def test_a_write_that_may_have_been_carried_out_is_never_repeated(call):
    assert next_delay(call, MAYBE, 1, 0.0) is None


@pytest.mark.parametrize("call", [LIST, ROUTES, *WRITES], ids=lambda call: call.verb)
@pytest.mark.parametrize("failure", [UNREACHABLE, LIMITED], ids=lambda failure: failure.code)
def test_what_was_surely_not_carried_out_is_repeated(call, failure):
    assert next_delay(call, failure, 1, 0.5) == 0.25


@pytest.mark.parametrize("call", [LIST, ROUTES, Call(Verb.CREATE, validate_only=True)], ids=lambda call: call.verb)
def test_what_changes_nothing_is_repeated(call):
    assert next_delay(call, MAYBE, 1, 0.5) == 0.25


def test_the_backoff_doubles_up_to_a_minute():
    delays = [next_delay(LIST, LIMITED, attempt, 1.0) for attempt in range(1, 13)]
    assert delays == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, None]


def test_other_failures_end_after_six_tries():
    assert [next_delay(LIST, MAYBE, attempt, 1.0) for attempt in (5, 6)] == [8, None]


def test_routes_are_asked_for_twice_at_most_unless_all_calls_are_limited():
    assert [next_delay(ROUTES, MAYBE, attempt, 1.0) for attempt in (1, 2)] == [0.5, None]
    assert next_delay(ROUTES, LIMITED, 2, 1.0) == 1.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3),
        (" 300 ", 300),
        ("0", 0),
        ("1.5", 1.5),
        ("99999999", 99999999),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30),
        ("Friday, 15-Jan-27 08:00:30 GMT", 30),
        ("Fri Jan 15 08:00:30 2027", 30),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("-1", None),
        ("NaN", None),
        ("inf", None),
        ("1e9", None),
        ("soon", None),
        ("3, 5", 5),
        ("30, 5", 30),
        ("30,soon", 30),
        ("soon, 30", 30),
        ("5, Fri, 15 Jan 2027 08:00:30 GMT", 30),
        ("Fri, 15 Jan 2027 08:00:30 GMT,5", 30),
        ("Friday, 15-Jan-27 08:00:30 GMT, Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri Jan 15 08:00:30 2027, 5", 30),
        ("٣", None),
        ("9" * 25, 1e9),
        ("9" * 5000, 1e9),
        ("0." + "3" * 30, 1 / 3),
        ("Fri, 99 Foo 2027 08:00:30 GMT", None),
        ("Fri, 15 Jan 99999 08:00:30 GMT", None),
        ("a" * 1000, None),
    ],
)
def test_retry_after_is_the_longest_of_seconds_and_dates(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


@settings(max_examples=100)
@given(st.text(max_size=40))
def test_no_retry_after_can_raise_or_be_negative(value):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0
