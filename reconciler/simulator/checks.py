"""What the API refuses in one tunnel of a request body, and the patch that is left otherwise.

Fields that are not known are ignored. Each field is judged alone: what tunnels may not share is for `account` to say.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Interface, ip_address, ip_interface
from typing import Any, Literal

from reconciler.simulator.message import RefusedError
from reconciler.simulator.semantics import Semantics

Json = dict[str, Any]
Spelling = Literal["as_sent", "canonical", "odd"]
Checker = Callable[[str, Any, Semantics], None]

READ_ONLY = frozenset(
    {
        "id",
        "created_on",
        "modified_on",
        "psk_metadata",
        "bgp_status",
        "allow_null_cipher",
        "remote_identities",
        "redundancy_group_id",
    }
)
CLEARABLE = ("customer_endpoint", "interface_address6")
OBJECTS = ("bgp", "custom_remote_identities")
_MD5 = re.compile(r"""[ !#-&'(-><=@A-Za-z\[\\\]^_`{|}~]{1,80}""")
_FQDN = re.compile(
    r"[A-Z0-9_]([A-Z0-9_-]{0,61}[A-Z0-9_])?\.[A-Z0-9]{1,63}\.custom\.ipsec\.cloudflare\.com", re.IGNORECASE
)
_LENGTHS = {"interface_address": (4, (30, 31)), "interface_address6": (6, (127,))}


def patch_of(body: object, semantics: Semantics, *, object_form: bool, bulk: bool = False) -> Json:
    """Check the fields that a create, PUT or bulk item carries.

    Args:
        body: The decoded JSON.
        semantics: The switches.
        object_form: Whether `x-magic-new-hc-target: true` was sent, so that the target must be an object.
        bulk: Whether `id` is expected.

    Returns:
        The writable fields only, in the form that the server keeps, with the health-check target as its saved text. An
        object is None when it shall be removed.

    Raises:
        RefusedError: 400 with code 1022 for the first thing that is wrong.
    """
    if not isinstance(body, dict):
        raise RefusedError("Invalid Request: expected one IPsec tunnel as an object")
    patch: Json = {}
    for name, value in _as_kept(body, semantics).items():
        checker = _CHECKERS.get(name)
        if value is None:
            patch[name] = None
        elif checker is not None:
            checker(name, value, semantics)
            patch[name] = value
        elif name in READ_ONLY:
            if semantics.read_only == "refused" and not (bulk and name == "id"):
                raise RefusedError(f'Invalid Request: "{name}" is read-only')
        elif semantics.server_fields and name.startswith("x_"):
            patch[name] = value
    _take_nested(patch, semantics, object_form=object_form)
    return patch


def _as_kept(body: Json, semantics: Semantics) -> Json:
    """The fields of a body as the server keeps them, without what it ignores; nearly every null is refused."""
    fields: Json = {}
    for name, value in body.items():
        if value is not None:
            fields[name] = _normal(name, value, semantics) if isinstance(value, str) else value
        elif name not in OBJECTS or semantics.null_object == "refused":
            raise _null(name)
        elif semantics.null_object == "clears":
            fields[name] = None
    return fields


def _normal(name: str, text: str, semantics: Semantics) -> str:
    if name in ("name", "description") and semantics.text == "trimmed":
        text = text.strip()
    if name == "name" and semantics.names == "lower":
        return text.lower()
    if name == "name" and semantics.names == "nfc":
        return unicodedata.normalize("NFC", text)
    return text


def _take_nested(patch: Json, semantics: Semantics, *, object_form: bool) -> None:
    if "health_check" in patch:
        patch["health_check"] = _known(patch["health_check"], _HEALTH, "health_check", semantics)
        if "target" in patch["health_check"]:
            patch["health_check"]["target"] = _target(patch["health_check"]["target"], object_form=object_form)
    if patch.get("bgp") is not None:
        patch["bgp"] = _known(patch["bgp"], _BGP, "bgp", semantics)
    if patch.get("custom_remote_identities") is not None:
        inner = _known(patch["custom_remote_identities"], _IDENTITIES, "custom_remote_identities", semantics)
        patch["custom_remote_identities"] = inner
    if semantics.empty_text == "ignored":
        _drop_empty(patch)


def _drop_empty(patch: Json) -> None:
    for name in CLEARABLE:
        if patch.get(name) == "":
            del patch[name]
    if (patch.get("custom_remote_identities") or {}).get("fqdn_id") == "":
        del patch["custom_remote_identities"]


def _known(value: Json, checkers: Mapping[str, Checker], path: str, semantics: Semantics) -> Json:
    known: Json = {}
    for name, inner in value.items():
        if inner is None:
            raise _null(f"{path}.{name}")
        checker = checkers.get(name)
        if checker is not None:
            checker(f"{path}.{name}", inner, semantics)
            known[name] = inner
        elif semantics.server_fields and name.startswith("x_"):
            known[name] = inner
    return known


def _target(value: object, *, object_form: bool) -> str:
    if object_form != isinstance(value, dict):
        wanted = "an object" if object_form else "a string"
        raise RefusedError(f'Invalid Request: "health_check.target" must be {wanted} with this x-magic-new-hc-target')
    saved = value.get("saved", "") if isinstance(value, dict) else value
    if saved is None:
        raise _null("health_check.target.saved")
    if not isinstance(saved, str) or (saved and address(saved) is None):
        raise RefusedError('Invalid Request: "health_check.target" must be an IP address or empty')
    return saved


def _null(name: str) -> RefusedError:
    return RefusedError(f'Invalid Request: error parsing request body: "{name}" is not permitted to be null')


def _must(condition: bool, name: str, rule: str) -> None:  # noqa: FBT001
    if not condition:
        raise RefusedError(f'Invalid Request: "{name}" {rule}')


def _text(name: str, value: object, _: Semantics) -> None:
    _must(isinstance(value, str), name, "must be a string")


def _filled(name: str, value: object, _: Semantics) -> None:
    _must(isinstance(value, str) and value != "", name, "must be a non-empty string")


def _flag(name: str, value: object, _: Semantics) -> None:
    _must(isinstance(value, bool), name, "must be a boolean")


def _object(name: str, value: object, _: Semantics) -> None:
    _must(isinstance(value, dict), name, "must be an object")


def _endpoint(name: str, value: object, _: Semantics) -> None:
    _must(isinstance(value, str) and address(value) is not None, name, "must be an IP address")


def _clearing(check: Checker) -> Checker:
    def checked(name: str, value: object, semantics: Semantics) -> None:
        if value == "" and semantics.empty_text != "refused":
            return
        check(name, value, semantics)

    return checked


def _interface(name: str, value: object, _: Semantics) -> None:
    version, lengths = _LENGTHS[name]
    parsed = interface(value) if isinstance(value, str) else None
    good = parsed is not None and parsed[0] == version and parsed[2] in lengths
    _must(
        good,
        name,
        f"must be an IPv{version} address with a prefix length of {' or '.join(map(str, lengths))}",
    )


def _one_of(*choices: str) -> Checker:
    def check(name: str, value: object, _: Semantics) -> None:
        _must(isinstance(value, str) and value in choices, name, f"must be one of {', '.join(choices)}")

    return check


def _routing(name: str, value: object, semantics: Semantics) -> None:
    _flag(name, value, semantics)
    _must(value is False or semantics.coupler_integration, name, "needs the account flag coupler_integration")


def _asn(name: str, value: object, semantics: Semantics) -> None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= semantics.asn_max
    _must(good, name, f"must be an integer from 0 to {semantics.asn_max}")


def _prefixes(name: str, value: object, _: Semantics) -> None:
    good = isinstance(value, list) and all(isinstance(text, str) and interface(text) for text in value)
    _must(good, name, "must be a list of prefixes")


def _md5(name: str, value: object, _: Semantics) -> None:
    good = isinstance(value, str) and _MD5.fullmatch(value) is not None
    _must(good, name, "must be 1 to 80 printable ASCII characters other than the quotation and question marks")


def _fqdn(name: str, value: object, _: Semantics) -> None:
    good = isinstance(value, str) and _FQDN.fullmatch(value) is not None
    _must(good, name, "must have the form <label>.<account ID>.custom.ipsec.cloudflare.com")


def _anything(name: str, value: object, semantics: Semantics) -> None:
    """Leave the judgement to a later step that knows more than the value."""


_CHECKERS: Mapping[str, Checker] = {
    "name": _filled,
    "cloudflare_endpoint": _endpoint,
    "interface_address": _interface,
    "interface_address6": _clearing(_interface),
    "customer_endpoint": _clearing(_endpoint),
    "description": _text,
    "psk": _filled,
    "replay_protection": _flag,
    "automatic_return_routing": _routing,
    "health_check": _object,
    "bgp": _object,
    "custom_remote_identities": _object,
}
_HEALTH: Mapping[str, Checker] = {
    "enabled": _flag,
    "rate": _one_of("low", "mid", "high"),
    "type": _one_of("reply", "request"),
    "direction": _one_of("unidirectional", "bidirectional"),
    "target": _anything,
}
_BGP: Mapping[str, Checker] = {
    "customer_asn": _asn,
    "extra_prefixes": _prefixes,
    "md5_key": _md5,
    "import_filter_id": _text,
    "export_filter_id": _text,
}
_IDENTITIES: Mapping[str, Checker] = {"fqdn_id": _clearing(_fqdn)}


# Addresses. Cached, since the same texts come back at every request.


@lru_cache(maxsize=65536)
def address(text: str) -> str | None:
    """The canonical text of an IP address, or None when `text` is not one."""
    try:
        return str(ip_address(text))
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def interface(text: str) -> tuple[int, int, int] | None:
    """Version, number and prefix length of `address/length`, or None when `text` is something else."""
    if "/" not in text:
        return None
    try:
        parsed = ip_interface(text)
        length = int(text.partition("/")[2])
    except ValueError:
        return None
    return parsed.version, int(parsed.ip), length


@lru_cache(maxsize=65536)
def cells(text: str) -> tuple[tuple[int, int], ...]:
    """The two-address cells of an interface network: networks overlap when they share a cell."""
    parsed = interface(text)
    if parsed is None:
        return ()
    version, number, length = parsed
    size = 32 if version == 4 else 128  # noqa: PLR2004
    first = number >> (size - length) << (size - length) >> 1
    return tuple((version, first + step) for step in range(max(1, 1 << (size - length) >> 1)))


@lru_cache(maxsize=65536)
def peer(text: str) -> str:
    """The other host of a /31 or /30, which a bidirectional health check probes; `""` if none."""
    try:
        own = IPv4Interface(text)
    except ValueError:
        return ""
    return next((str(host) for host in own.network.hosts() if host != own.ip), "")


@lru_cache(maxsize=65536)
def respell(text: str, spelling: Spelling) -> str:
    """An equal spelling of an address or prefix: as sent, shortest, or longest in capitals."""
    if spelling == "as_sent":
        return text
    try:
        parsed = ip_interface(text)
    except ValueError:
        return text
    plain = parsed if "/" in text else parsed.ip
    return str(plain) if spelling == "canonical" else plain.exploded.upper()
