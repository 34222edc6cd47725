"""Reading an account's list, when null may stand for an empty one."""

from collections.abc import Collection

from reconciler.api.call import Answered, ApiError, Call, CallOutcome, Conversation, Pause, Refused, Send, Verb
from reconciler.api.wire import NULL_LIST, UNTRUSTED
from reconciler.model.live import Live

AGREEMENT_SECONDS = 5.0
"""Time between two lists that must agree before either is believed."""

_SHOWN = 5


def read_list(seen: Collection[str] = ()) -> Conversation[CallOutcome]:
    """List an account once; the live tunnels, or why they can't be had.

    Servers written in Go list an account without tunnels as null, and null could as well stand for a failure. So it is
    believed only when a second list some seconds later says the same, and never while there must be tunnels.

    Args:
        seen: Ids of tunnels that an earlier list of this run showed and that this run did not delete.
    """
    outcome = yield from _list()
    if not _is_null(outcome):
        return outcome
    if seen:
        some = ", ".join(sorted(seen)[:_SHOWN])
        message = f"the list is null, though an earlier one of this run showed {len(seen)} tunnels that must be there"
        return Refused(200, (ApiError(UNTRUSTED, f"{message} (ids {some})"),))
    yield Pause(AGREEMENT_SECONDS, "before a second list must agree that the account is empty")
    outcome = yield from _list()
    return Answered(live=Live({}, lists=2)) if _is_null(outcome) else outcome


def _list() -> Conversation[CallOutcome]:
    (outcome,) = yield Send((Call(Verb.LIST),))
    return outcome


def _is_null(outcome: CallOutcome) -> bool:
    return isinstance(outcome, Refused) and outcome.errors[0].code == NULL_LIST
