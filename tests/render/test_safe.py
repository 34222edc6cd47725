import re
import shlex
import unicodedata
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from reconciler.render import safe
from tests.render.payloads import PAYLOADS

MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable("table")


def seen(text: str) -> None:
    """Nothing invisible and no second line."""
    assert not [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}]
    assert len(text.splitlines()) <= 1


def workflow_command(line: str) -> bool:
    """Whether a runner would take the line for a command: `::` first, or the older form anywhere."""
    return line.lstrip().startswith("::") or "##[" in line


def terminal(payload: str) -> None:
    shown = safe.terminal(payload)
    seen(shown)
    assert not workflow_command(shown)


def log(payload: str) -> None:
    shown = safe.log(payload)
    seen(shown)
    assert not workflow_command(shown)
    assert len(shlex.split(f"message={shown} next=1")) == 2


class Collected(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(f"{tag} {[(name, value or '') for name, value in attrs]}")

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)

    def unknown_decl(self, data: str) -> None:
        self.found.append(data)

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Collected:
    parser = Collected()
    parser.feed(page)
    parser.close()
    return parser


def html(payload: str) -> None:
    shown = safe.html(payload)
    seen(shown)
    assert parsed(f"<p>{shown}</p>").found == ["p []"]
    assert parsed(f"<p>{shown}</p>").text == safe.visible(payload)
    assert parsed(f'<p title="{shown}">').found == [f"p {[('title', safe.visible(payload))]}"]
    assert parsed(f"<p title='{shown}'>").found == [f"p {[('title', safe.visible(payload))]}"]


REFERENCES = re.compile(r"@\w|#\d|\bGH-\d|[0-9a-f]{7}|https?://|www\.|\b(GHSA|CVE)-\d", re.IGNORECASE)


def markdown_tokens(source: str) -> list[str]:
    tokens = [token for block in MARKDOWN.parse(source) for token in (block.children or [block])]
    return [token.type for token in tokens]


def markdown(payload: str) -> None:
    shown = safe.markdown(payload)
    seen(shown)
    for source in (shown, f"- x {shown}", f"> {shown}"):
        kinds = set(markdown_tokens(source)) - {"text", "text_special", "paragraph_open", "paragraph_close"}
        kinds -= {f"{name}_{end}" for name in ("bullet_list", "list_item", "blockquote") for end in ("open", "close")}
        assert not kinds, source
    assert len(MARKDOWN.parse(f"| a | b |\n| - | - |\n| {shown} | x |")) == len(
        MARKDOWN.parse("| a | b |\n| - | - |\n| y | x |")
    )
    text = unescape(re.sub(r"<[^>]*>", "", MARKDOWN.render(f"x {shown}")))
    assert not REFERENCES.search(text)
    assert text.replace("\u200b", "").strip() == f"x {safe.visible(payload)}".strip()


def markdown_code(payload: str) -> None:
    shown = safe.markdown_code(payload)
    seen(shown)
    for source in (f"x {shown} y", f"| a |\n| - |\n| {shown} |"):
        page = parsed(MARKDOWN.render(source))
        tags = [tag.split()[0] for tag in page.found]
        assert tags in (["p", "code"], ["table", "thead", "tr", "th", "tbody", "tr", "td", "code"])
    (code,) = re.findall(r"<code>(.*?)</code>", MARKDOWN.render(f"x {shown} y"), re.DOTALL)
    assert unescape(code) == safe.visible(payload)


def prose(payload: str) -> None:
    shown = safe.prose(payload)
    seen(shown)
    assert set(parsed(f"<p>{shown}</p>").found) <= {"p []", "code []", "span [('class', 'word')]"}
    assert parsed(f"<p>{shown}</p>").text.replace("`", "") == safe.visible(payload).replace("`", "")


def markdown_prose(payload: str) -> None:
    shown = safe.markdown_prose(payload)
    seen(shown)
    page = parsed(MARKDOWN.render(f"x {shown}"))
    assert set(page.found) <= {"p []", "code []"}
    text = page.text.replace("\u200b", "").replace("`", "").strip()
    assert text == f"x {safe.visible(payload)}".replace("`", "").strip()
    outside = re.sub(r"<code>.*?</code>", "", MARKDOWN.render(shown))
    assert not REFERENCES.search(unescape(re.sub(r"<[^>]*>", "", outside)))


def workflow(payload: str) -> None:
    line = f"::error title=t::{safe.workflow(payload)}"
    seen(line)
    message = line.split("::", 2)[2]
    decoded = message.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    assert decoded == safe.visible(payload)


def workflow_property(payload: str) -> None:
    line = f"::error title={safe.workflow_property(payload)},line=1::message"
    seen(line)
    _, head, message = line.split("::", 2)
    assert message == "message"
    assert [pair.split("=")[0] for pair in head.removeprefix("error ").split(",")] == ["title", "line"]


PLACES = (terminal, log, html, prose, markdown, markdown_prose, markdown_code, workflow, workflow_property)


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) >= 60


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_no_payload_does_anything_in_any_place(payload: str, place: Callable[[str], None]) -> None:
    place(payload)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lon-a", "lon-a"),
        ("London, rack 4, Größe 東京", "London, rack 4, Größe 東京"),
        ("a\u202eb", "a\\u{202e}b"),
        ("\ud800", "\\u{d800}"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[0m", "\\u{1b}[0m"),
    ],
)
def test_what_can_not_be_seen_is_spelled_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert safe.visible(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lon-a", "`lon-a`"),
        ("tunnels/prod/a.yaml:4", "`tunnels/prod/a.yaml:4`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("", "<code></code>"),
    ],
)
def test_ordinary_names_stay_readable_in_the_source_of_the_comment(text: str, shown: str) -> None:
    assert safe.markdown_code(text) == shown
