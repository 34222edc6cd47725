import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.model.psk import SinkState
from reconciler.secrets.file_sink import FileSink
from reconciler.secrets.secret import Secret
from reconciler.secrets.steps import SinkError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def file_sink(tmp_path: Path, tunnel: str = "lon-a") -> FileSink:
    return FileSink(str(tmp_path / "lon-a.key"), tunnel, lambda: NOW)


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
from reconciler.secrets.file_sink import FileSink
from reconciler.secrets.steps import SinkError

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
from reconciler.secrets.file_sink import FileSink
from reconciler.secrets.secret import Secret
from reconciler.secrets.steps import SinkError

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
