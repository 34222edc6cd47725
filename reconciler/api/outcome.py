"""What an outcome means to people, and whether it can be believed."""

from reconciler.api.call import Ambiguous, Answered, ApiError, Denied, NotSent, Outcome, Refused
from reconciler.model.report import Problem, Reason

_ACCOUNT = "Check `account_id` in account.yaml, and --base-url: the API knows nothing at this address."
_TOKEN = "Check the token and its permission: Magic Transit or Magic WAN, read to plan, write to apply."  # noqa: S105
_MALFORMED = "Set the token again, and see that it was copied whole: it does not look like one to Cloudflare."
_REMEDIES = {
    "1012": "Is `account_id` right? Else ask Cloudflare to onboard the account to Magic Transit or Cloudflare WAN.",
    "1032": "Run plan again and look: somebody else deleted the tunnel meanwhile.",
    "6003": _MALFORMED,
    "6111": _MALFORMED,
    "7000": _ACCOUNT,
    "7003": _ACCOUNT,
}
"""What to do about a code of Cloudflare's. The others don't tell more than their message does."""
_NOT_THE_API = frozenset(f"http-{status}" for status in range(400, 500) if status not in (401, 413))
"""Codes of refusals in which no error of the API's stands. (Without a token, or with a body too large for it, its own
front may answer so.)"""
_WHO = "A proxy or firewall answered, not the API: see what may be reached from here, and --base-url and HTTPS_PROXY."


def problem_of(outcome: Outcome, remedy: str | None = None) -> Problem:
    """Why a call did not do its work, in Cloudflare's words where there are some.

    Args:
        outcome: Of the call.
        remedy: What to do, where no code says it better.
    """
    if isinstance(outcome, Answered):
        return Problem("unclear-answer", "the answer doesn't say what was asked", remedy)
    remedy = _remedy(outcome) or remedy
    also = tuple(Reason(e.code, e.message, e.documentation_url, e.field) for e in outcome.errors)
    if isinstance(outcome, NotSent | Ambiguous):
        return Problem(outcome.code, outcome.message, remedy, outcome.ray, also=also)
    first = outcome.errors[0] if outcome.errors else ApiError(f"http-{outcome.status}", f"HTTP status {outcome.status}")
    remedy = remedy or first.remedy
    return Problem(first.code, first.message, remedy, outcome.ray, first.documentation_url, first.field, also=also[1:])


def _remedy(outcome: Refused | Denied | NotSent | Ambiguous) -> str | None:
    codes = [error.code for error in outcome.errors]
    fitting = [_REMEDIES[code] for code in codes if code in _REMEDIES]
    if fitting:
        return fitting[0]
    if codes and codes[0] in _NOT_THE_API:
        return _WHO
    return _TOKEN if isinstance(outcome, Denied) else None


def contradicts(outcome: Outcome) -> bool:
    """True for a refusal in an answer whose status is a success: only the list can tell what it means.

    (API: nobody knows whether `modified: false` means that nothing was done or that nothing had to be done.)
    """
    return isinstance(outcome, Refused) and outcome.status // 100 == 2  # noqa: PLR2004 - the class of status codes
