"""What an answer says, read strictly, and how much of it may be repeated.

Cloudflare wraps every answer in one envelope:

    {"success": true, "errors": [], "messages": [], "result": {"modified": true, "modified_ipsec_tunnels": [...]}}

Nothing in it is guessed. An answer to a write that does not say what was done leaves the write uncertain, and a list
that could be a part of a longer one is refused: whoever takes a part for the whole deletes or doubles the rest.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import isinf
from typing import Any

from reconciler.api.call import UNKNOWN, Answered, ApiError, Call, Verb
from reconciler.model.kind import IPSEC_TUNNEL
from reconciler.model.live import ListIsNull, ListUntrusted, live_from_result
from reconciler.model.tunnel import PATHS

MAX_BODY = 32 * 1024 * 1024
"""Longest answer that is read, in bytes after decoding."""

_MAX_DEPTH = 64
# Of what an answer says of a failure, as much as a person reads. Its length is the server's choice, and it goes into
# reports, logs and comments.
_MAX_CODE = 64
_MAX_MESSAGE = 500
_MAX_ERRORS = 20
_MAX_MESSAGES = 10
_MAX_CHAIN = 5
_CONTAINERS = frozenset((dict, list))
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")

Quotes = Callable[[str], bool]
"""Whether a text holds a key or token, whatever its spelling."""

Wrap = Callable[[str], Any]
"""Makes a secret of the text of a key that Cloudflare generated."""


class UnreadableError(Exception):
    """An answer that can't be believed. Its text is fixed, so it holds nothing of the answer."""


class NotDoneError(Exception):
    """The server says that it did not do it, in an answer that is a success otherwise."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# The envelope.


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of an answer, unchecked: `success` and `errors` may be of any JSON type. `beside` is all the rest."""

    success: object
    errors: object
    messages: object
    result: object
    result_info: object
    beside: Mapping[str, object]


def open_envelope(body: bytes) -> Envelope:
    """The envelope in a body.

    Raises:
        UnreadableError: Not one JSON object in UTF-8 (a byte order mark may lead) within the limits of size
            and depth, with unique keys, finite numbers and whole characters.
    """
    if len(body) > MAX_BODY:
        raise UnreadableError("the answer is too long")
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float)
    except (ValueError, RecursionError):  # ValueError: bad UTF-8, bad JSON, or an integer of thousands of digits
        raise UnreadableError("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise UnreadableError("the answer is not a JSON object")
    _check_depth(value)
    if _SURROGATE_ESCAPE.search(text) is not None:  # half a character can be escaped in JSON, and sent nowhere
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise UnreadableError("the answer holds broken Unicode") from None
    named = {key: value.pop(key, None) for key in ("success", "errors", "messages", "result", "result_info")}
    return Envelope(**named, beside=value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("the answer has an object with the same key twice")
    return found


def _constant(_: str) -> Any:
    raise UnreadableError("the answer holds a number that JSON does not allow")


def _float(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise UnreadableError("the answer holds a number that is too large")
    return value


def _check_depth(value: object) -> None:
    # Level by level and not by recursion, which could exhaust Python's stack.
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        if not level:
            return
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)  # type: ignore[attr-defined]
            if type(child) in _CONTAINERS
        ]
    raise UnreadableError("the answer is nested too deeply")


# Errors and messages.


def api_errors(errors: object) -> tuple[ApiError, ...]:
    """The entries of `errors` and what is chained to them (API: every part of an entry may be missing)."""
    entries = errors if isinstance(errors, list) else []
    return tuple(islice((error for entry in entries for error in _with_causes(entry)), _MAX_ERRORS))


def api_messages(messages: object) -> tuple[ApiError, ...]:
    """The entries of `messages` that say something."""
    entries = messages if isinstance(messages, list) else []
    spoken = [e for e in entries if _text(e.get("message") if isinstance(e, dict) else e)]
    return tuple(next(_with_causes(entry)) for entry in spoken[:_MAX_MESSAGES])


def _with_causes(entry: object, depth: int = 0) -> Iterator[ApiError]:
    """An entry of `errors`, and behind it those of its `error_chain`."""
    fields = entry if isinstance(entry, dict) else {"message": entry}
    code = fields.get("code")
    yield ApiError(
        str(code) if isinstance(code, (str, int)) and not isinstance(code, bool) else UNKNOWN,
        _text(fields.get("message")) or "no message",
        documentation_url=_text(fields.get("documentation_url")),
        field=_field(fields.get("source")),
    )
    chain = fields.get("error_chain")
    if isinstance(chain, list) and depth < _MAX_CHAIN:
        for cause in chain:
            yield from _with_causes(cause, depth + 1)


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _field(source: object) -> str | None:
    """What an error's `source.pointer` names: `bgp.customer_asn` for `/ipsec_tunnels/0/bgp/customer_asn`.

    (API: the form of the pointer is not documented.)
    """
    pointer = _text(source.get("pointer")) if isinstance(source, dict) else None
    if pointer is None:
        return None
    parts = [part for part in re.split(r"[][/.#]", pointer) if part and not part.isdigit()]
    while parts and parts[0] in ("body", IPSEC_TUNNEL.collection, "psks"):  # what a request wraps a tunnel in
        del parts[0]
    path = ".".join(parts)
    return path if path in PATHS else pointer


# What may be shown of them. A server may spell what it quotes in any way: in hexadecimal, as numbers, in pieces. So in
# the answer to a call that carried a key nothing is looked for: of such an answer only codes and the names of our own
# fields are kept. In all other answers, what quotes a key or the token is found by the redactor.

WITHHELD = "Cloudflare's message is withheld, since it may quote a key"
_ASK = f"{WITHHELD}; `reconciler plan --server-check` asks without the pre-shared key, and shows what it says"
_CODE = re.compile(r"\d{1,6}", re.ASCII)
"""What Cloudflare's codes look like. Anything else in the place of a code could be a key."""


def may_be_shown(call: Call, errors: Iterable[ApiError], quotes: Quotes) -> tuple[ApiError, ...]:
    """What the server said of a call, without the words that may quote a key, and no longer than anybody reads."""
    if carries_key(call):
        ask = call.verb is Verb.CREATE and not _has_md5_key(call.body)
        return tuple(_silenced(error, _ASK if ask else WITHHELD) for error in errors)
    # Shortened last: half a secret would not be found.
    return tuple(_silenced(e, WITHHELD) if any(map(quotes, _words(e))) else _shortened(e) for e in errors)


def carries_key(call: Call) -> bool:
    """Whether a call or its answer holds a key: a pre-shared key, a generated one, or a BGP key of any tunnel in it.

    (Of a bulk update that is refused, the one tunnel at fault is found by sending parts of it: what is said of that
    one is withheld only if it has a BGP key itself.)
    """
    if call.psks or call.verb in (Verb.SET_PSKS, Verb.GENERATE_PSK):
        return True
    return any(map(_has_md5_key, (call.body, *call.body.get("items", ()))))


def _has_md5_key(tunnel: Mapping[str, Any]) -> bool:
    bgp = tunnel.get("bgp")
    return isinstance(bgp, Mapping) and bool(bgp.get("md5_key"))


def _words(error: ApiError) -> Iterable[str]:
    return filter(None, (error.code, error.message, error.documentation_url, error.field))


def _silenced(error: ApiError, sentence: str) -> ApiError:
    code = error.code if _CODE.fullmatch(error.code) else UNKNOWN
    return ApiError(code, sentence, field=error.field if error.field in PATHS else None)


def _shortened(error: ApiError) -> ApiError:
    return ApiError(
        error.code[:_MAX_CODE],
        error.message[:_MAX_MESSAGE],
        documentation_url=error.documentation_url and error.documentation_url[:_MAX_MESSAGE],
        field=error.field and error.field[:_MAX_CODE],
    )


# What was done.


def result_of(call: Call, envelope: Envelope, wrap: Wrap) -> Answered:
    """What the answer to a call says was done, once its `success` was seen to be true.

    Args:
        call: What was sent.
        envelope: What came back.
        wrap: Makes a secret of a key's text.

    Raises:
        NotDoneError: It says that nothing was done.
        UnreadableError: It does not say what was done.
        ListUntrusted: The list is not whole.
    """
    result = envelope.result
    if call.verb is Verb.LIST:
        return _list(envelope)
    if call.validate_only:  # (API: what it answers is not documented, so success is all that can be asked for.)
        return Answered()
    if call.verb is Verb.CREATE:
        return _created(call, result)
    if not isinstance(result, dict):
        raise UnreadableError("the answer's result is not an object")
    match call.verb:
        case Verb.UPDATE:
            return _updated(result)
        case Verb.UPDATE_ONE:
            return _single(call, result, "modified")
        case Verb.DELETE:
            return _single(call, result, "deleted")
        case Verb.SET_PSKS:
            return _keys_set(call, result)
        case Verb.GENERATE_PSK:
            return _key_made(call, result, wrap)


def _list(envelope: Envelope) -> Answered:
    """The tunnels in `{"ipsec_tunnels": [...]}`, if these are all. Null too says nothing beside a next page."""
    try:
        live = live_from_result(envelope.result)
    except ListIsNull:
        require_whole(envelope, 0)
        raise
    require_whole(envelope, len(live.tunnels))
    return Answered(live=live)


def _created(call: Call, result: object) -> Answered:
    """The new id.

    (API: by the schema `result` is the tunnel itself, in an example of the documentation a list with it.) Without an id
    the tunnel was made all the same: its `success` was seen to be true.
    """
    listed = result.get(IPSEC_TUNNEL.collection) if isinstance(result, dict) else None
    found = listed if isinstance(listed, list) else [result]
    name = call.body.get("name")
    ids = {_id_of(t) for t in found if isinstance(t, dict) and t.get("name", name) == name} - {None}
    return Answered(id=ids.pop() if len(ids) == 1 else None)


def _updated(result: dict[str, Any]) -> Answered:
    """What a bulk update did: `{"modified": true, "modified_ipsec_tunnels": [...]}`. Ids tell which, not positions."""
    flagged = _check_flag(result, "modified")
    tunnels = result.get(f"modified_{IPSEC_TUNNEL.collection}")
    if not isinstance(tunnels, list):
        if flagged and tunnels is None:
            return Answered()
        raise UnreadableError("the answer does not say what was modified")
    return Answered(tunnels={i: t for t in tunnels if (i := _id_of(t)) is not None})


def _single(call: Call, result: dict[str, Any], flag: str) -> Answered:
    """What a PUT or DELETE of one tunnel did: `{"deleted": true, "deleted_ipsec_tunnel": {...}}`; either will do."""
    flagged = _check_flag(result, flag)
    tunnel = result.get(f"{flag}_{IPSEC_TUNNEL.item}")
    found = _id_of(tunnel)
    if (found is None and not flagged) or (found is not None and found != call.tunnel_id):
        raise UnreadableError(f"the answer does not say that the tunnel was {flag}")
    return Answered(tunnels={found: tunnel} if found and flag == "modified" else {})


def _check_flag(result: Mapping[str, Any], flag: str) -> bool:
    """Whether the flag is true; False when the answer has none (API: false in a 200 is a failure)."""
    value = result.get(flag)
    if value is False:
        raise NotDoneError(f"not-{flag}", f"the answer says {flag}: false")
    if value is not None and value is not True:
        raise UnreadableError(f"the answer's {flag} is not a boolean")
    return value is True


def _id_of(tunnel: object) -> str | None:
    value = tunnel.get("id") if isinstance(tunnel, dict) else None
    if isinstance(value, str) and value.isascii() and value.replace("-", "").isalnum():
        return value
    return None


_REASON = "Cloudflare does not take it; the reason is withheld, since it may quote the key"


def _keys_set(call: Call, result: dict[str, Any]) -> Answered:
    """Which keys were set: `{"successfully_applied_psks": {id: {...}}, "unapplied_psks": {id: "the reason"}}`.

    (API: a 200 may hold both. It repeats the keys, so nothing of it but ids is kept.)
    """
    done, reasons = result.get("successfully_applied_psks"), result.get("unapplied_psks")
    if not isinstance(done, dict) and not isinstance(reasons, dict):
        raise UnreadableError("the answer does not say which keys were set")
    done = done if isinstance(done, dict) else {}
    reasons = reasons if isinstance(reasons, dict) else {}
    # A tunnel that stands in neither is left out of both: silence about a write is not a refusal. So is one that stands
    # in both, or as applied to another tunnel: what contradicts itself says nothing.
    plain = [i for i in call.psks if (i in done) != (i in reasons)]
    applied = tuple(i for i in plain if i in done and _is_about(done[i], i))
    return Answered(applied=applied, refused={i: _REASON for i in plain if i in reasons})


def _is_about(entry: object, tunnel_id: str | None) -> bool:
    """Whether an answer about a key, which may name its tunnel, names this one if it does."""
    named = entry.get(f"{IPSEC_TUNNEL.item}_id") if isinstance(entry, dict) else None
    return named is None or named == tunnel_id


def _key_made(call: Call, result: dict[str, Any], wrap: Wrap) -> Answered:
    """The generated key: `{"ipsec_tunnel_id": id, "psk": "the key", "psk_metadata": {"last_generated_on": time}}`."""
    key = result.get("psk")
    if not isinstance(key, str) or not key:
        raise UnreadableError("the answer holds no key")
    if not _is_about(result, call.tunnel_id):
        raise UnreadableError("the answer is about another tunnel")
    metadata = result.get("psk_metadata")
    made_on = metadata.get("last_generated_on") if isinstance(metadata, dict) else None
    return Answered(psk=wrap(key), made_on=made_on if isinstance(made_on, str) else "")


# Whether a list is whole. (API: the list has no pages.) Should it get some one day, a first page must not look like the
# whole account, whatever the words in which the answer speaks of the other pages.

_COUNTS = ("count", "total_count")
_PAGES = ("page", "total_pages")
_CURSORS = ("cursor", "cursors", "next", "next_cursor")
_KNOWN = frozenset((*_COUNTS, *_PAGES, *_CURSORS, "per_page"))
_NOT_OF_PAGES = frozenset(("account_id", "request_id", "result_info", IPSEC_TUNNEL.collection))
_PAGING_HEADER = re.compile(r"content-range|x-.*(?:total|(?<!ac)count|page|next|more|offset|cursor|range).*")


def require_no_pages(headers: Mapping[str, str]) -> None:
    """Refuse a list when a header of its answer, by its name in lower case, speaks of pages."""
    paged = [name for name in sorted(headers) if _PAGING_HEADER.fullmatch(name)]
    if paged or re.search(r"rel=\W*next", headers.get("link", ""), re.IGNORECASE):
        raise ListUntrusted(f"the answer's header {paged[0] if paged else 'link'} speaks of a part of a longer list")


def require_whole(envelope: Envelope, found: int) -> None:
    """Refuse a list of `found` tunnels when anything in its answer says, or could say, that there are more.

    Nobody can name all the words for "there is more", so whatever stands beside the list and is not known counts.
    """
    result = envelope.result if isinstance(envelope.result, dict) else {}
    for info in (envelope.result_info, result.get("result_info")):
        if info is not None and not isinstance(info, dict):
            raise ListUntrusted("the answer has a result_info that is not an object")
        _check_paging(info or {}, found)
    beside = {**envelope.beside, **result}
    _check_paging({k: v for k, v in beside.items() if k not in _NOT_OF_PAGES and v not in ({}, [])}, found)


def _check_paging(info: Mapping[str, Any], found: int) -> None:
    """Refuse words about pages that are not known, and known ones that do not say that these `found` are all."""
    said = {key: value for key, value in info.items() if value is not None}
    unknown = sorted(said.keys() - _KNOWN)
    if unknown:
        names = ", ".join(map(repr, unknown[:5]))
        raise ListUntrusted(f"the answer says {names} of its list, and it is not known whether that means a part of it")
    for key, value in said.items():
        if key not in _CURSORS and (type(value) is not int or value < 0):
            raise ListUntrusted(f"{key} of the answer is not a number")
    if (
        any(said.get(key, found) != found for key in _COUNTS)
        or any(said.get(key, 1) > 1 for key in _PAGES)
        or any(_names_a_page(said.get(key)) for key in _CURSORS)
    ):
        raise ListUntrusted(f"the answer says that there is more than the {found} tunnels that it holds")
    paged = "page" in said or "per_page" in said
    if paged and said.keys().isdisjoint(("total_count", "total_pages")) and found >= said.get("per_page", 0):
        raise ListUntrusted(f"the answer is a page of {found} tunnels and does not say how many there are in all")


def _names_a_page(cursor: object) -> bool:
    return any(cursor.values()) if isinstance(cursor, dict) else bool(cursor)
