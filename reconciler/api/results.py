"""What a 2xx answer to each call must hold before it counts as done."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.api.call import Answered, Call, Verb
from reconciler.api.envelope import Envelope, UnreadableError
from reconciler.model.live import ListIsNull, ListUntrusted, live_from_result

Wrap = Callable[[str], Any]

_REASON = "Cloudflare does not take it; the reason is withheld, since it may quote the key"


class NotDoneError(Exception):
    """The server says that it did not do it, in an answer that is a success otherwise."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableError("the answer's result is not an object")
    return value


def _id_of(tunnel: object) -> str | None:
    value = tunnel.get("id") if isinstance(tunnel, dict) else None
    if isinstance(value, str) and value.isascii() and value.replace("-", "").isalnum():
        return value
    return None


def _check_flag(result: Mapping[str, Any], flag: str, code: str) -> bool:
    """Whether the flag is true; False when the answer has none (API: false in a 200 is a failure)."""
    value = result.get(flag)
    if value is False:
        raise NotDoneError(code, f"the answer says {flag}: false")
    if value is not None and value is not True:
        raise UnreadableError(f"the answer's {flag} is no boolean")
    return value is True


_COUNTS = ("count", "total_count")
_PAGES = ("page", "total_pages")
_CURSORS = ("cursor", "cursors", "next", "next_cursor")
_KNOWN = frozenset((*_COUNTS, *_PAGES, *_CURSORS, "per_page"))
_PAGING = re.compile(
    "more|next|prev|page|paging|pagin|offset|cursor|(?<!ac)count|total|limit|link|partial|truncat|complete|remain|contin"
    "|last|result_info",
    re.IGNORECASE,
)
"""Names, beside the list itself, that can mean that the answer is a part of something longer."""


def _require_whole(envelope: Envelope, found: int) -> None:
    """Refuse a list of which anything in the answer says, or could say, that there is more.

    (API: the list has no pages.) Should it get some one day, a first page must not look like the whole account,
    whatever the words in which the answer speaks of the others.
    """
    result = envelope.result if isinstance(envelope.result, dict) else {}
    for info in (envelope.result_info, result.get("result_info")):
        if info is not None and not isinstance(info, dict):
            raise ListUntrusted("the answer has a result_info that is not an object")
        _check_paging(info or {}, found)
    beside = {**envelope.beside, **result}
    _check_paging({k: v for k, v in beside.items() if k != "result_info" and _PAGING.search(k)}, found)


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


def _list(envelope: Envelope) -> Answered:
    try:
        live = live_from_result(envelope.result)
    except ListIsNull:
        _require_whole(envelope, 0)
        raise
    _require_whole(envelope, len(live.tunnels))
    return Answered(live=live)


def _created(call: Call, result: object) -> Answered:
    """The new id (API: in the tunnel itself, or in a list of it under `ipsec_tunnels`)."""
    found = [result]
    if isinstance(result, dict) and isinstance(result.get("ipsec_tunnels"), list):
        found = result["ipsec_tunnels"]
    name = call.body.get("name")
    ids = {_id_of(t) for t in found if isinstance(t, dict) and t.get("name", name) == name} - {None}
    return Answered(result={"id": ids.pop()} if len(ids) == 1 else {})


def _updated(result: dict[str, Any]) -> Answered:
    flagged = _check_flag(result, "modified", "not-modified")
    tunnels = result.get("modified_ipsec_tunnels")
    if not isinstance(tunnels, list):
        if flagged and tunnels is None:
            return Answered(result={"tunnels": {}})
        raise UnreadableError("the answer does not say what was modified")
    return Answered(result={"tunnels": {i: t for t in tunnels if (i := _id_of(t)) is not None}})


def _single(call: Call, result: dict[str, Any], flag: str, code: str) -> Answered:
    flagged = _check_flag(result, flag, code)
    tunnel = result.get(f"{flag}_ipsec_tunnel")
    found = _id_of(tunnel)
    if (found is None and not flagged) or (found is not None and found != call.tunnel_id):
        raise UnreadableError(f"the answer does not say that the tunnel was {flag}")
    return Answered(result={"tunnels": {found: tunnel}} if found and flag == "modified" else {})


def _keys_set(call: Call, result: dict[str, Any]) -> Answered:
    applied, unapplied = result.get("successfully_applied_psks"), result.get("unapplied_psks")
    if not isinstance(applied, dict) and not isinstance(unapplied, dict):
        raise UnreadableError("the answer does not say which keys were set")
    done = applied if isinstance(applied, dict) else {}
    reasons = unapplied if isinstance(unapplied, dict) else {}
    refused = {i: _REASON for i in call.keys if i in reasons}
    # Of a tunnel that stands in neither nothing is known: silence about a write is no refusal.
    return Answered(
        result={"applied": tuple(i for i in call.keys if i in done and i not in refused), "refused": refused}
    )


def _key_made(call: Call, result: dict[str, Any], wrap: Wrap) -> Answered:
    key, tunnel_id = result.get("psk"), result.get("ipsec_tunnel_id")
    if not isinstance(key, str) or not key:
        raise UnreadableError("the answer holds no key")
    if tunnel_id is not None and tunnel_id != call.tunnel_id:
        raise UnreadableError("the answer is about another tunnel")
    metadata = result.get("psk_metadata")
    made_on = metadata.get("last_generated_on") if isinstance(metadata, dict) else None
    return Answered(result={"key": wrap(key), "on": made_on if isinstance(made_on, str) else ""})


def checked(call: Call, envelope: Envelope, wrap: Wrap) -> Answered:
    """The answer to `call`, its success already seen to be true, as the engine wants it.

    Args:
        call: What was sent.
        envelope: What came back.
        wrap: Makes a secret of a key's text.

    Raises:
        NotDoneError: It says that nothing was done.
        UnreadableError: It does not say what was done.
        ListUntrusted: The list is not whole.
    """
    if call.verb is Verb.LIST:
        return _list(envelope)
    if call.validate_only:  # (API: what it answers is not documented, so success is all that can be asked for.)
        return Answered()
    if call.verb is Verb.CREATE:
        return _created(call, envelope.result)
    return _written(call, _object(envelope.result), wrap)


def _written(call: Call, result: dict[str, Any], wrap: Wrap) -> Answered:
    if call.verb is Verb.UPDATE:
        return _updated(result)
    if call.verb is Verb.UPDATE_ONE:
        return _single(call, result, "modified", "not-modified")
    if call.verb is Verb.DELETE:
        return _single(call, result, "deleted", "not-deleted")
    return _keys_set(call, result) if call.verb is Verb.SET_KEYS else _key_made(call, result, wrap)
