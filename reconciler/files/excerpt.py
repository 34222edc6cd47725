"""What a message may quote of the line that it is about: all but what may be a key.

Keys stand below `psk`, `md5_key` and `token`, below a name that no file holds, or in a text where a mapping belongs
that holds keys (`bgp: md5_key s3cret`). The parser's events say where these are, so it does not matter how a file is
written. What stands on or behind the line that stops the parser is quoted only where it can't be a key: names of
fields, and addresses, numbers and fixed words beside them.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_interface
from typing import Any, get_args, get_origin

import yaml

from reconciler.files.tree import read_regular
from reconciler.model.account import AccountFile, TunnelFile
from reconciler.model.problems import Part
from reconciler.model.written import Written, keys_of, model_of, type_of
from reconciler.yaml.events import MAX_DEPTH, SECRET_FIELDS
from reconciler.yaml.read import LOADER
from reconciler.yaml.screen import MAX_BYTES, screen, split_lines


class _EitherFile(AccountFile, TunnelFile):
    """All that either kind of file can hold."""


def _types(model: type[Written], beyond: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Names and types of a model's fields at every level, but not of what stands below some of them."""
    for name, field in keys_of(model).items():
        yield name, type_of(field.annotation)
        inside = model_of(field.annotation)
        if inside and name not in beyond:
            yield from _types(inside, beyond)


_KNOWN = frozenset(dict(_types(_EitherFile)))
"""These say nothing, wherever they stand."""
_OUTSIDE_KEYS = dict(_types(_EitherFile, SECRET_FIELDS))
_FLAGS = ("~", "null", "true", "false", "on", "off", "yes", "no")
_WORDS = frozenset((*_FLAGS, "low", "mid", "high", "request", "reply", "unidirectional", "bidirectional"))
_MAX_NUMBER = 10  # digits of the longest number that a field takes, and of a day

_Span = tuple[int, int, str | None]
"""Columns of what is hidden, from 0, and the name that a message may quote."""


def lines_of_files() -> Callable[[str, int], tuple[Part, ...] | None]:
    """Gives the parts of a file's line, for showing a problem in its place; None when it can't be read.

    A report that is drawn again may name any file: what is not of the kind that is read as YAML is not shown either.
    """

    @lru_cache(maxsize=4)  # problems come file by file
    def excerpts(file: str) -> Excerpts | None:
        try:
            data = read_regular(file)
        except (OSError, ValueError):
            return None
        return Excerpts(data) if len(data) <= MAX_BYTES else None

    def line_of(file: str, line: int) -> tuple[Part, ...] | None:
        found = excerpts(file)
        return found.line(line) if found else None

    return line_of


@lru_cache
def _holds_secrets(model: type[Written] | None) -> bool:
    return model is not None and any(name in SECRET_FIELDS for name, _ in _types(model))


class Excerpts:
    """The lines of a file.

    Args:
        data: The whole file, whatever it holds.
    """

    def __init__(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace").removeprefix("\ufeff")
        self._lines = split_lines(text)
        self._hidden: dict[int, list[_Span]] = {}
        self._read = 0  # lines that the parser has got through
        if not screen(data, ""):
            self._get = LOADER(text).get_event
            with suppress(yaml.YAMLError, ValueError, _TooDeepError):
                while not isinstance(event := self._next(), yaml.StreamEndEvent):
                    if isinstance(event, yaml.NodeEvent):
                        self._node(event, _EitherFile, hidden=False)
                self._read = len(self._lines)

    def line(self, number: int) -> tuple[Part, ...] | None:
        """The parts of a line, counted from 1; None when there is none."""
        if not 0 < number <= len(self._lines):
            return None
        text = self._lines[number - 1].rstrip()
        if number > self._read:
            return tuple(_parts(text, list(_doubtful(text))))
        spans = sorted(self._hidden.get(number - 1, ()), key=lambda span: span[:2])
        if spans and (comment := _comment(text, spans[-1][1])) >= 0:
            spans.append((comment, len(text), None))
        return tuple(_parts(text, spans))

    def _next(self) -> Any:
        event = self._get()
        self._read = event.start_mark.line  # of the lines before it every event is known
        return event

    def _node(self, event: Any, kind: Any, *, hidden: bool, depth: int = 0) -> None:
        """Go through one node, of which the type is known or None; where it is hidden, every value in it is."""
        if depth > 2 * MAX_DEPTH:
            raise _TooDeepError
        if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            written = event.value if isinstance(event, yaml.ScalarEvent) and not (event.anchor or event.tag) else ""
            if hidden or kind is None or (_holds_secrets(model_of(kind)) and not _is_harmless(written)):
                self._hide(event.start_mark, event.end_mark)
            return
        if hidden and (event.anchor or event.tag):  # `psk: &s3cret {…}`: a key may begin with such a sign
            self._hide(event.start_mark, event.end_mark)
        if isinstance(event, yaml.SequenceStartEvent):
            item = type_of(get_args(kind)[0]) if get_origin(kind) is list else kind
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                self._node(event, item, hidden=hidden, depth=depth + 1)
            return
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._entry(event, model_of(kind), hidden=hidden, depth=depth + 1)

    def _entry(self, event: Any, model: type[Written] | None, *, hidden: bool, depth: int) -> None:
        """Go through one key of a mapping and its value."""
        name = event.value if isinstance(event, yaml.ScalarEvent) else ""
        below: Any = model if name == "<<" else None
        if model and name in keys_of(model):
            below = type_of(keys_of(model)[name].annotation)
        elif model is None:  # where a text belongs: a field is as harmless as in its own place
            below = _OUTSIDE_KEYS.get(name)
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, None, hidden=True, depth=depth)
        elif name not in _KNOWN and name != "<<":
            self._hide(event.start_mark, event.end_mark, name)
        secret = hidden or below is None or name in SECRET_FIELDS
        if secret:  # hides nothing here, but lets `line` hide a comment behind it: `psk: #s3cret`
            self._hide(event.end_mark, event.end_mark)
        self._node(self._next(), below, hidden=secret, depth=depth)

    def _hide(self, start: Any, end: Any, name: str | None = None) -> None:
        for line in range(start.line, min(end.line + 1, len(self._lines))):
            first = start.column if line == start.line else 0
            last = end.column if line == end.line else len(self._lines[line])
            self._hidden.setdefault(line, []).append((first, last, name))


class _TooDeepError(Exception):
    """The rest of the file is not worth reading: its lines are shown as those that the parser did not get through."""


def _comment(text: str, start: int) -> int:
    """Where a comment begins in a line, if one does behind a column."""
    while (start := text.find("#", start)) > 0 and not text[start - 1].isspace():
        start += 1
    return start


def _doubtful(text: str) -> Iterator[_Span]:
    """What is not surely harmless in a line that the parser did not get through, word by word.

        - name: lon-a  customer_endpoint: 192.0.2.1  psk: "s3cret
                ~~~~~~~                                   ~~~~~~~

    A name may be a key that was put on the wrong line, and an address is none.
    """
    field, hidden, end = "", -1, 0  # the name in front of a value, and where hidden words begin
    for word in text.split():
        start = text.index(word, end)
        end = start + len(word)
        bare = word.strip("-[]{},")
        name = bare.removesuffix(":").strip("'\"")
        if bare.endswith(":") and name in _OUTSIDE_KEYS:
            field, harmless = name, True
        else:
            harmless = not bare or (field not in ("", *SECRET_FIELDS) and _is_harmless(bare.strip("'\"")))
            field = field if harmless and (not bare or word.endswith(",")) else ""
        if harmless and bare and hidden >= 0:
            yield hidden, start + word.index(bare), None
            hidden = -1
        elif not harmless and hidden < 0:
            hidden = start + word.index(bare)
    if hidden >= 0:
        yield hidden, len(text), None


def _is_harmless(word: str) -> bool:
    """True for what can't be a key: an address, a short number, a day, a fixed word."""
    if word.lower() in _WORDS or (len(word) <= _MAX_NUMBER and word.replace("-", "").isdigit()):
        return True
    try:
        ip_interface(word)
    except ValueError:
        return False
    return True


def _parts(text: str, spans: list[_Span]) -> Iterator[Part]:
    at = 0
    for start, end, name in spans:
        if text[at:start]:
            yield Part(text[at:start])
        if text[max(at, start) : end]:
            yield Part(text[max(at, start) : end], shown=False, name=name)
        at = max(at, end)
    if text[at:]:
        yield Part(text[at:])
