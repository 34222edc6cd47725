"""The shape of the two kinds of YAML file, as pydantic types and as one JSON Schema for editors.

A scalar's type is its field's: `reconciler.desired.values` turns the text that was written into it. Results
of validation are plain dicts with only the keys that were written; null stays None: "not inherited".
"""

from functools import cache
from typing import Annotated, Any, Required

from pydantic import (
    BeforeValidator,
    Field,
    TypeAdapter,
    with_config,
)
from typing_extensions import TypedDict

from reconciler.desired import values
from reconciler.desired.references import Psk
from reconciler.desired.scalars import (
    CLOSED,
    AccountId,
    Asn,
    Count,
    Day,
    Direction,
    Endpoint,
    FieldPath,
    Flag,
    Fqdn,
    Interface,
    Interface6,
    Md5Key,
    Name,
    OptionalEndpoint,
    Parking,
    Percent,
    Prefix,
    Rate,
    Text,
    Type,
    Variable,
    doc,
)

MAX_TUNNELS = 15_000
"""More can't stand in a file of the size that is read, unless they are all wrong."""

MAX_RULES = 1_000
"""Ignore rules of one account; each is tried on each tunnel."""


@with_config(CLOSED)
class Target(TypedDict, total=False):
    """Where a health check of type request is sent."""

    saved: Annotated[OptionalEndpoint | None, doc("The address; empty for Cloudflare's own choice.", "")]


def _target(value: Any) -> Any:
    return {"saved": value} if isinstance(value, str) else value


@with_config(CLOSED)
class HealthCheck(TypedDict, total=False):
    """How Cloudflare checks the tunnel's health."""

    enabled: Annotated[Flag | None, doc("Whether probes are sent.", default=True)]
    rate: Annotated[Rate | None, doc("How often probes are sent.", "mid")]
    type: Annotated[Type | None, doc("Whether a probe is an echo reply or an echo request.", "reply")]
    direction: Annotated[
        Direction | None, doc("Whether answers come back through the tunnel. Left out, it stays as it is.")
    ]
    target: Annotated[
        Target | None,
        BeforeValidator(_target, json_schema_input_type=Target | str | None),
        doc("Where requests are sent: an address, or a mapping with `saved`."),
    ]


@with_config(CLOSED)
class Bgp(TypedDict, total=False):
    """The BGP session with the customer's device."""

    customer_asn: Annotated[Asn | None, doc("The customer's AS number.")]
    extra_prefixes: Annotated[list[Prefix] | None, doc("Prefixes advertised besides the routing table.")]
    md5_key: Annotated[Md5Key | None, doc("1 to 80 printable ASCII characters without quotation or question mark.")]
    import_filter_id: Annotated[Text | None, doc("Filter profile for routes from the customer.")]
    export_filter_id: Annotated[Text | None, doc("Filter profile for routes to the customer.")]


@with_config(CLOSED)
class Identities(TypedDict, total=False):
    """Custom IKE identities of the customer's device."""

    fqdn_id: Annotated[Fqdn | None, doc("<label>.<account>.custom.ipsec.cloudflare.com")]


@with_config(CLOSED)
class Defaults(TypedDict, total=False):
    """Settings under every tunnel of the account or file; mappings merge key by key, null removes."""

    cloudflare_endpoint: Annotated[Endpoint | None, doc("Cloudflare's outer address (an anycast IP of the account).")]
    customer_endpoint: Annotated[OptionalEndpoint | None, doc("The customer's outer address.")]
    description: Annotated[Text | None, doc("A comment.", "")]
    replay_protection: Annotated[Flag | None, doc("IPsec replay protection.", default=False)]
    automatic_return_routing: Annotated[Flag | None, doc("Return traffic through the same tunnel.", default=False)]
    custom_remote_identities: Annotated[Identities | None, doc("Custom IKE identities.")]
    health_check: Annotated[HealthCheck | None, doc("How the tunnel's health is checked.")]
    bgp: Annotated[Bgp | None, doc("The BGP session, if there is one.")]


@with_config(CLOSED)
class Tunnel(Defaults, total=False):
    """One tunnel."""

    name: Annotated[Name, doc("Unique in the account.")]
    interface_address: Annotated[Interface, doc("Cloudflare's own inner IPv4 address with /31 or /30.")]
    interface_address6: Annotated[Interface6 | None, doc("Cloudflare's own inner IPv6 address with /127.")]
    psk: Annotated[Psk | None, doc("Where the pre-shared key is; never the key.")]
    renamed_from: Annotated[Name | None, doc("Former name: the live tunnel is renamed in place.")]
    protect: Annotated[Flag | None, doc("Never delete this tunnel.", default=False)]


@with_config(CLOSED)
class TunnelFile(TypedDict, total=False):
    """A file of tunnels, anywhere below an account's folder."""

    defaults: Annotated[Defaults | None, doc("Settings under every tunnel of this file, over the account's.")]
    tunnels: Required[
        Annotated[
            Annotated[list[Tunnel], Field(max_length=MAX_TUNNELS)],
            doc("The tunnels; an empty list declares none on purpose."),
        ]
    ]


@with_config(CLOSED)
class Token(TypedDict):
    """Where the API token is."""

    env: Annotated[Variable, doc("Name of the environment variable that holds the token.")]


def _token(value: Any) -> Any:
    if isinstance(value, str):
        remedy = "Whoever reads the repository can use it: revoke it, and write {env: NAME} instead."
        raise values.wrong("literal-token", "a token where a reference belongs", remedy)
    return value


@with_config(CLOSED)
class Paused(TypedDict):
    """Why apply is stopped."""

    reason: Annotated[Name, doc("Why; shown by apply.")]


@with_config(CLOSED)
class Ignore(TypedDict, total=False):
    """What somebody else owns: whole tunnels, or some of their fields."""

    name: Required[Annotated[Name, doc("Glob over live names.")]]
    fields: Annotated[
        Annotated[list[FieldPath], Field(min_length=1, max_length=len(values.FIELD_PATHS))],
        doc("Only these fields; left out, the whole tunnel."),
    ]
    reason: Required[Annotated[Name, doc("Why; shown in reports.")]]
    until: Annotated[Day | None, doc("Last day (UTC) of the rule.")]


@with_config(CLOSED)
class LimitKeys(TypedDict, total=False):
    """How much one plan may delete or change."""

    max_deletes: Annotated[Count, doc("Deletes that nobody named.", 3)]
    max_delete_percent: Annotated[Percent, doc("The same, of the live tunnels.", 30)]
    max_change_percent: Annotated[Percent, doc("Updates and deletes, of the live tunnels.", 100)]


@with_config(CLOSED)
class AccountFile(TypedDict, total=False):
    """`account.yaml`: one Cloudflare account and how it is treated."""

    account_id: Required[Annotated[AccountId, doc("The account's id at Cloudflare.")]]
    token: Annotated[
        Annotated[Token, BeforeValidator(_token, json_schema_input_type=Token)] | None,
        doc("Where the API token is.", {"env": "CLOUDFLARE_API_TOKEN"}),
    ]
    prune: Required[Annotated[Flag, doc("Delete live tunnels that no file declares, or only report them.")]]
    removed: Annotated[list[Name] | None, doc("Tunnels whose deletion this commit means.")]
    protect: Annotated[list[Name] | None, doc("Tunnels that are never deleted.")]
    paused: Annotated[Paused | None, doc("Stops apply; plan and drift still work.")]
    ignore: Annotated[Annotated[list[Ignore], Field(max_length=MAX_RULES)] | None, doc("What somebody else owns.")]
    limits: Annotated[LimitKeys | None, doc("How much one plan may delete or change.")]
    parking: Annotated[Parking | None, doc("Where a /31 is borrowed to break a swap.", "169.254.240.0/20")]
    defaults: Annotated[Defaults | None, doc("Settings under every tunnel of the account.")]


@cache
def account_adapter() -> TypeAdapter[AccountFile]:
    """The validator of `account.yaml`."""
    return TypeAdapter(AccountFile)


@cache
def tunnels_adapter() -> TypeAdapter[TunnelFile]:
    """The validator of a file of tunnels."""
    return TypeAdapter(TunnelFile)


def json_schema() -> dict[str, Any]:
    """One JSON Schema (2020-12) that fits both kinds of file, with descriptions and defaults, for editors."""
    inputs = [("account", "validation", account_adapter()), ("tunnels", "validation", tunnels_adapter())]
    _, schema = TypeAdapter.json_schemas(inputs, title="reconciler")  # type: ignore[arg-type]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Files of reconciler",
        "description": "account.yaml, or a file of tunnels",
        "anyOf": [{"$ref": "#/$defs/AccountFile"}, {"$ref": "#/$defs/TunnelFile"}],
        "$defs": schema["$defs"],
    }
