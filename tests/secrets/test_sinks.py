import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.model.desired import CommandRef, FileRef, Generated
from reconciler.model.problems import Location, Problem
from reconciler.model.psk import SinkState
from reconciler.secrets.file_sink import FileSink
from reconciler.secrets.secret import Secret, reveal
from reconciler.secrets.sinks import PSK_LENGTH, CommandSink, carry_out, open_sinks
from reconciler.secrets.steps import Sink, SinkError, SinkOp, SinkStep

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
    return FileSink(str(tmp_path / "lon-a.key"), "lon-a", lambda: NOW)


def command_sink(tmp_path: Path, tunnel: str = "lon-a") -> CommandSink:
    script = tmp_path / "store"
    script.write_text(STORE)
    script.chmod(0o700)
    return CommandSink(CommandRef(("./store",), str(tmp_path)), tunnel, os.environ)


@pytest.mark.parametrize("make", [file_sink, command_sink])
def test_a_key_is_pending_then_current(make: type[Sink], tmp_path: Path) -> None:
    sink = make(tmp_path)  # type: ignore[call-arg]
    sink.probe()
    assert sink.get() is None
    sink.put(Secret("q\"'$x ä"))
    assert sink.get() == Secret("q\"'$x ä")
    sink.promote(Secret("q\"'$x ä"))
    assert sink.get() is None
    [current] = [p for p in tmp_path.iterdir() if p.name in {"current", "lon-a.key"}]
    assert current.read_bytes() == "q\"'$x ä".encode()


@pytest.mark.parametrize("make", [file_sink, command_sink])
def test_only_the_key_that_was_put_there_becomes_current(make: type[Sink], tmp_path: Path) -> None:
    sink = make(tmp_path)  # type: ignore[call-arg]
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
