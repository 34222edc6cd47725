"""Reading an account's list, when null may stand for an empty one.

    Send(LIST)    {"ipsec_tunnels": null}    an account without tunnels, or a failure?
    Pause(5.0)
    Send(LIST)    {"ipsec_tunnels": null}    it says so again: there are none

Taken for empty by mistake, an account would get all its tunnels a second time.
"""

from collections.abc import Collection

from reconciler.api.call import Answered, ApiError, Call, CallOutcome, Conversation, Pause, Refused, Send, Verb
from reconciler.api.wire import NULL_LIST, UNTRUSTED
from reconciler.model.live import Live

AGREEMENT_SECONDS = 5.0
"""Time between two lists that must agree before either is believed."""

PATIENCE = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between readings while a list may lag behind what this run wrote: 30 in all."""

_SHOWN = 5


def read_list(seen: Collection[str] = ()) -> Conversation[CallOutcome]:
    """List an account; the live tunnels, or why they can't be had.

    Servers written in Go list an account without tunnels as null, and null could as well stand for a failure. So it is
    believed only when a second list some seconds later says the same, and never while there must be tunnels.

    Args:
        seen: Ids of tunnels that an earlier list of this run showed and that this run did not delete.

    Returns:
        `Answered` with `live`; else the outcome of the call, or a `Refused` of our own for a null that can't be true.
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
