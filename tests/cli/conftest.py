from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.engine import listing
from tests.cli.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(listing, "AGREEMENT_SECONDS", 0.0)  # an empty account listed as null is listed again at once
    one = World(tmp_path, monkeypatch)
    yield one
    one.close()
