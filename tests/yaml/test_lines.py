"""The reader of usual files against libyaml: it may leave any file to libyaml, and may never read one otherwise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.yaml.builder import Builder, Stop
from reconciler.yaml.lines import read_lines
from reconciler.yaml.plain import Plain, Value
from reconciler.yaml.screen import screen
from reconciler.yaml.syntax import BROKEN, events
from tests.benchmarks.data import write_account

EXAMPLES = sorted((Path(__file__).parents[1] / "estate").rglob("*.yaml"))


def value_of(text: str) -> Value:
    found = read_lines(text.encode())
    return found[0] if found else None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b", {"a": "b"}),
        ("# x\n\na:   b   # y\n", {"a": "b"}),
        ("a: \"b # c\"\nd: ''\n", {"a": "b # c", "d": ""}),
        ("a:\n  b: 10.0.0.0/31\nc: 1:30\n", {"a": {"b": "10.0.0.0/31"}, "c": "1:30"}),
        ("a:\n- b\n- c d\ne: f\n", {"a": ["b", "c d"], "e": "f"}),
        ("a:\n  - b: c\n    d:\n    - e\n  - f\n", {"a": [{"b": "c", "d": ["e"]}, "f"]}),
        (
            "a: [b, c d]\ne: {f: g, h: {i: [j]}}\nk: []\n",
            {"a": ["b", "c d"], "e": {"f": "g", "h": {"i": ["j"]}}, "k": []},
        ),
        ("a: ~b\n", None),
        ("a: São Paulo\n", {"a": "São Paulo"}),
    ],
)
def test_a_usual_file_is_read(text: str, value: Value):
    assert value_of(text) == value


@pytest.mark.parametrize("text", ["a: 010", "a: {b: true}", "a: [1.5]", "a:\n- 0x1F"])
def test_numbers_and_booleans_without_quotes_are_told_from_text(text: str):
    found = value_of(text)
    while isinstance(found, dict | list):
        found = next(iter(found.values())) if isinstance(found, dict) else found[0]
    assert type(found) is Plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "a",
        "- a",
        "---\na: b",
        "a: b\n...\n",
        "a: b\n  c",
        "a: b\n  c: d",
        "a: b\na: c",
        "a: b\na:\n  c: d",
        "a:\n  b: c\na: d",
        "a: {b: c, b: d}",
        "a:\nb: c",
        "a:\n",
        "a:\n    b: c\n  d: e",
        "a:\n  - b\n c: d",
        "a: b: c",
        "a: b:",
        "a: &b c",
        "a: *b",
        "a: !b c",
        "a: |\n  b",
        'a: "\\n"',
        "a: 'it''s'",
        "a: 'b\n  c'",
        "a: [b,\n  c]",
        "a: [b, c",
        "a: [b: c]",
        "a: {b:c}",
        'a: ["b"]',
        "a: [[[[[b]]]]]",
        "null: a",
        "a: {null : b}",
        "<<: a",
        "'a': b",
        "A: b",
        "? a",
        "a:\n  -\n",
        "a:\n  -  b: c\n",
        "a:\n  - - b",
        "a: b\r\n",
        'a: "b\rc"',
        "# a\rb: c\nd: e",
        "a: \tb",
        "\ufeffa: b",
        "".join(f"{'  ' * n}a:\n" for n in range(9)) + "  " * 9 + "a: b\n",
    ],
)
def test_any_other_file_is_left_to_the_parser(text: str):
    assert read_lines(text.encode()) is None


@pytest.mark.parametrize("path", EXAMPLES, ids=[str(path) for path in EXAMPLES])
def test_the_examples_are_usual_files(path: Path):
    assert read_lines(path.read_bytes()) is not None


def test_generated_files_are_usual_files(tmp_path: Path):
    write_account(tmp_path, 0, 20, (0, 0, 0))
    assert [read_lines(p.read_bytes()) is None for p in tmp_path.rglob("*.yaml")] == [False, False]


def test_items_below_a_key_of_the_root_have_places():
    found = read_lines(b"a:\n  - b\n  - c: d\n    e:\n      - f\ng:\n- h\n")
    assert found is not None
    assert list(found[1].values()) == [[(2, 5), (3, 5)], [(7, 3)]]


PLAIN = r"""foo|10.0.0.1/31|fd00::a/127|on|true|~|null|-1|010|1.5|0x1F|1_000|12:30|.inf|.|=|a:b|a:|a#c|a,|a,b|@|`|>
|&|*|!|%|-|?|<<|é|ß|"|'|""|''|---|...|x]|a b|a  b|a - b|a: b|a #b|a # b|"a b"|"a # b"|'a''b'|"a\nb"|"é"|# c|&a b|!x y
|- a"""
FLOW = """[]|{}|[a]|[a,b]|{a}|[-1]|[a,]|[a, b c]|[a, [b]]|{a: b}|{a: b c, d: 1}|{a: {b: c}, d: [e, 1]}|{a: b, a: c}
|{a : b}|{a:b}|[a: b]|{a: b: c}|{a: }|{a: ~, b: on}|["a"]|[a -, b]|[- a]|[a] b|{a: b}: c|{null: a}|{é: é}|[a:b]
|{a: ::1}"""
ODD = ["|", " ", "\u00a0", "\u3000", "\u00a0a", '"\ufeff"', "'\t'", '"a\tb"', "a # \t \ufeff"]
LEAVES = st.sampled_from([*f"{PLAIN}|{FLOW}".replace("\n", "").split("|"), *ODD])
KEYS = st.sampled_from(("a", "b", "c", "tunnels", "true", "on", "null", "_x1"))
COMMENTS = st.sampled_from(("", "", "", " # c", " #", "#c", " "))
STEPS = st.sampled_from((2, 2, 2, 4, 1, 0))
SPLICES = st.sampled_from([*"abé:#-[]{},'\"\n.&*!|>%?\\ ", "  ", "- ", ": ", " #", "null", "---\n", "\n\n", "\n  "])


def lines(draw: st.DrawFn, value: Any, column: int) -> Iterator[str]:
    """The lines of a tree of mappings and lists, as somebody might write them."""
    pad = " " * column
    if isinstance(value, dict):
        for key, inner in value.items():
            nested = isinstance(inner, dict | list)
            yield f"{pad}{key}:" + ("" if nested else f" {inner}") + draw(COMMENTS)
            if nested:
                yield from lines(draw, inner, column + draw(STEPS))
        return
    for inner in value:
        first, *rest = (
            lines(draw, inner, column + 2) if isinstance(inner, dict | list) and inner else [f"{pad}  {inner}"]
        )
        yield f"{pad}- {first.lstrip()}"
        yield from rest


TREES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda t: st.lists(t, max_size=3) | st.dictionaries(KEYS, t, min_size=1, max_size=3), max_leaves=8
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    text = "\n".join(lines(draw, draw(TREES), 0)) + draw(st.sampled_from(("\n", "", "\n\n")))
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(SPLICES) + text[start + draw(st.integers(0, 2)) :]
    return text


def kinds(value: Value) -> object:
    """The value with the type of each scalar."""
    if isinstance(value, dict):
        return {key: kinds(inner) for key, inner in value.items()}
    return [kinds(item) for item in value] if isinstance(value, list) else (type(value), value)


def places(value: Value, starts: dict[int, list[tuple[int, int]]]) -> dict[str, list[tuple[int, int]]]:
    return {k: starts[id(v)] for k, v in value.items() if id(v) in starts} if isinstance(value, dict) else {}


@settings(max_examples=300)
@given(texts())
def test_what_is_read_is_what_libyaml_reads(text: str):
    data = text.encode()
    usual = None if screen(data, "f") else read_lines(data)
    if usual is None:
        return
    builder = Builder(events(data), "f", careful=any(sign in data for sign in (b"\\", b"&", b"!")))
    try:
        value = builder.document()
    except (Stop, *BROKEN) as refused:
        raise AssertionError(text) from refused
    assert not builder.problems
    assert not builder.repeated
    assert kinds(usual[0]) == kinds(value)
    assert places(*usual).items() <= places(value, builder.starts).items()
