"""Settings of tunnels to the files that a person would have written: a file for each site, what is common in defaults.

Such a file, and what stands where:

    defaults:                              what most tunnels of the file have; what most of the account have stands
      customer_endpoint: 198.51.100.10     in `account.yaml`

    tunnels:
      - name: lon-a                        and of each tunnel what is not said above
        cloudflare_endpoint: 203.0.113.1
        interface_address: 10.20.0.0/31
        psk: external
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from textwrap import indent
from typing import Any, NamedTuple

from reconciler.model.desired import EnvRef
from reconciler.model.reference import EXTERNAL
from reconciler.model.settings import Settings, nested
from reconciler.model.tunnel import SETTINGS, WHOLE, Defaults
from reconciler.yaml.write import yaml_text

MARKER = "# What is live at Cloudflare, written by `reconciler import`"
"""How a file begins that an import wrote, and that another one may write anew."""
MAX_TEXT = 900_000
"""Bytes of one file, below the limit at which a file is refused unread."""

_HEAD = f"{MARKER}. Without this line, --force leaves the file alone.\n"
_REST = "imported"  # the file of tunnels that share their site with no other
_MAX_SITE = 60
_SHARED = [p for p, s in SETTINGS.items() if p.partition(".")[0] in Defaults.model_fields and not s.sensitive]
"""Settings that may stand in defaults. One is a key, which is better looked for in one place: at its tunnel."""


class Layout(NamedTuple):
    """How the files are to be.

    Attributes:
        by_site: Whether each site has a file of its own.
        taken: Names that no file may get, in lower case.
        head: Lines for every file, behind its marker.
        variables: By name of a tunnel, the environment variable in which its MD5 key is; any other stands in the file.
    """

    by_site: bool = True
    taken: Collection[str] = ()
    head: str = ""
    variables: Mapping[str, EnvRef] = {}


def lay_out(tunnels: Mapping[str, Settings], under: Settings, layout: Layout) -> dict[str, str]:
    """The texts of files by name, one at least.

    Args:
        tunnels: Their settings by name.
        under: What lies under them: the API's defaults and the account's.
        layout: How the files are to be.
    """
    files: dict[str, str] = {}
    used = set(layout.taken)
    for site, members in (_by_site(tunnels) if layout.by_site else {_REST: [*tunnels]}).items():
        shared = nested(typical([tunnels[name] for name in members], under))
        own = laid_over(nested(under), shared)
        begin = _HEAD + layout.head + (f"{section('defaults', own)}\n" if own else "")
        texts = (item_text(tunnels[name], shared) for name in members)
        for items in _chunks(texts, len(begin.encode())):
            names = (f"{site}{f'-{n}' if n > 1 else ''}.yaml" for n in count(1))
            file = next(name for name in names if name not in used)
            used.add(file)
            files[file] = begin + ("tunnels:\n" + "\n".join(items) if items else "tunnels: []\n")
    return files


def typical(tunnels: Sequence[Settings], under: Settings) -> Settings:
    """What more than half of several tunnels have; where they don't agree, what lies under them already."""
    out = dict(under)
    for path in _SHARED if len(tunnels) > 1 else ():
        [(value, number)] = Counter(tunnel.get(path) for tunnel in tunnels).most_common(1)
        if 2 * number > len(tunnels):
            out.pop(path, None)
            if value is not None:
                out[path] = value
    for paths in WHOLE.values():
        required = [path for path in paths if SETTINGS[path].required]
        # A tunnel without such an object would get an incomplete one.
        if not all(path in out or all(path in tunnel for tunnel in tunnels) for path in required):
            out = {path: value for path, value in out.items() if path not in paths}
    return out


def laid_over(under: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be written over settings to get others; None removes one."""
    out: dict[str, Any] = {}
    for key in {**wanted, **under}:
        old, new = under.get(key), wanted.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            new = laid_over(old, new) or old
        if new != old:
            out[key] = new
    return out


def item_text(settings: Settings, under: Mapping[str, Any]) -> str:
    """One item of the list, with its key as somebody else's."""
    own = laid_over(under, nested(settings))
    key = (own.get("bgp") or {}).get("md5_key")
    if isinstance(key, EnvRef):
        own["bgp"]["md5_key"] = {"env": key.name}
    first = {key: own[key] for key in ("name", "description") if key in own}
    return indent(yaml_text([{**first, **own, "psk": EXTERNAL}]), "  ")


def section(key: str, value: Any) -> str:
    """A key of a file, with its value in lines below it."""
    return f"{key}:\n" + indent(yaml_text(value), "  ")


def _by_site(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by what stands before their first `-`, `_` or `.`, if it can name a file and stands there more than once.

    In lower case, since there are file systems on which `LON.yaml` and `lon.yaml` are one file.
    """
    sites = {name: re.split("[-_.]", name, maxsplit=1)[0].lower() for name in names}
    number = Counter(sites.values())
    out: dict[str, list[str]] = {}
    for name, site in sites.items():
        good = number[site] > 1 and site.isascii() and site.isalnum() and len(site) <= _MAX_SITE and site != "account"
        out.setdefault(site if good else _REST, []).append(name)
    return out or {_REST: []}


def _chunks(items: Iterable[str], begin: int) -> list[list[str]]:
    """The items in lists of a size that can be read behind so many bytes; one list at least."""
    out: list[list[str]] = [[]]
    size = begin
    for text in items:
        size += len(text.encode())
        if out[-1] and size > MAX_TEXT:
            out.append([])
            size = begin + len(text.encode())
        out[-1].append(text)
    return out
