"""The report's page: its tables are made from the schema, and so from the models' own descriptions."""

import re
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.document import schema_of
from reconciler.report.outcome import EXIT_CODES
from reconciler.report.values import ALWAYS_IN, Report

PAGE = Path(__file__).parents[2] / ".github" / "docs" / "report.md"
MARK = "<!-- What follows is made from the models: pytest tests/render/test_docs.py --update-golden -->\n"
SCHEMA = schema_of(Report)
TYPES = {"string": "text", "integer": "number", "boolean": "flag", "object": "object"}


def title(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Report") or name).capitalize()


def kind(about: dict[str, Any]) -> str:
    """What a value is, in a few words and links."""
    if "anyOf" in about:
        return " or ".join(kind(one) for one in about["anyOf"])
    if "$ref" in about:
        name = about["$ref"].rpartition("/")[2]
        part = SCHEMA["$defs"][name]
        return kind(part) if "enum" in part else f"[{title(name).lower()}](#{title(name).lower().replace(' ', '-')})"
    if "enum" in about:
        every = about["enum"] == list(EXIT_CODES)
        return "outcome" if every else ", ".join(f"`{choice}`" for choice in about["enum"])
    if about.get("type") == "array":
        return f"list of {kind(about['items'])}"
    if about.get("type") == "object" and isinstance(inner := about.get("additionalProperties"), dict) and inner:
        return f"object of {kind(inner)}s"
    return TYPES.get(about.get("type", ""), about.get("type", "value"))


def there(key: str, part: dict[str, Any]) -> str:
    command = part["properties"][key].get(ALWAYS_IN)
    return "always" if key in part["required"] else f"`{command}`" if command else "when set"


def section(name: str, part: dict[str, Any]) -> str:
    rows = [
        f"| `{key}` | {kind(about)} | {there(key, part)} | {about['description']} |"
        for key, about in part["properties"].items()
    ]
    head = [f"## {title(name)}", "", part["description"], "", "| key | type | there | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def parts(part: dict[str, Any]) -> list[str]:
    """The names of the objects inside, each once, as one meets them."""
    names = re.findall(r"'#/\$defs/(\w+)'", str(part["properties"]))
    objects = [name for name in names if "enum" not in SCHEMA["$defs"][name]]
    return list(dict.fromkeys(one for name in objects for one in (name, *parts(SCHEMA["$defs"][name]))))


def test_the_page_is_made_from_the_models(request: pytest.FixtureRequest) -> None:
    said, _, _ = PAGE.read_text().partition(MARK)
    every = [("Report", SCHEMA), *((name, SCHEMA["$defs"][name]) for name in parts(SCHEMA))]
    wanted = said + MARK + "\n" + "\n".join(section(name, part) for name, part in every)
    if request.config.getoption("--update-golden", default=False):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted


@pytest.mark.parametrize(("outcome", "code"), EXIT_CODES.items())
def test_the_page_lists_every_exit_code(outcome: str, code: int) -> None:
    assert f"| {code} | `{outcome}` |" in PAGE.read_text()
