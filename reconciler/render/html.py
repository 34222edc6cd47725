"""The report as one self-contained HTML page, without script and without anything from outside."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

from reconciler.render import safe, words
from reconciler.render.page_parts import box, section
from reconciler.render.page_style import STYLE
from reconciler.render.safe import few, https
from reconciler.report.values import DiagnosticReport, Report

_DIAGNOSTICS = 500
_NAMES = 20
_TITLES = {
    "plan": "Tunnel plan",
    "apply": "Tunnel apply",
    "drift": "Tunnel drift",
    "validate": "Tunnel files",
    "psk": "Pre-shared keys",
}


def html(report: Report) -> str:
    """The page: verdict, counts, problems, then one card per account. What is shown is capped, and the page says so."""
    title = safe.html(_TITLES.get(report.command, f"Tunnel {report.command}"))
    verdict = safe.html(words.verdict(report))
    style_hash = b64encode(sha256(STYLE.encode()).digest()).decode()
    body = [
        f'<header class="verdict {_tone(report)}"><p class="eyebrow">{title}</p>',
        f"<h1>{verdict}</h1>{_context(report)}</header>",
        box("warn", "Sandbox", "The built-in simulator stood in for Cloudflare.") if report.sandbox else "",
        _dangers(report),
        _counts(report),
        _diagnostics(report),
        *_cards(report),
        "<footer>Made by reconciler. Field values marked (sensitive) are never shown.</footer>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{style_hash}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}: {verdict}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{chr(10).join(part for part in body if part)}\n</main>\n</body>\n</html>\n"
    )


def _tone(report: Report) -> str:
    if report.outcome not in {"ok", "changes"}:
        return "bad"
    if report.command == "apply":
        return "good"
    if report.command == "plan" and report.summary.delete:
        return "bad"
    return "warn" if any(account.changes or account.keys for account in report.accounts) else "good"


def _dangers(report: Report) -> str:
    """What nobody may miss: what stops it, and in a plan which tunnels are deleted, which can be interrupted."""
    planned = report.accounts if report.command == "plan" else ()
    changes = [change for account in planned for change in account.changes]
    kinds = {
        "Deletes": [c.name for c in changes if c.action == "delete"],
        "Can interrupt": [c.name for c in changes if c.action == "update" and c.impact == "traffic"],
    }
    lines = list(words.stops(report))
    lines += [
        f"{what} {words.count(len(names), 'tunnel')}: {_listed(names)}." for what, names in kinds.items() if names
    ]
    return box("bad", "Caution", *(safe.html(line) for line in lines)) if lines else ""


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _context(report: Report) -> str:
    known = [(name, report.context[name]) for name in ("commit", "base") if report.context.get(name)]
    parts = [f"{name} <code>{safe.html(value[:80])}</code>" for name, value in known]
    parts += [safe.html(words.moment(report.generated_at))] if report.generated_at else []
    total = sum(account.total or 0 for account in report.accounts)
    parts += [words.count(total, "live tunnel")] if total else []
    run = https(report.context.get("run_url"))
    parts += [f'<a href="{safe.html(run)}" rel="noreferrer">run</a>'] if run else []
    return f'<p class="dim">{" · ".join(parts)}</p>' if parts else ""


def _counts(report: Report) -> str:
    if report.command not in {"plan", "apply", "drift"} or not report.accounts:
        return ""
    numbers = words.drift_counts(report) if report.command == "drift" else _numbers(report)
    tiles = (
        f'<li class="{kind.replace(" ", "-")}{"" if n else " zero"}"><b>{n:,}</b>{kind}</li>'
        for kind, n in numbers.items()
    )
    return f'<ul class="counts">{"".join(tiles)}</ul>'


def _numbers(report: Report) -> dict[str, int]:
    left = report.summary.model_dump(include={"unchanged", "unmanaged", "ignored"})
    if report.command == "apply":
        return words.done_counts(report) | left
    return report.summary.planned | left


def _diagnostics(report: Report) -> str:
    if not report.diagnostics:
        return ""
    lines = few(report.diagnostics, _diagnostic, _DIAGNOSTICS)
    return f'<section><h2>Files</h2><ul class="plain">{"".join(f"<li>{line}</li>" for line in lines)}</ul></section>'


def _diagnostic(found: DiagnosticReport) -> str:
    place = f"<code>{safe.html(str(found.location))}</code> " if found.location else ""
    text = safe.html(f"{found.summary}. {found.detail}")
    tag = f'<span class="tag {found.severity}">{found.severity}</span>'
    return f'{tag} {place}{text} <code class="dim">{safe.html(found.code)}</code>'


def _cards(report: Report) -> Iterator[str]:
    """The accounts that have something to say, in the report's order."""
    for account in report.accounts:
        if report.command == "accounts":
            token = f", token from <code>{safe.html(account.token.env)}</code>" if account.token else ""
            paused = f", paused: {safe.html(account.paused)}" if account.paused is not None else ""
            size = words.count(account.managed, "tunnel")
            yield f"<section><h2>{safe.html(account.account)}</h2><p>{size}{token}{paused}</p></section>"
        else:
            yield section(account, report.command)
