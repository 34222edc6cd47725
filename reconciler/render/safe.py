r"""Text from outside made inert: one function per place where it is going to stand.

Names, descriptions and messages come from files, from Cloudflare, and from reports that others wrote. A tunnel may be
called `@everybody`, `<script>` or `::error::`, and a reader of the report must see just that. So each text passes
through exactly one of these functions on its way out; through two, it would be escaped twice. What can't be seen is
shown as `\u{202e}`, and nothing can leave its line. Text of any size is cut down to what a page has room for, after it
was made inert: `clipped`, `few`, `first`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

# Printable by category, yet drawn as nothing: fillers, joiners, variation selectors, the empty Braille cell.
_BLANK = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0100, 0xE01F0))
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ZERO = "&#8203;"  # a zero-width space, which is drawn as nothing and parts what GitHub would read as one word

_LEGACY_COMMAND = re.compile(r"##\[")
_COMMAND = re.compile(r"\A(\s*):(?=:)")
_BARE = re.compile(r"[\w./:@+-]+\Z", re.ASCII)

# Of comments and pages; compiled when they are first needed, since most runs print text alone.
_PLAIN_CODE = r"(?a)[\w./:@,()\[\]{}+=>-]+(?: [\w./:@,()\[\]{}+=>-]+)*"
_MARKDOWN_SIGNS = r"[\\`*_\[\]|~]"
_LINE_START = r"\A( *)([-+=]|\d+(?=[.)])|)"
_WHOLE = r"(?<![\w.-])(?=[\w.]+-|--\w)[\w.-]{3,36}(?![\w.-])|\d[\d.]* %"  # longer ones might be wider than the page
_CODE = r"(?<!`)`([^`]+)`(?!`)"
_DOCUMENTATION = r"https://(?:[a-z0-9-]+\.)*cloudflare\.com(?:/[A-Za-z0-9._~/#-]*)?"
_URL = r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~-]+)*/?"
_REFERENCE = r"(?i)[@#]|(?<![A-Za-z0-9])(?:GH|GHSA|CVE)-|:(?=//)|(?<=www)(?=\.)|[0-9a-f]{6}(?=[0-9a-f])"


def visible(text: str) -> str:
    """The text on one line, all that can't be seen spelled out: controls, bidi, surrogates, unassigned."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c.isprintable() and ord(c) not in _BLANK else _NAMED.get(c) or f"\\u{{{ord(c):x}}}" for c in text
    )


def terminal(text: str) -> str:
    """For a terminal or a plain log: no escape, one line, no workflow command (GitHub seeks them in logs)."""
    line = _LEGACY_COMMAND.sub(r"##\\u{5b}", visible(text))
    return _COMMAND.sub(r"\1\\u{3a}", line)


def log(text: str) -> str:
    """For a value among `key=value` pairs: a bare word, or quoted, so it forges no other pair or line."""
    line = terminal(text)
    if _BARE.match(line):
        return line
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'


def html(text: str) -> str:
    """For HTML text and quoted attributes."""
    from html import escape

    return escape(visible(text), quote=True)


def whole(text: str) -> str:
    """For HTML text with names, codes, options and percentages, which no line end parts at a hyphen or blank."""
    return re.sub(_WHOLE, r'<span class="word">\g<0></span>', html(text))


def prose(text: str) -> str:
    """The same for text that may hold `code` between back-ticks, as our messages do."""
    return _with_code(text, whole, lambda code: f"<code>{whole(code)}</code>")


def markdown_prose(text: str) -> str:
    """The same for running Markdown text."""
    return re.sub(_LINE_START, _begun, _with_code(text, _inline, markdown_code))


def _with_code(text: str, plain: Callable[[str], str], code: Callable[[str], str]) -> str:
    """Whoever has a name with back-ticks in it can at most move what is set as code."""
    return "".join(code(part) if number % 2 else plain(part) for number, part in enumerate(re.split(_CODE, text)))


def markdown(text: str) -> str:
    """For running Markdown text and table cells: no markup, HTML, link, mention, reference or formula."""
    return re.sub(_LINE_START, _begun, _inline(text))


def _inline(text: str) -> str:
    from html import escape

    # GitHub seeks mentions and references in the rendered text, where an escaped `@` is an `@` again: a zero-width
    # space behind it is what stops them. NUL marks its place meanwhile, as `visible` lets none through.
    line = re.sub(_REFERENCE, lambda m: m[0] + "\0", visible(text))
    line = re.sub(_MARKDOWN_SIGNS, r"\\\g<0>", escape(line, quote=False))
    return line.replace("#", "\\#").replace("$", "&#36;" + _ZERO).replace("\0", _ZERO)


def _begun(found: re.Match[str]) -> str:
    """A beginning that starts no list, no heading's underline and no indented code."""
    spaces, sign = "&#32;" * len(found[1]), found[2]
    return f"{spaces}{sign}{_ZERO}" if sign.isdigit() else f"{spaces}\\{sign}" if sign else spaces


def markdown_code(text: str) -> str:
    """A whole Markdown code span, right in and outside tables; GitHub seeks no mention in code."""
    line = visible(text)
    if re.fullmatch(_PLAIN_CODE, line):
        return f"`{line}`"
    spelled = "".join(c if c.isalnum() or not c.isascii() else f"&#{ord(c)};" for c in line)
    return f"<code>{spelled}</code>"


def workflow(text: str) -> str:
    """For the message of a workflow command."""
    return visible(text).replace("%", "%25")


def workflow_property(text: str) -> str:
    """For a property of a workflow command."""
    return workflow(text).replace(":", "%3A").replace(",", "%2C")


def clipped(text: str, inert: Callable[[str], str], limit: int) -> str:
    """The first `limit` characters made inert, with a `…` for more; fewer where they take over `2 * limit` bytes.

    Args:
        text: From outside.
        inert: One of the functions above.
        limit: In characters.
    """
    # Cut before it is escaped: a cut behind would leave half an escape.
    kept = text[:limit]
    while size(shown := inert(kept if len(kept) == len(text) else f"{kept}…")) > 2 * limit:
        kept = kept[: len(kept) // 2]
    return shown


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def fence(lines: list[str], language: str) -> str:
    """A fenced block, its fence longer than any run of backticks inside.

    Hidden markers are sought line by line, fences or not, so no line of a block may look like one.
    """
    lines = [f"\\u{{3c}}{line[1:]}" if line.startswith("<!--") else line for line in lines]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    ticks = "`" * max(3, longest + 1)
    return "\n".join([f"{ticks}{language}", *lines, ticks])


def few(items: Sequence[T], draw: Callable[[T], str], limit: int) -> Iterator[str]:
    """The first items drawn, then how many more there are."""
    return first(map(draw, items), len(items), limit)


def first(lines: Iterator[str], total: int, limit: int, indent: str = "") -> Iterator[str]:
    """The first of `total` lines, then how many more there are; the others are never drawn."""
    yield from islice(lines, limit)
    if total > limit:
        yield f"{indent}and {total - limit:,} more"


def documentation(url: str) -> str | None:
    """The URL if it leads to a page of Cloudflare's, else None: a link from an answer may be anybody's."""
    return url if re.fullmatch(_DOCUMENTATION, url) else None


def https(url: str | None) -> str | None:
    """The URL without a closing slash if it is plain https, else None: it may be anybody's."""
    return url.rstrip("/") if url and re.fullmatch(_URL, url) else None
