import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from reconciler.cli.output import Output
from reconciler.secrets.redact import Redactor
from reconciler.secrets.secret import Secret
from reconciler.simulator.message import Reply
from tests.cli.test_output import on_a_terminal
from tests.cli.world import ID, TOKEN, World, tunnel

KEYS = ["0123", "1_000", "yes", " lead", "q\"'$x", "%s", "{0}", "k" * 65536, "null", "1e3", "é\u00fc"]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_a_key_arrives_as_it_was_given(world: World, key: str) -> None:
    world.declare(tunnel(1, psk={"env": "KEY_A"}), tunnel(2, psk={"file": "keys/b"}))
    world.write("tunnels/prod/keys/b", key + "\n", mode=0o600)
    env = {"KEY_A": key}
    if len(key) > 4096:
        env = {"KEY_A": "short key here"}
    ran = world.run("apply", "--auto-approve", env=env)
    assert ran.code == 0, ran.out
    assert (world.key("t001"), world.key("t002")) == (env["KEY_A"], key)
    world.sim.account(ID).psks.clear()
    assert world.run("psk", "set", "t001", "t002", "--auto-approve", env=env).code == 0
    assert (world.key("t001"), world.key("t002")) == (env["KEY_A"], key)
    assert [c for c in world.calls if c != "GET"] == ["POST"]


@pytest.mark.parametrize("argv", [["apply"], ["psk", "set", "t001"]])
def test_a_key_that_no_output_can_hide_is_sent_with_a_warning(world: World, argv: list[str]) -> None:
    world.declare(tunnel(1, psk={"env": "KEY_A"}))
    if argv != ["apply"]:
        world.live(tunnel(1))
    ran = world.run(*argv, "--auto-approve", env={"KEY_A": "%7;"})
    assert (ran.code, world.key("t001")) == (0, "%7;")
    assert "[short-key]" in ran.out


def test_missing_keys_are_all_named_and_nothing_is_written(world: World) -> None:
    world.live(tunnel(9))
    refs = [{"env": "KEY_A"}, {"env": "KEY_B"}, {"file": "nope"}]
    world.declare(*(tunnel(n, psk=r) for n, r in enumerate(refs)), tunnel(9, description="x"))
    ran = world.run("apply", "--auto-approve", env={"KEY_B": ""})
    assert ran.code == 3
    for word in ("KEY_A", "KEY_B", "nope"):
        assert word in ran.out
    assert world.calls == ["GET"]
    assert world.run("plan").code == 0
    assert world.run("drift").code == 2


def test_a_missing_key_points_at_its_psk_line_in_the_order_of_the_lines(world: World) -> None:
    lines = ["tunnels:"]
    for number, name in ((1, "zulu"), (2, "alfa")):
        fields = tunnel(number, name=name, psk=f"{{env: KEY_{name.upper()}}}")
        lines += [f"  {'- ' if key == 'name' else '  '}{key}: {value}" for key, value in fields.items()]
    world.account()
    world.write("tunnels/prod/a.yaml", "\n".join(lines) + "\n")
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert [(d["line"], d["column"], d["summary"]) for d in ran.json["diagnostics"]] == [
        (6, 5, "the environment variable KEY_ZULU is not set"),
        (11, 5, "the environment variable KEY_ALFA is not set"),
    ]


def test_what_is_wrong_with_keys_and_sinks_is_told_in_the_order_of_the_lines(world: World) -> None:
    sink = {"generate": True, "deliver_to": {"command": ["put"]}}
    world.declare(
        tunnel(1, psk=sink), tunnel(2, psk={"env": "KEY_B"}), tunnel(3, psk=sink), tunnel(4, psk={"file": "n"})
    )
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert [d["line"] for d in ran.json["diagnostics"]] == [2, 3, 4, 5]
    assert ran.out.count("nothing was written") == 4


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_file_that_others_may_read_is_refused(world: World, mode: int) -> None:
    world.declare(tunnel(1, psk={"file": "key"}))
    world.write("tunnels/prod/key", "the key itself", mode=mode)
    ran = world.run("apply", "--auto-approve")
    assert ran.code == 3
    assert "the key itself" not in ran.out + ran.err
    assert world.calls == ["GET"]


def test_commands_run_only_when_they_are_allowed(world: World) -> None:
    script = "open('ran', 'w').close(); print('key from a command')"
    world.declare(tunnel(1, psk={"command": [sys.executable, "-c", script]}))
    ran = world.run("apply", "--auto-approve")
    assert ran.code == 3
    assert "--allow-commands" in ran.out
    assert not list(world.root.rglob("ran"))
    assert world.calls == ["GET"]
    assert world.run("apply", "--auto-approve", "--allow-commands").code == 0
    assert world.key("t001") == "key from a command"
    assert world.run("plan", "--allow-commands").code == 64


TELL = """
import json, os, sys
op = os.environ.get("RECONCILER_KEY_OP", "reference")
json.dump(dict(os.environ), open(f"env-{op}", "w"))
if op == "put":
    open("pending", "w").write(sys.stdin.read())
if op == "reference" or (op == "get" and os.path.exists("pending")):
    print("key from a command" if op == "reference" else open("pending").read())
"""


CLOUDFLARE = (
    *("CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_USER_SERVICE_KEY"),
    *("CLOUDFLARE_DNS_API_TOKEN", "CLOUDFLARE_ACCESS_CLIENT_SECRET", "TF_VAR_cloudflare_api_token"),
    *("CF_API_TOKEN", "CF_API_KEY", "CF_API_EMAIL", "CF_Token", "CF_Key"),
)


def test_commands_get_neither_the_token_nor_the_keys_of_others(world: World) -> None:
    told = [sys.executable, "-c", TELL]
    world.account(token={"env": "PROD_TOKEN"})
    world.live(tunnel(2))
    world.declare(
        tunnel(1, psk={"command": told}),
        tunnel(2, psk={"generate": True, "deliver_to": {"command": told}}),
        tunnel(3, psk={"env": "KEY_OF_T003"}),
    )
    world.account("lab", account_id="f" * 32, token={"env": "LAB_TOKEN"})
    world.declare(tunnel(4, psk={"env": "KEY_OF_T004"}), file="lab/a.yaml")
    secret = {"PROD_TOKEN": TOKEN, "LAB_TOKEN": "l" * 40, "KEY_OF_T003": "key-three", "KEY_OF_T004": "key-four"}
    secret |= {name: f"of {name}" for name in CLOUDFLARE} | {
        "CLOUDFLARE_API_TOKEN": " ",
        "COPY_OF_IT": TOKEN,
        "ANOTHER_COPY": f" {'l' * 40}\n",
    }
    needed = {"VAULT_TOKEN": "their own", "OP_SERVICE_ACCOUNT_TOKEN": "their own", "HTTPS_PROXY": "http://127.0.0.1:9"}
    needed |= {"CLOUDFLARE_ACCOUNT_ID": ID, "EMPTY": "", "SCF_KEY": "of somebody else's"}
    for argv in (["apply"], ["psk", "rotate", "t002"]):
        world.run(*argv, "--account", "prod", "--auto-approve", "--allow-commands", env={**secret, **needed})
    for op in ("reference", "probe", "put", "get", "promote"):
        env = json.loads(world.read(f"tunnels/prod/env-{op}"))
        assert [name for name in secret if name in env] == []
        assert {name: env.get(name) for name in needed} == needed
        assert env["PATH"] == os.environ["PATH"]


GENERATED = {"generate": True, "deliver_to": {"file": "sink/t001"}}


def test_a_generated_key_is_stored_before_it_is_sent(world: World) -> None:
    world.declare(tunnel(1, psk=GENERATED))
    world.write("tunnels/prod/sink/.keep", "")
    assert world.run("apply", "--auto-approve").code == 0
    stored = [p for p in world.root.rglob("sink/t001*") if p.is_file()]
    holding = [p for p in stored if (world.key("t001") or "-") in p.read_text()]
    assert holding
    assert {p.stat().st_mode & 0o777 for p in stored} == {0o600}
    first = world.key("t001")
    assert world.run("psk", "rotate", "t001", "--auto-approve").code == 0
    assert world.key("t001") != first
    assert any((world.key("t001") or "-") in p.read_text() for p in world.root.rglob("sink/*") if p.is_file())


@pytest.mark.parametrize("generate", [True, "cloudflare"])
def test_a_sink_that_can_not_be_written_stops_everything(world: World, generate: object) -> None:
    world.live(tunnel(2))
    world.declare(tunnel(1, psk=GENERATED | {"generate": generate}), tunnel(2, description="x"))
    world.write("tunnels/prod/sink", "a file where a folder should be")
    ran = world.run("apply", "--auto-approve")
    assert ran.code in (1, 3)
    assert world.calls == ["GET"]


# Run with -B: else byte code, cut at the limit, would be written beside the source.
LITTLE_ROOM = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))
from reconciler.cli.main import run
run()
"""


@pytest.mark.parametrize("generate", [True, "cloudflare"])
def test_a_disk_without_room_for_the_key_and_its_record_stops_everything(world: World, generate: object) -> None:
    world.live(tunnel(2))
    world.declare(tunnel(1, psk=GENERATED | {"generate": generate}), tunnel(2, description="x"))
    world.write("tunnels/prod/sink/.keep", "")
    argv = [sys.executable, "-B", "-c", LITTLE_ROOM, "apply", "--auto-approve", "--base-url", world.base_url]
    ran = subprocess.run(argv, cwd=world.root, env=world.child(), capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.returncode == 1
    assert "tunnels/prod/sink: File too large. Nothing was written." in ran.stdout
    assert world.calls == ["GET"]
    assert [p.name for p in (world.root / "tunnels/prod/sink").iterdir()] == [".keep"]


def test_a_sink_is_as_it_was_when_cloudflare_makes_no_key(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, psk=GENERATED | {"generate": "cloudflare"}))
    world.write("tunnels/prod/sink/.keep", "")
    refusal = Reply(
        400, {"content-type": "application/json"}, b'{"success":false,"errors":[{"code":1,"message":"no"}]}'
    )
    usual = world.answer
    world.answer = lambda sim, request: refusal if request.path.endswith("psk_generate") else usual(sim, request)
    assert world.run("psk", "rotate", "t001", "--auto-approve").code == 1
    assert sorted(p.name for p in (world.root / "tunnels/prod/sink").iterdir()) == [".keep", "t001.json"]


def test_a_key_that_cloudflare_makes_is_delivered(world: World) -> None:
    world.declare(tunnel(1, psk={"generate": "cloudflare", "deliver_to": {"file": "sink/t001"}}))
    world.write("tunnels/prod/sink/.keep", "")
    ran = world.run("apply", "--auto-approve")
    assert ran.code == 0, ran.out
    assert world.key("t001")
    assert any((world.key("t001") or "-") in p.read_text() for p in world.root.rglob("sink/*") if p.is_file())
    assert (world.key("t001") or "-") not in ran.out + ran.err


def test_unapplied_keys_are_failures_with_reasons(world: World) -> None:
    world.become(psk_refusals=frozenset({"t002"}))
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, psk={"env": "KEY_A"}), tunnel(2, psk={"env": "KEY_B"}))
    ran = world.run(
        "psk", "set", "t001", "t002", "--auto-approve", "-o", "json", env={"KEY_A": "key-one", "KEY_B": "key-two"}
    )
    assert (ran.code, ran.json["outcome"]) == (7, "partial")
    by_name = {k["name"]: k for k in ran.account["keys"]}
    assert by_name["t001"]["outcome"] == "applied"
    assert by_name["t002"]["outcome"] == "failed"
    assert by_name["t002"]["error"]["message"]
    assert world.key("t001") == "key-one"


STORE = """
import os, sys
op = os.environ["RECONCILER_KEY_OP"]
if op == "put":
    open("pending", "wb").write(sys.stdin.buffer.read())
if op == "get" and os.path.exists("pending"):
    sys.stdout.buffer.write(open("pending", "rb").read())
if op == "promote":
    sys.exit(1)
"""


@pytest.mark.parametrize("maker", [True, "cloudflare"])
def test_a_key_that_cloudflare_has_and_no_sink_made_current_is_a_partial_end(world: World, maker: object) -> None:
    world.live(tunnel(1))
    sink = {"command": [sys.executable, "-c", STORE]}
    world.declare(tunnel(1, psk={"generate": maker, "deliver_to": sink}))
    ran = world.run("psk", "rotate", "t001", "--auto-approve", "--allow-commands", "-o", "json")
    assert (ran.code, ran.json["outcome"]) == (7, "partial")
    assert world.read("tunnels/prod/pending") == world.key("t001")
    (key,) = ran.account["keys"]
    assert (key["outcome"], key["error"]["code"]) == ("failed", "sink-failed")
    assert key["error"]["remedy"].endswith(f"psk rotate --base-url {world.base_url} --allow-commands t001")


@pytest.mark.parametrize("action", ["set", "rotate"])
def test_keys_that_cloudflare_refuses_are_an_error_and_nothing_was_written(world: World, action: str) -> None:
    world.become(psk_refusals=frozenset({"t001"}))
    world.live(tunnel(1))
    world.declare(tunnel(1, psk={"env": "KEY_A"} if action == "set" else GENERATED))
    world.write("tunnels/prod/sink/.keep", "")
    ran = world.run("psk", action, "t001", "--auto-approve", env={"KEY_A": "key-one"})
    assert (ran.code, world.key("t001")) == (1, None)


@pytest.mark.parametrize("action", ["set", "rotate"])
def test_nobody_approved(world: World, action: str) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, psk={"env": "KEY_A"} if action == "set" else GENERATED))
    ran = world.run("psk", action, "t001", env={"KEY_A": "key-one"})
    assert ran.code == 5
    assert set(world.calls) <= {"GET"}


@pytest.mark.parametrize("psk", ["external", {"env": "KEY_A"}, {"generate": True, "deliver_to": {"file": "s"}}])
@pytest.mark.parametrize("action", ["set", "rotate"])
def test_a_key_is_only_set_or_made_where_that_makes_sense(world: World, action: str, psk: object) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, psk=psk))
    ran = world.run("psk", action, "t001", "--auto-approve", env={"KEY_A": "key-one"})
    sensible = (action == "set") == (psk == {"env": "KEY_A"}) and psk != "external"
    assert ran.code == (0 if sensible else 3), ran.out
    assert (world.key("t001") is not None) == sensible


def test_a_key_for_a_tunnel_that_is_not_live(world: World) -> None:
    world.declare(tunnel(1, psk={"env": "KEY_A"}))
    ran = world.run("psk", "set", "t001", "--auto-approve", env={"KEY_A": "key-one"})
    assert ran.code in (1, 7)
    assert "t001" in ran.out
    assert set(world.calls) == {"GET"}


def test_the_status_of_keys(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, psk={"env": "KEY_A", "rotate_after": "90d"}), tunnel(2), tunnel(3, psk={"env": "KEY_C"}))
    ran = world.run("psk", "status", "-o", "json")
    assert ran.code == 0
    assert {k["name"] for k in ran.account["keys"]} >= {"t001", "t002"}
    assert world.calls == ["GET"]


@pytest.mark.parametrize(
    ("maker", "made"), [(True, "generated"), ("cloudflare", "generated by Cloudflare")], ids=["here", "cloudflare"]
)
def test_a_plan_says_where_a_new_key_goes_and_apply_that_it_was_delivered(
    world: World, maker: object, made: str
) -> None:
    world.declare(tunnel(1, psk=GENERATED | {"generate": maker}), tunnel(2, psk={"env": "KEY"}))
    world.write("tunnels/prod/sink/.keep", "")
    planned = world.run("plan").out
    assert re.search(rf"psk +{made}, goes to file tunnels/prod/sink/t001\n", planned)
    assert re.search(r"psk +env KEY\n", planned)
    assert "deliver" not in planned
    ran = world.run("apply", "--auto-approve", "-o", "text", "-o", "json=ran.json", env={"KEY": "the key of all"})
    assert ran.out.endswith("2 created, 0 updated, 0 deleted, 1 key made and delivered.\n")
    keys = json.loads(world.read("ran.json"))["accounts"][0]["keys"]
    assert [(key["name"], key["outcome"], key["age_days"]) for key in keys] == [("t001", "applied", 0)]


def test_apply_says_on_a_terminal_too_that_a_key_was_delivered(world: World) -> None:
    world.declare(tunnel(1, psk=GENERATED))
    world.write("tunnels/prod/sink/.keep", "")
    code, seen = on_a_terminal(world, "apply", answers=["yes"])
    assert code == 0
    assert re.search(r"\n  t001  applied +0 days old +generated, goes to file tunnels/prod/sink/t001\n", seen)
    assert "1 created, 0 updated, 0 deleted, 1 key made and delivered." in seen


def test_the_sum_says_how_many_keys_are_of_unknown_age(world: World) -> None:
    world.live(tunnel(1), tunnel(2), tunnel(3))
    world.declare(tunnel(1, psk={"env": "KEY_A"}), tunnel(2), tunnel(3, psk=GENERATED))
    world.write("tunnels/prod/sink/.keep", "")
    assert world.run("psk", "status").out.splitlines()[-1] == "3 keys: none overdue, 3 of unknown age."
    assert world.run("psk", "rotate", "t003", "--auto-approve").code == 0
    assert world.run("psk", "status").out.splitlines()[-1] == "3 keys: none overdue, 2 of unknown age."
    assert world.run("psk", "status", "t003").out.splitlines()[-1] == "1 key: none overdue."
    world.write("tunnels/prod/sink/t001.pending", "of a run that stopped", mode=0o600)
    assert world.run("psk", "status").out.splitlines()[-1] == "3 keys: 1 in doubt, none overdue, 2 of unknown age."


@pytest.mark.parametrize("maker", [True, "cloudflare"])
def test_a_key_that_was_just_made_is_new(world: World, maker: object) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, psk=GENERATED | {"generate": maker, "rotate_after": "90d"}))
    world.write("tunnels/prod/sink/.keep", "")
    ran = world.run("psk", "rotate", "t001", "--auto-approve", "-o", "text", "-o", "json=ran.json")
    assert "age unknown" not in ran.out
    assert ran.out.splitlines()[-1] == "1 key: 1 applied."
    key = json.loads(world.read("ran.json"))["accounts"][0]["keys"][0]
    assert (key["outcome"], key["age_days"], key["overdue"]) == ("applied", 0, False)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_of_a_key_that_was_sent_no_age_is_told(world: World, form: str) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, psk={"env": "KEY"}))
    assert "age unknown" in world.run("psk", "status", "-o", form).out
    ran = world.run("psk", "set", "t001", "--auto-approve", "-o", form, env={"KEY": "the key of all"})
    assert (ran.code, "applied" in ran.out, "age unknown" in ran.out) == (0, True, False)


def test_the_age_of_a_key_that_was_not_changed_is_not_given_as_new(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, psk=GENERATED), tunnel(2, psk={"env": "KEY_B"}))
    ran = world.run("psk", "rotate", "t001", "t002", "--auto-approve", "-o", "json")
    assert [(key["outcome"], key["age_days"]) for key in ran.account["keys"]] == [("skipped", None), ("failed", None)]


@pytest.mark.parametrize(
    ("runner", "masks"),
    [("true", "::add-mask::a%25key\n::add-mask::other\n"), ("", "")],
    ids=["on github", "elsewhere"],
)
def test_github_is_told_to_mask_a_key(runner: str, masks: str) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as told, os.fdopen(writing, "w") as stderr:
        output(stderr, runner).hide(Secret("a%key"), Secret("other"))
        stderr.close()
        assert told.read() == masks


def test_a_file_holds_no_command_that_masks_a_key(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as stderr:
        one = output(stderr, "true")
        one.hide(Secret("a%key"))
        assert stderr.tell() == 0
    assert one.redactor.clean("a%key") == "***"


def output(stderr: TextIO, runner: str) -> Output:
    return Output(Redactor(), sys.stdout, stderr, on_github=runner == "true")


def test_a_sandbox_delivers_no_key(world: World) -> None:
    script = "open('ran', 'w').close()"
    command = {"generate": True, "deliver_to": {"command": [sys.executable, "-c", script]}}
    world.declare(
        tunnel(1, psk=GENERATED),
        tunnel(2, psk={"generate": "cloudflare", "deliver_to": {"file": "sink/t002"}}),
        tunnel(3, psk=command),
    )
    world.write("tunnels/prod/sink/t001", "the live key", mode=0o600)
    sandbox = ["--sandbox=box.json", "--auto-approve", "--allow-commands"]
    for argv in (["apply"], ["psk", "rotate", "t001", "t002", "t003"]):
        ran = world.bare(*argv, *sandbox, "-o", "json")
        assert ran.code == 0, ran.out
        told = [d["detail"] for d in ran.json["diagnostics"] if d["code"] == "sandbox-key"]
        assert told == [f"They stay beside the sandbox's state, in box.json.keys/{ID}."]
    assert world.read("tunnels/prod/sink/t001") == "the live key"
    assert [p.name for p in (world.root / "tunnels/prod").rglob("*") if p.is_file()] == [
        "a.yaml",
        "account.yaml",
        "t001",
    ]
    assert {p.stat().st_mode & 0o777 for p in (world.root / "box.json.keys").rglob("*") if p.is_file()} == {0o600}
    ran = world.bare("psk", "status", "--sandbox=box.json", "-o", "json")
    assert [(k["age_days"], k["source"]) for k in ran.account["keys"]] == [(0, "sink")] * 3


def test_a_sandbox_refuses_what_the_real_run_would_refuse(world: World) -> None:
    world.declare(tunnel(1, psk={"generate": True, "deliver_to": {"command": ["put"]}}))
    assert world.bare("apply", "--sandbox=box.json", "--auto-approve").code == 3


def test_a_plan_looks_at_sinks_and_loads_nothing_that_calls_or_makes_keys(world: World) -> None:
    world.declare(tunnel(1, psk=GENERATED))
    world.write("live.json", '{"success": true, "errors": [], "messages": [], "result": {"ipsec_tunnels": []}}')
    code = "import sys; from reconciler.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    argv = [sys.executable, "-c", code, "plan", "--live", "live.json"]
    ran = subprocess.run(argv, cwd=world.root, env=world.child(), capture_output=True, text=True, check=True)  # noqa: S603
    assert "Plan: 1 to create" in ran.stdout
    loaded = ran.stdout.splitlines()[-1].split()
    assert {"httpx", "reconciler.api.call", "reconciler.secrets.made"}.isdisjoint(loaded)
    assert "reconciler.secrets.sinks" in loaded


def test_the_status_of_named_tunnels(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1), tunnel(2))
    world.account("lab", account_id="f" * 32)
    world.declare(tunnel(3), file="lab/a.yaml")
    ran = world.run("psk", "status", "t002", "-o", "json")
    assert ran.code == 0
    assert [k["name"] for k in ran.account["keys"]] == ["t002"]
    assert world.calls == ["GET"]
    ran = world.run("psk", "status", "t002", "nope")
    assert (ran.code, "nope" in ran.err, world.calls) == (64, True, [])


def test_a_key_that_is_lost_with_the_process_shows_at_once(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, psk={"generate": "cloudflare", "deliver_to": {"file": "sink/t001"}}))
    world.write("tunnels/prod/sink/.keep", "")
    assert world.run("psk", "rotate", "t001", "--auto-approve").code == 0
    assert world.run("psk", "status", "-o", "json").account["keys"][0]["outcome"] is None

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with world.patch.context() as patch:
        patch.setattr("reconciler.secrets.made.keep_made", die)
        with pytest.raises(KeyboardInterrupt):
            world.run("psk", "rotate", "t001", "--auto-approve")
    (key,) = world.run("psk", "status", "-o", "json").account["keys"]
    assert (key["outcome"], key["error"]["code"]) == ("unknown", "key-not-in-sink")
    assert world.run("psk", "rotate", "t001", "--auto-approve").code == 0
    assert world.run("psk", "status", "-o", "json").account["keys"][0]["outcome"] is None
