"""What is refused before any YAML is read: size, encoding, characters, tabs, directives, merge conflicts.

Everything here looks at the whole file at once, so each check names every line that breaks it.
"""

import re
from collections.abc import Callable, Iterator

from reconciler.model.problems import Diagnostic, Location, error

MAX_BYTES = 1 << 20
"""A file of 1 MiB holds about 1,700 tunnels."""

MAX_PROBLEMS = 100
"""Problems shown for one file; a file with more is not worth reading further."""

_BREAK = re.compile(r"\r\n|\r|\n")
_SIGNATURES = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_ZEROS = {
    b"\x01\x01\x01\x00": "UTF-32",
    b"\x00\x01\x01\x01": "UTF-32",
    b"\x01\x00\x01\x00": "UTF-16",
    b"\x00\x01\x00\x01": "UTF-16",
}
_NOT_CONTROLS = b"\t\n\r" + bytes({*range(0x20, 0x100)} - {0x7F})
# U+0085, U+2028 and U+2029 end a line in YAML 1.1 and do not in 1.2: an editor would show something else
# than what is read.
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
# The two parsers disagree on tabs between tokens, so they are only welcome inside quotes and comments.
_TAB = re.compile(r"""^(?:[^\t\n\r"'#]|(?<![ \n\r])\#|"(?:\\.|[^"\\\n\r])*+"|'[^'\n\r]*+')*+\t""", re.MULTILINE)
_DIRECTIVE = re.compile(r"(?:[ ]*+(?:\#[^\r\n]*+)?[\r\n]|%YAML[ ]+1\.[12][ ]*+(?:[ ]\#[^\r\n]*+)?[\r\n])*+(%)")
_CONFLICT = re.compile(r"(?:<{7}|\|{7}|>{7})(?: .*)?|={7}")
"""A line that git writes around the two sides of a conflict."""


def screen(data: bytes, file: str) -> tuple[Diagnostic, ...]:
    """The problems of a file's bytes that need no YAML parser; none for a file that is safe to parse.

    Args:
        data: The whole file.
        file: Its name for the messages.
    """
    if len(data) > MAX_BYTES:
        return (_too_large(len(data), file),)
    if wide := _wide_encoding(data):
        return (_encoding(f"the file is {wide} text", Location(file)),)
    try:
        text = decode(data)
    except UnicodeDecodeError as broken:
        where = _place(decode(data[: broken.start]), broken.start, file)
        return (_encoding(f"the byte 0x{data[broken.start]:02x} is not UTF-8 text", where),)
    found: list[Diagnostic] = []
    if not data.isascii() or data.translate(None, _NOT_CONTROLS):
        found += _per_line(_FORBIDDEN, text, lambda match, at: _control(match.group(), at), file)
    if b"\t" in data:
        found += _per_line(_TAB, text, lambda _, at: _tab(at), file)
    if b"%" in data and (match := _DIRECTIVE.match(text)):
        found.append(_directive(_place(text, match.start(1), file)))
    if any(sign * 7 in data for sign in (b"<", b"|", b"=", b">")):
        found += _conflicts(text, file)
    return tuple(found)


def decode(data: bytes) -> str:
    """The text of a UTF-8 file without its byte order mark; columns are counted in its characters."""
    return data.decode("utf-8").removeprefix("\ufeff")


def split_lines(text: str) -> list[str]:
    """The lines as the YAML parsers count them, without their ends."""
    return _BREAK.split(text)


def has_control(text: str) -> bool:
    """True when a value holds a character that no value may hold, which escapes can smuggle in."""
    return not text.isprintable() and _FORBIDDEN.search(text) is not None


def _wide_encoding(data: bytes) -> str | None:
    """The name of the encoding when the file begins as UTF-16 or UTF-32 does, with a mark or without."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    return _ZEROS.get(bytes(byte == 0 for byte in data[:4]))


def _place(text: str, offset: int, file: str) -> Location:
    """The place of a character, given by its offset."""
    lines = split_lines(text[:offset])
    return Location(file, len(lines), len(lines[-1]) + 1)


def _per_line(
    pattern: re.Pattern[str],
    text: str,
    problem: Callable[[re.Match[str], Location], Diagnostic],
    file: str,
) -> Iterator[Diagnostic]:
    """One problem for each line that holds a match, at the match's last character."""
    if not pattern.search(text):
        return
    for number, line in enumerate(split_lines(text), 1):
        if match := pattern.search(line):
            yield problem(match, Location(file, number, match.end()))


def _conflicts(text: str, file: str) -> Iterator[Diagnostic]:
    """One problem for each conflict, at its first line; a line that was forgotten is one too."""
    inside = False
    for number, line in enumerate(split_lines(text), 1):
        if _CONFLICT.fullmatch(line):
            begins, ends = line.startswith("<"), line.startswith(">")
            if begins or not inside:
                yield error(
                    "merge-conflict",
                    "a merge conflict that is not resolved",
                    "Lines like <<<<<<<, ======= and >>>>>>> stand around the two sides. Keep what should hold, and "
                    "remove these lines.",
                    Location(file, number),
                )
            inside = begins or (inside and not ends)


def _too_large(size: int, file: str) -> Diagnostic:
    return error(
        "file-too-large",
        f"the file has {size:,} bytes, more than {MAX_BYTES:,}",
        "Larger files are refused unread. Split it: any number of files may stand in an account's folder.",
        Location(file),
    )


def _encoding(summary: str, where: Location) -> Diagnostic:
    return error("bad-encoding", summary, "Files are read as UTF-8 only. Save this one as UTF-8.", where)


def _control(character: str, where: Location) -> Diagnostic:
    return error(
        "control-character",
        f"the character U+{ord(character):04X} may not stand in a file",
        "It is invisible and can make a reviewer see something else than what is read. Remove it.",
        where,
    )


def _tab(where: Location) -> Diagnostic:
    return error(
        "tab",
        "a tab outside quotes and comments",
        'YAML counts spaces, and programs disagree on tabs. Use spaces, or "\\t" inside double quotes.',
        where,
    )


def _directive(where: Location) -> Diagnostic:
    return error(
        "directive",
        "a directive other than %YAML 1.1 or 1.2",
        "Lines that begin with % change how YAML is read and are not needed here. Remove it.",
        where,
    )
