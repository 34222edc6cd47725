"""The documented JSON: written. Reading it back is `reader`, describing it is `schema`."""

import json
import math
from typing import Any

from reconciler.model.problems import Diagnostic
from reconciler.model.report import Report
from reconciler.render.kinds import Key, Shape, Type, When
from reconciler.render.shape import ACCOUNT, DIAGNOSTIC, SUMMARY
from reconciler.render.words import SECRET, SENSITIVE


def report_json(report: Report) -> str:
    """The report as JSON text, ASCII only, ending in a newline; same report, same bytes."""
    return json.dumps(report_document(report), indent=2, allow_nan=False) + "\n"


def report_document(report: Report) -> dict[str, Any]:
    """The report as the documented JSON object; `context` is the renderer's and stays out."""
    document: dict[str, Any] = {
        "format_version": report.format_version,
        "command": report.command,
        "outcome": report.outcome,
        "sandbox": report.sandbox,
        "summary": dict.fromkeys(SUMMARY, 0) | dict(report.summary),
        "accounts": [_written(ACCOUNT, account, report.command) for account in report.accounts],
        "diagnostics": [_diagnostic(d) for d in report.diagnostics],
    }
    if report.generated_at is not None:
        document["generated_at"] = report.generated_at
    return document


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    place = diagnostic.location
    where = (place.file, place.line, place.column) if place else (None, None, None)
    what = (diagnostic.severity.value, diagnostic.code, diagnostic.summary, diagnostic.detail)
    return dict(zip(DIAGNOSTIC, what + where, strict=True))


def _written(shape: Shape, value: Any, command: str) -> dict[str, Any]:
    """One object, its keys in the table's order."""
    document: dict[str, Any] = {}
    for key in shape.keys:
        item = getattr(value, key.attribute or key.name)
        if key.when is When.ALWAYS or key.when.value == command or item not in (None, (), 0):
            document[key.name] = _item(key, item, command)
    return document


def _item(key: Key, item: Any, command: str) -> Any:
    if item is None:
        return None
    if key.shape is None:
        return _plain(item)
    if key.type is Type.OBJECT:
        return _written(key.shape, item, command)
    return [_written(key.shape, one, command) for one in item]


def _plain(value: Any) -> Any:
    """JSON's own types only; what JSON can't say becomes text."""
    if isinstance(value, dict):
        return {str(n): SENSITIVE if n in SECRET else _plain(item) for n, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (str, int, float)) else str(value)
