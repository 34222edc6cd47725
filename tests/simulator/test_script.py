import pytest

from reconciler.simulator.faults import Ambiguous, FaultKind, parse_faults, scripted
from reconciler.simulator.message import Request


def test_each_request_meets_its_own_fault(api):
    world = api()
    answer = scripted({2: FaultKind.S503_BEFORE, 3: FaultKind.RESET_AFTER})
    request = Request("GET", world.path, headers={"authorization": "Bearer x"})
    assert [answer(world.simulator, request).status for _ in range(2)] == [200, 503]
    with pytest.raises(Ambiguous):
        answer(world.simulator, request)
    assert answer(world.simulator, request).status == 200


def test_faults_are_read_from_text():
    assert parse_faults("") == {}
    assert parse_faults("2=503-after, 10=429") == {2: FaultKind.S503_AFTER, 10: FaultKind.S429}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("503-after", "'503-after': write N=KIND"),
        ("0=429", "write N=KIND"),
        ("-1=429", "write N=KIND"),
        ("1=teapot", "unknown fault 'teapot'; known: refused, reset-before"),
        ("1", "unknown fault ''"),
    ],
)
def test_wrong_faults_are_refused_with_what_is_right(text, message):
    with pytest.raises(ValueError, match=message):
        parse_faults(text)
