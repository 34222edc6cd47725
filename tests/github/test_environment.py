"""The secret RECONCILER_ENV: what reaches the tool, what is masked, and what is refused without being shown."""

import re

import pytest

from tests.github.step import Step, report

ALL = """\
# tokens, one for each account
LAB_TOKEN=lab-token-0123456789

FAR_TOKEN=far token = 100%25 "x" #1\r
_A_PSK= psk with blanks around\x20\x20
"""
WARNING = (
    "::warning title=The secret RECONCILER_ENV::"
    "Line 5: its value has quotes or blanks around it, which are taken as part of it."
)
NAMES = ["LAB_TOKEN", "FAR_TOKEN", "_A_PSK", "RECONCILER_ENV"]


@pytest.mark.parametrize("command", ["plan", "apply", "drift", "psk"])
def test_each_line_is_a_variable_of_the_tool_and_literal(step: Step, command: str) -> None:
    step.answers(**{command: {"code": 0, "report": report(command, "ok"), "env": NAMES}})
    assert step(command, account="prod", RECONCILER_ENV=ALL).code == 0
    assert step.got() == {
        "LAB_TOKEN": "lab-token-0123456789",
        "FAR_TOKEN": 'far token = 100%25 "x" #1',
        "_A_PSK": " psk with blanks around  ",
        "RECONCILER_ENV": None,
    }


def test_each_value_is_masked_before_anything_else_is_said(step: Step) -> None:
    step.answers(plan={"code": 0, "report": report("plan", "ok")})
    assert step("plan", RECONCILER_ENV=ALL).log.splitlines()[:6] == [
        "::add-mask::lab-token-0123456789",
        '::add-mask::far token = 100%2525 "x" #1',
        "::add-mask:: psk with blanks around  ",
        "::add-mask::psk with blanks around",
        WARNING,
        "::group::reconciler plan",
    ]


@pytest.mark.parametrize(
    ("value", "odd"),
    [
        ('"in-quotes"', True),
        ("'in-quotes'", True),
        ("blank-after ", True),
        ("\tblank-before", True),
        ('"half-a-pair', False),
        ("a-'quote'-inside", False),
        ("no blanks around", False),
    ],
)
def test_a_value_with_quotes_or_blanks_around_it_is_taken_as_it_is_and_doubted(
    step: Step, value: str, *, odd: bool
) -> None:
    step.answers(plan={"code": 0, "report": report("plan", "ok"), "env": ["A_PSK"]})
    done = step("plan", RECONCILER_ENV=f"A_PSK={value}")
    assert (step.got(), "::warning title=The secret RECONCILER_ENV::Line 1: " in done.log) == ({"A_PSK": value}, odd)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet"])
def test_a_secret_that_holds_nothing_changes_nothing(step: Step, text: str) -> None:
    step.answers(plan={"code": 0, "report": report("plan", "ok")})
    done = step("plan", RECONCILER_ENV=text)
    assert (done.code, done.log.splitlines()[0]) == (0, "::group::reconciler plan")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("hidden-without-a-name", "it is not NAME=value"),
        ("LAB_TOKEN: hidden-after-a-colon", "it is not NAME=value"),
        ("export LAB_TOKEN=hidden-to-export", "it is not NAME=value"),
        (" LAB_TOKEN=hidden-set-in", "it is not NAME=value"),
        ("LAB_TOKEN =hidden-behind-a-blank", "it is not NAME=value"),
        ("lab_token=hidden-of-a-small-name", "it is not NAME=value"),
        ("1ST_TOKEN=hidden-of-a-number", "it is not NAME=value"),
        ("LÄB_TOKEN=hidden-of-an-umlaut", "it is not NAME=value"),
        ("CLOUDFLARE_API_TOKEN=hidden-given-twice", "its variable is set already"),
        ("FIRST=hidden-given-twice", "its variable is set already"),
        ("LAB_TOKEN=hidden1", "its value has fewer than 8 characters"),
        ("LAB_TOKEN=  hidden1  ", "its value has fewer than 8 characters"),
        ("LAB_TOKEN=", "its value has fewer than 8 characters"),
        ("#", "the comment says nothing"),
        ("### #", "the comment says nothing"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_never_shown(step: Step, line: str, why: str) -> None:
    step.answers(apply={"code": 0, "report": report("apply", "ok")})
    done = step("apply", account="prod", RECONCILER_ENV=f"FIRST=first-value\n\n{line}\nLAST=last-value\n")
    assert done.code == 64
    assert f"::error title=The secret RECONCILER_ENV::Line 3: {why}" in done.log
    shown = re.sub(r"^::add-mask::.*$", "", done.log, flags=re.MULTILINE)
    assert not re.search("hidden|first|last|LAB|lab", shown)
    assert not step.stub.with_suffix(".log").exists()


def test_all_wrong_lines_are_told_at_once_and_the_good_ones_masked(step: Step) -> None:
    done = step("plan", RECONCILER_ENV="GOOD=good-value\nno-name\nPATH=/somewhere\n")
    assert [line[:54] for line in done.log.splitlines()] == [
        "::add-mask::good-value",
        "::error title=The secret RECONCILER_ENV::Line 2: it is",
        "::error title=The secret RECONCILER_ENV::Line 3: its n",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "IFS", "ENV", "BASH_ENV", "BASHOPTS", "SHELLOPTS", "SECONDS", "TMOUT", "TMPDIR", "LC_ALL"),
        *("LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "GLIBC_TUNABLES", "OPENSSL_CONF", "SSLKEYLOGFILE", "SSL_CERT_FILE"),
        *("PYTHONPATH", "PYTHON_GIL", "NODE_OPTIONS", "GIT_SSH_COMMAND", "PIP_INDEX_URL", "XDG_STATE_HOME"),
        *("GITHUB_TOKEN", "GITHUB_OUTPUT", "RUNNER_TEMP", "ACTIONS_RUNTIME_TOKEN"),
        *("RECONCILER_BASE_URL", "RECONCILER_ENV", "RECONCILER_COMMAND"),
    ],
)
def test_a_name_that_steers_the_runner_or_the_tool_is_refused(step: Step, name: str) -> None:
    done = step("plan", RECONCILER_ENV=f"{name}=/a/value/of/somebody")
    assert done.code == 64
    assert "Line 1: its name is one that steers" in done.log


@pytest.mark.parametrize("name", ["VAULT_TOKEN", "VAULT_ADDR", "AWS_SECRET_ACCESS_KEY", "GH_TOKEN", "HTTPS_PROXY"])
def test_what_a_secret_store_or_the_network_needs_is_taken(step: Step, name: str) -> None:
    step.answers(plan={"code": 0, "report": report("plan", "ok"), "env": [name]})
    assert step("plan", GH_TOKEN="", RECONCILER_ENV=f"{name}=some-secret-value").code == 0
    assert step.got() == {name: "some-secret-value"}


def test_a_check_of_the_files_alone_gets_nothing(step: Step) -> None:
    step.answers(validate={"code": 0, "report": report("validate", "ok"), "env": ["LAB_TOKEN"]})
    assert step("validate", RECONCILER_ENV=ALL).code == 0
    assert step.got() == {"LAB_TOKEN": None}
