"""Updates that are alike, told once with the names of their tunnels: hundreds of like blocks hide the one that differs.

What is created or deleted is never among them, since it is told with all that comes or goes; nor is a rename, or what
went wrong.
"""

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from reconciler.render import words
from reconciler.report.values import ChangeReport

_MANY = 3
"""Tunnels from which on they are told together."""


class Group(NamedTuple):
    """One change, or several that are alike.

    Attributes:
        changes: In the order given.
        equal: Whether several say the same but for the tunnel's name. Else they are about the same one field, each with
            values of its own.
    """

    changes: tuple[ChangeReport, ...]
    equal: bool = True

    @property
    def first(self) -> ChangeReport:
        """One for all: action, impact, cause, outcome and the fields' paths are the same."""
        return self.changes[0]


def groups(changes: Iterable[ChangeReport]) -> list[Group]:
    """The changes in the order given; those that are alike stand where the first of them does."""
    rest = dict(enumerate(changes))
    found: dict[int, Group] = {}
    for equal, likeness in ((True, _equal), (False, _alike)):
        by_likeness: dict[Hashable, list[int]] = {}
        for number, change in rest.items():
            if likeness(change) is not None:
                by_likeness.setdefault(likeness(change), []).append(number)
        for numbers in by_likeness.values():
            if len(numbers) >= _MANY:
                found[numbers[0]] = Group(tuple(rest.pop(number) for number in numbers), equal)
    found |= {number: Group((change,)) for number, change in rest.items()}
    return [found[number] for number in sorted(found)]


def _equal(change: ChangeReport) -> Hashable:
    """What equal updates have in common; None where a change is told alone."""
    if change.action != "update" or change.previous_name or change.error:
        return None
    return (*_kind(change), repr(change.fields))  # a value may be a list


def _alike(change: ChangeReport) -> Hashable:
    """What updates of the same one field have in common; the items of a list take lines of their own."""
    if _equal(change) is None or len(change.fields) != 1 or words.items(change.fields[0]):
        return None
    return (*_kind(change), change.fields[0].path)


def _kind(change: ChangeReport) -> tuple[str | None, ...]:
    return (change.impact, change.cause, change.severity, change.drift_class, change.outcome, change.check)
