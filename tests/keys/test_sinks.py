import math
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.core.desired import CommandRef, FileRef, Generated
from reconciler.core.diagnostic import Location
from reconciler.keys.deliver import KEY_LENGTH, carry_out, new_key, open_sinks
from reconciler.keys.resolve import KeyRing
from reconciler.keys.secret import Secret, reveal
from reconciler.keys.sinks import CommandSink, FileSink, Sink, SinkError
from reconciler.keys.steps import SinkDone, SinkFailed, SinkOp, SinkStep

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


def file_sink(tmp_path: Path) -> FileSink:
    return FileSink(str(tmp_path / "lon-a.key"), lambda: NOW)


def command_sink(tmp_path: Path) -> CommandSink:
    script = tmp_path / "store"
    script.write_text(STORE)
    script.chmod(0o700)
    return CommandSink(CommandRef(("./store",), str(tmp_path)), os.environ)


@pytest.mark.parametrize("make", [file_sink, command_sink])
def test_a_key_is_pending_then_current(make: type[Sink], tmp_path: Path) -> None:
    sink = make(tmp_path)  # type: ignore[call-arg]
    sink.probe("lon-a")
    assert sink.get("lon-a") is None
    sink.put("lon-a", Secret("q\"'$x ä"))
    assert sink.get("lon-a") == Secret("q\"'$x ä")
    sink.promote("lon-a")
    assert sink.get("lon-a") is None
    [current] = [p for p in tmp_path.iterdir() if p.name in {"current", "lon-a.key"}]
    assert current.read_bytes() == "q\"'$x ä".encode()
    with pytest.raises(SinkError):
        sink.promote("lon-a")


def test_the_files_are_private_and_nothing_else_is_left(tmp_path: Path) -> None:
    os.umask(os.umask(0))
    sink = file_sink(tmp_path)
    sink.probe("lon-a")
    sink.put("lon-a", Secret("k1"))
    assert {p.name for p in tmp_path.iterdir()} == {"lon-a.key.pending"}
    sink.promote("lon-a")
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()} == {
        "lon-a.key": 0o600,
        "lon-a.key.json": 0o600,
    }


def test_the_record_tells_tunnel_and_time_and_nothing_of_the_key(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.put("lon-a", Secret("k1"))
    sink.promote("lon-a")
    record = (tmp_path / "lon-a.key.json").read_text()
    assert record == '{"tunnel": "lon-a", "set_on": "2026-05-01T12:00:00+00:00"}'
    assert sink.age("lon-a", NOW + timedelta(days=90)) == 90
    assert sink.age("other", NOW) is None
    sink.note("lon-a", "before")
    sink.note("lon-a", "later")
    assert (sink.noted("lon-a"), sink.noted("other"), sink.age("lon-a", NOW)) == ("before", None, 0)
    sink.put("lon-a", Secret("k2"))
    sink.promote("lon-a")
    assert sink.noted("lon-a") is None
    (tmp_path / "lon-a.key.json").write_text("[")
    assert sink.age("lon-a", NOW) is None
    (tmp_path / "lon-a.key").unlink()
    assert sink.age("lon-a", NOW) == math.inf


def test_a_pending_key_is_never_overwritten_by_another(tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    sink.put("lon-a", Secret("first"))
    sink.put("lon-a", Secret("first"))
    with pytest.raises(SinkError, match="already holds another key"):
        sink.put("lon-a", Secret("second"))
    assert sink.get("lon-a") == Secret("first")
    assert {p.name for p in tmp_path.iterdir()} == {"lon-a.key.pending"}


def test_probes_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"folder .*/none does not exist"):
        FileSink(str(tmp_path / "none" / "k"), lambda: NOW).probe("lon-a")
    (tmp_path / "folder.key").mkdir()
    with pytest.raises(SinkError, match="is a folder"):
        FileSink(str(tmp_path / "folder.key"), lambda: NOW).probe("lon-a")
    sink = file_sink(tmp_path)
    sink.put("lon-a", Secret("k"))
    (tmp_path / "lon-a.key.pending").chmod(0o644)
    with pytest.raises(SinkError, match="read or changed by others"):
        sink.probe("lon-a")
    sink.promote("lon-a")
    with pytest.raises(SinkError, match="holds the key of 'lon-a'"):
        sink.probe("lon-b")


def test_a_folder_that_is_gone_is_a_sink_error_at_every_operation(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path / "none" / "k"), lambda: NOW)
    with pytest.raises(SinkError, match="No such file"):
        sink.put("a", Secret("k"))
    with pytest.raises(SinkError, match="No such file"):
        sink.promote("a")


def test_a_command_is_told_what_to_do_and_never_the_key_in_its_arguments(tmp_path: Path) -> None:
    sink = command_sink(tmp_path)
    sink.probe("a b")
    sink.put("a b", Secret("k"))
    assert (tmp_path / "calls").read_text() == "probe a b 0\nput a b 0\n"
    assert sink.age("a b", NOW) is None
    (tmp_path / "broken").touch()
    with pytest.raises(SinkError, match=r"'./store' \(probe\) ended with status 1"):
        sink.probe("a b")
    (tmp_path / "pending").write_bytes(b"\xff")
    with pytest.raises(SinkError, match="not UTF-8"):
        sink.get("a b")


def test_generated_keys_are_long_plain_and_never_the_same() -> None:
    keys = {reveal(new_key()) for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(k) == KEY_LENGTH and k.isalnum() and k.isascii() for k in keys)


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
    ring, learned = KeyRing(), list[Secret]()

    def do(op: SinkOp, secret: Secret | None = None) -> object:
        return carry_out(SinkStep(op, "lon-a", secret), sinks, ring, learned.append)

    assert do(SinkOp.PROBE) == SinkDone()
    assert do(SinkOp.PENDING) == SinkDone(yes=False)
    assert do(SinkOp.MAKE) == SinkDone()
    assert do(SinkOp.PUT) == SinkDone()
    assert do(SinkOp.CHECK) == SinkDone(yes=True)
    ring.add("lon-a", Secret("other"))
    assert do(SinkOp.CHECK) == SinkDone(yes=False)
    assert do(SinkOp.PENDING) == SinkDone(yes=True)
    assert learned == [ring.secret("lon-a")] * 2
    assert do(SinkOp.PROMOTE) == SinkDone()
    assert do(SinkOp.PUT, Secret("theirs")) == SinkDone()
    assert (learned[-1], ring.reveal("lon-a")) == (Secret("theirs"), "theirs")
    assert isinstance(do(SinkOp.PUT, Secret("more")), SinkFailed)
