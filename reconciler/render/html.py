"""The report as one self-contained HTML page: what `page.html.jinja` shows, and how every value gets inert.

The page is kept as a record, mailed and opened from anywhere, and texts from outside stand in it. So it has no script
and loads nothing; its policy allows the one style sheet that stands in it, by its hash.
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

from reconciler.render import safe, words
from reconciler.render.headline import done_counts, drift_counts, headline, stops
from reconciler.report.values import ChangeReport, Report

# How much of each kind is drawn; of the changes so many stand open. Browsers get slow on much larger pages.
_LIMITS = SimpleNamespace(changes=2_000, open=12, left=500, notes=100, diagnostics=500, items=100)
_NAMES, _VALUE = 20, 2_000
_TITLES = {
    "show": "Saved tunnel plan",
    "plan": "Tunnel plan",
    "apply": "Tunnel apply",
    "drift": "Tunnel drift",
    "validate": "Tunnel files",
    "psk": "Pre-shared keys",
}
_CAUSES = {"git": "from git", "drift": "already different on Cloudflare", "both": "from git and on Cloudflare"}


def html(report: Report) -> str:
    """The page: headline, counts, problems, then one card per account. What is cut off, the page says."""
    style = files("reconciler.render").joinpath("page.css").read_text(encoding="utf-8")
    drift = report.command == "drift"
    titles = {"before": "Live", "after": "Declared"} if drift else {"before": "Before", "after": "After"}

    def columns(change: ChangeReport) -> dict[str, str]:
        """The sides that have values: what is created has no before, what is deleted no after."""
        empty = {"create": "before", "delete": "after"}.get(change.action)
        return {side: title for side, title in titles.items() if side != empty}

    page = _environment().get_template("page.html.jinja")
    return page.render(
        report=report,
        headline=headline(report),
        title=_TITLES.get(report.command, f"Tunnel {report.command}"),
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        tone=_tone(report),
        facts=list(_facts(report)),
        run=safe.https(report.context.get("run_url")),
        dangers=list(_dangers(report)),
        numbers=_numbers(report),
        drift=drift,
        sorted=lambda changes: words.gravest_first(changes, report.command),
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
        "left_alone": words.left_alone,
        "number": "{:,}".format,
        "resolved": words.resolved,
        "prose": lambda text: Markup(safe.prose(text)),  # noqa: S704 - inert by now
        "setting": _setting,
    }
    environment.globals |= {"safe": safe, "words": words, "tags": _tags, "lines": _lines, "LIMITS": _LIMITS}
    return environment


def _tone(report: Report) -> str:
    if report.outcome not in {"ok", "changes"}:
        return "bad"
    if report.command == "apply":
        return "good"
    if report.command == "plan" and report.summary.delete:
        return "bad"
    return (
        "warn" if any(account.changes or account.keys or account.held_back for account in report.accounts) else "good"
    )


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    """What the run was about, each with a value to be set as code or with none."""
    for name in ("commit", "base"):
        if report.context.get(name):
            yield name, report.context[name][:80]
    if report.generated_at:
        yield words.moment(report.generated_at), ""
    if total := sum(account.total or 0 for account in report.accounts):
        yield words.count(total, "live tunnel"), ""
    if made := words.made(report):
        yield made.removesuffix("."), ""


def _dangers(report: Report) -> Iterator[str]:
    """What nobody may miss: what stops it, and in a plan which tunnels are deleted, which can be interrupted."""
    yield from stops(report)
    for what, changes in words.dangers(report).items():
        names = words.named([change.name for change in changes], len(changes) if what == "Deletes" else _NAMES)
        yield f"{what} {words.count(len(changes), 'tunnel')}: {names}."
    for told, left_out in words.held_back(report.accounts).items():
        yield f"{told}: {', '.join(left_out)}."


def _numbers(report: Report) -> dict[str, int]:
    """The tiles with the counts."""
    if report.command not in {"plan", "apply", "drift"} or not report.accounts:
        return {}
    if report.command == "drift":
        return drift_counts(report)
    left = {kind: getattr(report.summary, kind) for kind in ("unchanged", "unmanaged", "ignored")}
    return (done_counts(report) if report.command == "apply" else report.summary.planned) | left


def _tags(change: ChangeReport) -> list[str]:
    weight = change.severity or ("traffic" if change.impact == "traffic" else None)
    about = _CAUSES.get(change.cause or "") if change.drift_class is None else change.age
    return [tag for tag in (weight, change.outcome, change.check, about) if tag]


def _lines(text: str) -> list[str]:
    return text.rstrip("\n").split("\n")


def _setting(value: Any) -> str:
    shown = words.value(value)
    over = len(shown) - _VALUE
    return shown if over <= 0 else f"{shown[:_VALUE]}… ({over:,} more characters)"
