"""The plan of one account as a value: what is to be done, in which order, and what forbids it.

`plan.build` makes it. Guards are asked about it, a saved plan is written from it, apply carries it out, and a report
tells it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from reconciler.model.desired import Desired
from reconciler.model.live import Live
from reconciler.model.problems import Guard, Problem, named
from reconciler.model.psk import NO_PSK
from reconciler.plan.detour import Detour
from reconciler.plan.diff import Action, Change
from reconciler.plan.order import Phases, all_batches
from reconciler.plan.scope import HeldReason, LeftAlone, PlanOptions, Scope

_SHOWN = 10
"""Names of one note. A plan can have thousands of changes, and its changes name them all."""


def listed(names: Iterable[str]) -> str:
    """The first names of a note, and how many more there are."""
    return named(sorted(names), _SHOWN)


class Held(NamedTuple):
    """A change that a run leaves out, though the files ask for it.

    Attributes:
        opens: When it may be carried out; None when no time is set for it.
    """

    change: Change
    reason: HeldReason
    opens: datetime | None = None


class Plan(NamedTuple):
    """One account's plan, a plain value: same inputs, same plan, whatever the order of files and lists.

    Attributes:
        scope: Who owns what. About its `unreadable` tunnels there is no change, and an account with one has not
            converged.
        changes: In order of name; without those that `no_delete` and `glob` leave out, or that are held back.
        phases: The same changes in the order in which apply sends them.
        held_back: Deletes that `no_delete` leaves out; in an apply also what waits for a window.
        ignored: What ignore rules leave alone: whole tunnels, and fields that differ.
        unchanged: Declared tunnels that already match.
        detours: By the ref of a cycle's first change, the way out when the server refuses the cycle as a whole; None
            where there is none.
        doubts: Name of a tunnel that is live and whose generated key may not be the one in its sink, to why; in order.
        unread: Tunnels with settings that were not compared, since a reference could not be read: these stay as they
            are live. Apply needs all of them.
        notes: Lines to read before approving (a cycle that may need parking, routes that were not checked).
        digest: See `plan_digest`.
        guards: What forbids the plan; empty when it may be carried out.
        routes: What changes take from static routes, by ref (see `plan.routes`); None when nobody looked.
    """

    desired: Desired
    live: Live
    options: PlanOptions
    scope: Scope
    changes: tuple[Change, ...]
    phases: Phases
    held_back: tuple[Held, ...]
    ignored: tuple[LeftAlone, ...]
    unchanged: int
    detours: Mapping[str, Detour | None]
    doubts: Mapping[str, Problem]
    unread: tuple[LeftAlone, ...]
    notes: tuple[str, ...] = ()
    digest: str = ""
    guards: tuple[Guard, ...] = ()
    routes: Mapping[str, tuple[str, ...]] | None = None

    def of(self, action: Action) -> tuple[Change, ...]:
        """The changes with this action."""
        return tuple(c for c in self.changes if c.action is action)

    @property
    def unnamed(self) -> tuple[Change, ...]:
        """The deletes that neither `removed` nor `--allow-delete` names."""
        named = self.desired.account.removed.keys() | self.options.allow_delete
        return tuple(c for c in self.of(Action.DELETE) if c.name not in named)

    @property
    def without_psk(self) -> tuple[str, ...]:
        """Tunnels that have no key yet although Cloudflare was to make one: apply has it made."""
        return tuple(name for name, why in self.doubts.items() if why.code == NO_PSK)

    def taken(self, change: Change) -> tuple[str, ...]:
        """Prefixes of the static routes whose next hop a change takes away; none when nobody looked."""
        return (self.routes or {}).get(change.ref, ())

    @property
    def frees_networks(self) -> bool:
        """Whether static routes may lose their next hop by it: whoever shows or carries it out looks at them first."""
        return any(change.frees_network for change in self.changes)

    @property
    def empty(self) -> bool:
        """True when apply has nothing to do."""
        return not self.changes and not self.without_psk

    @property
    def api_calls(self) -> dict[str, int]:
        """The calls that apply makes when nothing goes wrong: lists, bulk updates, creates, deletes, lists of routes.

        After as many lists as it took to trust the account's, a last one follows the changes and proves them.
        """
        phases = self.phases
        parts = [*(part for wave in phases.waves for part in (wave.first, wave.groups)), phases.updates]
        updates = sum(len(all_batches(part, self.options.batch_size)) for part in parts)
        deletes = len(phases.first_deletes) + len(phases.last_deletes)
        lists = self.live.lists + (1 if updates or phases.creates or deletes else 0)
        calls = {"list": lists, "update": updates, "create": len(phases.creates), "delete": deletes}
        return calls if self.routes is None else {**calls, "routes": 1}

    @property
    def file(self) -> str:
        """The account's file, as the user would type it."""
        return self.desired.account.location.file
