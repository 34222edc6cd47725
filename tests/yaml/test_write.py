from typing import Any

import pytest
import yaml

from reconciler.yaml.write import yaml_text

LONG = [f"10.{i}.0.0/16" for i in range(12)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": {"b": 1, "c": {"d": [1, 2]}}}, "a: {b: 1, c: {d: [1, 2]}}\n"),
        ({"a": {}, "b": []}, "a: {}\nb: []\n"),
        ([{"name": "a", "bgp": {"customer_asn": 1}}], "- name: a\n  bgp: {customer_asn: 1}\n"),
        ({"bgp": {"asn": 1, "prefixes": LONG}}, "bgp:\n  asn: 1\n  prefixes:\n" + "".join(f"  - {p}\n" for p in LONG)),
        ({"a": {"b": "x" * 60, "c": {"d": "y" * 50}}}, f"a:\n  b: {'x' * 60}\n  c: {{d: {'y' * 50}}}\n"),
        ({"a": ["on", "1", "a, b", "é", "\u202e"]}, "a: ['on', '1', 'a, b', \"\\xE9\", \"\\u202E\"]\n"),
    ],
)
def test_what_is_short_stands_on_one_line_behind_its_key(value: Any, text: str):
    assert yaml_text(value) == text
    assert yaml.safe_load(text) == value


def test_what_comes_from_another_text_stays_as_it_was_written_there():
    old = yaml.compose("a:\n  b: 1\n")
    assert yaml_text({"new": {"c": 2}, "old": old}) == "new: {c: 2}\nold:\n  a:\n    b: 1\n"


def test_one_line_is_wanted():
    assert yaml_text([{"a": {"b": LONG}}], flow=True) == f"[{{a: {{b: [{', '.join(LONG)}]}}}}]"
