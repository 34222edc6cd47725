"""What a person meets at the command line: help, slips, the environment, completion."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path

import pytest

from reconciler import __version__
from reconciler.cli import about
from reconciler.cli.arguments import columns_of, parse
from reconciler.cli.options import COMMANDS, SANDBOX_FILE, TABLE, Options, UsageError
from tests.cli.world import World, tunnel

CALLING = ("plan", "apply", "drift", "show", "doctor", "import", "psk")


def answer(capsys: pytest.CaptureFixture[str], argv: str, columns: int | None = None) -> str:
    with pytest.raises(SystemExit) as ended:
        parse(shlex.split(argv), {}, columns)
    assert ended.value.code == 0
    return capsys.readouterr().out


def wrong(argv: str, **env: str) -> str:
    with pytest.raises(UsageError) as refused:
        parse(shlex.split(argv), env)
    return str(refused.value)


@pytest.mark.parametrize("argv", ["", "help", "--help", "-h", "-v", "help --help"])
def test_help_of_the_program(capsys, argv):
    assert answer(capsys, argv).startswith("usage: reconciler [options] COMMAND [options]\n")


@pytest.mark.parametrize(("columns", "widest"), [(60, 60), (79, 79), (80, 80), (200, 80), (None, 80)])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_terminal_but_for_commands_to_copy(capsys, command, columns, widest):
    lines = answer(capsys, f"help {command}", columns).splitlines()
    assert [line for line in lines if len(line) > widest and not line.startswith("  reconciler ")] == []


def test_help_has_a_least_width(capsys):
    assert answer(capsys, "help", 1) == answer(capsys, "help", 20)


class Terminal(StringIO):
    """A stream that may be a terminal, without a descriptor."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "env", "columns"),
    [
        (StringIO(), {"COLUMNS": "60"}, None),
        (Terminal(), {"COLUMNS": "60"}, 60),
        (Terminal(), {"COLUMNS": "wide"}, 80),
        (Terminal(), {"COLUMNS": "0"}, 80),
        (Terminal(), {}, 80),  # nobody can ask it
    ],
)
def test_columns_are_those_of_the_terminal(stream, env, columns):
    assert columns_of(stream, env) == columns


@pytest.mark.parametrize("argv", ["--help", "plan --help"])
def test_help_shows_a_value_that_may_be_left_out_as_it_is_given(capsys, argv):
    assert re.search(r"^  --sandbox\[=FILE\]  ", answer(capsys, argv), re.MULTILINE)


def test_the_program_alone_shows_its_help(world: World):
    ran = world.bare()
    assert (ran.code, ran.out.splitlines()[0]) == (0, "usage: reconciler [options] COMMAND [options]")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example_that_can_be_parsed(capsys, command):
    said = answer(capsys, f"help {command}")
    assert said == answer(capsys, f"{command} --help" if command != "help" else "help help")
    example = re.search(r"^example:\n  reconciler (.*)$", said, re.MULTILINE)
    line = example[1].partition(">")[0]
    assert line.split()[0] == command
    if command != "help":
        assert parse(shlex.split(line)).command == command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_token_s_variable_where_one_is_used(capsys, command):
    assert ("CLOUDFLARE_API_TOKEN" in answer(capsys, f"help {command}")) == (command in CALLING)


@pytest.mark.parametrize(
    ("command", "does_nothing"),
    [
        ("schema", ["--dir", "--account", "--base-url", "--sandbox", "--timeout", "--no-color", "--verbose"]),
        ("render", ["--dir", "--account", "--base-url", "--sandbox", "--parallelism", "--verbose"]),
        ("validate", ["--base-url", "--sandbox", "--parallelism", "--log-format"]),
        ("simulate", ["--dir", "--output", "--json", "--timeout", "--quiet"]),
        ("completion", ["--output", "--quiet", "--timeout"]),
    ],
)
def test_an_option_that_does_nothing_in_a_command_is_taken_and_not_in_its_help(capsys, command, does_nothing):
    said = answer(capsys, f"help {command}")
    assert [flag for flag in does_nothing if flag in said] == []
    own = {"render": ["x.json"], "completion": ["bash"]}.get(command, [])
    assert parse([command, *own, "--timeout", "3", "--dir", "x"]).timeout == 3


@pytest.mark.parametrize(
    ("argv", "said", "helped"),
    [
        ("plna", "there is no command 'plna'. Did you mean \"plan\"?", "reconciler --help"),
        ("help aply", "there is no command 'aply'. Did you mean \"apply\"?", "reconciler --help"),
        ("xyz", "there is no command 'xyz'", "reconciler --help"),
        ("plan --outt x", 'there is no option --outt. Did you mean "--out"?', "reconciler plan --help"),
        ("plan --no-colour", 'there is no option --no-colour. Did you mean "--no-color"?', "reconciler plan --help"),
        ("plan --det", 'there is no option --det. Did you mean "--detailed-exitcode"?', "reconciler plan --help"),
        ("drift --jsn", 'there is no option --jsn. Did you mean "--json"?', "reconciler drift --help"),
        ("plan -x", "there is no option -x", "reconciler plan --help"),
        (
            "plan --auto-approve",
            "--auto-approve belongs to apply, psk and doctor, not to plan",
            "reconciler plan --help",
        ),
        ("apply --out=x", "--out belongs to plan, not to apply", "reconciler apply --help"),
        ("--out x plan", "--out stands after its command: reconciler plan --out", "reconciler plan --help"),
        ("plan --version", "--version stands alone: reconciler --version", "reconciler plan --help"),
        (
            "psk stat",
            "psk: 'stat' is not one of set, rotate, status. Did you mean \"status\"?",
            "reconciler psk --help",
        ),
        (
            "psk",
            "psk needs set|rotate|status: send keys, make new ones, or say what is known",
            "reconciler psk --help",
        ),
        ("render", "render needs REPORT.json: a report written by -o json", "reconciler render --help"),
        (
            "completion",
            "completion needs bash|zsh|fish|words: whose script, or how the words on standard input can end",
            "reconciler completion --help",
        ),
        (
            "schema tunnel",
            "schema: 'tunnel' is not one of account, tunnels, files, report, plan. Did you mean \"tunnels\"?",
            "reconciler schema --help",
        ),
        ("plan --out", "--out needs a value: --out FILE", "reconciler plan --help"),
        ("plan -o", "-o/--output needs a value: --output FORMAT[=PATH]", "reconciler plan --help"),
        ("plan --log-format", "--log-format needs a value: --log-format console|json", "reconciler plan --help"),
        ("plan --strict=yes", "--strict takes no value", "reconciler plan --help"),
        ("plan -qx", "-q/--quiet takes no value", "reconciler plan --help"),
        (
            "plan -o jsn=x",
            (
                "-o/--output: 'jsn=x' is not one of text, json, markdown, html, github, with =PATH to write a file. "
                'Did you mean "json"?'
            ),
            "reconciler plan --help",
        ),
        (
            "drift --strict",
            "--strict belongs to validate, plan and apply, not to drift",
            "reconciler drift --help",
        ),
        (
            "plan --sandbox box.json",
            "plan takes no further words; a file for the sandbox is given as --sandbox=FILE",
            "reconciler plan --help",
        ),
        (
            "--sandbox box.json plan",
            "there is no command 'box.json'; a file for the sandbox is given as --sandbox=FILE",
            "reconciler plan --help",
        ),
        ("plan --timeout x", "--timeout: 'x' is not a number of seconds above 0", "reconciler plan --help"),
        (
            "show",
            "show needs NAMES of tunnels, or --plan FILE, a plan that plan --out FILE saved",
            "reconciler show --help",
        ),
        (
            "plan prod",
            "plan takes no further words; accounts are chosen with --account NAME, tunnels with --target GLOB",
            "reconciler plan --help",
        ),
    ],
)
def test_a_slip_is_explained_with_the_command_s_own_help(argv, said, helped):
    assert wrong(argv) == f"{said}\nRun '{helped}' to see what it takes."


@pytest.mark.parametrize("argv", ["plan --token=s3cret", "plan --token s3cret", "--token s3cret plan", "plan s3cret"])
def test_what_may_be_a_token_is_not_repeated(argv):
    assert "s3cret" not in wrong(argv)


@pytest.mark.parametrize(
    "argv", [["plna"], ["plan", "--nope"], ["plan", "--account", "x"], ["psk", "set", "x"], ["plan", "--live", "no"]]
)
def test_every_error_of_the_command_line_begins_alike(world: World, argv: list[str]):
    world.declare(tunnel(1))
    assert world.bare(*argv).err.startswith("reconciler: ")


def test_an_unknown_account_names_those_that_there_are(world: World):
    world.declare(tunnel(1))
    assert "there is no account 'xyz' in tunnels. There: prod." in world.bare("plan", "--account", "xyz").err


def test_an_unknown_tunnel_gets_a_suggestion(world: World):
    world.declare(tunnel(1, name="london-a"))
    assert 'Did you mean "london-a"?' in world.run("psk", "set", "londn-a").err
    world.account(protect=["londn-a"])
    found = world.run("plan", "--allow-delete", "lndon-a", "-o", "json").json["diagnostics"]
    assert [(d["code"], 'Did you mean "london-a"? ' in d["detail"]) for d in found] == [
        ("unknown-allowed", True),
        ("unknown-protected", True),
    ]


ENVIRONMENT = {
    "RECONCILER_DIR": ("nets", {"dir": "nets"}),
    "RECONCILER_ACCOUNT": ("prod, lab\nold", {"account": ("prod", "lab", "old")}),
    "RECONCILER_BASE_URL": ("http://127.0.0.1:1", {"base_url": "http://127.0.0.1:1"}),
    "RECONCILER_SANDBOX": ("box.json", {"sandbox": "box.json"}),
    "RECONCILER_OUTPUT": ("json=a.json,text", {"output": (("json", "a.json"), ("text", None))}),
    "RECONCILER_LOG_FORMAT": ("json", {"log_format": "json"}),
    "RECONCILER_PARALLELISM": ("3", {"parallelism": 3}),
    "RECONCILER_TIMEOUT": ("5", {"timeout": 5.0}),
}


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_a_general_option_can_stand_in_the_environment(variable):
    text, expected = ENVIRONMENT[variable]
    found = parse(["plan"], {variable: text})
    assert found == Options("plan", variables=(*expected,), **expected)
    assert found.origin(*expected) == f" (from {variable})"
    assert parse(["plan"], {variable: " "}) == Options("plan")


def test_these_are_all_options_that_have_a_variable():
    assert {option.variable for option in TABLE.values()} - {""} == {*ENVIRONMENT}
    assert [field for field, option in TABLE.items() if option.variable and not option.general] == []


@pytest.mark.parametrize(
    ("argv", "variable"),
    [
        ("--dir=x plan", "RECONCILER_DIR"),
        ("plan --account x", "RECONCILER_ACCOUNT"),
        ("plan --json", "RECONCILER_OUTPUT"),
        ("plan -o html", "RECONCILER_OUTPUT"),
        ("plan --timeout 9", "RECONCILER_TIMEOUT"),
        ("plan --sandbox", "RECONCILER_BASE_URL"),
        ("plan --base-url http://127.0.0.1:2", "RECONCILER_SANDBOX"),
    ],
)
def test_the_command_line_wins_over_the_environment(argv, variable):
    assert parse(argv.split(), {variable: ENVIRONMENT[variable][0]}) == parse(argv.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((word, SANDBOX_FILE) for word in ("1", "true", "Yes", "on")),
        *((word, None) for word in ("0", "false", "NO", "off")),
        ("box.json", "box.json"),
        ("./1", "./1"),
    ],
)
def test_the_sandbox_is_switched_by_a_word_and_kept_in_a_path(text, expected):
    assert parse(["plan"], {"RECONCILER_SANDBOX": text}).sandbox == expected
    assert parse(["plan", f"--sandbox={text}"], {"RECONCILER_SANDBOX": "other.json"}).sandbox == expected


@pytest.mark.parametrize("text", ["2", "yess", "box", "box.yaml"])
def test_any_other_word_is_not_taken_for_the_sandbox_s_file(text):
    said = f"--sandbox: {text!r} is neither yes, no nor a file: write a path with a / in it, or one that ends in .json"
    assert wrong(f"plan --sandbox={text}").startswith(f"{said}\n")
    assert wrong("plan", RECONCILER_SANDBOX=text).startswith(f"RECONCILER_SANDBOX in the environment: {said}\n")


def test_without_the_sandbox_the_api_is_the_one_that_the_environment_says():
    env = {"RECONCILER_BASE_URL": "http://127.0.0.1:1"}
    for argv, more in ((["plan"], {"RECONCILER_SANDBOX": "0"}), (["plan", "--sandbox=no"], {})):
        assert parse(argv, env | more)._replace(variables=()) == Options("plan", base_url="http://127.0.0.1:1")


def test_a_wrong_variable_is_named():
    assert wrong("plan", RECONCILER_TIMEOUT="x").startswith(
        "RECONCILER_TIMEOUT in the environment: --timeout: 'x' is not a number of seconds above 0\n"
    )


def test_the_program_reads_its_environment(world: World):
    world.declare(tunnel(1))
    ran = world.run("plan", env={"RECONCILER_OUTPUT": "json"})
    assert ran.json["summary"]["create"] == 1


def test_json_is_short_for_its_output():
    assert parse(["plan", "--json"]).output == (("json", None),)
    assert parse(["--json", "plan", "-o", "json", "-o", "html=x"]).output == (("html", "x"), ("json", None))
    assert wrong("plan --json -o text").startswith("only one output can go to standard output")


def test_colour_can_be_forced_and_forbidden(world: World):
    world.declare(tunnel(1))
    assert "\x1b[" in world.run("plan", env={"FORCE_COLOR": "1"}).out
    for env in ({"FORCE_COLOR": "0"}, {"FORCE_COLOR": ""}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}):
        assert "\x1b[" not in world.run("plan", env=env).out
    assert "\x1b[" not in world.run("plan", "--no-color", env={"FORCE_COLOR": "1"}).out
    assert "\x1b[" not in world.run("plan", "-o", "markdown", env={"FORCE_COLOR": "1"}).out


def test_quiet_leaves_results_and_errors(world: World):
    world.live(tunnel(1))
    world.declare(tunnel(1))
    loud = world.run("plan", "--save-live", "live.json")
    quiet = world.run("plan", "--save-live", "live.json", "-q")
    assert (loud.err != "", quiet.err, quiet.out) == (True, "", loud.out)
    assert world.run("plan", "-q", "--account", "nobody").err.startswith("reconciler: there is no account")


def test_no_folder_comes_into_being_for_an_output(world: World):
    world.declare(tunnel(1))
    ran = world.run("plan", "-o", "html=new/dir/x.html")
    assert (ran.code, world.calls) == (64, [])
    assert "there is no folder" in ran.err
    assert not (world.root / "new").exists()


def test_version(capsys):
    said = answer(capsys, "--version")
    assert re.fullmatch(rf"reconciler {re.escape(__version__)}( \(commit [0-9a-f]{{12}}(-dirty)?\))?\n", said)
    lines = answer(capsys, "--version -v").splitlines()
    assert lines[1] == f"Python {sys.version.split()[0]}"
    assert [line.split()[0] for line in lines[2:]] == list(about.LIBRARIES)


def test_the_version_s_libraries_are_those_that_are_needed():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["name"] == about.DISTRIBUTION
    assert [re.match(r"[a-z0-9]+", line)[0] for line in project["dependencies"]] == list(about.LIBRARIES)


def test_the_commit_is_that_of_a_checkout_and_of_no_repository_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for command in ("init -q", "-c user.name=a -c user.email=a@example.com commit -q --allow-empty -m x"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)  # noqa: S603, S607
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout  # noqa: S607
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert about.commit_of(tmp_path) == head[:12]
    (tmp_path / "site-packages").mkdir()
    assert about.commit_of(tmp_path / "site-packages") is None


def completed(world: World, shell: str, line: str) -> set[str]:
    """What a shell offers for the last word of a line."""
    script = world.run("completion", shell)
    assert script.code == 0
    world.write("completion", script.out)
    program = world.write("bin/reconciler", f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n', mode=0o755)
    env = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    if shell == "fish":
        act = f'source completion; complete -C "{line}"'
    else:
        words = line.split(" ")
        act = (
            f"source ./completion; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _reconciler; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
    ran = subprocess.run([shell, "-c", act], cwd=world.root, env=env, check=True, capture_output=True, text=True)  # noqa: S603
    return {one.partition("\t")[0] for one in ran.stdout.splitlines()} - {""}


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("reconciler pl", {"plan"}),
        ("reconciler plan --det", {"--detailed-exitcode"}),
        ("reconciler --dir x plan --det", {"--detailed-exitcode"}),
        ("reconciler apply --det", set()),
        ("reconciler plan -o ma", {"markdown"}),
        ("reconciler psk ro", {"rotate"}),
        ("reconciler completion z", {"zsh"}),
        ("reconciler help sim", {"simulate"}),
        ("reconciler show --plan sav", {"saved.json"}),
        ("reconciler plan --account pro", {"prod"}),
        ("reconciler plan --dir nets --account ", {"lab"}),
        ("reconciler plan --target lon", {"lon-a", "lon-b"}),
        ("reconciler psk rotate lon-a lon", {"lon-a", "lon-b"}),
        ("reconciler --dir=nets psk status l", {"lab-a"}),
    ],
)
def test_completion(world: World, shell: str, line: str, offered: set[str]):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not there")
    world.write("saved.json", "{}")
    world.declare(tunnel(3, name="lab-a"), file="lab/a.yaml")
    (world.root / "tunnels").rename(world.root / "nets")
    world.declare(tunnel(1, name="lon-a"), tunnel(2, name="lon-b"), tunnel(4, name="lon c"))
    assert completed(world, shell, line) == offered


def test_an_output_of_the_environment_is_no_matter_where_none_is_written(world: World):
    ran = world.bare("completion", "bash", env={"RECONCILER_OUTPUT": "html=no/folder/plan.html"})
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_completion_offers_the_options_that_the_help_of_a_command_names(world: World, capsys, command: str):
    offered = world.run("completion", "words", stdin=f"{command}\n-\n").out
    said = answer(capsys, f"help {command}")
    named = re.findall(r"^  (-\w)?[^-]*(--[\w-]+)", said, re.MULTILINE)
    flags = {flag for pair in named for flag in pair} - {"", "-h"}
    assert {line.partition("\t")[0] for line in offered.splitlines()} == flags
    assert world.run("completion", "words", stdin="\n").out == "".join(
        f"{name}\t{about.help}\n" for name, about in COMMANDS.items()
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_one_that_the_shell_takes(world: World, shell: str):
    script = world.run("completion", shell).out
    assert "reconciler" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not there")
    subprocess.run([shell, "-n", world.write("completion", script)], check=True)  # noqa: S603


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not there")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("plan --account ", ["prod"]),
        ("psk --dir nets status ", ["lab-a"]),
        ("psk ", ["set", "rotate", "status"]),
        ("--versio", ["--version:show the version"]),
        ("show --plan ", ["a file"]),
        ("plan --dir=", ["a folder"]),
    ],
)
def test_zsh_completes(world: World, line: str, offered: list[str]):
    program = world.write("bin/reconciler", f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n', mode=0o755)
    world.declare(tunnel(3, name="lab-a"), file="lab/a.yaml")
    (world.root / "tunnels").rename(world.root / "nets")
    world.declare(tunnel(1, name="lon-a"), tunnel(2, name="lon-b"))
    world.write("completion", world.run("completion", "zsh").out)
    end = '""' if line.endswith(" ") else ""
    act = (
        "compdef() { : }; compset() { : }; _files() { [[ $1 == -/ ]] && print a folder || print a file }; "
        "_describe() { print -l -- $found }; source ./completion; "
        f"words=({program} {line}{end}); CURRENT=$#words; _reconciler"
    )
    ran = subprocess.run(["zsh", "-fc", act], cwd=world.root, check=True, capture_output=True, text=True)  # noqa: S603, S607
    assert ran.stdout.splitlines() == offered


def test_a_dash_is_standard_output_and_no_file_of_that_name() -> None:
    assert parse(["plan", "-o", "json=-", "-o", "text=./-"], {}).output == (("json", None), ("text", "./-"))
    assert "only one output can go to standard output" in wrong("plan -o json=- -o text")
