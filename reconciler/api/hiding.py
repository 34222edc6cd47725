"""Keeps secrets out of text that a server wrote, since a refusal may quote what was sent."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

_HIDDEN = "[hidden]"


def md5_keys(body: Mapping[str, Any]) -> Iterator[str]:
    """The BGP keys in a call's body, of one tunnel or of many under `items`."""
    for tunnel in (body, *body.get("items", ())):
        bgp = tunnel.get("bgp")
        key = bgp.get("md5_key") if isinstance(bgp, Mapping) else None
        if isinstance(key, str) and key:
            yield key


def hider(secrets: tuple[str, ...]) -> Callable[[str], str]:
    """A function that hides these texts, also as JSON or a URL would spell them; longest first."""
    spelled = {form for text in secrets if text for form in (text, json.dumps(text)[1:-1], quote(text, safe=""))}
    forms = sorted(spelled, key=lambda form: (-len(form), form))

    def hide(text: str) -> str:
        for form in forms:
            text = text.replace(form, _HIDDEN)
        return text

    return hide
