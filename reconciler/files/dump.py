"""Live tunnels as YAML files, for `import`: a plan right after finds nothing to change.

What is live may break the rules that files must keep, or hold what no file can: then the whole account could not be
loaded. So first each tunnel is written by itself and read back, beside the files that are there. One that does not come
back equal is left out and ignored in `account.yaml`, with the reason. The others go to `layout`.
"""

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from fnmatch import fnmatchcase
from json import dumps
from typing import Any, NamedTuple

from reconciler.files.layout import Layout, item_text, laid_over, lay_out, section, typical
from reconciler.files.load import load, written
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.account import AccountFile
from reconciler.model.desired import TOKEN_ENV, Limits
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import MORE, Diagnostic, Level, error
from reconciler.model.settings import Settings, canonical, nested
from reconciler.plan.scope import glob_of
from reconciler.yaml.read import DocumentError, parse
from reconciler.yaml.write import yaml_text

_NO_ID = "0" * 32  # stands for an account's id, and the day for today, where what was written is only read back
_DAY = date(1, 1, 1)
_HALF = re.compile("[\ud800-\udfff]")  # half a character of UTF-16, which JSON can hold and a file can't
_UNWRITABLE = "its text holds characters that no file can hold"
_UNEQUAL = "what was written for it does not read back equal"


class Ignored(NamedTuple):
    """A live tunnel that can't be declared: the glob that matches it and the reason."""

    name: str
    reason: str


class Dumped(NamedTuple):
    """What import writes.

    Attributes:
        files: Texts of tunnel files, by name.
        defaults: What a new `account.yaml` says in its `defaults`.
        ignored: Tunnels that need an ignore rule in `account.yaml`.
        tunnels: What the files declare: settings by name.
    """

    files: Mapping[str, str]
    defaults: Mapping[str, Any]
    ignored: tuple[Ignored, ...]
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
    return Dumped(files, laid_over(nested(defaults), nested(common)), _ignored(refused), kept)


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
        own = account_file or SourceFile("account", account_text(_NO_ID, _ignored(refused)).encode())
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


def _ignored(refused: Mapping[str, str]) -> tuple[Ignored, ...]:
    """One rule for each glob, with the reason of the first tunnel that it stands for."""
    reasons: dict[str, str] = {}
    for name, reason in sorted(refused.items()):
        reasons.setdefault(glob_of(name), reason)
    return tuple(Ignored(name, reason) for name, reason in reasons.items())


def account_text(
    account_id: str, ignored: Collection[Ignored] = (), defaults: Mapping[str, Any] | None = None, head: str = ""
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


def add_ignores(source: SourceFile, ignored: Collection[Ignored]) -> str | Diagnostic:
    """The text of an `account.yaml` with an `ignore` for these tunnels, or why they must be added by hand.

    Args:
        source: A valid file; a list that it has already is its author's to lay out.
        ignored: At least one tunnel.
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


def _rules(ignored: Collection[Ignored]) -> list[dict[str, str]]:
    return [{"name": entry.name, "reason": f"can't be declared: {entry.reason}"} for entry in ignored]
