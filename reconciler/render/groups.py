"""Changes that are alike, told once with the names of their tunnels: hundreds of like blocks hide the one that differs.

Updates that say the same but for the tunnel's name are told as one; of updates of the same one field the field is told
once, then each tunnel with its own values. What is created or deleted is told in full, and so is a rename, what went
wrong, and what takes the next hop of routes away. Of drift each difference has a history of its own, so only what tells
that beside each name puts them together. Only where a plan is longer than anybody reads, a comment and a page fold such
changes by their kind.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Literal, NamedTuple

from reconciler.render import words
from reconciler.report.values import AccountReport, ChangeReport, Report

_MANY = 3
"""Tunnels from which on they are told together."""

_LONG = 20
"""Changes above which a plan is long."""


class Group(NamedTuple):
    """One change, or several of an account that have the same action, impact, cause and outcome.

    Attributes:
        account: Its name.
        changes: In the report's order.
        share: What several have in common besides: `all` but the names, the one `field`, or nothing more than `kind`.
    """

    account: str
    changes: tuple[ChangeReport, ...]
    share: Literal["all", "field", "kind"] = "all"

    @property
    def first(self) -> ChangeReport:
        """One for all."""
        return self.changes[0]

    @property
    def several(self) -> bool:
        """Whether it is more than one change."""
        return len(self.changes) > 1

    @property
    def paths(self) -> list[str]:
        """The fields that updates are about, each once."""
        if self.first.action != "update":
            return []
        return list(dict.fromkeys(field.path for change in self.changes for field in words.fields(change)))

    @property
    def health(self) -> str:
        """What is to be said of the BGP sessions of all of them: `BGP up`; nothing where some have no BGP."""
        every = {words.health(change) for change in self.changes}
        return every.pop() if len(every) == 1 else ""

    @property
    def label(self) -> str:
        """The tunnel's name, or `75 tunnels`."""
        return words.count(len(self.changes), "tunnel") if self.several else words.label(self.first)


def is_long(report: Report) -> bool:
    """Whether nobody reads all of its changes one by one."""
    return len(report.changes) > _LONG


def groups(accounts: Iterable[AccountReport], *, by_kind: bool = False, drift: bool = False) -> list[Group]:
    """The changes of accounts, the gravest first; those that are alike stand where the first of them does.

    Args:
        accounts: In the report's order.
        by_kind: Whether what is left is told together by its kind.
        drift: Whether equal differences of drift are told together too.
    """
    found: list[Group] = []
    for account in accounts:
        rest, grouped = dict(enumerate(account.changes)), {}
        for share, likeness in _LIKENESS[: 3 if by_kind else 2]:
            together: dict[Hashable, list[int]] = {}
            for number, change in rest.items():
                if share == "all" and change.drift_class and not drift:
                    continue
                if (alike := likeness(change)) is not None:
                    together.setdefault(alike, []).append(number)
            for numbers in together.values():
                if len(numbers) >= _MANY:
                    grouped[numbers[0]] = Group(account.account, tuple(map(rest.pop, numbers)), share)
        grouped |= {number: Group(account.account, (change,)) for number, change in rest.items()}
        found += [grouped[number] for number in sorted(grouped)]
    return sorted(found, key=lambda group: words.gravity(group.first))


def _all(change: ChangeReport) -> Hashable:
    """What equal updates have in common; None where a change is told alone."""
    if change.action != "update" or change.previous_name or change.error or change.routes:
        return None
    return (*_kind(change), repr(change.fields))  # a value may be a list


def _field(change: ChangeReport) -> Hashable:
    """What updates of the same one field have in common; items of a list, and histories, take lines of their own."""
    if _all(change) is None or change.drift_class or len(change.fields) != 1 or words.items(change.fields[0]):
        return None
    return (*_kind(change), change.fields[0].path)


def _kind(change: ChangeReport) -> tuple[str | None, ...]:
    weight = (change.impact, change.severity, change.drift_class)
    health = "" if change.health == "up" else words.health(change)  # as one expects it, so no reason to tell them apart
    return (change.action, *weight, change.cause, change.outcome, change.check, health)


_LIKENESS: tuple[tuple[Literal["all", "field", "kind"], Callable[[ChangeReport], Hashable]], ...] = (
    ("all", _all),
    ("field", _field),
    ("kind", _kind),
)
