"""Reading an account's list, when null may stand for an empty one; and its static routes.

    Send(LIST)    {"ipsec_tunnels": null}    an account without tunnels, or a failure?
    Pause(5.0)
    Send(LIST)    {"ipsec_tunnels": null}    it says so again: there are none

Taken for empty by mistake, an account would get all its tunnels a second time.
"""

from collections.abc import Collection

from reconciler.api.answers import UNTRUSTED
from reconciler.api.call import (
    Answered,
    ApiError,
    Call,
    Conversation,
    Denied,
    Failure,
    Pause,
    Refused,
    Send,
    Verb,
    problem_of,
)
from reconciler.model.live import Live
from reconciler.model.problems import count
from reconciler.model.routes import Routes

AGREEMENT_SECONDS = 5.0
"""Time between two lists that must agree before either is believed."""

PATIENCE = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between readings while a list may lag behind what this run wrote: 30 in all."""

_SHOWN = 5


def read_list(seen: Collection[str] = ()) -> Conversation[Live | Failure]:
    """List an account: its live tunnels, or why they can't be had.

    Args:
        seen: Ids of tunnels that an earlier list of this run showed and that this run did not delete.
    """
    found = yield from _list()
    return (yield from _judge_null_list(seen)) if found is None else found


def _judge_null_list(seen: Collection[str]) -> Conversation[Live | Failure]:
    """What an account is that was listed as null: empty, or not to be had.

    Servers written in Go list an account without tunnels so, and null could as well stand for a failure. So it is
    believed only when a second list some seconds later says the same, and never while there must be tunnels: then it is
    a refusal of our own.
    """
    if seen:
        some = ", ".join(sorted(seen)[:_SHOWN])
        there = count(len(seen), "tunnel")
        message = f"the list is null, though an earlier one of this run showed {there} that must be there"
        return Refused(200, (ApiError(UNTRUSTED, f"{message} (ids {some})"),))
    yield Pause(AGREEMENT_SECONDS, "before a second list must agree that the account is empty")
    found = yield from _list()
    return Live({}, lists=2) if found is None else found


def _list() -> Conversation[Live | Failure | None]:
    """One list; None when it is null."""
    (outcome,) = yield Send((Call(Verb.LIST),))
    return outcome.live if isinstance(outcome, Answered) else outcome


def read_routes() -> Conversation[Routes]:
    """List an account's static routes, or say why they are not known: to a plan that is no failure.

    A token may have no right to them, and an API that answers nothing about routes still carries out what was asked of
    tunnels. To refuse such a plan would take the tool away from whoever needs it then; the plan says what nobody knows.
    """
    (outcome,) = yield Send((Call(Verb.ROUTES),))
    if isinstance(outcome, Answered):
        return Routes(outcome.routes)
    problem = problem_of(outcome)
    may_not = "the token may not read them: " if isinstance(outcome, Denied) and not outcome.blocked else ""
    return Routes(unchecked=f"{may_not}{problem.message} ({problem.code})")
