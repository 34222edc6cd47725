"""Undoes the escapes of common formats, in any number of layers, so that escaped text can be compared.

What a server quotes has often been through several of them: JSON in JSON, HTML in JSON, a URL in HTML. To list what
all their combinations make of each key would take thousands of shapes; here the text is undone instead.
"""

import re
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Iterator

_LAYERS = 8
"""Layers that are undone: more make no sense, and a hostile text must not cost more."""

_WINDOW = 64
"""Characters at the end of a text in which the beginning of an escape is looked for."""

_HEX = "[0-9a-fA-F]"
_BYTES = {bytes([b]).decode("cp1252", "ignore"): b for b in range(0x80, 0xA0)}
_MORE = "[\x80-\xbf" + "".join(_BYTES) + "]"
_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}
_NAMES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ESCAPE = re.compile(
    rf"\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}"
    rf"|\\(?:u{_HEX}{{4}}|u\{{{_HEX}{{1,6}}\}}|U{_HEX}{{8}}|x{_HEX}{{2}}|[0-3][0-7]{{2}}|[nrtbfv!-/:-@\[-`{{-~])"
    rf"|%{_HEX}{{2}}"
    rf"|&(?:#\d{{1,7}}|#[xX]{_HEX}{{1,6}}|amp|lt|gt|quot|apos);"
    rf"|[\xc2-\xdf]{_MORE}|[\xe0-\xef]{_MORE}{{2}}|[\xf0-\xf4]{_MORE}{{3}}"
)
_OPEN_ESCAPE = (
    rf"\\+(?:u(?:{_HEX}{{0,4}}|\{{{_HEX}{{0,6}})|U{_HEX}{{0,7}}|x{_HEX}?|[0-3][0-7]?)?"
    rf"|%{_HEX}?"
    rf"|&(?:#(?:\d{{0,7}}|[xX]{_HEX}{{0,6}})|a|am|amp|ap|apo|apos|l|lt|g|gt|q|qu|quo|quot)?"
)
_OPEN = re.compile(rf"(?:{_OPEN_ESCAPE})\Z")
_OPEN_TEXT = re.compile(rf"(?:{_OPEN_ESCAPE}|[\xc2-\xf4]{_MORE}{{0,2}})\Z")

_LEAST_RUN = 10
_RUN_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_RUN = re.compile(rf"([A-Za-z0-9+/_-]{{{_LEAST_RUN},}}+)={{0,2}}")
_WORD = re.compile(r"[a-z_/-]++")
"""Ordinary words in lower case are not worth a try."""
_ALL_HEX = re.compile(f"{_HEX}+")
_STANDARD = str.maketrans("-_", "+/")


def has_escapes(text: str) -> bool:
    """Whether anything in a text can be undone."""
    return _ESCAPE.search(text) is not None


def undone(text: str) -> str:
    """The text with every layer of escapes undone; a plus is a space, as in forms."""
    for _ in range(_LAYERS):
        before, text = text, _ESCAPE.sub(_character, text)
        if text == before:
            break
    return text.replace("+", " ")


def undone_key(text: str) -> tuple[str, str]:
    """A secret as it stands in undone text: whole, and without an end that may run together with what follows it."""
    whole = cut = undone(text)
    while found := _OPEN.search(cut, max(0, len(cut) - _WINDOW)):
        cut = cut[: found.start()]
    return whole, cut


def runs(text: str) -> Iterator[tuple[int, int, Iterator[str]]]:
    """Where something may stand in hexadecimal or base64, and what that would be, one character a byte."""
    for found in _RUN.finditer(text):
        if not _WORD.fullmatch(found[1]):
            yield found.start(), found.end(), _bytes(found[1])


def open_run(text: str) -> int:
    """Where a run of hexadecimal or base64 begins that may go on behind the text, or the text's length."""
    start = len(text.rstrip(_RUN_SIGNS))
    return start if len(text) - start >= _LEAST_RUN else len(text)


def _bytes(run: str) -> Iterator[str]:
    if _ALL_HEX.fullmatch(run):
        for start in (0, 1):
            yield bytes.fromhex(run[start : start + (len(run) - start) // 2 * 2]).decode("latin-1")
        return  # so many digits and no other letter are no base64
    run = run.translate(_STANDARD)
    for start in range(4):
        # Three characters at the end still make two bytes.
        part = run[start : len(run) - ((len(run) - start) % 4 == 1)]
        yield a2b_base64(part + "=" * (-len(part) % 4)).decode("latin-1")


class Undone:
    """A text with its escapes undone that knows where each character came from.

    Args:
        text: The escaped text.
        open_end: More may follow: an end that may be part of an escape is left out.

    Attributes:
        text: As `undone` gives it.
        settled: How many characters of the escaped text it was made of.
    """

    def __init__(self, text: str, *, open_end: bool = False) -> None:
        self._steps: list[tuple[list[int], list[int]]] = []
        self.settled = len(text)
        for _ in range(_LAYERS):
            while open_end and (found := _OPEN_TEXT.search(text, max(0, len(text) - _WINDOW))):
                self.settled = min(self.settled, self.origin(found.start()))
                text = text[: found.start()]
            before, text = text, self._undo(text)
            if text == before:
                break
        self.text = text.replace("+", " ")

    def _undo(self, text: str) -> str:
        parts: list[str] = []
        here, there = [0], [0]
        last = length = 0
        for found in _ESCAPE.finditer(text):
            character = _character(found)
            if len(character) > 1:
                continue
            parts += (text[last : found.start()], character)
            length += found.start() - last + 1
            last = found.end()
            here.append(length)
            there.append(last)
        if parts:
            self._steps.append((here, there))
        return "".join((*parts, text[last:]))

    def origin(self, place: int) -> int:
        """Where in the escaped text the character at this place begins."""
        for here, there in reversed(self._steps):
            index = bisect_right(here, place) - 1
            place = there[index] + place - here[index]
        return place


def _character(found: re.Match[str]) -> str:
    """What an escape stands for; itself when that is no character."""
    text = found[0]
    try:
        if text[0] == "\\":
            return _backslashed(text)
        if text[0] == "%":
            return chr(int(text[1:], 16))
        if text[0] == "&":
            return _entity(text[1:-1])
        return bytes(_BYTES.get(c) or ord(c) for c in text).decode()
    except (ValueError, OverflowError):
        return text


def _backslashed(text: str) -> str:
    kind, digits = text[1], text[2:].strip("{}")
    if len(text) == len(r"\ud83d\ude00"):
        return bytes.fromhex(text[2:6] + text[8:]).decode("utf-16-be")
    if kind in "uUx":
        return chr(int(digits, 16))
    return chr(int(text[1:], 8)) if kind.isdigit() else _SIGNS.get(kind, kind)


def _entity(name: str) -> str:
    if not name.startswith("#"):
        return _NAMES[name]
    return chr(int(f"0{name[1:]}" if name[1] in "xX" else name[1:].lstrip("0") or "0", base=0))
