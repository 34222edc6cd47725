"""What a 2xx answer to each call must hold before it counts as done."""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.api.call import Answered, Call, Verb
from reconciler.api.envelope import Envelope, UnreadableError
from reconciler.core.live import ListUntrusted, live_from_result

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


def _count_mismatch(info: Mapping[str, Any], found: int) -> bool:
    for key in ("total_count", "count"):
        value = info.get(key)
        if value is not None and (type(value) is not int or value != found):
            return True
    for key in ("total_pages", "page"):
        value = info.get(key)
        if value is not None and (type(value) is not int or value > 1):
            return True
    cursors = info.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else cursors
    return bool(after) or any(info.get(key) for key in ("cursor", "next_cursor", "next"))


def _list(envelope: Envelope) -> Answered:
    live = live_from_result(envelope.result)
    info = envelope.result_info
    if info is not None and (not isinstance(info, dict) or _count_mismatch(info, len(live.tunnels))):
        raise ListUntrusted("the answer says that there is more than it holds")
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
    return Answered(result={"key": wrap(key)})


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
