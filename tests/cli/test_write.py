"""Where reports, plans and lists go: files, links, pipes, full disks."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from reconciler.cli.arguments import parse
from reconciler.cli.context import Halt
from reconciler.cli.named import replace_file, require_writable, write_file
from reconciler.cli.options import UsageError
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.server import Simulator
from tests.cli.world import Answer, World, tunnel


def read_pipe(path: Path) -> tuple[threading.Thread, list[str]]:
    got: list[str] = []
    thread = threading.Thread(target=lambda: got.append(path.read_text()), daemon=True)
    thread.start()
    return thread, got


@pytest.mark.parametrize("name", ["pipe", "link"])
@pytest.mark.parametrize(
    "option",
    ["-ojson={}", "-omarkdown={}", "--out={}", "--save-live={}"],
)
def test_a_pipe_gets_the_text_and_stays_a_pipe(world: World, option: str, name: str) -> None:
    world.declare(tunnel(1))
    pipe = world.root / "pipe"
    os.mkfifo(pipe, 0o600)
    (world.root / "link").symlink_to("pipe")
    thread, got = read_pipe(pipe)
    ran = world.run("plan", option.format(name))
    thread.join(10)
    assert (ran.code, pipe.is_fifo(), (world.root / "link").is_symlink()) == (0, True, True)
    assert "t001" in got[0] or "ipsec_tunnels" in got[0]
    assert "0600" not in ran.err


def test_a_schema_goes_into_a_pipe(world: World) -> None:
    pipe = world.root / "pipe"
    os.mkfifo(pipe)
    thread, got = read_pipe(pipe)
    assert world.bare("schema", f"-ojson={pipe}").code == 0
    thread.join(10)
    assert (json.loads(got[0])["$schema"][:5], pipe.is_fifo()) == ("https", True)


def test_a_device_stays_a_device() -> None:
    before = Path("/dev/null").stat().st_ino
    assert write_file(Path("/dev/null"), "text", Event()) is False
    assert (Path("/dev/null").is_char_device(), Path("/dev/null").stat().st_ino) == (True, before)


def test_the_file_behind_links_is_replaced_and_the_links_stay(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").write_text("old")
    number = (tmp_path / "deep/file").stat().st_ino
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("deep/file")
    assert write_file(tmp_path / "one", "new", Event(), private=True) is True
    assert [(tmp_path / n).is_symlink() for n in ("one", "two", "deep/file")] == [True, True, False]
    assert (tmp_path / "deep/file").read_text() == "new"
    assert (tmp_path / "deep/file").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "deep/file").stat().st_ino != number
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["file"]


def test_a_link_to_nothing_gets_its_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    write_file(tmp_path / "link", "new", Event())
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


def test_a_file_of_the_tree_takes_the_place_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("old")
    (tmp_path / "link").symlink_to("elsewhere")
    replace_file(tmp_path / "link", "new")
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "elsewhere").read_text()) == (False, "old")


def child(world: World, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reconciler", *argv]
    defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.run(  # noqa: S603
        command, cwd=world.root, env=world.child(), check=False, timeout=120, **(defaults | options)
    )


def test_names_of_descriptors_share_what_the_shell_opened(world: World) -> None:
    world.declare(tunnel(1))
    log = world.root / "log"
    with log.open("w") as out:
        ran = child(world, "validate", "-o", "text", "-o", "github=/dev/stdout", "-o", "json=/dev/fd/1", stdout=out)
    assert ran.returncode == 0, ran.stderr
    assert '"command": "validate"' in log.read_text()
    assert "Valid: 1 account, 1 tunnel." in log.read_text()


def test_a_file_that_standard_output_goes_to_is_not_replaced(world: World) -> None:
    world.declare(tunnel(1))
    log = world.root / "log"
    with log.open("w") as out:
        child(world, "validate", "-o", "text", f"-ojson={log}", stdout=out)
    assert '"command": "validate"' in log.read_text()
    assert "Valid: 1 account, 1 tunnel." in log.read_text()


@pytest.mark.parametrize("option", ["-ojson={}", "--out={}", "--save-live={}"])
@pytest.mark.parametrize("path", ["tunnels", "file/x", "/proc/nothing/x", "/dev/fd/987", "x" * 300])
def test_what_can_not_be_written_is_said_before_anything_is_read(world: World, option: str, path: str) -> None:
    world.declare(tunnel(1, nope=1))
    world.write("file", "")
    ran = world.run("plan", option.format(path))
    assert (ran.code, world.calls, ran.out) == (64, [], "")
    assert "can't be written" in ran.err
    assert "Choose another file" in ran.err


def test_an_apply_whose_report_could_not_be_written_is_not_begun(world: World) -> None:
    world.declare(tunnel(1))
    world.write("file", "")
    assert world.run("apply", "--auto-approve", "-o", "json=file/report.json").code == 64
    assert (world.calls, world.names()) == ([], {})


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2"])
def test_a_list_that_may_hold_keys_goes_into_no_log(world: World, path: str) -> None:
    world.declare(tunnel(1))
    ran = world.run("plan", "--save-live", path)
    assert (ran.code, world.calls) == (64, [])
    assert "belong in no log" in ran.err


@pytest.mark.parametrize(
    "argv",
    [
        ["-o", "json=a", "-o", "markdown=a"],
        ["-o", "json=a", "-o", "json=./a"],
        ["-o", "json=a", "-o", "markdown=link"],
        ["-o", "json=a", "--out", "a"],
        ["--out", "deep/a", "--save-live", "deep/../deep/a"],
    ],
)
def test_two_outputs_can_not_be_one_file(world: World, argv: list[str]) -> None:
    world.declare(tunnel(1))
    (world.root / "deep").mkdir()
    (world.root / "link").symlink_to("a")
    ran = world.run("plan", *argv)
    assert (ran.code, world.calls) == (64, [])
    assert "are the same file" in ran.err


def test_probing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipe").touch()
    (tmp_path / "new").mkdir()
    require_writable(parse(["plan", "-o", "json=new/report.json", "--out", "plan.json", "-o", "html=/dev/null"]))
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["new", "pipe"]
    with pytest.raises(UsageError, match="--out pipe/x can't be written: "):
        require_writable(parse(["plan", "--out", "pipe/x"]))


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o602])
def test_a_list_that_may_hold_keys_goes_into_no_pipe_that_others_may_open(world: World, mode: int) -> None:
    world.declare(tunnel(1))
    os.mkfifo(world.root / "pipe")
    (world.root / "pipe").chmod(mode)
    ran = world.run("plan", "--save-live", "pipe")
    assert (ran.code, world.calls) == (64, [])
    assert "others could read them there" in ran.err


def test_a_list_that_may_hold_keys_goes_into_no_device(world: World) -> None:
    world.declare(tunnel(1))
    assert (world.run("plan", "--save-live", "/dev/null").code, world.calls) == (64, [])


def test_a_pipe_that_was_opened_to_others_meanwhile_gets_no_keys(world: World) -> None:
    world.declare(tunnel(1))
    pipe = world.root / "pipe"
    os.mkfifo(pipe, 0o600)
    thread, got = read_pipe(pipe)

    def answer(sim: Simulator, request: Request) -> Reply:
        pipe.chmod(0o644)
        return sim.handle(request)

    world.answer = answer
    ran = world.run("plan", "--save-live", "pipe", "-o", "json")
    thread.join(10)
    assert (ran.code, [d["code"] for d in ran.json["diagnostics"]], got) == (1, ["unwritable"], [""])


def test_a_pipe_that_nobody_reads_does_not_hold_a_run_that_was_stopped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    stop = Event()
    stop.set()
    with pytest.raises(Halt) as refused:
        write_file(tmp_path / "pipe", "text", stop)
    assert "pipe can't be written: nobody reads the pipe" in refused.value.diagnostics[0].summary


def in_the_way(world: World, name: str, method: str) -> Answer:
    """A server beside which, with the first such request, a folder appears where a file should go."""

    def answer(sim: Simulator, request: Request) -> Reply:
        if request.method == method:
            (world.root / name).mkdir(exist_ok=True)
        return sim.handle(request)

    return answer


def test_a_report_that_can_not_be_written_after_all_goes_to_standard_error(world: World) -> None:
    world.declare(tunnel(1))
    world.answer = in_the_way(world, "report", "POST")
    ran = world.run("apply", "--auto-approve", "-o", "json=report", "-o", "markdown=comment")
    assert (ran.code, list(world.names())) == (7, ["t001"])
    assert "report can't be written" in ran.err
    assert "1 created" in ran.err
    assert "report can't be written" in world.read("comment")


def test_nothing_that_was_done_makes_a_lost_report_a_plain_error(world: World) -> None:
    world.declare(tunnel(1))
    world.answer = in_the_way(world, "report", "GET")
    ran = world.run("plan", "--detailed-exitcode", "-o", "json", "-o", "markdown=report")
    assert (ran.code, ran.json["outcome"]) == (1, "error")
    assert [d["code"] for d in ran.json["diagnostics"]] == ["unwritable"]


@pytest.mark.parametrize("option", ["--out", "--save-live"])
def test_a_plan_that_can_not_be_saved_after_all_is_shown_and_an_error(world: World, option: str) -> None:
    world.declare(tunnel(1))
    world.answer = in_the_way(world, "file", "GET")
    ran = world.run("plan", option, "file", "-o", "json")
    assert (ran.code, ran.json["outcome"], ran.json["summary"]["create"]) == (1, "error", 1)
    assert [d["code"] for d in ran.json["diagnostics"]] == ["unwritable"]


def test_a_run_that_went_worse_keeps_its_exit_code(world: World) -> None:
    world.become(tokens={"good": "write"})
    world.declare(tunnel(1))
    world.answer = in_the_way(world, "report", "GET")
    ran = world.run("plan", "-o", "json", "-o", "markdown=report", env={"CLOUDFLARE_API_TOKEN": "wrong"})
    assert (ran.code, ran.json["outcome"]) == (9, "auth")


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.is_char_device(), reason="the system has no /dev/full")
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_full_disk_behind_standard_output_is_no_bug(world: World, form: str) -> None:
    world.declare(tunnel(1))
    with FULL.open("w") as full:
        ran = child(world, "apply", "--auto-approve", "-o", form, "--base-url", world.base_url, stdout=full)
    assert (ran.returncode, list(world.names())) == (7, ["t001"])
    assert "standard output can't be written: No space left on device" in ran.stderr
    assert "1 created" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(not FULL.is_char_device(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    ("argv", "code"),
    [(["validate"], 1), (["accounts", "-o", "json"], 1), (["schema"], 1), (["validate", "--dir", "none"], 3)],
)
def test_nowhere_to_say_it_is_an_error(world: World, argv: list[str], code: int) -> None:
    world.declare(tunnel(1))
    with FULL.open("w") as full:
        assert child(world, *argv, stdout=full, stderr=full).returncode == code
        ran = child(world, *argv, stdout=full)
    assert ran.returncode == code
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(not FULL.is_char_device(), reason="the system has no /dev/full")
def test_a_full_disk_behind_the_log_stops_no_apply(world: World) -> None:
    world.declare(tunnel(1))
    with FULL.open("w") as full:
        ran = child(world, "apply", "--auto-approve", "-vv", "-o", "json", "--base-url", world.base_url, stderr=full)
    assert (ran.returncode, json.loads(ran.stdout)["outcome"]) == (0, "ok")
    assert list(world.names()) == ["t001"]


def test_a_sandbox_that_can_not_be_saved_is_an_error_and_no_bug(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.simulator import sandbox

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    world.declare(tunnel(1))
    monkeypatch.setattr(sandbox, "save", full)
    ran = world.bare("apply", "--auto-approve", "--sandbox=box.json", "-o", "json")
    assert (ran.code, ran.json["outcome"]) == (1, "error")
    assert "No space left on device" in ran.out
    assert "Traceback" not in ran.err
