"""The probe of a rollout: a real program, and what it gets, may and says."""

import json
from typing import Any

import pytest

from reconciler.cli import clients
from reconciler.engine import rollout
from tests.cli.world import TOKEN, World, tunnel

KEY = "pre-shared-key-of-t009"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not zero: on a fast machine two seconds of looks would use up the calls of five minutes, and then it waits.
    monkeypatch.setattr(rollout, "LOOK_SECONDS", 0.05)


def probed(world: World, script: str, *tunnels: dict[str, Any], mode: int = 0o755) -> None:
    """An account whose rollout asks this script, for the change of t000."""
    world.account(rollout={"waves": [1], "settle": "0s", "hold": "1s", "watch": "2s", "probe": {"command": ["./p"]}})
    world.live(tunnel(0), tunnel(1))
    world.declare(tunnel(0, replay_protection=True), tunnel(1), *tunnels)
    world.write("tunnels/prod/p", f"#!/bin/sh\n{script}\n", mode)


APPLY = ("apply", "--auto-approve", "--allow-commands", "-o", "json")


def test_a_healthy_wave_is_kept(world: World) -> None:
    probed(world, "exit 0")
    ran = world.run(*APPLY)
    assert (ran.code, ran.account["outcome"]) == (0, "ok")
    assert world.shown("t000")["replay_protection"] is True


def test_a_probe_knows_its_tunnel_and_no_secret(world: World) -> None:
    probed(world, 'env > "$RECONCILER_TUNNEL.env"', tunnel(9, psk={"env": "T009"}))
    secrets = {"T009": KEY, "COPY": TOKEN, "CF_API_KEY": "another-secret"}
    assert world.run(*APPLY, env={**secrets, "SITE": "london"}).code == 0
    given = dict(line.partition("=")[::2] for line in world.read("tunnels/prod/t000.env").splitlines())
    assert {name: value for name, value in given.items() if name.startswith(("RECONCILER_", "SITE"))} == {
        "RECONCILER_TUNNEL": "t000",
        "RECONCILER_CLOUDFLARE_ENDPOINT": "203.0.113.1",
        "RECONCILER_CUSTOMER_ENDPOINT": "198.51.100.1",
        "RECONCILER_INTERFACE_ADDRESS": "10.0.0.0/31",
        "RECONCILER_INTERFACE_ADDRESS6": "",
        "SITE": "london",
    }
    assert not {"CLOUDFLARE_API_TOKEN", *secrets} & given.keys()


def ill(world: World, what: str) -> Any:
    """The error of a change whose probe is ill, and says this, as soon as t000 is changed; the report must be clean."""
    probed(world, f"[ -f ill ] || {{ touch ill; exit 0; }}\n{what}")
    ran = world.run(*APPLY, "-o", "markdown=out.md", "-o", "html=out.html", "-o", "text=out.txt")
    (change,) = ran.account["changes"]
    assert (ran.code, change["outcome"]) == (7, "rolled_back")
    assert world.shown("t000").get("replay_protection") in (None, False)
    return change["error"]["message"]


def test_what_an_ill_probe_says_is_told(world: World) -> None:
    assert ill(world, "echo no answer; echo from 10.0.0.1 >&2; exit 3") == (
        "its probe ended with status 3: no answer from 10.0.0.1"
    )


def test_what_it_says_injects_nothing(world: World) -> None:
    said = ill(world, "printf '\\033[31m<script>@admins ::error::x'; exit 1")
    assert said == "its probe ended with status 1: \x1b[31m<script>@admins ::error::x"
    assert "<script>@" not in world.read("out.html") + world.read("out.md")
    assert "\x1b" not in world.read("out.html") + world.read("out.md") + world.read("out.txt")


def test_what_it_says_holds_no_secret_even_where_it_is_cut_off(world: World) -> None:
    said = ill(world, f"printf %0290d 0; echo ' {TOKEN}'; exit 1")
    assert said.startswith("its probe ended with status 1: 000")
    assert TOKEN[:6] not in said
    assert len(said) < 350


def test_a_probe_that_hangs_is_ill(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PROBE_SECONDS", 0.5)
    assert ill(world, "sleep 60") == "its probe took longer than 0.5 seconds"


def test_a_probe_that_may_not_run_lets_nothing_be_written(world: World) -> None:
    probed(world, "exit 0")
    ran = world.run("apply", "--auto-approve", "-o", "json")
    (said,) = ran.json["diagnostics"]
    assert (ran.code, said["code"], set(world.calls)) == (3, "commands-not-allowed", {"GET"})
    assert said["summary"] == "the probe of a rollout is the command './p', which may not run"


@pytest.mark.parametrize(("program", "mode"), [("./p", 0o644), ("./q", 0o755), ("no-such-program", 0o755)])
def test_nor_does_one_that_can_not_run(world: World, program: str, mode: int) -> None:
    probed(world, "exit 0", mode=mode)
    account = json.loads(world.read("tunnels/prod/account.yaml"))
    account["rollout"]["probe"]["command"] = [program]
    world.write("tunnels/prod/account.yaml", json.dumps(account))
    ran = world.run(*APPLY)
    (said,) = ran.json["diagnostics"]
    assert (ran.code, said["code"], set(world.calls)) == (3, "bad-probe", {"GET"})


def test_where_no_wave_is_to_be_judged_no_probe_is_needed(world: World) -> None:
    probed(world, "exit 1")
    assert world.run("apply", "--auto-approve", "--no-rollout").code == 0
    assert world.run("apply", "--auto-approve").code == 0


def test_a_probe_is_a_command(world: World) -> None:
    for wrong in ("./p", {}, {"command": []}, {"command": "./p"}, {"env": "X"}):
        world.account(rollout={"waves": [1], "probe": wrong})
        world.declare(tunnel(0))
        assert world.run("validate").code == 3
