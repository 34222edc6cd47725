"""Tiny builders with defaults, so that a test states only what it is about."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zlib import crc32

from reconciler.model.desired import Account, Declared, Desired, IgnoreRule, Limits, Owns
from reconciler.model.live import Live, live_from_result
from reconciler.model.problems import Location
from reconciler.model.psk import SinkState
from reconciler.model.settings import canonical
from reconciler.plan.plan import Plan
from reconciler.plan.scope import PlanOptions

ACCOUNT_ID = "023e105f4ecef8ad9ca31a8372d0c353"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TODAY = NOW.date()
PLACE = Location("tunnels/prod/account.yaml")


def settings(name: str = "a", **fields: Any) -> dict[str, Any]:
    """A tunnel in the API's nested form; its interface network follows from the name when it is not given."""
    number = crc32(name.encode()) & 0x7FFFFF
    base = {
        "name": name,
        "cloudflare_endpoint": "203.0.113.1",
        "customer_endpoint": "198.51.100.10",
        "interface_address": f"10.{number >> 15}.{number >> 7 & 255}.{number << 1 & 254}/31",
    }
    return {k: v for k, v in (base | fields).items() if v is not None}


def tunnel(name: str = "a", *, line: int = 1, **fields: Any) -> Declared:
    """A declared tunnel. `psk`, `renamed_from`, `protect`, `rotate_after_days` go to the declaration."""
    own = {k: fields.pop(k) for k in ("psk", "renamed_from", "protect", "rotate_after_days") if k in fields}
    wanted = canonical(settings(name, **fields))
    return Declared(str(wanted["name"]), wanted, Location("tunnels/prod/a.yaml", line), **own)


def raw(name: str = "a", *, id: str | None = None, **fields: Any) -> dict[str, Any]:  # noqa: A002 - the API's word
    """A tunnel as the list endpoint gives it; its id follows from the name when it is not given."""
    return {"id": id or f"{name.encode().hex():0>32}"[-32:], **settings(name, **fields)}


def live(*tunnels: str | Mapping[str, Any]) -> Live:
    """Live state from names or raw objects."""
    items = [raw(t) if isinstance(t, str) else dict(t) for t in tunnels]
    return live_from_result({"ipsec_tunnels": items})


def rule(name: str, *fields: str, until: date | None = None, reason: str = "not ours") -> IgnoreRule:
    """An ignore rule for whole tunnels, or for the fields given."""
    return IgnoreRule(name, fields, reason, until, PLACE)


def account(
    *,
    prune: bool = True,
    removed: Iterable[str] = (),
    protect: Iterable[str] = (),
    ignore: Iterable[IgnoreRule] = (),
    limits: Limits | None = None,
    owns: Iterable[str] = (),
    **fields: Any,
) -> Account:
    """An account; its name is `prod` and its limits are the defaults."""
    return Account(
        name=fields.pop("name", "prod"),
        account_id=fields.pop("account_id", ACCOUNT_ID),
        prune=prune,
        location=PLACE,
        removed=dict.fromkeys(removed, PLACE),
        protect=dict.fromkeys(protect, PLACE),
        ignore=tuple(ignore),
        limits=limits or Limits(),
        owns=Owns.of(owns) if owns else None,
        **fields,
    )


def desired(*tunnels: str | Declared, of: Account | None = None) -> Desired:
    """Desired state from names or declarations."""
    items = [tunnel(t) if isinstance(t, str) else t for t in tunnels]
    return Desired(of or account(), {t.name: t for t in sorted(items, key=lambda t: t.name)})


def options(**fields: Any) -> PlanOptions:
    """Options of a plan, on a fixed day."""
    return PlanOptions(**({"now": NOW} | fields))


def plan(declared: Desired, found: Live, sinks: Mapping[str, SinkState] | None = None, **fields: Any) -> Plan:
    """The plan for the two states; `fields` are options."""
    from reconciler.plan.build import build_plan

    return build_plan(declared, found, options(**fields), sinks or {})
