"""The prose of a Markdown report: title, context, caution, diagnostics, calls, what comes next."""

from collections.abc import Iterator
from hashlib import sha256

from reconciler.core.diagnostic import Diagnostic
from reconciler.core.report import AccountReport, ChangeReport, Report
from reconciler.render import safe, words
from reconciler.render.clip import clipped, few, first, https
from reconciler.render.comment_changes import place, trouble, tunnel

_NAMES, _LINES, _ACCOUNTS = 10, 20, 8


def title(report: Report) -> str:
    """The verdict with its counts, readable as the subject of an e-mail."""
    return f"## {emoji(report)} Tunnel {_headline(report)}"


def emoji(report: Report) -> str:
    """❌ failed, 🔴 blocked or deletes, 🟡 changes, ✅ nothing to do or done."""
    if report.outcome not in {"ok", "changes", "blocked"}:
        return "❌"
    if report.outcome == "blocked" or (report.command == "plan" and report.summary.get("delete")):
        return "🔴"
    changed = any(account.changes for account in report.accounts)
    return "🟡" if report.outcome == "changes" or (changed and report.command == "plan") else "✅"


def _headline(report: Report) -> str:
    sentence = words.verdict(report).rstrip(".")
    if report.command == "plan" and report.outcome in {"ok", "changes", "blocked"}:
        changed = any(report.summary.get(action) for action in words.SIGNS)
        counts = words.planned(report.summary).replace(", ", " · ") if changed else "no changes"
        return f"plan: {counts}{' · blocked' if report.outcome == 'blocked' else ''}"
    head, _, rest = sentence.partition(": ")
    heads = {"Invalid": "files: invalid, ", "Valid": "files: valid, ", "No drift": "drift: none, "}
    if head in heads:
        return safe.markdown(heads[head] + rest)
    own = head.lower().startswith(report.command)
    return safe.markdown(f"{sentence[0].lower()}{sentence[1:]}" if own else f"{report.command}: {sentence}")


def context(report: Report) -> str:
    """Accounts, commit, base, size, calls of this run's plan, and the run's address."""
    names = few(report.accounts, _account, _ACCOUNTS)
    total = sum(account.total or 0 for account in report.accounts)
    parts = [f"Account {', '.join(names)}"] if report.accounts else []
    parts += [words.count(total, "live tunnel")] if total else []
    for key in ("commit", "base"):
        if report.context.get(key):
            parts.append(f"{key} {clipped(report.context[key], safe.markdown_code, 60)}")
    if report.generated_at:
        parts.append(clipped(report.generated_at, safe.markdown, 40))
    run = https(report.context.get("run_url"))
    parts += [f"[run]({run})"] if run else []
    sandbox = f"**{words.SANDBOX}** " if report.sandbox else ""
    return sandbox + " · ".join(parts)


def _account(account: AccountReport) -> str:
    return clipped(account.account, safe.markdown_code, 60)


def caution(report: Report) -> str:
    """The box that nobody may miss: what blocks, failed, is deleted, can interrupt traffic; or nothing."""
    shown = () if report.command == "accounts" else report.accounts
    total = sum((a.error is not None) + (a.paused is not None) + len(a.guards) for a in shown)
    lines = list(first((line for account in shown for line in _blocking(account)), total, _NAMES))
    lines += [] if report.command == "drift" else _dangers(report)
    if not lines:
        return ""
    return "\n".join(["> [!CAUTION]", *(f"> - {line}" for line in lines)])


def _blocking(account: AccountReport) -> Iterator[str]:
    if account.error:
        name = _account(account)
        remedy = f" To do: {clipped(account.error.remedy, safe.markdown, 250)}" if account.error.remedy else ""
        message = clipped(account.error.message, safe.markdown, 250)
        yield f"Account {name}: {message} ({clipped(account.error.code, safe.markdown_code, 60)}).{remedy}"
    if account.paused is not None:
        yield f"Paused: {clipped(account.paused, safe.markdown, 250)}"
    for guard in account.guards:
        message, remedy = (clipped(text, safe.markdown, 300) for text in (guard.message, guard.remedy))
        yield f"**Blocked**: {message} ({clipped(guard.code, safe.markdown_code, 60)}). To go on: {remedy}"


def _dangers(report: Report) -> Iterator[str]:
    changes = [change for account in report.accounts for change in account.changes]
    open_ones = [c for c in changes if c.outcome != "applied"]
    failed = [c for c in open_ones if c.outcome in {"failed", "unknown"} or c.check == "refused"]
    yield from few(failed, lambda c: f"{tunnel(c)} {c.outcome or 'refused'}: {trouble(c)}", _NAMES)
    planned = report.command == "plan"
    deletes = [c for c in changes if c.action == "delete"] if planned else []
    traffic = [c for c in changes if c.action == "update" and c.impact == "traffic"] if planned else []
    if deletes:
        yield f"**Deletes {words.count(len(deletes), 'tunnel')}**: {_names(deletes)}"
    if traffic:
        yield f"**Can interrupt {words.count(len(traffic), 'tunnel')}**: {_names(traffic)}"


def _names(changes: list[ChangeReport]) -> str:
    return ", ".join(few(changes, tunnel, _NAMES))


def diagnostics(report: Report) -> str:
    """What is wrong with the files, as a list."""
    link = https(report.context.get("source_url"))

    def line(found: Diagnostic) -> str:
        mark = "❌" if found.severity == "error" else "⚠️"
        where = f"{place(found.location, link)}: " if found.location else ""
        text = clipped(f"{found.summary}. {found.detail}", safe.markdown, 300)
        return f"{mark} {where}{text} ({clipped(found.code, safe.markdown_code, 60)})"

    return "\n".join(f"- {text}" for text in few(report.diagnostics, line, _LINES))


def server_check(report: Report) -> str:
    """What Cloudflare said of the changes, when it was asked."""
    checks = [c.check for account in report.accounts for c in account.changes if c.check]
    if not checks:
        return ""
    if set(checks) == {"accepted"}:
        return f"**Server check:** Cloudflare accepted all {words.count(len(checks), 'change')} (`validate_only`)."
    kinds = ("accepted", "refused", "not checked")
    counts = ", ".join(f"{checks.count(kind):,} {kind}" for kind in kinds if kind in checks)
    return f"**Server check:** {counts}."


def notes(report: Report) -> str:
    """What to know before approving."""
    found = [note for account in report.accounts for note in account.notes]
    return "\n".join(f"- {line}" for line in few(found, lambda note: clipped(note, safe.markdown, 250), _NAMES))


def footer(report: Report) -> str:
    """Calls, what happens on merge, the next step and the digest."""
    changed = any(account.changes for account in report.accounts)
    lines = []
    if changed and report.command in {"plan", "apply"}:
        verb = "Apply makes" if report.command == "plan" else "Calls made"
        lines.append(f"**{verb}:** {safe.markdown(words.calls(words.all_calls(report)))}")
    if changed and report.command == "plan" and report.outcome in {"ok", "changes"}:
        lines.append(
            "**On merge:** apply plans again, and where the review gate is on it stops at another digest. Updates go "
            "first, then creates, then deletes; then it lists again, and only an empty difference is success. Nothing "
            "is rolled back: after a failure, running it again converges."
        )
    step = _next_step(report, changed=changed)
    lines += [f"**Next:** {step}"] if step else []
    seal = digest(report)
    lines += (
        [f"Digest: {clipped(seal, safe.markdown_code, 90)}"] if seal and changed and report.command == "plan" else []
    )
    return "\n\n".join(lines)


def _next_step(report: Report, *, changed: bool) -> str:
    if report.outcome in {"error", "internal", "interrupted", "partial"}:
        again = "run it again" if report.command != "apply" else "run apply again: it converges"
        return f"look at what failed, then {again}."
    steps = {
        "invalid": "fix the files: `reconciler validate`",
        "blocked": "lift what blocks it, as said above, and push",
        "rejected": "fix what Cloudflare refuses, and push",
        "plan_changed": "plan again and have the new plan reviewed",
        "auth": "give the token, or the permission it lacks",
    }
    if report.outcome in steps:
        return f"{steps[report.outcome]}."
    return "merge, and approve the apply job if it asks." if changed and report.command == "plan" else ""


def digest(report: Report) -> str | None:
    """The digest of all plans together: the account's own when there is one account."""
    found = [(account.account_id, account.digest) for account in report.accounts]
    if len(found) == 1:
        return found[0][1]
    if not any(own for _, own in found):
        return None
    lines = "".join(f"{name} {own}\n" for name, own in sorted(found, key=str))
    return f"sha256:{sha256(lines.encode('utf-8', 'backslashreplace')).hexdigest()}"
