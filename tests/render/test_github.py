import re
from dataclasses import replace

import pytest

from reconciler.model.problems import Location, error, warning
from reconciler.render import render
from tests.render.payloads import PAYLOADS
from tests.render.samples import (
    BLOCKED,
    DRIFT,
    INVALID,
    LON_A,
    LON_B,
    NO_CHANGES,
    OLD_SITE,
    PARTIAL,
    PLAN,
    account,
)
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
        (PLAN, ["warning", "warning", "notice", "notice", "notice"]),
        (BLOCKED, ["error", "warning", "error"]),
        (PARTIAL, ["error", "error", "notice", "notice", "error"]),
        (DRIFT, ["warning", "warning", "warning", "notice", "notice"]),
        (INVALID, ["error", "error", "warning", "error"]),
    ],
)
def test_the_gravest_come_first_and_the_verdict_is_as_grave_as_the_run(report: object, ranks: list[str]) -> None:
    shown = render(report, "github")  # type: ignore[arg-type]
    assert [re.findall(r"::(\w+) ", line)[0] for line in shown.splitlines()] == ranks


def test_ten_of_each_rank_are_shown_and_the_last_counts_the_rest() -> None:
    problems = [warning("w", "W", "x", Location("a", i)) for i in range(10)]
    problems += [error("e", "E", "x", Location("a", i)) for i in range(18)]
    shown = render(replace(INVALID, diagnostics=tuple(problems)), "github")
    titles = re.findall(r"^::(\w+) .*title=(\w+)::", shown, re.MULTILINE)
    assert titles == [("error", "e")] * 8 + [("error", "More")] + [("warning", "w")] * 10 + [("error", "Verdict")]
    assert "::error title=More::… and 10 more; the job summary has them.\n" in shown


def test_all_deletes_are_named_in_one_warning_that_nothing_hides() -> None:
    deletes = tuple(replace(OLD_SITE, name=f"old-site-{n}") for n in range(200))
    problems = tuple(warning("w", "W", "x", Location("a", i)) for i in range(50))
    report = replace(PLAN, accounts=(account(changes=(LON_B, *deletes)),), diagnostics=problems)
    names = ", ".join(f"old-site-{n}" for n in range(200))
    assert render(report, "github").splitlines()[0] == f"::warning title=delete 200 tunnels::{names}"


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_no_payload_makes_a_command_or_a_property(payload: str) -> None:
    def shape(text: str) -> list[list[str]]:
        return [command(line) for line in render(hostile(text, "plan"), "github").splitlines()]

    assert shape(payload) == shape("ordinary")


def test_a_change_says_that_it_can_interrupt_traffic() -> None:
    risky = replace(LON_A, impact="traffic")
    shown = render(replace(PLAN, accounts=(replace(PLAN.accounts[0], changes=(risky,)),)), "github")
    assert "health_check.rate: mid -> high, can interrupt traffic" in shown
