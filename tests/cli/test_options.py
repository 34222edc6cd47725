import json
import os
import re
import subprocess
import sys

import pytest

from reconciler import __version__
from reconciler.cli.arguments import parse
from reconciler.cli.tokens import token_faults
from tests.cli.world import ID, OTHER_ID, TOKEN, World, tunnel

COMMANDS = {
    "validate": (),
    "plan": (),
    "apply": ("--auto-approve",),
    "drift": (),
    "import": ("--force",),
    "psk": ("status",),
    "accounts": (),
}
GLOBALS = [
    ["--dir", "tunnels"],
    ["--dir=tunnels"],
    ["--account", "prod"],
    ["--account=prod"],
    ["-o", "json"],
    ["--output=json"],
    ["-ojson"],
    ["--no-color"],
    ["-v"],
    ["-vv"],
    ["--verbose"],
    ["--log-format", "json"],
    ["--parallelism", "1"],
    ["--timeout", "30"],
    ["--timeout=0.9e2"],
]


@pytest.mark.parametrize("command", COMMANDS)
def test_global_options_are_accepted_on_both_sides_of_the_command(world: World, command: str) -> None:
    world.declare(tunnel(1), file="prod/imported.yaml")
    world.live(tunnel(1))
    own = COMMANDS[command]
    for option in GLOBALS:
        before = world.run(*option, command, *own)
        after = world.run(command, *own, *option)
        assert (before.code, after.code) == (0, 0), (option, before, after)
        if "generated_at" not in before.out:
            outs = [re.sub(r',\n  "seconds": [0-9.]+', "", ran.out) for ran in (before, after)]  # time that they took
            assert outs[0] == outs[1], option


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("sandbox", ["--sandbox", "--sandbox=box.json", "--sandbox=deep/er/box.json"])
def test_the_sandbox_serves_every_command_on_both_sides(world: World, command: str, sandbox: str) -> None:
    world.declare(tunnel(1), file="prod/imported.yaml")
    no_token = {"CLOUDFLARE_API_TOKEN": None}
    assert world.bare("apply", "--auto-approve", sandbox, env=no_token).code == 0
    before = world.bare(sandbox, command, *COMMANDS[command], env=no_token)
    after = world.bare(command, *COMMANDS[command], sandbox, env=no_token)
    assert (before.code, after.code) == (0, 0)
    file = world.root / (sandbox.partition("=")[2] or ".reconciler/sandbox.json")
    assert file.stat().st_mode & 0o777 == 0o600
    offline = command in ("validate", "accounts")  # nothing stood in for anything
    assert ("SANDBOX" in before.out) is not offline
    assert world.sim.log == []


def test_the_sandbox_keeps_its_state_private_also_in_a_readable_file(world: World) -> None:
    world.declare(tunnel(1))
    world.bare("apply", "--auto-approve", "--sandbox=box.json")
    (world.root / "box.json").chmod(0o644)
    world.declare(tunnel(1), tunnel(2))
    assert world.bare("apply", "--auto-approve", "--sandbox=box.json").code == 0
    assert (world.root / "box.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format":1,"ids":0,"micros":0,"accounts":[]}'])
def test_a_broken_sandbox_file_is_an_error(world: World, content: str) -> None:
    world.declare(tunnel(1))
    world.write("box.json", content)
    ran = world.bare("plan", "--sandbox=box.json")
    assert ran.code == 1
    assert "box.json" in ran.out


def test_a_sandbox_symlink_is_refused(world: World) -> None:
    world.declare(tunnel(1))
    (world.root / "box.json").symlink_to(world.root / "elsewhere.json")
    assert world.bare("plan", "--sandbox=box.json").code == 1


USAGE = [
    ["help", "destroy"],
    ["help", "--nope"],
    ["show"],
    ["show", "--plan", "missing.json"],
    ["completion"],
    ["completion", "tcsh"],
    ["plan", "-q", "-v"],
    ["plan", "--version"],
    ["plan", "-o", "html=no/folder/x.html"],
    ["plan", "--out", "no/folder/plan.json"],
    ["destroy"],
    ["plan", "--nope"],
    ["plan", "extra"],
    ["--nope", "plan"],
    ["plan", "-o", "xml"],
    ["plan", "-o", "json="],
    ["plan", "-o", "json", "-o", "text"],
    ["-o", "json", "plan", "-o", "markdown"],
    ["plan", "-o"],
    ["plan", "--parallelism", "0"],
    ["plan", "--parallelism", "-1"],
    ["plan", "--parallelism", "x"],
    ["plan", "--timeout", "0"],
    ["plan", "--timeout", "nan"],
    ["plan", "--timeout", "inf"],
    ["plan", "--timeout", "-5"],
    ["plan", "--log-format", "xml"],
    ["plan", "--account"],
    ["plan", "--account", "nobody"],
    ["plan", "--sandbox="],
    ["plan", "--sandbox", "--base-url", "https://api.example.com"],
    ["plan", "--live", "x", "--save-live", "y"],
    ["plan", "--live", "x", "--server-check"],
    ["plan", "--auto-approve"],
    ["plan", "--det"],
    ["apply", "--batch-size", "0"],
    ["apply", "--batch-size", "1.5"],
    ["apply", "--out", "x"],
    ["apply", "--baseline", "x"],
    ["validate", "--target", "x"],
    ["drift", "--target", "x"],
    ["import", "--account-id", ID],
    ["import", "--account-id", "xyz", "--account", "new"],
    ["import", "--account-id", OTHER_ID, "--account", "../new"],
    ["import", "--account-id", OTHER_ID, "--account", "prod"],
    ["import", "--account-id", ID, "--account", "new"],
    ["psk"],
    ["psk", "show", "t001"],
    ["psk", "set"],
    ["psk", "rotate"],
    ["psk", "set", "nobody"],
    ["simulate", "--port", "x"],
    ["simulate", "--port", "-1"],
    ["simulate", "--port", "70000"],
    ["simulate", "--port", "0", "--semantics", "nope=1"],
    ["simulate", "--port", "0", "--faults", "1=nope"],
    ["render"],
    ["render", "missing.json"],
    ["render", ""],
    ["render", "/dev/zero"],
    ["drift", "--previous", "missing.json"],
    ["drift", "--previous", "tunnels"],
    ["drift", "--previous", "/dev/zero"],
    ["plan", "--live", "missing.json"],
    ["plan", "--live", "/dev/zero"],
    ["apply", "--plan", "missing.json"],
    ["apply", "--plan", "/dev/zero"],
    ["plan", "--out", ""],
    ["plan", "--sandbox", "--out", "-"],
    ["plan", "--sandbox", "--save-live", "-"],
    ["drift", "--sandbox", "--patch", "-"],
    ["plan", "--live="],
    ["plan", "--save-live", ""],
    ["plan", "--target", ""],
    ["plan", "--baseline", ""],
    ["plan", "--allow-delete", ""],
    ["apply", "--plan", ""],
    ["apply", "--target="],
    ["drift", "--previous="],
    ["--dir=", "plan"],
    ["simulate", "--state", ""],
]


@pytest.mark.parametrize(
    "argv",
    [
        "psk set t001 t002 --auto-approve",
        "psk set --auto-approve t001 t002",
        "psk set t001 --auto-approve t002",
        "psk --auto-approve set --dir tunnels t001 -v t002",
        "psk set --auto-approve -- t001 t002",
    ],
)
def test_names_may_stand_on_both_sides_of_options(argv: str) -> None:
    found = parse(argv.split())
    assert (found.action, found.names, found.auto_approve) == ("set", ("t001", "t002"), True)


@pytest.mark.parametrize("argv", ["render missing", "drift --previous missing", "plan --live missing"])
def test_a_missing_file_is_said_before_the_files_are_looked_at(world: World, argv: str) -> None:
    world.declare(tunnel(1, nope=1))
    ran = world.run(*argv.split())
    assert (ran.code, world.calls) == (64, [])
    assert "missing can't be read: No such file or directory" in ran.err


@pytest.mark.parametrize("argv", USAGE, ids=" ".join)
def test_a_bad_command_line(world: World, argv: list[str]) -> None:
    world.declare(tunnel(1))
    ran = world.bare(*argv, env={"CLOUDFLARE_API_TOKEN": None})
    assert ran.code == 64
    assert ran.out == ""
    assert ran.err.strip()
    assert "Traceback" not in ran.err
    assert not (world.root / "tunnels/new").exists()


URLS = [
    "http://api.cloudflare.com/client/v4",
    "http://10.0.0.1/",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "https://",
    "https://user:pw@api.example.com/",
    "https://api.example.com/?x=1",
    "https://api.example.com/#x",
    "https://api.example.com/../x",
    "http://127.0.0.1.example.com/",
    "http://localhost.example.com",
    "http://0.0.0.0/",
    "https://api.example.com:99999/",
    "https://[::1/",
    "https://api.exa mple.com/",
    "127.0.0.1:8080",
    "",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("command", [["plan"], ["validate"], ["plan", "--live", "x"]], ids=" ".join)
def test_a_base_url_that_could_take_the_token_away_is_a_usage_error(world: World, url: str, command: list[str]) -> None:
    world.declare(tunnel(1))
    ran = world.bare(*command, "--base-url", url)
    assert ran.code == 64
    assert "user:pw" not in ran.err


def test_files_can_not_say_where_the_api_is(world: World) -> None:
    world.account("prod", base_url="https://evil.example.com")
    world.declare(tunnel(1))
    assert world.run("plan").code == 3


def test_an_unknown_account_gets_a_suggestion(world: World) -> None:
    world.declare(tunnel(1))
    assert 'Did you mean "prod"' in world.run("plan", "--account", "prd").err


def test_several_outputs_from_one_run(world: World) -> None:
    world.declare(tunnel(1))
    formats = ["text", "json", "markdown", "html", "github"]
    (world.root / "out").mkdir()
    outputs = [part for f in formats[1:] for part in ("-o", f"{f}=out/{f}")]
    ran = world.run("plan", "-o", "text", *outputs)
    assert ran.code == 0
    assert "Plan: 1 to create" in ran.out
    assert json.loads(world.read("out/json"))["summary"]["create"] == 1
    assert world.read("out/html").startswith("<!DOCTYPE html>")
    assert world.calls == ["GET"]
    for name in formats[1:]:
        again = world.run("plan", "-o", name).out
        told, file = (re.sub(r"\d\d:\d\d:\d\d UTC", "", text).strip() for text in (again, world.read(f"out/{name}")))
        assert told == file


@pytest.mark.parametrize("name", ["text", "json", "markdown", "html", "github"])
def test_the_exit_code_is_the_same_in_every_format(world: World, name: str) -> None:
    world.live(*(tunnel(n) for n in range(6)))
    world.declare(tunnel(0), tunnel(9))
    assert world.run("plan", "-o", name).code == 5
    assert world.run("drift", "-o", name).code == 2
    world.declare(tunnel(0, nope=1))
    assert world.run("plan", "-o", name).code == 3


def test_no_colour_where_it_is_not_wanted(world: World) -> None:
    world.declare(tunnel(1))
    assert "\x1b" not in world.run("plan").out


def test_logs_go_to_standard_error_as_json(world: World) -> None:
    world.declare(tunnel(1))
    quiet = world.run("apply", "--auto-approve", "-o", "json")
    assert quiet.err == ""
    world.declare(tunnel(1), tunnel(2))
    loud = world.run("apply", "--auto-approve", "-o", "json", "-v", "--log-format", "json")
    lines = [json.loads(line) for line in loud.err.splitlines()]
    assert [line["call"] for line in lines] == ["list", "create", "list"]
    assert loud.json["outcome"] == "ok"


def test_a_server_check_is_logged_too(world: World) -> None:
    world.declare(tunnel(1))
    ran = world.run("plan", "--server-check", "-v", "--log-format", "json")
    assert [json.loads(line)["call"] for line in ran.err.splitlines()] == ["list", "create", "list"]


def test_twice_verbose_logs_every_request_with_what_a_retry_hides(world: World) -> None:
    from reconciler.simulator.faults import FaultKind, apply_fault

    kinds = iter([FaultKind.RESET_BEFORE, FaultKind.S503_BEFORE])
    world.declare(tunnel(1, psk={"env": "KEY_A"}))
    world.answer = lambda sim, request: (
        apply_fault(k, sim, request) if (k := next(kinds, None)) else sim.handle(request)
    )
    ran = world.run("apply", "--auto-approve", "-vv", "--log-format", "json", env={"KEY_A": "no secret"})
    lines = [json.loads(line) for line in ran.err.splitlines()]
    requests = [(line["method"], line.get("status")) for line in lines if line["event"] == "request"]
    assert requests == [("GET", None), ("GET", 503), ("GET", 200), ("POST", 200), ("GET", 200)]
    assert [line["call"] for line in lines if line["event"] == "call"] == ["list", "create", "list"]
    assert "no secret" not in ran.err


def test_the_directory_can_be_another(world: World) -> None:
    world.write("nets/account.yaml", json.dumps({"account_id": ID, "prune": True}))
    world.write("nets/a.yaml", json.dumps({"tunnels": [tunnel(1)]}))
    ran = world.run("plan", "--dir", "nets", "-o", "json")
    assert ran.account["account"] == "default"
    assert ran.account["changes"][0]["source"]["file"] == "nets/a.yaml"
    assert world.run("plan").code == 3


def test_strict_fails_on_warnings(world: World) -> None:
    world.declare(tunnel(1, psk=...))
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        assert world.run(*command, "--strict").code == 3
        assert world.calls == []
    assert world.run("validate").code == 0


def test_the_deadline_ends_a_run(world: World) -> None:
    from reconciler.simulator.faults import FaultKind, apply_fault

    world.declare(tunnel(1))
    world.answer = lambda sim, request: apply_fault(FaultKind.S503_BEFORE, sim, request)
    ran = world.run("plan", "--timeout", "0.2")
    assert ran.code == 1


def python(world: World, *argv: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *argv]
    return subprocess.run(  # noqa: S603
        command, cwd=world.root, env=world.child(), text=True, capture_output=True, timeout=120, check=False, **options
    )


def test_help_and_version_load_nothing_heavy(world: World) -> None:
    libraries = {"pydantic", "pydantic_core", "httpx", "yaml", "structlog", "deepdiff", "asyncio"}
    for option, heavy in (("--help", libraries | {"dataclasses", "inspect", "shutil"}), ("--version", libraries)):
        code = f"import sys; from reconciler.cli.main import main; main(['{option}']); print(*sys.modules)"
        ran = python(world, "-c", code)
        assert ran.returncode == 0
        assert heavy.isdisjoint(ran.stdout.splitlines()[-1].split())
    assert __version__ in ran.stdout


def test_a_real_process(world: World) -> None:
    world.declare(tunnel(1))
    run = ("-m", "reconciler", "--base-url", world.base_url)
    assert python(world, *run, "apply").returncode == 5
    assert python(world, *run, "apply", "--auto-approve").returncode == 0
    assert python(world, *run, "plan", "--detailed-exitcode").returncode == 0
    assert python(world, "-m", "reconciler", "destroy").returncode == 64


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(world: World, closed: str) -> None:
    world.declare(tunnel(1))
    shell = f'"$0" -m reconciler apply --base-url {world.base_url} {closed}'
    ran = subprocess.run(["sh", "-c", shell, sys.executable], cwd=world.root, env=world.child(), check=False)  # noqa: S603, S607
    assert ran.returncode == 5
    assert world.calls == ["GET"]


@pytest.mark.parametrize(
    "argv", [["--help"], ["--version"], ["schema"], ["plan"], ["apply", "--auto-approve", "-v"]], ids=" ".join
)
@pytest.mark.parametrize("both", [False, True])
def test_a_reader_that_went_away_changes_nothing(world: World, argv: list[str], both: object) -> None:
    world.declare(*(tunnel(n, description="x" * 400) for n in range(200)))
    reading, writing = os.pipe()
    os.close(reading)
    url = [] if argv == ["schema"] else ["--base-url", world.base_url]
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "reconciler", *argv, *url],
        cwd=world.root,
        env=world.child(),
        stdout=writing,
        stderr=writing if both else subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert ran.returncode == 0
    assert "Exception" not in (said := (ran.stderr or b"").decode())
    assert "Traceback" not in said
    assert argv[0] != "apply" or len(world.names()) == 200


def test_the_token_is_sent_as_it_is(world: World) -> None:
    seen = []

    def answer(sim, request):
        seen.append(request.headers["authorization"])
        return sim.handle(request)

    world.answer = answer
    world.declare(tunnel(1))
    world.run("plan")
    assert seen == [f"Bearer {TOKEN}"]


def test_a_schema_goes_to_its_file_and_is_json_only(world: World) -> None:
    assert world.run("schema", "report", "-o", "json=schema.json").code == 0
    assert json.loads(world.read("schema.json"))["title"]
    assert world.run("schema", "-o", "html").code == 64


def test_a_report_can_come_through_a_pipe(world: World) -> None:
    world.declare(tunnel(1))
    world.run("drift", "-o", "json=report.json")
    os.mkfifo(world.root / "pipe")
    with subprocess.Popen(["cp", "report.json", "pipe"], cwd=world.root):  # noqa: S607
        ran = world.run("drift", "--previous", "pipe", "-o", "json")
    assert [c["age"] for c in ran.account["changes"]] == ["persisting"]


def test_names_that_nothing_has_are_warned_of(world: World) -> None:
    world.account(protect=["nobody"])
    world.live(tunnel(1))
    world.declare(tunnel(1))
    out = world.run("plan", "--allow-delete", "nowhere", "--target", "nothing*", "-o", "json").json
    codes = {d["code"] for d in out["diagnostics"]}
    assert {"unknown-protected", "unknown-allowed", "unmatched-target"} <= codes


def test_a_failure_is_said_on_standard_error_when_only_files_are_written(world: World) -> None:
    world.write("tunnels/x.yaml", "tunnels: [")
    ran = world.run("validate", "-o", "json=out.json")
    assert ran.code == 3
    assert "Invalid: " in ran.err


NOT_TEXT = "tok\udce9n"
"""What Python makes of an environment variable that is no UTF-8."""


@pytest.mark.parametrize("argv", [["validate"], ["accounts"], ["schema"], ["plan", "--sandbox"], ["--version"]])
def test_a_token_that_is_no_text_bothers_nobody_offline(world: World, argv: list[str]) -> None:
    world.declare(tunnel(1))
    assert world.bare(*argv, env={"CLOUDFLARE_API_TOKEN": NOT_TEXT}).code == 0


NO_TOKENS = {
    NOT_TEXT: "the value of CLOUDFLARE_API_TOKEN holds blanks or other characters that no token has",
    "töken": "the value of CLOUDFLARE_API_TOKEN holds blanks or other characters that no token has",
    "to\nken": "the value of CLOUDFLARE_API_TOKEN holds blanks or other characters that no token has",
    "tok en": "the value of CLOUDFLARE_API_TOKEN holds blanks or other characters that no token has",
    '"secret-token"': "the value of CLOUDFLARE_API_TOKEN stands in quotes",
    "'secret-token'": "the value of CLOUDFLARE_API_TOKEN stands in quotes",
    "secret-token'": "the value of CLOUDFLARE_API_TOKEN stands in quotes",
    "“secret-token”": "the value of CLOUDFLARE_API_TOKEN stands in quotes",
    "CLOUDFLARE_API_TOKEN": "the value of CLOUDFLARE_API_TOKEN is the name of a variable",
    "OUR_TOKEN_2": "the value of CLOUDFLARE_API_TOKEN is the name of a variable",
    "$X": "the value of CLOUDFLARE_API_TOKEN is the name of a variable",
    "${CLOUDFLARE_API_TOKEN}": "the value of CLOUDFLARE_API_TOKEN is the name of a variable",
    "${{ secrets.CLOUDFLARE_API_TOKEN }}": "the value of CLOUDFLARE_API_TOKEN is the name of a variable",
    "%CLOUDFLARE_API_TOKEN%": "the value of CLOUDFLARE_API_TOKEN is the name of a variable",
    "Bearer secret-token": "the value of CLOUDFLARE_API_TOKEN begins like a header",
    "bearer:secret-token": "the value of CLOUDFLARE_API_TOKEN begins like a header",
    "Authorization: Bearer secret-token": "the value of CLOUDFLARE_API_TOKEN begins like a header",
    **dict.fromkeys(
        (
            "***",
            "<token>",
            "[token]",
            "{token}",
            "{{ token }}",
            "op://vault/item/token",
            "env:CF",
            "secret-token,",
            "=",
            "a=b",
        ),
        "the value of CLOUDFLARE_API_TOKEN holds blanks or other characters that no token has",
    ),
    **dict.fromkeys(
        (
            " changeme ",
            "CHANGE-ME",
            "null",
            "None",
            "undefined",
            "todo",
            "xxx",
            "XXXXXXXX",
            "your-api-token",
            "your_token_here",
        ),
        "the value of CLOUDFLARE_API_TOKEN is a placeholder",
    ),
    "' changeme '": "the value of CLOUDFLARE_API_TOKEN stands in quotes",
    " ${CF_TOKEN} ": "the value of CLOUDFLARE_API_TOKEN is the name of a variable",
}


@pytest.mark.parametrize("token", NO_TOKENS)
def test_what_can_be_no_token_is_told_without_its_value(token: str) -> None:
    ((code, summary, remedy),) = token_faults(token.strip(), "CLOUDFLARE_API_TOKEN")
    assert (code, summary) == ("bad-token", NO_TOKENS[token])
    assert "secret-token" not in remedy


@pytest.mark.parametrize("token", [NOT_TEXT, "'secret-token'", " changeme ", "Bearer secret-token"])
@pytest.mark.parametrize("command", [["plan"], ["drift"], ["apply", "--auto-approve"], ["psk", "status"]], ids=str)
def test_a_token_that_can_be_none_is_refused_before_any_call(world: World, command: list[str], token: str) -> None:
    world.declare(tunnel(1))
    ran = world.run(*command, "-o", "json", env={"CLOUDFLARE_API_TOKEN": token})
    assert (ran.code, ran.json["outcome"], world.calls) == (9, "auth", [])
    assert [(d["code"], d["summary"]) for d in ran.json["diagnostics"]] == [("bad-token", NO_TOKENS[token])]
    assert "secret-token" not in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("token", ["CLOUDFLARE_API_TOKEN", "'secret-token'"])
def test_the_message_of_a_token_that_can_be_none_is_whole_in_text_too(world: World, token: str) -> None:
    world.declare(tunnel(1))
    ran = world.run("plan", env={"CLOUDFLARE_API_TOKEN": token})
    assert f"error: {NO_TOKENS[token]}. Account prod needs it. " in ran.out


@pytest.mark.parametrize(
    "token",
    [
        "TOKEN",
        "-_aB3" * 8,
        "cfut_" + "aB3" * 13,
        "BEARER-1",
        "tokens",
        "A_b",
        "a.b~c+d/e-f==",
        "x",
        "nullify",
        "myself",
    ],
)
def test_what_can_be_a_token_is_sent(world: World, token: str) -> None:
    world.declare(tunnel(1))
    assert world.run("plan", env={"CLOUDFLARE_API_TOKEN": token}).code == 0


def test_a_placeholder_is_hidden_nowhere(world: World) -> None:
    world.declare(tunnel(1, description="changeme"))
    ran = world.bare("plan", "--sandbox", env={"CLOUDFLARE_API_TOKEN": "changeme"})
    assert (ran.code, "changeme" in ran.out) == (0, True)


def test_a_wrong_token_stops_the_accounts_with_a_right_one_before_any_call(world: World) -> None:
    world.account("lab", account_id="9a7806061c88ada191ed06f989cc3dac", token={"env": "LAB_TOKEN"})
    world.account("old", account_id="0a7806061c88ada191ed06f989cc3dac", token={"env": "OLD_TOKEN"})
    for number, name in enumerate(("prod", "lab", "old")):
        world.declare(tunnel(number), file=f"{name}/a.yaml")
    ran = world.run("apply", "--auto-approve", "-o", "json", env={"LAB_TOKEN": "'secret-token'", "OLD_TOKEN": None})
    assert (ran.code, world.calls) == (9, [])
    assert [d["code"] for d in ran.json["diagnostics"]] == ["bad-token", "no-token"]


def test_certificates_that_can_not_be_read_are_no_bug(world: World) -> None:
    world.declare(tunnel(1))
    ran = world.bare("plan", "-o", "json", env={"SSL_CERT_FILE": "/nowhere/certificates.pem"})
    assert (ran.code, [d["code"] for d in ran.json["diagnostics"]]) == (1, ["no-certificates"])
