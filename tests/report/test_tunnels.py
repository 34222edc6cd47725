import pytest

from reconciler.report.tunnels import other_side


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("10.20.0.0/31", "10.20.0.1/31"),
        ("10.20.0.1/31", "10.20.0.0/31"),
        ("10.20.0.5/30", "10.20.0.6/30"),
        ("10.20.0.6/30", "10.20.0.5/30"),
        ("2001:db8::1/127", "2001:db8::/127"),
        ("10.20.0.4/30", None),  # the network's own address is no end
        ("10.20.0.1/24", None),
        ("10.20.0.1", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_other_side_of_a_network_of_two(address, other):
    assert other_side(address) == other
