"""Live tunnels as YAML files, for `import`: a plan right after finds nothing to change.

What is live may break the rules that files must keep, or hold what no file can: then the whole account could not be
loaded. So first each tunnel is written by itself and read back, beside the files that are there. One that does not come
back equal is left out and ignored in `account.yaml`, with the reason. The others go into files as a person would have
written them, one for each site:

    defaults:                              what most tunnels of the file have; what most of the account have stands
      customer_endpoint: 198.51.100.10     in `account.yaml`

    tunnels:
      - name: lon-a                        and of each tunnel what is not said above
        cloudflare_endpoint: 203.0.113.1
        interface_address: 10.20.0.0/31
        psk: external
"""

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from fnmatch import fnmatchcase
from itertools import count
from json import dumps
from textwrap import indent
from typing import Any, NamedTuple

from reconciler.files.load import load, written
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.account import AccountFile
from reconciler.model.desired import TOKEN_ENV, EnvRef, Limits
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import MORE, Diagnostic, Level, error
from reconciler.model.reference import EXTERNAL
from reconciler.model.settings import Settings, canonical, nested
from reconciler.model.tunnel import SETTINGS, WHOLE, Defaults
from reconciler.plan.scope import glob_of
from reconciler.yaml.read import DocumentError, parse
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
_NO_ID = "0" * 32  # stands for an account's id, and the day for today, where what was written is only read back
_DAY = date(1, 1, 1)
_HALF = re.compile("[\ud800-\udfff]")  # half a character of UTF-16, which JSON can hold and a file can't
_UNWRITABLE = "its text holds characters that no file can hold"
_UNEQUAL = "what was written for it does not read back equal"


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


class Dumped(NamedTuple):
    """What import writes.

    Attributes:
        files: Texts of tunnel files, by name.
        defaults: What a new `account.yaml` says in its `defaults`.
        ignored: Globs that need an ignore rule in `account.yaml`: they match what can't be declared, for this reason.
        tunnels: What the files declare: settings by name.
    """

    files: Mapping[str, str]
    defaults: Mapping[str, Any]
    ignored: Mapping[str, str]
    tunnels: Mapping[str, Settings]


def dump(
    live: Live,
    account_file: SourceFile | None = None,
    declared: Collection[str] = (),
    beside: Sequence[SourceFile] = (),
    layout: Layout | None = None,
) -> Dumped:
    """The files that declare live tunnels.

    Tunnels that `account_file` ignores as a whole or removes are left out.

    Args:
        live: The tunnels.
        account_file: The account's `account.yaml`; None for a new account.
        declared: Names that other files of the account declare, which are left out.
        beside: These files, valid by themselves: what contradicts them can't be declared.
        layout: How the files are to be.
    """
    defaults: Settings = canonical({})
    layout = layout or Layout()
    found = {t.name: _by_reference(t, layout) for t in live.tunnels.values() if t.name not in declared}
    if account_file:
        written_there = AccountFile.model_validate(parse(account_file.data, account_file.path).value).defaults
        folder = posixpath.dirname(account_file.path)
        defaults = canonical(written(written_there, folder))  # an object need not be whole in defaults
        account = load(Tree((AccountFiles("", "", account_file, ()),), ()), _DAY).accounts[0]
        globs = [rule.name for rule in account.ignore if not rule.fields]
        found = {
            name: tunnel
            for name, tunnel in found.items()
            if name not in account.removed and not any(fnmatchcase(name, glob) for glob in globs)
        }
    refused = _refused(found, defaults, account_file, beside)
    kept = {name: tunnel.settings for name, tunnel in found.items() if name not in refused}
    common = defaults if account_file else typical([*kept.values()], defaults)
    # An account needs a file of tunnels, so without any other it gets one that declares none.
    files = lay_out(kept, common, layout) if kept or not beside else {}
    return Dumped(files, laid_over(nested(defaults), nested(common)), _by_glob(refused), kept)


def _by_reference(tunnel: LiveTunnel, layout: Layout) -> LiveTunnel:
    if tunnel.name not in layout.variables:
        return tunnel
    return tunnel._replace(settings={**tunnel.settings, "bgp.md5_key": layout.variables[tunnel.name]})


def _refused(
    found: Mapping[str, LiveTunnel], defaults: Settings, account_file: SourceFile | None, beside: Sequence[SourceFile]
) -> dict[str, str]:
    """The tunnels that can't be declared, and why: each in a file of its own, which names what is wrong in it."""
    refused = {name: tunnel.unreadable for name, tunnel in found.items() if tunnel.unreadable}
    spelled = ((n, dumps(t.settings, ensure_ascii=False, default=str)) for n, t in found.items())
    refused |= {n: _UNWRITABLE for n, text in spelled if _HALF.search(text)}
    under = nested(defaults)
    texts = {n: f"tunnels:\n{item_text(t.settings, under)}".encode() for n, t in found.items() if n not in refused}
    while True:  # each round refuses one tunnel at least, or is the last
        own = account_file or SourceFile("account", account_text(_NO_ID, _by_glob(refused)).encode())
        names = {str(number): name for number, name in enumerate(texts)}
        # Of two that contradict each other the later one is blamed: so those beside them come first.
        sources = (*beside, *(SourceFile(number, texts[name]) for number, name in names.items()))
        proof = load(Tree((AccountFiles("", "", own, sources),), ()), _DAY)
        wrong: dict[str, str] = {}
        for problem in proof.diagnostics:
            name = names.get(problem.location.file) if problem.location else None
            if name and problem.severity is Level.ERROR and problem.code != MORE:
                wrong.setdefault(name, problem.summary)
        if not wrong:
            read = proof.desired[0].tunnels
            wrong = {n: _UNEQUAL for n in texts if n not in read or read[n].settings != found[n].settings}
        if not wrong:
            return refused
        refused |= wrong
        texts = {name: text for name, text in texts.items() if name not in wrong}


def _by_glob(refused: Mapping[str, str]) -> dict[str, str]:
    """The reasons by glob; of several tunnels with one glob that of the first."""
    reasons: dict[str, str] = {}
    for name, reason in sorted(refused.items()):
        reasons.setdefault(glob_of(name), reason)
    return reasons


def account_text(
    account_id: str, ignored: Mapping[str, str] | None = None, defaults: Mapping[str, Any] | None = None, head: str = ""
) -> str:
    """The text of a new `account.yaml` that deletes nothing and explains what guards it."""
    limits = Limits()
    text = f"""{head}\
# One Cloudflare account and how it is treated.
{yaml_text({"account_id": account_id})}\
token: {{env: {TOKEN_ENV}}}

# What happens to live tunnels that no file declares: with false they are only reported, with true they are deleted.
# Set it to true when the files are the whole truth.
prune: false

# A plan that goes beyond these limits is blocked until somebody means it.
limits:
  max_deletes: {limits.max_deletes}  # deletes that nobody named under `removed`
  max_delete_percent: {limits.max_delete_percent}  # the same, of the live tunnels
  max_change_percent: {limits.max_change_percent}  # updates and deletes, of the live tunnels

# removed: [NAME]  # deletions that a commit means: the limits don't count them
# protect: [NAME]  # tunnels that are never deleted, even when their lines vanish
# owns: ["PREFIX*"]  # other repositories keep the rest: live tunnels without such a name are nobody's business here
# ignore: [{{name: "GLOB", reason: TEXT}}]  # tunnels that somebody else owns: they are never touched
# paused: {{reason: TEXT}}  # stops apply; plan and drift go on
"""
    if ignored:
        text += f"\n# Left alone: no file can declare them.\n{section('ignore', _rules(ignored))}"
    if defaults:
        text += "\n# Under every tunnel; a file's own `defaults` go over them, and a tunnel's own lines over both.\n"
        text += section("defaults", defaults)
    return text


def add_ignores(source: SourceFile, ignored: Mapping[str, str]) -> str | Diagnostic:
    """The text of an `account.yaml` with an `ignore` for these tunnels, or why they must be added by hand.

    Args:
        source: A valid file; a list that it has already is its author's to lay out.
        ignored: Globs with the reason, one at least.
    """
    parsed = parse(source.data, source.path)
    text = source.data.decode("utf-8-sig")
    text += "" if text.endswith("\n") else "\n"
    text += section("ignore", _rules(ignored))
    with suppress(DocumentError):  # something stands at its end that nothing can be written behind
        value = parsed.value if isinstance(parsed.value, dict) else {}
        if parse(text.encode(), source.path).value == {**value, "ignore": _rules(ignored)} and "ignore" not in value:
            return text
    detail = f"Add these items to `ignore` by hand, then import again: {yaml_text(_rules(ignored), flow=True)[1:-1]}"
    place = parsed.document.location(("ignore",), key=True)
    return error("ignore-by-hand", "`ignore` must name tunnels that no file can declare", detail, place)


def _rules(ignored: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": glob, "reason": f"can't be declared: {reason}"} for glob, reason in ignored.items()]


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
    md5_key = (own.get("bgp") or {}).get("md5_key")
    if isinstance(md5_key, EnvRef):
        own["bgp"]["md5_key"] = {"env": md5_key.name}
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
