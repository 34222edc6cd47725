from pathlib import Path
from typing import Any

import pytest

from reconciler.files.load import Loaded, load, merge
from reconciler.files.tree import AccountFiles, SourceFile, Tree, read_tree
from reconciler.model.desired import CommandRef, Declared, EnvRef, External, FileRef, Generated, Limits, PskRef, Window
from reconciler.model.problems import Location
from tests.build import ACCOUNT_ID, TODAY

ACCOUNT = f"account_id: {ACCOUNT_ID}\nprune: true\n"
BASE = "name: a, cloudflare_endpoint: 203.0.113.1, interface_address: 10.0.0.0/31, psk: external"


def texts(text: str, account: str = ACCOUNT) -> Loaded:
    own = SourceFile("t/prod/account.yaml", account.encode())
    return load(
        Tree((AccountFiles("prod", "t/prod", own, (SourceFile("t/prod/eu/a.yaml", text.encode()),)),), ()), TODAY
    )


def one(more: str, head: str = "", account: str = ACCOUNT) -> Declared:
    loaded = texts(f"{head}tunnels:\n  - {{{BASE}{more and ', ' + more}}}\n", account)
    assert [str(d) for d in loaded.diagnostics] == []
    return loaded.desired[0].tunnels["a"]


def test_a_tunnel_alone_has_the_apis_defaults():
    assert dict(one("").settings) == {
        "name": "a",
        "cloudflare_endpoint": "203.0.113.1",
        "interface_address": "10.0.0.0/31",
        "replay_protection": False,
        "automatic_return_routing": False,
        "health_check.enabled": True,
        "health_check.rate": "mid",
        "health_check.type": "reply",
    }


@pytest.mark.parametrize(
    ("more", "path", "value"),
    [
        ("description: on", "description", "on"),
        ("description: 010", "description", "010"),
        ("description: 1:30", "description", "1:30"),
        ("description: 2026-01-01", "description", "2026-01-01"),
        ("description: 1_000", "description", "1_000"),
        ("description: true", "description", "true"),
        ("description: ~", "description", None),
        ("description: '~'", "description", "~"),
        ("replay_protection: TRUE", "replay_protection", True),
        ("bgp: {customer_asn: 4294967294}", "bgp.customer_asn", 4294967294),
        ("bgp: {customer_asn: 1, md5_key: 0123}", "bgp.md5_key", "0123"),
        ("bgp: {customer_asn: 1, md5_key: {env: LON_MD5}}", "bgp.md5_key", EnvRef("LON_MD5")),
        ("bgp: {customer_asn: 1, md5_key: {file: ../keys/a}}", "bgp.md5_key", FileRef("t/prod/keys/a")),
        ("bgp: {customer_asn: 1, export_filter_id: 12}", "bgp.export_filter_id", "12"),
        ("bgp: {customer_asn: 1, extra_prefixes: [10.1.0.0/16, 10.0.0.0/16]}", "bgp.extra_prefixes",
         ("10.0.0.0/16", "10.1.0.0/16")),
        ("interface_address6: 'FD00:0::/127'", "interface_address6", "fd00::/127"),
        ("health_check: {type: request, target: 192.0.2.1}", "health_check.target.saved", "192.0.2.1"),
        ("health_check: {type: request, target: {saved: 192.0.2.1}}", "health_check.target.saved", "192.0.2.1"),
        ("health_check: {direction: bidirectional}", "health_check.direction", "bidirectional"),
    ],
)  # fmt: skip
def test_a_value_is_typed_by_its_field(more: str, path: str, value: Any):
    assert one(more).settings.get(path) == value


@pytest.mark.parametrize(
    ("psk", "key", "days"),
    [
        ("external", External(), None),
        ("{env: A_1}", EnvRef("A_1"), None),
        ("{file: ../keys/a}", FileRef("t/prod/keys/a"), None),
        ("{file: /run/a}", FileRef("/run/a"), None),
        ("{command: [pass, 010]}", CommandRef(("pass", "010"), "t/prod/eu"), None),
        ("{generate: true, deliver_to: {file: a}}", Generated("local", FileRef("t/prod/eu/a")), None),
        ("{generate: true, deliver_to: {file: a}, rotate_after: 90d}", Generated("local", FileRef("t/prod/eu/a")), 90),
        ("{generate: true, deliver_to: {file: a}, rotate_after: 90}", Generated("local", FileRef("t/prod/eu/a")), 90),
        ("{generate: true, deliver_to: {file: a}, rotate_after: 2w}", Generated("local", FileRef("t/prod/eu/a")), 14),
        (
            "{generate: cloudflare, deliver_to: {command: [vault]}}",
            Generated("cloudflare", CommandRef(("vault",), "t/prod/eu")),
            None,
        ),
    ],
)
def test_every_form_of_a_key_reference(psk: str, key: PskRef, days: int | None):
    loaded = texts(f"tunnels:\n  - {{{BASE.replace('psk: external', f'psk: {psk}')}}}\n")
    tunnel = loaded.desired[0].tunnels["a"]
    assert (tunnel.psk, tunnel.rotate_after_days, loaded.diagnostics) == (key, days, ())


def test_defaults_merge_key_by_key_and_lists_replace():
    account = ACCOUNT + "defaults: {bgp: {customer_asn: 1, extra_prefixes: [10.0.0.0/8]}, description: account}\n"
    head = "defaults: {bgp: {md5_key: file}, description: file}\n"
    settings = one("bgp: {extra_prefixes: [10.9.0.0/16]}", head, account).settings
    assert (settings["bgp.customer_asn"], settings["bgp.extra_prefixes"]) == (1, ("10.9.0.0/16",))
    assert (settings["bgp.md5_key"], settings["description"]) == ("file", "file")


@pytest.mark.parametrize(
    ("more", "path", "value"),
    [
        ("description: null", "description", None),
        ("health_check: null", "health_check.rate", "mid"),
        ("health_check: {rate: }", "health_check.rate", "mid"),
        ("bgp: ~", "bgp.customer_asn", None),
    ],
)
def test_null_removes_what_is_inherited(more: str, path: str, value: Any):
    head = "defaults: {description: x, health_check: {rate: high, type: request}, bgp: {customer_asn: 1}}\n"
    assert one(more, head).settings.get(path) == value


@pytest.mark.parametrize(
    "more",
    [
        "bgp: null, health_check: null, custom_remote_identities: null, customer_endpoint: null",
        "health_check: {enabled: null, rate: null, type: null, direction: null, target: null}",
        "health_check: {target: {saved: null}}, replay_protection: null, protect: null, renamed_from: null",
    ],
)
def test_null_is_nothing_where_nothing_is_inherited(more: str):
    assert one(more)._replace(locate=None) == one("")._replace(locate=None)


@pytest.mark.parametrize(
    ("own", "key"),
    [
        ("", FileRef("t/prod/keys/a")),
        ("bgp: {customer_asn: 2}", FileRef("t/prod/keys/a")),
        ("bgp: {md5_key: {env: LON_MD5}}", EnvRef("LON_MD5")),
        ("bgp: {md5_key: {file: a}}", FileRef("t/prod/eu/a")),
        ("bgp: {md5_key: the key}", "the key"),
        ("bgp: {md5_key: null}", None),
    ],
)
def test_a_tunnels_own_md5_key_replaces_an_inherited_one_as_a_whole(own: str, key: Any):
    account = ACCOUNT + "defaults: {bgp: {customer_asn: 1, md5_key: {file: keys/a}}}\n"
    tunnel = one(own, "", account)
    assert tunnel.settings.get("bgp.md5_key") == key
    assert dict(tunnel.references) == ({} if key is None or isinstance(key, str) else {"bgp.md5_key": key})


@pytest.mark.parametrize(
    ("key", "code", "summary"),
    [
        ("{command: [pass, a]}", "unknown-key", '"command" can\'t stand in md5_key'),
        ("{generate: true}", "unknown-key", '"generate" can\'t stand in md5_key'),
        ("{evn: LON_MD5}", "unknown-key", "an unknown key in md5_key"),
        ("{env: lon-md5}", "bad-variable", "this is not the name of an environment variable"),
        ("{env: A, file: b}", "bad-reference", "a reference that does not say one place"),
        ("{}", "bad-reference", "a reference that does not say one place"),
        ("external", "bad-reference", "external can't stand here"),
        ("{env: CLOUDFLARE_API_TOKEN}", "bad-reference", "CLOUDFLARE_API_TOKEN holds a token, which is not an MD5 key"),
        ("[a]", "bad-md5-key", "this is not an MD5 key that Cloudflare takes"),
        ("why?", "bad-md5-key", "this is not an MD5 key that Cloudflare takes"),
    ],
)
def test_what_an_md5_key_can_not_be(key: str, code: str, summary: str):
    (problem,) = texts(f"tunnels:\n  - {{{BASE}, bgp: {{customer_asn: 1, md5_key: {key}}}}}\n").diagnostics
    assert (problem.code, problem.summary) == (code, summary)


def test_null_gives_no_required_field():
    loaded = texts("tunnels: [{name: a, cloudflare_endpoint: ~, interface_address: 10.0.0.0/31, psk: external}]")
    assert [d.code for d in loaded.diagnostics] == ["missing-field"]


def test_null_in_the_accounts_defaults_is_nothing():
    account = ACCOUNT + "defaults: {bgp: null, health_check: {rate: null}}\n"
    assert one("", "", account).settings == one("").settings


def test_merging_changes_neither_side():
    base, over = {"a": {"b": 1}}, {"a": {"c": 2, "b": None}}
    assert merge(base, over) == {"a": {"c": 2}}
    assert (base, over) == ({"a": {"b": 1}}, {"a": {"c": 2, "b": None}})


def test_the_place_of_a_tunnel_is_where_its_item_begins():
    text = f"# c\ntunnels:\n- {{{BASE}}}\n\n-\n   name: b\n   cloudflare_endpoint: 203.0.113.1\n"
    loaded = texts(text + "   interface_address: 10.0.0.2/31\n")
    places = [t.location for t in loaded.desired[0].tunnels.values()]
    assert places == [Location("t/prod/eu/a.yaml", 3, 3), Location("t/prod/eu/a.yaml", 6, 4)]


def test_a_tunnel_keeps_what_is_said_about_it():
    tunnel = one("renamed_from: 010, protect: true")
    assert (tunnel.renamed_from, tunnel.protect) == ("010", True)


def test_an_account_with_everything():
    account = ACCOUNT + (
        "token: {env: T}\nremoved: [x, 010]\nprotect: [y]\npaused: {reason: freeze}\nparking: 10.255.0.0/24\n"
        "limits: {max_deletes: 1}\nignore: [{name: z, reason: r, fields: [bgp], until: 2027-01-31}]\n"
    )
    (own,) = texts("tunnels: []\n", account).accounts
    assert (own.name, own.account_id, own.prune, own.token_env) == ("prod", ACCOUNT_ID, True, "T")
    assert (dict(own.removed)["010"], list(own.protect)) == (Location("t/prod/account.yaml", 4, 14), ["y"])
    assert (own.paused, own.parking, own.limits) == ("freeze", "10.255.0.0/24", Limits(1, 30, 100))
    (rule,) = own.ignore
    assert (rule.name, rule.fields, rule.reason, str(rule.until)) == ("z", ("bgp",), "r", "2027-01-31")


def test_keys_of_an_account_may_be_empty():
    empty = "token:\nremoved:\nprotect:\npaused:\nparking:\nlimits:\nignore:\ndefaults:\n"
    loaded = texts("tunnels: []\n", ACCOUNT + empty)
    assert (loaded.accounts, loaded.diagnostics) == (texts("tunnels: []\n").accounts, ())


def test_none_declared_on_purpose_is_valid():
    loaded = texts("tunnels: []\n")
    assert (dict(loaded.desired[0].tunnels), loaded.diagnostics) == ({}, ())


def test_problems_of_the_tree_are_told_too():
    tree = read_tree(Path("/nowhere/at/all"))
    assert load(tree, TODAY).diagnostics == tree.diagnostics


def test_an_account_that_could_not_be_read_still_has_its_files_checked():
    files = (SourceFile("a.yaml", b"tunnels: [{nam: x}]"),)
    loaded = load(Tree((AccountFiles("prod", ".", None, files),), ()), TODAY)
    assert "unknown-key" in {d.code for d in loaded.diagnostics}


def test_without_the_accounts_file_a_tunnel_is_blamed_only_for_what_it_can_inherit_from_nobody():
    own = AccountFiles("p", "tunnels/p", None, (SourceFile("t.yaml", b"tunnels: [{bgp: {}, psk: external}]\n"),))
    found = load(Tree((own,), ()), TODAY).diagnostics
    assert [d.summary for d in found] == ['"interface_address" is missing', '"name" is missing']


def test_an_alias_counts_where_it_is_used():
    text = f"tunnels:\n  - &a {{{BASE}}}\n  - {{<<: *a, name: b, interface_address: 10.0.0.2/31, "
    text += "bgp: {customer_asn: x}}\n"
    assert [str(d.location) for d in texts(text).diagnostics] == ["t/prod/eu/a.yaml:3:75"]


def test_the_sample_estate_is_clean():
    loaded = load(read_tree(Path(__file__).parents[1] / "estate"), TODAY)
    assert [str(d) for d in loaded.diagnostics] == []
    assert {d.account.name: len(d.tunnels) for d in loaded.desired} == {"lab": 2, "prod": 7}


def test_names_are_compared_in_one_form():
    loaded = texts(
        "tunnels:\n"
        "  - {name: 'cafe\u0301 ', cloudflare_endpoint: 203.0.113.1, interface_address: 10.0.0.0/31, psk: external,"
        " renamed_from: ' ole\u0301'}\n",
        f"{ACCOUNT}removed: ['go\u0301ne']\nprotect: [\"cafe\u0301\"]\nignore: [{{name: 'app\u0301-*', reason: x}}]\n",
    )
    (desired,) = loaded.desired
    assert [(key, t.name, t.settings["name"], t.renamed_from) for key, t in desired.tunnels.items()] == [
        ("caf\xe9", "caf\xe9", "caf\xe9", "ol\xe9")
    ]
    assert (list(desired.account.removed), list(desired.account.protect)) == (["g\xf3ne"], ["caf\xe9"])
    assert desired.account.ignore[0].name == "ap\u1e55-*"


def test_windows_are_minutes_of_days_by_the_clocks_of_a_zone():
    text = "windows:\n  - {days: [sun, fri, sun], from: 22:00, to: '4:30', zone: Europe/London}\n"
    text += "  - {days: [mon], from: '00:00', to: 24:00, zone: UTC}\n"
    loaded = texts("tunnels: []\n", ACCOUNT + text)
    assert loaded.diagnostics == ()
    assert loaded.accounts[0].windows == (
        Window((4, 6), 1320, 270, "Europe/London"),
        Window((0,), 0, 1440, "UTC"),
    )
    assert texts("tunnels: []\n").accounts[0].windows == ()
