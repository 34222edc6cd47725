from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares with a file under golden/, byte for byte, or rewrites it with --update-golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden", default=False):
            path.write_bytes(text.encode())
        assert text == path.read_bytes().decode(), (
            f"{name} differs; if that is meant: pytest tests/render --update-golden"
        )

    return check
