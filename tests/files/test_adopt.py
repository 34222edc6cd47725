import pytest

from reconciler.files.adopt import add_ignores
from reconciler.files.dump import Ignored
from reconciler.files.tree import SourceFile
from reconciler.model.problems import Diagnostic

RULES = [Ignored("a[!b, c]", "it: breaks"), Ignored("\u2026", "also")]
BLOCK = """  - name: a[!b, c]
    reason: 'can''t be declared: it: breaks'
  - name: …
    reason: 'can''t be declared: also'
"""
FLOW = (
    "{name: 'a[!b, c]', reason: 'can''t be declared: it: breaks'}, "
    "{name: \"\\u2026\", reason: 'can''t be declared: also'}"
)


def added(text: str) -> str | Diagnostic:
    return add_ignores(SourceFile("account.yaml", text.encode()), RULES)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("prune: true", f"prune: true\nignore:\n{BLOCK}"),
        ("ignore: []  # none\nprune: true\n", f"ignore:  # none\n{BLOCK}prune: true\n"),
        ("prune: true\nignore:\n", f"prune: true\nignore:\n{BLOCK}"),
        ("ignore: ~\nremoved: []\n", f"ignore:\n{BLOCK}removed: []\n"),
        ("ignore:\n  # mine\n  - name: x\n", f"ignore:\n  # mine\n{BLOCK}  - name: x\n"),
        ("ignore: [{name: x}]  # mine\n", f"ignore: [{FLOW}, {{name: x}}]  # mine\n"),
        ("ignore: [\n  {name: x},\n]\n", f"ignore: [{FLOW}, \n  {{name: x}},\n]\n"),
        ("ignore:\r\n  - name: x\r\n", f"ignore:\r\n{BLOCK}  - name: x\r\n"),
    ],
)
def test_rules_come_first_and_the_rest_stays(before: str, after: str) -> None:
    assert added(before) == after


@pytest.mark.parametrize(
    "text", ["{prune: true}\n", "prune: true\n...\n", "{ignore: []}\n", "ignore: &a [{name: x}]\n", "'ignore': []\n"]
)
def test_where_there_is_no_place_they_are_shown_instead(text: str) -> None:
    refused = added(text)
    assert isinstance(refused, Diagnostic)
    assert (refused.code, "a[!b, c]" in refused.detail) == ("ignore-by-hand", True)
