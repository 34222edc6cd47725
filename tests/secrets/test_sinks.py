import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.model.desired import CommandRef, FileRef, Generated
from reconciler.model.problems import Location, Problem
from reconciler.model.psk import SinkState
from reconciler.secrets.secret import Secret, reveal
from reconciler.secrets.sinks import PSK_LENGTH, CommandSink, FileSink, Sink, SinkError, carry_out, open_sinks
from reconciler.secrets.steps import SinkOp, SinkStep

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HERE = Location("t.yaml", 3)

STORE = """#!/bin/sh
set -eu
umask 077
cd "$(dirname "$0")"
echo "$RECONCILER_KEY_OP $RECONCILER_TUNNEL $#" >> calls
case $RECONCILER_KEY_OP in
  probe) test ! -e broken ;;
  put) cat > pending ;;
  get) test ! -e pending || cat pending ;;
  promote) mv pending current ;;
esac
"""


def file_sink(tmp_path: Path, tunnel: str = "lon-a") -> FileSink:
    return FileSink(str(tmp_path / "lon-a.key"), tunnel, lambda: NOW)


def command_sink(tmp_path: Path, tunnel: str = "lon-a") -> CommandSink:
    script = tmp_path / "store"
    script.write_text(STORE)
    script.chmod(0o700)
    return CommandSink(CommandRef(("./store",), str(tmp_path)), tunnel, os.environ)


@pytest.mark.parametrize("make", [file_sink, command_sink])
def test_a_key_is_pending_then_current(make: Callable[[Path], Sink], tmp_path: Path) -> None:
    sink = make(tmp_path)
    sink.probe()
    assert sink.get() is None
    sink.put(Secret("q\"'$x ä"))
    assert sink.get() == Secret("q\"'$x ä")
    sink.promote(Secret("q\"'$x ä"))
    assert sink.get() is None
    [current] = [p for p in tmp_path.iterdir() if p.name in {"current", "lon-a.key"}]
    assert current.read_bytes() == "q\"'$x ä".encode()


@pytest.mark.parametrize("make", [file_sink, command_sink])
def test_only_the_key_that_was_put_there_becomes_current(make: Callable[[Path], Sink], tmp_path: Path) -> None:
    sink = make(tmp_path)
    with pytest.raises(SinkError, match="no longer"):
        sink.promote(Secret("ours"))
    sink.put(Secret("theirs"))
    with pytest.raises(SinkError, match="no longer"):
        sink.promote(Secret("ours"))
    assert sink.get() == Secret("theirs")


def test_a_command_is_told_what_to_do_and_never_the_key_in_its_arguments(tmp_path: Path) -> None:
    sink = command_sink(tmp_path, "a b")
    sink.probe()
    sink.put(Secret("k"))
    assert (tmp_path / "calls").read_text() == "probe a b 0\nput a b 0\n"
    assert sink.state() == SinkState()
    (tmp_path / "broken").touch()
    with pytest.raises(SinkError, match=r"'./store' \(probe\) ended with status 1"):
        sink.probe()
    (tmp_path / "pending").write_bytes(b"\xff")
    with pytest.raises(SinkError, match="not UTF-8"):
        sink.get()


def test_generated_keys_are_long_plain_and_never_the_same(tmp_path: Path) -> None:
    sinks, ring, made = {"a": file_sink(tmp_path)}, dict[str, Secret](), list[Secret]()
    for _ in range(1000):
        carry_out(SinkStep(SinkOp.MAKE, "a"), sinks, ring, made.append)
    keys = set(map(reveal, made))
    assert len(keys) == 1000
    assert all(len(k) == PSK_LENGTH and k.isalnum() and k.isascii() for k in keys)


def test_sinks_are_opened_by_reference_and_clashes_are_errors(tmp_path: Path) -> None:
    refs = {
        "a": (Generated("local", FileRef(f"{tmp_path}/k")), HERE),
        "b": (Generated("local", FileRef(f"{tmp_path}/./k")), HERE),
        "c": (Generated("cloudflare", CommandRef(("store",), "/")), HERE),
    }
    sinks, problems = open_sinks(refs, {}, lambda: NOW, allow_commands=False)
    assert [p.code for p in problems] == ["shared-sink", "commands-not-allowed"]
    assert set(sinks) == {"a", "b"}
    sinks, problems = open_sinks({"c": refs["c"]}, {}, lambda: NOW, allow_commands=True)
    assert (list(sinks), problems) == (["c"], ())


def test_steps_fill_ring_and_sink_and_every_key_is_learned_first(tmp_path: Path) -> None:
    sinks: dict[str, Sink] = {"lon-a": file_sink(tmp_path)}
    ring, learned = dict[str, Secret](), list[Secret]()

    def do(op: SinkOp, secret: Secret | None = None) -> object:
        return carry_out(SinkStep(op, "lon-a", secret), sinks, ring, learned.append)

    assert do(SinkOp.PROBE) is True
    assert do(SinkOp.PENDING) is False
    assert do(SinkOp.MAKE) is True
    assert do(SinkOp.PUT) is True
    assert do(SinkOp.CHECK) is True
    ring["lon-a"] = Secret("other")
    assert do(SinkOp.CHECK) is False
    assert do(SinkOp.PENDING) is True
    assert learned == [ring["lon-a"]] * 2
    assert do(SinkOp.PROMOTE) is True
    assert do(SinkOp.PUT, Secret("theirs")) is True
    assert learned[-1] == ring["lon-a"] == Secret("theirs")
    assert isinstance(do(SinkOp.PUT, Secret("more")), Problem)


def test_a_key_that_another_run_has_made_current_is_current(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.put(Secret("ours"))
    sink.promote(Secret("ours"))
    sink.put(Secret("theirs"))
    sink.promote(Secret("ours"))
    assert (sink.get(), (tmp_path / "lon-a.key").read_text()) == (Secret("theirs"), "ours")


def test_the_files_are_private_and_nothing_else_is_left(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.probe()
    sink.put(Secret("k1"))
    assert {p.name for p in tmp_path.iterdir()} == {"lon-a.key.pending"}
    sink.promote(Secret("k1"))
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()} == {
        "lon-a.key": 0o600,
        "lon-a.key.json": 0o600,
    }


def test_the_record_tells_tunnel_and_time_and_nothing_of_the_key(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.put(Secret("k1"))
    sink.promote(Secret("k1"))
    record = (tmp_path / "lon-a.key.json").read_text()
    assert record == '{"tunnel": "lon-a", "set_on": "2026-05-01T12:00:00+00:00"}'
    assert sink.state() == SinkState(current=True, set_on=NOW.isoformat())
    assert file_sink(tmp_path, "other").state() == SinkState(current=True)
    sink.note("before")
    sink.release()
    sink.note("later")
    assert sink.state() == SinkState(current=True, noted="before", set_on=NOW.isoformat())
    assert file_sink(tmp_path, "other").state() == SinkState(current=True)
    sink.put(Secret("k2"))
    assert sink.state().pending
    sink.promote(Secret("k2"))
    assert sink.state() == SinkState(current=True, set_on=NOW.isoformat())
    (tmp_path / "lon-a.key.json").write_text("[")
    assert sink.state() == SinkState(current=True)
    (tmp_path / "lon-a.key").unlink()
    assert sink.state() == SinkState(current=False)


def test_the_record_says_when_cloudflare_made_the_key_as_long_as_there_is_one(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.put(Secret("k1"))
    sink.promote(Secret("k1"), "2026-05-01T11:59:59Z")
    assert sink.state() == SinkState(current=True, set_on=NOW.isoformat(), made_on="2026-05-01T11:59:59Z")
    (tmp_path / "lon-a.key").unlink()
    assert sink.state() == SinkState(current=False)


def test_a_pending_key_is_never_overwritten_by_another(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.put(Secret("first"))
    sink.put(Secret("first"))
    with pytest.raises(SinkError, match="already holds another key"):
        sink.put(Secret("second"))
    assert sink.get() == Secret("first")
    assert {p.name for p in tmp_path.iterdir()} == {"lon-a.key.pending"}


def test_probes_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"folder .*/none does not exist"):
        FileSink(str(tmp_path / "none" / "k"), "lon-a", lambda: NOW).probe()
    (tmp_path / "folder.key").mkdir()
    with pytest.raises(SinkError, match="is a folder"):
        FileSink(str(tmp_path / "folder.key"), "lon-a", lambda: NOW).probe()
    (tmp_path / "record.json").mkdir()
    with pytest.raises(SinkError, match=r"record\.json is a folder"):
        FileSink(str(tmp_path / "record"), "lon-a", lambda: NOW).probe()
    sink = file_sink(tmp_path)
    sink.put(Secret("k"))
    (tmp_path / "lon-a.key.pending").chmod(0o644)
    with pytest.raises(SinkError, match="read or changed by others"):
        sink.probe()
    (tmp_path / "lon-a.key.pending").chmod(0o600)
    sink.promote(Secret("k"))
    with pytest.raises(SinkError, match="holds the key of 'lon-a'"):
        file_sink(tmp_path, "lon-b").probe()


def in_a_child(script: str, tmp_path: Path, *before: str) -> str:
    """What a script prints in a process of its own, which limits itself and nobody else."""
    # Without -B it would write its modules' byte code, cut at the limit, beside the source.
    child = [*before, sys.executable, "-B", "-c", textwrap.dedent(script), str(tmp_path / "lon-a.key")]
    return subprocess.run(child, check=True, capture_output=True, text=True, timeout=120).stdout  # noqa: S603


PROBE_WITH_LITTLE_ROOM = """
import resource, sys
from datetime import UTC, datetime
from reconciler.secrets.sinks import FileSink, SinkError

resource.setrlimit(resource.RLIMIT_FSIZE, (30, 30))
try:
    FileSink(sys.argv[1], "lon-a", lambda: datetime.now(UTC)).probe()
except SinkError as refused:
    print(refused)
"""


def test_a_probe_needs_room_for_the_key_and_not_only_for_an_empty_file(tmp_path: Path) -> None:
    assert in_a_child(PROBE_WITH_LITTLE_ROOM, tmp_path) == f"{tmp_path}: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_the_key_and_the_record_go_into_the_space_that_the_note_reserved(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.note("")
    reserved = {p.name.removesuffix(".new")[: -len(".12345678")]: p.stat() for p in tmp_path.glob("*.new")}
    assert {name: status.st_size for name, status in reserved.items()} == {
        "lon-a.key.pending": 4096,
        "lon-a.key.json": 4096,
    }
    sink.put(Secret("their key"))
    assert (tmp_path / "lon-a.key.pending").read_bytes() == b"their key"
    assert (tmp_path / "lon-a.key.pending").stat().st_ino == reserved["lon-a.key.pending"].st_ino
    sink.promote(Secret("their key"))
    assert (tmp_path / "lon-a.key.json").stat().st_ino == reserved["lon-a.key.json"].st_ino
    assert {p.name for p in tmp_path.iterdir()} == {"lon-a.key", "lon-a.key.json"}
    assert sink.state() == SinkState(current=True, set_on=NOW.isoformat())


FILL_THE_DISK = """
import itertools, pathlib, sys
from datetime import UTC, datetime
from reconciler.secrets.secret import Secret
from reconciler.secrets.sinks import FileSink, SinkError

sink = FileSink(sys.argv[1], "lon-a", lambda: datetime.now(UTC))
sink.note("")
folder = pathlib.Path(sys.argv[1]).parent
try:
    for number in itertools.count():
        (folder / f"other{number}").write_bytes(b"x" * 4096)
except OSError as full:
    print(full.strerror)
sink.put(Secret("their key"))
sink.promote(Secret("their key"))
print(pathlib.Path(sys.argv[1]).read_text(), sink.state().noted)
try:
    FileSink(sys.argv[1], "lon-a", lambda: datetime.now(UTC)).probe()
except SinkError as refused:
    print(str(refused).removeprefix(str(folder)))
"""
SMALL_DISK = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"'


def test_a_disk_that_fills_up_after_the_note_still_takes_the_key(tmp_path: Path) -> None:
    alone = ("unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, str(tmp_path))
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("no small disk can be mounted here")
    said = in_a_child(FILL_THE_DISK, tmp_path, *alone)
    assert said == "No space left on device\ntheir key None\n: No space left on device\n"


def test_what_was_reserved_and_not_used_is_given_back(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.note("")
    sink.release()
    assert {p.name for p in tmp_path.iterdir()} == {"lon-a.key.json"}
    sink.put(Secret("k"))
    sink.promote(Secret("k"))
    assert (tmp_path / "lon-a.key").read_text() == "k"


def test_a_folder_that_is_gone_is_a_sink_error_at_every_operation(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path / "none" / "k"), "lon-a", lambda: NOW)
    with pytest.raises(SinkError, match="No such file"):
        sink.put(Secret("k"))
    with pytest.raises(SinkError, match="no longer"):
        sink.promote(Secret("k"))
    with pytest.raises(SinkError, match="No such file"):
        sink.note("")
