import json
import os
import stat
from functools import partial

import pytest

from reconciler.simulator.faults import Ambiguous, FaultKind, apply_fault
from reconciler.simulator.message import Request
from reconciler.simulator.sandbox import load, lock_of, save, saving
from reconciler.simulator.semantics import DEFAULT
from reconciler.simulator.server import Simulator
from tests.strangers import foreign_edit


def clock():
    return 0.0


@pytest.fixture
def world(api):
    made = api()
    made.create("a", 0, psk="key")
    return made


def test_a_missing_file_is_an_empty_world(tmp_path):
    assert load(tmp_path / "none" / "sandbox.json", DEFAULT, clock).snapshot() == Simulator().snapshot()
    assert not (tmp_path / "none").exists()


def test_what_was_saved_is_loaded(tmp_path, world):
    path = tmp_path / "deep" / "er" / "sandbox.json"
    save(path, world.simulator)
    save(path, world.simulator)
    assert load(path, DEFAULT, clock).snapshot() == world.simulator.snapshot()
    assert load(path, DEFAULT, clock).psks(world.account) == world.simulator.psks(world.account)
    assert [file.name for file in path.parent.iterdir()] == ["sandbox.json"]


def test_only_the_owner_may_read_it(tmp_path, world):
    path = tmp_path / "new" / "sandbox.json"
    old = os.umask(0)
    try:
        save(path, world.simulator)
    finally:
        os.umask(old)
    modes = [stat.S_IMODE(file.stat().st_mode) for file in (path.parent, path)]
    assert modes == [0o700, 0o600]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 9}', "\ud800", "[" * 100_000])
def test_a_malformed_file_is_refused_by_name(tmp_path, text):
    path = tmp_path / "sandbox.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match=r"sandbox\.json does not hold what"):
        load(path, DEFAULT, clock)


def test_a_symlink_is_refused(tmp_path, world):
    (tmp_path / "real.json").write_text(json.dumps(world.simulator.snapshot()))
    for target in ("real.json", "missing.json"):
        link = tmp_path / f"to-{target}"
        link.symlink_to(tmp_path / target)
        with pytest.raises(ValueError, match="symbolic link"):
            load(link, DEFAULT, clock)
        with pytest.raises(ValueError, match="symbolic link"):
            save(link, world.simulator)
    assert not (tmp_path / "missing.json").exists()


def test_a_pipe_or_folder_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises((ValueError, OSError), match=r"regular file|directory"):
            load(tmp_path / name, DEFAULT, clock)


def test_a_failed_save_leaves_the_old_file_and_no_litter(tmp_path, world):
    path = tmp_path / "sandbox.json"
    save(path, world.simulator)
    before = path.read_bytes()
    foreign_edit(world.simulator, world.account, "a", {"description": "\ud800"})
    with pytest.raises(UnicodeEncodeError):
        save(path, world.simulator)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["sandbox.json"]


def test_the_lock_file_may_be_no_symlink(tmp_path):
    (tmp_path / "sandbox.json.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="symbolic link"):
        lock_of(tmp_path / "sandbox.json")


def test_a_write_whose_answer_is_lost_is_saved_too(tmp_path, world):
    path = tmp_path / "sandbox.json"
    answer = saving(path, partial(apply_fault, FaultKind.RESET_AFTER))
    body = json.dumps(world.body("b", 1)).encode()
    with pytest.raises(Ambiguous):
        answer(world.simulator, Request("POST", world.path, "", {"authorization": "Bearer secret"}, body))
    assert len(load(path, DEFAULT, clock).tunnels(world.account)) == 2


def test_a_saving_answer_writes_the_file_after_writes_only(tmp_path, api):
    path = tmp_path / "sandbox.json"
    world = api()
    headers = {"authorization": "Bearer secret"}
    answer = saving(path)
    assert answer(world.simulator, Request("GET", world.path, "", headers)).status == 200
    assert not path.exists()
    answer(world.simulator, Request("POST", world.path, "", headers, json.dumps(world.body()).encode()))
    assert len(load(path, DEFAULT, clock).tunnels(world.account)) == 1
