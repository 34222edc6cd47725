"""The documented JSON: written and read back.

A saved report is read by `show`, which draws it in another format, and by `drift --previous`. It may come from anybody
who can write a comment or a cache, so it is trusted with nothing: what is not documented is refused.
"""

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from reconciler.model.document import first_fault, read_json
from reconciler.model.tunnel import SENSITIVE_NAMES
from reconciler.render.words import SENSITIVE
from reconciler.report.values import Report


@cache
def _documents() -> TypeAdapter[Report]:
    """What writes and checks such documents, made when the first one is met: most runs write none."""
    return TypeAdapter(Report)


def report_json(report: Report) -> str:
    """The report as JSON text, ASCII only, ending in a newline; same report, same bytes."""
    return json.dumps(report_document(report), indent=2, allow_nan=False) + "\n"


def report_document(report: Report) -> dict[str, Any]:
    """The report as the documented JSON object."""
    document: dict[str, Any] = _documents().dump_python(report, mode="json", context=report.command, warnings=False)
    for account in document["accounts"]:
        for change in account["changes"]:
            for field in change["fields"]:
                field |= {side: _shown(field[side]) for side in ("before", "after")}
    return document


def _shown(value: Any) -> Any:
    """A setting's value without the secrets inside a whole object."""
    if isinstance(value, dict):
        return {name: SENSITIVE if name in SENSITIVE_NAMES else _shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value


def report_from_json(document: str | bytes) -> Report:
    """The report that a JSON document holds, or a ValueError that says what is wrong with it.

    The document may be anybody's: keys, types, words and sizes have to be the documented ones. A key that is not there
    counts as one that says nothing.
    """
    loaded = read_json(document)
    try:
        # Not as JSON text: pydantic's own parser refuses a lone surrogate, which a name from the API may hold.
        return _documents().validate_python(loaded, by_alias=True, by_name=False)
    except ValidationError as wrong:
        raise ValueError(first_fault(wrong)) from None
