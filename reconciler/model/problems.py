"""Problems as values: what a person fixes in the files, and why something could not be done.

A `Diagnostic` is about the files: they are collected and shown all at once. A `Problem` is why a change, a key or an
account failed, a `Guard` why a plan may not be carried out. They stand in the report as they are, so their keys are
described here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, NamedTuple

from pydantic import Field, StrictInt

from reconciler.model.document import NotWritten, says_nothing

_SHOWN = 60


def shown(text: str) -> str:
    """Text for a message: quoted, cut, without anything invisible."""
    cut = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut) + '"'


def count(number: int, noun: str) -> str:
    """`1 list`, `2 lists`, `1,200 tunnels`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def named(names: Sequence[str], most: int) -> str:
    """`lon-a, lon-b and 1,198 more`: the first names, and how many others there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


_SHORTEST = 3


@lru_cache(maxsize=1024)
def nearest(word: str, known: tuple[str, ...]) -> str:
    """The known word that was probably meant: one spelt alike, or one that it begins with (`environment`: `env`)."""
    from difflib import get_close_matches

    if len(word) > _SHOWN:
        return ""
    spelt = {one.lower(): one for one in known}
    near = get_close_matches(word.lower(), spelt, 1, 0.6)
    near = near or [one for one in spelt if len(one) >= _SHORTEST and word.lower().startswith(one)]
    return spelt[near[0]] if near else ""


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """`Did you mean "x"? ` when a known word is near, else nothing."""
    near = nearest(word, known)
    return f'Did you mean "{near}"? ' if near else ""


class Part(NamedTuple):
    """A part of a file's line, for showing it under a message.

    Attributes:
        text: As it is written.
        shown: False when it may be a key.
        name: The text of a name that no file holds: shown only where the message quotes it.
    """

    text: str
    shown: bool = True
    name: str | None = None


class Level(StrEnum):
    """How much a problem weighs: an error stops the run, a warning only with `--strict`."""

    ERROR = "error"
    WARNING = "warning"


class Location(NamedTuple):
    """A place in a file: `file` as the user would type it, `line` and `column` counted from 1."""

    file: str
    line: int = 1
    column: int = 1

    @property
    def source(self) -> "Source":
        """The same without the column, as reports hold it."""
        return Source(self.file, self.line)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What is wrong with the files, or with a run as a whole."""

    severity: Annotated[Level, Field(description="A warning fails the run only with `--strict`")]
    code: Annotated[str, Field(description="Stable name of the rule")]
    summary: Annotated[str, Field(description="What is wrong")]  # one phrase without a full stop
    detail: Annotated[str, Field(description="Why, and what to do")]  # in sentences; never holds a secret
    file: Annotated[str | None, Field(description="Where; `file`, `line` and `column` are null together")] = None
    line: Annotated[StrictInt | None, Field(description="Line, from 1")] = None
    column: Annotated[StrictInt | None, Field(description="Column, from 1")] = None
    count: NotWritten[int] = 1  # how many problems it stands for

    def __post_init__(self) -> None:
        if len({part is None for part in (self.file, self.line, self.column)}) > 1:
            raise ValueError("file, line and column are not null together")

    @property
    def location(self) -> Location | None:
        """Where, when it has a place."""
        if self.file is None or self.line is None or self.column is None:
            return None
        return Location(self.file, self.line, self.column)

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        return f"{place}{self.severity}: {self.summary}. {self.detail} [{self.code}]"


def error(code: str, summary: str, detail: str, location: Location | None = None) -> Diagnostic:
    """An error: the run stops before any call."""
    return _diagnostic(Level.ERROR, code, summary, detail, location)


def warning(code: str, summary: str, detail: str, location: Location | None = None) -> Diagnostic:
    """A warning: shown, and fatal only with `--strict`."""
    return _diagnostic(Level.WARNING, code, summary, detail, location)


def _diagnostic(
    severity: Level, code: str, summary: str, detail: str, location: Location | None, count: int = 1
) -> Diagnostic:
    file, line, column = location or (None, None, None)
    return Diagnostic(severity, code, summary, detail, file, line, column, count)


MAX_LISTED = 100
"""Errors, and warnings, of one file that are listed one by one; of the others only the number is shown."""
MAX_LISTED_IN_ALL = 1_000
"""The same of all files."""
MORE = "more-problems"


def unlisted(number: int, severity: Level, location: Location | None) -> Diagnostic:
    """Stands for problems that are not listed one by one, in the file of a location or in other files."""
    what = "problem" if severity is Level.ERROR else "warning"
    summary = f"{count(number, f'more {what}')} in {'this file' if location else 'other files'}"
    detail = "Only the first are shown. Correct them, then look again."
    return _diagnostic(severity, MORE, summary, detail, location, number)


def limited(problems: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In order, the first errors and the first warnings of each file, and how many there are besides."""
    listed: list[Diagnostic] = []
    of_file: Counter[tuple[Level, str]] = Counter()
    in_all: Counter[Level] = Counter()
    rest: dict[tuple[Level, str], list[Diagnostic]] = {}
    for problem in in_order(problems):
        severity, file = problem.severity, problem.file or ""
        if problem.count == 1 and of_file[severity, file] < MAX_LISTED and in_all[severity] < MAX_LISTED_IN_ALL:
            listed.append(problem)
            of_file[severity, file] += 1
            in_all[severity] += 1
        else:
            rest.setdefault((severity, file if of_file[severity, file] else ""), []).append(problem)
    for (severity, file), several in rest.items():
        listed.append(unlisted(sum(p.count for p in several), severity, several[0].location if file else None))
    return in_order(listed)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True when at least one of them is an error."""
    return any(d.severity is Level.ERROR for d in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by place, then severity, code and text; those without a place come first; duplicates once."""

    def key(d: Diagnostic) -> tuple[object, ...]:
        return d.file or "", d.line or 0, d.column or 0, d.severity, d.code, d.summary, d.detail

    return tuple(sorted(set(diagnostics), key=key))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a tunnel or one of its settings is declared."""

    file: Annotated[str, Field(description="Path of the YAML file")]
    line: Annotated[StrictInt, Field(description="Line of the tunnel or field, from 1")]


_Url = Annotated[str | None, Field(description="Where Cloudflare explains it", exclude_if=says_nothing)]
_About = Annotated[
    str | None,
    Field(description="Path of the field it is about, or Cloudflare's pointer", exclude_if=says_nothing),
]
_Declared = Annotated[Source | None, Field(description="Where that field is declared", exclude_if=says_nothing)]


@dataclass(frozen=True, slots=True)
class Reason:
    """One more thing that Cloudflare said of a failure: another error, its cause, a message beside the errors."""

    code: Annotated[str, Field(description="Cloudflare's number")]
    message: Annotated[str, Field(description="Cloudflare's words")]
    documentation_url: _Url = None
    field: _About = None
    source: _Declared = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something failed."""

    code: Annotated[str, Field(description="Our code, or Cloudflare's number")]
    message: Annotated[str, Field(description="Cloudflare's words, or ours")]
    remedy: Annotated[str | None, Field(description="What to do")] = None
    ray: Annotated[str | None, Field(description="Cloudflare's request id (`cf-ray`), for its support")] = None
    documentation_url: _Url = None
    field: _About = None
    source: _Declared = None
    also: Annotated[
        tuple[Reason, ...], Field(description="What else Cloudflare said of it", exclude_if=says_nothing)
    ] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard that blocks the plan."""

    code: Annotated[str, Field(description="Stable name of the guard")]
    message: Annotated[str, Field(description="What it found")]
    names: Annotated[tuple[str, ...], Field(description="The tunnels it is about")]
    remedy: Annotated[str, Field(description="What lifts it")]
