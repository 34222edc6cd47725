"""Files that must be refused: a name, the bytes, the code of the first problem and its line."""

from typing import NamedTuple


class Hostile(NamedTuple):
    name: str
    data: bytes
    code: str
    line: int


def _bomb(levels: int, opening: str, closing: str) -> bytes:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    for n in range(1, levels):
        aliases = ", ".join([f"*a{n - 1}"] * 9)
        lines.append(f"a{n}: &a{n} {opening}{aliases}{closing}")
    return "\n".join(lines).encode()


_TABLE: tuple[tuple[str, tuple[tuple[str, bytes, int], ...]], ...] = (
    (
        "too-deep",
        (
            ("closed brackets", b"[" * 30_000 + b"]" * 30_000, 1),
            ("a megabyte of brackets", b"[" * (1 << 20), 1),
            ("brackets on lines", b"[\n" * 1000, 33),
            ("braces", b"{a: " * 33 + b"}" * 33, 1),
            ("33 brackets", b"[" * 33 + b"]" * 33, 1),
            ("1,001 brackets below a key", b"a:\n  b: " + b"[" * 1001, 2),
            ("1,001 brackets after a mark and wide letters", "\ufeffä: é\nb: ".encode() + b"[" * 1001, 2),
            ("more braces than a parser takes", b"{a: " * 2000, 1),
            ("lists below braces", b"{a: [" * 600, 1),
            ("dashes", b"- " * 1000 + b"x", 1),
            ("indented keys", b"".join(b" " * n + b"a:\n" for n in range(40)), 33),
            (
                "chain of aliases",
                b"- &a0 [x]\n" + b"".join(b"- &a%d [*a%d]\n" % (n, n - 1) for n in range(1, 99)),
                32,
            ),
            (
                "alias far down",
                b"a: &a " + b"[" * 20 + b"]" * 20 + b"\nb: " + b"[" * 20 + b"*a" + b"]" * 20,
                2,
            ),
        ),
    ),
    (
        "alias-expansion",
        (
            ("alias bomb", _bomb(9, "[", "]"), 5),
            ("merge bomb", _bomb(9, "{<<: [", "]}"), 5),
            ("many aliases", b"- &a x\n" + b"- *a\n" * 10_001, 10_002),
            ("large anchor", b"- &a [" + b"x," * 10_000 + b"]\n- *a\n", 2),
            ("alias of a list", b"- &a [x, x, x, x]\n" + b"- *a\n" * 2001, 2002),
        ),
    ),
    (
        "recursive-alias",
        (
            ("list in itself", b"a: &a [*a]", 1),
            ("mapping in itself", b"a: &a {b: *a}", 1),
            ("two levels", b"a: &a\n  b:\n    - *a", 3),
            ("root", b"&a\nb: *a", 2),
            ("merge of itself", b"a: &a\n  <<: *a", 2),
        ),
    ),
    (
        "unknown-alias",
        (
            ("never defined", b"a: *b", 1),
            ("defined later", b"a: *b\nb: &b 1", 1),
            ("glob without quotes", b"name: *lon", 1),
            ("in a merge", b"a:\n  <<: *b", 2),
        ),
    ),
    (
        "duplicate-key",
        (
            ("plain", b"a: 1\na: 2", 2),
            ("quoted and plain", b"a: 1\n'a': 2", 2),
            ("nested", b"t:\n  - a: 1\n    b: 1\n    a: 2", 4),
            ("flow", b"{a: 1, a: 2}", 1),
            ("merge twice", b"x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x", 4),
            ("escaped", b'a: 1\n"\\x61": 2', 2),
            ("with an anchor", b"a: 1\n&b a: 2", 2),
            ("null values", b"a:\na:", 2),
            ("container values", b"a: [1]\na: {b: 1}", 2),
            ("many", b"a: 1\n" * 150, 2),
            ("before broken text", b"a: 1\na: 2\nb: [", 2),
            ("in a duplicate", b"a: 1\na: {b: 1, b: 2}", 2),
            ("numbers", b"010: 1\n010: 2", 2),
        ),
    ),
    (
        "tag",
        (
            ("python object", b"!!python/object/apply:os.system ['id']", 1),
            ("python name", b"a: !!python/name:os.system", 1),
            ("binary", b"a: !!binary aGk=", 1),
            ("int", b"a: !!int 12", 1),
            ("own", b"a:\n  b: !secret x", 2),
            ("verbatim", b"a: !<tag:x> 1", 1),
            ("map", b"!!map {a: 1}", 1),
            ("seq", b"a: !!seq [1]", 1),
            ("str on a list", b"a: !!str [1]", 1),
            ("key", b"!!int 1: x", 1),
            ("set", b"a: !!set {b, c}", 1),
            ("omap", b"!!omap [a: 1]", 1),
            ("null", b"a: !!null x", 1),
            ("quoted", b"a: !!float '1'", 1),
            ("timestamp", b"a: !!timestamp 2026-01-01", 1),
            ("unknown handle", b"a: !e!x 1", 1),
            ("inside a list", b"- 1\n- !x 2", 2),
            ("include", b"a: !include ../../etc/passwd", 1),
            ("env", b"a: !ENV TOKEN", 1),
        ),
    ),
    (
        "multiple-documents",
        (
            ("two", b"a: 1\n---\nb: 2", 2),
            ("empty second", b"a: 1\n---\n", 2),
            ("both empty", b"---\n---\n", 2),
            ("after dots", b"a: 1\n...\n---\nb: 1", 3),
        ),
    ),
    (
        "bad-key",
        (
            ("list", b"[a]: 1", 1),
            ("mapping", b"{a: 1}: 1", 1),
            ("alias", b"a: &x k\n*x : 1", 2),
            ("explicit list", b"? - a\n: 1", 1),
            ("explicit mapping", b"a:\n  ? b: 1\n  : 2", 2),
            ("unquoted template", b"a: {{ b }}", 1),
        ),
    ),
    (
        "null-key",
        (
            ("tilde", b"~: 1", 1),
            ("word", b"null: 1", 1),
            ("capitals", b"a:\n  NULL: 1", 2),
            ("title", b"Null: 1", 1),
            ("explicit", b"a: 1\n?\n: 2", 2),
        ),
    ),
    (
        "bad-merge",
        (
            ("text", b"a:\n  <<: x", 2),
            ("null", b"<<:", 1),
            ("list of text", b"<<: [x]", 1),
            ("list in a list", b"<<: [[{a: 1}]]", 1),
            ("alias of text", b"- &a x\n- <<: *a", 2),
        ),
    ),
    (
        "control-character",
        (
            ("NUL", b"a: b\0", 1),
            ("NUL on line 2", b"a: b\nb: \0", 2),
            ("all NUL from line 2", b"abcd\n" + b"\0" * 1000, 2),
            ("bell", b"a: \a", 1),
            ("escape sequence", b"a: \x1b[2J", 1),
            ("in a comment", b"a: 1 # \x1b[2J", 1),
            ("backspace", b"a: x\b", 1),
            ("form feed", b"a: 1\n\x0cb: 2", 2),
            ("vertical tab", b"a: \x0b", 1),
            ("delete", b"a: \x7f", 1),
            ("C1", b"a: \xc2\x9b31m", 1),
            ("next line", b"a: b\xc2\x85c: d", 1),
            ("line separator", b"a: b\xe2\x80\xa8c: d", 1),
            ("paragraph separator", b"a: b # x\xe2\x80\xa9c: d", 1),
            ("noncharacter", b"a: \xef\xbf\xbf", 1),
            ("reversed mark", b"a: \xef\xbf\xbe", 1),
            ("escaped NUL", b'a: "\\0"', 1),
            ("escaped escape", b'a:\n  - "\\e[2J"', 2),
            ("escaped bell", b'a: "\\a"', 1),
            ("escaped key", b'"\\x01": 1', 1),
            ("escaped merge", b'"\\0<<": {a: 1}', 1),
            ("escaped next line", b'a: "\\N"', 1),
            ("escaped line separator", b'a: "\\L"', 1),
            ("escaped delete", b'a: "\\x7f"', 1),
        ),
    ),
    (
        "bad-encoding",
        (
            ("UTF-16 LE with mark", b"\xff\xfea\0:\0", 1),
            ("UTF-16 BE with mark", b"\xfe\xff\0a\0:", 1),
            ("UTF-16 LE", "a: 1".encode("utf-16-le"), 1),
            ("UTF-16 BE", "a: 1".encode("utf-16-be"), 1),
            ("UTF-32 with mark", "a: 1".encode("utf-32"), 1),
            ("UTF-32 LE", "a: 1".encode("utf-32-le"), 1),
            ("UTF-32 BE", "a: 1".encode("utf-32-be"), 1),
            ("Latin-1", b"a: 1\nb: caf\xe9", 2),
            ("lone byte", b"\xff", 1),
            ("cut short", b"a: \xe2\x82", 1),
            ("overlong", b"a: \xc0\xaf", 1),
            ("surrogate", b"a: \xed\xa0\x80", 1),
            ("beyond Unicode", b"a: \xf4\x90\x80\x80", 1),
            ("after a mark", b"\xef\xbb\xbfa: 1\nb: \xff", 2),
        ),
    ),
    (
        "bad-escape",
        (
            ("lone surrogate", b'a: "\\ud800"', 1),
            ("low surrogate", b'a:\n  "\\udc00"', 2),
            ("surrogate pair", b'a: "\\ud83d\\ude00"', 1),
            ("beyond Unicode", b'a: "\\UFFFFFFFF"', 1),
            ("just beyond Unicode", b'a: "\\U00110000"', 1),
            ("unknown letter", b'a: "\\q"', 1),
            ("short", b'a: "\\x1"', 1),
            ("Windows path", b'a: "C:\\Users"', 1),
        ),
    ),
    (
        "tab",
        (
            ("indentation", b"a:\n\tb: 1", 2),
            ("after spaces", b"a:\n  \tb: 1", 2),
            ("after a colon", b"a:\t1", 1),
            ("before a comment", b"a: 1\t# c", 1),
            ("after quotes", b'a: "x"\t# c', 1),
            ("inside plain text", b"a: b\tc", 1),
            ("list item", b"-\ta", 1),
            ("blank line", b"a: 1\n\t\nb: 2", 2),
            ("after a quoted #", b"a: 'b # c'\t# d", 1),
            ("in a block of text", b"a: |\n  b\tc", 2),
        ),
    ),
    (
        "directive",
        (
            ("unknown", b"%FOO 1\n---\na: 1", 1),
            ("tag handle", b"%TAG ! tag:x,2000:\n---\na: !b 1", 1),
            ("version 2", b"%YAML 2.0\n---\na: 1", 1),
            ("after a comment", b"# x\n%TAG !e! y\n---\na: 1", 2),
            ("after the version", b"%YAML 1.2\n%FOO\n---\n", 2),
            ("huge version", b"%YAML 1." + b"1" * 5000 + b"\n---\n", 1),
        ),
    ),
    (
        "merge-conflict",
        (
            ("both sides", b"a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n", 2),
            ("with the base", b"<<<<<<< ours\nb: 2\n||||||| base\nb: 1\n=======\nb: 3\n>>>>>>> x", 1),
            ("without labels", b"<<<<<<<\nb: 2\n=======\nb: 3\n>>>>>>>\n", 1),
            ("Windows", b"a: 1\r\n<<<<<<< HEAD\r\nb: 2\r\n=======\r\n>>>>>>> x\r\n", 2),
            ("only the end", b"a: 1\nb: 2\n>>>>>>> x\n", 3),
            ("only the middle", b"a: 1\n=======\nb: 2\n", 2),
            ("after a mark", b"\xef\xbb\xbf<<<<<<< HEAD\n", 1),
            ("inside quotes", b"a: 'x\n<<<<<<< HEAD\ny'\n", 2),
            ("in a comment", b"# x\n<<<<<<< HEAD\n# y\n=======\n# z\n>>>>>>> x\n", 2),
        ),
    ),
    (
        "file-too-large",
        (("one byte over", b"#" * ((1 << 20) + 1), 1), ("many lines", b"a: 1\n" * 300_000, 1)),
    ),
    (
        "syntax",
        (
            ("colon first", b": 1", 1),
            ("900 brackets and a bad character", b"[" * 900 + b"@", 1),
            ("33 brackets and a bad character", b"a: b\nc: " + b"[" * 33 + b"@", 2),
            ("two colons", b"a: b: c", 1),
            ("no colon", b"a: 1\nb\nc: 1", 3),
            ("open quote", b"a: 1\nb: 'x\nc: 1", 2),
            ("open double quote", b'a: "x', 1),
            ("open bracket", b"a: [1, 2", 1),
            ("wrong bracket", b"a: [1, 2}", 1),
            ("open brace", b"a: {b: 1", 1),
            ("closing bracket", b"a: ]", 1),
            ("at sign", b"a: @b", 1),
            ("percent", b"a: %b", 1),
            ("backtick", b"a: `b`", 1),
            ("key among items", b"- a\nb: 1", 2),
            ("item among keys", b"a: 1\n- b", 2),
            ("indented too far", b"a: 1\n  b: 2", 2),
            ("indented too little", b"a:\n    b: 1\n  c: 1", 3),
            ("anchor without name", b"a: & b", 1),
            ("alias without name", b"a: * b", 1),
            ("text after dots", b"a: 1\n...\nb: 2", 3),
            ("text after quotes", b"a: 'b' c", 1),
            ("comma missing", b"a: {b: 1 c: 2}", 1),
            ("long key", b"a" * 1100 + b": 1", 1),
        ),
    ),
)

CORPUS = tuple(Hostile(f"{code}: {name}", data, code, line) for code, rows in _TABLE for name, data, line in rows)
