"""The report as Markdown: a pull-request comment, a job summary or an issue, always within its budget of bytes.

GitHub refuses a comment that is too long, and a plan of a thousand tunnels would be. So each part asks for room before
it is drawn, the most needed first, and the comment says how much of it is missing.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice

import reconciler
from reconciler.render import comment, words
from reconciler.render import comment_changes as changes
from reconciler.render.safe import size
from reconciler.report.values import AccountReport, Report

BUDGET = 60_000
"""Bytes; GitHub takes 65,536 characters."""

_ROWS = 25  # of each table
_DETAILS = 400  # diffs that are drawn at all: drawing takes time, and there is room for fewer
_LEFT = 50  # lines of what is left alone
_FOLD_FREE_LINES = 10  # diffs that are shorter, all together, stand open
_RESERVE = 2_500  # bytes for what does not ask for room: marker, counts, what is missing
_FINGERPRINTS = 20  # accounts in the marker
_GROUPS = {
    "plan": ("From git", "Already different on Cloudflare (will also be corrected)"),
    "drift": ("Drift", "Only git changed these: they wait for apply"),
}


def markdown(report: Report, *, budget: int = BUDGET) -> str:
    """The report in GitHub's Markdown.

    What does not fit is dropped in the order that `_Droppable` gives. Title, caution box and marker always stay, and it
    says what was left out.
    """
    head = [comment.title(report), comment.context(report), comment.caution(report), comment.diagnostics(report)]
    head += [comment.server_check(report), comment.held_back(report), comment.notes(report)]
    tail = [comment.footer(report)]
    room = budget - _RESERVE - sum(size(part) + 2 for part in head + tail)
    body = _Droppable(report, room)
    blocks = [*head, *body.most_needed_first(), *tail]
    text = "\n\n".join(block for block in blocks if block)
    return f"{_marker(report, truncated=bool(body.missing))}\n{text}\n"


def _marker(report: Report, *, truncated: bool) -> str:
    """The hidden first line that CI finds its comment by; no text in it can end the HTML comment."""
    facts = {
        "tool": "reconciler",
        "version": reconciler.__version__,
        "command": report.command[:40],
        "accounts": [_fingerprint(account.account_id) for account in report.accounts[:_FINGERPRINTS]],
        "commit": report.context.get("commit", "")[:40] or None,
        "digest": (comment.digest(report) or "")[:100] or None,
        "truncated": truncated,
    }
    inert = json.dumps(facts).replace("<", "\\u003c").replace(">", "\\u003e").replace("-", "\\u002d")
    return f"<!-- reconciler {inert} -->"


def _fingerprint(account_id: str) -> str:
    """Tells accounts apart without naming them."""
    return sha256(b"reconciler comment\0" + account_id.encode("utf-8", "backslashreplace")).hexdigest()[:12]


class _Droppable:
    """The parts that a comment which is too long drops; `missing` tells what it dropped."""

    def __init__(self, report: Report, room: int) -> None:
        self.report = report
        self.room = room
        self.missing: list[str] = []
        self._rows = changes.rows(report)
        self._drift = report.command == "drift"

    def most_needed_first(self) -> Iterator[str]:
        """The parts as far as there is room: who asks first gets it, so the last is dropped first."""
        yield from self._tables()
        yield from self._ways_out()
        yield from self._details()
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

    def _tables(self) -> Iterator[str]:
        """One table, or one per cause where causes are known."""
        shape = changes.columns(self.report)
        shown = 0
        for heading, rows in self._groups():
            block = f"### {heading}\n\n{changes.header(shape)}" if heading else changes.header(shape)
            if not rows or not self._take(block):
                continue
            lines = [line for row in rows[:_ROWS] if self._take(line := changes.row(row, shape))]
            shown += len(lines)
            yield "\n".join([block, *lines])
        self._note(shown, len(self._rows), "table rows")

    def _groups(self) -> list[tuple[str, list[changes.Row]]]:
        ours, theirs = _GROUPS.get(self.report.command, ("", ""))
        if not ours or all(row.change.cause is None for row in self._rows):
            return [("", self._rows)]
        other = "git" if self._drift else "drift"
        ours = "From this pull request" if not self._drift and self.report.context.get("pull_request") else ours
        first = [row for row in self._rows if row.change.cause != other]
        return [(ours, first), (theirs, [row for row in self._rows if row.change.cause == other])]

    def _ways_out(self) -> Iterator[str]:
        """How to end the drift of each account."""
        found = [text for account in self.report.accounts if (text := comment.ways_out(account))]
        kept = [text for text in found if self._take(text)]
        self._note(len(kept), len(found), "ways out")
        yield from kept

    def _details(self) -> Iterator[str]:
        """Folded diffs in the table's order; the largest are the first to go."""
        rows = [row for row in self._rows if row.change.fields or row.change.error]
        considered, shape = rows[:_DETAILS], changes.columns(self.report)
        first = [row.change.fields for row in islice(rows, _FOLD_FREE_LINES)]
        lines = sum(2 + sum(len(words.items(field)) or 2 for field in fields) for fields in first)
        unfolded = lines < _FOLD_FREE_LINES
        drawn = [changes.detail(row, shape, unfolded=unfolded) for row in considered]
        kept = {index for index in sorted(range(len(drawn)), key=lambda i: size(drawn[i])) if self._take(drawn[index])}
        self._note(len(kept), len(rows), "details")
        yield from (text for index, text in enumerate(drawn) if index in kept)

    def _left(self) -> Iterator[str]:
        """What is left alone: counts always, names in a drift report."""
        counts = words.left_counts(*self.report.accounts)
        if self.report.command in {"plan", "drift"} and counts:
            read = any(account.total is not None for account in self.report.accounts)
            unchanged = f"Unchanged: {self.report.summary.unchanged:,}. " if read else ""
            yield f"{unchanged}Left alone: {counts}."
        kept = [line for line in islice(self._listed(), _LEFT) if self._take(line)]
        self._note(len(kept), sum(map(self._length, self.report.accounts)), "list entries")
        yield "\n".join(kept)

    def _listed(self) -> Iterator[str]:
        for account in self.report.accounts:
            if self.report.command == "accounts":
                yield comment.account(account)
            yield from comment.keys(account)
            if self._drift:
                yield from comment.left_alone(account, several=len(self.report.accounts) > 1)

    def _length(self, account: AccountReport) -> int:
        """How many lines `_listed` has for an account."""
        left = (account.not_checked, account.unmanaged, account.ignored, account.resolved)
        drift = sum(map(len, left)) if self._drift else 0
        return len(account.keys) + drift + (self.report.command == "accounts")

    def _note(self, shown: int, total: int, what: str) -> None:
        if shown < total:
            self.missing.append(f"{shown:,} of {total:,} {what}")
