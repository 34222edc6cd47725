"""A tunnel as the API and the files know it, and the one table of its settings.

The classes say what a tunnel is in the API's own words, and pydantic reads the files with them. Beside its type, each
setting carries what the program knows of it: what changing it does, the API's default, how it is cleared. The canonical
form, the comparison, the request bodies, the JSON Schema of the files, the names that an ignore rule can use and what
a report says of a change all follow from these lines. To add a setting that the API has, add its line.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, SerializeAsAny, WrapValidator, model_validator
from pydantic_core import CoreSchema

from reconciler.model import canonical, checks
from reconciler.model.canonical import Value
from reconciler.model.reference import Md5Ref, Psk
from reconciler.model.written import ANY_SCALAR, Written, marks_of, model_of, scalar


class Impact(StrEnum):
    """Whether a change can interrupt the tunnel's traffic."""

    TRAFFIC = "traffic"
    NONE = "none"


class Severity(StrEnum):
    """How bad it is when a setting differs from git."""

    SECURITY = "security"
    TRAFFIC = "traffic"
    COSMETIC = "cosmetic"


class Clear(StrEnum):
    """How a request clears a setting that is live and not declared any more (API: null is refused)."""

    EMPTY = "empty"  # send "" or []
    OMIT = "omit"  # leave it out


class Form(NamedTuple):
    """Makes a value of a type canonical."""

    read: Callable[[Any], Value | None]


class Setting(NamedTuple):
    """What the program knows of a setting besides its type.

    Attributes:
        about: What it is, for editors.
        impact: Whether changing it can interrupt traffic.
        severity: How bad it is when it differs from git.
        default: What the API takes when nothing is sent; None is unset.
        required: Every tunnel has it; inside an object, every tunnel that has the object.
        sensitive: Its value is never shown.
        clear: How a request clears it, when it is live and no longer declared.
        kept: When the files leave it out, it stays as it is live.
        device: The device at the tunnel's other end has it in its own settings, and must follow a change.
        path: Its dotted name; filled in where the table is made.
        read: Makes a value canonical; taken from its type there.
    """

    about: str
    impact: Impact = Impact.TRAFFIC
    severity: Severity = Severity.TRAFFIC
    default: Value | None = None
    required: bool = False
    sensitive: bool = False
    clear: Clear = Clear.EMPTY
    kept: bool = False
    device: bool = False
    path: str = ""
    read: Callable[[Any], Value | None] = canonical.text

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tells editors what it is and what holds without it."""
        default = {} if self.default is None else {"default": self.default}
        return {**handler(schema), "description": self.about, **default}


class Whole:
    """Marks an object that a tunnel has or has not: it comes and goes as a whole, and only omitting it clears it."""


Text = Annotated[str, *scalar(checks.text, type=ANY_SCALAR), Form(canonical.text)]
Name = Annotated[str, *scalar(checks.filled, type=ANY_SCALAR), Form(canonical.name)]
Flag = Annotated[bool, *scalar(checks.flag, type="boolean"), Form(canonical.flag)]
Endpoint = Annotated[str, *scalar(checks.endpoint, type="string", minLength=1), Form(canonical.address)]
OptionalEndpoint = Annotated[str, *scalar(checks.optional_endpoint, type="string"), Form(canonical.address)]
Interface = Annotated[str, *scalar(checks.interface, type="string", pattern="/3[01]$"), Form(canonical.address)]
Interface6 = Annotated[str, *scalar(checks.interface6, type="string", pattern="^$|/127$"), Form(canonical.address)]
Identity = Annotated[
    str, *scalar(checks.fqdn, type="string", pattern=r"^$|\.custom\.ipsec\.cloudflare\.com$"), Form(canonical.text)
]
Asn = Annotated[int, *checks.number(0, 0xFFFFFFFF), Form(canonical.number)]
Md5Key = Annotated[SerializeAsAny[Md5Ref], WrapValidator(checks.md5_key), Form(canonical.opaque)]
Prefix = Annotated[str, *scalar(checks.prefix, type="string", pattern="/[0-9]+$")]
Prefixes = Annotated[list[Prefix], Form(canonical.prefixes)]
Rate = Annotated[str, *checks.choice("low", "mid", "high"), Form(canonical.choice)]
Type = Annotated[str, *checks.choice("reply", "request"), Form(canonical.choice)]
Direction = Annotated[str, *checks.choice("unidirectional", "bidirectional"), Form(canonical.choice)]

_NONE = Impact.NONE
_COSMETIC, _SECURITY = Severity.COSMETIC, Severity.SECURITY


class Target(Written):
    """Where a health check of type request is sent."""

    model_config = ConfigDict(json_schema_extra={"type": ["object", "string"]})

    short = "saved"  # (API: the older form of the answer has the address alone)

    saved: Annotated[OptionalEndpoint | None, Setting("The address; empty for Cloudflare's own choice.")] = None

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, value: Any) -> Any:
        return {cls.short: value} if isinstance(value, str) else value


class HealthCheck(Written):
    """How Cloudflare checks the tunnel's health."""

    enabled: Annotated[Flag | None, Setting("Whether probes are sent.", default=True)] = None
    rate: Annotated[
        Rate | None, Setting("How often probes are sent.", impact=_NONE, severity=_COSMETIC, default="mid")
    ] = None
    type: Annotated[Type | None, Setting("Whether a probe is an echo reply or an echo request.", default="reply")] = (
        None
    )
    direction: Annotated[
        Direction | None,
        Setting(
            "Whether answers come back through the tunnel. Left out, it stays as it is.",
            kept=True,  # (API: sources contradict each other on its default)
        ),
    ] = None
    target: Annotated[
        Target | None, Field(description="Where requests are sent: an address, or a mapping with `saved`.")
    ] = None


class Bgp(Written):
    """The BGP session with the customer's device."""

    customer_asn: Annotated[Asn | None, Setting("The customer's AS number.", required=True, device=True)] = None
    extra_prefixes: Annotated[Prefixes | None, Setting("Prefixes advertised besides the routing table.")] = None
    md5_key: Annotated[
        Md5Key | None,
        Setting(
            "1 to 80 printable ASCII characters without quotation or question mark; or a reference to where it is.",
            severity=_SECURITY,
            sensitive=True,  # (API: it is not treated as a secret and listed in clear; here it is one)
            clear=Clear.OMIT,  # (API: if it is set it must not be empty)
            device=True,
        ),
    ] = None
    import_filter_id: Annotated[Text | None, Setting("Filter profile for routes from the customer.")] = None
    export_filter_id: Annotated[Text | None, Setting("Filter profile for routes to the customer.")] = None


class Identities(Written):
    """Custom IKE identities of the customer's device."""

    fqdn_id: Annotated[
        Identity | None,
        Setting("<label>.<account>.custom.ipsec.cloudflare.com", severity=_SECURITY, device=True),
    ] = None


class Defaults(Written):
    """Settings under every tunnel of the account or file; mappings merge key by key, null removes."""

    cloudflare_endpoint: Annotated[
        Endpoint | None,
        Setting("Cloudflare's outer address (an anycast IP of the account).", required=True, device=True),
    ] = None
    customer_endpoint: Annotated[OptionalEndpoint | None, Setting("The customer's outer address.", device=True)] = None
    description: Annotated[Text | None, Setting("A comment.", impact=_NONE, severity=_COSMETIC)] = None
    replay_protection: Annotated[
        Flag | None, Setting("IPsec replay protection.", severity=_SECURITY, default=False)
    ] = None
    automatic_return_routing: Annotated[
        Flag | None, Setting("Return traffic through the same tunnel.", default=False)
    ] = None
    custom_remote_identities: Annotated[Identities | None, Field(description="Custom IKE identities.")] = None
    health_check: Annotated[HealthCheck | None, Field(description="How the tunnel's health is checked.")] = None
    bgp: Annotated[Bgp | None, Whole(), Field(description="The BGP session, if there is one.")] = None


class Tunnel(Defaults):
    """One tunnel."""

    name: Annotated[
        Name,
        # A new name interrupts nothing: the tunnel is found by its id.
        Setting("Unique in the account.", impact=_NONE, severity=_COSMETIC, required=True),
    ] = ""
    interface_address: Annotated[
        Interface, Setting("Cloudflare's own inner IPv4 address with /31 or /30.", required=True, device=True)
    ] = ""
    interface_address6: Annotated[
        Interface6 | None, Setting("Cloudflare's own inner IPv6 address with /127.", device=True)
    ] = None
    psk: Annotated[Psk | None, Field(description="Where the pre-shared key is; never the key.")] = None
    renamed_from: Annotated[Name | None, Field(description="Former name: the live tunnel is renamed in place.")] = None
    protect: Annotated[Flag | None, Field(description="Never delete this tunnel.")] = None


class Section(NamedTuple):
    """Settings that stand side by side in one object of the API: the tunnel itself, `bgp`, `health_check.target`.

    Attributes:
        path: Its dotted name; empty for the tunnel itself.
        whole: Whether a tunnel can be without it, so that it comes and goes as a whole.
        short: The key that a scalar in its place is the value of, if any.
        settings: By key in the object.
        sections: The objects in it, by key.
    """

    path: str
    whole: bool
    short: str
    settings: Mapping[str, Setting]
    sections: Mapping[str, "Section"]

    def everywhere(self) -> Iterator["Section"]:
        """This object and those below it."""
        yield self
        for section in self.sections.values():
            yield from section.everywhere()


def _section(model: type[Written], path: str = "", *, whole: bool = False) -> Section:
    """The section of a model, from the annotations of its fields."""
    settings: dict[str, Setting] = {}
    sections: dict[str, Section] = {}
    for key, field in model.model_fields.items():
        marks = marks_of(field)
        own = f"{path}.{key}" if path else key
        known = next((mark for mark in marks if isinstance(mark, Setting)), None)
        if known is not None:
            form = next(mark for mark in marks if isinstance(mark, Form))
            settings[key] = known._replace(path=own, read=form.read)
        elif (inside := model_of(field.annotation)) is not None and inside is not Psk:
            sections[key] = _section(inside, own, whole=any(isinstance(mark, Whole) for mark in marks))
    return Section(path, whole, model.short, settings, sections)


READ_ONLY = frozenset(
    {
        "id",
        "psk",  # (API: write-only; if a list shows one all the same, an update must not set it again)
        "created_on",
        "modified_on",
        "psk_metadata",
        "bgp_status",  # changes by itself
        "allow_null_cipher",  # (API: read-only by the schema, though older clients wrote it)
        "remote_identities",  # (API: the identities that Cloudflare made; in answers, not in the schema)
        "redundancy_group_id",  # (API: not in the tunnel's schema; it is cleared when its group is deleted)
        "health_check.target.effective",  # (API: follows `customer_endpoint` unless `saved` says otherwise)
    }
)
"""What a live tunnel says that is a fact and no setting, or a secret: never compared and never sent back."""

TUNNEL = _section(Tunnel)
"""The table as the API nests it."""

SECTIONS = tuple(TUNNEL.everywhere())

_FIRST = ("name", "cloudflare_endpoint", "customer_endpoint", "interface_address", "interface_address6")
_FOUND = {setting.path: setting for section in SECTIONS for setting in section.settings.values()}
SETTINGS = {path: _FOUND[path] for path in dict.fromkeys((*_FIRST, *_FOUND))}
"""The table: every setting by its path, in the order in which people write them."""

DEFAULTS: dict[str, Value] = {
    s.path: s.default
    for section in SECTIONS
    if not section.whole
    for s in section.settings.values()
    if s.default is not None
}
"""What the API takes for settings that are unset, but for those of an object that a tunnel may be without."""

REQUIRED = tuple(path for path, setting in SETTINGS.items() if setting.required)
"""What every tunnel has; of what stands in an object, what every tunnel has that has the object."""

REQUIRED_OF_ALL = tuple(path for path in REQUIRED if "." not in path)
"""The part of it that no tunnel is without."""

KEPT = tuple(path for path, setting in SETTINGS.items() if setting.kept)
"""Settings that stay as they are live when the files leave them out."""

SENSITIVE_PATHS = tuple(path for path, setting in SETTINGS.items() if setting.sensitive)
"""Settings whose values no output may show."""

SENSITIVE_NAMES = frozenset(path.rpartition(".")[2] for path in SENSITIVE_PATHS)
"""The names under which such a value stands in an object."""

WHOLE = {s.path: tuple(setting.path for setting in s.settings.values()) for s in SECTIONS if s.whole}
"""Objects that come and go as a whole, with the paths in them."""

PATHS = frozenset(path.rsplit(".", cut)[0] for path in SETTINGS for cut in range(path.count(".") + 1))
"""Paths of all settings and of the objects that hold them: `bgp.customer_asn` and `bgp`."""

RULE_PATHS = tuple(sorted(PATHS - {"name"}))
"""What a field rule can name: settings, and objects for all that is below them."""


def covers(rule: str, path: str) -> bool:
    """True when `rule` is this path, or an object that holds it: `bgp` covers `bgp.customer_asn`."""
    return path == rule or path.startswith(f"{rule}.")


def impact_of(path: str) -> Impact:
    """Impact of a change of one setting, or of an object that comes or goes."""
    return SETTINGS[path].impact if path in SETTINGS else Impact.TRAFFIC


def concerns_device(path: str) -> bool:
    """Whether the device must follow a change of one setting, or of an object that comes or goes."""
    return any(SETTINGS[one].device for one in WHOLE.get(path, (path,)))


def severity_of(path: str) -> Severity:
    """Severity of drift in one setting, or of an object that comes or goes."""
    return SETTINGS[path].severity if path in SETTINGS else Severity.TRAFFIC
