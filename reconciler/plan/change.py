"""A change: one thing that apply would do to one tunnel."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.model.desired import Declared
from reconciler.model.fields import Impact
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Location


class Action(StrEnum):
    """What a change does. Nothing to do is the absence of a change; a rename is an update."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One differing field: `before` is live, `after` is declared, None is unset.

    `path` is a dotted leaf, or `bgp` with whole objects when BGP comes or goes. A sensitive value is always None.
    """

    path: str
    before: Any
    after: Any
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        action: What is done.
        name: The tunnel's name afterwards (for a delete, its name now).
        previous_name: Its name now, when an update renames it.
        fields: What differs, sorted by path.
        impact: Whether it can interrupt traffic.
        declared: The declaration; None for a delete.
        live: The tunnel as listed; None for a create.
        cause: `git`, `drift` or `both` with `--baseline`, else None.
    """

    action: Action
    name: str
    fields: tuple[FieldChange, ...]
    impact: Impact
    declared: Declared | None
    live: LiveTunnel | None
    previous_name: str | None = None
    cause: str | None = None

    @property
    def id(self) -> str | None:
        """Cloudflare's id of the live tunnel, or None for a create."""
        return self.live.id if self.live else None

    @property
    def key(self) -> str:
        """Names the change within its plan: the live tunnel's id, or `+name` for a create."""
        return self.live.id if self.live else f"+{self.name}"

    @property
    def location(self) -> Location | None:
        """Where the tunnel is declared, or None for a delete."""
        return self.declared.location if self.declared else None
