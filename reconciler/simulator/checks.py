"""What the API refuses in one tunnel of a request body, and the patch that is left otherwise.

Fields that are not known are ignored. Each field is judged alone: what tunnels may not share is for `account` to say.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address, ip_interface
from typing import Any

from reconciler.simulator.message import Json, RefusedError
from reconciler.simulator.semantics import Semantics

Rule = tuple[Callable[[Any, Semantics], bool], str]
"""Whether a value is good, and what is said of one that is not."""
Rules = dict[str, "Rule | Rules"]

READ_ONLY = frozenset(
    (
        "id",
        "created_on",
        "modified_on",
        "psk_metadata",
        "bgp_status",
        "allow_null_cipher",
        "remote_identities",
        "redundancy_group_id",
    )
)
CLEARABLE = ("customer_endpoint", "interface_address6")
OBJECTS = ("bgp", "custom_remote_identities")
_EMPTY_CLEARS = (*CLEARABLE, "custom_remote_identities.fqdn_id")


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
    nulls = [name for name in OBJECTS if name in body and body[name] is None and semantics.null_object != "refused"]
    patch = _checked(_normal({name: body[name] for name in body if name not in nulls}, semantics), _FIELDS, semantics)
    if semantics.read_only == "refused":
        for name in body:
            if name in READ_ONLY and not (bulk and name == "id"):
                raise _wrong(name, "is read-only")
    if "target" in patch.get("health_check", {}):
        patch["health_check"]["target"] = _health_target(patch["health_check"]["target"], object_form=object_form)
    if semantics.null_object == "clears":
        patch |= dict.fromkeys(nulls)
    if semantics.empty_text == "ignored":
        for name in CLEARABLE:
            if patch.get(name) == "":
                del patch[name]
        if (patch.get("custom_remote_identities") or {}).get("fqdn_id") == "":
            del patch["custom_remote_identities"]
    return patch


def _normal(body: Json, semantics: Semantics) -> Json:
    """The body with its texts as the server keeps them."""
    texts = {name: body[name] for name in ("name", "description") if isinstance(body.get(name), str)}
    if semantics.text == "trimmed":
        texts = {name: text.strip() for name, text in texts.items()}
    if "name" in texts and semantics.names == "lower":
        texts["name"] = texts["name"].lower()
    if "name" in texts and semantics.names == "nfc":
        texts["name"] = unicodedata.normalize("NFC", texts["name"])
    return body | texts


def _checked(body: Json, rules: Rules, semantics: Semantics, path: str = "") -> Json:
    """The fields of an object that the server knows, each of which keeps its rule, or its own rules if it is one."""
    known: Json = {}
    for name, value in body.items():
        rule, place = rules.get(name), f"{path}{name}"
        if value is None:
            raise _null(place)
        if rule is None:
            if semantics.server_fields and name.startswith("x_"):
                known[name] = value
        elif isinstance(rule, dict):
            if not isinstance(value, dict):
                raise _wrong(place, "must be an object")
            known[name] = _checked(value, rule, semantics, f"{place}.")
        elif rule[0](value, semantics) or (
            value == "" and place in _EMPTY_CLEARS and semantics.empty_text != "refused"
        ):
            known[name] = value
        else:
            raise _wrong(place, rule[1])
    return known


def _health_target(value: object, *, object_form: bool) -> str:
    if object_form != isinstance(value, dict):
        wanted = "an object" if object_form else "a string"
        raise _wrong("health_check.target", f"must be {wanted} with this x-magic-new-hc-target")
    saved = value.get("saved", "") if isinstance(value, dict) else value
    if saved is None:
        raise _null("health_check.target.saved")
    if not isinstance(saved, str) or (saved and address(saved) is None):
        raise _wrong("health_check.target", "must be an IP address or empty")
    return saved


def _wrong(place: str, reason: str) -> RefusedError:
    return RefusedError(f'Invalid Request: "{place}" {reason}')


def _null(place: str) -> RefusedError:
    return RefusedError(f'Invalid Request: error parsing request body: "{place}" is not permitted to be null')


# The same texts come back at every request: hence the caches here and in `account` and `tunnels`.


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


def _one_of(*choices: str) -> Rule:
    return lambda value, _: value in choices, f"must be one of {', '.join(choices)}"


def _like(pattern: str, reason: str) -> Rule:
    return lambda value, _: isinstance(value, str) and re.fullmatch(pattern, value) is not None, reason


def _interface(version: int, *lengths: int) -> Rule:
    def good(value: Any, _: Semantics) -> bool:
        parsed = interface(value) if isinstance(value, str) else None
        return parsed is not None and parsed[0] == version and parsed[2] in lengths

    return good, f"must be an IPv{version} address with a prefix length of {' or '.join(map(str, lengths))}"


_TEXT: Rule = (lambda value, _: isinstance(value, str), "must be a string")
_FILLED: Rule = (lambda value, _: isinstance(value, str) and value != "", "must be a non-empty string")
_FLAG: Rule = (lambda value, _: isinstance(value, bool), "must be a boolean")
_ADDRESS: Rule = (lambda value, _: isinstance(value, str) and address(value) is not None, "must be an IP address")
_FIELDS: Rules = {
    "name": _FILLED,
    "cloudflare_endpoint": _ADDRESS,
    "interface_address": _interface(4, 30, 31),
    "interface_address6": _interface(6, 127),
    "customer_endpoint": _ADDRESS,
    "description": _TEXT,
    "psk": _FILLED,
    "replay_protection": _FLAG,
    "automatic_return_routing": (
        lambda value, semantics: value is False or (value is True and semantics.coupler_integration),
        "must be a boolean, and true needs the account flag coupler_integration",
    ),
    "health_check": {
        "enabled": _FLAG,
        "rate": _one_of("low", "mid", "high"),
        "type": _one_of("reply", "request"),
        "direction": _one_of("unidirectional", "bidirectional"),
        "target": (lambda _value, _: True, "is judged by `_health_target`, since the header decides"),
    },
    "bgp": {
        "customer_asn": (
            lambda value, semantics: type(value) is int and 0 <= value <= semantics.asn_max,
            "must be an integer in the range of AS numbers",
        ),
        "extra_prefixes": (
            lambda value, _: (
                isinstance(value, list) and all(isinstance(text, str) and interface(text) for text in value)
            ),
            "must be a list of prefixes",
        ),
        "md5_key": _like(
            r"""[ !#-&'(-><=@A-Za-z\[\\\]^_`{|}~]{1,80}""",
            "must be 1 to 80 printable ASCII characters other than the quotation and question marks",
        ),
        "import_filter_id": _TEXT,
        "export_filter_id": _TEXT,
    },
    "custom_remote_identities": {
        "fqdn_id": _like(
            r"(?i)[A-Z0-9_]([A-Z0-9_-]{0,61}[A-Z0-9_])?\.[A-Z0-9]{1,63}\.custom\.ipsec\.cloudflare\.com",
            "must have the form <label>.<account ID>.custom.ipsec.cloudflare.com",
        )
    },
}
