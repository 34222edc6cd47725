"""What an answer says, read strictly, and how much of it may be repeated.

Cloudflare wraps every answer in one envelope:

    {"success": true, "errors": [], "messages": [], "result": {"modified": true, "modified_ipsec_tunnels": [...]}}

Nothing in it is guessed. An answer to a write that does not say what was done leaves the write uncertain, and a list
that could be a part of a longer one is refused: whoever takes a part for the whole deletes or doubles the rest.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from reconciler.api.call import READS, UNKNOWN, Answered, ApiError, Call, Verb
from reconciler.model.document import TwoMeanings, read_json
from reconciler.model.kind import IPSEC_TUNNEL
from reconciler.model.live import ListUntrusted, is_null_list, live_from_result
from reconciler.model.routes import COLLECTION, routes_from_result
from reconciler.model.tunnel import PATHS, SENSITIVE_PATHS

UNTRUSTED = "list-untrusted"
"""Code of the error for a list that is readable and not whole."""

MAX_BODY = 32 * 1024 * 1024
"""Longest answer that is read, in bytes after decoding."""

# Of what an answer says of a failure, as much as a person reads. Its length is the server's choice, and it goes into
# reports, logs and comments.
_MAX_CODE = 64
_MAX_MESSAGE = 500
_MAX_ERRORS = 20
_MAX_MESSAGES = 10
_MAX_CHAIN = 5
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")

Quotes = Callable[[str], bool]
"""Whether a text holds a key or token, whatever its spelling."""

Wrap = Callable[[str], Any]
"""Makes a secret of the text of a key that Cloudflare generated."""


class UnreadableError(Exception):
    """An answer that can't be believed. Its text is fixed, so it holds nothing of the answer."""


# The envelope.


Envelope = Mapping[str, Any]
"""An answer's JSON object, unchecked: any part may be missing, or of any type."""


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
        value = read_json(text)
    except TwoMeanings as wrong:
        raise UnreadableError(str(wrong).replace("it", "the answer", 1)) from None
    except ValueError:
        raise UnreadableError("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise UnreadableError("the answer is not a JSON object")
    if _SURROGATE_ESCAPE.search(text) is not None:  # half a character can be escaped in JSON, and sent nowhere
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise UnreadableError("the answer holds broken Unicode") from None
    return value


# Errors and messages.


def said(call: Call, envelope: Envelope, quotes: Quotes) -> tuple[tuple[ApiError, ...], tuple[ApiError, ...]]:
    """The errors in an answer, by which it is judged; and what may be shown of them and of the messages beside them.

    Args:
        call: What was sent.
        envelope: What came back. (API: every part of an entry may be missing.)
        quotes: Tells whether a message quotes a key or token.
    """
    listed, beside = envelope.get("errors"), envelope.get("messages")
    found = (error for entry in (listed if isinstance(listed, list) else ()) for error in _with_causes(entry))
    errors = tuple(islice(found, _MAX_ERRORS))
    spoken = [
        next(_with_causes(entry))
        for entry in (beside if isinstance(beside, list) else ())
        if _text(entry.get("message") if isinstance(entry, dict) else entry)
    ]
    return errors, may_be_shown(call, (*errors, *spoken[:_MAX_MESSAGES]), quotes)


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
    if _carries_secret(call):
        ask = call.verb is Verb.CREATE and not _holds_secret(call.body)
        return tuple(_silenced(error, _ASK if ask else WITHHELD) for error in errors)
    shown = []
    for error in errors:
        code, message, _, url, about = error
        if any(map(quotes, filter(None, (code, message, url, about)))):
            shown.append(_silenced(error, WITHHELD))
        else:  # shortened last: half a secret would not be found
            url, about = url and url[:_MAX_MESSAGE], about and about[:_MAX_CODE]
            shown.append(ApiError(code[:_MAX_CODE], message[:_MAX_MESSAGE], None, url, about))
    return tuple(shown)


def _carries_secret(call: Call) -> bool:
    """Whether a call or its answer holds a secret: a pre-shared key, or a sensitive setting of any tunnel in it.

    (Of a bulk update that is refused, the one tunnel at fault is found by sending parts of it: what is said of that
    one is withheld only if it has such a setting itself.)
    """
    if call.psks or call.verb in (Verb.SET_PSKS, Verb.GENERATE_PSK):
        return True
    return any(map(_holds_secret, (call.body, *call.body.get("items", ()))))


def _holds_secret(tunnel: Mapping[str, Any]) -> bool:
    for path in SENSITIVE_PATHS:
        value: Any = tunnel
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value:
            return True
    return False


def _silenced(error: ApiError, sentence: str) -> ApiError:
    code = error.code if _CODE.fullmatch(error.code) else UNKNOWN
    return ApiError(code, sentence, field=error.field if error.field in PATHS else None)


# What was done.

_FLAGS = {Verb.UPDATE: "modified", Verb.UPDATE_ONE: "modified", Verb.DELETE: "deleted"}
"""What the result of a write says of itself. (API: false in a 200 is a failure.)"""


def unsuccessful(call: Call, envelope: Envelope, quotes: Quotes) -> tuple[ApiError, ...]:
    """Why an answer with a good status is not a success; empty when it is one.

    Raises:
        UnreadableError: It does not say.
    """
    success, listed, result = envelope.get("success"), envelope.get("errors"), envelope.get("result")
    errors, shown = said(call, envelope, quotes)
    if success is True and (listed is None or listed == []):
        flag = _FLAGS.get(call.verb)
        if flag and isinstance(result, dict) and result.get(flag) is False and not call.validate_only:
            return (ApiError(f"not-{flag}", f"the answer says {flag}: false"), *shown)
        return ()
    if call.verb in READS:  # whatever it says of its success, a list beside an error may be a part of one
        return (ApiError(UNTRUSTED, "the answer is not a plain success"), *shown)
    if success is False or (success is True and errors):
        return shown if errors else (ApiError("no-success", "the answer says success: false and not why"), *shown)
    raise UnreadableError("the answer does not say whether it succeeded")


def result_of(call: Call, envelope: Envelope, headers: Mapping[str, str], wrap: Wrap) -> Answered:
    """What the answer to a call says was done, once it was seen to be a success.

    Args:
        call: What was sent.
        envelope: What came back.
        headers: With it.
        wrap: Makes a secret of a key's text.

    Raises:
        UnreadableError: It does not say what was done.
        ListUntrusted: The list is not whole.
    """
    result = envelope.get("result")
    if call.verb is Verb.LIST:
        require_no_pages(headers)
        live = None if is_null_list(result) else live_from_result(result)
        require_whole(envelope, len(live.tunnels) if live else 0)  # null too says nothing beside a next page
        return Answered(live=live)
    if call.verb is Verb.ROUTES:
        require_no_pages(headers)
        routes = routes_from_result(result)
        require_whole(envelope, len(routes), COLLECTION)
        return Answered(routes=routes)
    # (API: what a check answers is not documented.) Of a create success is all that is needed: a list has the new id.
    if call.validate_only or call.verb is Verb.CREATE:
        return Answered()
    if not isinstance(result, dict):
        raise UnreadableError("the answer's result is not an object")
    match call.verb:
        case Verb.GET:
            return _read(call, result)
        case Verb.UPDATE:
            return _updated(result)
        case Verb.UPDATE_ONE | Verb.DELETE:
            return _single(call, result)
        case Verb.SET_PSKS:
            return _psks_set(call, result)
        case Verb.GENERATE_PSK:
            return _psk_made(call, result, wrap)


def _read(call: Call, result: dict[str, Any]) -> Answered:
    """The tunnel that was asked for: `{"ipsec_tunnel": {...}}`."""
    tunnel = result.get(IPSEC_TUNNEL.item)
    if _id_of(tunnel) != call.tunnel_id:
        raise UnreadableError("the answer does not hold the tunnel that was asked for")
    return Answered(tunnels={str(call.tunnel_id): tunnel})


def _updated(result: dict[str, Any]) -> Answered:
    """What a bulk update did: `{"modified": true, "modified_ipsec_tunnels": [...]}`. Ids tell which, not positions."""
    tunnels = result.get(f"modified_{IPSEC_TUNNEL.collection}")
    if _flagged(result, "modified") and tunnels is None:
        return Answered()
    if not isinstance(tunnels, list):
        raise UnreadableError("the answer does not say what was modified")
    return Answered(tunnels={i: t for t in tunnels if (i := _id_of(t)) is not None})


def _single(call: Call, result: dict[str, Any]) -> Answered:
    """What a PUT or DELETE of one tunnel did: `{"deleted": true, "deleted_ipsec_tunnel": {...}}`; either will do."""
    flag = _FLAGS[call.verb]
    flagged = _flagged(result, flag)
    tunnel = result.get(f"{flag}_{IPSEC_TUNNEL.item}")
    found = _id_of(tunnel)
    if found != call.tunnel_id and not (flagged and found is None):
        raise UnreadableError(f"the answer does not say that the tunnel was {flag}")
    return Answered(tunnels={found: tunnel} if found and flag == "modified" else {})


def _flagged(result: Mapping[str, Any], flag: str) -> bool:
    value = result.get(flag)
    if value is not None and value is not True:
        raise UnreadableError(f"the answer's {flag} is not a boolean")
    return value is True


def _id_of(tunnel: object) -> str | None:
    value = tunnel.get("id") if isinstance(tunnel, dict) else None
    if isinstance(value, str) and value.isascii() and value.replace("-", "").isalnum():
        return value
    return None


def _psks_set(call: Call, result: dict[str, Any]) -> Answered:
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
    return Answered(taken={i: i in done for i in plain if i in reasons or _is_about(done[i], i)})


def _is_about(entry: object, tunnel_id: str | None) -> bool:
    """Whether an answer about a key, which may name its tunnel, names this one if it does."""
    named = entry.get(f"{IPSEC_TUNNEL.item}_id") if isinstance(entry, dict) else None
    return named is None or named == tunnel_id


def _psk_made(call: Call, result: dict[str, Any], wrap: Wrap) -> Answered:
    """The generated key: `{"ipsec_tunnel_id": id, "psk": "the key", "psk_metadata": {"last_generated_on": time}}`."""
    psk = result.get("psk")
    if not isinstance(psk, str) or not psk:
        raise UnreadableError("the answer holds no key")
    if not _is_about(result, call.tunnel_id):
        raise UnreadableError("the answer is about another tunnel")
    metadata = result.get("psk_metadata")
    made_on = metadata.get("last_generated_on") if isinstance(metadata, dict) else None
    return Answered(psk=wrap(psk), made_on=made_on if isinstance(made_on, str) else "")


# Whether a list is whole. (API: the list has no pages.) Should it get some one day, a first page must not look like the
# whole account, whatever the words in which the answer speaks of the other pages.

_COUNTS = ("count", "total_count")
_PAGES = ("page", "total_pages")
_CURSORS = ("cursor", "cursors", "next", "next_cursor")
_KNOWN = frozenset((*_COUNTS, *_PAGES, *_CURSORS, "per_page"))
_PARTS = frozenset(("success", "errors", "messages", "result", "result_info"))
_NOT_OF_PAGES = frozenset(("account_id", "request_id", "result_info"))
_PAGING_HEADER = re.compile(r"content-range|x-.*(?:total|(?<!ac)count|page|next|more|offset|cursor|range).*")


def require_no_pages(headers: Mapping[str, str]) -> None:
    """Refuse a list when a header of its answer, by its name in lower case, speaks of pages."""
    paged = [name for name in sorted(headers) if _PAGING_HEADER.fullmatch(name)]
    if paged or re.search(r"rel=\W*next", headers.get("link", ""), re.IGNORECASE):
        raise ListUntrusted(f"the answer's header {paged[0] if paged else 'link'} speaks of a part of a longer list")


def require_whole(envelope: Envelope, found: int, collection: str = IPSEC_TUNNEL.collection) -> None:
    """Refuse a list of `found` things when anything in its answer says, or could say, that there are more.

    Nobody can name all the words for "there is more", so whatever stands beside the list, which has the name of its
    collection, and is not known counts.
    """
    result = envelope.get("result")
    inner = result if isinstance(result, dict) else {}
    for info in (envelope.get("result_info"), inner.get("result_info")):
        if info is not None and not isinstance(info, dict):
            raise ListUntrusted("the answer has a result_info that is not an object")
        _check_paging(info or {}, found)
    beside = {**{k: v for k, v in envelope.items() if k not in _PARTS}, **inner}
    known = {*_NOT_OF_PAGES, collection}
    _check_paging({k: v for k, v in beside.items() if k not in known and v not in ({}, [])}, found)


def _check_paging(info: Mapping[str, Any], found: int) -> None:
    """Refuse words about pages that are not known, and known ones that do not say that these `found` are all."""
    given = {key: value for key, value in info.items() if value is not None}
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        names = ", ".join(map(repr, unknown[:5]))
        raise ListUntrusted(f"the answer says {names} of its list, and it is not known whether that means a part of it")
    for key, value in given.items():
        if key not in _CURSORS and (type(value) is not int or value < 0):
            raise ListUntrusted(f"{key} of the answer is not a number")
    if (
        any(given.get(key, found) != found for key in _COUNTS)
        or any(given.get(key, 1) > 1 for key in _PAGES)
        or any(any(c.values()) if isinstance(c, dict) else c for c in map(given.get, _CURSORS))
    ):
        raise ListUntrusted(f"the answer says that there is more than the {found:,} that it holds")
    paged = "page" in given or "per_page" in given
    if paged and given.keys().isdisjoint(("total_count", "total_pages")) and found >= given.get("per_page", 0):
        raise ListUntrusted(f"the answer is a page of {found:,} and does not say how many there are in all")
