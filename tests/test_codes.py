"""The page of codes holds those that the package gives, and no others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / ".github/docs/errors.md").read_text()
KEBAB = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")
WORD = re.compile(r"[a-z]+")
NO_CODES = frozenset(
    (
        *("accept-encoding", "cf-ray", "content-encoding", "content-type", "retry-after", "user-agent"),
        *("ratelimit-policy", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-remaining", "x-ratelimit-reset"),
        *("cat-file", "ls-tree", "rev-parse", "utf-8", "utf-8-sig", "look-up", "lon-a", "tunnel-reconciler"),
        *("needs-window", "x-always-in", "x-magic-new-hc-target"),
    )
)
"""Texts with hyphens that are headers, commands of git, encodings, names and a reason."""
FIRST = ("error", "warning", "wrong", "Problem", "Guard", "NotSent", "Ambiguous", "ApiError", "_MissingError")
"""What is called with a code first; `halt` has the outcome before it."""
DOCTOR = re.compile(r"^from reconciler\.report\.doctor import|^def ok\(name", re.MULTILINE)
"""What stands in a module of doctor, whose `error` and `warning` are called with a check's name first."""


def calls(tree: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node.args


def texts(source: str) -> set[str]:
    nodes = ast.walk(ast.parse(source))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def given(source: str) -> set[str]:
    """The codes that a module's text gives: all texts with a hyphen, and words where only a code can stand."""
    tree, of_doctor = ast.parse(source), DOCTOR.search(source)
    found = {text for text in texts(source) if KEBAB.fullmatch(text)} - NO_CODES
    for name, args in calls(tree):
        at = 1 if name == "halt" else 0 if name in FIRST and not (of_doctor and name in ("error", "warning")) else None
        # `walk.problem(parts, code, …)`, `self._problem(event, code, …)` and the like have what it is about before it.
        places = args[:2] if name in ("problem", "_problem", "_stop") else args[at : at + 1] if at is not None else []
        found |= {a.value for a in places if isinstance(a, ast.Constant) and WORD.fullmatch(str(a.value))}
    return found


def package() -> list[str]:
    return [
        path.read_text()
        for path in sorted((ROOT / "reconciler").rglob("*.py"))
        if "simulator" not in path.parts[len(ROOT.parts) :]
    ]


def test_codes_are_found_in_the_text_of_a_module() -> None:
    source = """
error("syntax", "s", "d")
halt("error", "locked", "s", "d")
walk.problem(parts, "unreadable", "s")
WHY = "no-psk", "utf-8", "some text"
"""
    assert given(source) == {"syntax", "locked", "unreadable", "no-psk"}


def on_page() -> list[str]:
    """The codes of the page, each the first cell of a row."""
    return re.findall(r"^\| `(.*?)` \|", PAGE, re.MULTILINE)


def test_every_code_of_the_package_is_on_the_page_and_no_other() -> None:
    listed = set(on_page())
    codes = set().union(*map(given, package()))
    named = set().union(*map(texts, package()))
    assert (sorted(codes - listed), sorted(listed - named)) == ([], [])


def test_no_code_stands_twice() -> None:
    assert sorted(on_page()) == sorted(set(on_page()))


def test_each_code_has_a_cause_and_a_way_out_and_stands_in_order() -> None:
    for table in re.findall(r"(?:^\| `.*\n)+", PAGE, re.MULTILINE):
        rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
        assert [row for row in rows if [bool(cell.strip()) for cell in row] != [True, True, True]] == []
        assert [row[0].strip("`") for row in rows] == sorted(row[0].strip("`") for row in rows)
