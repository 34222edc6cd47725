"""Diagnostics as a compiler prints them: place, what is wrong, and the line with a caret under the spot."""

import re
from collections.abc import Callable

from reconciler.core.diagnostic import Diagnostic, Location
from reconciler.render import safe
from reconciler.render.paint import WEIGHT_COLOR, Paint, columns

LineOf = Callable[[str, int], str | None]

_LONGEST = 160
_LOOK_BACK = 8
_KEY_MATERIAL = re.compile(r"psk|md5|passw|passphrase|secret|token|credential|shared|private|[_\W]key\b", re.IGNORECASE)
_NAMED = r"\{\s*env:\s*[A-Za-z_]\w*\s*(?:,\s*rotate_after:\s*\w+\s*)?\}"
_KEPT = r"\{\s*(?:file|generate)\b[^}\[]*\}"
# A variable that is no name may be the key itself, and so may a word of a command.
_REFERENCE = re.compile(rf"\b(psk|token):\s*(external\b|{_NAMED}|{_KEPT})")


def problem(diagnostic: Diagnostic, line_of: LineOf | None, paint: Paint) -> list[str]:
    """One diagnostic as `file:line:column: error: … [code]`, then its source line if it may be shown."""
    place = f"{safe.terminal(str(diagnostic.location))}: " if diagnostic.location else ""
    severity = paint(f"{diagnostic.severity}:", WEIGHT_COLOR[diagnostic.severity])
    words = safe.terminal(f"{diagnostic.summary}. {diagnostic.detail} [{diagnostic.code}]")
    found = [f"{paint(place, 'bold')}{severity} {words}"]
    if line_of and diagnostic.location:
        found += _source(diagnostic.location, line_of, paint)
    return found


def _source(place: Location, line_of: LineOf, paint: Paint) -> list[str]:
    line = line_of(place.file, place.line)
    if not line or not line.strip() or place.column > _LONGEST or _may_hold_a_key(place, line_of):
        return []
    before = safe.terminal(line[: place.column - 1].replace("\t", " "))
    shown = safe.terminal(line.rstrip("\r\n").replace("\t", " "))[:_LONGEST]
    number = f"{place.line:>5} | "
    return [
        paint(number, "blue") + shown,
        paint(" " * 5 + " | ", "blue") + " " * columns(before) + paint("^", "red"),
    ]


def _may_hold_a_key(place: Location, line_of: LineOf) -> bool:
    """Whether the line, or one above that it may go on from, is about key material: it is never repeated."""
    for number in range(max(1, place.line - _LOOK_BACK), place.line + 1):
        if _KEY_MATERIAL.search(_REFERENCE.sub("", line_of(place.file, number) or "")):
            return True
    return False
