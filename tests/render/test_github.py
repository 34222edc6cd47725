import re

import pytest

from reconciler.model.problems import Location, error, warning
from reconciler.render import render
from tests.render.payloads import PAYLOADS
from tests.render.samples import BLOCKED, DRIFT, INVALID, LON_A, NO_CHANGES, PARTIAL, PLAN, replace
from tests.render.test_markdown import hostile


def command(line: str) -> list[str]:
    """The command's name and its properties' names, as a runner reads them."""
    _, head, _ = line.split("::", 2)
    name, _, properties = head.partition(" ")
    return [name, *(pair.partition("=")[0] for pair in properties.split(","))]


def test_problems_stand_on_their_lines() -> None:
    assert (
        "::error file=tunnels/prod/london.yaml,line=4,col=5,title=unknown-key::"
        "Unknown key. `nmae` is not a key of a tunnel; did you mean `name`?" in render(INVALID, "github").splitlines()
    )


def test_no_changes_is_only_the_headline() -> None:
    assert render(NO_CHANGES, "github") == "::notice title=Verdict::No changes. Live tunnels match the files.\n"


@pytest.mark.parametrize(
    ("report", "ranks"),
    [
        (PLAN, ["notice"] * 5),
        (BLOCKED, ["error", "notice", "notice", "notice"]),
        (PARTIAL, ["error", "error", "notice", "notice", "notice"]),
        (DRIFT, ["warning", "warning", "warning", "notice", "notice"]),
        (INVALID, ["error", "error", "warning", "notice"]),
    ],
)
def test_the_gravest_come_first(report: object, ranks: list[str]) -> None:
    shown = render(report, "github")  # type: ignore[arg-type]
    assert [re.findall(r"::(\w+) ", line)[0] for line in shown.splitlines()] == ranks


def test_nine_are_shown_and_the_rest_is_counted() -> None:
    problems = [warning("w", "W", "x", Location("a", i)) for i in range(5)]
    problems += [error("e", "E", "x", Location("a", i)) for i in range(18)]
    lines = render(replace(INVALID, diagnostics=tuple(problems)), "github").splitlines()
    assert len(lines) == 11
    assert all(line.startswith("::error ") for line in lines[:9])
    assert lines[9] == "::error title=More::… and 14 more; the job summary has them."


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_no_payload_makes_a_command_or_a_property(payload: str) -> None:
    def shape(text: str) -> list[list[str]]:
        return [command(line) for line in render(hostile(text, "plan"), "github").splitlines()]

    assert shape(payload) == shape("ordinary")


def test_a_change_says_that_it_can_interrupt_traffic() -> None:
    risky = replace(LON_A, impact="traffic")
    shown = render(replace(PLAN, accounts=(replace(PLAN.accounts[0], changes=(risky,)),)), "github")
    assert "health_check.rate, can interrupt traffic" in shown
