from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.files.dump import Dumped, Layout, account_text, add_ignores, dump
from reconciler.files.load import Loaded, load
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model.checks import visible
from reconciler.model.live import Live, live_from_result
from reconciler.model.problems import Diagnostic
from reconciler.plan.scope import glob_of
from reconciler.yaml.screen import has_control
from tests.build import ACCOUNT_ID, TODAY, live, raw

ODD = [
    "on",
    "0123",
    "null",
    "~",
    " x ",
    "a: b",
    "a # b",
    "# a",
    "1:30",
    "2026-01-01",
    "- a",
    "é\u202e",
    "a\nb",
    "\t",
    "'\"\\",
]


def read_back(dumped: Dumped, account: str = "") -> Loaded:
    own = SourceFile("account.yaml", (account or account_text(ACCOUNT_ID, dumped.ignored, dumped.defaults)).encode())
    sources = tuple(SourceFile(name, text.encode()) for name, text in dumped.files.items())
    return load(Tree((AccountFiles("prod", ".", own, sources),), ()), TODAY)


def declared(loaded: Loaded) -> dict[str, Any]:
    return {name: dict(t.settings) for name, t in loaded.desired[0].tunnels.items()}


def errors(loaded: Loaded) -> list[str]:
    return [str(d) for d in loaded.diagnostics if d.severity == "error"]


def of(now: Live) -> dict[str, Any]:
    return {t.name: dict(t.settings) for t in now.tunnels.values()}


HEAD = (
    "# What is live at Cloudflare, written by `reconciler import`. Without this line, --force leaves the file alone.\n"
)


def test_a_plain_tunnel_is_written_without_what_is_the_default():
    now = live(raw("a", interface_address="10.0.0.0/31", replay_protection=False, health_check={"rate": "mid"}))
    assert dump(now).files == {
        "imported.yaml": HEAD
        + """tunnels:
  - name: a
    cloudflare_endpoint: 203.0.113.1
    customer_endpoint: 198.51.100.10
    interface_address: 10.0.0.0/31
    psk: external
"""
    }


def test_no_tunnel_is_an_empty_list_on_purpose():
    assert dump(live()).files == {"imported.yaml": HEAD + "tunnels: []\n"}


def test_nothing_is_written_beside_files_that_declare_all():
    assert dump(live("a"), declared={"a"}, beside=[SourceFile("x.yaml", b"tunnels: []")]).files == {}


def test_a_new_account_gets_what_most_of_its_tunnels_have():
    now = live(*(raw(f"t{i}", customer_endpoint=f"192.0.2.{i}", replay_protection=i != 4) for i in range(5)))
    dumped = dump(now)
    assert dumped.defaults == {"cloudflare_endpoint": "203.0.113.1", "replay_protection": True}
    assert "    replay_protection: false\n" in dumped.files["imported.yaml"]
    assert (errors(read_back(dumped)), declared(read_back(dumped))) == ([], of(now))


def test_an_account_that_is_there_keeps_its_defaults_and_files_get_their_own():
    account = f"account_id: {ACCOUNT_ID}\nprune: true\ndefaults: {{description: x}}\n"
    dumped = dump(live("a", "b"), SourceFile("account.yaml", account.encode()))
    assert dumped.defaults == {}
    assert dumped.files["imported.yaml"].startswith(
        HEAD
        + "defaults:\n  cloudflare_endpoint: 203.0.113.1\n  customer_endpoint: 198.51.100.10\n  description: null\n\n"
    )


@pytest.mark.parametrize("text", ODD)
def test_odd_text_reads_back_as_it_is(text: str):
    now = live(raw("a", description=text, bgp={"customer_asn": 0, "import_filter_id": text}), raw(f"n{text}"))
    dumped = dump(now)
    assert (dumped.ignored, errors(read_back(dumped)), declared(read_back(dumped))) == ({}, [], of(now))


def test_what_is_live_in_another_spelling_reads_back_equal():
    now = live(
        raw(
            "a",
            interface_address6="2001:DB8:0:0:0:0:0:0/127",
            health_check={"target": "2001:DB8::0", "direction": "Bidirectional", "type": None, "rate": "HIGH"},
            bgp={"customer_asn": 4294967295, "extra_prefixes": ["10.1.0.1/16", "10.0.0.0/16"], "md5_key": "a b#"},
            custom_remote_identities={"fqdn_id": ""},
        )
    )
    assert declared(read_back(dump(now))) == of(now)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"interface_address": "10.0.0.0/29"}, '"10.0.0.0/29" has no prefix length of 31 or 30'),
        ({"health_check": {"rate": "turbo"}}, '"turbo" is not one of the possible values'),
        ({"bgp": {"customer_asn": 1, "md5_key": "a?"}}, "this is not an MD5 key that Cloudflare takes"),
        (
            {"bgp": {"customer_asn": 1, "extra_prefixes": ["a\ud800"]}},
            "its text holds characters that no file can hold",
        ),
        ({"description": "a\ud800"}, "its text holds characters that no file can hold"),
    ],
)
def test_a_tunnel_that_breaks_a_rule_is_ignored_with_the_reason(fields: dict[str, Any], reason: str):
    dumped = dump(live(raw("a[1]", **fields), "b"))
    assert dumped.ignored == {"a[[]1]": reason}
    assert (errors(read_back(dumped)), list(declared(read_back(dumped)))) == ([], ["b"])


def test_a_character_that_no_file_can_hold_is_ignored():
    dumped = dump(live(raw("a\x00b"), raw("c", description="\x1b[0m"), raw("d")))
    assert [fnmatchcase("a\x00b", glob) for glob in dumped.ignored] == [True, False]
    assert errors(read_back(dumped)) == []


def test_the_rule_for_a_name_that_no_file_can_hold_spares_its_neighbours():
    spared = ["axb", "a?b", "aéb", "a\tb", "a\nb", "a\u2026b", "a\U0001f389b"]
    dumped = dump(live(*map(raw, ["a\x00b", "a\x1bb", "a\u2028b", "a\x85b", *spared])))
    assert len(dumped.ignored) == 1
    assert errors(read_back(dumped)) == []
    assert set(declared(read_back(dumped))) == set(spared)


def test_one_of_two_overlapping_tunnels_stays():
    dumped = dump(live(raw("a", interface_address="10.0.0.0/31"), raw("b", interface_address="10.0.0.1/30")))
    assert [*dumped.ignored] == ["b"]


def test_tunnels_are_written_over_the_defaults_of_an_existing_account():
    account = f"account_id: {ACCOUNT_ID}\nprune: true\ndefaults: {{description: x, health_check: {{rate: low}}}}\n"
    now = live("a", raw("b", description="x", health_check={"type": "request"}))
    dumped = dump(now, SourceFile("account.yaml", account.encode()))
    assert declared(read_back(dumped, account)) == of(now)


def test_what_is_ignored_removed_or_declared_elsewhere_is_left_out():
    account = f"account_id: {ACCOUNT_ID}\nprune: true\nremoved: [b]\nignore: [{{name: 'x-*', reason: y}}]\n"
    dumped = dump(live("a", "b", "c", "x-1"), SourceFile("account.yaml", account.encode()), {"c"})
    assert list(declared(read_back(dumped, account))) == ["a"]


def test_many_tunnels_go_into_files_that_can_be_read():
    now = live(*(raw(f"t{i}", description=f"{i}" + "x" * 5000) for i in range(250)))
    dumped = dump(now)
    assert [*dumped.files] == ["imported.yaml", "imported-2.yaml"]
    assert declared(read_back(dumped)) == of(now)


def test_a_new_account_deletes_nothing_and_explains_its_guards():
    assert (
        account_text(ACCOUNT_ID)
        == f"""# One Cloudflare account and how it is treated.
account_id: {ACCOUNT_ID}
token: {{env: CLOUDFLARE_API_TOKEN}}

# What happens to live tunnels that no file declares: with false they are only reported, with true they are deleted.
# Set it to true when the files are the whole truth.
prune: false

# A plan that goes beyond these limits is blocked until somebody means it.
limits:
  max_deletes: 3  # deletes that nobody named under `removed`
  max_delete_percent: 30  # the same, of the live tunnels
  max_change_percent: 100  # updates and deletes, of the live tunnels

# removed: [NAME]  # deletions that a commit means: the limits don't count them
# protect: [NAME]  # tunnels that are never deleted, even when their lines vanish
# owns: ["PREFIX*"]  # other repositories keep the rest: live tunnels without such a name are nobody's business here
# ignore: [{{name: "GLOB", reason: TEXT}}]  # tunnels that somebody else owns: they are never touched
# paused: {{reason: TEXT}}  # stops apply; plan and drift go on
"""
    )
    assert "\naccount_id: '1111" in account_text("1" * 32)


def test_a_new_account_says_what_is_ignored_and_what_is_common():
    text = account_text(ACCOUNT_ID, {"a": "it: breaks"}, {"health_check": {"rate": "low"}}, "# first\n")
    assert text.startswith("# first\n# One Cloudflare account")
    assert text.endswith("""
# Left alone: no file can declare them.
ignore:
  - name: a
    reason: 'can''t be declared: it: breaks'

# Under every tunnel; a file's own `defaults` go over them, and a tunnel's own lines over both.
defaults:
  health_check: {rate: low}
""")
    own = SourceFile("account.yaml", text.encode())
    found = load(Tree((AccountFiles("prod", ".", own, (SourceFile("t.yaml", b"tunnels: []"),)),), ()), TODAY)
    assert found.diagnostics == ()


RULES = {"a[!b, c]": "it: breaks", "\u2026": "also"}


@pytest.mark.parametrize(
    ("before", "kept"),
    [("prune: true", "prune: true\n"), ("# mine\nprune: true  # yes\n# end\n", "# mine\nprune: true  # yes\n# end\n")],
)
def test_rules_are_added_where_there_are_none(before: str, kept: str):
    assert add_ignores(SourceFile("account.yaml", before.encode()), RULES) == (
        f"{kept}ignore:\n"
        "  - name: a[!b, c]\n    reason: 'can''t be declared: it: breaks'\n"
        "  - name: …\n    reason: 'can''t be declared: also'\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "ignore: [{name: x, reason: y}]\n",
        "ignore:\nprune: true\n",
        "{prune: true}\n",
        "prune: true\n...\n",
        "'ignore': []\n",
    ],
)
def test_rules_are_shown_where_they_must_be_added_by_hand(text: str):
    refused = add_ignores(SourceFile("account.yaml", text.encode()), RULES)
    assert isinstance(refused, Diagnostic)
    assert refused.code == "ignore-by-hand"
    assert refused.detail.startswith(
        "Add these items to `ignore` by hand, then import again: {name: 'a[!b, c]', reason: "
    )
    assert refused.detail.endswith("}, {name: …, reason: 'can''t be declared: also'}")


def test_globs_match_names_literally():
    assert glob_of("a*?[b]\t") == "a[*][?][[]b]\t"


@pytest.mark.parametrize(
    "codes",
    [range(0x100), range(0x2020, 0x2030), range(0xD7F0, 0xE010), range(0xFFF0, 0x10010), range(0x10FFF0, 0x110000)],
)
def test_a_glob_matches_by_its_like_just_what_no_file_can_hold(codes: range):
    names = [chr(code) for code in codes]
    assert [name for name in names if not fnmatchcase(name, glob_of(name))] == []
    assert [name for name in names if fnmatchcase("\x01", glob_of(name))] == [
        name for name in names if has_control(name)
    ]


TEXT = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\ufffe\uffff"), max_size=12),
)
V4 = st.ip_addresses(v=4).map(str)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def enum(*words: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([*words, *(word.upper() for word in words), None])


TUNNEL = optional(
    description=TEXT,
    customer_endpoint=st.one_of(V4, st.ip_addresses(v=6).map(lambda a: a.exploded), st.just("")),
    replay_protection=st.sampled_from([True, False, None]),
    automatic_return_routing=st.booleans(),
    custom_remote_identities=st.sampled_from([{}, None, {"fqdn_id": ""}]),
    health_check=optional(
        enabled=st.booleans(),
        rate=enum("low", "mid", "high"),
        type=enum("reply", "request"),
        direction=enum("unidirectional", "bidirectional"),
        target=st.one_of(V4, st.just(""), st.none(), st.fixed_dictionaries({"saved": V4})),
    ),
    bgp=st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {"customer_asn": st.integers(0, 2**32 - 1)},
            optional={
                "extra_prefixes": st.lists(
                    st.tuples(V4, st.integers(0, 32)).map(lambda p: f"{p[0]}/{p[1]}"), max_size=3
                ),
                "md5_key": st.from_regex(r"\A[ !#-<=>@-~]{1,80}\Z"),
                "export_filter_id": TEXT,
            },
        ),
    ),
)


NAMES = st.one_of(TEXT, st.sampled_from(["lon-a", "lon-b", "LON_c", "par.1", "par.2", "account-1", "account-2"]))
ACCOUNTS = st.sampled_from(
    [
        "",
        "{}",
        "{description: x, health_check: {rate: low, direction: bidirectional, target: 192.0.2.1}}",
        "{customer_endpoint: 192.0.2.9, bgp: {customer_asn: 65000, extra_prefixes: [10.0.0.0/8]}}",
        "{bgp: {extra_prefixes: [10.0.0.0/8], md5_key: k}, custom_remote_identities: {fqdn_id: ''}}",
    ]
)


LAYOUTS = st.sampled_from([Layout(by_site=True), Layout(by_site=False)])


@settings(max_examples=150)
@given(st.dictionaries(NAMES.filter(lambda name: visible(name.strip())), TUNNEL, max_size=7), ACCOUNTS, LAYOUTS)
def test_what_is_written_reads_back_equal(tunnels: dict[str, dict[str, Any]], defaults: str, layout: Layout):
    items = [
        {"id": f"{i:032x}", "name": n, "cloudflare_endpoint": "203.0.113.1", "interface_address": f"10.0.{i}.1/30", **t}
        for i, (n, t) in enumerate(tunnels.items())
    ]
    now = live_from_result({"ipsec_tunnels": items})
    account = f"account_id: {ACCOUNT_ID}\nprune: true\ndefaults: {defaults}\n" if defaults else ""
    own = SourceFile("account.yaml", account.encode()) if account else None
    dumped = dump(now, own, layout=layout)
    back = read_back(dumped, account)
    assert (dumped.ignored, errors(back), declared(back)) == ({}, [], of(now))
