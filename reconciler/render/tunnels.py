"""Single tunnels, and the devices at their other ends, as lines of text."""

import json
from collections.abc import Iterator
from typing import Any

from reconciler.render import words
from reconciler.render.layout import Paint, padded, widest
from reconciler.render.safe import terminal
from reconciler.report.values import AccountReport, DeviceReport, TunnelReport

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
    keys = {key.name: key for key in account.keys}
    for number, tunnel in enumerate(account.tunnels):
        if number:
            yield ""
        key = keys.get(tunnel.name)
        said = (key.reference, words.age(key)) if key else ("the files say nothing of it",)
        yield from _tunnel(tunnel, ", ".join(filter(None, said)), paint)
    for number, device in enumerate(account.devices):
        if number:
            yield ""
        yield from _device(device, paint)


def _tunnel(tunnel: TunnelReport, key: str, paint: Paint) -> Iterator[str]:
    place = words.place(tunnel.source) or "no file declares it"
    yield from paint.flow([(terminal(tunnel.name), "bold"), (tunnel.id, None), (terminal(place), "dim")], 2, 6)
    made = f"{key}; Cloudflare made one {words.moment(tunnel.psk_generated_on or '')}"
    facts: list[tuple[str, str | None]] = [("key", made if tunnel.psk_generated_on else key)]
    facts += [("made", tunnel.created_on), ("changed", tunnel.modified_on)]
    facts += [(f"IKE {kind}", value) for kind, value in tunnel.remote_identities.items()]
    session = tunnel.bgp_status or {}
    facts += [(f"BGP {name}", _value(value)) for name, value in session.items()]
    facts += [("null cipher", _value(tunnel.allow_null_cipher))] if tunnel.allow_null_cipher is not None else []
    facts += [(path, _value(value)) for path, value in tunnel.unknown.items()]
    width = widest([terminal(name) for name, _ in facts] + [s.path for s in tunnel.settings], _LIMIT)
    for setting in tunnel.settings:
        shown = words.SENSITIVE if setting.sensitive else _value(setting.live)
        if setting.differs:
            other = words.CHANGES if setting.sensitive else f"declared: {_value(setting.declared)}"
            shown = other if setting.sensitive else f"{shown}  {other}"
        yield from _line("~" if setting.differs else " ", setting.path, shown, width, paint)
    for name, value in facts:
        if value:
            yield from _line(" ", name, words.moment(value), width, paint)


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
