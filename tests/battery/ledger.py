"""S15: who wrote what, so that nothing which somebody else did is undone without a word about it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from reconciler.model.settings import canonical
from reconciler.model.tunnel import covers
from reconciler.plan.plan import Plan
from reconciler.simulator.account import Account

View = Mapping[str, Mapping[str, Any]]
"""Tunnel id to canonical settings, as one list showed them."""


class Overwrite(NamedTuple):
    """A value of somebody else that an invocation overwrote.

    Attributes:
        seen: Whether the last list before it showed the value to the invocation.
        planned: Whether its plan, and so its report, names the value as what is changed.
    """

    by: Any
    tunnel: str
    name: str
    path: str
    seen: bool
    planned: bool


class Ledger:
    """What was written since `begin`, by whom, and what of it was undone by others.

    An author is an invocation of the tool, or None for a person.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: dict[str, Any] = {}
        self._authors: dict[tuple[str, str], tuple[Any, Any]] = {}
        self.overwrites: list[Overwrite] = []
        self.open = False

    def begin(self) -> None:
        """From now on it is noted who writes what."""
        if not self.open:
            self.open = True
            self._known = dict(self._account.tunnels)

    def paths_of_others(self, tunnel_id: str) -> list[str]:
        """What of a tunnel a person wrote last."""
        return [path for (one, path), (author, _) in self._authors.items() if one == tunnel_id and author is None]

    def wrote(self, author: Any, view: View, planned: View, plan: Plan | None) -> None:
        """Something may have been written.

        Args:
            author: Who wrote.
            view: What the last list showed to the author.
            planned: What the list showed that the plan was made from.
            plan: The plan.
        """
        known, now = self._known, self._account.tunnels
        for tunnel_id in known.keys() | now.keys():
            before, after = known.get(tunnel_id), now.get(tunnel_id)
            if before is after:
                continue
            was, is_ = _settings(before), _settings(after)
            for path in sorted(p for p in was.keys() | is_.keys() if was.get(p) != is_.get(p)):
                other, value = self._authors.get((tunnel_id, path), (author, None))
                if other is not author and author is not None and value == was.get(path):
                    seen = _shows(view, tunnel_id, path, value)
                    told = _shows(planned, tunnel_id, path, value) and _lists(plan, tunnel_id, path)
                    self.overwrites.append(Overwrite(author, tunnel_id, was.get("name", ""), path, seen, told))
                self._authors[tunnel_id, path] = (author, is_.get(path))
        self._known = dict(now)


def _settings(tunnel: Any) -> dict[str, Any]:
    """What is set at all."""
    return dict(canonical(tunnel)) if tunnel else {}


def _shows(view: View, tunnel_id: str, path: str, value: Any) -> bool:
    return tunnel_id in view and view[tunnel_id].get(path) == value


def _lists(plan: Plan | None, tunnel_id: str, path: str) -> bool:
    change = next((c for c in plan.changes if c.id == tunnel_id), None) if plan else None
    if change is None:
        return False
    return any(covers(f.path, path) for f in change.fields)
