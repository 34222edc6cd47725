import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.written import Plain
from reconciler.yaml.read import LOADER, Document, DocumentError, KeyPath, parse
from tests.yaml.hostile import CORPUS, Hostile

EACH = pytest.mark.parametrize("loader", [LOADER, yaml.SafeLoader], ids=["libyaml", "pure"])


def problems(data: bytes, loader: type = LOADER) -> list[tuple[str, int]]:
    with pytest.raises(DocumentError) as caught:
        parse(data, "f.yaml", loader=loader)
    return [(p.code, p.location.line) for p in caught.value.diagnostics]


def at(document: Document, path: KeyPath, *, key: bool = False) -> tuple[int, int]:
    place = document.location(path, key=key)
    return place.line, place.column


@EACH
@pytest.mark.parametrize("case", CORPUS, ids=[case.name for case in CORPUS])
def test_a_hostile_file_is_refused_with_its_code_and_line(case: Hostile, loader: type):
    assert problems(case.data, loader=loader)[0] == (case.code, case.line)


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
        ("# x\n\na:   b   # y\n", {"a": "b"}),
        ("a: \"b # c\"\nd: 'it''s'\n", {"a": "b # c", "d": "it's"}),
        ("a:\n  b: 10.0.0.0/31\nc: 1:30\n", {"a": {"b": "10.0.0.0/31"}, "c": "1:30"}),
        ("a:\n- b\n- c d\ne: f\n", {"a": ["b", "c d"], "e": "f"}),
        ("a:\n  - b: c\n    d:\n    - e\n  - f\n", {"a": [{"b": "c", "d": ["e"]}, "f"]}),
        (
            "a: [b, c d]\ne: {f: g, h: {i: [j]}}\nk: []\n",
            {"a": ["b", "c d"], "e": {"f": "g", "h": {"i": ["j"]}}, "k": []},
        ),
        ("a: b\n  c", {"a": "b c"}),
        ("a: [b,\n  c]", {"a": ["b", "c"]}),
        ("a: ~b\nb: {c:d}", {"a": "~b", "b": {"c:d": None}}),
        ("a: São Paulo\n", {"a": "São Paulo"}),
        ("&k a: 1\nb: *k", {"a": "1", "b": "a"}),
        ('a: "x\ty" # \tz', {"a": "x\ty"}),
        ("#x\ty\na: 'x\n  y\tz'", {"a": "x y\tz"}),
        ("a: 'x\n%FOO'", {"a": "x %FOO"}),
        (r'a: "\t\n\U0001F600"', {"a": "\t\n\U0001f600"}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: 1\r\nb: 2\r\n", {"a": "1", "b": "2"}),
        ("[" * 32 + "]" * 32, [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]),
    ],
)
def test_a_good_file_keeps_what_was_written(text: str, value: object, loader: type):
    assert parse(text.encode(), "f", loader=loader).value == value


@pytest.mark.parametrize("text", ["1", "-1", "+1.5e3", "0o17", "0x1F", ".inf", "-.INF", ".NaN", "true", "False", "010"])
def test_what_yaml_12_types_is_plain(text: str):
    value = parse(f"a: {text}\nb: '{text}'\nc: !!str {text}".encode(), "f").value
    assert [(str(v), type(v)) for v in value.values()] == [(text, Plain), (text, str), (text, str)]


@pytest.mark.parametrize(
    "text", ["on", "No", "1_000", "1:30", "2026-01-01", "10.0.0.0/31", "1.2.3.4", "0b1", "tRue", "."]
)
def test_what_only_yaml_11_types_is_text(text: str):
    assert type(parse(f"[{text}]".encode(), "f").value[0]) is str


def test_a_key_that_was_seen_before_is_still_judged_by_how_it_stands():
    assert problems(b'- "null": 1\n- null: 2\n') == [("null-key", 2)]
    again = b"- name: a\n- &key name: b\n- *key\n"
    assert parse(again, "f").value == [{"name": "a"}, {"name": "b"}, "name"]


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
def test_a_key_that_yaml_takes_for_something_else_is_an_error_and_not_quoted(text: str, code: str, loader: type):
    with pytest.raises(DocumentError) as refused:
        parse(text.encode(), "f", loader=loader)
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
def test_other_comments_are_comments(text: str, loader: type):
    parse(text.encode(), "f", loader=loader)


def test_each_merge_conflict_is_told_once_with_the_other_problems():
    one = b"<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n"
    assert problems(b"a: 1\n" + one + b"c: \a\n" + one + b"=======\n") == [
        ("control-character", 7),
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
def test_a_place_is_found(path: tuple[str | int, ...], place: tuple[int, int], loader: type, *, key: bool):
    document = parse(b"t:\n  - a: 1\n    b: [&x 2]\n  - *x\n", "f", loader=loader).document
    assert at(document, path, key=key) == place


@EACH
@pytest.mark.parametrize(("key", "place"), [("a", (2, 5)), ("b", (3, 4)), ("c", (5, 3)), ("d", (7, 1))])
def test_a_value_of_the_root_is_found(key: str, place: tuple[int, int], loader: type):
    document = parse(b"# x\na:  1\nb: [y]\nc:\n  d: z\nd: # w\n- v\n", "f", loader=loader).document
    assert at(document, (key,)) == place


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
def test_the_items_of_a_list_have_places(text: str, starts: list[tuple[int, int]], loader: type):
    found = parse(text.encode(), "f", loader=loader).item_locations("t")
    assert [(place.line, place.column) for place in found] == starts


@EACH
@settings(max_examples=150)
@given(data=st.one_of(st.binary(max_size=80), st.text("ab:-[]{}&*!|>'\"#%\\ \n\t?,~<0x1", max_size=60).map(str.encode)))
def test_any_bytes_are_read_or_refused(data: bytes, loader: type):
    try:
        document = parse(data, "f", loader=loader).document
    except DocumentError as refused:
        places = [(p.location.line, p.location.column) for p in refused.diagnostics]
    else:
        places = [at(document, ())]
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
def test_dumped_data_comes_back_as_text(data: object, loader: type):
    assert parse(yaml.safe_dump(data, allow_unicode=True).encode(), "f", loader=loader).value == as_text(data)


def files(draw: st.DrawFn, value: Any, column: int) -> Iterator[str]:
    """The lines of a tree of mappings and lists, as somebody might write them."""
    pad = " " * column
    if isinstance(value, dict):
        for key, inner in value.items():
            nested = isinstance(inner, dict | list)
            yield f"{pad}{key}:" + ("" if nested else f" {inner}") + draw(COMMENTS)
            if nested:
                yield from files(draw, inner, column + draw(STEPS))
        return
    for inner in value:
        nested = isinstance(inner, dict | list) and inner
        first, *rest = files(draw, inner, column + 2) if nested else [f"{pad}  {inner}"]
        yield f"{pad}- {first.lstrip()}"
        yield from rest


PLAIN = r"""foo|10.0.0.1/31|fd00::a/127|on|true|~|null|-1|010|1.5|0x1F|1_000|12:30|.inf|.|=|a:b|a:|a#c|a,|a,b|@|`|>
|&|*|!|%|-|?|<<|é|ß|"|'|""|''|---|...|x]|a b|a  b|a - b|a: b|a #b|a # b|"a b"|"a # b"|'a''b'|"a\nb"|"é"|# c|&a b|*a
|!x y|- a"""
FLOW = """[]|{}|[a]|[a,b]|{a}|[-1]|[a,]|[a, b c]|[a, [b]]|{a: b}|{a: b c, d: 1}|{a: {b: c}, d: [e, 1]}|{a: b, a: c}
|{a : b}|{a:b}|[a: b]|{a: b: c}|{a: }|{a: ~, b: on}|["a"]|[a -, b]|[- a]|[a] b|{a: b}: c|{null: a}|{é: é}|[a:b]
|{a: ::1}|&a [b]"""
ODD = ["|", " ", "\u00a0", "\u3000", "\u00a0a", '"\ufeff"', "'\t'", '"a\tb"', "a # \t \ufeff"]
LEAVES = st.sampled_from([*f"{PLAIN}|{FLOW}".replace("\n", "").split("|"), *ODD])
NAMES = st.sampled_from(("a", "b", "c", "tunnels", "true", "on", "null", "_x1"))
COMMENTS = st.sampled_from(("", "", "", " # c", " #", "#c", " "))
STEPS = st.sampled_from((2, 2, 2, 4, 1, 0))
SPLICES = st.sampled_from([*"abé:#-[]{},'\"\n.&*!|>%?\\ ", "  ", "- ", ": ", " #", "null", "---\n", "\n\n", "\n  "])
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        LEAVES, lambda t: st.lists(t, max_size=3) | st.dictionaries(NAMES, t, min_size=1, max_size=3), max_leaves=8
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    text = "\n".join(files(draw, draw(TREES), 0)) + draw(st.sampled_from(("\n", "", "\n\n")))
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(SPLICES) + text[start + draw(st.integers(0, 2)) :]
    return text


def spelled(value: object) -> object:
    """A value without what tells `Plain` from text."""
    if isinstance(value, dict):
        return {key: spelled(inner) for key, inner in value.items()}
    return [spelled(item) for item in value] if isinstance(value, list) else None if value is None else str(value)


def tree(node: yaml.Node, path: KeyPath, places: dict[KeyPath, tuple[int, int]]) -> object:
    """What a node of PyYAML's holds; the places of all that is in it are added to `places`."""
    places[path] = node.start_mark.line + 1, node.start_mark.column + 1
    if isinstance(node, yaml.MappingNode):
        return {key.value: tree(value, (*path, key.value), places) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [tree(item, (*path, index), places) for index, item in enumerate(node.value)]
    return None if node.tag == "tag:yaml.org,2002:null" else node.value


@settings(max_examples=300)
@given(texts())
def test_values_and_places_are_those_of_a_tree_that_pyyaml_makes(text: str):
    try:
        parsed = parse(text.encode(), "f")
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (DocumentError, yaml.composer.ComposerError):  # PyYAML refuses an anchor that is named twice
        return
    places: dict[KeyPath, tuple[int, int]] = {}
    assert spelled(parsed.value) == (tree(node, (), places) if node else None)
    if "*" not in text:
        assert {path: at(parsed.document, path) for path in places} == places
