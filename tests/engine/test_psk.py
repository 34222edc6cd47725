"""Keys are sent until an answer says of each whether it was taken; no list could tell."""

import pytest

from reconciler.api.call import Ambiguous, Answered, ApiError, Pause, Refused, drive
from reconciler.engine.psk import set_psks

LOST = Ambiguous("no-answer", "the connection was reset")
REFUSED = Refused(400, (ApiError("1022", "no"),))
NEITHER = Answered()
WITHHELD = "Cloudflare does not take it; the reason is withheld, since it may quote the key"
AGAIN = (
    "Cloudflare may have the old or the new key. Run the same command again: it sends the same value until an answer "
    "confirms it."
)


def told(*outcomes):
    """What is said of the key of a, whose tunnel has the id 1, and of the pauses between these outcomes."""
    left, pauses = list(outcomes), []

    def carry(step):
        if isinstance(step, Pause):
            pauses.append(step.seconds)
            return ()
        assert step.calls[0].psks == {"1": "a"}
        return (left.pop(0),)

    verdict = drive(set_psks({"1": "a"}), carry)["a"]
    problem = verdict.problem
    return verdict.result.value, problem and (problem.code, problem.message, problem.remedy), pauses, left


@pytest.mark.parametrize(
    ("outcomes", "result", "problem", "pauses"),
    [
        ([Answered(taken={"1": True})], "applied", None, []),
        ([Answered(taken={"1": False})], "failed", ("key-refused", WITHHELD, None), []),
        ([REFUSED], "failed", ("1022", "no", None), []),
        ([LOST, Answered(taken={"1": True})], "applied", None, [1.0]),
        ([LOST, Answered(taken={"1": False})], "unknown", ("key-refused", WITHHELD, AGAIN), [1.0]),
        ([LOST, REFUSED], "unknown", ("1022", "no", AGAIN), [1.0]),
        ([NEITHER, REFUSED], "unknown", ("1022", "no", AGAIN), [1.0]),
        ([LOST] * 4, "unknown", ("no-answer", "the connection was reset", AGAIN), [1.0, 2.0, 4.0]),
        (
            [NEITHER] * 4,
            "unknown",
            ("unclear-answer", "Cloudflare's answers don't say whether the tunnel has its key", AGAIN),
            [1.0, 2.0, 4.0],
        ),
        ([Refused(200, (ApiError("1022", "no"),))] * 4, "unknown", ("1022", "no", AGAIN), [1.0, 2.0, 4.0]),
    ],
)
def test_a_key_is_sent_until_it_is_certain_whether_it_was_taken(outcomes, result, problem, pauses):
    assert told(*outcomes) == (result, problem, pauses, [])


def test_only_what_is_not_certain_is_sent_again():
    sent = []

    def carry(step):
        if isinstance(step, Pause):
            return ()
        sent.append(dict(step.calls[0].psks))
        return (Answered(taken={"1": True}) if len(sent) == 1 else Answered(taken={"2": True}),)

    found = drive(set_psks({"1": "a", "2": "b"}), carry)
    assert sent == [{"1": "a", "2": "b"}, {"2": "b"}]
    assert {name: verdict.result.value for name, verdict in found.items()} == {"a": "applied", "b": "applied"}


def test_without_keys_nothing_is_sent():
    assert drive(set_psks({}), lambda _: pytest.fail("sent")) == {}
