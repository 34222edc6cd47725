"""Finds a secret in bytes, by other means than the redactor's own table of shapes."""

import base64
import gzip
import html
import json
import re
import urllib.parse
import zlib
from collections.abc import Callable, Iterator


def _base64_runs(data: bytes) -> Iterator[bytes]:
    """All runs together, at each of the four places where a text inside one may begin."""
    runs = re.findall(rb"[A-Za-z0-9+/_-]{4,}", data.replace(b"\\n", b"").replace(b"\n", b""))
    for start in range(4):
        yield b"\n".join(_debased(run[start:].replace(b"-", b"+").replace(b"_", b"/")) for run in runs)


def _debased(run: bytes) -> bytes:
    whole = run[: len(run) - (len(run) % 4 == 1)]  # one sign alone is no byte
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _hex_runs(data: bytes) -> Iterator[bytes]:
    for run in re.findall(rb"[0-9a-fA-F](?:[ :]?[0-9a-fA-F]){7,}", data):
        digits = re.sub(rb"[ :]", b"", run)
        for start in range(2):
            part = digits[start:]
            yield bytes.fromhex(part[: len(part) // 2 * 2].decode())


def _bytes_apart(data: bytes) -> Iterator[bytes]:
    """Bytes that are written one by one: `[81, 119]`, `51:77`, `0x51, 0x77`, `\\u0051\\u0077`."""
    yield bytes(int(n) for n in re.findall(rb"(?<!\d)\d{1,3}(?!\d)", data) if int(n) <= 255)
    hexadecimal = re.findall(rb"(?<![0-9a-fA-F])(?:0x|u?00)?([0-9a-fA-F]{2})(?![0-9a-fA-F])", data)
    yield bytes.fromhex(b"".join(hexadecimal).decode())


def _unescaped(data: bytes) -> Iterator[bytes]:
    yield re.sub(rb"\\x([0-9a-f]{2})|\\([\\'\"])", lambda m: bytes.fromhex(m[1].decode()) if m[1] else m[2], data)


def _unjson(data: bytes) -> Iterator[bytes]:
    def one(match: re.Match[bytes]) -> bytes:
        try:
            return str(json.loads(b'"' + match[0] + b'"')).encode("utf-8", "surrogatepass")
        except ValueError:
            return match[0]

    yield re.sub(rb'(?:\\u[0-9a-fA-F]{4})+|\\["\\/bfnrt]', one, data)


def _unzipped(data: bytes) -> Iterator[bytes]:
    for undo in (gzip.decompress, zlib.decompress):
        try:
            yield undo(data)
        except (OSError, zlib.error, EOFError):
            continue


DECODERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "raw": lambda data: iter([data]),
    "json": _unjson,
    "json twice": lambda data: (b for a in _unjson(data) for b in _unjson(a)),
    "url": lambda data: iter(
        [urllib.parse.unquote_to_bytes(data), urllib.parse.unquote_to_bytes(data.replace(b"+", b" "))]
    ),
    "html": lambda data: iter([html.unescape(data.decode("utf-8", "replace")).encode()]),
    "json in html": lambda data: _unjson(html.unescape(data.decode("utf-8", "replace")).encode()),
    "base64": _base64_runs,
    "hex": _hex_runs,
    "utf-16 in hex": lambda data: (run.replace(b"\0", b"") for run in _hex_runs(data)),
    "bytes apart": _bytes_apart,
    "repr": _unescaped,
    "markdown": lambda data: iter([re.sub(rb"\\([!-/:-@\[-`{-~])", rb"\1", data)]),
    "utf-16": lambda data: iter([data.replace(b"\0", b"")]),
    "compressed": _unzipped,
    "reversed": lambda data: iter([data[::-1]]),
}
"""By name: what undoes one way of writing text, as candidates to look for the secret in."""


_WHOLE = 12
"""Letters and digits of a secret from which on most of them are as bad as all."""


_OTHERS = bytes(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz0123456789"))


def _bare(data: bytes) -> bytes:
    return data.lower().translate(None, _OTHERS)


def leaks(data: bytes, *secrets: str) -> list[str]:
    """The names of the encodings in which one of the secrets stands in the data; empty when there is none.

    So does one of which only case, what is no letter or digit, or three characters at either end differ.
    """
    needles = [s.encode() for s in secrets]
    cores = [_bare(needle)[3:-3] for needle in needles if len(_bare(needle)) >= _WHOLE]

    def holds(candidate: bytes) -> bool:
        bare = _bare(candidate) if cores else b""
        return any(n in candidate for n in needles) or any(core in bare for core in cores)

    return [name for name, decode in DECODERS.items() if any(map(holds, decode(data)))]
