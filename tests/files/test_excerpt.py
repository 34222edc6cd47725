"""What is shown of a line under a message: the messages are those that the validation writes."""

import os
from datetime import date
from pathlib import Path

import pytest

from reconciler.files.excerpt import Excerpts, lines_of_files
from reconciler.files.load import load
from reconciler.files.tree import read_tree
from reconciler.model.problems import Part
from reconciler.render.text import text as drawn
from reconciler.report.make import report_of
from reconciler.yaml.screen import MAX_BYTES
from tests.yaml.hostile import CORPUS, Hostile

HEAD = "tunnels:\n- name: lon-a\n  cloudflare_endpoint: 203.0.113.1\n  interface_address: 10.0.0.0/31\n"
ACCOUNT = f"account_id: {'0' * 32}\nprune: true\n"


def shown(tmp_path: Path, text: str, account: str = ACCOUNT) -> dict[str, list[str]]:
    """The lines under the messages about both files, by the messages' codes."""
    files = {"account.yaml": account.encode(), "a.yaml": text.encode()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    found = load(read_tree(tmp_path), date(2026, 11, 1)).diagnostics

    def line_of(file: str, line: int) -> tuple[Part, ...] | None:
        return Excerpts(files[Path(file).name]).line(line)

    reports = {one.code: report_of("validate", (), [one], outcome="invalid") for one in found}
    # Without the message, and without the headline and the blank line before it.
    return {code: drawn(report, line_of=line_of).splitlines()[1:-2] for code, report in reports.items()}


@pytest.mark.parametrize(
    ("line", "code", "excerpt", "caret"),
    [
        ("health_check: {rate: midd}", "unknown-value", "health_check: {rate: midd}", 21),
        ("health_check: {rate: 'midd'} # ours", "unknown-value", "health_check: {rate: 'midd'} # ours", 21),
        ("customer_endpoint: 198.51.100.300", "bad-address", "customer_endpoint: 198.51.100.300", 19),
        ("replay_protection: on", "wrong-type", "replay_protection: on", 19),
        ('description: [a, "b c"]', "wrong-type", 'description: [a, "b c"]', 13),
        ("bgp: {customer_asn: x, extra_prefixes: [10.0.0.0/8]}", "wrong-type", None, 20),
        ("bgp: {customer_asn: x, md5_key: Qw7}", "wrong-type", "bgp: {customer_asn: x, md5_key: ***}", 20),
        ("bgp: {customer_asn: x, md5_key: Qw7} # Qw7", "wrong-type", "bgp: {customer_asn: x, md5_key: ***} ***", 20),
        ("colour: red # Qw7", "unknown-key", "colour: *** ***", 0),
        ('"col our": red', "unknown-key", '"col our": ***', 0),
        ("bgp: {colour: {a: [Qw7], b: 2}}", "unknown-key", "bgp: {colour: {***: [***], ***: ***}}", 6),
        ("reason: Qw7", "unknown-key", "reason: ***", 0),
        ("bgp: {colour: a, md5_key: x#y}", "unknown-key", "bgp: {colour: ***, md5_key: ***}", 6),
        ("bgp: {colour: a, import_filter_id: x#y}", "unknown-key", "bgp: {colour: ***, import_filter_id: x#y}", 6),
        ("psk: Qw7hunter2", "literal-psk", "psk: ***", 5),
        ("psk: &Qw7 {a: b}", "unknown-key", "psk: ***: ***}", 8),
        ("psk: {env: Qw7, rotate_after: 9 days}", "bad-age", "psk: {env: ***, rotate_after: ***}", 30),
        ("psk: {evn: LON}", "unknown-key", "psk: {***: ***}", 6),
        ("psk: #Qw7", "comment-value", "psk: ***", 4),
        ("pks: Qw7hunter2", "literal-psk", None, None),
        ("Qw7hunter2: psk", "unknown-key", "Qw7hunter2: ***", 0),
        ("health_check: midd", "wrong-type", "health_check: midd", 14),
        ("bgp: Qw7", "wrong-type", "bgp: ***", 5),
        ("bgp: md5_key Qw7", "wrong-type", "bgp: ***", 5),
        ("bgp: &Qw7 5", "wrong-type", "bgp: ***", 5),
        ("bgp: !Qw7 5", "tag", "bgp: ***", 5),
        ("bgp: [65010, Qw7]", "wrong-type", "bgp: [65010, ***]", 5),
        ("description: {name: lon, psk: Qw7}", "wrong-type", "description: {name: lon, psk: ***}", 13),
        ("description: {bgp: md5_key Qw7}", "wrong-type", "description: {bgp: ***}", 13),
        ("health_check: {target: 198.51.100}", "bad-address", "health_check: {target: 198.51.100}", 23),
        ("custom_remote_identities: {fqdn_id: x y}", "bad-identity", "custom_remote_identities: {fqdn_id: x y}", 36),
    ],
)  # fmt: skip
def test_a_message_quotes_its_line_but_for_keys(
    tmp_path: Path, line: str, code: str, excerpt: str | None, caret: int | None
) -> None:
    found = shown(tmp_path, f"{HEAD}  {line}\n")[code]
    if caret is None:
        assert found == []
    else:
        assert found == [f"    5 |   {excerpt or line}", f"      |   {' ' * caret}^"]


@pytest.mark.parametrize(
    ("account", "code", "excerpt"),
    [
        ("limits: {max_deletes: many}", "wrong-type", "    3 | limits: {max_deletes: many}"),
        ("removed: [a, a b, {c: d}]", "wrong-type", "    3 | removed: [a, a b, {***: ***}]"),
        ("token: Qw7hunter2", "literal-token", "    3 | token: ***"),
        ("token: {env: 'Qw7 hunter2'}", "bad-variable", "    3 | token: {env: ***}"),
        ("parking: 10.0.0.0/33", "bad-prefix", "    3 | parking: 10.0.0.0/33"),
        ("paused: moving", "wrong-type", "    3 | paused: moving"),
        ("limits: 3", "wrong-type", "    3 | limits: 3"),
        ("protect: lon-a", "wrong-type", "    3 | protect: lon-a"),
        ("protect: [{name: lon-a, key: Qw7}]", "wrong-type", "    3 | protect: [{name: lon-a, ***: ***}]"),
        ("ignore: {name: lon-a, psk: Qw7}", "wrong-type", "    3 | ignore: {name: lon-a, psk: ***}"),
        ("defaults: Qw7", "wrong-type", "    3 | defaults: ***"),
    ],
)
def test_the_account_s_lines_are_quoted_too(tmp_path: Path, account: str, code: str, excerpt: str) -> None:
    assert shown(tmp_path, HEAD, f"{ACCOUNT}{account}\n")[code][0] == excerpt


@pytest.mark.parametrize(
    ("text", "code", "excerpt"),
    [
        (HEAD + "  psk:\n    # Qw7\n    evn: Qw7\n", "unknown-key", None),
        (HEAD + "  psk:\n    name: Qw7\n", "unknown-key", "    6 |     name: ***"),
        (HEAD + "  psk:\n    env: 5 # Qw7\n", "bad-variable", "    6 |     env: *** ***"),
        (HEAD + "  secrets:\n  - name: Qw7\n    name: Qw8\n", "duplicate-key", "    7 |     name: ***"),
        ('{"tunnels": [{"name": "a", "psk": {\n"name": "Qw7"}}]}\n', "unknown-key", '    2 | "name": ***}}]}'),
        ("tunnels: [Qw7]\n", "wrong-type", "    1 | tunnels: [***]"),
        ("tunnels: Qw7\n", "wrong-type", "    1 | tunnels: ***"),
        ("defaults: &a {psk: Qw7}\n" + HEAD, "literal-psk", "    1 | defaults: &a {psk: ***}"),
        ("\ufeffdefaults: {psk: Qw7, rate: 1}\n" + HEAD, "literal-psk", "    1 | defaults: {psk: ***, rate: ***}"),
        ("defaults: {? [Qw7] : x}\n" + HEAD, "bad-key", "    1 | defaults: {? [***] : ***}"),
        (
            HEAD.replace("/31", "/24"),
            "bad-prefix-length",
            "    4 |   interface_address: 10.0.0.0/24",
        ),
        (HEAD + "  description: |\n    Qw7\n  rate: |\n    Qw7\n", "unknown-key", "    7 |   rate: ***"),
    ],
)
def test_however_a_file_is_written(tmp_path: Path, text: str, code: str, excerpt: str | None) -> None:
    assert shown(tmp_path, text)[code][:1] == ([excerpt] if excerpt else [])


@pytest.mark.parametrize(
    ("line", "excerpt"),
    [
        ("  rate: mid: high", "  rate: ***"),
        ("   customer_endpoint: 198.51.100.1", "   customer_endpoint: 198.51.100.1"),
        ("  psk: Qw7hunter2 x: [", "  psk: ***"),
        ('  description: "Qw7', "  description: ***"),
        ("  bgp: {customer_asn: 65010, md5_key: 65010", "  bgp: {customer_asn: 65010, md5_key: ***"),
        ("  extra_prefixes: [10.0.0.0/8, 10.9.0.0/16", "  extra_prefixes: [10.0.0.0/8, 10.9.0.0/16"),
        ("  rate: mid 12345 x: [", "  rate: mid ***"),
        ("  env: 12345 x: [", None),
        ("  Qw7hunter2", None),
        ("\trate: mid", " rate: mid"),
    ],
)
def test_behind_a_mistake_of_syntax_only_what_is_no_key_is_quoted(
    tmp_path: Path, line: str, excerpt: str | None
) -> None:
    found = shown(tmp_path, f"{HEAD}{line}\n")
    ((_, lines),) = found.items()
    assert [one for one in lines if "Qw7" in one] == []
    assert (lines[0] if lines else None) == (excerpt and f"    5 | {excerpt}")


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_of_hostile_files_it_makes_what_it_can(file: Hostile) -> None:
    excerpts = Excerpts(file.data)
    for number in range(5):
        excerpts.line(number)


def test_a_line_is_counted_from_one_and_is_shown_without_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"prune: true\r\nname: \xff\n")

    line_of = lines_of_files()
    found = [line_of(str(tmp_path / "a.yaml"), n) for n in (0, 1, 2, 3, 4)]
    assert found == [None, (Part("prune: true"),), (Part("name: "), Part("\ufffd", shown=False)), (), None]


@pytest.mark.parametrize("kind", ["pipe", "link", "large", "folder", "absent"])
def test_what_is_no_plain_file_of_bearable_size_is_neither_shown_nor_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    (tmp_path / "secret").write_text("not for a report\n")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("secret")
    elif kind == "large":
        path.write_bytes(b"x\n" * (MAX_BYTES // 2 + 1))
    elif kind == "folder":
        path.mkdir()

    assert lines_of_files()(str(path), 1) is None
