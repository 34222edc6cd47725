"""Live tunnels as YAML text, for `import`: a plan right after finds nothing to change.

What is live may break the rules that files must keep, or hold what no file can: then the whole account could not be
loaded. So what was written is read back, with the files beside it, and a tunnel that does not come back equal is left
out and ignored in `account.yaml`, with the reason.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from itertools import accumulate
from json import dumps
from textwrap import indent

from reconciler.files.load import load
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.desired import Account
from reconciler.model.live import Live
from reconciler.model.problems import MORE, Diagnostic, Severity, error
from reconciler.model.reference import EXTERNAL
from reconciler.model.settings import Settings, nested
from reconciler.model.tunnel import SETTINGS
from reconciler.yaml.read import DocumentError, parse
from reconciler.yaml.screen import has_control
from reconciler.yaml.write import yaml_text

MAX_TEXT = 900_000
"""Bytes of the tunnels in one file, below the limit at which a file is refused unread."""

_HEAD = "# What is live at Cloudflare, written by `reconciler import`.\n"
_NO_ID = "0" * 32  # stands for an account's id, and the day for today, where what was written is only read back
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
    head = _HEAD
    if defaults:
        head += "defaults:  # without those of the account\n" + indent(yaml_text(dict.fromkeys(defaults)), "  ")
    wanted = {t.name: t.settings for t in live.tunnels.values() if t.name not in declared}
    if account:
        globs = [rule.name for rule in account.ignore if not rule.fields]
        wanted = {
            name: settings
            for name, settings in wanted.items()
            if name not in account.removed and not any(fnmatchcase(name, glob) for glob in globs)
        }
    refused = {t.name: t.unreadable for t in live.tunnels.values() if t.unreadable and t.name in wanted}
    refused |= {name: _UNWRITABLE for name, settings in wanted.items() if not _writable(settings)}
    items = {name: _item(settings) for name, settings in wanted.items() if name not in refused}
    while True:  # each round refuses one tunnel at least, or is the last
        files = _files({name: text for name, text in items.items() if name not in refused})
        texts = tuple(head + (f"tunnels:\n{''.join(file.values())}" if file else "tunnels: []\n") for file in files)
        own = account_file or SourceFile("account", account_text(_NO_ID, _ignored(refused)).encode())
        # Of two that contradict each other the later one is blamed: so those beside them come first.
        sources = (*beside, *(SourceFile(str(number), text.encode()) for number, text in enumerate(texts)))
        proof = load(Tree((AccountFiles("", "", own, sources),), ()), _DAY)
        wrong = _blamed(files, head.count("\n"), proof.diagnostics)
        if not wrong:
            read = proof.desired[0].tunnels
            names = tuple(name for file in files for name in file)
            wrong = {n: _UNEQUAL for n in names if n not in read or read[n].settings != wanted[n]}
            if not wrong:
                return Dumped(texts, _ignored(refused), names)
        refused |= wrong


def _ignored(refused: Mapping[str, str]) -> tuple[Ignored, ...]:
    """One rule for each glob, with the reason of the first tunnel that it stands for."""
    reasons: dict[str, str] = {}
    for name, reason in sorted(refused.items()):
        reasons.setdefault(glob_of(name), reason)
    return tuple(Ignored(name, reason) for name, reason in reasons.items())


def account_text(account_id: str, ignored: Collection[Ignored] = ()) -> str:
    """The text of a new `account.yaml` that deletes nothing."""
    head = yaml_text({"account_id": account_id}) + "prune: false\n"
    return head + (_ignore_lines(ignored) if ignored else "")


def add_ignores(source: SourceFile, ignored: Collection[Ignored]) -> str | Diagnostic:
    """The text of an `account.yaml` with an `ignore` for these tunnels, or why they must be added by hand.

    Args:
        source: A valid file; a list that it has already is its author's to lay out.
        ignored: At least one tunnel.
    """
    parsed = parse(source.data, source.path)
    text = source.data.decode("utf-8-sig")
    text += "" if text.endswith("\n") else "\n"
    text += _ignore_lines(ignored)
    with suppress(DocumentError):  # something stands at its end that nothing can be written behind
        value = parsed.value if isinstance(parsed.value, dict) else {}
        if parse(text.encode(), source.path).value == {**value, "ignore": _rules(ignored)} and "ignore" not in value:
            return text
    detail = f"Add these items to `ignore` by hand, then import again: {yaml_text(_rules(ignored), flow=True)[1:-1]}"
    place = parsed.document.location(("ignore",), key=True)
    return error("ignore-by-hand", "`ignore` must name tunnels that no file can declare", detail, place)


def _ignore_lines(ignored: Collection[Ignored]) -> str:
    return "ignore:\n" + indent(yaml_text(_rules(ignored)), "  ")


def _rules(ignored: Collection[Ignored]) -> list[dict[str, str]]:
    return [{"name": entry.name, "reason": f"can't be declared: {entry.reason}"} for entry in ignored]


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
    """False for half a character of UTF-16, which JSON can hold and a file can't."""
    try:
        dumps(settings, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _item(settings: Settings) -> str:
    """One item of the list: what differs from the API's defaults, and the key as somebody else's."""
    own = {p: v for p, v in settings.items() if v != SETTINGS[p].default}
    return indent(yaml_text([{**nested(own), "psk": EXTERNAL}]), "  ")


def _files(items: Mapping[str, str]) -> list[dict[str, str]]:
    """The items, by name, put into files of a size that can be read; one file at least."""
    out: list[dict[str, str]] = [{}]
    size = 0
    for name, text in items.items():
        size += len(text.encode())
        if out[-1] and size > MAX_TEXT:
            out.append({})
            size = len(text.encode())
        out[-1][name] = text
    return out


def _blamed(files: list[dict[str, str]], head: int, problems: Iterable[Diagnostic]) -> dict[str, str]:
    """The tunnels in which something is wrong, and what; the files are named by their numbers."""
    out: dict[str, str] = {}
    names = [[*file] for file in files]
    # A head of so many lines and the line of `tunnels` stand before the first.
    begins = [[*accumulate((text.count("\n") for text in file.values()), initial=head + 2)][:-1] for file in files]
    for problem in problems:
        place = problem.location
        if problem.severity is Severity.ERROR and problem.code != MORE and place and place.file.isdigit():
            number = int(place.file)
            if index := bisect_right(begins[number], place.line):
                out.setdefault(names[number][index - 1], problem.summary)
    return out
