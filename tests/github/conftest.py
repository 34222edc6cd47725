from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.github.standin import GitHub, serving
from tests.github.step import HEAD, HERE, Step


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(tmp_path, HERE / "bin")


@pytest.fixture
def github(step: Step) -> Iterator[GitHub]:
    with serving() as standin:
        step.env["GH_PORT"] = str(standin.port)
        standin.pull(5, HEAD)
        yield standin
