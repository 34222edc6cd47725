"""Reports as literals: one of every kind that a person can meet."""

from reconciler.model.problems import Location, error, warning
from reconciler.model.report import (
    AccountReport,
    ChangeReport,
    FieldReport,
    GuardReport,
    KeyReport,
    LeftAlone,
    Patch,
    Problem,
    Reason,
    Report,
    Resolved,
    Source,
    TokenSource,
)

PROD = "023e105f4ecef8ad9ca31a8372d0c353"
LAB = "9a7806061c88ada191ed06f989cc3dac"
DIGEST = "sha256:5f3c0a7d9e1b24680f3c0a7d9e1b24680f3c0a7d9e1b24680f3c0a7d9e1b2468"
LONDON = "tunnels/prod/london.yaml"
CONTEXT = {
    "commit": "4f2a9c1d",
    "base": "main",
    "pull_request": "5",
    "run_url": "https://github.com/acme/tunnels/actions/runs/123",
    "source_url": "https://github.com/acme/tunnels/blob/4f2a9c1d",
}

LON_A = ChangeReport(
    "update",
    "lon-a",
    None,
    "c4a7362d577a6c3019a474fd6f485821",
    "none",
    None,
    (FieldReport("health_check.rate", "mid", "high"),),
    Source(LONDON, 4),
)
LON_B = ChangeReport(
    "update",
    "lon-b",
    "london-old",
    "c4a7362d577a6c3019a474fd6f485822",
    "traffic",
    None,
    (
        FieldReport("bgp.extra_prefixes", ("10.9.0.0/16",), ("10.9.0.0/16", "10.10.0.0/16")),
        FieldReport("bgp.md5_key", None, None, sensitive=True),
        FieldReport("description", "London, rack 4", None),
        FieldReport("interface_address", "10.20.0.0/31", "10.20.0.2/31"),
        FieldReport("name", "london-old", "lon-b"),
    ),
    Source(LONDON, 12),
)
PAR_A = ChangeReport(
    "create",
    "par-a",
    None,
    None,
    "traffic",
    None,
    (
        FieldReport("bgp", None, {"customer_asn": 65010}),
        FieldReport("cloudflare_endpoint", None, "203.0.113.1"),
        FieldReport("customer_endpoint", None, "198.51.100.20"),
        FieldReport("interface_address", None, "10.30.0.0/31"),
        FieldReport("replay_protection", None, True),  # noqa: FBT003
    ),
    Source("tunnels/prod/paris.yaml", 3),
)
OLD_SITE = ChangeReport(
    "delete",
    "old-site",
    None,
    "c4a7362d577a6c3019a474fd6f485823",
    "traffic",
    None,
    (FieldReport("customer_endpoint", "198.51.100.99", None), FieldReport("interface_address", "10.99.0.0/31", None)),
    None,
)
CALLS = {"list": 2, "create": 1, "update": 1, "delete": 1}
UNMANAGED = LeftAlone(
    "handmade", "no file declares it and prune is false", "c4a7362d577a6c3019a474fd6f485830", (), "2025-11-02"
)
IGNORED = LeftAlone("appliance-7", "made by branch appliances")


def account(name: str = "prod", account_id: str = PROD, **fields: object) -> AccountReport:
    """An account that is fine, but for the fields given."""
    base: dict[str, object] = {"outcome": "ok", "digest": DIGEST, "api_calls": CALLS, "total": 14, "managed": 12}
    return AccountReport(name, account_id, **{**base, **fields})  # type: ignore[arg-type]


def counted(create: int = 0, update: int = 0, delete: int = 0, unchanged: int = 0, **other: int) -> dict[str, int]:
    """A whole summary."""
    counts = {"create": create, "update": update, "delete": delete, "unchanged": unchanged}
    return counts | {"unmanaged": 0, "ignored": 0} | other


PLAN = Report(
    "plan",
    "ok",
    False,  # noqa: FBT003
    counted(1, 2, 1, 9, unmanaged=1, ignored=1),
    (
        account(
            changes=(LON_A, LON_B, OLD_SITE, PAR_A),
            unmanaged=(UNMANAGED,),
            ignored=(IGNORED,),
            notes=("static routes through old-site and lon-b are not checked",),
            unchanged=9,
        ),
    ),
    (),
    context=CONTEXT,
)

NO_CHANGES = Report(
    "plan",
    "ok",
    False,  # noqa: FBT003
    counted(unchanged=12),
    (account(api_calls={"list": 1}, unchanged=12),),
    (),
    context=CONTEXT,
)

BLOCKED = Report(
    "plan",
    "blocked",
    True,  # noqa: FBT003
    counted(delete=2, unchanged=1),
    (
        account(
            outcome="blocked",
            api_calls={"list": 2, "delete": 2},
            guards=(
                GuardReport(
                    "max-delete-percent",
                    "2 of 3 tunnels (67 %) would be deleted, 30 % are allowed",
                    ("old-site", "older-site"),
                    "add `removed: [old-site, older-site]` to tunnels/prod/account.yaml",
                ),
            ),
            changes=(OLD_SITE, ChangeReport("delete", "older-site", None, "id-2", "traffic", None, (), None)),
            paused="change freeze",
        ),
    ),
    (),
)

PARTIAL = Report(
    "apply",
    "partial",
    False,  # noqa: FBT003
    counted(1, 2, 1, 9),
    (
        account(
            outcome="partial",
            changes=(
                ChangeReport(
                    "update", "lon-a", None, "id-1", "none", None, LON_A.fields, LON_A.source, outcome="applied"
                ),
                ChangeReport(
                    "update",
                    "lon-b",
                    "london-old",
                    "id-2",
                    "traffic",
                    None,
                    LON_B.fields,
                    LON_B.source,
                    outcome="failed",
                    error=Problem(
                        "1004",
                        "interface_address overlaps with tunnel <handmade>",
                        "choose another /31 in tunnels/prod/london.yaml:12",
                        "8f1c2d3e4f5a6b7c-LHR",
                        "https://developers.cloudflare.com/cloudflare-wan/errors/",
                        "interface_address",
                        Source(LONDON, 14),
                        (
                            Reason("1099", "10.20.0.2/31 is in use", "https://elsewhere.example/?q=1"),
                            Reason("1023", "an AS number is missing", None, "bgp.customer_asn", Source(LONDON, 16)),
                            Reason("1024", "what is this", None, "/mtu"),
                        ),
                    ),
                ),
                ChangeReport(
                    "delete",
                    "old-site",
                    None,
                    "id-3",
                    "traffic",
                    None,
                    (),
                    None,
                    outcome="skipped",
                    error=Problem("not-reached", "an earlier change of the account was not applied"),
                ),
                ChangeReport(
                    "create",
                    "par-a",
                    None,
                    None,
                    "traffic",
                    None,
                    PAR_A.fields,
                    PAR_A.source,
                    outcome="unknown",
                    error=Problem("timeout", "no answer arrived in 30 s", "run apply again: it converges"),
                ),
            ),
            notes=("the bulk update was refused as a whole; its tunnels were sent one by one",),
        ),
    ),
    (),
    context=CONTEXT,
)

DRIFT = Report(
    "drift",
    "changes",
    False,  # noqa: FBT003
    counted(1, 2, 1, 408, unmanaged=1, ignored=1),
    (
        account(
            outcome="changes",
            digest=None,
            api_calls={"list": 1},
            changes=(
                ChangeReport(
                    "update",
                    "lon-a",
                    None,
                    "id-1",
                    "none",
                    "git",
                    LON_A.fields,
                    LON_A.source,
                    drift_class="changed",
                    severity="cosmetic",
                    modified_on="2026-05-01T08:00:00Z",
                ),
                ChangeReport(
                    "update",
                    "lon-c",
                    None,
                    "id-3",
                    "traffic",
                    "drift",
                    (FieldReport("replay_protection", False, True),),  # noqa: FBT003
                    Source(LONDON, 30),
                    drift_class="changed",
                    severity="security",
                    first_seen="2026-05-01T03:17:00Z",
                    age="persisting",
                    modified_on="2026-04-30T22:10:00Z",
                ),
                ChangeReport(
                    "create",
                    "par-a",
                    None,
                    None,
                    "traffic",
                    "drift",
                    PAR_A.fields,
                    PAR_A.source,
                    drift_class="missing",
                    severity="traffic",
                    age="new",
                    first_seen="2026-05-04T03:17:00Z",
                ),
                ChangeReport(
                    "delete",
                    "stray",
                    None,
                    "id-4",
                    "traffic",
                    "drift",
                    (),
                    None,
                    drift_class="unmanaged",
                    severity="traffic",
                ),
            ),
            unmanaged=(UNMANAGED,),
            ignored=(IGNORED,),
            not_checked=(LeftAlone("lon-a", "a pre-shared key can't be read back", None, ("psk",)),),
            total=413,
            managed=412,
            drifted=3,
            unchanged=409,
            resolved=(Resolved("ams-1", "changed", "2026-04-29T03:17:00Z"),),
            ways_out=Patch(
                "reconciler apply --account prod --target lon-c",
                "--- a/tunnels/prod/london.yaml\n+++ b/tunnels/prod/london.yaml\n@@ -31,3 +31,3 @@\n"
                "     interface_address: 10.20.0.4/31\n-    replay_protection: true\n+    replay_protection: false\n"
                "     psk: external\n",
            ),
        ),
    ),
    (),
    generated_at="2026-05-04T03:17:00Z",
    context=CONTEXT,
)

INVALID = Report(
    "plan",
    "invalid",
    False,  # noqa: FBT003
    counted(),
    (),
    (
        error("no-accounts", "No account is selected", "Check --account.", None),
        error(
            "unknown-key",
            "Unknown key",
            "`nmae` is not a key of a tunnel; did you mean `name`?",
            Location(LONDON, 4, 5),
        ),
        warning(
            "long-name", "Long name", "Names over 15 characters can't be interface names.", Location(LONDON, 9, 11)
        ),
    ),
    context=CONTEXT,
)

TWO_ACCOUNTS = Report(
    "plan",
    "auth",
    False,  # noqa: FBT003
    counted(0, 1, 0, 11),
    (
        account(
            "lab",
            LAB,
            outcome="auth",
            digest=None,
            api_calls={},
            total=None,
            error=Problem("auth", "LAB_TOKEN is not set", "export LAB_TOKEN, see tunnels/lab/account.yaml"),
        ),
        account(changes=(LON_A,), api_calls={"list": 2, "update": 1}),
    ),
    (warning("public-address", "Public interface address", "It is outside RFC 1918.", Location(LONDON, 7, 5)),),
    context=CONTEXT,
)

ACCOUNTS = Report(
    "accounts",
    "ok",
    False,  # noqa: FBT003
    counted(),
    (
        AccountReport("lab", LAB, "ok", managed=1, paused="change freeze", token=TokenSource("LAB_TOKEN")),
        AccountReport("prod", PROD, "ok", managed=12, token=TokenSource("CLOUDFLARE_API_TOKEN")),
    ),
    (),
)

PSK = Report(
    "psk",
    "partial",
    False,  # noqa: FBT003
    counted(),
    (
        account(
            outcome="partial",
            digest=None,
            keys=(
                KeyReport("lon-a", "env LON_A_PSK", 400, True, 365, "sink", outcome="applied"),  # noqa: FBT003
                KeyReport("par-a", None, None, False, None, None),  # noqa: FBT003
                KeyReport(
                    "lon-b",
                    "generate",
                    3,
                    False,  # noqa: FBT003
                    365,
                    "cloudflare",
                    outcome="failed",
                    error=Problem("unapplied", "Cloudflare did not apply it", "run psk rotate lon-b"),
                ),
            ),
        ),
    ),
    (),
)

SAMPLES = {
    "plan": PLAN,
    "no-changes": NO_CHANGES,
    "blocked": BLOCKED,
    "partial": PARTIAL,
    "drift": DRIFT,
    "invalid": INVALID,
    "two-accounts": TWO_ACCOUNTS,
    "accounts": ACCOUNTS,
    "psk": PSK,
}
