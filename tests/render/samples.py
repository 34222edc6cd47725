"""Reports as literals: one of every kind that a person can meet."""

from dataclasses import replace

from reconciler.model.problems import Guard, Location, Problem, Reason, Source, error, warning
from reconciler.model.psk import KeyStatus
from reconciler.model.verdict import Result
from reconciler.plan.diff import FieldChange
from reconciler.plan.scope import LeftAlone
from reconciler.report.values import (
    AccountReport,
    ChangeReport,
    HeldBack,
    Report,
    Resolved,
    Summary,
    TokenSource,
    WaysOut,
    WindowReport,
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
    action="update",
    name="lon-a",
    id="c4a7362d577a6c3019a474fd6f485821",
    impact="none",
    fields=(FieldChange("health_check.rate", "mid", "high"),),
    source=Source(LONDON, 4),
)
LON_B = ChangeReport(
    action="update",
    name="lon-b",
    previous_name="london-old",
    id="c4a7362d577a6c3019a474fd6f485822",
    impact="traffic",
    fields=(
        FieldChange("bgp.extra_prefixes", ["10.9.0.0/16"], ["10.10.0.0/16", "10.9.0.0/16"], added=("10.10.0.0/16",)),
        FieldChange("bgp.md5_key", None, None, sensitive=True),
        FieldChange("description", "London, rack 4", None),
        FieldChange("interface_address", "10.20.0.0/31", "10.20.0.2/31"),
        FieldChange("name", "london-old", "lon-b"),
    ),
    source=Source(LONDON, 12),
)
PAR_A = ChangeReport(
    action="create",
    name="par-a",
    id=None,
    impact="traffic",
    fields=(
        FieldChange("bgp", None, {"customer_asn": 65010}),
        FieldChange("cloudflare_endpoint", None, "203.0.113.1"),
        FieldChange("customer_endpoint", None, "198.51.100.20"),
        FieldChange("interface_address", None, "10.30.0.0/31"),
        FieldChange("replay_protection", None, after=True),
    ),
    source=Source("tunnels/prod/paris.yaml", 3),
    psk="env PAR_A_PSK",
)
OLD_SITE = ChangeReport(
    action="delete",
    name="old-site",
    id="c4a7362d577a6c3019a474fd6f485823",
    impact="traffic",
    fields=(
        FieldChange("customer_endpoint", "198.51.100.99", None),
        FieldChange("interface_address", "10.99.0.0/31", None),
    ),
    source=None,
)
CALLS = {"list": 2, "create": 1, "update": 1, "delete": 1}
UNMANAGED = LeftAlone(
    "handmade", "no file declares it and prune is false", "c4a7362d577a6c3019a474fd6f485830", (), "2025-11-02"
)
IGNORED = LeftAlone("appliance-7", "made by branch appliances")


def account(name: str = "prod", account_id: str = PROD, **fields: object) -> AccountReport:
    """An account that is fine, but for the fields given."""
    base: dict[str, object] = {"outcome": "ok", "digest": DIGEST, "api_calls": CALLS, "total": 14, "managed": 12}
    return AccountReport(account=name, account_id=account_id, **{**base, **fields})  # type: ignore[arg-type]


def counted(create: int = 0, update: int = 0, delete: int = 0, unchanged: int = 0, **other: int) -> Summary:
    """A whole summary."""
    return Summary(create=create, update=update, delete=delete, unchanged=unchanged, **other)


PLAN = Report(
    command="plan",
    outcome="ok",
    sandbox=False,
    summary=counted(1, 2, 1, 9, unmanaged=1, ignored=1),
    accounts=(
        account(
            changes=(LON_A, LON_B, OLD_SITE, PAR_A),
            unmanaged=(UNMANAGED,),
            ignored=(IGNORED,),
            notes=("static routes through old-site and lon-b are not checked",),
            unchanged=9,
        ),
    ),
    diagnostics=(),
    context=CONTEXT,
)

NO_CHANGES = Report(
    command="plan",
    outcome="ok",
    sandbox=False,
    summary=counted(unchanged=12),
    accounts=(account(api_calls={"list": 1}, unchanged=12),),
    diagnostics=(),
    context=CONTEXT,
)

HELD_BACK = Report(
    command="plan",
    outcome="ok",
    sandbox=False,
    summary=counted(unchanged=12),
    accounts=(
        account(
            api_calls={"list": 1},
            unchanged=12,
            held_back=tuple(
                HeldBack(action="delete", name=name, reason="--no-delete") for name in ("cf-1", "old-site", "xi <1>")
            ),
        ),
    ),
    diagnostics=(),
    context=CONTEXT,
)

WAITING = replace(
    PLAN,
    accounts=(
        replace(
            PLAN.accounts[0],
            window=WindowReport(opens="2026-05-09T21:00:00Z", closes=None),
            changes=tuple(
                replace(change, opens="2026-05-09T21:00:00Z") if change.action == "delete" else change
                for change in PLAN.accounts[0].changes
            ),
        ),
    ),
)
"""A plan while no window is open."""

WAITED = replace(
    HELD_BACK,
    command="apply",
    accounts=(
        account(
            api_calls={"list": 1},
            unchanged=12,
            held_back=(
                HeldBack(action="update", name="lon-a", reason="window", opens="2026-05-09T21:00:00Z"),
                HeldBack(action="update", name="par-b", reason="window", opens="2026-05-09T21:00:00Z"),
                HeldBack(action="create", name="xi <1>", reason="needs-window", opens="2026-05-09T21:00:00Z"),
            ),
        ),
    ),
)
"""An apply at the same time, of which all has to wait."""

BLOCKED = Report(
    command="plan",
    outcome="blocked",
    sandbox=True,
    summary=counted(delete=2, unchanged=1),
    accounts=(
        account(
            outcome="blocked",
            api_calls={"list": 2, "delete": 2},
            guards=(
                Guard(
                    "max-delete-percent",
                    "2 of 3 tunnels (67 %) would be deleted, 30 % are allowed",
                    ("old-site", "older-site"),
                    "add `removed: [old-site, older-site]` to tunnels/prod/account.yaml",
                ),
            ),
            changes=(
                OLD_SITE,
                ChangeReport(
                    action="delete",
                    name="older-site",
                    id="id-2",
                    impact="traffic",
                    fields=(),
                    source=None,
                ),
            ),
            paused="change freeze",
        ),
    ),
    diagnostics=(),
)

PARTIAL = Report(
    command="apply",
    outcome="partial",
    sandbox=False,
    summary=counted(1, 2, 1, 9),
    accounts=(
        account(
            outcome="partial",
            changes=(
                ChangeReport(
                    action="update",
                    name="lon-a",
                    id="id-1",
                    impact="none",
                    fields=LON_A.fields,
                    source=LON_A.source,
                    outcome="applied",
                ),
                ChangeReport(
                    action="update",
                    name="lon-b",
                    previous_name="london-old",
                    id="id-2",
                    impact="traffic",
                    fields=LON_B.fields,
                    source=LON_B.source,
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
                    action="delete",
                    name="old-site",
                    id="id-3",
                    impact="traffic",
                    fields=(),
                    source=None,
                    outcome="skipped",
                    error=Problem("not-reached", "an earlier change of the account was not applied"),
                ),
                ChangeReport(
                    action="create",
                    name="par-a",
                    id=None,
                    impact="traffic",
                    fields=PAR_A.fields,
                    source=PAR_A.source,
                    outcome="unknown",
                    error=Problem("timeout", "no answer arrived in 30 s", "run apply again: it converges"),
                ),
            ),
            notes=("the bulk update was refused as a whole; its tunnels were sent one by one",),
        ),
    ),
    diagnostics=(),
    context=CONTEXT,
)

DRIFT = Report(
    command="drift",
    outcome="changes",
    sandbox=False,
    summary=counted(1, 2, 1, 408, unmanaged=2, ignored=1),
    accounts=(
        account(
            outcome="changes",
            digest=None,
            api_calls={"list": 1},
            changes=(
                ChangeReport(
                    action="update",
                    name="lon-a",
                    id="id-1",
                    impact="none",
                    cause="git",
                    fields=LON_A.fields,
                    source=LON_A.source,
                    drift_class="changed",
                    severity="cosmetic",
                    modified_on="2026-05-01T08:00:00Z",
                ),
                ChangeReport(
                    action="update",
                    name="lon-c",
                    id="id-3",
                    impact="traffic",
                    cause="drift",
                    fields=(FieldChange("replay_protection", before=False, after=True),),
                    source=Source(LONDON, 30),
                    drift_class="changed",
                    severity="security",
                    first_seen="2026-05-01T03:17:00Z",
                    age="persisting",
                    modified_on="2026-04-30T22:10:00Z",
                ),
                ChangeReport(
                    action="create",
                    name="par-a",
                    id=None,
                    impact="traffic",
                    cause="drift",
                    fields=PAR_A.fields,
                    source=PAR_A.source,
                    drift_class="missing",
                    severity="traffic",
                    age="new",
                    first_seen="2026-05-04T03:17:00Z",
                ),
                ChangeReport(
                    action="delete",
                    name="stray",
                    id="id-4",
                    impact="traffic",
                    cause="drift",
                    fields=(),
                    source=None,
                    drift_class="unmanaged",
                    severity="traffic",
                ),
            ),
            unmanaged=(UNMANAGED,),
            ignored=(IGNORED,),
            not_checked=(LeftAlone("*", "pre-shared keys can't be read back (6 tunnels)", None, ("psk",)),),
            total=413,
            managed=412,
            drifted=3,
            unchanged=409,
            resolved=(Resolved(name="ams-1", drift_class="changed", first_seen="2026-04-29T03:17:00Z"),),
            ways_out=WaysOut(
                revert="reconciler apply --account prod --target lon-c",
                accept="--- a/tunnels/prod/london.yaml\n+++ b/tunnels/prod/london.yaml\n@@ -31,3 +31,3 @@\n"
                "     interface_address: 10.20.0.4/31\n-    replay_protection: true\n+    replay_protection: false\n"
                "     psk: external\n",
                accept_command="reconciler drift --account prod --patch drift.patch\ngit apply drift.patch",
            ),
        ),
    ),
    diagnostics=(),
    generated_at="2026-05-04T03:17:00Z",
    context=CONTEXT,
)

INVALID = Report(
    command="plan",
    outcome="invalid",
    sandbox=False,
    summary=counted(),
    accounts=(),
    diagnostics=(
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
    command="plan",
    outcome="auth",
    sandbox=False,
    summary=counted(0, 1, 0, 11),
    accounts=(
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
    diagnostics=(
        warning("public-address", "Public interface address", "It is outside RFC 1918.", Location(LONDON, 7, 5)),
    ),
    context=CONTEXT,
)

ACCOUNTS = Report(
    command="accounts",
    outcome="ok",
    sandbox=False,
    summary=counted(),
    accounts=(
        AccountReport(
            account="lab",
            account_id=LAB,
            outcome="ok",
            managed=1,
            paused="change freeze",
            token=TokenSource(env="LAB_TOKEN"),
        ),
        AccountReport(
            account="prod", account_id=PROD, outcome="ok", managed=12, token=TokenSource(env="CLOUDFLARE_API_TOKEN")
        ),
    ),
    diagnostics=(),
)

PSK = Report(
    command="psk",
    outcome="partial",
    sandbox=False,
    summary=counted(),
    accounts=(
        account(
            outcome="partial",
            digest=None,
            keys=(
                KeyStatus(
                    "lon-a",
                    "env LON_A_PSK",
                    400,
                    overdue=True,
                    rotate_after_days=365,
                    source="sink",
                    outcome=Result.APPLIED,
                ),
                KeyStatus("par-a", None, None, overdue=False, rotate_after_days=None, source=None),
                KeyStatus(
                    "lon-b",
                    "generate",
                    3,
                    overdue=False,
                    rotate_after_days=365,
                    source="cloudflare",
                    outcome=Result.FAILED,
                    error=Problem("unapplied", "Cloudflare did not apply it", "run psk rotate lon-b"),
                ),
            ),
        ),
    ),
    diagnostics=(),
)

SAMPLES = {
    "plan": PLAN,
    "no-changes": NO_CHANGES,
    "held-back": HELD_BACK,
    "waiting": WAITING,
    "waited": WAITED,
    "blocked": BLOCKED,
    "partial": PARTIAL,
    "drift": DRIFT,
    "invalid": INVALID,
    "two-accounts": TWO_ACCOUNTS,
    "accounts": ACCOUNTS,
    "psk": PSK,
}
