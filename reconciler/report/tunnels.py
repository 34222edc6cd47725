"""What `show` says of single live tunnels, and of the devices at their other ends."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface
from typing import Any

from reconciler.model.desired import Declared
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Source
from reconciler.model.settings import Settings
from reconciler.model.tunnel import READ_ONLY, SETTINGS, TUNNEL, Section, covers
from reconciler.report.values import DeviceReport, SettingReport, TunnelReport


def tunnel_report(tunnel: LiveTunnel, declared: Declared | None, differing: tuple[str, ...]) -> TunnelReport:
    """Everything known of one live tunnel.

    Args:
        tunnel: As the API gives it by its id.
        declared: Its declaration, if any file has one.
        differing: Paths in which a plan would change it.
    """
    raw = tunnel.raw
    session, cipher = raw.get("bgp_status"), raw.get("allow_null_cipher")
    return TunnelReport(
        name=tunnel.name,
        id=tunnel.id,
        source=Source(declared.location.file, declared.location.line) if declared else None,
        settings=tuple(_settings(tunnel.settings, declared.settings if declared else None, differing)),
        bgp_status=session if isinstance(session, dict) else None,
        remote_identities=_identities(raw),
        allow_null_cipher=cipher if isinstance(cipher, bool) else None,
        psk_generated_on=tunnel.psk_generated_on,
        created_on=tunnel.created_on,
        modified_on=tunnel.modified_on,
        unknown=dict(sorted(unknown_fields(raw))),
    )


def _settings(live: Settings, declared: Settings | None, differing: tuple[str, ...]) -> Iterator[SettingReport]:
    for path, setting in SETTINGS.items():
        if path not in live and path not in (declared or {}):
            continue
        hidden = setting.sensitive
        yield SettingReport(
            path=path,
            live=None if hidden else _plain(live.get(path)),
            declared=None if hidden or declared is None else _plain(declared.get(path)),
            differs=any(covers(rule, path) for rule in differing),
            sensitive=hidden,
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _identities(raw: Mapping[str, Any]) -> dict[str, str]:
    """The IKE identities that the device can use (API: in answers and in no schema; what is not set is empty)."""
    found = raw.get("remote_identities")
    return {k: v for k, v in found.items() if isinstance(v, str) and v} if isinstance(found, dict) else {}


def unknown_fields(raw: Mapping[str, Any], section: Section = TUNNEL, before: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in no table, by path."""
    for key, value in raw.items():
        path = f"{before}{key}"
        inner = section.sections.get(key)
        if inner and isinstance(value, dict):
            yield from unknown_fields(value, inner, f"{path}.")
        elif not inner and key not in section.settings and path not in READ_ONLY:
            yield path, value


def device_report(tunnel: LiveTunnel) -> DeviceReport:
    """What the other end must have, by what is live."""
    settings, raw = tunnel.settings, tunnel.raw
    health = raw.get("health_check")
    target = health.get("target") if isinstance(health, dict) else None
    effective = target.get("effective") if isinstance(target, dict) else None
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
        identities=_identities(raw) | ({"custom_fqdn_id": str(custom)} if custom else {}),
        health_check_target=_text(settings, "health_check.target.saved")
        or (effective if isinstance(effective, str) and effective else None),
    )


def _text(settings: Settings, path: str) -> str | None:
    value = settings.get(path)
    return value if isinstance(value, str) else None


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
