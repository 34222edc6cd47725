"""Where the API is, and which other addresses are taken: a token goes only over https, or to this machine.

One server has one spelling here: locks and the digests of saved plans hold it. (`localhost` and `127.0.0.1` stay two:
which address a name stands for is not known without looking it up.)
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

CLOUDFLARE = "https://api.cloudflare.com/client/v4"
"""The API's base URL."""

_REMEDY = f"give an https URL such as {CLOUDFLARE}, or http on loopback"
_PORTS = {"https": 443, "http": 80}


def _host(url: SplitResult) -> str:
    """The host in its usual spelling; `urlsplit` has made it lower-case. A dot at its end says nothing more."""
    name = (url.hostname or "").removesuffix(".")
    return f"[{ipaddress.ip_address(name)}]" if ":" in name else name


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _problem(url: SplitResult) -> str | None:
    host = _host(url)
    if url.username is not None or url.password is not None:
        return "it holds a user name"
    if url.query or url.fragment:
        return "it holds a query or a fragment"
    if not all(host.split(".")) or url.port == 0:
        return "it names no host"
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(host)):
        return "it is neither https nor http on loopback"
    odd = "%" in url.path or {".", ".."} & set(url.path.split("/"))
    return "its path holds dots or percent signs" if odd else None


def check_base_url(text: str) -> str:
    """The base URL in the one spelling of its server, without a slash at its end.

    Raises:
        ValueError: It is not https (or http on loopback), or holds more than scheme, host, port and path. It says
            what to give instead, and does not repeat the URL, which may hold a password.
    """
    plain = text.isascii() and text.isprintable() and not set(text) & set(" \\?#")
    try:
        url = urlsplit(text)
        problem = _problem(url) if plain else "it holds characters that a base URL can't have"
    except ValueError:
        raise ValueError(f"the base URL can't be read: {_REMEDY}") from None
    if problem is not None:
        raise ValueError(f"the base URL is refused, since {problem}: {_REMEDY}")
    port = f":{url.port}" if url.port not in (None, _PORTS[url.scheme]) else ""
    return f"{url.scheme}://{_host(url)}{port}{re.sub('/+', '/', url.path).rstrip('/')}"
