import pytest

from reconciler.model.session import UNKNOWN, Session, session
from tests.build import live, raw


def of(status):
    (tunnel,) = live(raw("a", bgp_status=status)).tunnels.values()
    return session(tunnel)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"state": "BGP_UP", "updated_at": "2026-05-04T08:00:00Z"}, Session("up", "2026-05-04T08:00:00Z")),
        ({"state": "BGP_DOWN", "updated_at": "2026-05-04T08:00:00Z"}, Session("down", "2026-05-04T08:00:00Z")),
        ({"state": "BGP_ESTABLISHING"}, Session("down")),
        ({"state": "SOMETHING_NEW", "updated_at": 7}, Session("down")),
        ({"state": ""}, UNKNOWN),
        ({"state": None}, UNKNOWN),
        ({}, UNKNOWN),
        ([], UNKNOWN),
        ("BGP_UP", UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_a_session_is_read_for_what_it_is(status, expected):
    assert of(status) == expected
