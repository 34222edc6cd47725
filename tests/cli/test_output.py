"""The lines that are shown under a problem."""

import os
from pathlib import Path

import pytest

from reconciler.cli.show import line_of
from reconciler.files.tree import MAX_FILE
from reconciler.model.problems import Part
from tests.cli.world import World


def test_a_line_is_counted_from_one_and_is_shown_without_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"prune: true\r\nname: \xff\n")

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
        path.write_bytes(b"x\n" * (MAX_FILE // 2 + 1))
    elif kind == "folder":
        path.mkdir()

    assert line_of(str(path), 1) is None


def test_the_word_that_a_message_quotes_stands_in_the_line_below_it(world: World) -> None:
    world.account()
    text = "tunnels:\n- name: a\n  cloudflare_endpoint: 203.0.113.1\n  interface_address: 10.0.0.0/31\n"
    world.write("tunnels/prod/a.yaml", text + "  psk: external # Qw7\n  health_check: {rate: midd}\n")
    lines = world.run("validate").out.splitlines()
    (at,) = [n for n, line in enumerate(lines) if 'error: "midd" is not one of the possible values' in line]
    assert lines[at + 1 : at + 3] == ["    6 |   health_check: {rate: midd}", "      |                        ^"]
