"""One line of the table is all that a setting needs: nothing can forget one, and no line can lose a word unseen."""

from typing import Any, NamedTuple

import pytest

from reconciler.model.settings import canonical, nested, update_body
from reconciler.model.tunnel import SETTINGS, severity_of
from reconciler.plan.diff import Change, diff
from reconciler.plan.scope import scope
from tests.build import desired, live, options, raw, settings, tunnel


class Row(NamedTuple):
    """What is right for a setting, said here a second time.

    Attributes:
        one: A value in the API's form.
        two: Another.
        same: The first in another spelling of the same meaning.
        unset: What counts when nothing is said.
        cleared: What an update sends when the files do not say it any more; None where it leaves the setting out.
        impact: What changing it can do.
        severity: How bad it is when it drifts.
    """

    one: Any
    two: Any
    same: Any
    unset: Any
    cleared: Any
    impact: str
    severity: str


FQDN = "{}.1.custom.ipsec.cloudflare.com"
ROWS = {
    path: Row(*row)
    for path, row in {
        "name": ("\xe9", "b", "e\u0301 ", None, None, "none", "cosmetic"),
        "cloudflare_endpoint": ("2001:db8::1", "203.0.113.2", "2001:DB8:0::1", None, None, "traffic", "traffic"),
        "customer_endpoint": ("2001:db8::1", "203.0.113.2", "2001:DB8:0::1", None, "", "traffic", "traffic"),
        "interface_address": ("10.0.0.0/31", "10.0.0.2/31", "10.0.0.0/31 ", None, None, "traffic", "traffic"),
        "interface_address6": ("2001:db8::/127", "2001:db8::2/127", "2001:DB8:0::/127", None, "", "traffic", "traffic"),
        "description": ("one", "two", " one\n", None, "", "none", "cosmetic"),
        "replay_protection": (False, True, None, False, False, "traffic", "security"),
        "automatic_return_routing": (False, True, None, False, False, "traffic", "traffic"),
        "custom_remote_identities.fqdn_id": (
            FQDN.format("a"),
            FQDN.format("b"),
            FQDN.format("a") + " ",
            None,
            "",
            "traffic",
            "security",
        ),
        "health_check.enabled": (True, False, None, True, True, "traffic", "traffic"),
        "health_check.rate": ("mid", "high", "MID", "mid", "mid", "none", "cosmetic"),
        "health_check.type": ("reply", "request", "Reply", "reply", "reply", "traffic", "traffic"),
        "health_check.direction": (
            "unidirectional",
            "bidirectional",
            "Unidirectional",
            None,
            "bidirectional",
            "traffic",
            "traffic",
        ),
        "health_check.target.saved": ("2001:db8::1", "192.0.2.2", "2001:DB8:0::1", None, "", "traffic", "traffic"),
        "bgp.customer_asn": (65010, 65011, "65010", None, None, "traffic", "traffic"),
        "bgp.extra_prefixes": (
            ["10.1.0.0/16"],
            ["10.2.0.0/16"],
            ["10.1.2.3/16", "10.1.0.0/16"],
            None,
            [],
            "traffic",
            "traffic",
        ),
        "bgp.md5_key": ("one", "one ", "one", None, None, "traffic", "security"),
        "bgp.import_filter_id": ("one", "two", "one ", None, "", "traffic", "traffic"),
        "bgp.export_filter_id": ("one", "two", "one ", None, "", "traffic", "traffic"),
    }.items()
}
REQUIRED = ("name", "cloudflare_endpoint", "interface_address")
KEPT = "health_check.direction"
SECRET = "bgp.md5_key"  # noqa: S105 - a path


def test_every_setting_has_a_row_here():
    assert list(ROWS) == list(SETTINGS)


def with_value(path: str, value: object) -> dict[str, Any]:
    """A tunnel in the API's form that has this value, and what that needs beside it."""
    *parents, leaf = path.split(".")
    whole = settings("a", interface_address="10.0.0.0/31")
    place = whole
    for parent in parents:
        place = place.setdefault(parent, {"customer_asn": 65010} if parent == "bgp" else {})
    place[leaf] = value
    return whole


def at(body: object, path: str) -> Any:
    for key in path.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def listed(path: str, value: object) -> dict[str, Any]:
    return raw("a") | with_value(path, value)


def changes(declared: dict[str, Any], observed: dict[str, Any]) -> tuple[Change, ...]:
    of = desired(tunnel(**declared, renamed_from=observed["name"]))
    return diff(scope(of, live(observed), options()).pairs)


@pytest.mark.parametrize("path", ROWS)
def test_a_setting_is_read_compared_sent_and_shown(path):
    row, observed = ROWS[path], listed(path, ROWS[path].one)
    (change,) = changes(with_value(path, row.two), observed)
    (field,) = change.fields
    assert field.path == path
    assert (field.before, field.after) == ((None, None) if path == SECRET else (row.one, row.two))
    assert field.sensitive == (path == SECRET)
    assert (change.impact, severity_of(path)) == (row.impact, row.severity)
    assert at(nested(change.target), path) == row.two
    assert at(update_body(observed, change.target), path) == row.two


@pytest.mark.parametrize("path", ROWS)
def test_another_spelling_is_not_a_difference(path):
    assert changes(with_value(path, ROWS[path].one), listed(path, ROWS[path].same)) == ()


@pytest.mark.parametrize("path", ROWS)
def test_what_counts_when_nothing_is_said(path):
    assert canonical(with_value(path, None)).get(path) == ROWS[path].unset


@pytest.mark.parametrize("path", [path for path in ROWS if path not in {*REQUIRED, KEPT, "bgp.customer_asn"}])
def test_a_setting_that_is_not_declared_any_more_is_cleared(path):
    row = ROWS[path]
    observed = listed(path, row.two)
    (change,) = changes(with_value(path, None), observed)
    assert [field.path for field in change.fields] == [path]
    assert at(update_body(observed, change.target), path) == row.cleared


def test_the_direction_of_a_health_check_stays_as_it_is_when_it_is_not_declared():
    declared, observed = with_value(KEPT, None), listed(KEPT, "bidirectional")
    assert changes(declared, observed) == ()
    (change,) = changes({**declared, "description": "new"}, observed)
    assert at(update_body(observed, change.target), KEPT) == "bidirectional"


def test_bgp_goes_as_a_whole_when_it_is_not_declared_any_more():
    observed = listed("bgp.customer_asn", 65010)
    (change,) = changes(settings("a", interface_address="10.0.0.0/31"), observed)
    assert [(field.path, field.after) for field in change.fields] == [("bgp", None)]
    assert "bgp" not in update_body(observed, change.target)
