"""Diagnostics as a compiler prints them: place, what is wrong, and the line with a caret under the spot.

A key may stand anywhere in a wrong file: under a misspelt name, in the place of a name, behind a broken quote. What may
be one comes marked with the line; of this only a name is shown, and only where the message quotes it itself.
"""

from collections.abc import Callable, Sequence

from reconciler.model.problems import Location, Part, shown
from reconciler.render import safe
from reconciler.render.paint import WEIGHT_COLOR, Paint, columns
from reconciler.report.values import DiagnosticReport

LineOf = Callable[[str, int], Sequence[Part] | None]

_LONGEST = 160
_MASK = "***"


def problem(diagnostic: DiagnosticReport, line_of: LineOf | None, paint: Paint) -> list[str]:
    """One diagnostic as `file:line:column: error: … [code]`, then its source line."""
    place = f"{safe.terminal(str(diagnostic.location))}: " if diagnostic.location else ""
    severity = paint(f"{diagnostic.severity}:", WEIGHT_COLOR[diagnostic.severity])
    words = f"{diagnostic.summary}. {diagnostic.detail} [{diagnostic.code}]"
    found = [f"{paint(place, 'bold')}{severity} {safe.terminal(words)}"]
    if line_of and diagnostic.location:
        found += _source(diagnostic.location, line_of, words, paint)
    return found


def _source(place: Location, line_of: LineOf, words: str, paint: Paint) -> list[str]:
    parts = line_of(place.file, place.line) or ()
    if place.column > _LONGEST:
        return []
    line, caret, begin = "", None, 0
    for part in parts:
        kept = part.shown or (part.name is not None and shown(part.name) in words)
        text, ahead = part.text.replace("\t", " "), place.column - 1 - begin
        if caret is None and ahead < len(text):
            caret = columns(safe.terminal(line + (text[:ahead] if kept else "")))
        # Masks beside each other are one, so that nobody can count words.
        line = line if not kept and line.endswith(_MASK) else line + (text if kept else _MASK)
        begin += len(text)
        if len(line) > _LONGEST:
            break
    line = safe.terminal(line.rstrip())
    if not any(c.isalnum() for c in line):
        return []
    at = columns(line) if caret is None else caret
    number = f"{place.line:>5} | "
    return [paint(number, "blue") + line[:_LONGEST], paint(" " * 5 + " | ", "blue") + " " * at + paint("^", "red")]
