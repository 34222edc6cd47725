"""The report: the one value behind every output format, and the documented JSON.

These parts are what a run says. Pydantic writes them as JSON, reads such JSON back (`render.json`) and describes it in
a JSON Schema; the tables of the report's page in the docs are made from the descriptions here. They are not pydantic's
own models: each start would build all of them, and most runs only print text. For the same reason their annotations
stay text until JSON is written or read, and they are not frozen, though nobody changes one: `replace` makes another.
What a report shows unchanged stands in it as it was made: `Diagnostic`, `FieldChange`, `Guard`, `KeyStatus`,
`LeftAlone`, `Problem`.

A key is in every report, unless it is declared with `_when_set` or `_in`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_args, get_type_hints

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictInt,
    model_serializer,
)
from pydantic.fields import FieldInfo

from reconciler.model import tunnel
from reconciler.model.document import NotWritten, says_nothing
from reconciler.model.live import State
from reconciler.model.problems import Diagnostic, Guard, Problem, Source
from reconciler.model.psk import KeyStatus
from reconciler.model.verdict import Result
from reconciler.plan.diff import Action, Cause, FieldChange
from reconciler.plan.scope import HeldReason, LeftAlone, RolledBack
from reconciler.report.outcome import Outcome

FORMAT_VERSION: Literal["1.1"] = "1.1"
READABLE_VERSIONS = ("1.0", FORMAT_VERSION)
"""Versions of which each key means the same in this one."""

ALWAYS_IN = "x-always-in"
"""Keyword of the schema: the command in whose reports a key is always there."""

FIXED = frozenset(
    {
        "account_id",
        "action",
        "age",
        "cause",
        "check",
        "command",
        "created_on",
        "digest",
        "drift_class",
        "first_seen",
        "format_version",
        "generated_at",
        "health",
        "health_since",
        "id",
        "impact",
        "modified_on",
        "opens",
        "closes",
        "outcome",
        "path",
        "severity",
        "since",
    }
)
"""Fields that hold words of ours, ids or times: nothing from files or answers that could be a secret."""

Count = Annotated[StrictInt, Field(ge=0)]
Check = Literal["accepted", "refused", "not checked"]
DriftClass = Literal["changed", "missing", "unmanaged"]


def _about(description: str) -> Any:
    return Field(description=description)


def _when_set(description: str) -> Any:
    return Field(description=description, exclude_if=says_nothing)


def _in(command: str, description: str, alias: str | None = None) -> Any:
    """A key that is always there in the reports of one command, and elsewhere when it says something."""
    extra: dict[str, JsonValue] = {ALWAYS_IN: command}
    return Field(description=description, exclude_if=says_nothing, json_schema_extra=extra, alias=alias)


_NOT_OWNED: Any = Field(
    description="With `owns`: live tunnels that it leaves to other files", exclude_if=lambda number: number is None
)


@model_serializer(mode="wrap")
def _with_keys_of_the_command(self: Any, write: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
    """Puts back, in their places, the keys that say nothing and are always in reports of this command."""
    written = write(self)
    if info.context not in ("drift", "accounts"):
        return written
    every: dict[str, Any] = {}
    for name, about in _fields_of(self.__class__).items():
        key, extra = about.alias or name, about.json_schema_extra
        if key in written:
            every[key] = written[key]
        elif isinstance(extra, dict) and extra.get(ALWAYS_IN) == info.context:
            item = getattr(self, name)
            every[key] = [] if item == () else item
    return every


@cache
def _fields_of(part: type) -> dict[str, FieldInfo]:
    hints = get_type_hints(part, include_extras=True)
    return {one.name: get_args(hints[one.name])[-1] for one in fields(part)}


@dataclass(kw_only=True)
class ChangeReport:
    """One change, or in a drift report one difference."""

    action: Annotated[Action, _about("What apply does; a rename is an update")]
    name: Annotated[str, _about("The tunnel's name (after a rename the new one)")]
    previous_name: Annotated[str | None, _about("The live name that a rename replaces")] = None
    id: Annotated[str | None, _about("Cloudflare's id; null for a create")]
    impact: Annotated[tunnel.Impact, _about("Whether it can interrupt the tunnel")]
    cause: Annotated[Cause | None, _about("Who differs, with `--baseline`")] = None
    fields: Annotated[tuple[FieldChange, ...], _about("What differs, sorted by path")]
    source: Annotated[Source | None, _about("Where the tunnel is declared; null for a delete")]
    outcome: Annotated[Result | None, _about("After apply, how it ended")] = None
    error: Annotated[Problem | None, _about("Why it was not applied")] = None
    check: Annotated[Check | None, _when_set("With `--server-check`, what Cloudflare said")] = None
    drift_class: Annotated[DriftClass | None, _in("drift", "Kind of drift", "class")] = None
    severity: Annotated[tunnel.Severity | None, _in("drift", "How bad")] = None
    first_seen: Annotated[str | None, _in("drift", "With `--previous`: first report that had it (UTC)")] = None
    age: Annotated[Literal["new", "persisting"] | None, _in("drift", "With `--previous`")] = None
    psk: Annotated[
        str | None, _when_set("Of a create: where its pre-shared key comes from (`env NAME`, …), `external` or `none`")
    ] = None
    device: Annotated[
        tuple[str, ...], _when_set("Of an update: the fields in which the device at the other end must follow")
    ] = ()
    routes: Annotated[tuple[str, ...], _when_set("Prefixes of the static routes whose next hop it takes away")] = ()
    modified_on: Annotated[str | None, _in("drift", "When the live tunnel last changed, says Cloudflare")] = None
    health: Annotated[State | None, _when_set("BGP session of a live tunnel with `bgp`, before any change")] = None
    health_since: Annotated[str | None, _when_set("When the session became so, says Cloudflare")] = None
    opens: Annotated[
        str | None, _when_set("Of a plan or of drift: apply holds it back until a window opens, which is then (UTC)")
    ] = None
    _written = _with_keys_of_the_command


@dataclass(kw_only=True)
class HeldBack:
    """A change that a run leaves out, though the files ask for it."""

    action: Annotated[Action, _about("What a run that does not leave it out does")]
    name: Annotated[str, _about("The tunnel's name")]
    reason: Annotated[
        HeldReason,
        _about(
            "Why it is left out; `window`: it can interrupt traffic while no window is open; `needs-window`: it needs "
            "such a change"
        ),
    ]
    opens: Annotated[str | None, _about("When it may be carried out (UTC); null when no time is set for it")] = None


@dataclass(kw_only=True)
class WindowReport:
    """Whether the account's windows let traffic be touched when the plan was made."""

    opens: Annotated[str | None, _about("While all are closed: when one opens (UTC)")]
    closes: Annotated[str | None, _about("While one is open: when none is any more (UTC); null where one always is")]


@dataclass(kw_only=True)
class WaveReport:
    """One wave of a rollout."""

    first: Annotated[tuple[str, ...], _about("Tunnels whose update interrupts nothing: before the others, not watched")]
    names: Annotated[tuple[str, ...], _about("Tunnels whose update can interrupt traffic, in order")]
    done: Annotated[Count, _about("How many of such updates are done at its end, with those of earlier waves")]
    judged: Annotated[Count, _about("How many of the tunnels can be judged: their BGP session is up")]


@dataclass(kw_only=True)
class SettingReport:
    """One setting of a live tunnel, beside what the files declare."""

    path: Annotated[str, _about("Dotted name of a leaf")]
    live: Annotated[Any, _about("Live value; null is unset (and sensitive values are always null)")] = None
    declared: Annotated[Any, _about("Declared value, likewise")] = None
    differs: Annotated[StrictBool, _about("True when `apply` would change it")] = False
    sensitive: Annotated[StrictBool, _about("True when neither value may be shown")] = False


@dataclass(kw_only=True)
class RouteReport:
    """A static route through a tunnel: its next hop lies in one of the tunnel's interface networks."""

    prefix: Annotated[str, _about("Where packets that take it go")]
    nexthop: Annotated[str, _about("The next hop")]
    priority: Annotated[StrictInt | None, _about("Its priority; null where Cloudflare gives none")]


@dataclass(kw_only=True)
class TunnelReport:
    """Everything known of one live tunnel (`show NAME`)."""

    name: Annotated[str, _about("Its name")]
    id: Annotated[str, _about("Cloudflare's id")]
    source: Annotated[Source | None, _about("Where it is declared; null when no file declares it")] = None
    settings: Annotated[tuple[SettingReport, ...], _about("Its settings, in the order of the files")] = ()
    unreadable: Annotated[tuple[str, ...], _about("What of it has a wrong type: `bgp is a list`")] = ()
    health: Annotated[State | None, _about("Whether its BGP session is up; null without `bgp`")] = None
    bgp_status: Annotated[
        dict[str, Any] | None, _about("Its BGP session, every field as the API gives it; null without one")
    ] = None
    remote_identities: Annotated[
        dict[str, str], _about("IKE identities that the device can use: `hex_id`, `fqdn_id`, `user_id`")
    ] = field(default_factory=dict)
    routes: Annotated[
        tuple[RouteReport, ...] | None,
        _about("Static routes through it; null is not known: a note or `unreadable` says why"),
    ] = None
    health_check_target: Annotated[str | None, _about("Where health checks are sent, says Cloudflare")] = None
    redundancy_group_id: Annotated[str | None, _about("The redundancy group that it is in, if the API gives one")] = (
        None
    )
    allow_null_cipher: Annotated[StrictBool | None, _about("Whether Cloudflare takes tunnels without encryption")] = (
        None
    )
    psk_generated_on: Annotated[str | None, _about("When Cloudflare last made its key, if it did")] = None
    created_on: Annotated[str | None, _about("When it was made, says Cloudflare")] = None
    modified_on: Annotated[str | None, _about("When it last changed, says Cloudflare")] = None
    unknown: Annotated[
        dict[str, Any],
        _about("Fields that this program does not know, by path; what may be a key, by its name, is `(sensitive)`"),
    ] = field(default_factory=dict)


@dataclass(kw_only=True)
class DeviceReport:
    """What the other end of a tunnel must have (`show --device NAME`); no key."""

    name: Annotated[str, _about("The tunnel's name")]
    cloudflare_endpoint: Annotated[str | None, _about("Cloudflare's address outside the tunnel: the device's peer")]
    customer_endpoint: Annotated[str | None, _about("The device's own address outside the tunnel")]
    interface_address: Annotated[str | None, _about("The device's own IPv4 address inside the tunnel")]
    cloudflare_interface_address: Annotated[str | None, _about("Cloudflare's IPv4 address inside the tunnel")]
    interface_address6: Annotated[str | None, _about("The device's own IPv6 address inside the tunnel")]
    cloudflare_interface_address6: Annotated[str | None, _about("Cloudflare's IPv6 address inside the tunnel")]
    asn: Annotated[StrictInt | None, _about("The device's AS number; null without BGP")]
    identities: Annotated[dict[str, str], _about("IKE identities that the device can use")]
    health_check_target: Annotated[str | None, _about("The address that Cloudflare's health checks are sent to")]


@dataclass(kw_only=True)
class WaysOut:
    """Both ways to end drift."""

    revert: Annotated[str, _about("Command that makes Cloudflare equal to the files")]
    accept: Annotated[str, _about("Patch for `git apply` that makes the files equal to Cloudflare")]
    accept_command: Annotated[str | None, _when_set("Commands that write this patch and apply it")] = None


@dataclass(kw_only=True)
class Resolved:
    """A difference of the previous report that is gone."""

    name: Annotated[str, _about("The tunnel's name")]
    drift_class: Annotated[DriftClass, Field(alias="class"), _about("Kind of drift it had")]
    first_seen: Annotated[str | None, _about("First report that had it (UTC)")]


@dataclass(kw_only=True)
class Down:
    """A tunnel that is as declared and whose BGP session is down."""

    name: Annotated[str, _about("The tunnel's name")]
    id: Annotated[str, _about("Cloudflare's id")]
    since: Annotated[str | None, _about("When the session became so, says Cloudflare")]


@dataclass(kw_only=True)
class CheckReport:
    """One thing that `doctor` looked at."""

    name: Annotated[str, _about("What: `python`, `files`, `token`, …")]
    severity: Annotated[Literal["ok", "warning", "error"], _about("How it is")]
    summary: Annotated[str, _about("What was found")]
    remedy: Annotated[str | None, _about("What to do; null where there is nothing to do")] = None


@dataclass(kw_only=True)
class BehaviourReport:
    """One thing that the API leaves undocumented (`doctor --measure`)."""

    switch: Annotated[str, _about("The simulator's switch for it")]
    decides: Annotated[str, _about("What it is about")]
    seen: Annotated[str | None, _about("What was seen; null where nothing decided it")]
    assumed: Annotated[str, _about("What evidence speaks for, and the simulator does unless told otherwise")]
    differs: Annotated[StrictBool, _about("True when something else was seen than is assumed")]
    copes: Annotated[str, _about("How this program is right either way")]
    not_measured: Annotated[str | None, _when_set("Why it can't be measured")] = None


@dataclass(kw_only=True)
class TokenSource:
    """Where an account's API token is read from."""

    env: Annotated[str, _about("Name of an environment variable")]


@dataclass(kw_only=True)
class AccountReport:
    """What was seen, planned and done in one account."""

    account: Annotated[str, _about("Name of its folder")]
    account_id: Annotated[str, _about("Cloudflare's id")]
    outcome: Annotated[Outcome, _about("As the report's, for this account")]
    digest: Annotated[str | None, _about("Digest of the plan; null when there is none")] = None
    api_calls: Annotated[
        dict[str, Count], _about("Calls that the plan takes: `list`, `routes`, `create`, `update` (bulk), `delete`")
    ] = field(default_factory=dict)
    calls_made: Annotated[
        dict[str, Count] | None,
        _when_set(
            "Calls that `apply`, `psk set`, `psk rotate` or `doctor --measure` made, from first to last, by kind"
        ),
    ] = None
    guards: Annotated[tuple[Guard, ...], _about("What blocks it")] = ()
    changes: Annotated[tuple[ChangeReport, ...], _about("The plan, or the differences of `drift`")] = ()
    tunnels: Annotated[tuple[TunnelReport, ...], _when_set("Of `show NAME`")] = ()
    devices: Annotated[tuple[DeviceReport, ...], _when_set("Of `show --device NAME`")] = ()
    checks: Annotated[tuple[CheckReport, ...], _when_set("Of `doctor`: what was found in the account")] = ()
    behaviours: Annotated[tuple[BehaviourReport, ...], _when_set("Of `doctor --measure`")] = ()
    semantics: Annotated[str | None, _when_set("Of `doctor --measure`: what was seen, for `simulate --semantics`")] = (
        None
    )
    waves: Annotated[tuple[WaveReport, ...], _when_set("Of a rollout")] = ()
    rolled_back: Annotated[
        tuple[RolledBack, ...],
        _when_set("Changes that this run or an earlier one rolled back, not resolved yet"),
    ] = ()
    window: Annotated[WindowReport | None, _when_set("With `windows`: what they say when the plan is made")] = None
    held_back: Annotated[tuple[HeldBack, ...], _when_set("What this run leaves out though the files ask for it")] = ()
    unmanaged: Annotated[tuple[LeftAlone, ...], _about("Live tunnels that no file declares and that stay")] = ()
    ignored: Annotated[tuple[LeftAlone, ...], _about("What `ignore` leaves alone")] = ()
    not_checked: Annotated[tuple[LeftAlone, ...], _about("What could not be compared")] = ()
    total: Annotated[StrictInt | None, _in("drift", "Live tunnels, but for those not owned; null when unread")] = None
    not_owned: Annotated[Count | None, _NOT_OWNED] = None
    managed: Annotated[StrictInt, _in("drift", "Declared tunnels")] = 0
    drifted: Annotated[StrictInt, _in("drift", "Differences that are drift")] = 0
    unchanged: Annotated[StrictInt, _in("drift", "Declared tunnels that match")] = 0
    resolved: Annotated[tuple[Resolved, ...], _in("drift", "Differences since gone")] = ()
    ways_out: Annotated[WaysOut | None, _in("drift", "How to end the drift")] = None
    down: Annotated[tuple[Down, ...], _when_set("Of `drift`: tunnels in sync and down, which are no drift")] = ()
    keys: Annotated[
        tuple[KeyStatus, ...], _when_set("Pre-shared keys: all (`psk`), else those in doubt, made or overdue")
    ] = ()
    notes: Annotated[tuple[str, ...], _when_set("To be read, above all before approving")] = ()
    paused: Annotated[str | None, _in("accounts", "Why the account is paused")] = None
    error: Annotated[Problem | None, _when_set("Why the account was not read or converged")] = None
    token: Annotated[TokenSource | None, _in("accounts", "Where its token is read from")] = None
    _written = _with_keys_of_the_command


@dataclass(kw_only=True)
class Summary:
    """Counts over all accounts."""

    create: Annotated[Count, _about("Tunnels to create")] = 0
    update: Annotated[Count, _about("Tunnels to update")] = 0
    delete: Annotated[Count, _about("Tunnels to delete")] = 0
    unchanged: Annotated[Count, _about("Declared tunnels that match")] = 0
    unmanaged: Annotated[Count, _about("Live tunnels that no file declares and that stay; `drift` deletes none")] = 0
    ignored: Annotated[Count, _about("Live tunnels that `ignore` leaves alone as a whole")] = 0
    not_owned: Annotated[Count | None, _NOT_OWNED] = None

    @property
    def planned(self) -> dict[str, int]:
        """How many changes there are of each kind."""
        return {"create": self.create, "update": self.update, "delete": self.delete}


def _current(version: object) -> object:
    return FORMAT_VERSION if version in READABLE_VERSIONS else version


@dataclass(kw_only=True)
class Report:
    """What one run has to say."""

    format_version: Annotated[Literal["1.1"], BeforeValidator(_current), _about("`1.1`")] = FORMAT_VERSION
    command: Annotated[str, _about("The command that ran")]
    outcome: Annotated[Outcome, _about("Name of the exit code")]
    sandbox: Annotated[StrictBool, _about("True when the built-in simulator stood in for Cloudflare")]
    summary: Annotated[Summary, _about("Counts over all accounts")] = field(default_factory=Summary)
    checks: Annotated[tuple[CheckReport, ...], _when_set("Of `doctor`: what was found on this machine")] = ()
    accounts: Annotated[tuple[AccountReport, ...], _about("One each")] = ()
    diagnostics: Annotated[tuple[Diagnostic, ...], _about("One each")] = ()
    generated_at: Annotated[
        str | None, _when_set("Time of the run (RFC 3339, UTC); only where history needs it (`drift`)")
    ] = None
    seconds: Annotated[
        float | None,
        _when_set(
            "How long `apply`, `psk set`, `psk rotate` or `doctor --measure` took, without the time for approval"
        ),
    ] = None
    # What the caller knows of the run, for comments and pages: commit, base, run URL.
    context: NotWritten[dict[str, str]] = field(default_factory=dict)
    __pydantic_config__: ClassVar = ConfigDict(
        extra="forbid", validate_by_name=True, serialize_by_alias=True, hide_input_in_errors=True
    )

    @property
    def changes(self) -> list[ChangeReport]:
        """Of all accounts."""
        return [change for account in self.accounts for change in account.changes]

    @property
    def keys(self) -> list[KeyStatus]:
        """Of all accounts."""
        return [psk for account in self.accounts for psk in account.keys]
