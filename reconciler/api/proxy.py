"""Which proxy leads to the API, and what of it is secret. Pure: takes what the environment says.

httpx reads the same variables, but ends in an exception of its own over a SOCKS proxy or a slip of the pen, and does
not say which variable is wrong.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

_HOST = r"(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"
_LOGIN = r"(?s)\s*(?:[A-Za-z0-9+.-]*:/+|(?![A-Za-z0-9+.-]*:/))[^:@]*:(.+)@[^@]*"
_GIVE = "Give an HTTP proxy, such as http://proxy.example:3128, or unset it."


def proxy_scheme(found: Mapping[str, str]) -> str | None:
    """Under which name the proxy for https stands, None where there is none.

    Args:
        found: Proxies by what they are for: `https`, `all`, and under `no` the hosts that need none.
    """
    if "*" in [host.strip() for host in found.get("no", "").split(",")]:
        return None
    return next((scheme for scheme in ("https", "all") if found.get(scheme)), None)


def check_proxy(text: str) -> str:
    """The proxy's URL, its scheme filled in.

    Raises:
        ValueError: It can't be used. It says why and what to give instead, and does not repeat the URL.
    """
    text = text.strip()
    url = text if "://" in text else f"http://{text}"
    scheme = url.partition("://")[0].lower()
    if scheme.startswith("socks"):
        raise ValueError(f"It is a SOCKS proxy, which is not supported. {_GIVE}")
    if scheme not in ("http", "https"):
        raise ValueError(f"Its scheme is neither http nor https. {_GIVE}")
    try:
        parts = urlsplit(url)
        more = parts.path.strip("/") or parts.query or parts.fragment
        place = parts.port != 0 and not more and re.fullmatch(_HOST, parts.hostname or "")
    except ValueError:
        place = None
    if not place or not url.isprintable() or " " in url:
        raise ValueError(f"It is not the URL of a proxy; a password may need percent-encoding. {_GIVE}")
    return url


def proxy_passwords(env: Mapping[str, str]) -> Iterator[str]:
    """The passwords in the URLs of proxies, as they stand there and decoded, also of URLs that can't be used."""
    for name, value in env.items():
        if name.lower().endswith("_proxy") and (found := re.fullmatch(_LOGIN, value)):
            yield from dict.fromkeys((found[1], unquote(found[1])))
