"""Switches for all that the published API contract leaves open; defaults are the best-supported reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

Put = Literal["merge", "replace"]


@dataclass(frozen=True, slots=True)
class Semantics:
    """How the simulated server reads what is not documented."""

    # PUT of one tunnel merges into it or replaces it (API: the documented examples send one field), and so do the items
    # of a bulk PUT. Both merges go into `health_check`.
    single_put: Put = "merge"
    bulk_put: Put = "merge"
    # Whether a merge also goes into `bgp` and `custom_remote_identities`, or takes them whole.
    object_put: Put = "replace"
    # Bulk PUT judges the end state as a whole, or item by item but all or nothing, or item by item with the items
    # before a refused one kept.
    bulk: Literal["atomic", "sequential", "prefix"] = "atomic"
    # `wrapped` takes `{"ipsec_tunnels": […]}`, `array` a bare list, `none` refuses every bulk body.
    bulk_body: Literal["wrapped", "array", "none"] = "wrapped"
    bulk_limit: int = 0  # most items that a bulk PUT takes; 0 is no limit
    bulk_limit_status: Literal[413, 400] = 413
    # Create answers with the tunnel or with `{"ipsec_tunnels": [tunnel]}` (API: both documented).
    create_shape: Literal["object", "collection"] = "object"
    # How what is unset is listed. The defaults are what the official Terraform provider's acceptance test needs (see
    # the docs). Text is so inside a set `bgp` too; objects are `bgp` and `custom_remote_identities`; prefixes are
    # `extra_prefixes` inside a set `bgp`; the target is the health check's.
    unset_text: Literal["absent", "null", "empty"] = "absent"
    unset_object: Literal["absent", "null", "zero"] = "absent"
    unset_flag: Literal["absent", "null", "false"] = "absent"
    unset_prefixes: Literal["empty", "absent", "null"] = "empty"
    unset_target: Literal["absent", "null", "empty"] = "absent"
    # How an account without tunnels is listed: `[]`, or null as servers written in Go may do.
    empty_list: Literal["list", "null"] = "list"
    # What null for `bgp` or `custom_remote_identities` does in a request: it is refused like any other null, or not.
    null_object: Literal["refused", "clears", "ignored"] = "refused"
    # What `""` does to an endpoint, IPv6 address or identity. For a description it always clears.
    empty_text: Literal["clears", "refused", "ignored"] = "clears"
    order: Literal["insertion", "name", "reverse", "shuffled"] = "insertion"  # of the list; a new shuffle at each read
    list_lag: int = 0  # how many list reads after a write still show the state before it
    names: Literal["as_sent", "lower", "nfc"] = "as_sent"  # how they are kept; NFC is Unicode's normal form
    text: Literal["as_sent", "trimmed"] = "as_sent"  # names and descriptions lose white space at both ends or not
    spelling: Literal["as_sent", "canonical", "odd"] = "as_sent"  # of addresses and prefix lists; `odd` is equal too
    # `health_check.direction` when none was sent (API: sources contradict each other).
    default_direction: Literal["unidirectional", "bidirectional"] = "unidirectional"
    names_unique: bool = True  # refuses two tunnels of one name
    addresses_unique: bool = True  # refuses overlapping interface networks
    # HTTP status of these two refusals (API: undocumented; 400 is what it says of wrong values).
    conflict_status: Literal[400, 409] = 400
    read_only: Literal["ignored", "refused"] = "ignored"  # read-only fields in a request
    # `modified` and `deleted` in answers: always true, true when something changed, always false.
    modified_flag: Literal["true", "effective", "false"] = "true"
    replaced_psk: Literal["kept", "cleared"] = "kept"  # by a replacing PUT without `psk`
    psk_refusals: frozenset[str] = frozenset()  # names or ids of tunnels whose key the bulk key call leaves unapplied
    asn_max: int = 4294967295  # highest `customer_asn` (API: int32 in the schema, 4-byte in the documentation)
    coupler_integration: bool = True  # account flag that allows `automatic_return_routing: true`
    # BGP sessions (see `sessions`): whether tunnels with `bgp` show one; seconds until it is up after a change, and for
    # how long a dead one still reads up; tunnels whose session never comes up after a change; whether a change leaves
    # sessions alone; seconds after which one that came up goes down again, up again, and so on.
    bgp_status: Literal["shown", "absent"] = "shown"
    bgp_lag: int = 3
    bgp_hold: int = 0
    bgp_down: frozenset[str] = frozenset()
    bgp_keeps: bool = False
    bgp_flap: int = 0
    # How static routes are listed: whole, null whatever there is, or not at all: 403 or 404.
    routes: Literal["listed", "null", "forbidden", "absent"] = "listed"
    # Tunnels carry fields that no contract names (`x_*`, settable and lost when a replacing PUT omits them) and the
    # read-only facts `remote_identities`, `allow_null_cipher`.
    server_fields: bool = False
    # Token to `write` or `read`; None lets any non-empty token write.
    tokens: Mapping[str, str] | None = field(default=None, hash=False, repr=False)
    # Calls and seconds per token; over it all calls are refused for that many seconds.
    rate_limit: tuple[int, float] | None = None
    retry_after: Literal["seconds", "date", "none"] = "seconds"  # form of `Retry-After` on 429
    seed: int = 0  # makes ids and shuffles differ between simulators

    @classmethod
    def parse(cls, text: str) -> "Semantics":
        """Read switches as `name=value,name=value`.

        Lists are separated by `;` (`psk_refusals=a;b`), tokens are `tokens=secret:write;other:read`, a rate
        limit is `rate_limit=8/2` (calls/seconds). `put=…` sets both kinds of PUT, `unset=absent`, `null` or `explicit`
        all switches `unset_*`. Of two values for one switch the later counts.

        Raises:
            ValueError: Unknown switch or value; the message names the choices.
        """
        values: dict[str, Any] = {}
        hints = get_type_hints(cls)
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, given, value = part.partition("=")
            for switch, chosen in _spread(name.strip(), value.strip()).items():
                if switch not in hints:
                    raise ValueError(f"unknown switch {switch!r}; known: {', '.join(sorted(hints))}")
                if not given:
                    raise ValueError(f"{switch}: needs a value, as {switch}=VALUE")
                values[switch] = _value(switch, hints[switch], chosen)
        return cls(**values)


_EXPLICIT = {
    "unset_text": "empty",
    "unset_object": "zero",
    "unset_flag": "false",
    "unset_prefixes": "empty",
    "unset_target": "empty",
}


def _spread(name: str, value: str) -> dict[str, str]:
    """The switches that one part of the text sets: several for a short form."""
    if name == "put":
        return {"single_put": value, "bulk_put": value}
    if name != "unset":
        return {name: value}
    if value not in ("absent", "null", "explicit"):
        raise ValueError(f"unset: {value!r} is not one of absent, null, explicit")
    return _EXPLICIT if value == "explicit" else dict.fromkeys(_EXPLICIT, value)


def _value(name: str, hint: object, text: str) -> object:
    if get_origin(hint) is Literal:
        choices = {str(choice): choice for choice in get_args(hint)}
    elif hint is bool:
        choices = {"true": True, "false": False}
    else:
        return _free_value(name, text)
    if text not in choices:
        raise ValueError(f"{name}: {text!r} is not one of {', '.join(choices)}")
    return choices[text]


def _free_value(name: str, text: str) -> object:
    try:
        if name in ("psk_refusals", "bgp_down"):
            return frozenset(filter(None, text.split(";")))
        if name == "tokens":
            return dict(_token(pair) for pair in text.split(";"))
        if name == "rate_limit":
            calls, _, seconds = text.partition("/")
            return int(calls), float(seconds)
        number = int(text)
    except ValueError as error:
        raise ValueError(f"{name}: cannot read the value ({error})") from None
    if number < 0:
        raise ValueError(f"{name}: must not be negative")
    return number


def _token(pair: str) -> tuple[str, str]:
    token, _, right = pair.rpartition(":")
    if not token or right not in {"read", "write"}:
        raise ValueError("expected token:read or token:write")
    return token, right


DEFAULT = Semantics()
