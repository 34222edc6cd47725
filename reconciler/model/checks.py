"""What one scalar of the files may be: its text becomes a value of the field's type, or an error that says why not.

This is for what people write. What a checked value and one of the API mean alike is `canonical`'s to say.

    flag(Plain("true"))        True
    flag("true")               PydanticCustomError: wrong-type, "quoted text where true or false belongs"
    interface("10.20.0.0/31")  "10.20.0.0/31"

Each function takes the value as it was read and returns it with its type, or raises a `PydanticCustomError`: the type
of that is the diagnostic's code, and its context holds `summary` and `detail`. (Those with bounds or words of their own
give the marks of a field that is checked so.) No message repeats a value from a field that is for keys.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any
from unicodedata import category, normalize

from pydantic_core import PydanticCustomError

from reconciler.model.canonical import is_canonical_prefix4
from reconciler.model.problems import did_you_mean, nearest, shown
from reconciler.model.written import Marks, Plain, scalar

CLOUDFLARE = "cloudflare"

_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
# Patterns are texts, which `re` compiles when they are first used: most runs use few of them.
_NUMBER = "0|[1-9][0-9]{0,18}"  # all bounds have fewer digits; thousands of them would be slow to convert
_UNSEEN = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
"""Fillers, joiners and variation selectors; zero-width characters, soft hyphens and marks of direction are `Cf`."""
_FQDN = r"[A-Z0-9_](?:[A-Z0-9_-]{0,61}[A-Z0-9_])?\.[A-Z0-9_-]{1,63}\.custom\.ipsec\.cloudflare\.com"
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_NO_ZONES = {"localtime", "posixrules", "Factory"}  # what a machine's owner chose, beside the zones


def wrong(code: str, summary: str, detail: str) -> PydanticCustomError:
    """The error of one value, to be raised inside a validator."""
    return PydanticCustomError(code, "{summary}", {"summary": summary, "detail": detail})


def text(value: Any) -> str:
    """Text as it was written, whatever YAML would make of it."""
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    raise wrong("wrong-type", f"{_found(value)} where text belongs", "Write one value on this line.")


def filled(value: Any) -> str:
    """Text that holds something to be seen, without blanks and line ends at its ends, as a block (`|`) leaves one."""
    found = text(value).strip()
    if not visible(found):
        raise wrong("empty-value", "empty text where something is needed", "Write a value.")
    return found


def sink_path(value: Any) -> str:
    """The file of a sink. It holds the key alone, so a file of tunnels would be lost to it."""
    found = filled(value)
    if found.lower().endswith((".yaml", ".yml")):
        remedy = "The key alone is written there, over all that stands in the file. Give it a name without .yaml."
        raise wrong("bad-reference", "a YAML file where a key is to be delivered", remedy)
    return found


def owned(value: Any) -> str:
    """A name, or what names begin with and a star. Other patterns know `?` and `[` too, and nobody means them here."""
    found = filled(value)
    if not set("*?[").isdisjoint(found.removesuffix("*")):
        remedy = "A star stands at the end only, as in `lon-*`, and `?` and `[` mean nothing. Write one item for each."
        raise wrong("bad-owned-name", f"{shown(found)} is neither a name nor the beginning of names with a *", remedy)
    return found


def visible(name: str) -> str:
    """A name without characters that can't be seen. Two names that are equal here look the same to everybody."""
    if name.isascii():
        return name
    return normalize("NFC", "".join(c for c in name if category(c) != "Cf" and not re.match(_UNSEEN, c)))


def flag(value: Any) -> bool:
    """A plain `true` or `false`."""
    if isinstance(value, Plain):
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
    if isinstance(value, str) and value.lower() in ("true", "false"):
        raise wrong("wrong-type", "quoted text where true or false belongs", "Remove the quotes.")
    raise wrong("wrong-type", f"{_found(value)} where true or false belongs", "Write true or false, without quotes.")


def number(low: int, high: int) -> Marks:
    """The marks of plain decimal digits, of a value between two bounds, both inclusive."""

    def typed(value: Any) -> int:
        if not isinstance(value, str):
            raise wrong("wrong-type", f"{_found(value)} where a number belongs", "Write a plain whole number.")
        if not re.fullmatch(_NUMBER, value):
            remedy = f"Write a whole number from {low} to {high} in plain digits."
            raise wrong("wrong-type", f"{shown(value)} is not a whole number", remedy)
        if not isinstance(value, Plain):
            raise wrong("wrong-type", "quoted text where a number belongs", "Remove the quotes.")
        if not low <= (found := int(value)) <= high:
            remedy = f"Only numbers from {low} to {high} are possible here."
            raise wrong("out-of-range", f"{value} is out of range", remedy)
        return found

    return scalar(typed, type="integer", minimum=low, maximum=high)


def choice(*choices: str) -> Marks:
    """The marks of one of the words given."""
    known = frozenset(choices)

    def typed(value: Any) -> str:
        if type(value) is str and value in known:
            return value
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        remedy = f"{hint}It can be {' or '.join(choices)}."
        raise wrong("unknown-value", f"{_found(value)} is not one of the possible values", remedy)

    return scalar(typed, enum=[*choices])


def _found(value: Any) -> str:
    if isinstance(value, str):
        return shown(value)
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else "nothing"


MD5_RULE = 'It needs 1 to 80 printable ASCII characters, and neither " nor ?.'


def is_md5_key(text: str) -> bool:
    """Whether Cloudflare takes it for a BGP MD5 key.

    (API: the schema allows printable ASCII without `"` and `?`, and the documentation of BGP 80 characters.)
    """
    return bool(re.fullmatch("[ !#-<=>@-~]{1,80}", text))


def md5_key(value: Any, reference: Callable[[Any], Any]) -> Any:
    """A BGP MD5 key, or what `reference` makes of a mapping that says where it is."""
    if isinstance(value, dict):
        return reference(value)
    if value == "external":
        remedy = "For a key that somebody else sets, put bgp.md5_key under `ignore`, with `fields: [bgp.md5_key]`."
        raise wrong("bad-reference", "external can't stand here", f"A plan compares MD5 keys. {remedy}")
    if not isinstance(value, str) or not is_md5_key(value):
        remedy = f"{MD5_RULE} One that is kept elsewhere: {{env: NAME}} or {{file: PATH}}."
        raise wrong("bad-md5-key", "this is not an MD5 key that Cloudflare takes", remedy)
    return str(value)


def is_account_id(text: str) -> bool:
    """Whether it is a Cloudflare account id as the API spells them: 32 hexadecimal digits, in lower case."""
    return bool(re.fullmatch("[0-9a-f]{32}", text))


def account_id(value: Any) -> str:
    """A Cloudflare account id, in lower case."""
    found = text(value)
    if not is_account_id(found.lower()):
        remedy = "It is the 32 hexadecimal digits that the dashboard shows for the account."
        raise wrong("bad-account-id", f"{shown(found)} is not an account id", remedy)
    return found.lower()


def variable(value: Any) -> str:
    """The name of an environment variable; never shown, since it could be a key put in the wrong place."""
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value):
        remedy = "Write the variable's name (letters, digits, _), never the secret itself."
        raise wrong("bad-variable", "this is not the name of an environment variable", remedy)
    return str(value)


def day(value: Any) -> date:
    """A day, as `2027-01-31`."""
    try:
        if isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise wrong("bad-date", f"{_found(value)} is not a day", "Write it as 2027-01-31.")


def age(value: Any) -> int:
    """A number of days: `90d`, `12w` or `90`."""
    found = re.fullmatch("([1-9][0-9]{0,4})([dw]?)", value) if isinstance(value, str) else None
    if not found:
        raise wrong("bad-age", "this is not a length of time", "Write days or weeks, like 90d or 12w.")
    return int(found[1]) * (7 if found[2] == "w" else 1)


def duration(value: Any) -> int:
    """A length of time in seconds: `90s`, `5m` or `1h`."""
    found = re.fullmatch("([0-9]{1,5})([smh])", value) if isinstance(value, str) else None
    if not found:
        remedy = "Write a number with its unit: 90s, 5m or 1h."
        raise wrong("bad-duration", f"{_found(value)} is not a length of time", remedy)
    return int(found[1]) * _SECONDS[found[2]]


_CLOCK = "([01]?[0-9]|2[0-3]):([0-5][0-9])"


def clock(last: str = "23:59") -> Marks:
    """The marks of a time of day up to the last one, in minutes since midnight: `22:00`."""

    def typed(value: Any) -> int:
        if value == last == "24:00":
            return 1440
        found = re.fullmatch(_CLOCK, value) if isinstance(value, str) else None
        if not found:
            remedy = f"Write hours and minutes from 00:00 to {last}, like 22:00."
            raise wrong("bad-time", f"{_found(value)} is not a time of day", remedy)
        return int(found[1]) * 60 + int(found[2])

    return scalar(typed, type="string", pattern=f"^{_CLOCK}$" if last < "24" else f"^{_CLOCK}$|^{last}$")


def zone(value: Any) -> str:
    """The name of a time zone, such as `Europe/London`, in the data that Python finds on this machine."""
    from zoneinfo import ZoneInfo, available_timezones  # few accounts have windows

    found = text(value)
    if found not in _NO_ZONES and not found.startswith(("posix/", "right/")):
        with suppress(KeyError, ValueError, OSError):  # a folder is none, nor is a name with signs that no name has
            return ZoneInfo(found).key
    known = available_timezones() - _NO_ZONES
    if not known:
        remedy = "Install the package tzdata: that of the operating system, or that of Python."
        raise wrong("no-zone-data", "this machine has no data on time zones", remedy)
    places = {name.rpartition("/")[2]: name for name in sorted(known)}  # `London` is spelt like no whole name
    near = nearest(found, tuple(sorted(known))) or places.get(nearest(found, tuple(places)), "")
    hint = f'Did you mean "{near}"? ' if near and found not in _NO_ZONES else ""
    remedy = f"{hint}Write a name of the IANA time zone database, like Europe/London or UTC."
    raise wrong("unknown-zone", f"{shown(found)} is not a time zone", remedy)


def bound(value: Any) -> str:
    """How many of all: a count (`3`) or a share of them (`25%`), as it was written."""
    found = text(value)
    if not re.fullmatch("(100|[1-9][0-9]?)%", found) and not (re.fullmatch(_NUMBER, found) and int(found)):
        raise wrong("bad-wave", f"{shown(found)} is neither a count nor a share", "Write a number like 3, or 25%.")
    return found


def one_of_paths(paths: tuple[str, ...]) -> Marks:
    """The marks of the dotted path of a field, or of a mapping for all that is below it."""

    def typed(value: Any) -> str:
        found = text(value)
        if found not in paths:
            remedy = f"{did_you_mean(found, paths)}Write paths like health_check.rate or bgp."
            raise wrong("unknown-field", f"{shown(found)} is not a field that can be ignored", remedy)
        return found

    return scalar(typed, enum=[*paths])


def argument(value: Any) -> str:
    """One argument of a command; never shown, since people put keys there."""
    if not isinstance(value, str) or "\0" in value:
        raise wrong("wrong-type", "an argument that is not text", "Write the command as a list of words.")
    return str(value)


def generate(value: Any) -> str:
    """Who makes the key: `local` for true, or `cloudflare`."""
    if value == CLOUDFLARE:
        return CLOUDFLARE
    if isinstance(value, Plain) and value in _TRUE:
        return "local"
    raise wrong("unknown-value", "nobody of that name can make a key", f"Write true or {CLOUDFLARE}.")


def literal_psk(hint: str = "") -> PydanticCustomError:
    """The error of a key that stands in the file; it never holds the key."""
    return wrong(
        "literal-psk",
        "a pre-shared key where a reference belongs",
        hint + "Whoever reads the repository knows it: replace the key, and write {env: NAME} or external instead.",
    )


def _packed(family: int, host: str) -> bytes | None:
    try:
        return inet_pton(family, host)
    except (OSError, ValueError):
        return None


def endpoint(value: Any) -> str:
    """An IP address."""
    found = text(value)
    if _packed(AF_INET6 if ":" in found else AF_INET, found) is None:
        raise wrong("bad-address", f"{shown(found)} is not an IP address", _address_remedy(found))
    return found


def optional_endpoint(value: Any) -> str:
    """An IP address, or `""` for none."""
    return endpoint(value) if value != "" else ""


def _address_remedy(found: str) -> str:
    if "/" in found:
        return "A single address belongs here. Remove the prefix length."
    if re.search(r"(^|\.)0[0-9]", found):
        return "Leading zeros mean octal to some programs. Write each number without them."
    return "Write an address like 203.0.113.1."


def interface(value: Any) -> str:
    """An IPv4 interface address with /31 or /30."""
    found = text(value)
    host, _, length = found.partition("/")
    if _packed(AF_INET, host) is None:
        remedy = "Write Cloudflare's own address in the tunnel with its length, like 10.20.0.0/31."
        raise wrong("bad-address", f"{shown(found)} is not an IPv4 interface address", remedy)
    if length not in ("31", "30"):
        remedy = "A tunnel is a point-to-point link. Write /31 (or /30) after the address."
        raise wrong("bad-prefix-length", f"{shown(found)} has no prefix length of 31 or 30", remedy)
    return found


def interface6(value: Any) -> str:
    """An IPv6 interface address with /127, or `""` for none."""
    found = text(value)
    if not found:
        return found
    host, _, length = found.partition("/")
    if _packed(AF_INET6, host) is None:
        remedy = "Write it with its length, like 2001:db8::/127."
        raise wrong("bad-address", f"{shown(found)} is not an IPv6 interface address", remedy)
    if length != "127":
        remedy = "A tunnel is a point-to-point link. Write /127 after the address."
        raise wrong("bad-prefix-length", f"{shown(found)} has no prefix length of 127", remedy)
    return found


@lru_cache(maxsize=4096)
def _network(found: str) -> IPv4Network | IPv6Network | str:
    """The network, or what is wrong: `none`, or the network meant when host bits are set."""
    host, _, length = found.partition("/")
    if not re.fullmatch("0|[1-9][0-9]{0,2}", length) or _packed(AF_INET6 if ":" in host else AF_INET, host) is None:
        return "none"
    try:
        meant = ip_network(found, strict=False)
    except ValueError:
        return "none"
    own = _packed(AF_INET6 if ":" in host else AF_INET, host)
    return meant if meant.network_address.packed == own else str(meant)


def prefix(value: Any) -> str:
    """A CIDR prefix without host bits."""
    found = text(value)
    if is_canonical_prefix4(found):
        return found
    network = _network(found)
    if network == "none":
        raise wrong("bad-prefix", f"{shown(found)} is not a network prefix", "Write it like 10.9.0.0/16.")
    if isinstance(network, str):
        remedy = f"The address lies inside the network. Write {network}, or another length."
        raise wrong("host-bits", f"{shown(found)} has host bits set", remedy)
    return found


def parking(value: Any) -> str:
    """An IPv4 network with room for a /31."""
    network = _network(prefix(value))
    if not isinstance(network, IPv4Network) or network.prefixlen > 31:  # noqa: PLR2004 - a /31 must fit
        remedy = "Write an unused IPv4 network of at least two addresses, like 169.254.240.0/20."
        raise wrong("bad-prefix", f"{shown(value)} has no room for an IPv4 /31", remedy)
    return str(network)


def fqdn(value: Any) -> str:
    """A custom IKE identity, or `""` for none.

    (API: `<label>.<account>.custom.ipsec.cloudflare.com`.)
    """
    found = text(value)
    if found and not re.fullmatch(_FQDN, found, re.IGNORECASE):
        remedy = "Write it as <label>.<account>.custom.ipsec.cloudflare.com."
        raise wrong("bad-identity", f"{shown(found)} is not a custom identity", remedy)
    return found


ANY_TEXT = (text, filled, md5_key, argument)
"""The checks of fields that take any text, or nearly any."""
