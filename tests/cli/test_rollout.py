"""Rollouts from outside: waves over a simulated server whose clock the run's own waiting moves."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.api.http import HttpPort
from reconciler.cli.context import Context
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests.cli.world import World, tunnel

EPOCH = 1_800_000_000.0
OLD, NEW = 65010, 65020
NAMES = [f"s{site:02}-{side}" for site in range(20) for side in "ab"]
APPLY = ("apply", "--auto-approve", "-o", "json")


class Clock:
    """Time that only waiting moves: no test waits for it."""

    def __init__(self, world: World) -> None:
        self.seconds = 0.0
        now = HttpPort.now
        world.sim.stamps.now = lambda: EPOCH + self.seconds
        world.patch.setattr(HttpPort, "now", staticmethod(lambda: now() + self.seconds))
        world.patch.setattr(HttpPort, "sleep", self._sleep)
        world.patch.setattr(Context, "now", lambda _: datetime.fromtimestamp(EPOCH + self.seconds, UTC))

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(world: World) -> Clock:
    """Twenty sites of two tunnels, all with BGP that has been up for an hour; the files want another ASN."""
    found = Clock(world)
    declared = [tunnel(number, name=name) for number, name in enumerate(NAMES)]
    world.live(*(one | {"bgp": {"customer_asn": OLD}} for one in declared))
    found.seconds += 3600
    world.account(rollout={"waves": [1, "25%", "100%"]}, defaults={"bgp": {"customer_asn": NEW}})
    for site in range(20):
        world.declare(*declared[2 * site : 2 * site + 2], file=f"prod/s{site:02}.yaml")
    return found


def waves(world: World) -> list[list[str]]:
    """The names in each write."""
    names = {i: name for name, i in world.names().items()}
    return [[names[item["id"]] for item in body["ipsec_tunnels"]] for body in world.bodies]


def new(world: World) -> list[str]:
    """Names of the tunnels with the new ASN."""
    return sorted(name for name in world.names() if world.shown(name)["bgp"]["customer_asn"] == NEW)


def down(world: World, *names: str) -> None:
    """From now on these sessions never come up after a change; those of before do, when none is named."""
    world.sim.semantics = Semantics(bgp_down=frozenset(names))


def test_a_rollout_of_which_nothing_can_be_judged_is_a_warning_that_strict_lets_pass(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.account(rollout={"waves": [1]}, defaults={"replay_protection": True})
    world.declare(tunnel(1), tunnel(2))
    ran = world.run("plan", "--strict", "-o", "json")
    found = [one for one in ran.json["diagnostics"] if one["code"] == "unjudged-waves"]
    assert ran.code == 0
    assert [(one["severity"], one["file"]) for one in found] == [("warning", "tunnels/prod/account.yaml")]


@pytest.mark.usefixtures("clock")
def test_forty_tunnels_of_twenty_sites_get_a_new_asn_wave_by_wave(world: World) -> None:
    ran = world.run(*APPLY)
    assert (ran.code, ran.account["outcome"]) == (0, "ok")
    told = waves(world)
    assert [len(wave) for wave in told] == [1, 9, 19, 11]  # 1, 10, 29 and 40 are done at the ends
    assert all(len({name[:3] for name in wave}) == len(wave) for wave in told)
    assert new(world) == NAMES
    assert world.calls == ["GET", *["PUT", *["GET"] * 4] * 4, "GET"]


@pytest.mark.usefixtures("clock")
def test_a_tunnel_that_never_comes_up_ends_the_rollout_and_its_wave_is_taken_back(world: World) -> None:
    down(world, "s03-a")
    ran = world.run(*APPLY, "-o", "markdown=report.md", "-o", "text=report.txt")
    assert (ran.code, ran.account["outcome"]) == (7, "partial")
    first, second, back = waves(world)
    assert (first, len(second), sorted(back)) == (["s00-a"], 9, sorted(second))
    assert new(world) == ["s00-a"]
    outcomes = {c["name"]: c["outcome"] for c in ran.account["changes"]}
    assert [name for name in NAMES if outcomes[name] == "applied"] == first
    assert sorted(name for name in NAMES if outcomes[name] == "rolled_back") == sorted(second)
    assert sum(outcome == "skipped" for outcome in outcomes.values()) == 30
    (ill,) = (c["error"]["message"] for c in ran.account["changes"] if c["name"] == "s03-a")
    assert ill == "its BGP session is down since 2027-01-15T09:00:20.000003Z"
    assert ill in world.read("report.md")
    assert ill in world.read("report.txt")


@pytest.mark.usefixtures("clock")
def test_what_was_rolled_back_is_not_tried_again_until_somebody_says_so(world: World) -> None:
    down(world, "s03-a")
    again = world.run(*APPLY)
    assert again.code == 7
    for _ in range(2):
        world.write("report.json", again.out)
        again = world.run(*APPLY, "--previous", "report.json")
        assert (again.code, [g["code"] for g in again.account["guards"]]) == (5, ["rolled-back-before"])
        assert world.calls == ["GET"]
    down(world)
    world.write("report.json", again.out)
    again = world.run(*APPLY, "--previous", "report.json", "--retry")
    assert (again.code, again.json["accounts"][0].get("rolled_back")) == (0, None)
    assert new(world) == NAMES


def at(number: int, method: str, do: Callable[[], object]) -> Callable[[Simulator, Request], Reply]:
    """Answers like the simulator, and does something at the request of this number and method."""
    seen = 0

    def answer(sim: Simulator, request: Request) -> Reply:
        nonlocal seen
        seen += request.method == method
        if seen == number and request.method == method:
            do()
        return sim.handle(request)

    return answer


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("clock")
def test_an_interruption_while_watching_says_what_nobody_watched(world: World) -> None:
    world.answer = at(3, "GET", interrupt)
    ran = world.run(*APPLY)
    assert (ran.code, ran.json["outcome"]) == (8, "interrupted")
    assert world.calls == ["GET", "PUT", "GET", "GET"]
    assert "Wave 1 of 4 was changed and not watched to its end: look at s00-a." in ran.account["notes"]
    world.answer = Simulator.handle
    assert world.run(*APPLY).code == 0
    assert new(world) == NAMES


@pytest.mark.usefixtures("clock")
def test_an_interruption_while_rolling_back_is_told_as_not_known(world: World) -> None:
    down(world, "s03-a")
    world.answer = at(3, "PUT", interrupt)
    ran = world.run(*APPLY)
    assert (ran.code, world.calls[-1]) == (8, "PUT")
    told = {(c["outcome"], c["error"]["code"]) for c in ran.account["changes"] if c["name"] in waves(world)[2]}
    assert told == {("unknown", "rollback-failed")}
    world.answer = Simulator.handle
    down(world)
    assert world.run(*APPLY).code == 0


@pytest.mark.usefixtures("clock")
def test_lists_that_fail_while_watching_end_the_run_and_say_so(world: World) -> None:
    world.answer = lambda sim, request: Reply(500, {}, b"") if fails(sim, request) else sim.handle(request)
    ran = world.run(*APPLY)
    assert (ran.code, ran.account["outcome"]) == (7, "partial")
    assert len(waves(world)) == 1
    assert "Wave 1 of 4 was changed and not watched to its end: look at s00-a." in ran.account["notes"]
    world.answer = Simulator.handle
    assert world.run(*APPLY).code == 0


def fails(sim: Simulator, request: Request) -> bool:
    return request.method == "GET" and any(entry.method == "PUT" for entry in sim.log)


QUICK = "from reconciler.engine import rollout; rollout.LOOK_SECONDS = 0.2"


def killed(world: World, number: int, method: str) -> None:
    """A real process is killed at this request."""
    process: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        process[0].kill()

    world.answer = at(number, method, kill)
    script = f"import sys; from reconciler.cli.main import main; {QUICK}; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "apply", "--auto-approve", "--base-url", world.base_url]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process.append(subprocess.Popen(command, cwd=world.root, env=world.child(), **quiet))  # noqa: S603
    assert process[0].wait(120) == -signal.SIGKILL
    world.answer = Simulator.handle


def test_a_run_that_was_killed_while_it_watched_lets_no_rollout_begin_before_all_is_well(
    world: World, clock: Clock
) -> None:
    down(world, "s00-a")
    killed(world, 3, "GET")
    assert new(world) == ["s00-a"]
    ran = world.run(*APPLY)
    assert (ran.code, [(g["code"], g["names"]) for g in ran.account["guards"]]) == (
        5,
        [("down-after-change", ["s00-a"])],
    )
    clock.seconds += 60
    down(world)
    assert world.run(*APPLY).code == 0
    assert new(world) == NAMES


def test_a_run_that_was_killed_while_it_rolled_back_goes_on_when_all_is_well(world: World, clock: Clock) -> None:
    world.account(
        rollout={"waves": [1, "25%"], "settle": "0s", "hold": "1s", "watch": "2s"},
        defaults={"bgp": {"customer_asn": NEW}},
    )
    world.sim.semantics = Semantics(bgp_down=frozenset({"s00-a"}), bgp_lag=0)
    killed(world, 2, "PUT")
    clock.seconds += 60
    down(world)
    assert world.run(*APPLY).code == 0
    assert new(world) == NAMES
