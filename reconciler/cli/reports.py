"""Writes the report in every format that was asked for, says where that did not work, and reads one back."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli.context import Context, Halt
from reconciler.cli.named import parsed, write_file
from reconciler.model.problems import Diagnostic, Problem, error
from reconciler.model.verdict import Result
from reconciler.render import Format, render
from reconciler.report.make import utc, with_diagnostics
from reconciler.report.outcome import EXIT_CODES, Outcome, worst
from reconciler.report.values import FIXED, AccountReport, CheckReport, Report

if TYPE_CHECKING:
    from reconciler.plan.saved import SavedPlan


def write_report(ctx: Context, report: Report) -> int:
    """Write the report to files and standard output; returns the exit code, the same in every format.

    What can't be written keeps nothing from being shown elsewhere, and is an error. It never hides that something
    was done: a report that could be shown nowhere goes to standard error.
    """
    return EXIT_CODES[_amended(report, show(ctx, report)).outcome]


def show(ctx: Context, report: Report, *, ours: bool = True) -> tuple[Diagnostic, ...]:
    """Write the report to files and standard output; returns what could not be written, and why.

    Args:
        ctx: Surroundings, with the outputs that were asked for.
        report: What to write.
        ours: Whether it is this run's, so that it tells, where it still can, what could not be written.
    """
    output = ctx.output
    report = replace(to_copy(ctx, report) if ours else report, context=_context(ctx, ours=ours))
    report = output.redactor.clean_value(report, FIXED)
    wanted = ctx.options.output or (("text", None),)
    files = [(name, Path(path)) for name, path in wanted if path is not None]
    shown = [name for name, path in wanted if path is None]
    lost, whole = _write_files(ctx, report, files)
    if lost and ours:  # what could be written tells what could not; a pipe has been read, and stays as it is
        report = output.redactor.clean_value(_amended(report, lost), FIXED)
        _write_files(ctx, report, whole)
    for name in shown:
        # Every value of the report is clean; a second pass over JSON could take a key for its syntax.
        write = output.stdout.write_unchanged if name == "json" else output.stdout.write
        write(_whole_lines(_drawn(ctx, report, name, to_stdout=True)))
        output.stdout.flush()
    if failed := output.stdout.failed:
        lost += (error("unwritable", f"standard output can't be written: {failed}", "Run it again elsewhere."),)
        report = _amended(report, lost) if ours else report
    for problem in lost:
        output.stderr.write(f"reconciler: {problem.summary}\n")
    if (failed or not shown) and (lost or report.outcome not in ("ok", "changes")):
        # A job that only writes files must not fail in silence.
        output.stderr.write(_whole_lines(as_text(report)))
        output.stderr.flush()
    return lost


def to_copy(ctx: Context, report: Report) -> Report:
    """The report with this run's options in the commands that it tells to run: what plans and applies knows no options.

    Only in texts of ours: what files and Cloudflare hold stays as it is.
    """

    def checked(found: CheckReport) -> CheckReport:
        return replace(found, remedy=found.remedy and ctx.to_copy(found.remedy))

    def of_account(account: AccountReport) -> AccountReport:
        def text(said: str) -> str:
            return ctx.to_copy(said, account.account)

        def problem(found: Problem | None) -> Problem | None:
            return found and replace(found, message=text(found.message), remedy=found.remedy and text(found.remedy))

        ways = account.ways_out
        if ways:
            accept = ways.accept_command and text(ways.accept_command)
            ways = replace(ways, revert=text(ways.revert), accept_command=accept)
        return replace(
            account,
            changes=tuple(replace(one, error=problem(one.error)) if one.error else one for one in account.changes),
            keys=tuple(replace(one, error=problem(one.error)) if one.error else one for one in account.keys),
            guards=tuple(replace(one, remedy=text(one.remedy)) for one in account.guards),
            checks=tuple(map(checked, account.checks)),
            notes=tuple(map(text, account.notes)),
            error=problem(account.error),
            ways_out=ways,
        )

    return replace(
        report,
        checks=tuple(map(checked, report.checks)),
        accounts=tuple(map(of_account, report.accounts)),
        diagnostics=tuple(replace(one, detail=ctx.to_copy(one.detail)) for one in report.diagnostics),
    )


def _write_files(
    ctx: Context, report: Report, files: Iterable[tuple[Format, Path]]
) -> tuple[tuple[Diagnostic, ...], list[tuple[Format, Path]]]:
    """What is wrong with the files, and those that hold the report now and could be replaced."""
    wrong: tuple[Diagnostic, ...] = ()
    whole = []
    for name, path in files:
        text = _drawn(ctx, report, name, to_stdout=False)
        try:
            if write_file(path, text if name == "json" else ctx.output.redactor.clean(text), ctx.stop):
                whole.append((name, path))
        except Halt as stopped:
            wrong += stopped.diagnostics
    return wrong, whole


def _amended(report: Report, lost: tuple[Diagnostic, ...]) -> Report:
    """The report of a run that could not say everywhere what it did."""
    if not lost:
        return report
    outcomes = (one.outcome for a in report.accounts for ones in (a.changes, a.keys) for one in ones)
    outcome = worst((report.outcome, "error"), written=Result.APPLIED in outcomes)
    return with_diagnostics(report, lost, outcome)


def _drawn(ctx: Context, report: Report, name: Format, *, to_stdout: bool) -> str:
    if name != "text":
        return render(report, name)
    if not to_stdout:
        return as_text(report)
    stdout = ctx.output.stdout
    shown = ctx.shown if stdout.isatty() else None
    quiet = ctx.options.quiet
    return as_text(report, width=ctx.width(stdout), color=ctx.color(stdout), shown=shown, quiet=quiet)


def as_text(report: Report, **options: Any) -> str:
    """The report as text, with the lines of files that its problems are about."""
    if not report.diagnostics:  # so it quotes no line, and what reads lines need not be imported
        return render(report, "text", **options)
    from reconciler.files.excerpt import lines_of_files

    return render(report, "text", **options, line_of=lines_of_files())


def _whole_lines(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def _context(ctx: Context, *, ours: bool) -> dict[str, str]:
    """What the run was about: when, commit, base, and on GitHub pull request, address of the run and of the files."""
    found = {"base": ctx.options.baseline} if ctx.options.baseline else {}
    if ours:
        again = {command: ctx.to_copy(f"reconciler {command}") for command in ("validate", "apply")}
        found |= {"made_at": utc(ctx.now()), **again}
    if ctx.env.get("GITHUB_ACTIONS") != "true":
        pages = {"html", "markdown"} & {name for name, _ in ctx.options.output or ()}
        return found | (_own_commit(ctx) if ours and pages else {})
    commit = ctx.env.get("GITHUB_SHA", "")
    home = f"{ctx.env.get('GITHUB_SERVER_URL', '')}/{ctx.env.get('GITHUB_REPOSITORY', '')}"
    kind, number = [*ctx.env.get("GITHUB_REF", "").split("/"), "", "", ""][1:3]
    found |= {"pull_request": number} if kind == "pull" else {}
    return found | {
        "commit": (ctx.env.get("RECONCILER_COMMIT") or commit)[:12],
        "run_url": f"{home}/actions/runs/{ctx.env.get('GITHUB_RUN_ID', '')}",
        "source_url": f"{home}/blob/{commit}",
    }


def _own_commit(ctx: Context) -> dict[str, str]:
    """The commit of the files, marked when they were changed since, where they stand in a repository."""
    from reconciler.cli.about import commit_of
    from reconciler.secrets.program import child_environment

    place, env = Path(ctx.options.dir).absolute(), child_environment(ctx.env, ctx.every)
    commit = next(filter(None, (commit_of(folder, env) for folder in (place, *place.parents))), None)
    return {"commit": commit} if commit else {}


def saved_report(ctx: Context, option: str) -> Report:
    """The report of an option, that `-o json` wrote. It is not trusted, only drawn and compared.

    Raises:
        Halt: It is not a report.
    """
    from reconciler.render.json import report_from_json

    summary = f"{getattr(ctx.options, option)} is not a report of this version"
    remedy = "Give a file that -o json=PATH wrote."
    return parsed(ctx.inputs.pop(option), report_from_json, "bad-report", summary, remedy)


def saved_plan(ctx: Context, remedy: str, outcome: Outcome) -> "SavedPlan":
    """The plan of `--plan`, that `plan --out` saved. It is not trusted, only shown and compared.

    Raises:
        Halt: It is not a saved plan.
    """
    from reconciler.model.document import read_json
    from reconciler.plan.saved import read_saved

    summary = f"{ctx.options.plan} is not a saved plan of this version"
    return parsed(
        ctx.inputs.pop("plan"), lambda data: read_saved(read_json(data)), "saved-plan", summary, remedy, outcome
    )
