"""The shape of the two kinds of YAML file, and one JSON Schema of them for editors.

A scalar's type is its field's: `reconciler.files.values` turns the text that was written into it. Results
of validation are plain dicts with only the keys that were written; null stays None: "not inherited".
"""

from typing import Any

from reconciler.files import scalars, shapes
from reconciler.files.references import PSK, Handler
from reconciler.files.shapes import Items, Key, Record, optional, required
from reconciler.model import checks as values
from reconciler.model.tunnel import RULE_PATHS

MAX_TUNNELS = 15_000
"""More can't stand in a file of the size that is read, unless they are all wrong."""

MAX_RULES = 1_000
"""Ignore rules of one account; each is tried on each tunnel."""


def _target(value: Any, handler: Handler) -> Any:
    return handler({"saved": value} if isinstance(value, str) else value)


def _token(value: Any, handler: Handler) -> Any:
    if isinstance(value, str):
        remedy = "Whoever reads the repository can use it: revoke it, and write {env: NAME} instead."
        raise values.wrong("literal-token", "a token where a reference belongs", remedy)
    return handler(value)


TARGET = Record(
    "Target",
    "Where a health check of type request is sent.",
    {"saved": optional(scalars.OPTIONAL_ENDPOINT, "The address; empty for Cloudflare's own choice.")},
    wrap=_target,
    instead=({"type": "string"},),
)

HEALTH_CHECK = Record(
    "HealthCheck",
    "How Cloudflare checks the tunnel's health.",
    {
        "enabled": optional(scalars.FLAG, "Whether probes are sent.", default=True),
        "rate": optional(scalars.RATE, "How often probes are sent.", "mid"),
        "type": optional(scalars.TYPE, "Whether a probe is an echo reply or an echo request.", "reply"),
        "direction": optional(
            scalars.DIRECTION, "Whether answers come back through the tunnel. Left out, it stays as it is."
        ),
        "target": optional(TARGET, "Where requests are sent: an address, or a mapping with `saved`."),
    },
)

BGP = Record(
    "Bgp",
    "The BGP session with the customer's device.",
    {
        "customer_asn": optional(scalars.ASN, "The customer's AS number."),
        "extra_prefixes": optional(Items(scalars.PREFIX), "Prefixes advertised besides the routing table."),
        "md5_key": optional(scalars.MD5_KEY, "1 to 80 printable ASCII characters without quotation or question mark."),
        "import_filter_id": optional(scalars.TEXT, "Filter profile for routes from the customer."),
        "export_filter_id": optional(scalars.TEXT, "Filter profile for routes to the customer."),
    },
)

IDENTITIES = Record(
    "Identities",
    "Custom IKE identities of the customer's device.",
    {"fqdn_id": optional(scalars.FQDN, "<label>.<account>.custom.ipsec.cloudflare.com")},
)

DEFAULTS = Record(
    "Defaults",
    "Settings under every tunnel of the account or file; mappings merge key by key, null removes.",
    {
        "cloudflare_endpoint": optional(scalars.ENDPOINT, "Cloudflare's outer address (an anycast IP of the account)."),
        "customer_endpoint": optional(scalars.OPTIONAL_ENDPOINT, "The customer's outer address."),
        "description": optional(scalars.TEXT, "A comment."),
        "replay_protection": optional(scalars.FLAG, "IPsec replay protection.", default=False),
        "automatic_return_routing": optional(scalars.FLAG, "Return traffic through the same tunnel.", default=False),
        "custom_remote_identities": optional(IDENTITIES, "Custom IKE identities."),
        "health_check": optional(HEALTH_CHECK, "How the tunnel's health is checked."),
        "bgp": optional(BGP, "The BGP session, if there is one."),
    },
)

TUNNEL = Record(
    "Tunnel",
    "One tunnel.",
    {
        **DEFAULTS.keys,
        "name": Key(scalars.NAME, "Unique in the account."),
        "interface_address": Key(scalars.INTERFACE, "Cloudflare's own inner IPv4 address with /31 or /30."),
        "interface_address6": optional(scalars.INTERFACE6, "Cloudflare's own inner IPv6 address with /127."),
        "psk": optional(PSK, "Where the pre-shared key is; never the key."),
        "renamed_from": optional(scalars.NAME, "Former name: the live tunnel is renamed in place."),
        "protect": optional(scalars.FLAG, "Never delete this tunnel.", default=False),
    },
)

TUNNEL_FILE = Record(
    "TunnelFile",
    "A file of tunnels, anywhere below an account's folder.",
    {
        "defaults": optional(DEFAULTS, "Settings under every tunnel of this file, over the account's."),
        "tunnels": required(Items(TUNNEL, most=MAX_TUNNELS), "The tunnels; an empty list declares none on purpose."),
    },
)

TOKEN = Record(
    "Token",
    "Where the API token is.",
    {"env": required(scalars.VARIABLE, "Name of the environment variable that holds the token.")},
    wrap=_token,
)

PAUSED = Record("Paused", "Why apply is stopped.", {"reason": required(scalars.NAME, "Why; shown by apply.")})

IGNORE = Record(
    "Ignore",
    "What somebody else owns: whole tunnels, or some of their fields.",
    {
        "name": required(scalars.NAME, "Glob over live names."),
        "fields": Key(Items(scalars.FIELD_PATH, 1, len(RULE_PATHS)), "Only these fields; left out, the whole tunnel."),
        "reason": required(scalars.NAME, "Why; shown in reports."),
        "until": optional(scalars.DAY, "Last day (UTC) of the rule."),
    },
)

LIMITS = Record(
    "LimitKeys",
    "How much one plan may delete or change.",
    {
        "max_deletes": Key(scalars.COUNT, "Deletes that nobody named.", 3),
        "max_delete_percent": Key(scalars.PERCENT, "The same, of the live tunnels.", 30),
        "max_change_percent": Key(scalars.PERCENT, "Updates and deletes, of the live tunnels.", 100),
    },
)

ACCOUNT_FILE = Record(
    "AccountFile",
    "`account.yaml`: one Cloudflare account and how it is treated.",
    {
        "account_id": required(scalars.ACCOUNT_ID, "The account's id at Cloudflare."),
        "token": optional(TOKEN, "Where the API token is.", {"env": "CLOUDFLARE_API_TOKEN"}),
        "prune": required(scalars.FLAG, "Delete live tunnels that no file declares, or only report them."),
        "removed": optional(Items(scalars.NAME), "Tunnels whose deletion this commit means."),
        "protect": optional(Items(scalars.NAME), "Tunnels that are never deleted."),
        "paused": optional(PAUSED, "Stops apply; plan and drift still work."),
        "ignore": optional(Items(IGNORE, most=MAX_RULES), "What somebody else owns."),
        "limits": optional(LIMITS, "How much one plan may delete or change."),
        "parking": optional(scalars.PARKING, "Where a /31 is borrowed to break a swap.", "169.254.240.0/20"),
        "defaults": optional(DEFAULTS, "Settings under every tunnel of the account."),
    },
)


def json_schema() -> dict[str, Any]:
    """One JSON Schema (2020-12) that fits both kinds of file, with descriptions and defaults, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Files of reconciler",
        "description": "account.yaml, or a file of tunnels",
        **shapes.json_schema(ACCOUNT_FILE, TUNNEL_FILE),
    }
