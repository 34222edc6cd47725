"""What `show` says of single live tunnels, and of the devices at their other ends.

Whoever looks at one tunnel wants all of it. So everything that the API says has its place: a setting, a fact that this
program knows, what can't be read, or else a field that it does not know. That holds for fields of tomorrow too.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_interface
from typing import Any

from reconciler.model.desired import Declared
from reconciler.model.live import LiveTunnel
from reconciler.model.routes import Routes
from reconciler.model.settings import Settings, has_bgp
from reconciler.model.tunnel import PATHS, SECTIONS, SETTINGS, covers
from reconciler.plan.diff import shown_value
from reconciler.plan.routes import through
from reconciler.report.values import DeviceReport, RouteReport, SettingReport, TunnelReport

_IDENTITIES = "remote_identities"
_EFFECTIVE = "health_check.target.effective"
_FACTS = {
    "id": str,
    "created_on": str,
    "modified_on": str,
    "psk_metadata.last_generated_on": str,
    "bgp_status": dict,
    "allow_null_cipher": bool,
    "redundancy_group_id": str,
    _EFFECTIVE: str,
}
"""What is no setting and has a place in the report, by path, with its type; the identities besides."""
_OBJECTS = {*(section.path for section in SECTIONS), "psk_metadata", _IDENTITIES}
"""What is told member by member."""
_MAY_BE_A_KEY = re.compile("key|psk|secret|password", re.IGNORECASE).search


def tunnel_report(
    tunnel: LiveTunnel, declared: Declared | None, differing: tuple[str, ...], routes: Routes
) -> TunnelReport:
    """Everything known of one live tunnel.

    Args:
        tunnel: As the API gives it by its id.
        declared: Its declaration, if any file has one.
        differing: Paths in which a plan would change it.
        routes: The static routes of its account.
    """
    facts = dict(_facts(tunnel.raw))
    status, cipher = facts.get("bgp_status"), facts.get("allow_null_cipher")
    # Where an address can't be read, nobody knows what goes through it.
    known = not routes.unchecked and not tunnel.wrong_types
    return TunnelReport(
        name=tunnel.name,
        id=tunnel.id,
        source=declared.location.source if declared else None,
        settings=tuple(_settings(tunnel.settings, declared.settings if declared else None, differing)),
        unreadable=tuple(sorted(tunnel.wrong_types.values())),
        health=tunnel.session.state if has_bgp(tunnel.settings) else None,
        bgp_status=status if isinstance(status, dict) else None,
        remote_identities=_identities(facts),
        routes=tuple(_routes(tunnel.settings, routes)) if known else None,
        health_check_target=_text(facts, _EFFECTIVE),
        redundancy_group_id=_text(facts, "redundancy_group_id"),
        allow_null_cipher=cipher if isinstance(cipher, bool) else None,
        psk_generated_on=tunnel.psk_generated_on,
        created_on=tunnel.created_on,
        modified_on=tunnel.modified_on,
        unknown=unknown_fields(tunnel),
    )


def _settings(live: Settings, declared: Settings | None, differing: tuple[str, ...]) -> Iterator[SettingReport]:
    for path, setting in SETTINGS.items():
        if path not in live and path not in (declared or {}):
            continue
        hidden = setting.sensitive
        yield SettingReport(
            path=path,
            live=None if hidden else shown_value(path, live),
            declared=None if hidden or declared is None else shown_value(path, declared),
            differs=any(covers(rule, path) for rule in differing),
            sensitive=hidden,
        )


def _facts(raw: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """What a tunnel says besides its settings, by path."""
    for key, value in raw.items():
        path = f"{before}{key}"
        if path in _OBJECTS and isinstance(value, dict):
            yield from _facts(value, f"{path}.")
        elif path not in PATHS:
            yield path, value


def unknown_fields(tunnel: LiveTunnel) -> dict[str, Any]:
    """What it says that this program does not know, by path; of what it knows, what has a type that it can't have."""

    def has_place(path: str, value: Any) -> bool:
        kind = str if path.startswith(f"{_IDENTITIES}.") else _FACTS.get(path)
        return kind is not None and (value is None or isinstance(value, kind))

    found = sorted(dict(_facts(tunnel.raw)).items())
    return {path: _without_keys(path, value) for path, value in found if not has_place(path, value)}


def _without_keys(path: str, value: Any) -> Any:
    """A value without what may be a key by its name: no one else hides those that stand in unknown fields."""
    if value and _MAY_BE_A_KEY(path.rpartition(".")[2]):
        return "(sensitive)"
    if isinstance(value, list):
        return [_without_keys("", one) for one in value]
    return {key: _without_keys(key, one) for key, one in value.items()} if isinstance(value, dict) else value


def _identities(facts: Mapping[str, Any]) -> dict[str, str]:
    """The IKE identities that the device can use (API: in answers and in no schema; what is not set is empty)."""
    found = {path.rpartition(".")[2]: _text(facts, path) for path in facts if path.startswith(f"{_IDENTITIES}.")}
    return {kind: identity for kind, identity in found.items() if identity}


def _routes(settings: Settings, routes: Routes) -> Iterator[RouteReport]:
    found = sorted(
        through(settings, routes), key=lambda r: (r.prefix.version, r.prefix, r.priority or 0, str(r.nexthop))
    )
    return (RouteReport(prefix=str(r.prefix), nexthop=str(r.nexthop), priority=r.priority) for r in found)


def device_report(tunnel: LiveTunnel) -> DeviceReport:
    """What the other end must have, by what is live."""
    settings, facts = tunnel.settings, dict(_facts(tunnel.raw))
    custom = settings.get("custom_remote_identities.fqdn_id")
    asn = settings.get("bgp.customer_asn")
    address, address6 = _text(settings, "interface_address"), _text(settings, "interface_address6")
    return DeviceReport(
        name=tunnel.name,
        cloudflare_endpoint=_text(settings, "cloudflare_endpoint"),
        customer_endpoint=_text(settings, "customer_endpoint"),
        interface_address=other_side(address),
        cloudflare_interface_address=address,
        interface_address6=other_side(address6),
        cloudflare_interface_address6=address6,
        asn=asn if isinstance(asn, int) else None,
        identities=_identities(facts) | ({"custom_fqdn_id": str(custom)} if custom else {}),
        health_check_target=_text(settings, "health_check.target.saved") or _text(facts, _EFFECTIVE),
    )


def _text(values: Mapping[str, Any], path: str) -> str | None:
    value = values.get(path)
    return value if isinstance(value, str) and value else None


def other_side(address: str | None) -> str | None:
    """The device's address in the network of an interface address: the other one of two; None where there are not two.

    other_side("10.20.0.0/31")    "10.20.0.1/31"
    other_side("10.20.0.6/30")    "10.20.0.5/30"
    """
    try:
        own = ip_interface(address or "")
    except ValueError:
        return None
    ends = list(own.network.hosts()) if own.network.num_addresses <= 4 else []  # noqa: PLR2004 - a /30 has four
    if own.ip not in ends or len(ends) != 2:  # noqa: PLR2004 - two ends
        return None
    (other,) = (end for end in ends if end != own.ip)
    return f"{other}/{own.network.prefixlen}"
