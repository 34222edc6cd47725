"""One tunnel's settings as a flat canonical mapping, made alike from YAML and from the API's JSON.

Equality of meaning is then `==`: addresses are parsed, IPv6 has one spelling, prefixes are sorted, absent, null and
empty are the same, a health-check target is the same in string and object form, names are in Unicode's NFC, texts have
no blanks and line ends at their ends.
"""

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any
from unicodedata import normalize

from reconciler.model.fields import BGP_PATHS, FIELDS, READ_ONLY, Value

Settings = Mapping[str, Value]
"""Dotted path to canonical value. All paths outside `bgp` are present, except `health_check.direction` when nothing
says it; the `bgp.*` paths are present together when the tunnel has BGP, else none of them is."""


class Malformed(ValueError):
    """A known field of a live tunnel has a JSON type that it can't have.

    Attributes:
        path: The field.
        found: The type of its value. The value itself may be a secret.
    """

    def __init__(self, path: str, value: object) -> None:
        self.path = path
        self.found = _JSON_TYPES.get(type(value), "a number")
        super().__init__(f"{path} is {self.found}")


def address(text: str) -> str:
    """An IP address in one spelling; text that is no address stays as it is, lower-cased."""
    if ":" not in text:
        return text
    host, slash, length = text.lower().partition("/")
    try:
        return inet_ntop(AF_INET6, inet_pton(AF_INET6, host)) + slash + length
    except OSError:
        return text.lower()


_LENGTHS = {str(n): (1 << (32 - n)) - 1 for n in range(33)}


@lru_cache(maxsize=16384)
def is_canonical_prefix4(text: str) -> bool:
    """True for an IPv4 prefix in its one spelling without host bits; a tenth of the price of parsing it."""
    host, _, length = text.partition("/")
    try:
        # inet_pton takes nothing but four plain numbers without leading zeros.
        return not int.from_bytes(inet_pton(AF_INET, host)) & _LENGTHS[length]
    except (OSError, ValueError, KeyError):
        return False


@lru_cache(maxsize=4096)
def prefix(text: str) -> str:
    """A CIDR prefix in one spelling, host bits dropped; text that is no prefix stays as it is."""
    if is_canonical_prefix4(text):
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text.lower()


_NOTHING: Mapping[str, Any] = {}
_DIGITS = re.compile(r"\d{1,10}", re.ASCII)
_JSON_TYPES = {type(None): "null", bool: "a boolean", str: "a string", list: "a list", dict: "an object"}


def tunnel_name(text: str) -> str:
    """A tunnel's name in the one form in which names are compared and sent.

    The same letters can be written in several ways (`é` as one character, or as `e` with an accent), and editors and
    file systems change one into the other. NFC is the usual form; a server that keeps it must not look like drift.
    """
    text = text.strip()
    return text if text.isascii() else normalize("NFC", text)


def same_letters(name: str, other: str) -> bool:
    """True for names that only a server which keeps names in a form of its own would take for one another."""
    return normalize("NFKC", name).casefold() == normalize("NFKC", other).casefold()


def _text(value: Any, path: str) -> str:
    if type(value) is str:
        return value
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(path, value)
    return value


def _flag(value: Any, path: str) -> bool:
    if value is True or value is False:
        return value
    if value is None:
        return FIELDS[path].default is True
    raise Malformed(path, value)


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if value is None:
        return _NOTHING
    if not isinstance(value, dict):
        raise Malformed(path, value)
    return value


def _number(value: Any, path: str) -> int:
    """A whole number; some servers put it in quotes, and JSON has one type for `5` and `5.0`."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise Malformed(path, value)


def _target(value: Any) -> str:
    path = "health_check.target"
    if isinstance(value, str):
        return address(value)
    return address(_text(_object(value, path).get("saved"), f"{path}.saved"))


def _bgp(value: Mapping[str, Any]) -> dict[str, Value]:
    """The `bgp.*` settings; none for an object in which nothing is set.

    Servers written in Go list an object that is unset with zeros in it. AS 0 is reserved (RFC 7607), so no session can
    have it: a zero with nothing beside it says that there is no BGP.
    """
    prefixes = value.get("extra_prefixes")
    if prefixes is not None and not isinstance(prefixes, (list, tuple)):
        raise Malformed("bgp.extra_prefixes", prefixes)
    asn = value.get("customer_asn")
    settings: dict[str, Value] = {
        "bgp.customer_asn": 0 if asn is None else _number(asn, "bgp.customer_asn"),
        "bgp.extra_prefixes": tuple(sorted({prefix(_text(p, "bgp.extra_prefixes")) for p in prefixes or ()})),
        "bgp.md5_key": _text(value.get("md5_key"), "bgp.md5_key"),
        "bgp.import_filter_id": _text(value.get("import_filter_id"), "bgp.import_filter_id").strip(),
        "bgp.export_filter_id": _text(value.get("export_filter_id"), "bgp.export_filter_id").strip(),
    }
    if not any(settings.values()):
        return {}
    if asn is None:
        raise Malformed("bgp.customer_asn", asn)
    return settings


def canonical(tunnel: Mapping[str, Any]) -> dict[str, Value]:
    """The canonical settings of a tunnel in the API's nested form (JSON, or validated YAML).

    An MD5 key is taken as it is: a blank at its end is part of it.

    Raises:
        Malformed: A known field has an impossible JSON type.
    """
    get = tunnel.get
    health = _object(get("health_check"), "health_check").get
    bgp = _object(get("bgp"), "bgp")
    identities = _object(get("custom_remote_identities"), "custom_remote_identities")
    settings: dict[str, Value] = {
        "name": tunnel_name(_text(get("name"), "name")),
        "cloudflare_endpoint": address(_text(get("cloudflare_endpoint"), "cloudflare_endpoint")),
        "customer_endpoint": address(_text(get("customer_endpoint"), "customer_endpoint")),
        "interface_address": address(_text(get("interface_address"), "interface_address")),
        "interface_address6": address(_text(get("interface_address6"), "interface_address6")),
        "description": _text(get("description"), "description").strip(),
        "replay_protection": _flag(get("replay_protection"), "replay_protection"),
        "automatic_return_routing": _flag(get("automatic_return_routing"), "automatic_return_routing"),
        "custom_remote_identities.fqdn_id": _text(
            identities.get("fqdn_id"), "custom_remote_identities.fqdn_id"
        ).strip(),
        "health_check.enabled": _flag(health("enabled"), "health_check.enabled"),
        "health_check.rate": _text(health("rate"), "health_check.rate").lower() or "mid",
        "health_check.type": _text(health("type"), "health_check.type").lower() or "reply",
        "health_check.target.saved": _target(health("target")),
    }
    direction = _text(health("direction"), "health_check.direction").lower()
    if direction:
        settings["health_check.direction"] = direction
    if bgp:
        settings.update(_bgp(bgp))
    return settings


def readable(tunnel: Mapping[str, Any]) -> tuple[dict[str, Value], str]:
    """The settings of a live tunnel as far as they can be read, and what can't: `bgp is a list`, or nothing.

    A field of an impossible type is taken for unset, and so is the whole object that it stands in.
    """
    wrong: list[str] = []
    while True:
        try:
            return canonical(tunnel), ", ".join(wrong)
        except Malformed as odd:
            wrong.append(str(odd))
            whole = odd.path.partition(".")[0]
            tunnel = {key: value for key, value in tunnel.items() if key != whole}


def _nest(settings: Settings, paths: tuple[str, ...] | None = None) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for path in paths or tuple(settings):
        *parents, leaf = path.split(".")
        place = out
        for parent in parents:
            place = place.setdefault(parent, {})
        value = settings[path]
        place[leaf] = list(value) if isinstance(value, tuple) else value
    return out


def nested(settings: Settings) -> dict[str, Any]:
    """The settings in the API's nested form, without those that are unset. Nothing in it is null.

    A health-check target is in object form (API: the header `x-magic-new-hc-target: true` asks for that form).
    """
    return _nest({p: v for p, v in settings.items() if v not in ("", ())})


def update_body(observed: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What a PUT sends so that it is right whether the server merges or replaces.

    Every observed key that is neither unset nor read-only, known or not, at any depth, overlaid with the wanted
    settings. What is set live and unset in git is cleared: text by `""`, `bgp` and its MD5 key by leaving them out.
    The key (`psk`) is never part of it.
    """
    body: dict[str, Any] = _without_unset({k: v for k, v in observed.items() if k not in READ_ONLY and k != "psk"})
    if not body.get("custom_remote_identities"):
        body.pop("custom_remote_identities", None)
    health = dict(_object(body.get("health_check"), "health_check"))
    target = health.pop("target", None)
    if isinstance(target, dict) and (kept := {k: v for k, v in target.items() if k != "effective"}):
        health["target"] = kept
    body["health_check"] = health
    wanted = nested(settings)
    if "bgp" not in wanted:
        body.pop("bgp", None)
    current = canonical(observed)
    clear = {p: "" for p in settings if settings[p] == "" and current.get(p) and not FIELDS[p].clear_by_omission}
    for overlay in (wanted, _nest(clear)):
        _overlay(body, overlay)
    bgp = body.get("bgp")
    if bgp and not settings.get("bgp.md5_key"):
        body["bgp"] = {k: v for k, v in bgp.items() if k != "md5_key"}
    if bgp and not settings.get("bgp.extra_prefixes") and current.get("bgp.extra_prefixes"):
        body["bgp"] = {**body["bgp"], "extra_prefixes": []}
    return body


def _without_unset(value: Any, path: str = "") -> Any:
    """A copy of a listed value without its nulls (API: a null in a request is refused) and known texts that are empty.

    Some servers list what is unset as `""`, and may refuse the same `""` where they expect an address.
    """
    if isinstance(value, dict):
        named = [(k, f"{path}{k}", v) for k, v in value.items() if v is not None]
        return {k: _without_unset(v, f"{at}.") for k, at, v in named if not (v == "" and at in FIELDS)}
    if isinstance(value, list):
        return [_without_unset(v, f"{path}*.") for v in value if v is not None]
    return value


def _overlay(body: dict[str, Any], overlay: Mapping[str, Any]) -> None:
    for key, value in overlay.items():
        if isinstance(value, dict):
            inner = dict(_object(body.get(key), key))
            _overlay(inner, value)
            body[key] = inner
        else:
            body[key] = value


def has_bgp(settings: Settings) -> bool:
    """True when the tunnel has a BGP session."""
    return BGP_PATHS[0] in settings


def interface_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network an interface address lies in (host bits dropped), or None when it is unset or no address."""
    try:
        return ipaddress.ip_network(text, strict=False) if text else None
    except ValueError:
        return None
