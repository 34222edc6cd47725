import sys
import time
import tracemalloc
from typing import get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.yaml.read import DocumentError, Plain, Reader, parse
from tests.yaml.hostile import CORPUS, Hostile

EACH = pytest.mark.parametrize("reader", get_args(Reader))


def problems(data: bytes, reader: Reader = "lines") -> list[tuple[str, int]]:
    with pytest.raises(DocumentError) as caught:
        parse(data, "f.yaml", reader=reader)
    return [(p.code, p.location.line) for p in caught.value.diagnostics]


@EACH
@pytest.mark.parametrize("case", CORPUS, ids=[case.name for case in CORPUS])
def test_a_hostile_file_is_refused_with_its_code_and_line(case: Hostile, reader: Reader):
    assert problems(case.data, reader=reader)[0] == (case.code, case.line)


def test_the_corpus_is_large():
    assert len({case.data for case in CORPUS}) >= 120


@pytest.mark.parametrize("case", CORPUS, ids=[case.name for case in CORPUS])
def test_a_refusal_is_quick_and_small(case: Hostile):
    before = time.process_time()
    problems(case.data)
    spent = time.process_time() - before
    tracemalloc.start()
    problems(case.data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spent < 0.5
    assert peak < 16 << 20


@EACH
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# only a comment\n", None),
        ("---\n", None),
        ("a: 1", {"a": "1"}),
        ("\ufeffa: 1", {"a": "1"}),
        ("%YAML 1.1\n---\na: 1\n...\n", {"a": "1"}),
        ("on: off\n010: 010", {"on": "off", "010": "010"}),
        ("{a: , b: ~, c: null, d: Null, e: NULL}", dict.fromkeys("abcde")),
        ("{a: '', b: '~', c: !!str null, d: ! ~}", {"a": "", "b": "~", "c": "null", "d": "~"}),
        ("'null': 1", {"null": "1"}),
        ("'<<': 1", {"<<": "1"}),
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", {"x": {"a": "1", "b": "2"}, "y": {"b": "3", "a": "1"}}),
        ("<<: [{a: 1}, {a: 2, b: 3}]\nc: 4", {"c": "4", "a": "1", "b": "3"}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": "1", "b": "2", "c": "2"}),
        ("&k a: 1\nb: *k", {"a": "1", "b": "a"}),
        ('a: "x\ty" # \tz', {"a": "x\ty"}),
        (r'a: "\t\n\U0001F600"', {"a": "\t\n\U0001f600"}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: 1\r\nb: 2\r\n", {"a": "1", "b": "2"}),
        ("[" * 32 + "]" * 32, [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]),
    ],
)
def test_a_good_file_keeps_what_was_written(text: str, value: object, reader: Reader):
    assert parse(text.encode(), "f", reader=reader).value == value


@pytest.mark.parametrize("text", ["1", "-1", "+1.5e3", "0o17", "0x1F", ".inf", "-.INF", ".NaN", "true", "False", "010"])
def test_what_yaml_12_types_is_plain(text: str):
    value = parse(f"a: {text}\nb: '{text}'\nc: !!str {text}".encode(), "f").value
    assert [(str(v), type(v)) for v in value.values()] == [(text, Plain), (text, str), (text, str)]


@pytest.mark.parametrize(
    "text", ["on", "No", "1_000", "1:30", "2026-01-01", "10.0.0.0/31", "1.2.3.4", "0b1", "tRue", "."]
)
def test_what_only_yaml_11_types_is_text(text: str):
    assert type(parse(f"[{text}]".encode(), "f").value[0]) is str


def test_independent_problems_are_all_told():
    found = problems(b"a: 1\na: !x 2\n~: 3\nb: *c\n[d]: 4\nb: 5")
    assert found == [
        ("duplicate-key", 2),
        ("tag", 2),
        ("null-key", 3),
        ("unknown-alias", 4),
        ("bad-key", 5),
        ("duplicate-key", 6),
    ]


@EACH
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("psk: !Zx9SECRETkey x", "tag"),
        ("psk: !Zx9SECRETkey", "tag"),
        ("psk: !!Zx9SECRETkey {}", "tag"),
        ("psk: !Zx9SECRETkey!x y", "tag"),
        ("psk: *Zx9SECRETkey", "unknown-alias"),
        ("psk: &Zx9SECRETkey [*Zx9SECRETkey]", "recursive-alias"),
        ("psk: &Zx9SECRETkey", "empty-anchor"),
        ("- {psk: &Zx9SECRETkey}", "empty-anchor"),
        ("psk: &Zx9SECRETkey\nname: x", "empty-anchor"),
        ("pks: &Zx9SECRETkey # why", "empty-anchor"),
        ("psk: #Zx9SECRETkey", "comment-value"),
        ("a:\n- psk:  #Zx9SECRETkey x\n  name: x", "comment-value"),
        ("- {'psk': #Zx9SECRETkey\n }", "comment-value"),
        ("token: #Zx9SECRETkey\nprune: true", "comment-value"),
        ("bgp:\n  md5_key: #Zx9SECRETkey\n", "comment-value"),
    ],
)
def test_a_key_that_yaml_takes_for_something_else_is_an_error_and_not_quoted(text: str, code: str, reader: Reader):
    with pytest.raises(DocumentError) as refused:
        parse(text.encode(), "f", reader=reader)
    assert [found.code for found in refused.value.diagnostics] == [code]
    assert "Zx9" not in str(refused.value)


@EACH
@pytest.mark.parametrize(
    "text",
    [
        "psk: # none",
        "psk: #",
        "psk: ## none",
        "psk: #why\n  env: A",
        "psk: external #why",
        "description: #why",
        "a: |\n  psk: #x",
        'a: "\n psk: #x"',
        "#psk: #x\na: 1",
    ],
)
def test_other_comments_are_comments(text: str, reader: Reader):
    parse(text.encode(), "f", reader=reader)


def test_each_merge_conflict_is_told_once_with_the_other_problems():
    one = b"<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n"
    assert problems(b"a: 1\n" + one + b"c:\t1\n" + one + b"=======\n") == [
        ("tab", 7),
        ("merge-conflict", 2),
        ("merge-conflict", 8),
        ("merge-conflict", 13),
    ]
    assert problems(b"<<<<<<< HEAD\na: 1\n" + one) == [("merge-conflict", 1), ("merge-conflict", 3)]


@pytest.mark.parametrize(
    "text", ["a: |\n  <<<<<<< HEAD\n  =======\n", "a: <<<<<<< b", "#<<<<<<< HEAD", "a: 1 # =======", "========: 1"]
)
def test_what_git_does_not_write_is_no_conflict(text: str):
    parse(text.encode(), "f")


def test_a_duplicate_names_the_first_line():
    with pytest.raises(DocumentError, match=r'f:3:1: error: the key "a" .* line 1 already'):
        parse(b"a: 1\nb: 2\na: 3", "f")


def test_problems_are_capped():
    told = problems(b"- !x 1\n" * 500)
    assert (len(told), told[-1]) == (101, ("more-problems", 100))
    assert len(problems(b"- !x 1\n" * 99)) == 99


@EACH
@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        ((), False, (1, 1)),
        (("t",), True, (1, 1)),
        (("t",), False, (2, 3)),
        (("t", 0), False, (2, 5)),
        (("t", 0, "b"), False, (3, 8)),
        (("t", 0, "b"), True, (3, 5)),
        (("t", 0, "absent", "x"), False, (2, 5)),
        (("t", 0, "absent", "x"), True, (2, 5)),
        (("t", 1), False, (4, 5)),
        (("t", 1, "a"), False, (4, 5)),
        (("t", 9), False, (2, 3)),
        (("t", "x"), False, (2, 3)),
    ],
)
def test_a_place_is_found(path: tuple[str | int, ...], place: tuple[int, int], reader: Reader, *, key: bool):
    document = parse(b"t:\n  - a: 1\n    b: [&x 2]\n  - *x\n", "f", reader=reader).document
    assert document.locate(path, key=key) == place


@EACH
@pytest.mark.parametrize(("key", "place"), [("a", (2, 5)), ("b", (3, 4)), ("c", (5, 3)), ("d", (7, 1))])
def test_a_value_of_the_root_is_found(key: str, place: tuple[int, int], reader: Reader):
    document = parse(b"# x\na:  1\nb: [y]\nc:\n  d: z\nd: # w\n- v\n", "f", reader=reader).document
    assert document.locate((key,)) == place


def test_a_usual_file_needs_no_parser(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "reconciler.yaml.parser", None)
    assert parse(b"a: b\n", "f").value == {"a": "b"}
    with pytest.raises(ImportError):
        parse(b"a: &b c\n", "f")


@EACH
@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("t:\n  - a: 1\n  - b", [(2, 5), (3, 5)]),
        ("t: []", []),
        ("t: {a: 1}", []),
        ("x: {y: &y [1, 2]}\nt: *y", [(2, 4), (2, 4)]),
    ],
)
def test_the_items_of_a_list_have_places(text: str, starts: list[tuple[int, int]], reader: Reader):
    found = parse(text.encode(), "f", reader=reader).item_locations("t")
    assert [(place.line, place.column) for place in found] == starts


@EACH
@settings(max_examples=150)
@given(data=st.one_of(st.binary(max_size=80), st.text("ab:-[]{}&*!|>'\"#%\\ \n\t?,~<0x1", max_size=60).map(str.encode)))
def test_any_bytes_are_read_or_refused(data: bytes, reader: Reader):
    try:
        document = parse(data, "f", reader=reader).document
    except DocumentError as refused:
        places = [(p.location.line, p.location.column) for p in refused.diagnostics]
    else:
        places = [document.locate(())]
    assert min(min(place) for place in places) >= 1


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn"]), max_size=12),
)
KEYS = st.text(st.characters(categories=["L", "N", "P"]), max_size=8)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def as_text(value: object) -> object:
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value if value is None else str(value)


@EACH
@settings(max_examples=100)
@given(data=NESTED)
def test_dumped_data_comes_back_as_text(data: object, reader: Reader):
    assert parse(yaml.safe_dump(data, allow_unicode=True).encode(), "f", reader=reader).value == as_text(data)
