"""Warnings: what the API may take and Cloudflare's guides rule out, and what people do by mistake.

A value from `defaults` is warned of once, where it stands: a warning that names no tunnel is the same for all of them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from ipaddress import ip_address, ip_interface, ip_network

from pydantic import BeforeValidator, WrapValidator

from reconciler.files.consistency import Entry, EntryGroup, twice
from reconciler.model.account import AccountFile, TunnelFile
from reconciler.model.checks import ANY_TEXT
from reconciler.model.desired import Account, FileRef, Generated
from reconciler.model.problems import Diagnostic, Location, shown, warning
from reconciler.model.written import Written, marks_of, model_of
from reconciler.yaml.read import Parsed

MAX_NAME = 15
CLOUDFLARE_ASN = 13335
_CLOUDFLARES = "Cloudflare's own"

_NAME = re.compile(r"[A-Za-z0-9_.-]*")
_DOCUMENTED = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.240.0/20")))
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
_FINE = re.compile(r"10\.[0-9.]+/31|[0-9a-f:]*[02468ace]/127")
"""Cloudflare's documented private range with /31, and the first address of a /127."""
_MAYBE_NOT_PUBLIC = re.compile(r"(?:0|10|100|127|169|172|192|22[4-9]|23[0-9])\.|[0-9a-f]*:")
"""Parsing takes time, and most addresses begin otherwise."""
_RESERVED_ASNS = (range(1), range(23456, 23457), range(65535, 65536), range(65552, 131072), range(0xFFFFFFFF, 1 << 32))
"""What IANA's registry reserves, but for the numbers of examples: those stand for real ones, as addresses do."""


def warnings_of(groups: Iterable[EntryGroup], today: date) -> Iterator[Diagnostic]:
    """All warnings about the accounts, account by account.

    Args:
        groups: The accounts.
        today: The day (UTC) on which rules with an end are judged.
    """
    for group in groups:
        yield from _rules(group.account, today)
        yield from _names(group.entries)
        yield from _pairs(group.entries)
        for entry in group.entries:
            yield from _inner(entry)
            yield from _endpoints(group, entry)
            yield from _asn(group, entry)
            yield from _health_check_target(group, entry)
            yield from _psk(entry)


def _origin(group: EntryGroup, entry: Entry, *path: str) -> Location:
    """Where a value stands: in the tunnel, or in the defaults that give it."""
    places = [(entry.document, ("tunnels", entry.item)), (entry.document, ("defaults",))]
    if group.document:
        places.append((group.document, ("defaults",)))
    for document, start in places:
        if document.holds((*start, *path)):
            return document.location((*start, *path))
    return entry.at(*path)


def glued_comments(parsed: Parsed) -> Iterator[Diagnostic]:
    """Where YAML takes a text or its end for a comment: `description: rack #7` says `rack`, `: #7` says nothing."""
    free_text = (*_free_text(AccountFile), *_free_text(TunnelFile)) if parsed.glued else ()
    for field, place in parsed.glued:
        if field in free_text:
            yield warning(
                "glued-comment",
                "a comment that may be meant as text",
                "What begins with a # behind a blank is not part of the value. Put the text in quotes if it should "
                "be, else write a blank behind the #.",
                place,
            )


def _free_text(model: type[Written]) -> Iterator[str]:
    """The fields that take any text: behind an address or a word like `mid` nobody means a comment as a part of it."""
    for name, field in model.model_fields.items():
        inside = model_of(field.annotation)
        if inside:
            yield from _free_text(inside)
        if any(isinstance(m, BeforeValidator | WrapValidator) and m.func in ANY_TEXT for m in marks_of(field)):
            yield name


def _rules(account: Account, today: date) -> Iterator[Diagnostic]:
    for rule in account.ignore:
        if rule.until is not None and today > rule.until:
            effect = "Its fields are compared again" if rule.fields else "It still protects its tunnels"
            summary = f"the rule for {shown(rule.name)} ended on {rule.until}"
            yield warning("expired-rule", summary, f"{effect}. Remove the rule, or give it a later end.", rule.location)


def _names(entries: Sequence[Entry]) -> Iterator[Diagnostic]:
    for entry in entries:
        name = entry.declared.name
        if len(name) > MAX_NAME:
            detail = f"Cloudflare's documentation allows {MAX_NAME}. Choose a shorter one."
            yield warning("long-name", f"the name {shown(name)} has {len(name)} characters", detail, entry.at("name"))
        if not _NAME.fullmatch(name):
            detail = "Cloudflare's documentation allows no spaces and no special characters. Use letters, digits and -."
            yield warning("odd-name", f"the name {shown(name)} has special characters", detail, entry.at("name"))
    for entry, other in twice(entries, lambda entry: entry.declared.name.casefold()):
        if other.declared.name != entry.declared.name:
            detail = f"{shown(other.declared.name)} at {other.at('name')} is another tunnel. Is one of them a slip?"
            summary = f"the name {shown(entry.declared.name)} differs from another one in case only"
            yield warning("similar-name", summary, detail, entry.at("name"))


def _psk(entry: Entry) -> Iterator[Diagnostic]:
    psk = entry.declared.psk
    if psk is None and "psk" not in entry.wrong:
        detail = "A tunnel without a key does not come up. Add psk: {env: NAME}, or psk: external."
        summary = f"the tunnel {shown(entry.declared.name)} declares no pre-shared key"
        yield warning("no-psk", summary, detail, entry.declared.location)
    has_age = isinstance(psk, Generated) and (psk.by == "cloudflare" or isinstance(psk.deliver_to, FileRef))
    if entry.declared.rotate_after_days is not None and not has_age:
        summary = f"the age of the key of {shown(entry.declared.name)} is never known, so it is never called overdue"
        detail = "Only a sink that is a file, or Cloudflare for a key that it made, tells an age. Remove rotate_after."
        yield warning("no-age", summary, detail, entry.at("psk", "rotate_after"))


def _inner(entry: Entry) -> Iterator[Diagnostic]:
    """Interface addresses that no side of a point-to-point link should have."""
    for path in ("interface_address", "interface_address6"):
        text = str(entry.declared.settings.get(path, ""))
        # Most are fine, and parsing takes time: of these two kinds a last digit tells.
        if not text or _FINE.fullmatch(text):
            continue
        inner = ip_interface(text)
        network = inner.network
        if network.prefixlen == 127 and inner.ip != network[0]:  # noqa: PLR2004 - two addresses
            detail = f"Cloudflare's guides give Cloudflare the first one and the device the second. Write {network}."
            summary = f"{shown(text)} is the second address of its /127"
            yield warning("second-address", summary, detail, entry.at(path))
        if network.prefixlen == 30 and inner.ip in (network[0], network[3]):  # noqa: PLR2004 - four addresses
            kind = "network" if inner.ip == network[0] else "broadcast"
            detail = f"No host can have it. Write Cloudflare's side: {network[1]}/30 or {network[2]}/30."
            yield warning("not-a-host", f"{shown(text)} is the {kind} address of its /30", detail, entry.at(path))
        if path == "interface_address" and not any(inner.ip in documented for documented in _DOCUMENTED):
            detail = "Cloudflare documents 10/8, 172.16/12, 192.168/16 and 169.254.240.0/20 only. Use one of them."
            summary = f"{shown(text)} lies outside the documented ranges"
            yield warning("public-interface", summary, detail, entry.at(path))


def _endpoints(group: EntryGroup, entry: Entry) -> Iterator[Diagnostic]:
    """Outer addresses that the Internet does not know."""
    settings = entry.declared.settings
    ours, theirs = (str(settings.get(path, "")) for path in ("cloudflare_endpoint", "customer_endpoint"))
    for path, text in (("cloudflare_endpoint", ours), ("customer_endpoint", theirs)):
        if _MAYBE_NOT_PUBLIC.match(text) and (kind := _not_public(text)):
            detail = "The tunnel's outer packets cross the Internet. Write the public address of that end."
            yield warning("not-public", f"{shown(text)} is {kind} address", detail, _origin(group, entry, path))
    if ours and ours == theirs:
        detail = "cloudflare_endpoint is Cloudflare's address, customer_endpoint the device's. Correct one of them."
        place = _origin(group, entry, "customer_endpoint")
        yield warning("same-endpoints", "both endpoints are the same address", detail, place)


@lru_cache(maxsize=16384)
def _not_public(text: str) -> str:
    """`a private`, `a loopback` and so on; nothing for an address that can be an end of a tunnel, or be an example."""
    found = ip_address(text)
    found = getattr(found, "ipv4_mapped", None) or found
    kinds = (
        ("an unspecified", found.is_unspecified),
        ("a loopback", found.is_loopback),
        ("a link-local", found.is_link_local),
        ("a multicast", found.is_multicast),
        ("a private", any(found in network for network in _PRIVATE)),
    )
    return next((kind for kind, is_kind in kinds if is_kind), "")


def _asn(group: EntryGroup, entry: Entry) -> Iterator[Diagnostic]:
    asn = entry.asn
    if asn is None:  # `None in range(…)` would be compared with each number of the range
        return
    if asn == CLOUDFLARE_ASN or any(asn in reserved for reserved in _RESERVED_ASNS):
        summary = f"the AS number {asn} is {_CLOUDFLARES if asn == CLOUDFLARE_ASN else 'reserved'}"
        detail = "customer_asn is the device's. Write your own, or a private one like 64512 to 65534."
        if asn == 0:
            detail += " A 0 alone is taken for no BGP at all."
        yield warning("reserved-asn", summary, detail, _origin(group, entry, "bgp", "customer_asn"))


def _health_check_target(group: EntryGroup, entry: Entry) -> Iterator[Diagnostic]:
    """Health-check targets that are not probed, or that prove nothing."""
    settings = entry.declared.settings
    saved = settings.get("health_check.target.saved")
    if not saved:
        return
    path = ("health_check", "target")
    reply = settings.get("health_check.type") == "reply"
    if reply or settings.get("health_check.direction") == "bidirectional":
        summary = f"a health check that is {'of type reply' if reply else 'bidirectional'} ignores its target"
        detail = "Write type: request and direction: unidirectional beside it, or remove the target."
        yield warning("target-ignored", summary, detail, _origin(group, entry, *path))
    own = {str(settings.get(path, "")).partition("/")[0] for path in ("interface_address", "interface_address6")}
    if saved in own | {settings.get("cloudflare_endpoint")}:
        detail = "That is Cloudflare's side of it, which proves nothing. Write an address on the device's side."
        summary = "the health check's target is the tunnel's own address"
        yield warning("target-is-own-side", summary, detail, _origin(group, entry, *path))


def _pairs(entries: Iterable[Entry]) -> Iterator[Diagnostic]:
    def pair(entry: Entry) -> tuple[object, ...] | None:
        found = tuple(entry.declared.settings.get(path) for path in ("cloudflare_endpoint", "customer_endpoint"))
        return found if all(found) else None

    for entry, other in twice(entries, pair):
        yield warning(
            "same-endpoint-pair",
            "two tunnels with the same two endpoints",
            f"{shown(other.declared.name)} at {other.at('customer_endpoint')} has them too. They can "
            "only be told apart by identities. Change an endpoint if that is not meant.",
            entry.at("customer_endpoint"),
        )
