"""What the two sorts of file hold, `account.yaml` and a file of tunnels, as models (see `written`)."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from reconciler.model import checks
from reconciler.model.desired import PARKING, TOKEN_ENV, WEEK, Limits, Rollout
from reconciler.model.reference import Argv, Variable
from reconciler.model.tunnel import RULE_PATHS, Defaults, Flag, Name, Tunnel
from reconciler.model.written import ANY_SCALAR, Written, scalar

MAX_TUNNELS = 15_000
"""Tunnels of one file. A file within the limit of size has no room for more that are complete."""
MAX_RULES = 1_000
"""Ignore rules of one account, or items of its `owns`. Each is tried on each tunnel: many of both make a plan slow."""
MAX_WINDOWS = 100

AccountId = Annotated[str, *scalar(checks.account_id, type="string", pattern="^[0-9a-fA-F]{32}$")]
Count = Annotated[int, *checks.number(0, 1_000_000)]
OwnedName = Annotated[str, *scalar(checks.owned, type=ANY_SCALAR, pattern=r"^[^*?\[]*\*?$")]
Percent = Annotated[int, *checks.number(0, 100)]
Day = Annotated[date, *scalar(checks.day, type="string", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Network = Annotated[str, *scalar(checks.parking, type="string")]
Bound = Annotated[str, *scalar(checks.bound, type=["integer", "string"], minimum=1, pattern="^[1-9][0-9]*%?$")]
Duration = Annotated[int, *scalar(checks.duration, type="string", pattern="^[0-9]{1,5}[smh]$")]
Apart = Annotated[str, *checks.choice("file", "none")]
Weekday = Annotated[str, *checks.choice(*WEEK)]
Begin = Annotated[int, *checks.clock()]
End = Annotated[int, *checks.clock("24:00")]
Zone = Annotated[str, *scalar(checks.zone, type="string")]
OnFailure = Annotated[str, *checks.choice("rollback", "stop")]
RulePath = Annotated[str, *checks.one_of_paths(RULE_PATHS)]


class Token(Written):
    """Where the API token is."""

    env: Annotated[Variable, Field(description="Name of the environment variable that holds the token.")]

    @model_validator(mode="before")
    @classmethod
    def _refuse_a_token(cls, value: Any) -> Any:
        if isinstance(value, str):
            remedy = "Whoever reads the repository can use it: revoke it, and write {env: NAME} instead."
            raise checks.wrong("literal-token", "a token where a reference belongs", remedy)
        return value


class Paused(Written):
    """Why apply is stopped."""

    reason: Annotated[Name, Field(description="Why; shown by apply.")]


class Ignore(Written):
    """What somebody else owns: whole tunnels, or some of their fields."""

    name: Annotated[Name, Field(description="Glob over live names.")]
    fields: Annotated[
        list[RulePath],
        Field(
            default_factory=list,
            min_length=1,
            max_length=len(RULE_PATHS),
            description="Only these fields; left out, the whole tunnel.",
        ),
    ]
    reason: Annotated[Name, Field(description="Why; shown in reports.")]
    until: Annotated[Day | None, Field(description="Last day (UTC) of the rule.")] = None


_LIMITS = Limits()  # the defaults stand there, once


class LimitKeys(Written):
    """How much one plan may delete or change."""

    max_deletes: Annotated[Count, Field(description="Deletes that nobody named.")] = _LIMITS.max_deletes
    max_delete_percent: Annotated[Percent, Field(description="The same, of the live tunnels.")] = (
        _LIMITS.max_delete_percent
    )
    max_change_percent: Annotated[Percent, Field(description="Updates and deletes, of the live tunnels.")] = (
        _LIMITS.max_change_percent
    )


class ProbeKeys(Written):
    """What says of a tunnel whether it carries traffic."""

    command: Annotated[
        Argv,
        Field(description="Program and arguments, run in this folder; status 0 is healthy; needs --allow-commands."),
    ]


_ROLLOUT = Rollout(waves=())  # the defaults stand there, once


class RolloutKeys(Written):
    """How changes that can interrupt traffic are carried out: in waves that must prove healthy."""

    waves: Annotated[
        list[Bound],
        Field(
            min_length=1,
            max_length=100,
            description="How many of the plan's updates with impact on traffic may be done at the end of each wave.",
        ),
    ]
    apart: Annotated[
        Apart, Field(description="Tunnels of one file never change in the same wave (file), or may (none).")
    ] = _ROLLOUT.apart
    watch: Annotated[
        Duration, Field(description="How long a wave has to come up.", json_schema_extra={"default": "5m"})
    ] = _ROLLOUT.watch
    settle: Annotated[
        Duration,
        Field(
            description="How long a session that went down and came up must stay up.",
            json_schema_extra={"default": "15s"},
        ),
    ] = _ROLLOUT.settle
    hold: Annotated[
        Duration,
        Field(
            description="How long a session that never went down must stay up.", json_schema_extra={"default": "100s"}
        ),
    ] = _ROLLOUT.hold
    on_failure: Annotated[OnFailure, Field(description="What becomes of a wave that does not come up.")] = (
        _ROLLOUT.on_failure
    )

    probe: Annotated[
        ProbeKeys | None, Field(description="A program that says of each tunnel whether it carries traffic.")
    ] = None

    @model_validator(mode="after")
    def _judge_within_the_watch(self) -> Self:
        for word in ("settle", "hold"):
            if getattr(self, word) >= self.watch:
                remedy = f"No wave could ever prove healthy. Let {word} be less than watch."
                raise checks.wrong("bad-rollout", f"{word} is not less than watch", remedy)
        return self


class WindowKeys(Written):
    """When traffic may be touched."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7, description="Days on which it opens.")]
    begin: Annotated[Begin, Field(alias="from", description="When it opens, as 22:00.")]
    to: Annotated[End, Field(description="When it closes, up to 24:00; on the next day when it is before `from`.")]
    zone: Annotated[Zone, Field(description="Whose clock, by its name: Europe/London.")]

    @model_validator(mode="after")
    def _is_open_for_some_time(self) -> Self:
        if self.begin == self.to:
            remedy = "It would never open. For the whole day write from 00:00 to 24:00."
            raise checks.wrong("bad-window", "from and to are the same time", remedy)
        return self


class AccountFile(Written):
    """`account.yaml`: one Cloudflare account and how it is treated."""

    account_id: Annotated[AccountId, Field(description="The account's id at Cloudflare.")]
    token: Annotated[
        Token | None,
        Field(description="Where the API token is.", json_schema_extra={"default": {"env": TOKEN_ENV}}),
    ] = None
    prune: Annotated[
        Flag, Field(description="Delete live tunnels that no file declares (true), or only report them (false).")
    ]
    removed: Annotated[list[Name] | None, Field(description="Tunnels whose deletion this commit means.")] = None
    protect: Annotated[list[Name] | None, Field(description="Tunnels that are never deleted.")] = None
    # Never null: with all its items commented out it would mean every tunnel, and `prune` would delete those of others.
    owns: Annotated[
        list[OwnedName],
        Field(
            default_factory=list,
            min_length=1,
            max_length=MAX_RULES,
            description="Names, or `prefix*`: these files are about such live tunnels and no other.",
        ),
    ]
    paused: Annotated[Paused | None, Field(description="Stops apply; plan and drift still work.")] = None
    ignore: Annotated[list[Ignore] | None, Field(max_length=MAX_RULES, description="What somebody else owns.")] = None
    limits: Annotated[LimitKeys | None, Field(description="How much one plan may delete or change.")] = None
    parking: Annotated[
        Network | None,
        Field(description="Where a /31 is borrowed to break a swap.", json_schema_extra={"default": PARKING}),
    ] = None
    rollout: Annotated[
        RolloutKeys | None, Field(description="Carries out what can interrupt traffic in waves, and watches them.")
    ] = None
    # Never null: with all its items commented out it would mean always.
    windows: Annotated[
        list[WindowKeys],
        Field(
            default_factory=list,
            min_length=1,
            max_length=MAX_WINDOWS,
            description="When traffic may be touched: outside them apply holds back what can interrupt it.",
        ),
    ]
    defaults: Annotated[Defaults | None, Field(description="Settings under every tunnel of the account.")] = None


class TunnelFile(Written):
    """A file of tunnels, anywhere below an account's folder."""

    defaults: Annotated[
        Defaults | None, Field(description="Settings under every tunnel of this file, over the account's.")
    ] = None
    tunnels: Annotated[
        list[Tunnel], Field(max_length=MAX_TUNNELS, description="The tunnels; an empty list declares none on purpose.")
    ]
