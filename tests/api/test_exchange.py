import json
from dataclasses import dataclass, field

import pytest

from reconciler.api.call import (
    Ambiguous,
    Answered,
    ApiError,
    Ask,
    Call,
    Denied,
    NotSent,
    Pause,
    Said,
    Send,
    StopClock,
    Verb,
)
from reconciler.api.exchange import Allowance, AmbiguousError, Client, NotSentError, SecretAccess, exchange
from reconciler.api.wire import Reply

LIST = Call(Verb.LIST)
CREATE = Call(Verb.CREATE, {"name": "lon"})
EMPTY = Reply(200, {}, b'{"success":true,"result":{"ipsec_tunnels":[]}}')
CREATED = Reply(200, {}, b'{"success":true,"result":{"id":"a1"}}')
RAY = "8f2a1b3c4d5e6f70-LHR"
WRONG = Reply(500, {"cf-ray": RAY}, b"oops")
HTML = Reply(200, {}, b"<html>")
DENIED = Reply(403, {}, b'{"success":false,"errors":[{"code":10000,"message":"no"}]}')
FIREWALL = Reply(403, {}, b"<html>")
OFFLINE = NotSentError("refused")
RESET = AmbiguousError("reset")


def limited(**headers):
    return Reply(429, headers, b"")


def after(value):
    return Reply(429, {"retry-after": value}, b"")


@dataclass
class Port:
    """Answers by a script; time passes only in sleeps."""

    script: list
    clock: float = 0.0
    stop_at: float = 1e9
    sent: list = field(default_factory=list)
    timeouts: list = field(default_factory=list)

    def send(self, request, timeout):
        self.sent.append((self.clock, request))
        self.timeouts.append(timeout)
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def now(self):
        return self.clock

    def epoch(self):
        return 1_800_000_000.0 + self.clock

    def sleep(self, seconds):
        self.clock += seconds

    def random(self):
        return 0.5

    def stopping(self):
        return self.clock >= self.stop_at

    @property
    def times(self):
        return [round(at, 3) for at, _ in self.sent]


def allowance(deadline=600.0, budget=200):
    return Allowance(
        deadline,
        SecretAccess(lambda account, name: f"key-of-{name}-in-{account}", str, lambda text: "t0ken" in text),
        budget,
    )


@pytest.mark.parametrize(
    ("call", "script", "outcome"),
    [
        (CREATE, [CREATED], Answered()),
        (CREATE, [OFFLINE, CREATED], Answered()),
        (CREATE, [limited(), CREATED], Answered()),
        (CREATE, [WRONG], Ambiguous("http-500", "HTTP 500", RAY)),
        (CREATE, [RESET], Ambiguous("no-answer", "reset")),
        (CREATE, [HTML], Ambiguous("unreadable", "the answer is not JSON (HTTP 200)")),
        (CREATE, [OFFLINE, RESET], Ambiguous("no-answer", "reset")),
        (CREATE, [OFFLINE] * 6, NotSent("unreachable", "refused")),
        (CREATE, [limited()] * 12, NotSent("rate-limited", "too many calls (HTTP 429)")),
        (LIST, [WRONG] * 6, Ambiguous("http-500", "HTTP 500", RAY)),
        (LIST, [HTML] * 6, Ambiguous("unreadable", "the answer is not JSON (HTTP 200)")),
        (Call(Verb.GENERATE_PSK, {}, "a1"), [RESET], Ambiguous("no-answer", "reset")),
    ],
)
def test_a_script_of_answers_ends_in_its_outcome(call, script, outcome):
    port = Port(list(script))
    assert exchange(call, "acc", allowance(), port) == outcome
    assert port.script == []


@pytest.mark.parametrize("account", ["acc", "other"])
def test_accounts_with_one_token_and_tunnels_of_one_name_each_send_their_own_key(account):
    port = Port([CREATED])
    exchange(Call(Verb.CREATE, {"name": "lon"}, psks={"": "lon"}), account, allowance(), port)
    assert json.loads(port.sent[0][1].body) == {"name": "lon", "psk": f"key-of-lon-in-{account}"}


@pytest.mark.parametrize("fault", [WRONG, RESET, HTML, OFFLINE, limited(), Reply(408), Reply(409)])
def test_a_list_survives_a_passing_fault(fault):
    assert isinstance(exchange(LIST, "acc", allowance(), Port([fault, EMPTY])), Answered)


def test_the_backoff_has_full_jitter():
    port = Port([OFFLINE, OFFLINE, OFFLINE, CREATED])
    exchange(CREATE, "acc", allowance(), port)
    assert port.times == [0, 0.25, 0.75, 1.75]


@pytest.mark.parametrize("value", ["3", "Fri, 15 Jan 2027 08:00:03 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_silences_every_call_of_the_token(value, status):
    shared, port = allowance(), Port([Reply(status, {"retry-after": value}, b""), CREATED, CREATED])
    exchange(CREATE, "acc", shared, port)
    exchange(CREATE, "other", shared, port)
    assert [at for at in port.times if 0 < at < 3] == []


def test_a_wait_beyond_the_deadline_is_not_begun():
    port = Port([after("300")])
    outcome = exchange(CREATE, "acc", allowance(deadline=10.0), port)
    assert isinstance(outcome, NotSent)
    assert (outcome.code, port.clock, "300 s" in outcome.message) == ("rate-limited", 0, True)


def test_a_backoff_beyond_the_deadline_is_not_begun():
    port = Port([OFFLINE])
    outcome = exchange(CREATE, "acc", allowance(deadline=0.2), port)
    assert (outcome.code, port.clock) == ("unreachable", 0)


@pytest.mark.parametrize(("answer", "code"), [(OFFLINE, "unreachable"), (WRONG, "deadline")])
def test_where_nothing_listens_more_time_would_not_help(answer, code):
    # Each try after a wait that the deadline still allowed; at the end the gate or the wait gives up.
    for deadline in (0.1, 0.3, 0.6, 1.0, 2.0):
        assert exchange(LIST, "acc", allowance(deadline), Port([answer] * 9)).code == code


def test_nothing_is_sent_after_the_deadline():
    port = Port([], clock=10.0)
    assert exchange(CREATE, "acc", allowance(deadline=10.0), port).code == "deadline"


def test_a_deadline_can_be_put_off():
    shared, port = allowance(deadline=10.0), Port([CREATED], clock=15.0)
    shared.extend(30.0)
    assert isinstance(exchange(CREATE, "acc", shared, port), Answered)


@pytest.mark.parametrize(("deadline", "timeout"), [(600.0, 30.0), (12.0, 12.0)])
def test_an_answer_is_awaited_for_30_seconds_or_what_is_left(deadline, timeout):
    port = Port([CREATED])
    exchange(CREATE, "acc", allowance(deadline), port)
    assert port.timeouts == [timeout]


def test_nothing_is_sent_once_the_run_is_being_stopped():
    assert exchange(CREATE, "acc", allowance(), Port([], stop_at=0.0)).code == "interrupted"


def test_a_stop_during_a_wait_ends_it():
    port = Port([OFFLINE], stop_at=0.2)
    assert exchange(CREATE, "acc", allowance(), port).code == "interrupted"


@pytest.mark.parametrize(("answer", "code"), [(DENIED, "auth-stopped"), (FIREWALL, "stopped")])
def test_a_403_stops_every_call_of_the_token(answer, code):
    shared, port = allowance(), Port([answer])
    assert isinstance(exchange(LIST, "acc", shared, port), Denied)
    assert exchange(LIST, "other", shared, port).code == code


@pytest.mark.parametrize(
    ("deadline", "budget", "kind"), [(600.0, 0, NotSent), (0.1, 9, NotSent), (600.0, 9, Ambiguous)]
)
def test_what_the_last_answer_said_is_kept(deadline, budget, kind):
    body = b'{"success":false,"errors":[{"code":1500,"message":"away"}]}'
    outcome = exchange(LIST, "acc", allowance(deadline, budget), Port([Reply(503, {}, body)] * 9))
    assert isinstance(outcome, kind)
    assert outcome.errors == (ApiError("1500", "away"),)


def test_what_a_refusal_for_the_rate_said_is_kept():
    body = b'{"success":false,"errors":[{"code":971,"message":"wait"}]}'
    port = Port([Reply(429, {"retry-after": "9"}, body)])
    assert exchange(CREATE, "acc", allowance(5.0), port).errors == (ApiError("971", "wait"),)


def test_a_check_that_a_reading_token_may_not_make_does_not_stop_its_reading():
    shared, port = allowance(), Port([DENIED, EMPTY, Reply(401), EMPTY])
    check = Call(Verb.CREATE, validate_only=True)
    assert isinstance(exchange(check, "acc", shared, port), Denied)
    assert isinstance(exchange(LIST, "acc", shared, port), Answered)
    assert isinstance(exchange(check, "acc", shared, port), Denied)
    assert exchange(LIST, "acc", shared, port).code == "auth-stopped"


def test_all_calls_share_one_budget_of_retries():
    shared, port = allowance(budget=3), Port([OFFLINE] * 10)
    outcomes = [exchange(CREATE, "acc", shared, port) for _ in range(2)]
    assert [outcome.code for outcome in outcomes] == ["budget", "budget"]
    assert len(port.sent) == 5


@pytest.mark.parametrize("fault", [NotSentError, AmbiguousError])
def test_a_fault_that_quotes_a_secret_is_told_without_its_words(fault):
    port = Port([fault("what is t0ken?"), *[RESET] * 5])
    assert exchange(LIST, "acc", allowance(budget=0), port).message.startswith("Cloudflare's message is withheld")


class Strict(Port):
    """Allows 8 calls in each window of 2 seconds, says so, and remembers who pressed on."""

    def send(self, request, timeout):  # noqa: ARG002
        self.clock += 0.01
        recent = [at for at in self.times if at > self.clock - 2]
        headers = {"ratelimit-policy": '"burst";q=8;w=2', "ratelimit": f'"burst";r={max(0, 7 - len(recent))};t=2'}
        if len(recent) >= 8:
            self.script.append(self.clock)
            return Reply(429, {**headers, "retry-after": "2"}, b"")
        self.sent.append((self.clock, request))
        return Reply(200, headers, CREATED.body)


def test_a_server_that_allows_8_calls_in_2_seconds_is_never_pressed():
    shared, port = allowance(), Strict([])
    outcomes = [exchange(CREATE, "acc", shared, port) for _ in range(35)]
    assert outcomes == [Answered()] * 35
    assert port.script == []
    assert port.clock < 20


def test_time_does_not_count_while_the_clock_is_stopped_and_counts_again_after():
    port = Port([EMPTY, EMPTY])
    client = Client("acc", allowance(deadline=60.0), port, 1)
    list_it = Send((LIST,))
    steps = (
        StopClock(stopped=True),
        Pause(500.0, "a"),
        list_it,
        StopClock(stopped=False),
        Pause(50.0, "b"),
        list_it,
        Pause(50.0, "b"),
        list_it,
    )
    told = [type(outcome).__name__ for step in steps for outcome in client.run(step)]
    assert told == ["Answered", "Answered", "NotSent"]
    assert port.times == [500.0, 550.0]
    assert port.clock == 560.0  # the last pause ended at the deadline


def test_a_list_knows_when_it_was_asked_for_and_when_it_was_there():
    class Slow(Port):
        def send(self, request, timeout):
            self.clock += 20.0
            return super().send(request, timeout)

    port = Slow([RESET, EMPTY])
    live = exchange(LIST, "acc", allowance(), port).live
    assert (live.asked, live.at) == (port.clock - 20.0, port.clock)
    assert live.asked > 20.0  # that of the second try


@pytest.mark.parametrize(("asked", "outcome", "waited"), [("300", "Answered", 300.0), ("86400", "NotSent", 0.0)])
def test_while_the_clock_is_stopped_a_server_may_ask_for_minutes_and_not_for_a_day(asked, outcome, waited):
    port = Port([after(asked), EMPTY])
    client = Client("acc", allowance(deadline=0.0), port, 1)
    client.run(StopClock(stopped=True))
    (found,) = client.run(Send((LIST,)))
    assert (type(found).__name__, port.clock) == (outcome, waited)


def test_a_pause_of_a_stopped_clock_is_as_long_as_it_says():
    port = Port([])
    client = Client("acc", allowance(deadline=0.0), port, 1)
    client.run(StopClock(stopped=True))
    client.run(Pause(900.0, "to settle"))
    assert port.clock == 900.0


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Reply(400, {}, b'{"success":false}'), Said(400, {"success": False})),
        (Reply(200, {}, b'{"a":1}'), Said(200, {"a": 1})),
        (FIREWALL, Said(403)),
        (WRONG, Said(500)),
        (limited(), NotSent("rate-limited", "too many calls (HTTP 429)")),
        (OFFLINE, NotSent("unreachable", "refused")),
        (RESET, Ambiguous("no-answer", "reset")),
    ],
)
def test_what_is_asked_raw_is_sent_once_and_answered_as_it_is(answer, outcome):
    port = Port([answer])
    assert Client("acc", allowance(), port, 1).run(Ask(Verb.UPDATE_ONE, {"bgp": None}, "a1", validate_only=True)) == (
        outcome,
    )
    ((_, sent),) = port.sent
    assert (sent.method, sent.path, sent.query) == (
        "PUT",
        "/accounts/acc/magic/ipsec_tunnels/a1",
        {"validate_only": "true"},
    )
    assert sent.body == b'{"bgp":null}'


def test_what_is_asked_raw_waits_and_stops_like_any_call():
    port = Port([after("7"), EMPTY, EMPTY], stop_at=10.0)
    client = Client("acc", allowance(), port, 1)
    said = [client.run(Ask(Verb.LIST))[0] for _ in range(2)]
    port.sleep(3.0)
    said += client.run(Ask(Verb.LIST))
    assert port.times == [0.0, 7.0]
    assert [one.code if isinstance(one, NotSent) else one.status for one in said] == [
        "rate-limited",
        200,
        "interrupted",
    ]
