"""One change as the report shows it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.report import ChangeReport, FieldReport, Problem, Source
from reconciler.model.tunnel import PATHS
from reconciler.model.verdict import Result, Verdict

if TYPE_CHECKING:  # validate plans nothing, and a plan needs no engine
    from reconciler.engine.check import Checked
    from reconciler.plan.diff import Change


def change_report(change: "Change", verdict: Verdict | None = None, check: str | None = None) -> ChangeReport:
    """A change, how it ended (after apply) and what the server said of it (with `--server-check`)."""
    place = change.location
    return ChangeReport(
        action=change.action.value,
        name=change.name,
        previous_name=change.previous_name,
        id=change.id,
        impact=change.impact.value,
        cause=change.cause,
        fields=tuple(FieldReport(f.path, f.before, f.after, f.sensitive) for f in change.fields),
        source=Source(place.file, place.line) if place else None,
        outcome=verdict.result.value if verdict else None,
        error=placed(verdict.problem, change) if verdict and verdict.problem else None,
        check=check,
        modified_on=change.live.modified_on if change.live else None,
    )


def placed(problem: Problem, change: "Change") -> Problem:
    """A problem with the places of the fields that it is about."""
    declared = change.declared
    if declared is None:
        return problem

    def source(field: str | None) -> Source | None:
        if field is None or field not in PATHS:
            return None
        place = declared.place_of(field)
        return Source(place.file, place.line)

    also = tuple(replace(reason, source=source(reason.field)) for reason in problem.also)
    return replace(problem, source=source(problem.field), also=also)


def checked_reports(changes: tuple["Change", ...], checked: "Checked") -> tuple[ChangeReport, ...]:
    """Changes with what the server said of each."""
    out = []
    for change in changes:
        refusal = checked.refused.get(change.ref)
        if refusal is not None:
            out.append(replace(change_report(change, None, "refused"), error=placed(refusal, change)))
        elif change.ref in checked.accepted:
            out.append(change_report(change, None, "accepted"))
        else:
            out.append(change_report(change, None, "not checked"))
    return tuple(out)


def applied_reports(
    changes: tuple["Change", ...], verdicts: Mapping[str, Verdict], held_back: tuple["Change", ...]
) -> tuple[ChangeReport, ...]:
    """Changes with how they ended, and the deletes that `--no-delete` left out."""
    not_sent = Verdict(Result.SKIPPED, Problem("not-sent", "it was not sent"))
    withheld = Verdict(Result.SKIPPED, Problem("no-delete", "--no-delete leaves deletes out"))
    done = [change_report(c, verdicts.get(c.ref, not_sent)) for c in changes]
    left = [change_report(c, withheld) for c in held_back]
    return tuple(sorted((*done, *left), key=lambda c: (c.name, c.action)))
