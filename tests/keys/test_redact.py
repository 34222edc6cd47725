import base64
import html
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.keys.escapes import undone_key
from reconciler.keys.redact import MASK, Redactor, mask_commands
from reconciler.keys.secret import Secret
from tests.keys.canary import leaks


def go_json(text: str) -> str:
    """As Go's encoding/json writes a string."""
    text = json.dumps(text, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


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
    "go json": go_json,
    "json as lower hexadecimal": lambda s: re.sub("(....)", r"\\u\1", s.encode("utf-16-be").hex()),
    "json as upper hexadecimal": lambda s: re.sub("(....)", r"\\u\1", s.encode("utf-16-be").hex().upper()),
    "json with slashes": lambda s: json.dumps(s).replace("/", "\\/"),
    "latin-1": lambda s: s.encode().decode("latin-1"),
    "cp1252": lambda s: "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in s.encode()),
    "basic auth": lambda s: base64.urlsafe_b64encode(b"u:" + s.encode() + b"\xff\xff").decode(),
}

ESCAPES = sorted(name for name in ENCODINGS if not any(word in name.lower() for word in ("hex", "64", "basic")))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("key", ["abcde", "0123", " lead", "%s%d", KEY, "one\ntwo two\n"], ids=ascii)
def test_every_shape_of_a_key_is_replaced(key: str, encoding: str) -> None:
    text = f"before {ENCODINGS[encoding](key)} after"
    cleaned = Redactor([Secret(key)]).clean(text)
    assert MASK in cleaned
    assert leaks(cleaned.encode(), key) == []
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@settings(derandomize=True, max_examples=500, deadline=None)
@given(
    st.text("ab1%&\\<>\"'/+;u0é€😀 ", min_size=6, max_size=16).filter(lambda key: len(undone_key(key.strip())[1]) > 3),
    st.sampled_from(sorted(ENCODINGS)),
    st.sampled_from(sorted(ENCODINGS)),
)
def test_a_key_in_two_encodings_is_replaced(key: str, inner: str, outer: str) -> None:
    text = f"before {ENCODINGS[outer](ENCODINGS[inner](key))} after"
    cleaned = Redactor([Secret(key)]).clean(text)
    assert MASK in cleaned
    assert leaks(cleaned.encode(), key) == []


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.text("ab1%&\\<>\"'/+;u0é€ ", min_size=6, max_size=14).filter(str.strip),
    st.sampled_from(ESCAPES),
    st.sampled_from(ESCAPES),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_an_escaped_key_that_is_written_in_parts_is_replaced(
    key: str, inner: str, outer: str, sizes: list[int]
) -> None:
    redactor = Redactor([Secret(key)])
    text = rest = f"before {ENCODINGS[outer](ENCODINGS[inner](key))} after"
    written = held = ""
    for size in cycle(sizes):
        ready, held = redactor.split(held + rest[:size])
        written, rest = written + ready, rest[size:]
        if not rest:
            break
    assert written + redactor.clean(held) == redactor.clean(text)


@pytest.mark.parametrize("third", ["json", "html", "url", "repr"])
def test_a_log_line_around_a_message_hides_no_key(third: str) -> None:
    for one in ("go json", "html", "json", "latin-1"):
        cleaned = Redactor([Secret(KEY)]).clean(ENCODINGS[third](ENCODINGS["json"](f"no: {ENCODINGS[one](KEY)}!")))
        assert MASK in cleaned
        assert not {"end", "$x"} & set(re.findall(r"\$x|end", cleaned))


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


def test_escaped_megabytes_stay_fast_with_a_thousand_keys() -> None:
    redactor = Redactor(Secret(f"{i:04}-{i * 7919 % 10007:05}-kKeEyY{i}") for i in range(1000))
    text = '{"id": "023e105f4ecef8ad9ca31a8372d0c353", "name": "lon-a"}\\n\\u003c%20&amp;lt;' * 35_000
    began = time.process_time()
    assert redactor.clean(text) == text
    assert redactor.clean(text + "\\u003c0007-05398-kKeEyY7") == text + "\\u003c" + MASK
    assert time.process_time() - began < 5


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
