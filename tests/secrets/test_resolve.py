import os
import sys
from pathlib import Path

import pytest

from reconciler.model.desired import CommandRef, EnvRef, External, FileRef, Generated, PskRef
from reconciler.model.problems import Diagnostic, Location
from reconciler.secrets.program import CommandError, run
from reconciler.secrets.resolve import resolve
from reconciler.secrets.secret import reveal

HERE = Location("tunnels/a.yaml", 7, 5)

KEYS = {
    "zeros": "0123",
    "underscore": "1_000",
    "yes": "yes",
    "float": "1.10",
    "null": "null",
    "leading space": " lead",
    "trailing space": "trail ",
    "quotes": "q\"'$x",
    "64 KiB": "aB3 " * 16384,
    "percent": "%s",
    "braces": "{0}",
    "dollar": "${HOME}",
    "unicode": "schlüssel-日本",
    "inner newline": "a\nb",
}


def only(ref: PskRef, env: dict[str, str] | None = None, *, commands: bool = True) -> str | Diagnostic:
    """The one key, or why there is none."""
    ring, problems = resolve({"lon-a": (ref, HERE)}, env or {}, {}, allow_commands=commands)
    return reveal(ring["lon-a"]) if "lon-a" in ring else problems[0]


def code(found: str | Diagnostic) -> str:
    return found.code if isinstance(found, Diagnostic) else "found"


def key_file(tmp_path: Path, data: bytes, mode: int = 0o600) -> FileRef:
    path = tmp_path / "key"
    path.write_bytes(data)
    path.chmod(mode)
    return FileRef(str(path))


@pytest.mark.parametrize("name", KEYS)
def test_keys_arrive_byte_for_byte_from_everywhere(name: str, tmp_path: Path) -> None:
    key = KEYS[name]
    printer = "import sys; sys.stdout.buffer.write(open(sys.argv[1],'rb').read())"
    file = key_file(tmp_path, key.encode())
    command = CommandRef((sys.executable, "-c", printer, file.path), str(tmp_path))
    assert only(EnvRef("K"), {"K": key}) == only(file) == only(command) == key


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"k\n", "k"),
        (b"k\r\n", "k"),
        (b"k\n\n", "k\n"),
        (b"k\r", "k\r"),
        (b"k ", "k "),
        (b"\nk", "\nk"),
        (b"\xef\xbb\xbfk", "\ufeffk"),
    ],
)
def test_one_line_end_is_stripped_from_a_file_and_nothing_else(data: bytes, key: str, tmp_path: Path) -> None:
    assert only(key_file(tmp_path, data)) == key


@pytest.mark.parametrize(
    ("key", "expected"), [("abc", ["short-key"]), ("     ", ["short-key"]), ("a\nbc", []), ("abcd", [])]
)
def test_a_key_that_no_output_can_hide_is_sent_and_warned_of(key: str, expected: list[str]) -> None:
    ring, problems = resolve({"lon-a": (EnvRef("K"), HERE)}, {"K": key}, {}, allow_commands=False)
    assert reveal(ring["lon-a"]) == key
    assert [(p.code, p.severity) for p in problems] == [(c, "warning") for c in expected]
    assert key not in "".join(map(str, problems))


def test_an_environment_variable_is_taken_as_it_is() -> None:
    assert only(EnvRef("K"), {"K": "k\n"}) == "k\n"


@pytest.mark.parametrize(
    ("env", "expected"),
    [({}, "missing-key"), ({"K": ""}, "missing-key"), ({"K": os.fsdecode(b"\xffkey")}, "key-not-text")],
    ids=str,
)
def test_an_unset_empty_or_binary_variable_is_an_error(env: dict[str, str], expected: str) -> None:
    assert code(only(EnvRef("K"), env)) == expected


@pytest.mark.parametrize(
    ("data", "mode", "expected"),
    [
        (b"k", 0o640, "key-file-mode"),
        (b"k", 0o604, "key-file-mode"),
        (b"k", 0o620, "key-file-mode"),
        (b"k", 0o400, "found"),
        (b"", 0o600, "missing-key"),
        (b"\n", 0o600, "missing-key"),
        (b"\xff\xfe", 0o600, "key-not-text"),
        (b"x" * (256 * 1024), 0o600, "found"),
        (b"x" * (256 * 1024 + 3), 0o600, "unreadable-key"),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_files_are_judged(data: bytes, mode: int, expected: str, tmp_path: Path) -> None:
    assert code(only(key_file(tmp_path, data, mode))) == expected


def test_a_file_that_others_can_read_names_the_command_that_helps(tmp_path: Path) -> None:
    ref = key_file(tmp_path, b"k", 0o644)
    found = only(ref)
    assert isinstance(found, Diagnostic)
    assert "0644" in found.summary
    assert f"chmod 600 {ref.path}" in found.detail


def test_of_a_symbolic_link_the_target_is_judged(tmp_path: Path) -> None:
    link = tmp_path / "link"
    ref = key_file(tmp_path, b"k", 0o600)
    link.symlink_to(ref.path)
    assert only(FileRef(str(link))) == "k"
    Path(ref.path).chmod(0o644)
    assert code(only(FileRef(str(link)))) == "key-file-mode"


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    found = [only(FileRef(str(p))) for p in (tmp_path / "fifo", tmp_path / "folder", "/dev/zero", "a\0b")]
    assert [code(f) for f in found] == ["unreadable-key"] * 4
    assert code(only(FileRef(str(tmp_path / "none")))) == "missing-key"


def shell(script: str) -> CommandRef:
    return CommandRef(("/bin/sh", "-c", script), "/")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo k", "found"),
        ("exit 0", "missing-key"),
        ("echo k; exit 3", "missing-key"),
        ("echo s3cret >&2; exit 1", "missing-key"),
        ("head -c 400000 /dev/zero", "missing-key"),
        ("yes", "missing-key"),
        ("cat; echo k", "found"),
    ],
)
def test_commands_are_judged_and_read_nothing(script: str, expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    found = only(shell(script))
    assert code(found) == expected
    assert "s3cret" not in str(found) + str(capfd.readouterr())


def test_a_command_is_no_shell_and_runs_in_the_folder_of_its_file(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text('#!/bin/sh\nprintf %s "$1"\n')
    tool.chmod(0o700)
    assert only(CommandRef(("./tool", "$HOME; `id` *"), str(tmp_path))) == "$HOME; `id` *"
    assert code(only(CommandRef(("./none",), str(tmp_path)))) == "missing-key"


def test_commands_run_only_when_allowed(tmp_path: Path) -> None:
    found = only(CommandRef(("touch", str(tmp_path / "ran"), "s3cret"), "/"), commands=False)
    assert code(found) == "commands-not-allowed"
    assert "s3cret" not in str(found)
    assert not (tmp_path / "ran").exists()


def test_a_command_that_takes_too_long_is_killed_with_its_children() -> None:
    with pytest.raises(CommandError, match=r"longer than 0\.2 seconds"):
        run(CommandRef(("/bin/sh", "-c", "sleep 60 & sleep 60"), "/"), os.environ, timeout=0.2)


def test_a_long_key_reaches_a_command_that_talks_while_it_listens() -> None:
    assert run(CommandRef(("cat",), "/"), os.environ, send=b"k" * 200_000) == b"k" * 200_000
    assert run(CommandRef(("true",), "/"), os.environ, send=b"k" * 200_000) == b""


def test_every_missing_key_is_named_with_its_place_and_no_value_is_shown() -> None:
    refs: dict[str, tuple[PskRef, Location]] = {
        "b": (EnvRef("B"), Location("t.yaml", 9, 1)),
        "a": (EnvRef("A"), Location("t.yaml", 4, 1)),
        "c": (EnvRef("C"), HERE),
        "d": (External(), HERE),
        "e": (Generated("local", FileRef("x")), HERE),
    }
    ring, problems = resolve(refs, {"C": "s3cret"}, {}, allow_commands=False)
    assert list(ring) == ["c"]
    found = {str(p.location): p.detail for p in problems}
    assert found.keys() == {"t.yaml:4:1", "t.yaml:9:1"}
    assert ["'a'" in found["t.yaml:4:1"], "'b'" in found["t.yaml:9:1"]] == [True, True]
    assert "s3cret" not in str(problems)


def test_a_command_that_tunnels_share_runs_once(tmp_path: Path) -> None:
    ref = shell(f"echo x >> {tmp_path}/ran; echo k")
    ring, _ = resolve({"a": (ref, HERE), "b": (ref, HERE)}, {}, {}, allow_commands=True)
    assert reveal(ring["a"]) == reveal(ring["b"]) == "k"
    assert (tmp_path / "ran").read_text() == "x\n"
