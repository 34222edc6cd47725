"""Keys that Cloudflare makes: asked for once, and missed when they are lost."""

import pytest

from reconciler.secrets.rotate import rotate
from tests.secrets.honest import THERE, World, drive, outcomes


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({}, ("applied", None)),
        ({4: "answer lost"}, ("unknown", "key-lost")),
        ({4: "request lost"}, ("unknown", "key-lost")),
        ({4: "request lost", 5: "refused"}, ("unknown", "key-lost")),
        ({4: "refused"}, ("failed", "1004")),
        ({4: "fails before"}, ("applied", None)),
        (dict.fromkeys(range(4, 10), "fails before"), ("unknown", "key-lost")),
    ],
    ids=str,
)
def test_a_key_made_by_cloudflare_is_asked_for_once_and_its_loss_is_loud(
    faults: dict[int, str], expected: tuple[str, str | None]
) -> None:
    world = World()
    assert outcomes(drive(rotate([THERE]), world, faults)) == {"par-a": expected}
    assert world.sent["par-a"] <= 1


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({9: "overtaken"}, ("unknown", "key-not-in-sink")),
        ({9: "denied"}, ("unknown", "key-not-checked")),
        ({9: "gone"}, ("unknown", "not-live")),
        ({}, ("applied", None)),
        ({9: "lags"}, ("applied", None)),
        (dict.fromkeys(range(9, 14), "lags"), ("applied", None)),
        (dict.fromkeys(range(9, 15), "lags"), ("unknown", "key-not-checked")),
        ({9: "lags", 10: "overtaken"}, ("unknown", "key-not-in-sink")),
    ],
    ids=str,
)
def test_a_list_proves_that_no_other_key_was_made_after_the_one_in_the_sink(
    faults: dict[int, str], expected: tuple[str, str | None]
) -> None:
    world = World()
    assert outcomes(drive(rotate([THERE]), world, faults)) == {"par-a": expected}
