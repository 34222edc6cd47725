"""A report read back from its JSON, which anybody may have written."""

import json
from typing import Any

from reconciler.model.problems import Diagnostic, Location, Severity
from reconciler.model.report import EXIT_CODES, FORMAT_VERSION, AccountReport, Report
from reconciler.render.kinds import Key, Shape, Type, When
from reconciler.render.shape import ACCOUNT, DIAGNOSTIC, SUMMARY, TOP

_VERSIONS = ("1.0", FORMAT_VERSION)
"""Versions of which each key means the same in this one."""

_LARGEST = 2**53
_DEEPEST = 4


def report_from_json(document: str | bytes) -> Report:
    """The report that a JSON document holds, or a ValueError that says what is wrong with it.

    The document may be anybody's: keys, types, words and sizes have to be exactly the documented ones.
    """
    try:
        loaded = json.loads(document, object_pairs_hook=_unique, parse_constant=_refused)
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None
    top = _mapping(loaded, "the document", TOP, optional=("generated_at",))
    if top["format_version"] not in _VERSIONS:
        raise ValueError(f"format_version is not {' or '.join(_VERSIONS)}")
    return Report(
        command=_typed(top["command"], str, "command"),
        outcome=_typed(top["outcome"], str, "outcome", tuple(EXIT_CODES)),
        sandbox=_typed(top["sandbox"], bool, "sandbox"),
        summary=_counts(_mapping(top["summary"], "summary", SUMMARY, optional=None), "summary"),
        accounts=tuple(_account(a, i) for i, a in enumerate(_typed(top["accounts"], list, "accounts"))),
        diagnostics=tuple(_read_diagnostic(d) for d in _typed(top["diagnostics"], list, "diagnostics")),
        generated_at=_typed(top["generated_at"], str, "generated_at") if "generated_at" in top else None,
    )


def _account(value: Any, index: int) -> AccountReport:
    account: AccountReport = _read(ACCOUNT, value, f"accounts[{index}]")
    return account


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _mapping(value: Any, where: str, needed: tuple[str, ...], optional: tuple[str, ...] | None) -> dict[str, Any]:
    """An object with the needed keys; others only when optional, any others when `optional` is None."""
    found: dict[str, Any] = _typed(value, dict, where)
    missing = [key for key in needed if key not in found]
    unknown = [] if optional is None else [key for key in found if key not in needed and key not in optional]
    if missing or unknown:
        wrong = f"{missing[0]} is missing" if missing else f"{unknown[0]!a} is unknown"
        raise ValueError(f"{where}: {wrong}")
    return found


def _typed(value: Any, kind: type, where: str, choices: tuple[str, ...] = ()) -> Any:
    if type(value) is not kind or (choices and value not in choices):
        wanted = " or ".join(choices) if choices else kind.__name__
        raise ValueError(f"{where} is not {wanted}")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError(f"{where} is out of range")
    return value


def _counts(value: Any, where: str) -> dict[str, int]:
    found: dict[str, Any] = _typed(value, dict, where)
    for name, number in found.items():
        if _typed(number, int, where) < 0:
            raise ValueError(f"{where}: {name!a} is negative")
    return found


def _read(shape: Shape, value: Any, where: str) -> Any:
    """One object made from its documented form."""
    needed = tuple(key.name for key in shape.keys if key.when is When.ALWAYS)
    found = _mapping(value, where, needed, tuple(key.name for key in shape.keys))
    return shape.make(
        **{
            key.attribute or key.name: _read_item(key, found[key.name], f"{where}.{key.name}")
            for key in shape.keys
            if key.name in found
        }
    )


_SCALARS: dict[Type, type] = {Type.TEXT: str, Type.NUMBER: int, Type.FLAG: bool}


def _read_item(key: Key, value: Any, where: str) -> Any:
    if value is None and key.null:
        return None
    if key.type in _SCALARS:
        return _typed(value, _SCALARS[key.type], where, key.choices)
    if key.type is Type.VALUE:
        return _setting(value, where, 0)
    if key.type is Type.COUNTS:
        return _counts(value, where)
    if key.type is Type.OBJECT:
        return _read_one(key, value, where)
    return tuple(_read_one(key, one, f"{where}[{i}]") for i, one in enumerate(_typed(value, list, where)))


def _read_one(key: Key, value: Any, where: str) -> Any:
    return _read(key.shape, value, where) if key.shape else _typed(value, str, where)


def _setting(value: Any, where: str, depth: int) -> Any:
    """A setting of a tunnel: JSON's types, flat enough, lists as tuples."""
    if depth > _DEEPEST:
        raise ValueError(f"{where} is nested too deeply")
    if isinstance(value, dict):
        return {name: _setting(item, where, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return tuple(_setting(item, where, depth + 1) for item in value)
    return _typed(value, int, where) if type(value) is int else value


def _read_diagnostic(value: Any) -> Diagnostic:
    found = _mapping(value, "diagnostics", DIAGNOSTIC, optional=())
    severity, code, summary, detail = (_typed(found[key], str, key) for key in DIAGNOSTIC[:4])
    if severity not in set(Severity):
        raise ValueError("severity is not error or warning")
    place = None
    if found["file"] is not None:
        line, column = (_typed(found[key], int, key) for key in ("line", "column"))
        place = Location(_typed(found["file"], str, "file"), line, column)
    elif found["line"] is not None or found["column"] is not None:
        raise ValueError("a diagnostic has a line but no file")
    return Diagnostic(Severity(severity), code, summary, detail, place)
