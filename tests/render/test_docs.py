from pathlib import Path

import pytest

from reconciler.model.report import EXIT_CODES
from reconciler.render.kinds import Key, Shape, Type, When
from reconciler.render.shape import ACCOUNT

PAGE = (Path(__file__).parents[2] / ".github" / "docs" / "report.md").read_text()
TYPES = {Type.FLAG: "flag", Type.NUMBER: "number", Type.COUNTS: "object of numbers", Type.TEXTS: "list of text"}


def kind(key: Key) -> str:
    if key.choices:
        named = "outcome" if key.choices == tuple(EXIT_CODES) else ", ".join(f"`{choice}`" for choice in key.choices)
    elif key.shape:
        link = f"[{key.shape.title}](#{key.shape.title})"
        named = link if key.type is Type.OBJECT else f"list of {link}"
    else:
        named = TYPES.get(key.type, key.type.value)
    return f"{named} or null" if key.null and key.type is not Type.VALUE else named


def there(key: Key) -> str:
    return {When.ALWAYS: "always", When.SET: "when set"}.get(key.when, f"`{key.when.value}`")


def shapes(shape: Shape) -> list[Shape]:
    inner = [one for key in shape.keys if key.shape for one in shapes(key.shape)]
    return list(dict.fromkeys([shape, *inner]))


def table(shape: Shape) -> str:
    rows = [f"| `{key.name}` | {kind(key)} | {there(key)} | {key.about} |" for key in shape.keys]
    return "\n".join(
        [f"## {shape.title.capitalize()}", "", "| key | type | there | meaning |", "|---|---|---|---|", *rows, ""]
    )


@pytest.mark.parametrize("shape", shapes(ACCOUNT), ids=lambda shape: shape.title)
def test_the_page_describes_every_key_of_every_object(shape: Shape) -> None:
    assert table(shape) in PAGE


@pytest.mark.parametrize(("outcome", "code"), EXIT_CODES.items())
def test_the_page_lists_every_exit_code(outcome: str, code: int) -> None:
    assert f"| {code} | `{outcome}` |" in PAGE
