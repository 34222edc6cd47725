"""Desired state: what one account's files declare, validated and canonical.

`model.account` says what a file may hold; `files.load` merges the defaults into the tunnels and makes these values.
What messages can be about keeps its place in the files, since many of them come long after the files were read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from reconciler.model.canonical import Reference
from reconciler.model.problems import Location, Problem
from reconciler.model.settings import Settings

TOKEN_ENV = "CLOUDFLARE_API_TOKEN"  # noqa: S105 - the name of a variable
"""Where an account's token is, unless its file names another variable."""
PARKING = "169.254.240.0/20"
"""Where a /31 is borrowed, unless an account's file names another network."""


@dataclass(frozen=True, slots=True)
class EnvRef(Reference):
    """The key stands in an environment variable."""

    name: str


@dataclass(frozen=True, slots=True)
class FileRef(Reference):
    """The key stands in a file; `path` is already resolved against the YAML file's folder."""

    path: str


class CommandRef(NamedTuple):
    """A command of the user's own, run only with `--allow-commands`; relative programs run in `folder`.

    It prints a key, takes one, or says whether a tunnel carries traffic.
    """

    argv: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class External:
    """Somebody else sets the key: it is never sent."""


class Generated(NamedTuple):
    """The key is made by this program (`by="local"`) or by Cloudflare (`by="cloudflare"`) and delivered to a sink."""

    by: str
    deliver_to: FileRef | CommandRef


PskRef = EnvRef | FileRef | CommandRef | External | Generated
"""Where a tunnel's pre-shared key is; never the key."""


class IgnoreRule(NamedTuple):
    """What somebody else owns: whole tunnels (`fields` empty) or single fields of them.

    Attributes:
        name: Glob over live names.
        fields: Dotted paths; `bgp` or `health_check` stand for everything below.
        reason: Why, shown in reports.
        until: Last day (UTC) of the rule, inclusive.
    """

    name: str
    fields: tuple[str, ...]
    reason: str
    until: date | None
    location: Location


class Owns(NamedTuple):
    """The names that an account's files are about, where other files are about the rest of the account.

    Attributes:
        names: Whole names.
        prefixes: What names begin with.
    """

    names: frozenset[str]
    prefixes: tuple[str, ...]

    @classmethod
    def of(cls, items: Iterable[str]) -> "Owns":
        """From the items as files have them: `lon-*` is a beginning, anything else a name."""
        every = tuple(items)
        prefixes = tuple(item[:-1] for item in every if item.endswith("*"))
        return cls(frozenset(item for item in every if not item.endswith("*")), prefixes)

    def has(self, name: str) -> bool:
        """Whether the files are about a tunnel of this name."""
        return name in self.names or name.startswith(self.prefixes)


class Limits(NamedTuple):
    """How much one plan may delete or change without being named."""

    max_deletes: int = 3
    max_delete_percent: int = 30
    max_change_percent: int = 100


class Rollout(NamedTuple):
    """How changes that can interrupt traffic are carried out: in waves, each of which must prove healthy.

    Attributes:
        waves: How many of them may be done at the end of each wave: a count (`3`) or a share (`25%`).
        apart: `file` when tunnels of one file never change in the same wave, else `none`.
        watch: Seconds that a wave has to come up.
        settle: Seconds that a session must stay up that went down and came up.
        hold: Seconds that a session must stay up that never went down. (A dead one is noticed by BGP's hold time of
            90 seconds only, and reads up until then.)
        on_failure: What becomes of a wave that does not come up: `rollback` or `stop`.
        probe: Says of a tunnel whether it carries traffic.
    """

    waves: tuple[str, ...]
    apart: str = "file"
    watch: int = 300
    settle: int = 15
    hold: int = 100
    on_failure: str = "rollback"
    probe: CommandRef | None = None


WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days, as files name them and in the order of `date.weekday`."""


class Window(NamedTuple):
    """When traffic may be touched: from a time of day to another, on some days of the week, by the clocks of a zone.

    Attributes:
        days: On which it opens; 0 is Monday.
        begins: When it opens, in minutes since midnight.
        ends: When it closes: on the same day, or on the next one when that is not after `begins`.
        zone: Name of the time zone.
    """

    days: tuple[int, ...]
    begins: int
    ends: int
    zone: str


class Account(NamedTuple):
    """One `account.yaml`.

    Attributes:
        owns: None when the files are about every tunnel of the account.
        windows: When traffic may be touched; always when empty.
    """

    name: str
    account_id: str
    prune: bool
    location: Location
    token_env: str = TOKEN_ENV
    removed: Mapping[str, Location] = {}
    protect: Mapping[str, Location] = {}
    paused: str | None = None
    ignore: tuple[IgnoreRule, ...] = ()
    limits: Limits = Limits()
    parking: str = PARKING
    rollout: Rollout | None = None
    owns: Owns | None = None
    windows: tuple[Window, ...] = ()

    def is_owned(self, name: str) -> bool:
        """Whether these files are about a tunnel of this name; any other is nobody's business here."""
        return self.owns is None or self.owns.has(name)


class Declared(NamedTuple):
    """One declared tunnel.

    Attributes:
        name: Unique in the account, as names are compared (see `tunnel_name`).
        settings: Canonical; lacks `health_check.direction` when the files leave it out. A key that stands elsewhere is
            a `Reference` until it is read.
        location: Where its item begins.
        psk: Where its pre-shared key is, or None when the files don't say.
        renamed_from: Its former name: while a live tunnel has that name, it is renamed.
        protect: Whether a plan that deletes it is blocked, under this name or the former one.
        rotate_after_days: Age at which reports call the key overdue.
        locate: Finds the place of one of its fields in the file, for messages; the tunnel's own when it is inherited.
        references: The settings that the files say by reference, read or not, by path.
    """

    name: str
    settings: Settings
    location: Location
    psk: PskRef | None = None
    renamed_from: str | None = None
    protect: bool = False
    rotate_after_days: int | None = None
    locate: Callable[[str], Location] | None = None
    references: Mapping[str, EnvRef | FileRef] = {}

    def place_of(self, path: str) -> Location:
        """Where the field of a dotted path is declared."""
        return self.locate(path) if self.locate else self.location

    @property
    def written(self) -> Settings:
        """The settings as the files say them, with no key that was read."""
        return {**self.settings, **self.references}

    @property
    def unread(self) -> frozenset[str]:
        """The settings of which only a reference is known: the key was not read."""
        if not self.references:  # as most have it
            return frozenset()
        return frozenset(path for path in self.references if isinstance(self.settings.get(path), Reference))


class Desired(NamedTuple):
    """One account's declared tunnels by name, in sorted order.

    Attributes:
        unread: References of settings whose key could not be read, and why.
    """

    account: Account
    tunnels: Mapping[str, Declared]
    unread: Mapping[Reference, Problem] = {}

    @property
    def variables(self) -> set[str]:
        """The environment variables that the files name: of the token, and of the tunnels' keys."""
        every = (where for tunnel in self.tunnels.values() for where in (tunnel.psk, *tunnel.references.values()))
        return {self.account.token_env, *(where.name for where in every if isinstance(where, EnvRef))}


def rename_cycles(former: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """The names that are exchanged in a circle, in sorted order: `a` was `b` and `b` was `a`.

    Args:
        former: New name to old name; no two have the same old name.
    """
    seen: set[str] = set()
    for start in sorted(former):
        trail: list[str] = []
        name: str | None = start
        while name is not None and name not in seen:
            seen.add(name)
            trail.append(name)
            name = former.get(name)
        if name in trail:
            yield tuple(sorted(trail[trail.index(name) :]))
