r"""Knows the secrets of a run and takes them out of text; `cli.output` puts it in front of every output.

This is the second fence. The first is that secrets are `Secret` values and never reach a text; what this one finds is
mostly text from outside: a library's traceback, a live tunnel that is named like a key. It finds a secret in every form
that an output may give it:

    pa"ss/word    as it is
    pa\"ss/word   in JSON or a traceback
    pa&quot;ss/word, pa%22ss%2Fword, cGEic3Mvd29yZA==    in HTML, in a URL, in base64

A message of the server is not patched, but withheld as a whole where it quotes a secret (`quotes`). Secrets of fewer
than four characters and blank ones can't be found (`can_hide`).
"""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

from reconciler.secrets.secret import Secret, reveal

MASK = "***"
"""What stands in a secret's place: valid inside JSON, HTML, Markdown and URLs."""

MIN_LENGTH = 4
"""Forms below this many characters are not looked for: they would turn up everywhere by chance."""

_BARE_LENGTH = 8
"""Letters and digits below this many would turn up by chance where all else is taken out of a text."""

_ENDS = 3
"""Letters and digits that may be missing at either end of a quoted secret."""


class _Table:
    """Texts that are looked for all at once.

    A pattern finds where the first four characters of one may stand; only there the texts themselves are compared. So
    the pattern stays small with thousands of keys, or with one key of many KiB.
    """

    def __init__(self, texts: set[str]) -> None:
        self._ordered = sorted(texts)
        self._longest = max(map(len, texts), default=0)
        self._by_head: defaultdict[str, list[str]] = defaultdict(list)
        for text in sorted(texts, key=len, reverse=True):
            self._by_head[text[:MIN_LENGTH]].append(text)
        classes = (f"[{''.join(map(re.escape, {*column}))}]" for column in zip(*self._by_head, strict=True))
        self._heads = re.compile(f"(?={''.join(classes)})" if texts else "(?!)")

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the texts stand, in order; overlapping ones are one span, so that no rest stays."""
        spans: list[tuple[int, int]] = []
        for match in self._heads.finditer(text):
            start = match.start()
            last = spans[-1] if spans else (0, 0)
            for form in self._by_head.get(text[start : start + MIN_LENGTH], ()):  # the longest first
                end = start + len(form)
                if end <= last[1]:
                    break  # this and all shorter ones lie inside the span before
                if text.startswith(form, start):
                    if start < last[1]:
                        spans[-1] = (last[0], end)
                    else:
                        spans.append((start, end))
                    break
        return spans

    def beginning(self, text: str) -> int:
        """Where the longest end of a text begins that is the beginning of one of the texts, or its length.

        What a stream is given may end in the middle of a secret, which the next piece then ends.
        """
        starts = [match.start() for match in self._heads.finditer(text, max(0, len(text) - self._longest + 1))]
        starts += range(max(0, len(text) - MIN_LENGTH + 1), len(text))  # what is too short for the pattern
        for start in starts:
            end = text[start:]
            longer = bisect_right(self._ordered, end)  # in sorted order, what begins with it stands right behind
            if longer < len(self._ordered) and self._ordered[longer].startswith(end):
                return start
        return len(text)


class Redactor:
    """Knows the secrets of a run and takes them out of text."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._forms: set[str] = set()
        self._bare: set[str] = set()
        self._tables: tuple[_Table, _Table] | None = None
        self._lock = Lock()  # one account may learn a key while another one writes
        self.add(*secrets)

    def __repr__(self) -> str:
        return f"<Redactor {'with' if self._forms else 'without'} secrets>"

    def __reduce_ex__(self, protocol: object) -> Any:  # what `copy` and `pickle` call
        raise TypeError("a redactor holds secrets and can't be copied or stored")

    def add(self, *secrets: Secret) -> None:
        """Make more secrets known, from now on."""
        new = {form for secret in secrets for form in _forms(reveal(secret))}
        with self._lock:
            self._forms |= new
            self._bare |= _bare_forms(new)
            self._tables = None  # made anew for the next text: keys often come one by one

    def watch(self, *texts: str) -> None:
        """Make texts known to `quotes` alone: BGP keys, which may be words that outputs can't do without."""
        with self._lock:
            self._bare |= _bare_forms(texts)
            self._tables = None

    def quotes(self, text: str) -> bool:
        """Whether a text holds a secret, or most of it, whatever its case and whatever stands between its letters."""
        written, stripped = self._known()
        return bool(written.spans(text) or stripped.spans(_bare(text)))

    def clean(self, text: str) -> str:
        """The text with every form of every known secret replaced."""
        return _cut(text, self._known()[0].spans(text)) if self._forms else text

    def clean_value(self, value: Any, fixed: frozenset[str] = frozenset()) -> Any:
        """The same for all text inside models, dataclasses, mappings (not their keys), lists and tuples.

        Used on a report before it is rendered, since renderers escape text in ways that hide a key from
        `clean`.

        Args:
            value: Any plain value.
            fixed: Names of their fields that hold words of ours or ids, which a key may equal by chance.
        """
        if not self._forms:
            return value
        if type(value) is str:
            return self.clean(value)
        if isinstance(value, dict):
            return {k: self.clean_value(v, fixed) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.clean_value(v, fixed) for v in value)
        model = hasattr(type(value), "model_fields")  # `--help` has a redactor too, and imports no pydantic
        if not model and not is_dataclass(value):
            return value
        names = type(value).model_fields if model else [field.name for field in fields(value)]
        texts = {name: self.clean_value(getattr(value, name), fixed) for name in names if name not in fixed}
        return value.model_copy(update=texts) if model else replace(value, **texts)

    def split(self, text: str) -> tuple[str, str]:
        """What of a stream's text can be written now, cleaned, and its raw rest that may begin a secret."""
        if not self._forms:
            return text, ""
        table = self._known()[0]
        spans, keep = table.spans(text), table.beginning(text)
        # Where a whole secret overlaps with what may begin another one, both stay back: half of it must not go out.
        keep = next((start for start, end in spans if start < keep < end), keep)
        return _cut(text[:keep], [s for s in spans if s[1] <= keep]), text[keep:]

    def _known(self) -> tuple[_Table, _Table]:
        """What is looked for in a text as it stands, and in one of which only letters and digits are left."""
        with self._lock:
            if self._tables is None:
                self._tables = _Table(self._forms), _Table(self._bare)
            return self._tables


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return MASK.join(text[a:b] for a, b in zip(ends, starts, strict=True))


def can_hide(secret: Secret) -> bool:
    """Whether a secret's own text can be looked for: it is not blank, and too long to turn up by chance.

    Hiding a short one all the same would garble every text, and tell which of its words is the secret.
    """
    text = reveal(secret)
    return len(text) >= MIN_LENGTH and not text.isspace()


def mask_commands(secret: Secret) -> tuple[str, ...]:
    """The workflow commands that make GitHub's runner hide a secret; they must be written past the redactor.

    The runner compares line by line, so each line is masked too; values of fewer than four characters never are.
    """
    text = reveal(secret)
    values = dict.fromkeys(v for v in (text, *text.splitlines()) if len(v.strip()) >= MIN_LENGTH)
    escapes = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
    return tuple(f"::add-mask::{value.translate(escapes)}" for value in values)


def _forms(secret: str) -> frozenset[str]:
    """Every form that is worth looking for: of the whole secret, of it without blanks at its ends, of each line."""
    texts = {text for text in (secret, secret.strip(), *secret.splitlines()) if len(text) >= MIN_LENGTH}
    found = {form for text in texts for form in (*_escaped(text), *_encoded(text.encode()))}
    return frozenset(form for form in found if len(form) >= MIN_LENGTH and not form.isspace())


def _escaped(text: str) -> Iterator[str]:
    """The text as JSON, `repr`, HTML and URLs spell it."""
    yield text
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (once, html.escape(once), json.dumps(once, ensure_ascii=ascii_only)[1:-1])
    # Text that mixes both quotes is escaped differently by repr than text with one of them, so ask for both.
    yield from (repr(text)[1:-1], repr(text + "'\"")[1:-4], ascii(text)[1:-1], repr(text.encode())[2:-1])
    quoted = html.escape(text)
    yield from (html.escape(text, quote=False), quoted, quoted.replace("&#x27;", "&#39;"))  # the apostrophe, by library
    for url in (quote(text), quote(text, safe=""), quote_plus(text)):
        yield from (url, re.sub("%..", lambda match: match[0].lower(), url))


def _encoded(data: bytes) -> Iterator[str]:
    """The bytes in hexadecimal, and in both alphabets of base64, also from within a longer text."""
    yield from (data.hex(), data.hex().upper())
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(data).decode()
        for offset in range(3):
            # Of the first and last characters a part belongs to the neighbours; only those in between are fixed.
            whole = (offset + len(data)) * 8 // 6
            yield encode(bytes(offset) + data).decode()[(0, 2, 3)[offset] : whole]


def _bare(text: str) -> str:
    return re.sub("[^0-9a-z]+", "", text.lower())


def _bare_forms(texts: Iterable[str]) -> set[str]:
    """The letters and digits of texts that have enough of them, without both ends where they can spare them.

    So a secret is also known where somebody quotes it almost whole, or with blanks between its letters.
    """
    found = {_bare(text) for text in texts}
    cut = {core[_ENDS:-_ENDS] if len(core) >= _BARE_LENGTH + 2 * _ENDS else core for core in found}
    return {core for core in cut if len(core) >= _BARE_LENGTH}
