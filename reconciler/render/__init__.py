"""From a report to text: one pure module per format, one `safe` function per place for outside text."""

from collections.abc import Callable
from typing import Any, Literal, get_args

from reconciler.core.report import Report

Format = Literal["text", "json", "markdown", "html", "github"]
FORMATS: tuple[Format, ...] = get_args(Format)


def render(report: Report, format: Format, **options: Any) -> str:  # noqa: A002 - the option's name
    """The report in one of `FORMATS`. Only `text` has options: `width`, `color` and `line_of`."""
    return _renderer(format)(report, **options)


def _renderer(name: Format) -> Callable[..., str]:
    """The format's function, imported when it is wanted."""
    match name:
        case "text":
            from reconciler.render.text import text as renderer
        case "json":
            from reconciler.render.json import report_json as renderer
        case "markdown":
            from reconciler.render.markdown import markdown as renderer
        case "html":
            from reconciler.render.html import html as renderer
        case "github":
            from reconciler.render.github import github as renderer
    return renderer
