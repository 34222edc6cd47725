"""What a change does to others than its tunnel is told in every format: to static routes, and to the device."""

from dataclasses import replace

import pytest

from reconciler.plan.diff import FieldChange
from reconciler.render import Format, render
from reconciler.report.values import ChangeReport, Report
from tests.render.samples import LON_A, OLD_SITE, account

DEVICE = "he device at the other end must follow: customer_endpoint"
ROUTES = "akes away the next hop of static routes to 10.1.0.0/16, 10.2.0.0/16"
FORMATS = ["text", "markdown", "html", "github"]


def report(*changes: ChangeReport) -> Report:
    return Report(command="plan", outcome="ok", sandbox=False, accounts=(account(changes=changes),))


@pytest.mark.parametrize("form", FORMATS)
def test_an_update_says_what_the_device_must_follow(form: Format) -> None:
    assert DEVICE in render(report(replace(LON_A, device=("customer_endpoint",))), form)
    assert "must follow" not in render(report(LON_A), form)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_delete_names_the_prefixes_of_routes(form: Format) -> None:
    assert ROUTES in render(report(replace(OLD_SITE, routes=("10.1.0.0/16", "10.2.0.0/16"))), form)
    many = tuple(f"10.{n}.0.0/16" for n in range(1, 21))
    assert "10.8.0.0/16 and 12 more" in render(report(replace(OLD_SITE, routes=many)), form)


def test_the_table_of_a_comment_counts_the_routes() -> None:
    shown = render(report(replace(OLD_SITE, routes=("10.1.0.0/16", "10.2.0.0/16"))), "markdown")
    assert "| ⚠️ traffic, 2 static routes |" in shown


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
@pytest.mark.parametrize("after", [["198.51.100.9"] * 4, [f"198.51.100.{n}" for n in range(4)]], ids=["all", "field"])
def test_of_updates_that_are_alike_it_is_told_once(form: Format, after: list[str]) -> None:
    changes = [
        replace(
            LON_A,
            name=f"t{number}",
            id=f"{number:032x}",
            fields=(FieldChange("customer_endpoint", "198.51.100.200", value),),
            device=("customer_endpoint",),
        )
        for number, value in enumerate(after)
    ]
    assert render(report(*changes), form).count(DEVICE) == 1


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_what_takes_routes_away_is_told_alone(form: Format) -> None:
    changes = [replace(LON_A, name=f"t{n}", id=f"{n:032x}", routes=(f"10.{n}.0.0/16",)) for n in range(4)]
    shown = render(report(*changes), form)
    assert [f"static routes to 10.{n}.0.0/16" in shown for n in range(4)] == [True] * 4
