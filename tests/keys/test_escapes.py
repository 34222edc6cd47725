import time

import pytest

from reconciler.keys.escapes import Undone, undone, undone_key
from reconciler.keys.redact import Redactor
from reconciler.keys.secret import Secret


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain: 100 % & more", "plain: 100 % & more"),
        (r"\u003c\u003C", "<<"),
        (r"\\u003c\\\\u003c", "<<"),
        ("%5Cu003c%253c", "<<"),
        ("&amp;lt;&#60;&#x3C;&#X3c;", "<<<<"),
        (r"\ud83d\ude00 \U0001f600 \u{1f600}", "😀 😀 😀"),
        (r"\xc3\xa9 \303\251 Ã© %C3%A9 \xe9", "é é é é é"),
        ("\xe2\u201a\xac", "€"),
        (r"\/\"\*\n", '/"*\n'),
        (r"a+b \u002b &#1114112; \U00110000", "a b   &#1114112; \\U00110000"),
    ],
)
def test_escapes_are_undone_in_every_layer(text: str, plain: str) -> None:
    assert (undone(text), Undone(text).text) == (plain, plain)


def test_each_character_knows_where_it_came_from() -> None:
    found = Undone(r"a\\u003cb%25")
    assert (found.text, [found.origin(place) for place in range(5)]) == ("a<b%", [0, 1, 8, 9, 12])


def test_an_end_that_may_go_on_is_left_out() -> None:
    found = Undone(r"a&lt;b\\u00", open_end=True)
    assert (found.text, found.settled) == ("a<b", 6)


@pytest.mark.parametrize(
    ("key", "cut"), [("abc\\", "abc"), ("abc%4", "abc"), ("abc&am", "abc"), ("abc&def", "abc&def")]
)
def test_an_end_that_may_run_together_with_what_follows_is_no_part_of_a_key(key: str, cut: str) -> None:
    assert undone_key(key) == (key, cut)


@pytest.mark.parametrize(
    "piece", ["a", "A1", "\\", "%25", "%", "&", "&#", "\\u00", "Ã", "a/", "abcdefghijkl ", "+", "\n"]
)
def test_no_text_takes_long(piece: str) -> None:
    redactor = Redactor([Secret("a-key-of-some-length"), Secret("\\" * 5000), Secret("%2525" * 50)])
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    redactor.clean(text)
    redactor.split(text)
    assert time.process_time() - began < 3
