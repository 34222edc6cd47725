"""Diagnostics as a compiler prints them: place, what is wrong, and the line with a caret under the spot.

A key may stand anywhere in a wrong file: under a misspelt name, in the place of a name, behind a broken quote. So of a
line only what can't be one is repeated: punctuation, the names of the files' own fields, what the message quotes
itself, and addresses, numbers and fixed words behind a field that takes no key.
"""

import re
from collections.abc import Callable, Iterator

from reconciler.model.problems import Diagnostic, Location
from reconciler.render import safe
from reconciler.render.paint import WEIGHT_COLOR, Paint, columns

LineOf = Callable[[str, int], str | None]

FIELDS = frozenset(
    {
        "account_id",
        "automatic_return_routing",
        "bgp",
        "cloudflare_endpoint",
        "customer_asn",
        "customer_endpoint",
        "custom_remote_identities",
        "defaults",
        "description",
        "direction",
        "enabled",
        "export_filter_id",
        "extra_prefixes",
        "fields",
        "fqdn_id",
        "health_check",
        "ignore",
        "import_filter_id",
        "interface_address",
        "interface_address6",
        "limits",
        "max_change_percent",
        "max_delete_percent",
        "max_deletes",
        "name",
        "parking",
        "paused",
        "protect",
        "prune",
        "rate",
        "reason",
        "removed",
        "renamed_from",
        "replay_protection",
        "rotate_after",
        "saved",
        "target",
        "tunnels",
        "type",
        "until",
    }
)
"""Names that the files may hold, whose values are no keys."""

KEY_FIELDS = frozenset({"command", "deliver_to", "env", "file", "generate", "md5_key", "psk", "token"})
"""Names that the files may hold, whose values are keys, tokens or ways to them: these are never repeated."""

_LONGEST = 160
_READ = 1000
_MASK = "***"
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<comment>(?<!\S)\#.*)|(?P<sign>[{}\[\],]|-(?=\s|$)|:(?=[\s{}\[\],]|$)|(?<=["']):)"""
    r"""|(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')"""
    r"""|(?P<plain>(?:[^\s{}\[\],:]|:(?![\s{}\[\],]|$))(?:[^{}\[\],:\#]|:(?![\s{}\[\],]|$)|(?<=\S)\#)*)""",
    re.VERBOSE,
)
_COLON = re.compile(r"\s*:(?=[\s{}\[\],]|$)|:")
_HARMLESS = re.compile(
    r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?:/\d{1,3})?|\d{1,10}|\d{4}-\d\d-\d\d|null|~|true"
    r"|false|on|off|yes|no|low|mid|high|request|reply|unidirectional|bidirectional",
    re.IGNORECASE,
)


def problem(diagnostic: Diagnostic, line_of: LineOf | None, paint: Paint) -> list[str]:
    """One diagnostic as `file:line:column: error: … [code]`, then of its source line what surely is no key."""
    place = f"{safe.terminal(str(diagnostic.location))}: " if diagnostic.location else ""
    severity = paint(f"{diagnostic.severity}:", WEIGHT_COLOR[diagnostic.severity])
    words = f"{diagnostic.summary}. {diagnostic.detail} [{diagnostic.code}]"
    found = [f"{paint(place, 'bold')}{severity} {safe.terminal(words)}"]
    if line_of and diagnostic.location:
        found += _source(diagnostic.location, line_of, words, paint)
    return found


def _source(place: Location, line_of: LineOf, words: str, paint: Paint) -> list[str]:
    line = (line_of(place.file, place.line) or "")[:_READ].rstrip().replace("\t", " ")
    if not line or place.column > _LONGEST:
        return []
    shown, caret = "", None
    for start, text, kept in _masked(line, words):
        ahead = place.column - 1 - start
        if caret is None and ahead < len(text):
            caret = columns(safe.terminal(shown + (text[:ahead] if kept else "")))
        # Masks beside each other are one, so that nobody can count words.
        shown = shown if not kept and shown.endswith(_MASK) else shown + (text if kept else _MASK)
    shown = safe.terminal(shown.rstrip())
    if not any(c.isalnum() for c in shown):
        return []
    at = columns(shown) if caret is None else caret
    number = f"{place.line:>5} | "
    return [paint(number, "blue") + shown[:_LONGEST], paint(" " * 5 + " | ", "blue") + " " * at + paint("^", "red")]


def _masked(line: str, words: str) -> Iterator[tuple[int, str, bool]]:
    """The parts of a line: where each begins, its text, and whether it may be repeated."""
    field, at = "", 0
    while at < len(line):
        found = _TOKEN.match(line, at)
        if found is None or found["comment"]:  # an open quote, or what nobody needs to see
            yield at, line[at:], False
            return
        text = found[0] if found["space"] else found[0].rstrip()
        end = at + len(text)
        if found["space"] or found["sign"]:
            yield at, text, True
        else:
            bare = text[1:-1] if found["quoted"] else text
            if _COLON.match(line, end):
                field = bare
                yield at, text, bare in FIELDS | KEY_FIELDS or repr(bare) in words
            else:
                harmless = field in FIELDS and _HARMLESS.fullmatch(bare)
                yield at, text, bool(harmless) or (field not in KEY_FIELDS and repr(bare) in words)
        at = end
