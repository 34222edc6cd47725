"""From a report to text: one pure module per format, one `safe` function per place for outside text.

text, json, html, github    a format each
markdown                    one more, which has to fit into a comment; `markdown_changes` draws its rows and folds
tunnels                     single tunnels and devices, in the text of `show`
words, headline             what all formats say alike, and the sentence that a run comes down to
groups                      changes that are alike, told once
layout                      lines for a terminal: colour, columns, and what is wider than the line
safe                        text from outside made inert for the place where it stands
"""

from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:  # the command line needs the names of the formats alone
    from reconciler.report.values import Report

Format = Literal["text", "json", "markdown", "html", "github"]
FORMATS: tuple[Format, ...] = get_args(Format)


def render(report: "Report", format: Format, **options: Any) -> str:  # noqa: A002 - the option's name
    """The report in one of `FORMATS`; a format's module is imported when it is wanted.

    Only `text` (`width`, `color`, `line_of`, `shown`, `quiet`) and `markdown` (`budget`) have options.
    """
    match format:
        case "text":
            from reconciler.render.text import text

            return text(report, **options)
        case "json":
            from reconciler.render.json import report_json

            return report_json(report, **options)
        case "markdown":
            from reconciler.render.markdown import markdown

            return markdown(report, **options)
        case "html":
            from reconciler.render.html import html

            return html(report, **options)
        case "github":
            from reconciler.render.github import github

            return github(report, **options)
