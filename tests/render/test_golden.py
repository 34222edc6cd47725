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
    shown = render(SAMPLES[name], format_)
    if format_ == "html":  # what stands before is the same for all but its title; the style sheet is a file
        shown = "<body>" + shown.partition("<body>")[2]
    golden(f"{name}.{ENDINGS[format_]}", shown)
