"""The shapes in which a secret may turn up in an output, so that each of them can be found."""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MIN_LENGTH = 4
"""Shapes below this many characters are not looked for: they would turn up everywhere by chance."""

_BARE_LENGTH = 8
"""Letters and digits below this many would turn up by chance where all else is taken out of a text."""

_ENDS = 3
"""Letters and digits that may be missing at either end of a quoted secret."""


def forms(secret: str) -> frozenset[str]:
    """Every shape of one secret that is worth looking for.

    Raw, stripped, each line; JSON, `repr`, HTML and URL escapes of these; hexadecimal; base64 in both alphabets, also
    from within a longer text. Shapes of fewer than `MIN_LENGTH` characters, and blank ones, are left out.
    """
    found: set[str] = set()
    for text in {secret, secret.strip(), *secret.splitlines()}:
        if len(text) >= MIN_LENGTH:
            found.update(_escaped(text))
            found.update(_encoded(text.encode()))
    return frozenset(f for f in found if len(f) >= MIN_LENGTH and not f.isspace())


def bare(text: str) -> str:
    """The text without case and without everything but letters and digits."""
    return re.sub("[^0-9a-z]+", "", text.lower())


def bare_forms(shapes: Iterable[str]) -> set[str]:
    """What is left of shapes that are long enough to be told from chance, without their ends where they can spare them.

    A key that is quoted almost whole is known as well as one that is quoted whole.
    """
    found = {bare(shape) for shape in shapes}
    cut = {core[_ENDS:-_ENDS] if len(core) >= _BARE_LENGTH + 2 * _ENDS else core for core in found}
    return {core for core in cut if len(core) >= _BARE_LENGTH}


def _escaped(text: str) -> Iterator[str]:
    yield text
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (once, html.escape(once), json.dumps(once, ensure_ascii=ascii_only)[1:-1])
    # Text that mixes both quotes is escaped differently by repr than text with one of them, so ask for both.
    yield from (repr(text)[1:-1], repr(text + "'\"")[1:-4], ascii(text)[1:-1], repr(text.encode())[2:-1])
    # The apostrophe is &#x27; or &#39;, by library.
    yield from (
        html.escape(text, quote=False),
        html.escape(text),
        html.escape(text).replace("&#x27;", "&#39;"),
    )
    for url in (quote(text), quote(text, safe=""), quote_plus(text)):
        yield from (url, re.sub("%..", lambda match: match[0].lower(), url))


def _encoded(data: bytes) -> Iterator[str]:
    yield from (data.hex(), data.hex().upper())
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(data).decode()
        for offset in range(3):
            # Of the first and last characters a part belongs to the neighbours; only those in between are fixed.
            whole = (offset + len(data)) * 8 // 6
            yield encode(bytes(offset) + data).decode()[(0, 2, 3)[offset] : whole]
