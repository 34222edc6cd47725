import pytest

from reconciler.simulator.account import cells
from reconciler.simulator.checks import interface
from reconciler.simulator.tunnels import peer, respell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1/31", (4, 167772161, 31)),
        ("::2/127", (6, 2, 127)),
        ("10.0.0.1", None),
        ("10.0.0.1/33", None),
        ("10.0.0.1/0.0.0.1", None),
        ("", None),
    ],
)
def test_an_interface_has_a_length(text, expected):
    assert interface(text) == expected


@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        ("10.0.0.0/31", "10.0.0.1/31", True),
        ("10.0.0.1/30", "10.0.0.2/31", True),
        ("10.0.0.1/30", "10.0.0.4/31", False),
        ("10.0.0.0/31", "10.0.0.2/31", False),
        ("::/127", "0:0::1/127", True),
        ("0.0.0.0/31", "::/127", False),
        ("nothing", "nothing", False),
    ],
)
def test_networks_overlap_when_they_share_a_cell(one, two, overlap):
    assert bool(set(cells(one)) & set(cells(two))) is overlap


def test_the_peer_is_the_other_host():
    assert [peer(text) for text in ("10.0.0.1/31", "10.0.0.2/30", "nothing")] == ["10.0.0.0", "10.0.0.1", ""]


@pytest.mark.parametrize(
    ("text", "spelling", "expected"),
    [
        ("2001:DB8::1", "canonical", "2001:db8::1"),
        ("2001:db8::1/127", "odd", "2001:0DB8:0000:0000:0000:0000:0000:0001/127"),
        ("10.0.0.1/31", "odd", "10.0.0.1/31"),
        ("nothing", "odd", "nothing"),
    ],
)
def test_respelling_keeps_the_meaning(text, spelling, expected):
    assert respell(text, spelling) == expected
