"""One line of the table is all that a setting needs: nothing can forget one, and nothing lists them again."""

import pytest

from reconciler.model.settings import canonical, nested, update_body
from reconciler.model.tunnel import SETTINGS, WHOLE, Clear, Impact
from reconciler.plan.diff import diff
from reconciler.plan.scope import scope
from tests.build import desired, live, options, raw, settings, tunnel

# Two values of each setting, in the API's form; the table itself says the rest.
VALUES = {
    "name": ("a", "b"),
    "cloudflare_endpoint": ("203.0.113.1", "203.0.113.2"),
    "customer_endpoint": ("198.51.100.10", "198.51.100.11"),
    "interface_address": ("10.0.0.0/31", "10.0.0.2/31"),
    "interface_address6": ("2001:db8::/127", "2001:db8::2/127"),
    "description": ("one", "two"),
    "replay_protection": (False, True),
    "automatic_return_routing": (False, True),
    "custom_remote_identities.fqdn_id": ("a.1.custom.ipsec.cloudflare.com", "b.1.custom.ipsec.cloudflare.com"),
    "health_check.enabled": (True, False),
    "health_check.rate": ("mid", "high"),
    "health_check.type": ("reply", "request"),
    "health_check.direction": ("unidirectional", "bidirectional"),
    "health_check.target.saved": ("192.0.2.1", "192.0.2.2"),
    "bgp.customer_asn": (65010, 65011),
    "bgp.extra_prefixes": (["10.1.0.0/16"], ["10.2.0.0/16"]),
    "bgp.md5_key": ("one", "two"),
    "bgp.import_filter_id": ("one", "two"),
    "bgp.export_filter_id": ("one", "two"),
}


def test_every_setting_has_two_values_here():
    assert list(VALUES) == list(SETTINGS)


def with_value(path: str, value: object) -> dict[str, object]:
    """A tunnel in the API's form that has this value, and what that needs beside it."""
    parents, leaf = path.split(".")[:-1], path.rpartition(".")[2]
    tunnel = settings("a", interface_address="10.0.0.0/31")
    place = tunnel
    for parent in parents:
        place = place.setdefault(parent, {"customer_asn": 65010} if parent in WHOLE else {})
    place[leaf] = value
    return tunnel


def at(tunnel: dict[str, object], path: str) -> object:
    found: object = tunnel
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


@pytest.mark.parametrize("path", SETTINGS)
def test_a_setting_is_read_compared_sent_and_shown(path):
    one, two = VALUES[path]
    declared, observed = with_value(path, two), raw("a") | with_value(path, one)
    name = str(declared["name"])
    of = desired(tunnel(name, **{k: v for k, v in declared.items() if k != "name"}, renamed_from="a"))
    owned = scope(of, live(observed), options())
    (change,) = diff(owned.pairs)
    (field,) = change.fields
    assert field.path == path
    assert (field.before, field.after) == ((None, None) if SETTINGS[path].sensitive else (one, two))
    assert change.impact == (Impact.NONE if SETTINGS[path].impact is Impact.NONE else Impact.TRAFFIC)
    assert at(nested(change.target), path) == two
    assert at(update_body(observed, change.target), path) == two


@pytest.mark.parametrize("path", [path for path, s in SETTINGS.items() if not s.required and not s.kept])
def test_a_setting_that_is_not_declared_any_more_is_cleared(path):
    setting, observed = SETTINGS[path], raw("a") | with_value(path, VALUES[path][1])
    target = {p: v for p, v in canonical(observed).items() if p != path}
    if setting.default is not None:
        target[path] = setting.default
        expected = setting.default
    elif setting.clear is Clear.OMIT:
        expected = None
    else:
        expected = [] if isinstance(VALUES[path][1], list) else ""
    assert at(update_body(observed, target), path) == expected
