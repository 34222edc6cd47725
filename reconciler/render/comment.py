"""What a Markdown comment says around its changes: title, context, caution, lists, calls, what comes next.

Whoever approves a pull request may read the title and the red box alone. So these two hold what nobody may miss, and
they are never left out for want of room; what is, and in which order, says `markdown._Droppable`.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import accumulate

from reconciler.model.psk import KeyStatus
from reconciler.render import safe, words
from reconciler.render.comment_changes import place, said, trouble, tunnel
from reconciler.render.headline import headline, key_counts, to_do
from reconciler.render.safe import clipped, fence, few, first, https, size
from reconciler.report.values import AccountReport, ChangeReport, DiagnosticReport, Report

# How many are shown at most: names or lines in a box, diagnostics, accounts in the title, facts about one problem.
_NAMES, _LINES, _ACCOUNTS, _SAID = 10, 20, 8, 6
_LARGEST_PATCH = 20_000  # bytes; a longer one would take the room of all else
_LARGEST_NAMES = 10_000  # bytes; of tunnels that are deleted


def title(report: Report) -> str:
    """The headline with its counts, readable as the subject of an e-mail."""
    return f"## {emoji(report)} Tunnel {_sentence(report)}"


def emoji(report: Report) -> str:
    """❌ failed, 🔴 blocked or deletes, 🟡 changes, ✅ nothing to do or done."""
    if report.outcome not in {"ok", "changes", "blocked"}:
        return "❌"
    if report.outcome == "blocked" or (report.command in {"plan", "show"} and report.summary.delete):
        return "🔴"
    changed = any(account.changes or account.keys or account.held_back for account in report.accounts)
    return "🟡" if report.outcome == "changes" or (changed and report.command in {"plan", "show"}) else "✅"


def _sentence(report: Report) -> str:
    sentence = headline(report).rstrip(".")
    if report.command == "plan" and report.outcome in {"ok", "changes", "blocked", "rejected"}:
        changed = any(report.summary.planned.values())
        counts = to_do(report.summary).replace(", ", " · ") if changed else "no changes"
        counts = " · ".join([counts, *key_counts(report), *words.held_back(report.accounts)])
        stopped = {"blocked": " · blocked", "rejected": " · refused by Cloudflare"}
        return f"plan: {counts}{stopped.get(report.outcome, '')}"
    head, _, rest = sentence.partition(": ")
    heads = {
        "Invalid": "files: invalid, ",
        "Valid": "files: valid, ",
        "No drift": "drift: none, ",
        "Saved plan": "saved plan: ",
    }
    if head in heads:
        return safe.markdown(heads[head] + rest)
    if report.command == "psk":  # "Keys failed: …", or "3 keys: 1 applied, 2 failed" behind the title's "Tunnel"
        return safe.markdown(f"keys: {rest}" if head[:1].isdigit() else f"{sentence[0].lower()}{sentence[1:]}")
    own = head.lower().startswith(report.command)  # "Apply complete" names its command already
    sentence = f"{sentence[0].lower()}{sentence[1:]}"
    return safe.markdown(sentence if own else f"{report.command}: {sentence}")


def context(report: Report) -> str:
    """Accounts, commit, base, size, calls of this run's plan, and the run's address."""
    names = few(report.accounts, _account, _ACCOUNTS)
    total = sum(account.total or 0 for account in report.accounts)
    word = "Account" if len(report.accounts) == 1 else "Accounts"
    parts = [f"{word} {', '.join(names)}"] if report.accounts else []
    parts += [words.count(total, "live tunnel")] if total else []
    for key in ("commit", "base"):
        if report.context.get(key):
            parts.append(f"{key} {clipped(report.context[key], safe.markdown_code, 60)}")
    if report.generated_at:
        parts.append(clipped(words.moment(report.generated_at), safe.markdown, 40))
    run = https(report.context.get("run_url"))
    parts += [f"[run]({run})"] if run else []
    sandbox = f"**{words.SANDBOX}** " if report.sandbox else ""
    return sandbox + " · ".join(parts)


def _account(account: AccountReport) -> str:
    return clipped(account.account, safe.markdown_code, 60)


def caution(report: Report) -> str:
    """The box that nobody may miss: what blocks, failed, is deleted, can interrupt traffic; or nothing."""
    shown = () if report.command == "accounts" else report.accounts
    planned = report.command != "drift"
    total = sum((a.error is not None) + (planned and a.paused is not None) + len(a.guards) for a in shown)
    several = len(report.accounts) > 1
    blocking = (line for account in shown for line in _blocking(account, several=several, planned=planned))
    lines = list(first(blocking, total, _NAMES))
    lines += [] if report.command == "drift" else _dangers(report)
    if not lines:
        return ""
    return "\n".join(["> [!CAUTION]", *(f"> - {line}" for line in lines)])


def _blocking(account: AccountReport, *, several: bool, planned: bool) -> Iterator[str]:
    where = f" in {_account(account)}" if several else ""
    if account.error:
        yield " ".join([f"Account {_account(account)}: {trouble(account.error)}", *said(account.error, _SAID)])
    if account.paused is not None and planned:
        yield f"**Paused**{where}: {clipped(account.paused, safe.markdown, 250)}. Apply is refused until its lines go."
    for guard in account.guards:
        message, remedy = (clipped(text, safe.markdown_prose, 300) for text in (guard.message, guard.remedy))
        yield f"**Blocked**{where}: {message} ({clipped(guard.code, safe.markdown_code, 60)}). To go on: {remedy}"


def _dangers(report: Report) -> Iterator[str]:
    changes = [change for account in report.accounts for change in account.changes]
    open_ones = [c for c in changes if c.outcome != "applied"]
    failed = [c for c in open_ones if c.outcome in {"failed", "unknown"} or c.check == "refused"]
    link = https(report.context.get("source_url"))
    yield from few(failed, lambda c: _failure(c, link), _NAMES)
    if report.command == "apply":
        keys = [(key.name, key.error) for account in report.accounts for key in account.keys if key.error]
        yield from few(keys, lambda k: f"Key of {clipped(k[0], safe.markdown_code, 100)}: {trouble(k[1])}", _NAMES)
    for what, found in words.dangers(report).items():
        names = _all(map(tunnel, found)) if what == "Deletes" else ", ".join(few(found, tunnel, _NAMES))
        yield f"**{what} {words.count(len(found), 'tunnel')}**: {names}"


def _all(names: Iterable[str]) -> str:
    """All names: who approves a plan has to see each delete. Only thousands would take the room of all else."""
    every = list(names)
    sizes = accumulate(size(name) + 2 for name in every)
    return ", ".join(first(iter(every), len(every), sum(filled <= _LARGEST_NAMES for filled in sizes)))


def held_back(report: Report) -> str:
    """What this run leaves out."""

    def line(told: str, names: list[str]) -> str:
        return f"- **{told}**: {_all(clipped(name, safe.markdown_code, 100) for name in names)}"

    return "\n".join(line(told, names) for told, names in words.held_back(report.accounts).items())


def _failure(change: ChangeReport, link: str | None) -> str:
    error = change.error
    source = (error and error.source) or change.source
    where = f" (declared at {place(source, link)})" if source else ""
    return f"{tunnel(change)} {change.outcome or 'refused'}{where}: {trouble(error) if error else ''}"


def diagnostics(report: Report) -> str:
    """What is wrong with the files, as a list."""
    link = https(report.context.get("source_url"))

    def line(found: DiagnosticReport) -> str:
        mark = "❌" if found.severity == "error" else "⚠️"
        where = f"{place(found.location, link)}: " if found.location else ""
        text = clipped(f"{found.summary}. {found.detail}", safe.markdown_prose, 300)
        return f"{mark} {where}{text} ({clipped(found.code, safe.markdown_code, 60)})"

    return "\n".join(f"- {text}" for text in few(words.errors_first(report.diagnostics), line, _LINES))


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
    several = len(report.accounts) > 1
    found = [(account, note) for account in report.accounts for note in account.notes]

    def line(item: tuple[AccountReport, str]) -> str:
        where = f" ({_account(item[0])})" if several else ""
        return f"**Note**{where}: {clipped(item[1], safe.markdown_prose, 250)}"

    return "\n".join(f"- {text}" for text in few(found, line, _NAMES))


def footer(report: Report) -> str:
    """Calls, what apply will do, the next step and the digest."""
    changed = any(account.changes for account in report.accounts)
    planned = report.command == "plan"
    lines = []
    if made := words.made(report):
        lines.append(safe.markdown(made))
    elif changed and report.command in {"plan", "apply"}:
        title = "Apply makes" if planned else "Planned calls"
        lines.append(f"**{title}:** {safe.markdown(words.calls(words.all_calls(report)))}")
    if changed and planned and report.outcome in {"ok", "changes"}:
        lines.append(_order(report))
    step = _next_step(report, changed=changed)
    lines += [f"**Next:** {step}"] if step else []
    seal = digest(report)
    lines += [f"Digest: {clipped(seal, safe.markdown_code, 90)}"] if seal and changed and planned else []
    return "\n\n".join(lines)


def _order(report: Report) -> str:
    when = "merge" if _pulled(report) else "apply"
    gate = ", and where the review gate is on it stops at another digest" if _pulled(report) else ""
    return (
        f"**On {when}:** apply plans again{gate}. Updates go first, then creates, then deletes; then it lists again, "
        "and only an empty difference is success. Nothing is rolled back: after a failure, running it again converges."
    )


def _pulled(report: Report) -> bool:
    """Whether the report is about a pull request."""
    return bool(report.context.get("pull_request"))


def _next_step(report: Report, *, changed: bool) -> str:
    again = "run apply again: it converges" if report.command == "apply" else "run it again"
    then = "push" if _pulled(report) else f"run {report.command} again"
    steps = {
        "error": f"look at what failed, then {again}",
        "internal": f"look at what failed, then {again}",
        "partial": f"look at what failed, then {again}",
        "interrupted": again,
        "invalid": "fix the files: `reconciler validate`",
        "blocked": f"lift what blocks it, as said above, and {then}",
        "rejected": f"fix what Cloudflare refuses, and {then}",
        "plan_changed": "plan again and have the new plan reviewed",
        "auth": "give the token, or the permission it lacks",
    }
    if report.outcome in steps:
        return f"{steps[report.outcome]}."
    if not changed or report.command != "plan":
        return ""
    return "merge, and approve the apply job if it asks." if _pulled(report) else "`reconciler apply`"


def digest(report: Report) -> str | None:
    """The digest of all plans together: the account's own when there is one account."""
    found = [(account.account_id, account.digest) for account in report.accounts]
    if len(found) == 1:
        return found[0][1]
    if not any(own for _, own in found):
        return None
    lines = "".join(f"{name} {own}\n" for name, own in sorted(found, key=str))
    return f"sha256:{sha256(lines.encode('utf-8', 'backslashreplace')).hexdigest()}"


def ways_out(account: AccountReport) -> str:
    """Both ways to end the drift, ready to copy."""
    if account.ways_out is None:
        return ""
    revert = fence([safe.visible(account.ways_out.revert)[:1000]], "sh")
    parts = [f"**Revert** ({_account(account)}), which makes Cloudflare equal to the files:", revert]
    if account.ways_out.accept_command:
        parts.append(f"**Accept** ({_account(account)}), which makes the files equal to Cloudflare:")
        parts.append(fence([safe.visible(account.ways_out.accept_command)[:1000]], "sh"))
    if account.ways_out.accept:
        lines = [safe.visible(line) for line in account.ways_out.accept.rstrip("\n").split("\n")]
        patch = fence(lines, "diff")
        if size(patch) > _LARGEST_PATCH:
            return "\n\n".join([*parts, "The patch is too long for here; the JSON report holds it."])
        fold = "<details><summary>The patch that accepts it: from what the files say to what is live</summary>"
        parts += [fold, patch, "</details>"]
    return "\n\n".join(parts)


def left_alone(account: AccountReport, *, several: bool) -> Iterator[str]:
    """One line per tunnel that is left alone or was not checked, and per difference since gone."""
    where = f" in {_account(account)}" if several else ""
    kinds = {"not checked": account.not_checked, "unmanaged": account.unmanaged, "ignored": account.ignored}
    for kind, items in kinds.items():
        for item in items:
            yield f"- {kind}{where}: {clipped(words.left_alone(item), safe.markdown, 250)}"
    for gone in account.resolved:
        yield f"- resolved{where}: {clipped(words.resolved(gone), safe.markdown, 250)}"


def keys(account: AccountReport) -> Iterator[str]:
    """One line per pre-shared key: its age, where it comes from, how setting it ended, what is wrong and what to do."""
    for key in account.keys:
        name = clipped(key.name, safe.markdown_code, 100)
        line = f"- {name}: {clipped(', '.join(_key(key)), safe.markdown, 250)}"
        yield " ".join([f"{line}.", trouble(key.error), *said(key.error, _SAID)]) if key.error else line


def _key(key: KeyStatus) -> Iterator[str]:
    if key.outcome:
        yield key.outcome
    if key.overdue:
        yield "overdue"
    yield "age unknown" if key.age_days is None else words.count(key.age_days, "day") + " old"
    yield key.reference or "no psk"


def account(found: AccountReport) -> str:
    """One line for an account: its size, its token's variable, whether it is paused."""
    token = f", token from {found.token.env}" if found.token else ""
    paused = f", paused: {found.paused}" if found.paused is not None else ""
    about = clipped(f"{words.count(found.managed, 'tunnel')}{token}{paused}", safe.markdown, 250)
    return f"- {_account(found)}: {about}"
