"""The report as one self-contained HTML page: what `page.html.jinja` shows, and how every value gets inert.

The page is kept as a record, mailed and opened from anywhere, and texts from outside stand in it. So it has no script
and loads nothing; its policy allows the one style sheet that stands in it, by its hash. Folding, and showing one kind
of change alone, is done by that style sheet.
"""

from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import reconciler
from reconciler.render import safe, words
from reconciler.render.groups import Group, groups, is_long
from reconciler.render.headline import done_counts, drift_counts, full_headline, stops, subject, title, tone
from reconciler.report.values import AccountReport, ChangeReport, Report

# How much of each kind is drawn; of the changes so many stand open. Browsers get slow on much larger pages.
_LIMITS = SimpleNamespace(changes=2_000, open=12, left=500, notes=100, diagnostics=500, items=100, names=20)
_VALUE, _SHORT = 2_000, 80  # characters of a value in a table, and in the line of a change
KINDS = (
    *("delete", "update", "create", "missing", "changed", "unmanaged"),
    *("security", "traffic", "cosmetic", "failed", "unknown", "rolled_back", "skipped", "applied", "refused"),
)
"""Kinds of change that the page can show alone: the style sheet has a rule for each."""


def html(report: Report) -> str:
    """The page: headline, counts, problems, then one card per account. What is cut off, the page says."""
    style = files("reconciler.render").joinpath("page.css").read_text(encoding="utf-8")
    drift = report.command == "drift"
    made_at = "" if report.generated_at else report.context.get("made_at", "")
    # A plan leads from what is live to what is declared; drift went the other way, as does the patch that accepts it.
    titles = {"after": "Declared", "before": "Live"} if drift else {"before": "Before", "after": "After"}

    def columns(change: ChangeReport) -> dict[str, str]:
        """The sides that have values: what is created has no before, what is deleted no after."""
        empty = {"create": "before", "delete": "after"}.get(change.action)
        return {side: title for side, title in titles.items() if side != empty}

    def drawn(account: AccountReport) -> Iterator[tuple[Group, int]]:
        """Groups of changes as far as a page can hold them, each with the number that it is of."""
        room = _LIMITS.changes
        for group in groups([account], by_kind=is_long(report)):
            if kept := group.changes[:room]:
                yield group._replace(changes=kept), len(group.changes)
            room -= len(kept)

    page = _environment().get_template("page.html.jinja")
    return page.render(
        report=report,
        headline=full_headline(report),
        subject=subject(report),
        title=title(report),
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        tone=tone(report),
        # Of a plan the page alone says when it was made: a comment is the same as long as its plan is.
        facts=[*([(words.moment(made_at), "")] if made_at else []), *words.facts(report)],
        calls=words.calls_line(report),
        then=words.to_go_on(report),
        run=safe.https(report.context.get("run_url")),
        dangers=list(_dangers(report)),
        numbers=_numbers(report),
        kinds=_kinds_of(report),
        drift=drift,
        folded_changes=any(_are_folded(account) for account in report.accounts),
        drawn=drawn,
        are_folded=_are_folded,
        columns=columns,
    )


def _visible(value: Any) -> Any:
    """Text, with what can't be seen in it spelled out; what is markup already was text of the template's."""
    return safe.visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _environment() -> Environment:
    """Escapes every value of a template, after all in it that can't be seen was spelled out."""
    environment = Environment(
        loader=PackageLoader("reconciler.render", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    environment.filters |= {
        "number": "{:,}".format,
        "prose": lambda text: Markup(safe.prose(text)),  # noqa: S704 - inert by now
        "whole": lambda text: Markup(safe.whole(text)),  # noqa: S704 - inert by now
        "setting": _setting,
        "short": lambda value: _setting(value, _SHORT),
    }
    environment.globals |= {"safe": safe, "words": words, "kinds_of": _kinds, "LIMITS": _LIMITS}
    environment.globals |= {"version": reconciler.__version__}
    return environment


def _are_folded(account: AccountReport) -> bool:
    """Whether the account has more changes than anybody reads at a glance."""
    return bool(len(account.changes) > _LIMITS.open)


def _dangers(report: Report) -> Iterator[tuple[str, list[str], int]]:
    """What nobody may miss, with the names it is about and how many are not named: deletes always are."""
    yield from ((line, [], 0) for line in stops(report))
    for outcome in ("failed", "unknown", "rolled back"):
        if names := [change.name for change in report.changes if words.ended(change) == outcome]:
            yield f"{outcome.capitalize()}:", names[: _LIMITS.names], max(len(names) - _LIMITS.names, 0)
    for what, changes in words.dangers(report).items():
        names = [change.name + words.marked(change) for change in changes]
        shown = names if what == "Deletes" else names[: _LIMITS.names]
        yield f"{what} {words.count(len(names), 'tunnel')}:", shown, len(names) - len(shown)
    yield from ((f"{reason}:", left_out, 0) for reason, left_out in words.held_back(report.accounts).items())


def _numbers(report: Report) -> dict[str, int]:
    """The tiles with the counts."""
    if report.command not in {"plan", "apply", "drift"} or not report.accounts:
        return {}
    if report.command == "drift":
        return drift_counts(report)
    left = {kind: getattr(report.summary, kind) for kind in ("unchanged", "unmanaged", "ignored")}
    return (done_counts(report) if report.command == "apply" else report.summary.planned) | left


def _kinds(change: ChangeReport) -> list[str]:
    every = {change.drift_class or change.action, words.weight(change), change.outcome, change.check}
    return [kind for kind in KINDS if kind in every]


def _kinds_of(report: Report) -> dict[str, int]:
    """How many changes there are of each kind, where showing one kind alone makes the page shorter."""
    changes = [_kinds(change) for change in report.changes]
    counts = {kind: sum(kind in found for found in changes) for kind in KINDS}
    found = {kind: number for kind, number in counts.items() if 0 < number < len(changes)}
    return {"all": len(changes)} | found if found else {}


def _setting(value: Any, most: int = _VALUE) -> str:
    shown = words.value(value)
    over = len(shown) - most
    return shown if over <= 0 else f"{shown[:most]}… ({over:,} more characters)"
