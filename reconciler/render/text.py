"""The report for a terminal: problems, each account, the calls, and the verdict as the last line."""

from reconciler.render import verdicts, words
from reconciler.render.paint import Paint, columns, padded
from reconciler.render.problems import LineOf, problem
from reconciler.render.safe import terminal
from reconciler.render.sections import section
from reconciler.report.values import AccountReport, Report


def text(report: Report, *, width: int | None = None, color: bool = False, line_of: LineOf | None = None) -> str:
    """The report as lines of text, the last one the verdict.

    Args:
        report: What to say.
        width: Columns of the terminal; values are cut to fit. None leaves lines whole.
        color: Whether to colour by action, impact and outcome.
        line_of: Gives the source line of a file, of which what surely is no key is shown under its problem.
    """
    paint = Paint(color, width)
    drift = report.command == "drift"
    blocks = [[paint(words.SANDBOX, "yellow")]] if report.sandbox else []
    blocks += [_verdict(report, paint)] if drift else []
    blocks += [[line for found in report.diagnostics for line in problem(found, line_of, paint)]]
    if report.command == "accounts":
        blocks.append(_account_rows(report))
    else:
        blocks += [_account(account, report.command, paint) for account in report.accounts]
    blocks += [] if drift else [_ending(report, paint)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _account(account: AccountReport, command: str, paint: Paint) -> list[str]:
    lines = section(account, command, paint)
    return [paint(f"Account {terminal(account.account)}", "bold"), "", *lines] if lines else []


def _account_rows(report: Report) -> list[str]:
    rows = [_account_row(account) for account in report.accounts]
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(map(padded, cells, widths)).rstrip() for cells in rows]


def _account_row(account: AccountReport) -> list[str]:
    token = f"token from {account.token.env}" if account.token else ""
    paused = f"paused: {account.paused}" if account.paused is not None else ""
    cells = (account.account, account.account_id, words.count(account.managed, "tunnel"), token, paused)
    return [terminal(cell) for cell in cells]


def _verdict(report: Report, paint: Paint) -> list[str]:
    good = report.outcome in {"ok", "changes"}
    return [paint(terminal(verdicts.verdict(report)), "bold" if good else "red")]


def _ending(report: Report, paint: Paint) -> list[str]:
    """What stops it, the calls, then the verdict."""
    found = list(verdicts.stops(report))
    if any(account.changes for account in report.accounts) and report.command in {"plan", "apply"}:
        planned = "Calls" if report.command == "plan" else "Planned calls"
        found.append(f"{planned}: {words.calls(words.all_calls(report))}")
    return [*found, *_verdict(report, paint)]
