"""Runs that stop between a create and its key, and what the next ones say and do about it."""

import os
import shlex
import signal
import sys
from collections.abc import Callable

import pytest

from reconciler.simulator.message import Reply, Request, failure
from reconciler.simulator.server import Simulator
from tests.cli.world import ID, Ran, World, tunnel
from tests.strangers import foreign_edit

HERE = {"generate": True, "deliver_to": {"file": "sink/t001"}}
THERE = {"generate": "cloudflare", "deliver_to": {"file": "sink/t001"}}
SINK = "tunnels/prod/sink/t001"


def declare(world: World, psk: object) -> None:
    world.declare(tunnel(1, psk=psk))
    world.write("tunnels/prod/sink/.keep", "")


def refuse_lists(simulator: Simulator, request: Request) -> Reply:
    """Once something was made, no list can be had."""
    if request.method == "GET" and any(entry.method == "POST" for entry in simulator.log):
        return failure(400, 1022, "no list for you")
    return simulator.handle(request)


def interrupt(simulator: Simulator, request: Request) -> Reply:
    """A signal arrives while the create is under way."""
    if request.method == "POST":
        os.kill(os.getpid(), signal.SIGTERM)
    return simulator.handle(request)


def interrupt_later(simulator: Simulator, request: Request) -> Reply:
    """A signal arrives with the list that proves the create."""
    if request.method == "GET" and any(entry.method == "POST" for entry in simulator.log):
        os.kill(os.getpid(), signal.SIGTERM)
    return simulator.handle(request)


def follow(world: World, remedy: str) -> Ran:
    """Do what a remedy says: copy the command that it ends with, and approve it."""
    program, *argv = shlex.split(remedy.rpartition(": ")[2])
    assert program == "reconciler"
    return world.run(*argv, "--auto-approve")


Answer = Callable[[Simulator, Request], Reply]
STOPS = [(refuse_lists, 7), (interrupt, 8), (interrupt_later, 8)]


@pytest.mark.parametrize(("stop", "code"), STOPS)
def test_a_run_that_stops_before_cloudflare_makes_the_key_says_so_and_the_next_one_has_it_made(
    world: World, stop: Answer, code: int
) -> None:
    declare(world, THERE)
    world.answer = stop
    ran = world.run("apply", "--auto-approve", "-o", "json")
    (change,), (key,) = ran.account["changes"], ran.account["keys"]
    assert (ran.code, change["outcome"], key["outcome"], key["error"]["code"]) == (code, "applied", "failed", "no-key")

    world.answer = Simulator.handle
    assert world.key("t001") is None
    for command, expected in (
        (["plan"], 0),
        (["plan", "--detailed-exitcode"], 2),
        (["drift"], 2),
        (["psk", "status"], 0),
    ):
        ran = world.run(*command, "-o", "json")
        (key,) = ran.account["keys"]
        assert (ran.code, key["name"], key["outcome"], key["error"]["code"]) == (expected, "t001", "unknown", "no-key")
    assert world.run("plan").out.splitlines()[-1] == "No changes, but 1 key to make."
    assert world.run("apply").code == 5
    ran = world.run("apply", "--auto-approve", "-o", "json")
    (key,) = ran.account["keys"]
    assert (ran.code, key["outcome"], key["error"]) == (0, "applied", None)
    assert world.read(SINK) == world.key("t001")
    assert world.run("apply").out.splitlines()[-1] == "No changes. Live tunnels match the files."
    assert world.calls == ["GET"]


@pytest.mark.parametrize(("stop", "code"), STOPS[:2])
def test_a_key_that_surely_is_in_force_becomes_current_though_the_run_stops(
    world: World, stop: Answer, code: int
) -> None:
    declare(world, HERE)
    world.answer = stop
    assert world.run("apply", "--auto-approve").code == code

    world.answer = Simulator.handle
    assert world.read(SINK) == world.key("t001")
    assert world.run("apply").out.splitlines()[-1] == "No changes. Live tunnels match the files."


def test_a_key_stays_pending_while_there_may_be_two_tunnels_of_its_name(world: World) -> None:
    def twice(simulator: Simulator, request: Request) -> Reply:
        reply = simulator.handle(request)
        if request.method == "POST":
            world.live(tunnel(1))
        return reply

    declare(world, HERE)
    world.become(names_unique=False, addresses_unique=False)
    world.answer = twice
    ran = world.run("apply", "--auto-approve", "-o", "json")
    (change,), (key,) = ran.account["changes"], ran.account["keys"]
    assert (ran.code, change["outcome"], key["outcome"]) == (7, "applied", "unknown")
    assert key["error"]["code"] == "key-not-in-sink"
    assert key["error"]["remedy"].endswith(f": reconciler psk rotate --base-url {world.base_url} t001")
    assert not (world.root / SINK).exists()
    assert world.read(f"{SINK}.pending") in world.sim.psks(ID).values()


def test_a_pending_key_is_no_reason_to_say_that_all_is_well_until_it_is_current(world: World) -> None:
    declare(world, HERE)
    world.live(tunnel(1))
    world.write(f"{SINK}.pending", "made by the run that was killed", mode=0o600)

    ran = world.run("apply", "-o", "json")
    (key,) = ran.account["keys"]
    assert (ran.code, key["outcome"], key["error"]["code"]) == (7, "unknown", "key-not-in-sink")
    assert key["error"]["remedy"].endswith(f": reconciler psk rotate --base-url {world.base_url} t001")
    assert world.calls == ["GET"]
    assert (
        world.run("apply").out.splitlines()[-1] == "Apply incomplete: 0 created, 0 updated, 0 deleted, 1 key in doubt."
    )
    assert world.run("plan").out.splitlines()[-1] == "No changes, but 1 key in doubt."
    for command, code in (["plan", "--detailed-exitcode"], 2), (["drift"], 2), (["psk", "status"], 0):
        ran = world.run(*command, "-o", "json")
        assert (ran.code, ran.account["keys"][0]["error"]) == (code, key["error"])
    assert world.run("drift").out.splitlines()[0] == (
        "No drift of settings, but 1 key in doubt: 1 tunnel in sync, 0 unmanaged, 0 missing, 0 not checked."
    )

    assert follow(world, key["error"]["remedy"]).code == 0
    assert world.read(SINK) == world.key("t001") == "made by the run that was killed"
    assert world.run("apply").code == 0


@pytest.mark.parametrize("name", ["two words", "it's", "$HOME"])
def test_the_command_that_finishes_an_interrupted_rotation_names_any_tunnel(world: World, name: str) -> None:
    world.declare(tunnel(1, name=name, psk=HERE))
    world.live(tunnel(1, name=name))
    world.write(f"{SINK}.pending", "made by the run that was killed", mode=0o600)
    (key,) = world.run("drift", "-o", "json", "-o", "github=notes").account["keys"]
    (note,) = [line for line in world.read("notes").splitlines() if "title=key-not-in-sink" in line]
    assert note.endswith(key["error"]["remedy"])
    assert follow(world, key["error"]["remedy"]).code == 0
    assert world.read(SINK) == world.key(name) == "made by the run that was killed"


@pytest.mark.parametrize("command", [("apply",), ("psk", "rotate", "t001")], ids=["apply", "rotate"])
@pytest.mark.parametrize(
    ("theirs", "outcome", "code", "doubt"),
    [
        (None, "failed", "sink-failed", "Cloudflare has the key, and the sink holds it as pending. "),
        ("theirs", "unknown", "key-not-in-sink", "Once the sink is well and no other run writes, set the key "),
    ],
    ids=["gone", "replaced"],
)
def test_a_key_that_somebody_took_from_its_sink_meanwhile_is_not_lost_and_the_remedy_works(
    world: World, command: tuple[str, ...], theirs: str | None, outcome: str, code: str, doubt: str
) -> None:
    pending = world.root / f"{SINK}.pending"

    def meddle(simulator: Simulator, request: Request) -> Reply:
        if request.method == "POST":
            pending.unlink()
            if theirs:
                world.write(f"{SINK}.pending", theirs, mode=0o600)
        return simulator.handle(request)

    declare(world, HERE)
    if command != ("apply",):
        world.live(tunnel(1))
    world.answer = meddle
    ran = world.run(*command, "--auto-approve", "-o", "json")
    (key,) = ran.account["keys"]
    assert (ran.code, key["outcome"], key["error"]["code"]) == (7, outcome, code)
    assert key["error"]["remedy"].startswith(doubt)
    assert [change["outcome"] for change in ran.account["changes"]] == ["applied"] * (command == ("apply",))
    assert pending.read_text() == (theirs or world.key("t001"))

    world.answer = Simulator.handle
    assert world.run("drift").code == 2
    sent = world.key("t001")
    assert follow(world, key["error"]["remedy"]).code == 0
    assert world.read(SINK) == world.key("t001") == (theirs or sent)
    assert world.run("apply").out.splitlines()[-1] == "No changes. Live tunnels match the files."


def test_a_tunnel_that_was_made_is_counted_whatever_became_of_its_key(world: World) -> None:
    def fill(simulator: Simulator, request: Request) -> Reply:
        if request.method == "POST":
            (world.root / SINK).mkdir()
        return simulator.handle(request)

    declare(world, HERE)
    world.answer = fill
    ran = world.run("apply", "--auto-approve", "-o", "text", "-o", "github=notes", "-o", "markdown=comment.md")
    assert ran.code == 7
    assert ran.out.splitlines()[-1] == "Apply incomplete: 1 created, 0 updated, 0 deleted, 1 key in doubt."
    assert "::error file=tunnels/prod/a.yaml,line=2,title=sink-failed::t001: " in world.read("notes")
    caution, *listed = [line for line in world.read("comment.md").splitlines() if "t001" in line and "To do: " in line]
    assert caution.startswith("> - Key of `t001`: ")
    assert [line.partition(":")[0] for line in listed] == ["- `t001`"]


def test_drift_on_a_machine_without_the_sink_is_none(world: World) -> None:
    declare(world, THERE | {"rotate_after": "1d"})
    assert world.run("apply", "--auto-approve").code == 0
    world.shown("t001")["psk_metadata"] = {"last_generated_on": "2020-01-01T00:00:00Z"}
    for path in (world.root / SINK).parent.glob("t001*"):
        path.unlink()

    ran = world.run("psk", "status", "-o", "json")
    assert ran.account["keys"][0]["error"]["code"] == "key-not-in-sink"
    ran = world.run("drift", "-o", "json")
    (key,) = ran.account["keys"]
    assert (ran.code, key["overdue"], key["outcome"], key["error"]) == (0, True, None, None)
    assert world.run("drift").out.splitlines()[0].startswith("No drift: 1 tunnel in sync")


def test_a_saved_plan_is_another_one_when_a_key_is_to_be_made_now(world: World) -> None:
    declare(world, THERE)
    world.live(tunnel(1))
    world.write(SINK, "set by hand", mode=0o600)
    assert world.run("plan", "--out", "saved.json").code == 0
    (world.root / SINK).unlink()
    assert world.run("apply", "--plan", "saved.json").code == 6
    assert world.key("t001") is None
    assert world.run("plan", "--out", "saved.json").code == 0
    assert world.run("apply", "--plan", "saved.json").code == 0
    assert world.read(SINK) == world.key("t001")


def test_one_sink_that_fails_leaves_the_others_their_keys(world: World) -> None:
    there = [{"generate": "cloudflare", "deliver_to": {"file": f"sink{n}/key"}} for n in (1, 2)]
    world.declare(*(tunnel(n, psk=psk) for n, psk in enumerate(there, 1)))
    world.live(tunnel(1), tunnel(2))
    world.write("tunnels/prod/sink2/.keep", "")
    ran = world.run("apply", "--auto-approve", "-o", "json")
    found = {key["name"]: key["outcome"] for key in ran.account["keys"]}
    assert (ran.code, found) == (7, {"t001": "failed", "t002": "applied"})
    assert world.read("tunnels/prod/sink2/key") == world.key("t002")


def test_a_command_is_never_asked_by_a_plan_and_nothing_is_made_where_it_may_hold_a_key(world: World) -> None:
    script = "open('ran', 'w').close()"
    declare(world, {"generate": "cloudflare", "deliver_to": {"command": [sys.executable, "-c", script]}})
    world.live(tunnel(1))
    for command, code in (["plan"], 0), (["apply", "--allow-commands"], 7), (["psk", "status"], 0), (["drift"], 2):
        ran = world.run(*command, "-o", "json")
        (key,) = ran.account["keys"]
        assert (ran.code, key["error"]["code"]) == (code, "key-not-checked")
    assert world.calls == ["GET"]
    assert not list(world.root.rglob("ran"))


@pytest.mark.parametrize("psk", [HERE, THERE])
def test_a_key_is_delivered_though_its_tunnel_has_not_converged(world: World, psk: object) -> None:
    def edit(simulator: Simulator, request: Request) -> Reply:
        reply = simulator.handle(request)
        if request.method == "POST" and request.path.endswith("/ipsec_tunnels"):
            foreign_edit(simulator, ID, "t001", {"description": "theirs"})
        return reply

    declare(world, psk)
    world.answer = edit
    ran = world.run("apply", "--auto-approve", "-o", "json")
    (change,) = ran.account["changes"]
    assert (ran.code, change["outcome"], change["error"]["code"]) == (7, "failed", "not-cleared")
    assert world.read(SINK) == world.key("t001")
