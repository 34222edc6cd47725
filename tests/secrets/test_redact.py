import base64
import html
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.secrets.redact import MASK, Redactor, mask_commands
from reconciler.secrets.secret import Secret
from tests.secrets.canary import leaks

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
def test_every_form_of_a_key_is_replaced(key: str, encoding: str) -> None:
    text = f"before {ENCODINGS[encoding](key)} after"
    cleaned = Redactor([Secret(key)]).clean(text)
    assert MASK in cleaned
    assert leaks(cleaned.encode(), key) == []
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@settings(max_examples=300)
@given(
    st.text("ab1%&\\<>\"'/+;u0é€ ", min_size=6, max_size=14).filter(str.strip),
    st.sampled_from(sorted(ENCODINGS)),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_a_key_that_is_written_in_parts_is_replaced(key: str, encoding: str, sizes: list[int]) -> None:
    redactor = Redactor([Secret(key)])
    text = rest = f"before {ENCODINGS[encoding](key)} after"
    written = held = ""
    for size in cycle(sizes):
        ready, held = redactor.split(held + rest[:size])
        written, rest = written + ready, rest[size:]
        if not rest:
            break
    assert written + redactor.clean(held) == redactor.clean(text)


LONG = "Qw7-hunter2_xyz+09 Ab"


@pytest.mark.parametrize(
    "spelt",
    [
        LONG,
        LONG.swapcase(),
        " ".join(LONG),
        "Qw7\r\n  hunter2\r\n  xyz+09\r\n  Ab",
        "Qw7...hunter2...xyz...09...Ab",
        LONG[3:],
        LONG[:-3],
        LONG.encode().hex(":").upper(),
        base64.encodebytes(f"Bearer {LONG}".encode() * 3).decode(),
        quote(LONG, safe="").lower(),
    ],
)
def test_a_message_quotes_a_key_whatever_its_case_and_what_stands_between_its_letters(spelt: str) -> None:
    redactor = Redactor([Secret("another"), Secret(LONG)])
    assert redactor.quotes(f"what is <{spelt}>?")


@pytest.mark.parametrize(
    "text", ["", "Qw7-hunter2", "the interface address overlaps that of lon-a", str(list(LONG.encode())), LONG[::-1]]
)
def test_a_message_that_holds_no_form_of_a_key_quotes_none(text: str) -> None:
    assert not Redactor([Secret(LONG)]).quotes(text)
    assert not Redactor().quotes(text)


@pytest.mark.parametrize(("text", "quoted"), [("is abc-d ok", True), ("is abcd ok", False), ("is ABC-D ok", False)])
def test_a_short_key_is_only_found_as_it_is(text: str, *, quoted: bool) -> None:
    assert Redactor([Secret("abc-d")]).quotes(text) is quoted


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


def test_megabytes_stay_fast_with_a_thousand_keys() -> None:
    redactor = Redactor(Secret(f"{i:04}-{i * 7919 % 10007:05}-kKeEyY{i}") for i in range(1000))
    text = '{"id": "023e105f4ecef8ad9ca31a8372d0c353", "name": "lon-a"}\n' * 35_000
    began = time.process_time()
    assert redactor.clean(text) == text
    assert time.process_time() - began < 3


@pytest.mark.parametrize("piece", ["a", "A1", "\\", "%25", "&#", "a/", "abcdefghijkl ", "\n", "a-key-of-some-lengt"])
def test_no_text_takes_long(piece: str) -> None:
    redactor = Redactor([Secret("a-key-of-some-length"), Secret("\\" * 5000), Secret("%2525" * 50)])
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    redactor.clean(text)
    redactor.split(text)
    redactor.quotes(text)
    assert time.process_time() - began < 3


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
