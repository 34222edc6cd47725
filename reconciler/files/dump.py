"""Live tunnels as YAML text (import), proved by reading it back: a plan right after finds nothing to change."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from fnmatch import translate
from re import compile as pattern
from textwrap import indent
from typing import Any

import yaml

from reconciler.files.load import Loaded, load
from reconciler.files.references import EXTERNAL
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.desired import Account
from reconciler.model.live import Live
from reconciler.model.problems import MORE, Diagnostic, Severity, error
from reconciler.model.settings import Settings, nested
from reconciler.model.tunnel import SETTINGS
from reconciler.yaml.read import DocumentError, parse
from reconciler.yaml.screen import has_control

MAX_TEXT = 900_000
"""Characters of one file, below the limit at which a file is refused unread."""

_HEAD = "# What is live at Cloudflare, written by `reconciler import`.\n"
_NO_ID = "0" * 32
_DAY = date(1, 1, 1)
_UNWRITABLE = "its text holds characters that no file can hold"
_UNEQUAL = "what was written for it does not read back equal"
_UNHELD = "[!\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""A glob for one character that no file can hold, and for no other: the tunnels beside it may well be declared."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A live tunnel that can't be declared: the glob that matches it and the reason."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dumped:
    """What import writes.

    Attributes:
        texts: Texts of tunnel files: one, or several when one would be too large to be read.
        ignored: Tunnels that need an ignore rule in `account.yaml`.
        names: Names of the tunnels that the texts declare.
    """

    texts: tuple[str, ...]
    ignored: tuple[Ignored, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    """One file: its text, and the names of its tunnels with the line at which each begins."""

    text: str
    names: tuple[str, ...]
    lines: tuple[int, ...]


def dump(
    live: Live,
    account_file: SourceFile | None = None,
    declared: Collection[str] = (),
    beside: Sequence[SourceFile] = (),
) -> Dumped:
    """The YAML text of live tunnels.

    Tunnels that `account_file` ignores as a whole or removes are left out, and what it has in `defaults` is switched
    off for these files.

    Args:
        live: The tunnels.
        account_file: The account's `account.yaml`; None for a new account.
        declared: Names that other files of the account declare, which are left out.
        beside: These files, valid by themselves: what contradicts them can't be declared.
    """
    defaults, account = _existing(account_file)
    wanted = {t.name: t.settings for t in live.tunnels.values() if t.name not in declared}
    if account:
        globs = [pattern(translate(rule.name)).match for rule in account.ignore if not rule.fields]
        wanted = {
            name: settings
            for name, settings in wanted.items()
            if name not in account.removed and not any(matches(name) for matches in globs)
        }
    refused = {t.name: t.unreadable for t in live.tunnels.values() if t.unreadable and t.name in wanted}
    refused |= {name: _UNWRITABLE for name, settings in wanted.items() if not _writable(settings)}
    items = {name: _item(settings) for name, settings in wanted.items() if name not in refused}
    while True:
        files = _files({name: text for name, text in items.items() if name not in refused}, defaults)
        own = account_file or SourceFile("account", account_text(_NO_ID, _ignored(refused)).encode())
        new = _refusals(files, wanted, _proof(files, own, beside))
        if not new:
            names = tuple(name for file in files for name in file.names)
            return Dumped(tuple(file.text for file in files), _ignored(refused), names)
        refused |= new


def _ignored(refused: Mapping[str, str]) -> tuple[Ignored, ...]:
    """One rule for each glob, with the reason of the first tunnel that it stands for."""
    reasons: dict[str, str] = {}
    for name, reason in sorted(refused.items()):
        reasons.setdefault(glob_of(name), reason)
    return tuple(Ignored(name, reason) for name, reason in reasons.items())


def ignore_text(ignored: Collection[Ignored]) -> str:
    """The items of `ignore` in `account.yaml` for tunnels that can't be declared."""
    return indent(yaml_text(_rules(ignored)), "  ") if ignored else ""


def add_ignores(source: SourceFile, ignored: Collection[Ignored]) -> str | Diagnostic:
    """The text of an `account.yaml` with an `ignore` for these tunnels, or why they must be added by hand.

    Args:
        source: A valid file; a list that it has already is its author's to lay out.
        ignored: At least one tunnel.
    """
    parsed = parse(source.data, source.path)
    text = source.data.decode("utf-8-sig")
    text += "" if text.endswith("\n") else "\n"
    text += f"ignore:\n{ignore_text(ignored)}"
    with suppress(DocumentError):  # something stands at its end that nothing can be written behind
        value = parsed.value if isinstance(parsed.value, dict) else {}
        if parse(text.encode(), source.path).value == {**value, "ignore": _rules(ignored)} and "ignore" not in value:
            return text
    detail = f"Add these items to `ignore` by hand, then import again: {yaml_text(_rules(ignored), flow=True)[1:-1]}"
    place = parsed.document.location(("ignore",), key=True)
    return error("ignore-by-hand", "`ignore` must name tunnels that no file can declare", detail, place)


def _rules(ignored: Collection[Ignored]) -> list[dict[str, str]]:
    return [{"name": entry.name, "reason": f"can't be declared: {entry.reason}"} for entry in ignored]


def account_text(account_id: str, ignored: Collection[Ignored] = ()) -> str:
    """The text of a new `account.yaml` that deletes nothing."""
    head = yaml_text({"account_id": account_id}) + "prune: false\n"
    return head + (f"ignore:\n{ignore_text(ignored)}" if ignored else "")


def glob_of(name: str) -> str:
    """A glob that matches a name literally; a character that no file can hold is matched by its like."""
    return "".join(f"[{c}]" if c in "*?[" else _UNHELD if has_control(c) else c for c in name)


def _existing(account_file: SourceFile | None) -> tuple[tuple[str, ...], Account | None]:
    """The keys of the account's defaults, and the account."""
    if account_file is None:
        return (), None
    account = load(Tree((AccountFiles("", "", account_file, ()),), ()), _DAY).accounts[0]
    try:
        value = parse(account_file.data, account_file.path).value
    except DocumentError:
        return (), account
    defaults = value.get("defaults") if isinstance(value, dict) else None
    return tuple(defaults) if isinstance(defaults, dict) else (), account


def _writable(settings: Settings) -> bool:
    try:
        repr(settings).encode()
        "".join(v for v in settings.values() if isinstance(v, str)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _item(settings: Settings) -> str:
    """One item of the list: what differs from the API's defaults, and the key as somebody else's."""
    own = {p: v for p, v in settings.items() if v != SETTINGS[p].default}
    return indent(yaml_text([{**nested(own), "psk": EXTERNAL}]), "  ")


_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_SafeDumper):  # type: ignore[misc]
    """Writes nodes of another text as they were written there, and text of several lines on one, in quotes."""


def _text_node(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_multi_representer(yaml.Node, lambda _, node: node)
_Dumper.add_representer(str, _text_node)


def yaml_text(value: Any, *, flow: bool = False) -> str:
    """A value as lines of YAML, or on one line for any place in another text. What can't be seen is escaped."""
    options: dict[str, Any] = {"sort_keys": False, "width": 1 << 20, "default_flow_style": flow}
    text = str(yaml.dump([value] if flow else value, Dumper=_Dumper, allow_unicode=True, **options))
    if not text.replace("\n", "").isprintable():
        text = yaml.dump([value] if flow else value, Dumper=_Dumper, allow_unicode=False, **options)
    return text.strip()[1:-1] if flow else text


def _files(items: Mapping[str, str], defaults: tuple[str, ...]) -> list[_File]:
    """The items put into files of a size that can be read."""
    head = _HEAD
    if defaults:
        head += "defaults:  # without those of the account\n" + indent(yaml_text(dict.fromkeys(defaults)), "  ")
    out: list[_File] = []
    rest = list(items)
    while rest or not out:
        size, count = 0, 0
        for name in rest:
            size += len(items[name].encode())
            if count and size > MAX_TEXT:
                break
            count += 1
        out.append(_file(head, {name: items[name] for name in rest[:count]}))
        rest = rest[count:]
    return out


def _file(head: str, items: Mapping[str, str]) -> _File:
    if not items:
        return _File(head + "tunnels: []\n", (), ())
    lines, line = [], head.count("\n") + 2
    for text in items.values():
        lines.append(line)
        line += text.count("\n")
    return _File(f"{head}tunnels:\n{''.join(items.values())}", tuple(items), tuple(lines))


def _proof(files: list[_File], account_file: SourceFile, beside: Sequence[SourceFile]) -> Loaded:
    """The files read back after those beside them, since of two that contradict each other the later one is blamed."""
    sources = tuple(SourceFile(str(i), file.text.encode()) for i, file in enumerate(files))
    return load(Tree((AccountFiles("", "", account_file, (*beside, *sources)),), ()), _DAY)


def _refusals(files: list[_File], wanted: Mapping[str, Settings], proof: Loaded) -> dict[str, str]:
    """Names that can't stay in the files, and why."""
    out: dict[str, str] = {}
    for problem in proof.diagnostics:
        place = problem.location
        if problem.severity is Severity.ERROR and problem.code != MORE and place and place.file.isdigit():
            file = files[int(place.file)]
            if index := bisect_right(file.lines, place.line):
                out.setdefault(file.names[index - 1], problem.summary)
    if out:
        return out
    read = proof.desired[0].tunnels
    names = [name for file in files for name in file.names]
    return {n: _UNEQUAL for n in names if n not in read or read[n].settings != wanted[n]}
