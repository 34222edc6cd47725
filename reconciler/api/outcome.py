"""What an outcome means to people, and whether it can be believed."""

from reconciler.api.call import Ambiguous, Answered, ApiError, NotSent, Outcome, Refused
from reconciler.core.report import Problem


def problem_of(outcome: Outcome, remedy: str | None = None) -> Problem:
    """Why a call did not do its work, in Cloudflare's words where there are some."""
    if isinstance(outcome, Answered):
        return Problem("unclear-answer", "the answer doesn't say what was asked", remedy)
    if isinstance(outcome, NotSent | Ambiguous):
        return Problem(outcome.code, outcome.message, remedy, outcome.ray)
    first, *more = outcome.errors or (ApiError(f"http-{outcome.status}", f"HTTP status {outcome.status}"),)
    message = "; ".join([first.message, *(f"{e.message} ({e.code})" for e in more)])
    return Problem(first.code, message, remedy or first.remedy, outcome.ray)


def contradicts(outcome: Outcome) -> bool:
    """True for a refusal in an answer whose status is a success: only the list can tell what it means.

    (API: nobody knows whether `modified: false` means that nothing was done or that nothing had to be done.)
    """
    return isinstance(outcome, Refused) and outcome.status // 100 == 2  # noqa: PLR2004 - the class of status codes
