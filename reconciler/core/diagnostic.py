"""Problems as values: what a person fixes in the files, collected and shown all at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a problem weighs: an error stops the run, a warning only with `--strict`."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file: `file` as the user would type it, `line` and `column` counted from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem.

    Attributes:
        severity: Error or warning.
        code: Stable kebab-case name of the rule.
        summary: What is wrong, one phrase without a full stop.
        detail: Why it is wrong and what to do, in sentences. Never holds a secret.
        location: Where, when the problem has a place.
    """

    severity: Severity
    code: str
    summary: str
    detail: str
    location: Location | None = None

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        return f"{place}{self.severity}: {self.summary}. {self.detail} [{self.code}]"


def error(code: str, summary: str, detail: str, location: Location | None = None) -> Diagnostic:
    """An error: the run stops before any call."""
    return Diagnostic(Severity.ERROR, code, summary, detail, location)


def warning(code: str, summary: str, detail: str, location: Location | None = None) -> Diagnostic:
    """A warning: shown, and fatal only with `--strict`."""
    return Diagnostic(Severity.WARNING, code, summary, detail, location)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True when at least one of them is an error."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by place, then severity, code and text; those without a place come first; duplicates once."""

    def key(d: Diagnostic) -> tuple[object, ...]:
        place = d.location or Location("", 0, 0)
        return place, d.severity, d.code, d.summary, d.detail

    return tuple(sorted(set(diagnostics), key=key))
