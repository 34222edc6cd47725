import base64
import html
import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.keys.redact import MASK, RedactingStream, Redactor, install, mask_commands, traceback_text
from reconciler.keys.secret import Secret
from tests.keys.canary import leaks

KEY = "q\"'$x<&>\\ ä%/+end"

ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "json": json.dumps,
    "json unicode": lambda s: json.dumps(s, ensure_ascii=False),
    "json twice": lambda s: json.dumps(json.dumps(s)),
    "json in html": lambda s: html.escape(json.dumps(s)),
    "url": quote,
    "url all": lambda s: quote(s, safe=""),
    "form": quote_plus,
    "html": html.escape,
    "html without quotes": lambda s: html.escape(s, quote=False),
    "repr": repr,
    "ascii": ascii,
    "bytes repr": lambda s: repr(s.encode()),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 offset 1": lambda s: base64.b64encode(b"-" + s.encode() + b"-").decode(),
    "base64 offset 2": lambda s: base64.b64encode(b"--" + s.encode()).decode(),
    "basic auth": lambda s: base64.urlsafe_b64encode(b"u:" + s.encode() + b"\xff\xff").decode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("key", ["abcde", "0123", " lead", "%s%d", KEY, "one\ntwo two\n"], ids=ascii)
def test_every_shape_of_a_key_is_replaced(key: str, encoding: str) -> None:
    text = f"before {ENCODINGS[encoding](key)} after"
    cleaned = Redactor([Secret(key)]).clean(text)
    assert MASK in cleaned
    assert leaks(cleaned.encode(), key) == []
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@pytest.mark.parametrize("line", ["first line", "second"])
def test_each_line_of_a_key_of_many_lines_is_replaced(line: str) -> None:
    assert Redactor([Secret("first line\r\nsecond\n\n-\n")]).clean(f"| {line} | - |") == f"| {MASK} | - |"


@pytest.mark.parametrize(("key", "text"), [("yes", "yes"), ("    ", "a    b")])
def test_keys_too_short_or_blank_are_left_alone(key: str, text: str) -> None:
    assert Redactor([Secret(key)]).clean(text) == text


def test_the_longest_of_two_keys_wins_and_overlapping_ones_leave_no_rest() -> None:
    redactor = Redactor([Secret("abcd"), Secret("abcdefgh"), Secret("ghijkl")])
    assert redactor.clean("abcdefgh abcd abcdefghijkl abcdx") == f"{MASK} {MASK} {MASK} {MASK}x"


def test_a_key_learned_later_is_replaced_from_then_on() -> None:
    redactor = Redactor()
    assert redactor.clean("token-1") == "token-1"
    redactor.add(Secret("token-1"))
    assert redactor.clean("token-1") == MASK


@dataclass(frozen=True)
class Row:
    name: str
    items: tuple[dict[str, str], ...]
    count: int = 3


def test_text_inside_values_is_replaced() -> None:
    redactor = Redactor([Secret("s3cret")])
    assert redactor.clean_value([Row("as3cret", ({"key": "s3cret"},))]) == [Row("a***", ({"key": "***"},))]


def test_its_repr_and_pickle_hold_no_secret() -> None:
    redactor = Redactor([Secret("s3cret")])
    assert "s3cret" not in repr(redactor)
    with pytest.raises(TypeError):
        redactor.__reduce_ex__(2)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.lists(st.text("ab\n", min_size=4, max_size=9).filter(str.strip), min_size=1, max_size=3),
    st.text("ab\n", max_size=60),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_a_stream_writes_the_same_wherever_its_writes_are_cut(keys: list[str], text: str, cuts: list[int]) -> None:
    redactor = Redactor(map(Secret, keys))
    target = io.StringIO()
    stream = RedactingStream(redactor, target)
    edges = [0, *sorted(min(c, len(text)) for c in cuts), len(text)]
    for start, end in pairwise(edges):
        stream.write(text[start:end])
        stream.flush()
        assert not any(key in target.getvalue() for key in keys)
    stream.finish()
    assert target.getvalue() == redactor.clean(text)


def test_only_the_possible_beginning_of_a_key_is_held_back() -> None:
    target = io.StringIO()
    stream = RedactingStream(Redactor([Secret(" lead-key")]), target)
    stream.write("Approve? [y/N]: le")
    stream.flush()
    assert target.getvalue() == "Approve? [y/N]:"
    stream.write("ad")
    stream.finish()
    assert target.getvalue() == "Approve? [y/N]: lead"


def test_closing_writes_the_rest_and_leaves_the_target_open() -> None:
    target = io.StringIO()
    with RedactingStream(Redactor([Secret("s3cret")]), target) as stream:
        stream.write("is s3c")
    assert target.getvalue() == "is s3c"
    assert not hasattr(stream, "buffer")


def test_megabytes_stay_fast_with_a_thousand_keys() -> None:
    redactor = Redactor(Secret(f"{i:04}-{i * 7919 % 10007:05}-kKeEyY{i}") for i in range(1000))
    text = '{"id": "023e105f4ecef8ad9ca31a8372d0c353", "name": "lon-a"}\n' * 35_000
    began = time.process_time()
    assert redactor.clean(text) == text
    assert time.process_time() - began < 3


@contextmanager
def installed() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    undo = install(Redactor([Secret("s3cret")]), out, err)
    try:
        yield out, err
    finally:
        undo()


def fail() -> None:
    local = f"local-{6 * 7}"
    raise ValueError("bad s3cret"[: len(local) + 2])


def caught() -> ValueError:
    try:
        fail()
    except ValueError as error:
        return error
    raise AssertionError


def test_what_is_printed_is_cleaned_on_both_streams() -> None:
    with installed() as streams:
        sys.stdout.write("my s3cret\n")
        sys.stderr.write("s3")
        sys.stderr.flush()
        sys.stderr.write("cret\n")
    assert [s.getvalue() for s in streams] == ["my ***\n", "***\n"]


def test_uncaught_exceptions_are_cleaned_and_show_no_locals() -> None:
    with installed() as (_, stderr):
        sys.excepthook(ValueError, caught(), None)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert stderr.getvalue().count("ValueError: bad ***\n") == 2
    assert "s3cret" not in stderr.getvalue()


def test_install_is_undone() -> None:
    before = sys.stdout, sys.stderr, sys.excepthook, threading.excepthook, sys.unraisablehook
    install(Redactor(), io.StringIO(), io.StringIO())()
    assert (sys.stdout, sys.stderr, sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_a_traceback_names_the_place_and_no_values_of_locals() -> None:
    text = traceback_text(caught())
    assert "in fail" in text
    assert "local-42" not in text


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("abcd%", ("::add-mask::abcd%25",)),
        ("abc", ()),
        ("first\nsecond", ("::add-mask::first%0Asecond", "::add-mask::first", "::add-mask::second")),
    ],
)
def test_mask_commands_are_escaped_and_by_line(key: str, lines: tuple[str, ...]) -> None:
    assert mask_commands(Secret(key)) == lines
