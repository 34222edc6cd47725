"""API tokens as the environment holds them: what can be one, and what is said of a value that can't."""

import os
import re
from contextlib import suppress

from reconciler.api.proxy import proxy_passwords
from reconciler.secrets.redact import Redactor
from reconciler.secrets.secret import Secret

_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|\$.*|%\w+%", re.DOTALL)
"""What looks like the name of a variable, where its value should be: `API_TOKEN`, `$X`, `%X%`."""

_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_HEADER = re.compile(r"(?:authorization|bearer)(?:[\s:=]|$)", re.IGNORECASE)

_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What can stand behind `Bearer` (RFC 6750, section 2.1)."""
_PLACEHOLDER = re.compile(
    r"change[-_]?me|null|none|undefined|todo|placeholder|redacted|x{3,}|your[-_].*token.*", re.IGNORECASE
)
"""What people write where a token is to be put."""


def first_redactor() -> Redactor:
    """Knows the usual token and the proxies' passwords from the start: they may stand on a wrong command line."""
    return Redactor(tokens(os.environ.get("CLOUDFLARE_API_TOKEN", "").strip(), *proxy_passwords(os.environ)))


def tokens(*texts: str) -> list[Secret]:
    """Secrets of those texts that can be tokens.

    A text that UTF-8 can't hold is not a token, and can't be hidden in text either. Neither is the name of a variable,
    which messages have to name, or a word that anything may hold.
    """
    found = []
    for text in dict.fromkeys(texts):
        with suppress(UnicodeEncodeError):
            text.encode()
            found += [Secret(text)] if text and not (_VARIABLE.fullmatch(text) or _PLACEHOLDER.fullmatch(text)) else []
    return found


def token_faults(token: str, variable: str) -> list[tuple[str, str, str]]:
    """What keeps the value of a variable from being a token: code, summary and remedy. They never hold the value."""
    if not token:
        remedy = "Set it to a Cloudflare API token, or try the tool without one: add --sandbox."
        return [("no-token", f"the environment variable {variable} is not set", remedy)]
    summary, remedy = "", ""
    if token[0] in _QUOTES or token[-1] in _QUOTES:
        summary, remedy = "stands in quotes", "The quotes are part of the value: set it without them."
    elif token == variable or _VARIABLE.fullmatch(token):
        summary, remedy = "is the name of a variable", "Set it to the token itself."
    elif _HEADER.match(token):
        summary, remedy = "begins like a header", "Set it to the token alone, without what stands before it."
    elif _PLACEHOLDER.fullmatch(token):
        summary, remedy = "is a placeholder", "Set it to a Cloudflare API token."
    elif not _BEARER.fullmatch(token):
        summary, remedy = "holds blanks or other characters that no token has", "Was it copied whole? Set it again."
    return [("bad-token", f"the value of {variable} {summary}", remedy)] if summary else []
