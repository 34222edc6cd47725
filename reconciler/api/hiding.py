"""Withholds the server's words where they may quote a key.

A server may spell what it quotes in any way: in hexadecimal, as numbers, in pieces. So nothing is looked for in the
answer to a call that carried a key: of such an answer only codes are kept, and the names of our own fields.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.api.call import UNKNOWN, ApiError, Call, Verb
from reconciler.model.fields import PATHS

Quotes = Callable[[str], bool]
"""Whether a text holds a key or token, whatever its spelling."""

WITHHELD = "Cloudflare's message is withheld, since it may quote a key"
_ASK = f"{WITHHELD}; `reconciler plan --server-check` asks without the pre-shared key, and shows what it says"
_CODE = re.compile(r"\d{1,6}", re.ASCII)
"""What Cloudflare's codes look like. Anything else that stands in the place of one could be a key."""


def carries_key(call: Call) -> bool:
    """Whether a call or its answer holds a key: a pre-shared key, a generated one, or a BGP key of any tunnel in it.

    (Of a bulk update that is refused, the one tunnel at fault is found by sending parts of it: what is said of that
    one is withheld only if it has a BGP key itself.)
    """
    if call.keys or call.verb in (Verb.SET_KEYS, Verb.GENERATE_KEY):
        return True
    return any(map(_has_md5_key, (call.body, *call.body.get("items", ()))))


def _has_md5_key(tunnel: Mapping[str, Any]) -> bool:
    bgp = tunnel.get("bgp")
    return isinstance(bgp, Mapping) and bool(bgp.get("md5_key"))


def withheld(call: Call, errors: tuple[ApiError, ...], quotes: Quotes) -> tuple[ApiError, ...]:
    """What the server said of a call, without the words that may quote a key."""
    if carries_key(call):
        ask = call.verb is Verb.CREATE and not _has_md5_key(call.body)
        return tuple(_silenced(error, _ASK if ask else WITHHELD) for error in errors)
    return tuple(_silenced(e, WITHHELD) if any(map(quotes, _words(e))) else e for e in errors)


def _words(error: ApiError) -> tuple[str, ...]:
    return error.code, error.message, error.documentation_url or "", error.field or ""


def _silenced(error: ApiError, sentence: str) -> ApiError:
    code = error.code if _CODE.fullmatch(error.code) else UNKNOWN
    return ApiError(code, sentence, field=error.field if error.field in PATHS else None)
