"""What is refused before any YAML is read: size, encoding, invisible characters, directives, merge conflicts.

A parser stops at the first of these and blames what follows, or reads on and sees another text than the reviewer did.
Here each check looks at the whole file and names every line that breaks it. What passes is text of which every YAML
parser counts the same lines and columns.
"""

import re
from collections.abc import Iterator

from reconciler.model.problems import Diagnostic, Location, error

MAX_BYTES = 1 << 20
"""A file of 1 MiB holds about 1,700 tunnels."""

_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""How a file in UTF-16 or UTF-32 begins. Without such a mark a zero among the first four bytes tells it, since YAML
begins with an ASCII character, as JSON does."""

# U+0085, U+2028 and U+2029 end a line in YAML 1.1 and do not in 1.2: an editor would show something else
# than what is read.
_FORBIDDEN = "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"
_HARMLESS = bytes({*b"\t\n\r", *range(0x20, 0x7F)} - {*b"%"})
"""The bytes that break no rule of this module: a file of these alone is not looked at line by line."""
_VERSIONS = (["%YAML", "1.1"], ["%YAML", "1.2"])
# What git writes around the two sides of a conflict, where a label can follow, and between them. Spelled so that no
# editor and no merge tool takes these lines for a conflict of this file.
_CONFLICT = ("<" * 7, "|" * 7, ">" * 7)
_MIDDLE = "=" * 7


def screen(data: bytes, file: str) -> tuple[Diagnostic, ...]:
    """The problems of a file's bytes that need no YAML parser; none for a file that is safe to parse.

    Args:
        data: The whole file.
        file: Its name for the messages.
    """
    if len(data) > MAX_BYTES:
        summary = f"the file has {len(data):,} bytes, more than {MAX_BYTES:,}"
        detail = "Larger files are refused unread. Split it: any number of files may stand in an account's folder."
        return (error("file-too-large", summary, detail, Location(file)),)
    if data.startswith(_WIDE) or b"\0" in data[:4]:
        return (_encoding("the file is UTF-16 or UTF-32 text", Location(file)),)
    try:
        text = decode(data)
    except UnicodeDecodeError as broken:
        before = split_lines(decode(data[: broken.start]))
        where = Location(file, len(before), len(before[-1]) + 1)
        return (_encoding(f"the byte 0x{data[broken.start]:02x} is not UTF-8 text", where),)
    if not data.translate(None, _HARMLESS) and not any(marker in text for marker in (*_CONFLICT, _MIDDLE)):
        return ()
    lines = split_lines(text)
    return (*_controls(lines, file), *_directives(lines, file), *_conflicts(lines, file))


def decode(data: bytes) -> str:
    """The text of a UTF-8 file without its byte order mark; columns are counted in its characters."""
    return data.decode("utf-8").removeprefix("\ufeff")


def split_lines(text: str) -> list[str]:
    """The lines as YAML counts them, without their ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def has_control(text: str) -> bool:
    """True when a value holds a character that no value may hold, which escapes can smuggle in."""
    return not text.isprintable() and re.search(_FORBIDDEN, text) is not None


def _controls(lines: list[str], file: str) -> Iterator[Diagnostic]:
    """One problem for each line with a forbidden character, at the first one."""
    for number, line in enumerate(lines, 1):
        if match := re.search(_FORBIDDEN, line):
            yield error(
                "control-character",
                f"the character U+{ord(match.group()):04X} may not stand in a file",
                "It is invisible and can make a reviewer see something else than what is read. Remove it.",
                Location(file, number, match.end()),
            )


def _directives(lines: list[str], file: str) -> Iterator[Diagnostic]:
    """A problem for the first directive that is not harmless; they stand above all but blank lines and comments."""
    for number, line in enumerate(lines, 1):
        if line.startswith("%"):
            if line.partition(" #")[0].split() not in _VERSIONS:
                yield error(
                    "directive",
                    "a directive other than %YAML 1.1 or 1.2",
                    "Lines that begin with % change how YAML is read and are not needed here. Remove it.",
                    Location(file, number),
                )
                return
        elif line.strip(" ") and not line.lstrip(" ").startswith("#"):
            return


def _conflicts(lines: list[str], file: str) -> Iterator[Diagnostic]:
    """One problem for each conflict, at its first line; a line that was forgotten is one too."""
    inside = False
    for number, line in enumerate(lines, 1):
        if line.partition(" ")[0] not in _CONFLICT and line != _MIDDLE:
            continue
        begins, ends = line.startswith("<"), line.startswith(">")
        if begins or not inside:
            yield error(
                "merge-conflict",
                "a merge conflict that is not resolved",
                "Lines like <<<<<<<, ======= and >>>>>>> stand around the two sides. Keep what should hold, and "
                "remove these lines.",
                Location(file, number),
            )
        inside = begins or (inside and not ends)  # the other signs of one conflict do not count again


def _encoding(summary: str, where: Location) -> Diagnostic:
    return error("bad-encoding", summary, "Files are read as UTF-8 only. Save this one as UTF-8.", where)
