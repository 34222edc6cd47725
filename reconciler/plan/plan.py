"""The plan of one account: what will be done, in which order, what forbids it, and its digest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from reconciler.model.desired import Desired
from reconciler.model.live import Live
from reconciler.model.report import NO_KEY, GuardReport, LeftAlone, Problem
from reconciler.model.tunnel import Settings
from reconciler.plan.change import Change


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the caller of plan and apply may choose.

    Attributes:
        today: Current day (UTC), for rules that end.
        target: Glob; changes of tunnels whose names (old and new) it does not match are left out.
        no_delete: Leave deletes out (reported; they count neither for guards nor against convergence).
        allow_delete: Names whose deletion is meant, as `removed` does.
        batch_size: Items of one bulk update.
        base: The API's base URL, or `sandbox`; part of the digest.
    """

    today: date
    target: str | None = None
    no_delete: bool = False
    allow_delete: frozenset[str] = frozenset()
    batch_size: int = 100
    base: str = ""


@dataclass(frozen=True, slots=True)
class Phases:
    """The order of a plan: each phase begins when the one before has ended.

    Attributes:
        freeing: Deletes that free a name, network or identity that another change needs.
        updates: Groups in an order in which what frees comes before what needs it; a group of more than one
            change is a cycle, sent in one call and never split.
        creates: After the updates.
        deletes: Deletes that free nothing, skipped when any earlier change was not applied.
        needs: Change key to the keys of the changes that must have been applied before it.
    """

    freeing: tuple[Change, ...] = ()
    updates: tuple[tuple[Change, ...], ...] = ()
    creates: tuple[Change, ...] = ()
    deletes: tuple[Change, ...] = ()
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a detour: one update of one tunnel.

    Attributes:
        change: The change it belongs to.
        settings: What the tunnel has afterwards.
        parked: True when that is only for a moment.
    """

    change: Change
    settings: Settings
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Detour:
    """How a cycle goes when the server refuses it as a whole.

    Attributes:
        legs: Updates to send one by one, in this order; a later one needs those before it.
        through: The free values that are used for a moment.
    """

    legs: tuple[Leg, ...]
    through: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One account's plan, a plain value: same inputs, same plan, whatever the order of files and lists.

    Attributes:
        changes: In order of name; without those that `no_delete` and `target` leave out.
        held_back: Deletes that `no_delete` leaves out.
        api_calls: What apply will make: `list`, `update` (bulk), `create`, `delete`.
        notes: Lines to read before approving (a cycle that may need parking, routes that are not checked).
        unchanged: Declared tunnels that already match.
        detours: By the key of a cycle's first change, the way out when the server refuses the cycle as a
            whole; None when there is none.
        unreadable: Tunnels that these files are about and that can't be compared, with the reason: no change is about
            them, and an account with one has not converged.
        doubts: Name of a tunnel that is live and whose generated key may not be the one in its sink, to why; in order.
    """

    desired: Desired
    live: Live
    options: PlanOptions
    changes: tuple[Change, ...]
    phases: Phases
    guards: tuple[GuardReport, ...]
    digest: str
    api_calls: Mapping[str, int]
    unmanaged: tuple[LeftAlone, ...]
    ignored: tuple[LeftAlone, ...]
    held_back: tuple[Change, ...]
    notes: tuple[str, ...]
    unchanged: int
    detours: Mapping[str, Detour | None] = field(default_factory=dict)
    unreadable: tuple[LeftAlone, ...] = ()
    doubts: Mapping[str, Problem] = field(default_factory=dict)

    @property
    def keyless(self) -> tuple[str, ...]:
        """Tunnels that have no key yet although Cloudflare was to make one: apply has it made."""
        return tuple(name for name, why in self.doubts.items() if why.code == NO_KEY)

    @property
    def empty(self) -> bool:
        """True when apply has nothing to do."""
        return not self.changes and not self.keyless
