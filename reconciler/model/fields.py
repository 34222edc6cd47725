"""The one table of a tunnel's settings: what each field is, what it does when it changes, how it is cleared.

Everything that treats fields differently (defaults, comparison, request bodies, impact, severity, redaction) reads it
here. Paths are dotted names of leaves in the API's own words.
"""

from dataclasses import dataclass
from enum import StrEnum

Value = str | int | bool | tuple[str, ...]
"""One canonical setting. Text that is unset is `""`, prefixes are sorted and unique."""


class Kind(StrEnum):
    """How a field's text becomes a canonical value."""

    TEXT = "text"
    ADDRESS = "address"
    INTERFACE = "interface"
    ENUM = "enum"
    FLAG = "flag"
    NUMBER = "number"
    PREFIXES = "prefixes"


class Impact(StrEnum):
    """Whether a change can interrupt the tunnel's traffic."""

    TRAFFIC = "traffic"
    NONE = "none"


class Concern(StrEnum):
    """How bad it is when a field differs from git (the drift report's `severity`)."""

    SECURITY = "security"
    TRAFFIC = "traffic"
    COSMETIC = "cosmetic"


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the table.

    Attributes:
        path: Dotted path of the leaf.
        kind: How it is made canonical.
        default: The API's default, or the canonical "unset".
        impact: Whether changing it can interrupt traffic.
        concern: Severity of drift in it.
        why: The reason for impact and concern.
        choices: The values of an enum, in the API's order.
        sensitive: Its value is never shown.
        clear_by_omission: It is cleared by leaving it out, not by `""`.
    """

    path: str
    kind: Kind
    default: Value
    impact: Impact
    concern: Concern
    why: str
    choices: tuple[str, ...] = ()
    sensitive: bool = False
    clear_by_omission: bool = False


_T, _N = Impact.TRAFFIC, Impact.NONE
_SEC, _TRF, _COS = Concern.SECURITY, Concern.TRAFFIC, Concern.COSMETIC

FIELDS: dict[str, Field] = {
    f.path: f
    for f in (
        Field("name", Kind.TEXT, "", _N, _COS, "a label; the tunnel is found by its id"),
        Field("cloudflare_endpoint", Kind.ADDRESS, "", _T, _TRF, "the outer address moves; IKE starts again"),
        Field("customer_endpoint", Kind.ADDRESS, "", _T, _TRF, "the outer address moves; IKE starts again"),
        Field("interface_address", Kind.INTERFACE, "", _T, _TRF, "routes and health checks use the inner address"),
        Field("interface_address6", Kind.INTERFACE, "", _T, _TRF, "routes and health checks use the inner address"),
        Field("description", Kind.TEXT, "", _N, _COS, "a comment"),
        Field("replay_protection", Kind.FLAG, False, _T, _SEC, "packets out of order are dropped when it is on"),  # noqa: FBT003
        Field("automatic_return_routing", Kind.FLAG, False, _T, _TRF, "return traffic takes another way"),  # noqa: FBT003
        Field("custom_remote_identities.fqdn_id", Kind.TEXT, "", _T, _SEC, "the device identifies itself by it in IKE"),
        Field("health_check.enabled", Kind.FLAG, True, _T, _TRF, "steering depends on health"),  # noqa: FBT003
        Field("health_check.rate", Kind.ENUM, "mid", _N, _COS, "how often it probes", ("low", "mid", "high")),
        Field("health_check.type", Kind.ENUM, "reply", _T, _TRF, "health can flap", ("reply", "request")),
        Field(
            "health_check.direction",
            Kind.ENUM,
            "",  # sources contradict each other on its default, so leaving it out means "whatever it is"
            _T,
            _TRF,
            "health can flap",
            ("unidirectional", "bidirectional"),
        ),
        Field("health_check.target.saved", Kind.ADDRESS, "", _T, _TRF, "health can flap"),
        Field("bgp.customer_asn", Kind.NUMBER, 0, _T, _TRF, "the BGP session starts again"),
        Field("bgp.extra_prefixes", Kind.PREFIXES, (), _T, _TRF, "what is advertised to the customer changes"),
        Field(
            "bgp.md5_key",
            Kind.TEXT,
            "",
            _T,
            _SEC,
            "the BGP session starts again",
            sensitive=True,
            clear_by_omission=True,  # (API: if it is set it must not be empty)
        ),
        Field("bgp.import_filter_id", Kind.TEXT, "", _T, _TRF, "which routes are accepted changes"),
        Field("bgp.export_filter_id", Kind.TEXT, "", _T, _TRF, "which routes are advertised changes"),
    )
}

BGP = "bgp"
"""Path of the whole BGP object, when it comes or goes."""

PATHS = frozenset(path.rsplit(".", cut)[0] for path in FIELDS for cut in range(path.count(".") + 1))
"""Paths of all fields and of the objects that hold them."""

DIRECTION = "health_check.direction"
BGP_PATHS = tuple(p for p in FIELDS if p.startswith("bgp."))

READ_ONLY = frozenset(
    {
        "id",
        "created_on",
        "modified_on",
        "psk_metadata",
        "bgp_status",
        "allow_null_cipher",
        "remote_identities",
        "redundancy_group_id",
    }
)
"""Keys of a live tunnel that are facts, not settings: never sent back, never compared."""


def impact_of(path: str) -> Impact:
    """Impact of a change in one field; a path of the whole `bgp` object is traffic."""
    return FIELDS[path].impact if path in FIELDS else Impact.TRAFFIC


def concern_of(path: str) -> Concern:
    """Severity of drift in one field; a path of the whole `bgp` object is traffic."""
    return FIELDS[path].concern if path in FIELDS else Concern.TRAFFIC
