"""The report as Markdown: a pull-request comment, a job summary or an issue, always within its budget of bytes.

Whoever approves a pull request may read the title and the red box alone. So these two hold what nobody may miss, and
they are never left out. GitHub refuses a comment that is too long, and a plan of a thousand tunnels would be: each part
of its body asks for room, the most needed first, and the comment says how much is missing.
"""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice

import reconciler
from reconciler.model.problems import Diagnostic, Guard, Problem
from reconciler.render import markdown_changes as changes
from reconciler.render import safe, words
from reconciler.render.groups import groups, is_long
from reconciler.render.headline import title, tone
from reconciler.render.markdown_changes import names, place, said, trouble, tunnel
from reconciler.render.safe import clipped, fence, few, size
from reconciler.report.values import AccountReport, ChangeReport, Report

BUDGET = 60_000
"""Bytes; GitHub takes 65,536 characters."""

_RESERVE = 2_500  # bytes for what does not ask for room: marker, counts, what is missing
_ROWS = 25  # of each table
_FOLD_FREE_LINES = 10  # diffs that are shorter, all together, stand open
# How many are shown at most: names or lines in the box, problems of the files, places of one, accounts in the title,
# facts about one problem, lines of what is left alone, accounts in the marker.
_WAVES = 12  # lines of a rollout
_BOX, _PROBLEMS, _PLACES, _ACCOUNTS, _FACTS, _LEFT, _FINGERPRINTS = 10, 20, 10, 8, 6, 50, 20
_LARGEST_PATCH = 20_000  # bytes; a longer one would take the room of all else
_LINES_OF_DRIFT = "--- live\n+++ declared"
_MARKS = {"failed": "❌", "grave": "🔴", "changes": "🟡", "good": "✅"}


def markdown(report: Report, *, budget: int = BUDGET) -> str:
    """The report in GitHub's Markdown; it says what there was no room for."""
    head = [f"## {_MARKS[tone(report)]} {safe.markdown(title(report))}", _context(report), _caution(report)]
    head += [_diagnostics(report), *_remarks(report)]
    footer = _footer(report)
    body = _Body(report, budget - _RESERVE - sum(size(part) + 2 for part in (*head, footer)))
    text = "\n\n".join(filter(None, [*head, *body.most_needed_first(), footer]))
    return f"{_marker(report, truncated=bool(body.missing))}\n{text}\n"


def _marker(report: Report, *, truncated: bool) -> str:
    """The hidden first line that CI finds its comment by; no text in it can end the HTML comment."""

    def fingerprint(account_id: str) -> str:
        """Tells accounts apart without naming them."""
        return sha256(b"reconciler comment\0" + account_id.encode("utf-8", "backslashreplace")).hexdigest()[:12]

    facts = {
        "tool": "reconciler",
        "version": reconciler.__version__,
        "command": report.command[:40],
        "accounts": [fingerprint(account.account_id) for account in report.accounts[:_FINGERPRINTS]],
        "commit": report.context.get("commit", "")[:40] or None,
        "digest": (_digest(report) or "")[:100] or None,
        "truncated": truncated,
    }
    inert = json.dumps(facts).replace("<", "\\u003c").replace(">", "\\u003e").replace("-", "\\u002d")
    return f"<!-- reconciler {inert} -->"


def _context(report: Report) -> str:
    """Accounts, what the run was about, and its address."""
    word = "Account" if len(report.accounts) == 1 else "Accounts"
    parts = [f"{word} {', '.join(few(report.accounts, _account, _ACCOUNTS))}"] if report.accounts else []
    for fact, value in words.facts(report):
        parts.append(clipped(fact, safe.markdown, 90) + (f" {clipped(value, safe.markdown_code, 60)}" if value else ""))
    run = safe.https(report.context.get("run_url"))
    parts += [f"[run]({run})"] if run else []
    return (f"**{words.SANDBOX}** " if report.sandbox else "") + " · ".join(parts)


def _account(account: AccountReport) -> str:
    return clipped(account.account, safe.markdown_code, 60)


def _where(account: AccountReport, report: Report) -> str:
    """Which account it is, where there are several."""
    return f" in {_account(account)}" if len(report.accounts) > 1 else ""


def _caution(report: Report) -> str:
    """The box that nobody may miss: what blocks, failed, is deleted, can interrupt traffic; or nothing."""
    lines = [*_blocking(report), *(() if report.command == "drift" else _dangers(report))]
    return "\n".join(["> [!CAUTION]", *(f"> - {line}" for line in lines)]) if lines else ""


def _blocking(report: Report) -> Iterator[str]:
    found: list[tuple[AccountReport, Problem | Guard | str]] = []
    for account in report.accounts if report.command != "accounts" else ():
        found += [(account, account.error)] if account.error else []
        found += [(account, account.paused)] if account.paused is not None and report.command != "drift" else []
        found += [(account, guard) for guard in account.guards]

    def line(item: tuple[AccountReport, Problem | Guard | str]) -> str:
        account, what = item
        where = _where(account, report)
        if isinstance(what, Problem):
            return " ".join([f"Account {_account(account)}: {trouble(what)}", *said(what, _FACTS)])
        if isinstance(what, str):
            return f"**Paused**{where}: {clipped(what, safe.markdown, 250)}. Apply is refused until its lines go."
        message, remedy = (clipped(text, safe.markdown_prose, 300) for text in (what.message, what.remedy))
        return f"**Blocked**{where}: {message} ({clipped(what.code, safe.markdown_code, 60)}). To go on: {remedy}"

    yield from few(found, line, _BOX)


def _dangers(report: Report) -> Iterator[str]:
    link = safe.https(report.context.get("source_url"))

    def failure(change: ChangeReport) -> str:
        source = (change.error and change.error.source) or change.source
        where = f" (declared at {place(source, link)})" if source else ""
        how = words.ended(change) or "refused"
        return f"{tunnel(change)} {how}{where}: {trouble(change.error) if change.error else ''}"

    refused = [c for c in report.changes if c.outcome is None and c.check == "refused"]
    wrong = [c for c in report.changes if c.outcome in {"failed", "unknown", "rolled_back"}] + refused
    yield from few(wrong, failure, _BOX)
    if report.command == "apply":
        psks = [(psk.name, psk.error) for psk in report.keys if psk.error]
        yield from few(psks, lambda k: f"Key of {clipped(k[0], safe.markdown_code, 100)}: {trouble(k[1])}", _BOX)
    for what, found in words.dangers(report).items():
        which = names(found, _marked) if what == "Deletes" else ", ".join(few(found, _marked, _BOX))
        yield f"**{what} {words.count(len(found), 'tunnel')}**: {which}"


def _marked(change: ChangeReport) -> str:
    return tunnel(change) + words.marked(change)


def _diagnostics(report: Report) -> str:
    """What is wrong with the files, as a list; the same slip is told once, with its places."""
    link = safe.https(report.context.get("source_url"))

    def line(alike: list[Diagnostic]) -> str:
        found = alike[0]
        mark = "❌" if found.severity == "error" else "⚠️"
        where = f"{place(found.location, link)}: " if found.location else ""
        text = clipped(f"{found.summary}. {found.detail}", safe.markdown_prose, 300)
        others = ", ".join(few(alike[1:], lambda other: place(other.location, link), _PLACES))
        code = clipped(found.code, safe.markdown_code, 60)
        return f"- {mark} {where}{text} ({code})" + (f" Likewise at {others}." if others else "")

    return "\n".join(few(words.alike(report.diagnostics), line, _PROBLEMS))


def _remarks(report: Report) -> Iterator[str]:
    """What to know before approving: what Cloudflare said when it was asked, what this run leaves out, and notes."""
    if checks := [change.check for change in report.changes if change.check]:
        kinds = ("accepted", "refused", "not checked")
        counts = ", ".join(f"{checks.count(kind):,} {kind}" for kind in kinds if kind in checks)
        if set(checks) == {"accepted"}:
            counts = f"Cloudflare accepted all {words.count(len(checks), 'change')} (`validate_only`)"
        yield f"**Server check:** {counts}."
    lines = []
    for account in report.accounts:
        if down := words.down(account):
            which = names(down, lambda line: clipped(line, safe.markdown, 150))
            lines.append(f"- **In sync and down**{_where(account, report)}: {which}")
        if window := words.window(account):
            lines.append(f"- **Window**{_where(account, report)}: {clipped(window, safe.markdown_prose, 300)}")
        if waves := words.waves(account):
            shown = few(waves, lambda line: clipped(line, safe.markdown_prose, 300), _WAVES)
            lines.append(f"- **Rollout**{_where(account, report)}: " + "\n  - ".join(shown))
    for reason, tunnels in words.held_back(report.accounts).items():
        lines.append(f"- **{reason}**: {names(tunnels, lambda name: clipped(name, safe.markdown_code, 100))}")
    yield "\n".join(lines)
    notes = [(account, note) for account in report.accounts for note in account.notes]

    def line(item: tuple[AccountReport, str]) -> str:
        return f"- **Note**{_where(item[0], report)}: {clipped(item[1], safe.markdown_prose, 250)}"

    yield "\n".join(few(notes, line, _BOX))


def _footer(report: Report) -> str:
    """Calls, what apply will do, the next step and the digest."""
    ahead = report.command == "plan" and bool(report.changes)
    pulled = bool(report.context.get("pull_request"))
    lines = []
    if calls := words.calls_line(report):
        what, _, numbers = calls.partition(": ")
        lines.append(f"**{what}:** {safe.markdown(numbers)}")
    if ahead and report.outcome in {"ok", "changes"}:
        gate = ", and where the review gate is on it stops at another digest" if pulled else ""
        waves = any(account.waves for account in report.accounts)
        undone = "A wave that does not come up is rolled back" if waves else "Nothing is rolled back"
        lines.append(
            f"**On {'merge' if pulled else 'apply'}:** apply plans again{gate}. Updates go first, then creates, then "
            f"deletes; then it lists again, and only an empty difference is success. {undone}: after a failure, "
            "running it again converges."
        )
    if step := _next_step(report, ahead=ahead, pulled=pulled):
        lines.append(f"**Next:** {step}")
    if ahead and (digest := _digest(report)):
        lines.append(f"Digest: {clipped(digest, safe.markdown_code, 90)}")
    return "\n\n".join(lines)


def _next_step(report: Report, *, ahead: bool, pulled: bool) -> str:
    again = "run apply again: it converges" if report.command == "apply" else "run it again"
    then = "push" if pulled else f"run {report.command} again"
    steps = {
        "error": f"look at what failed, then {again}.",
        "internal": f"look at what failed, then {again}.",
        "partial": f"look at what failed, then {again}.",
        "interrupted": f"{again}.",
        "invalid": f"fix the files: {_command(report, 'validate')}.",
        "blocked": f"lift what blocks it, as said above, and {then}.",
        "rejected": f"fix what Cloudflare refuses, and {then}.",
        "plan_changed": "plan again and have the new plan reviewed.",
        "auth": "give the token, or the permission it lacks.",
    }
    planned = "merge, and approve the apply job if it asks." if pulled else _command(report, "apply")
    return steps.get(report.outcome, planned if ahead else "")


def _command(report: Report, command: str) -> str:
    """A command to copy: as the run gives it, or of a report that was saved without its options."""
    place = " --sandbox" if report.sandbox and command == "apply" else ""
    return safe.markdown_code(report.context.get(command, f"reconciler {command}{place}"))


def _digest(report: Report) -> str | None:
    """The digest of all plans together: the account's own when there is one account."""
    found = [(account.account_id, account.digest) for account in report.accounts]
    if len(found) == 1:
        return found[0][1]
    if not any(own for _, own in found):
        return None
    lines = "".join(f"{name} {own}\n" for name, own in sorted(found, key=str))
    return f"sha256:{sha256(lines.encode('utf-8', 'backslashreplace')).hexdigest()}"


class _Body:
    """The parts that a comment which is too long leaves out; `missing` tells what it left out."""

    def __init__(self, report: Report, room: int) -> None:
        self.report = report
        self.room = room
        self.missing: list[str] = []
        self._shape = changes.Shape(report)
        self._groups = groups(report.accounts, by_kind=is_long(report))

    def most_needed_first(self) -> Iterator[str]:
        """The parts as far as there is room: who asks first gets it, so the last is dropped first."""
        yield from self._tables()
        yield from self._ways_out()
        yield from self._folds()
        yield from self._left()
        if self.missing:
            yield f"_Shown: {', '.join(self.missing)}. The run's text and JSON report hold all of it._"

    def _take(self, text: str) -> bool:
        """Takes room for a block and the blank line behind it, if there is enough."""
        needed = size(text) + 2
        if needed > self.room:
            return False
        self.room -= needed
        return True

    def _note(self, shown: int, total: int, what: str) -> None:
        if shown < total:
            self.missing.append(f"{shown:,} of {total:,} {what}")

    def _tables(self) -> Iterator[str]:
        """One table, or one per cause where causes are known."""
        found, shown = self._groups, 0
        headings = [("", found)]
        if self.report.command in {"plan", "drift"} and any(group.first.cause for group in found):
            ours = "From this pull request" if self.report.context.get("pull_request") else "From git"
            theirs, cause = "Already different on Cloudflare (will also be corrected)", "drift"
            if self._shape.drift:
                ours, theirs, cause = "Drift", "Only git changed these: they wait for apply", "git"
            headings = [(ours, [group for group in found if group.first.cause != cause])]
            headings += [(theirs, [group for group in found if group.first.cause == cause])]
        for heading, rows in headings:
            cells = [changes.cells(group, self._shape) for group in rows[:_ROWS]]
            if not cells:
                continue
            head = [f"### {heading}", ""] if heading else []
            head += [_row(cells[0]), f"|{' --- |' * len(cells[0])}"]
            if self._take("\n".join(head)):
                lines = [line for row in cells if self._take(line := _row(row.values()))]
                shown += len(lines)
                yield "\n".join([*head, *lines])
        self._note(shown, len(found), "table rows")

    def _ways_out(self) -> Iterator[str]:
        """How to end the drift of each account, ready to copy."""
        found = [text for account in self.report.accounts if (text := _ways_out(account))]
        kept = [text for text in found if self._take(text)]
        self._note(len(kept), len(found), "ways out")
        yield from kept

    def _folds(self) -> Iterator[str]:
        """Folded diffs in the table's order; of what many tunnels share as many as there is room for."""
        lines = (line for group in self._groups for _, block in changes.blocks(group) for line in block)
        opening = "<details>" if len(list(islice(lines, _FOLD_FREE_LINES))) == _FOLD_FREE_LINES else "<details open>"
        groups = [
            group for group in self._groups if any(words.fields(change) or change.error for change in group.changes)
        ]
        shown = 0
        for number, group in enumerate(groups, 1):
            head, after = f"{opening}{changes.summary(group, self._shape)}", changes.after(group)
            before = self.room
            if not self._take(f"{head}\n\n{_LINES_OF_DRIFT}\n\n{after}\n\n</details>"):
                continue
            left = self.room // 2 if number < len(groups) else 0  # for the others, however long this one is
            kept = []
            for part in changes.blocks(group):
                if self.room <= left or not self._take(fence(part[1], "diff")):
                    break
                kept.append(part)
            wanted = sum(bool(words.fields(change)) for change in group.changes)
            there = sum(count for count, _ in kept)
            if wanted and not there:
                self.room = before
                continue
            shown += len(group.changes) - wanted + there
            diff = [line for _, block in kept for line in block]
            diff = [*_LINES_OF_DRIFT.split("\n"), *diff] if diff and self._shape.drift else diff
            diff += [f"  and {wanted - there:,} more"] if there < wanted else []
            yield "\n\n".join(filter(None, [head, fence(diff, "diff") if diff else "", after, "</details>"]))
        self._note(shown, sum(len(group.changes) for group in groups), "details")

    def _left(self) -> Iterator[str]:
        """What is left alone: counts always, names in a drift report."""
        accounts, command = self.report.accounts, self.report.command
        counts = words.left_counts(*accounts)
        if command in {"plan", "drift"} and counts:
            read = any(account.total is not None for account in accounts)
            unchanged = f"Unchanged: {self.report.summary.unchanged:,}. " if read else ""
            yield f"{unchanged}Left alone: {counts}."
        lines = list(_listed(self.report))
        kept = [line for line in lines[:_LEFT] if self._take(line)]
        self._note(len(kept), len(lines), "list entries")
        yield "\n".join(kept)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _ways_out(account: AccountReport) -> str:
    """Both ways to end the drift, ready to copy."""
    if account.ways_out is None:
        return ""
    revert = fence([safe.visible(account.ways_out.revert)[:1000]], "sh")
    parts = [f"**Revert** ({_account(account)}), which makes Cloudflare equal to the files:", revert]
    if account.ways_out.accept_command:
        parts.append(f"**Accept** ({_account(account)}), which makes the files equal to Cloudflare:")
        parts.append(fence([safe.visible(line)[:1000] for line in account.ways_out.accept_command.split("\n")], "sh"))
    if account.ways_out.accept:
        patch = fence([safe.visible(line) for line in account.ways_out.accept.rstrip("\n").split("\n")], "diff")
        if size(patch) > _LARGEST_PATCH:
            parts += ["The patch is too long for here; the JSON report holds it."]
        else:
            fold = "<details><summary>The patch that accepts it: from what the files say to what is live</summary>"
            parts += [fold, patch, "</details>"]
    return "\n\n".join(parts)


def _listed(report: Report) -> Iterator[str]:
    """A line for each account of a list, each key, and in a drift report for each tunnel that is left alone."""
    for account in report.accounts:
        if report.command == "accounts":
            about = ", ".join(filter(None, words.account(account)))
            yield f"- {_account(account)}: {clipped(about, safe.markdown, 250)}"
        for psk in account.keys:
            name = clipped(psk.name, safe.markdown_code, 100)
            line = f"- {name}: {clipped(', '.join(filter(None, words.psk(psk))), safe.markdown, 250)}"
            yield " ".join([f"{line}.", trouble(psk.error), *said(psk.error, _FACTS)]) if psk.error else line
        for kind, lines in words.left(account).items():
            if report.command != "drift" and (kind != "not checked" or not words.unread(account)):
                continue
            yield from (f"- {kind}{_where(account, report)}: {clipped(line, safe.markdown, 250)}" for line in lines)
