from collections.abc import Callable

import pytest

from reconciler.render import FORMATS, Format, render
from tests.render.samples import SAMPLES

ENDINGS = {"text": "txt", "json": "json", "markdown": "md", "html": "html", "github": "github.txt"}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_every_report_in_every_format_is_as_it_was(
    name: str, format_: Format, golden: Callable[[str, str], None]
) -> None:
    golden(f"{name}.{ENDINGS[format_]}", render(SAMPLES[name], format_))
