"""Single tunnels, and the devices at their other ends, as lines of text."""

import json
from collections.abc import Iterator
from typing import Any

from reconciler.model.psk import KeyStatus
from reconciler.render import words
from reconciler.render.layout import Paint, padded, widest
from reconciler.render.safe import terminal
from reconciler.report.values import AccountReport, DeviceReport, RouteReport, TunnelReport

_LIMIT = 40
_DEVICE = {
    "cloudflare_endpoint": "peer (Cloudflare)",
    "customer_endpoint": "own address",
    "interface_address": "inner address",
    "cloudflare_interface_address": "inner, Cloudflare's",
    "interface_address6": "inner IPv6 address",
    "cloudflare_interface_address6": "inner IPv6, Cloudflare's",
    "asn": "own ASN",
    "health_check_target": "answers health checks at",
}


def tunnels(account: AccountReport, paint: Paint) -> Iterator[str]:
    """What is known of each tunnel, or what each device must have."""
    psks = {psk.name: psk for psk in account.keys}
    for number, tunnel in enumerate(account.tunnels):
        if number:
            yield ""
        yield from _tunnel(tunnel, psks.get(tunnel.name), paint)
    for number, device in enumerate(account.devices):
        if number:
            yield ""
        yield from _device(device, paint)


def _tunnel(tunnel: TunnelReport, psk: KeyStatus | None, paint: Paint) -> Iterator[str]:
    place = words.place(tunnel.source) or "no file declares it"
    yield from paint.flow([(terminal(tunnel.name), "bold"), (tunnel.id, None), (terminal(place), "dim")], 2, 6)
    facts = [*_psk(psk, tunnel.psk_generated_on), ("made", tunnel.created_on), ("changed", tunnel.modified_on)]
    facts += [(f"IKE {kind}", value) for kind, value in tunnel.remote_identities.items()]
    facts += [("BGP", "not known" if tunnel.health == "unknown" else tunnel.health)]
    facts += [(f"BGP {name}", _value(value)) for name, value in (tunnel.bgp_status or {}).items()]
    facts += _routes(tunnel.routes)
    facts += [("health checks to", tunnel.health_check_target), ("redundancy group", tunnel.redundancy_group_id)]
    facts += [("null cipher", _value(tunnel.allow_null_cipher))] if tunnel.allow_null_cipher is not None else []
    facts += [("can't be read", ", ".join(tunnel.unreadable))]
    facts += [(f"unknown {path}", _value(value)) for path, value in tunnel.unknown.items()]
    known = [(name, value) for name, value in facts if value]
    width = widest([terminal(name) for name, _ in known] + [s.path for s in tunnel.settings], _LIMIT)
    for setting in tunnel.settings:
        if setting.sensitive:
            shown = words.CHANGES if setting.differs else words.SENSITIVE
        elif setting.differs or setting.declared not in (None, setting.live):  # what `ignore` leaves as it is, too
            shown = f"{_value(setting.live)}  declared: {_value(setting.declared)}"
        else:
            shown = _value(setting.live)
        yield from _line("~" if setting.differs else " ", setting.path, shown, width, paint)
    for name, value in known:
        yield from _line(" ", name, words.moment(value), width, paint)


def _psk(psk: KeyStatus | None, made: str | None) -> Iterator[tuple[str, str | None]]:
    said = ["the files say nothing of it"]
    if psk:
        said = [psk.reference or "no psk", words.age(psk), words.due(psk), "overdue" if psk.overdue else ""]
    yield "key", ", ".join(filter(None, said))
    yield "Cloudflare made a key", made
    if psk and psk.error:
        yield "key in doubt", ". ".join(filter(None, [psk.error.message, psk.error.remedy]))


def _routes(routes: tuple[RouteReport, ...] | None) -> Iterator[tuple[str, str]]:
    for route in routes or ():
        priority = f", priority {route.priority}" if route.priority is not None else ""
        yield "static route", f"{route.prefix} by {route.nexthop}{priority}"
    if not routes:
        yield "static routes", "not known" if routes is None else "none"


def _device(device: DeviceReport, paint: Paint) -> Iterator[str]:
    yield f"  {paint(terminal(device.name), 'bold')}"
    facts = [(label, getattr(device, name)) for name, label in _DEVICE.items()]
    facts += [(f"IKE {kind}", value) for kind, value in device.identities.items()]
    width = widest([label for label, _ in facts], _LIMIT)
    for label, value in facts:
        if value is not None:
            yield from _line(" ", label, str(value), width, paint)


def _line(sign: str, name: str, value: str, width: int, paint: Paint) -> Iterator[str]:
    begin = f"    {paint(sign, 'yellow')} {padded(terminal(name), width)}  "
    yield from paint.below(terminal(value), width + 8, begin=begin)


def _value(value: Any) -> str:
    return words.value(value) if value is None or isinstance(value, (str, int, list)) else json.dumps(value)
