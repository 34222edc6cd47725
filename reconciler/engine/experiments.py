"""The experiments of a measurement: what each does to the scratch tunnels, and what it makes of what it sees.

    change(first, rate high)    PUT, then GET: the rate is high
    change(first)               PUT without the rate, then GET:
                                high: the PUT was merged into the tunnel; mid, the default: it replaced it

Wrong is worse than undecided. So an experiment says something only where all other readings would have looked
otherwise: it first sees that what it is about works at all (the control), and each PUT carries a new description, by
which the GET after it is known to be no older. An answer that is neither a plain success nor a plain refusal ends the
experiment.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_interface
from typing import Any, NamedTuple

from reconciler.api.call import Ask, Conversation, NotSent, Pause, Said, Verb
from reconciler.engine.bench import Bench, Scratch, is_final, refused, taken
from reconciler.engine.listing import PATIENCE
from reconciler.model.kind import IPSEC_TUNNEL
from reconciler.model.live import ListUntrusted, live_tunnel
from reconciler.model.problems import Problem
from reconciler.model.scratch import is_scratch
from reconciler.model.tunnel import PATHS, READ_ONLY

Json = Mapping[str, Any]
Found = Mapping[str, str]
Experiment = Callable[[Bench], Conversation[Found]]
"""One of them: what it found out, switch to value, without what it leaves undecided."""

LOOKS = 3
"""Waits, at most, for GET to show a change."""

LISTS = 12
"""Equal lists that it takes to believe in an order: two tunnels shuffled look so in one of 2,048 tries."""

_MOST_LAG = 8
_ASN = 65010
_CUSTOMER = "198.51.100.1"
_PREFIX = "198.51.100.0/24"
_PREFIX6 = "2001:DB8:0::/64"  # neither the shortest nor the longest spelling
_ASNS = (4294967295, 2147483647, 65535)
_TWO: Json = {"health_check": {"rate": "high"}, "replay_protection": True}


class UndecidedError(Exception):
    """An answer that tells nothing: this experiment is over."""


class StoppedError(Exception):
    """No experiment can follow.

    Attributes:
        why: What became of the last one, or what is in the way.
    """

    def __init__(self, why: NotSent | Problem) -> None:
        super().__init__(why.message)
        self.why = why


class Tried(NamedTuple):
    """What a PUT came to.

    Attributes:
        taken: Whether it was carried out; else it was refused.
        said: The answer.
        after: The tunnels afterwards, by GET.
    """

    taken: bool
    said: Said
    after: tuple[Json, ...]

    def at(self, path: str) -> Any:
        """A value of the first tunnel afterwards, None where there is none."""
        return at(self.after[0], path)


def at(tunnel: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for key in path.split("."):
        tunnel = tunnel.get(key) if isinstance(tunnel, Mapping) else None
    return tunnel


# What experiments are made of.


def _ask(what: Ask) -> Conversation[Said]:
    (said,) = yield what
    if isinstance(said, NotSent) and is_final(said):
        raise StoppedError(said)
    if not isinstance(said, Said) or not (taken(said) or refused(said)):
        raise UndecidedError
    return said


def look(bench: Bench, tunnel: Scratch, sent: Json | None = None) -> Conversation[Json]:
    """The tunnel as it is now.

    A server may be late with its answers. So what was sent must show; and where nothing was, it is looked as often as
    the latest change has taken to show.

    Args:
        bench: Where.
        tunnel: Which one.
        sent: What was sent last.
    """
    for number, wait in enumerate((*PATIENCE[:LOOKS], None), 1):
        found = at((yield from _ask(Ask(Verb.GET, tunnel_id=tunnel.id))).envelope, f"result.{IPSEC_TUNNEL.item}")
        if at(found, "id") != tunnel.id:
            break
        shown: Json = found
        if sent is None and number >= bench.looks:
            return shown
        if sent is not None and str(shown.get("description")).strip() == sent["description"].strip():
            bench.looks = max(bench.looks, number)
            return shown
        if wait is not None:
            yield Pause(wait, f"until {tunnel.name} shows what was sent")
    raise UndecidedError


def look_again(bench: Bench) -> Conversation[None]:
    """Read both tunnels after an experiment of which nobody knows how far it came.

    Raises:
        StoppedError: One of them is no scratch tunnel any more: then it is somebody's.
    """
    for tunnel in (bench.first, bench.second):
        try:
            now = live_tunnel((yield from look(bench, tunnel)))
        except (UndecidedError, ListUntrusted):
            continue
        if not is_scratch(now, bench.network):
            raise StoppedError(Problem("changed-meanwhile", f"somebody changed {tunnel.name} while it was measured"))
        tunnel.name, tunnel.address = now.raw["name"], now.raw["interface_address"]


def change(bench: Bench, tunnel: Scratch, **fields: Any) -> Conversation[Tried]:
    """PUT of one tunnel with these fields and its identity."""
    body = {**bench.identity(tunnel), **fields}
    said = yield from _ask(Ask(Verb.UPDATE_ONE, body, tunnel.id))
    return (yield from _tried(bench, said, [(tunnel, body)]))


def change_in_bulk(bench: Bench, *changes: tuple[Scratch, Json]) -> Conversation[Tried]:
    """One bulk PUT, in the form that was found to be taken."""
    bodies = [(tunnel, {"id": tunnel.id, **bench.identity(tunnel), **fields}) for tunnel, fields in changes]
    items = [body for _, body in bodies]
    form = bench.seen.get("bulk_body")
    if form not in ("wrapped", "array"):
        raise UndecidedError
    said = yield from _ask(Ask(Verb.UPDATE, {IPSEC_TUNNEL.collection: items} if form == "wrapped" else items))
    return (yield from _tried(bench, said, bodies))


def _tried(bench: Bench, said: Said, bodies: Iterable[tuple[Scratch, Json]]) -> Conversation[Tried]:
    after = []
    for tunnel, body in bodies:
        if taken(said):
            tunnel.name, tunnel.address = body["name"], body["interface_address"]
        after.append((yield from look(bench, tunnel, body if taken(said) else None)))
    return Tried(taken(said), said, tuple(after))


def check_only(bench: Bench, tunnel: Scratch, **fields: Any) -> Conversation[Said]:
    """A PUT that the server is asked to judge and not to carry out."""
    body = {**bench.identity(tunnel), **fields}
    return (yield from _ask(Ask(Verb.UPDATE_ONE, body, tunnel.id, validate_only=True)))


def _listed(bench: Bench) -> Conversation[list[Json]]:
    """The two tunnels as one list has them, in its order."""
    said = yield from _ask(Ask(Verb.LIST))
    every = at(said.envelope, f"result.{IPSEC_TUNNEL.collection}")
    found = [t for t in every if at(t, "id") in (bench.first.id, bench.second.id)] if isinstance(every, list) else []
    if len(found) != 2:  # noqa: PLR2004 - two tunnels
        raise UndecidedError
    return found


def _must(tried: Tried, path: str, value: Any) -> None:
    """The control: what was sent must have come to pass."""
    if not tried.taken or tried.at(path) != value:
        raise UndecidedError


def _only(**found: str | None) -> Found:
    return {switch: value for switch, value in found.items() if value is not None}


def _reading(seen: Any, readings: Iterable[tuple[Any, str]]) -> str | None:
    """The reading that what was seen fits, if any; what an answer holds may be of any type."""
    return next((reading for looks_so, reading in readings if seen == looks_so), None)


def _merging(bench: Bench) -> Callable[..., Conversation[Tried]]:
    """A way to change a field so that fields left out surely stay; without one the experiment is over."""
    if bench.seen.get("single_put") == "merge":
        return lambda tunnel, **fields: change(bench, tunnel, **fields)
    if bench.seen.get("bulk_put") == "merge":
        return lambda tunnel, **fields: change_in_bulk(bench, (tunnel, fields))
    raise UndecidedError


# The experiments.


def empty_list(bench: Bench) -> Conversation[Found]:
    """The list before the tunnels were made; null is believed only when two lists say it."""
    yield from ()
    return {} if bench.before.tunnels else {"empty_list": "null" if bench.before.lists > 1 else "list"}


def create_shape(bench: Bench) -> Conversation[Found]:
    """What the create of the second tunnel was answered."""
    yield from ()
    result = bench.made.envelope.get("result") if bench.made and taken(bench.made) else None
    wrapped = at(result, IPSEC_TUNNEL.collection)
    if isinstance(at(result, "id"), str):
        return {"create_shape": "object"}
    return {"create_shape": "collection"} if isinstance(wrapped, list) and len(wrapped) == 1 else {}


def list_lag(bench: Bench) -> Conversation[Found]:
    """How many lists right after a change do not show it: twice, since a lag in time would differ."""
    counts = []
    for rate in ("low", "high"):
        _must((yield from change(bench, bench.first, health_check={"rate": rate})), "health_check.rate", rate)
        for count in range(_MOST_LAG + 1):
            listed = yield from _listed(bench)
            if any(at(tunnel, "health_check.rate") == rate for tunnel in listed if tunnel["id"] == bench.first.id):
                counts.append(count)
                break
    # A GET that had to be waited for says that the lists were not right after the change.
    return {"list_lag": str(counts[0])} if counts == counts[:1] * 2 and bench.looks == 1 else {}


def unset(bench: Bench) -> Conversation[Found]:
    """How a tunnel looks of which nothing was set; the list and GET must agree."""
    found = yield from look(bench, bench.first)
    readings = [_fresh(tunnel) for tunnel in (found, bench.first.listed)]
    return {switch: value for switch, value in readings[0].items() if readings[1].get(switch) == value}


def _fresh(tunnel: Json) -> Found:
    health = at(tunnel, "health_check") or {}
    direction = at(health, "direction")
    return _only(
        unset_text=_form(tunnel, ("customer_endpoint", "interface_address6"), empty=lambda v: v == ""),
        unset_object=_form(
            tunnel,
            ("bgp", "custom_remote_identities"),
            zero=lambda v: isinstance(v, dict) and v != {} and not any(v.values()),
        ),
        unset_flag=_form(tunnel, ("replay_protection", "automatic_return_routing"), false=lambda v: v is False),
        unset_target=_form(at(health, "target") or {}, ("saved",), empty=lambda v: v == ""),
        default_direction=direction if direction in ("unidirectional", "bidirectional") else None,
        server_fields=_server_fields(tunnel),
    )


def _form(values: Any, keys: Iterable[str], **forms: Callable[[Any], bool]) -> str | None:
    """How these keys are unset, if all are in the same way: `absent`, `null` or one of the forms."""
    found = set()
    for key in keys:
        fits = (form for form, test in forms.items() if key in values and test(values[key]))
        found.add("absent" if key not in values else "null" if values[key] is None else next(fits, None))
    return found.pop() if len(found) == 1 else None


def _server_fields(tunnel: Json) -> str | None:
    facts = "remote_identities" in tunnel, "allow_null_cipher" in tunnel
    unknown = _has_unknown(tunnel)
    if unknown and all(facts):
        return "true"
    return None if unknown or any(facts) else "false"


def _has_unknown(values: Json, before: str = "") -> bool:
    """Whether there is a field that no contract names."""
    for key, value in values.items():
        path = f"{before}{key}"
        if path in READ_ONLY:
            continue
        if path not in PATHS or (isinstance(value, dict) and _has_unknown(value, f"{path}.")):
            return True
    return False


def single_put(bench: Bench) -> Conversation[Found]:
    """PUT of one field, then PUT without it."""
    _must((yield from change(bench, bench.first, **_TWO)), "health_check.rate", "high")
    return _only(single_put=_put((yield from change(bench, bench.first))))


def bulk_put(bench: Bench) -> Conversation[Found]:
    """The same as an item of a bulk PUT."""
    _must((yield from change_in_bulk(bench, (bench.first, _TWO))), "health_check.rate", "high")
    return _only(bulk_put=_put((yield from change_in_bulk(bench, (bench.first, {})))))


def _put(without: Tried) -> str | None:
    kept = without.at("health_check.rate"), bool(without.at("replay_protection"))
    return _reading(kept, ((("high", True), "merge"), (("mid", False), "replace"))) if without.taken else None


def bulk_body(bench: Bench) -> Conversation[Found]:
    """An item that a single PUT takes, in both forms."""
    _must((yield from change(bench, bench.first)), "id", bench.first.id)
    for form in ("wrapped", "array"):
        item = {"id": bench.first.id, **bench.identity(bench.first)}
        said = yield from _ask(Ask(Verb.UPDATE, {IPSEC_TUNNEL.collection: [item]} if form == "wrapped" else [item]))
        if taken(said):
            yield from look(bench, bench.first, item)
            return {"bulk_body": form}
    return {"bulk_body": "none"}


def bulk_limit(bench: Bench) -> Conversation[Found]:
    """Two items, each of which goes alone: with two tunnels a limit of one can be seen, and no other."""
    both: tuple[tuple[Scratch, Json], ...] = ((bench.first, {}), (bench.second, {}))
    for one in both:
        _must((yield from change_in_bulk(bench, one)), "id", one[0].id)
    tried = yield from change_in_bulk(bench, *both)
    if tried.taken:
        return {}
    status = str(tried.said.status)
    return _only(bulk_limit="1", bulk_limit_status=status if status in ("413", "400") else None)


def bulk(bench: Bench) -> Conversation[Found]:
    """A bulk PUT whose second item is wrong, then one in which two tunnels swap what only one may hold."""
    both = bench.first, bench.second
    plain = yield from change_in_bulk(bench, *((tunnel, {"health_check": {"rate": "low"}}) for tunnel in both))
    _must(plain, "health_check.rate", "low")
    rates = "high", "none"
    wrong = yield from change_in_bulk(
        bench, *((tunnel, {"health_check": {"rate": rate}}) for tunnel, rate in zip(both, rates, strict=True))
    )
    if wrong.taken:
        return {}
    if wrong.at("health_check.rate") == "high":
        return {"bulk": "prefix"}
    if bench.seen.get("addresses_unique") == "true":
        path, free, values = "interface_address", bench.spare, [tunnel.address for tunnel in both]
    elif bench.seen.get("names_unique") == "true":
        path, free, values = "name", bench.name("6"), [tunnel.name for tunnel in both]
    else:
        return {}
    for value in (free, values[1]):  # one alone may move
        _must((yield from change_in_bulk(bench, (bench.second, {path: value}))), path, value)
    swapped = yield from change_in_bulk(
        bench, *((tunnel, {path: value}) for tunnel, value in zip(both, reversed(values), strict=True))
    )
    if swapped.taken:
        return {"bulk": "atomic"} if [at(tunnel, path) for tunnel in swapped.after] == values[::-1] else {}
    return {"bulk": "sequential"}


def modified_flag(bench: Bench) -> Conversation[Found]:
    """The same PUT twice: the second changes nothing."""
    body = bench.identity(bench.first)
    flags: list[Any] = []
    for _ in range(2):
        said = yield from _ask(Ask(Verb.UPDATE_ONE, body, bench.first.id))
        flags.append(at(said.envelope, "result.modified") if taken(said) else None)
    yield from look(bench, bench.first, body)
    forms = ([True, True], "true"), ([True, False], "effective"), ([False, False], "false")
    return _only(modified_flag=_reading(flags, forms))


def bgp(bench: Bench) -> Conversation[Found]:
    """BGP with an ASN alone: what is unset beside it, and whether a session shows."""
    tried = yield from change(bench, bench.first, bgp={"customer_asn": _ASN})
    _must(tried, "bgp.customer_asn", _ASN)
    return _only(
        unset_prefixes=_form(tried.at("bgp"), ("extra_prefixes",), empty=lambda v: v == []),
        bgp_status="shown" if isinstance(tried.at("bgp_status"), dict) else None,
    )


def asn_max(bench: Bench) -> Conversation[Found]:
    """The highest of three numbers that is taken, while the next one is not."""
    for highest in _ASNS:
        tried = yield from change(bench, bench.first, bgp={"customer_asn": highest})
        if tried.taken:
            _must(tried, "bgp.customer_asn", highest)
            over = yield from change(bench, bench.first, bgp={"customer_asn": highest + 1})
            return {} if over.taken else {"asn_max": str(highest)}
    return {}


def object_put(bench: Bench) -> Conversation[Found]:
    """BGP with prefixes, then BGP without them, by a PUT that merges."""
    merge = _merging(bench)
    set_before = yield from merge(bench.first, bgp={"customer_asn": _ASN, "extra_prefixes": [_PREFIX]})
    _must(set_before, "bgp.extra_prefixes", [_PREFIX])
    tried = yield from merge(bench.first, bgp={"customer_asn": _ASN + 1})
    _must(tried, "bgp.customer_asn", _ASN + 1)
    return {"object_put": "merge" if tried.at("bgp.extra_prefixes") else "replace"}


def spelling(bench: Bench) -> Conversation[Found]:
    """A prefix that is written neither in the shortest nor in the longest way."""
    tried = yield from change(bench, bench.first, bgp={"customer_asn": _ASN, "extra_prefixes": [_PREFIX6]})
    kept, sent = tried.at("bgp.extra_prefixes"), ip_interface(_PREFIX6)
    try:
        (prefix,) = kept if tried.taken else []
        same = ip_interface(prefix) == sent
    except (TypeError, ValueError):
        return {}
    return {"spelling": _reading(prefix, ((_PREFIX6, "as_sent"), (str(sent), "canonical"))) or "odd"} if same else {}


def null_object(bench: Bench) -> Conversation[Found]:
    """Null for a BGP that is set."""
    _must((yield from change(bench, bench.first, bgp={"customer_asn": _ASN})), "bgp.customer_asn", _ASN)
    tried = yield from change(bench, bench.first, bgp=None)
    if not tried.taken:
        return {"null_object": "refused"}
    # Where a PUT replaces, a null that is ignored removes it as well.
    merge = _merging(bench)
    _must((yield from merge(bench.first, bgp={"customer_asn": _ASN})), "bgp.customer_asn", _ASN)
    tried = yield from merge(bench.first, bgp=None)
    if not tried.taken:
        return {}
    return {"null_object": "ignored" if tried.at("bgp.customer_asn") == _ASN else "clears"}


def empty_text(bench: Bench) -> Conversation[Found]:
    """An empty text for a customer endpoint that is set."""
    _must((yield from change(bench, bench.first, customer_endpoint=_CUSTOMER)), "customer_endpoint", _CUSTOMER)
    tried = yield from change(bench, bench.first, customer_endpoint="")
    if not tried.taken:
        return {"empty_text": "refused"}
    merge = _merging(bench)
    _must((yield from merge(bench.first, customer_endpoint=_CUSTOMER)), "customer_endpoint", _CUSTOMER)
    tried = yield from merge(bench.first, customer_endpoint="")
    if not tried.taken:
        return {}
    return {"empty_text": "clears" if not tried.at("customer_endpoint") else "ignored"}


def read_only(bench: Bench) -> Conversation[Found]:
    """A read-only field with the value that it has."""
    plain = yield from change(bench, bench.first)
    created_on = plain.at("created_on")
    if not plain.taken or not isinstance(created_on, str):
        return {}
    tried = yield from change(bench, bench.first, created_on=created_on)
    return {"read_only": "ignored" if tried.taken else "refused"}


def coupler_integration(bench: Bench) -> Conversation[Found]:
    """Automatic return routing, switched off and on."""
    plain = yield from change(bench, bench.second, automatic_return_routing=False)
    tried = yield from change(bench, bench.second, automatic_return_routing=True)
    if not plain.taken or tried.taken != (tried.at("automatic_return_routing") is True):
        return {}
    if tried.taken:
        yield from change(bench, bench.second, automatic_return_routing=False)
    return {"coupler_integration": "true" if tried.taken else "false"}


def texts(bench: Bench) -> Conversation[Found]:
    """A description with blanks around it."""
    padded = f"  {bench.identity(bench.first)['description']}  "
    tried = yield from change(bench, bench.first, description=padded)
    forms = (padded, "as_sent"), (padded.strip(), "trimmed")
    return _only(text=_reading(tried.at("description"), forms) if tried.taken else None)


def names(bench: Bench) -> Conversation[Found]:
    """A name with a capital letter, then one with a letter and an accent of its own."""
    before = bench.first.name
    capital, accented = bench.name("A"), bench.name("e\N{COMBINING ACUTE ACCENT}")
    kept: list[Any] = []
    for name in (capital, accented):
        tried = yield from change(bench, bench.first, name=name)
        kept.append(tried.at("name") if tried.taken else None)
    yield from change(bench, bench.first, name=before)
    forms = (
        ([capital, accented], "as_sent"),
        ([capital.lower(), accented], "lower"),
        ([capital, unicodedata.normalize("NFC", accented)], "nfc"),
    )
    return _only(names=_reading(kept, forms))


def conflicts(bench: Bench) -> Conversation[Found]:
    """The second tunnel takes the first one's address; and would take its name.

    Two tunnels of one name would make a list that nobody trusts, so the name is only checked: a refusal tells, and a
    good answer only if the same check finds fault with the address.
    """
    first, second = bench.first, bench.second
    own, spare = second.address, bench.spare
    for address in (spare, own):
        _must((yield from change(bench, second, interface_address=address)), "interface_address", address)
    clash = yield from change(bench, second, interface_address=first.address)
    statuses = set() if clash.taken else {clash.said.status}
    found = {"addresses_unique": "false" if clash.taken else "true"}
    if clash.taken:
        yield from change(bench, second, interface_address=own)
    checked = yield from _name_is_unique(bench, strict=not clash.taken)
    if checked is not None:
        found["names_unique"] = "true" if refused(checked) else "false"
        statuses |= {checked.status} if refused(checked) else set()
    status = statuses.pop() if len(statuses) == 1 else 0
    return found | ({"conflict_status": str(status)} if status in (400, 409) else {})


def _name_is_unique(bench: Bench, *, strict: bool) -> Conversation[Said | None]:
    """What a check says of a second tunnel of one name; None where it tells nothing.

    Args:
        bench: Where.
        strict: Whether the server refuses two tunnels of one address, so that its checks can be tried with that.
    """
    second, other = bench.second, bench.name("4")
    before = yield from look(bench, second)
    free = yield from check_only(bench, second, name=other)
    after = yield from look(bench, second)
    if not taken(free) or at(after, "name") != at(before, "name"):  # or a check is carried out
        return None
    said = yield from check_only(bench, second, name=bench.first.name)
    if refused(said):
        return said
    works = strict and refused((yield from check_only(bench, second, interface_address=bench.first.address)))
    return said if works else None


def order(bench: Bench) -> Conversation[Found]:
    """Which tunnel comes first in a dozen lists, while its name is the later one and while it is the earlier one."""
    first: list[bool] = []
    for end in ("9", "2"):  # the other one has 5 or 8
        name = bench.name(end)
        _must((yield from change(bench, bench.first, name=name)), "name", name)
        for wait in (*PATIENCE, None):
            if any(tunnel.get("name") == name for tunnel in (yield from _listed(bench))):
                break
            if wait is None:
                return {}
            yield Pause(wait, "until the list shows the new name")
        leads = set()
        for _ in range(LISTS):
            leads.add((yield from _listed(bench))[0]["id"] == bench.first.id)
        if len(leads) > 1:
            return {"order": "shuffled"}
        first += leads
    forms = ([True, True], "insertion"), ([False, True], "name"), ([False, False], "reverse")
    return _only(order=_reading(first, forms))


def routes(_: Bench) -> Conversation[Found]:
    """The list of static routes. Null tells nothing: it may stand for none."""
    (said,) = yield Ask(Verb.ROUTES)
    if not isinstance(said, Said):
        return {}
    listed = isinstance(at(said.envelope, "result.routes"), list) and taken(said)
    forms = {403: "forbidden", 404: "absent"}
    return _only(routes="listed" if listed else forms.get(said.status) if said.envelope.get("errors") else None)
