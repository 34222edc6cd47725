"""Every code that files can get, at its exact place."""

from datetime import date

import pytest

from reconciler.files.load import Loaded, load
from reconciler.files.tree import AccountFiles, SourceFile, Tree, Unread
from reconciler.model.account import AccountFile
from reconciler.model.desired import FileRef
from reconciler.model.tunnel import Tunnel

TODAY = date(2026, 5, 4)
ID = "023e105f4ecef8ad9ca31a8372d0c353"
ACCOUNT = f"account_id: {ID}\nprune: true\n"


def tunnel(label: str, number: int, **more: str) -> str:
    """One item of a list of tunnels, each field on a line of its own: name is the first, psk the last."""
    fields = {
        "name": label,
        "cloudflare_endpoint": "203.0.113.1",
        "customer_endpoint": f"198.51.100.{number}",
        "interface_address": f"10.0.{number}.0/31",
        **more,
    }
    fields.setdefault("psk", "external")
    return "  - " + "\n    ".join(f"{k}: {v}" for k, v in fields.items() if v) + "\n"


def files(*tunnels: str, account: str = ACCOUNT, head: str = "") -> Loaded:
    """Loads one account with one file; `head` stands above the list."""
    return texts({"a.yaml": head + "tunnels:\n" + "".join(tunnels)}, account)


def texts(sources: dict[str, str], account: str = ACCOUNT) -> Loaded:
    """Loads one account from the texts of its files."""
    read = tuple(SourceFile(name, text.encode()) for name, text in sources.items())
    return load(Tree((AccountFiles("prod", ".", SourceFile("account.yaml", account.encode()), read),), ()), TODAY)


def found(loaded: Loaded) -> list[str]:
    """Each problem as place, severity and code."""
    return [f"{d.location} {d.severity} {d.code}" for d in loaded.diagnostics]


def a(**more: str) -> tuple[str, ...]:
    return (tunnel("a", 1, **more),)


TUNNEL_CASES = [
    (a(psk="{env: ~}"), "6:10 error bad-reference"),
    (a(psk="{generate: true, deliver_to: ~}"), "6:10 error bad-reference"),
    (a(cloudflare_endpoint="203.0.113.01"), "3:26 error bad-address"),
    (a(cloudflare_endpoint="203.0.113.1/32"), "3:26 error bad-address"),
    (a(cloudflare_endpoint='""'), "3:26 error bad-address"),
    (a(customer_endpoint="2001:db8::g"), "4:24 error bad-address"),
    (a(customer_endpoint="fe80::1%eth0"), "4:24 error bad-address"),
    (a(interface_address="10.0.0.256/31"), "5:24 error bad-address"),
    (a(interface_address="10.0.0.0/29"), "5:24 error bad-prefix-length"),
    (a(interface_address="10.0.0.0/031"), "5:24 error bad-prefix-length"),
    (a(interface_address6="2001:db8::/126"), "6:25 error bad-prefix-length"),
    (a(interface_address6="10.0.0.0/31"), "6:25 error bad-address"),
    (a(health_check="{target: nowhere}"), "6:28 error bad-address"),
    (a(health_check="{target: {saved: nowhere}}"), "6:36 error bad-address"),
    (a(health_check="{rate: midd}"), "6:26 error unknown-value"),
    (a(health_check="{rat: mid}"), "6:20 error unknown-key"),
    (a(health_check="on"), "6:19 error wrong-type"),
    (a(replay_protection="yes"), "6:24 error wrong-type"),
    (a(replay_protection='"true"'), "6:24 error wrong-type"),
    (a(description="[a]"), "6:18 error wrong-type"),
    (a(custom_remote_identities="{fqdn_id: a.example.com}"), "6:41 error bad-identity"),
    (a(bgp="{customer_asn: 4294967296}"), "6:25 error out-of-range"),
    (a(bgp="{customer_asn: -1}"), "6:25 error wrong-type"),
    (a(bgp="{customer_asn: 1_000}"), "6:25 error wrong-type"),
    (a(bgp='{customer_asn: "65010"}'), "6:25 error wrong-type"),
    (a(bgp="{extra_prefixes: []}"), "6:10 error missing-field"),
    (a(bgp="{customer_asn: 1, extra_prefixes: [10.0.0.1/16]}"), "6:45 error host-bits"),
    (a(bgp="{customer_asn: 1, extra_prefixes: [10.0.0.0]}"), "6:45 error bad-prefix"),
    (a(bgp="{customer_asn: 1, md5_key: 'a?b'}"), "6:37 error bad-md5-key"),
    (a(bgp="{customer_asn: 1, md5_key: ''}"), "6:37 error bad-md5-key"),
    (a(psk="{env: A, file: b}"), "6:10 error bad-reference"),
    (a(psk="{rotate_after: 90d}"), "6:10 error bad-reference"),
    (a(psk="{generate: true}"), "6:10 error bad-reference"),
    (a(psk="{generate: true, deliver_to: {}}"), "6:39 error bad-reference"),
    (a(psk="{generate: true, deliver_to: {file: f.yaml}}"), "6:46 error bad-reference"),
    (a(psk="{generate: true, deliver_to: {file: ../KEYS.YML}}"), "6:46 error bad-reference"),
    (a(psk="{env: hunter2!}"), "6:16 error bad-variable"),
    (a(psk="{env: A, rotate_after: soon}"), "6:33 error bad-age"),
    (a(psk="{command: []}"), "6:20 error empty-value"),
    (a(psk="hunter2"), "6:10 error literal-psk"),
    (a(psk="", pks="hunter2"), "6:10 error literal-psk"),
    (a(psk="", pre_shared_key="hunter2"), "6:21 error literal-psk"),
    (a(psk="{hunter2}"), "6:11 error unknown-key"),
    (a(psk=""), "2:5 warning no-psk"),
    (a(nmae="b"), "6:5 error unknown-key"),
    (a(name="null"), "2:11 error wrong-type"),
    (a(name='""'), "2:11 error empty-value"),
    (a(cloudflare_endpoint=""), "2:5 error missing-field"),
    (a(interface_address=""), "2:5 error missing-field"),
    (a(interface_address="192.0.2.0/31"), "5:24 warning public-interface"),
    (a(name="sixteen-letters-"), "2:11 warning long-name"),
    (a(name="has space"), "2:11 warning odd-name"),
    (("  - lon-a\n",), "2:5 error wrong-type"),
    ((tunnel("a", 1), tunnel("a", 2)), "7:11 error duplicate-name"),
    ((tunnel("'a '", 1), tunnel("a", 2)), "7:11 error duplicate-name"),
    ((tunnel("|\n      a", 1), tunnel('"a"', 2)), "8:11 error duplicate-name"),
    (a(name='"\\u200b"'), "2:11 error empty-value"),
    (a(name="|\n     \n"), "2:11 error empty-value"),
    (a(renamed_from="'a '"), "6:19 error rename-to-itself"),
    ((tunnel("a", 1), tunnel("b", 2, interface_address="10.0.1.1/30")), "10:24 error overlapping-network"),
    (
        (tunnel("a", 1, interface_address6="fd00::/127"), tunnel("b", 2, interface_address6="FD00:0::0/127")),
        "12:25 error overlapping-network",
    ),
    (
        tuple(
            tunnel(n, i, custom_remote_identities="{fqdn_id: x.1.custom.ipsec.cloudflare.com}")
            for i, n in enumerate("ab")
        ),
        "12:41 error duplicate-identity",
    ),
    ((tunnel("a", 1), tunnel("b", 2, customer_endpoint="198.51.100.1")), "9:24 warning same-endpoint-pair"),
    (a(renamed_from="a"), "6:19 error rename-to-itself"),
    ((tunnel("a", 1, renamed_from="z"), tunnel("b", 2, renamed_from="z")), "12:19 error rename-claimed-twice"),
    ((tunnel("a", 1, renamed_from="b"), tunnel("b", 2, renamed_from="a")), "6:19 error rename-cycle"),
]

ACCOUNT_CASES = [
    (ACCOUNT + "removed: ['a ']\n", "account.yaml:3:11 error removed-and-declared"),
    ("account_id: 023E\nprune: true\n", "account.yaml:1:13 error bad-account-id"),
    (f"account_id: {ID}\n", "account.yaml:1:1 error missing-field"),
    (ACCOUNT + "token: v1.0-abc\n", "account.yaml:3:8 error literal-token"),
    (ACCOUNT + "parking: 10.0.0.0/32\n", "account.yaml:3:10 error bad-prefix"),
    (ACCOUNT + "limits: {max_delete_percent: 101}\n", "account.yaml:3:30 error out-of-range"),
    (ACCOUNT + "defaults: {name: x}\n", "account.yaml:3:12 error not-in-defaults"),
    (ACCOUNT + "defaults: {psk: external}\n", "account.yaml:3:12 error not-in-defaults"),
    (ACCOUNT + "tunnels: []\n", "account.yaml:3:1 error unknown-key"),
    (ACCOUNT + "paused: true\n", "account.yaml:3:9 error wrong-type"),
    (ACCOUNT + "ignore: [{name: x}]\n", "account.yaml:3:10 error missing-field"),
    (ACCOUNT + "ignore: [{name: x, reason: y, fields: []}]\n", "account.yaml:3:39 error empty-value"),
    (ACCOUNT + "ignore: [{name: x, reason: y, fields: [bpg]}]\n", "account.yaml:3:40 error unknown-field"),
    (ACCOUNT + "ignore: [{name: x, reason: y, until: 2026-02-30}]\n", "account.yaml:3:38 error bad-date"),
    (ACCOUNT + "ignore: [{name: x, reason: y, until: 2026-05-03}]\n", "account.yaml:3:10 warning expired-rule"),
    (ACCOUNT + "removed: [a]\n", "account.yaml:3:11 error removed-and-declared"),
    (ACCOUNT + "ignore: [{name: '[a-c]', reason: y}]\n", "a.yaml:2:11 error ignored-and-declared"),
    (ACCOUNT + "owns: []\n", "account.yaml:3:7 error empty-value"),
    (ACCOUNT + "owns:\n", "account.yaml:3:6 error wrong-type"),
    (ACCOUNT + "owns: a\n", "account.yaml:3:7 error wrong-type"),
    (ACCOUNT + "owns: [a, ~]\n", "account.yaml:3:11 error wrong-type"),
    *(
        (ACCOUNT + f"owns: [a, '{item}']\n", "account.yaml:3:11 error bad-owned-name")
        for item in ("*-a", "a*b", "a**", "a?", "[ab]*")
    ),
    (ACCOUNT + "owns: ['lon-*', b]\n", "a.yaml:2:11 error not-owned"),
    (ACCOUNT + "owns: ['A*', aa, 'aa*']\n", "a.yaml:2:11 error not-owned"),
    (ACCOUNT + "owns: [a]\nremoved: [b]\n", "account.yaml:4:11 error not-owned"),
    (ACCOUNT + "owns: [a]\nprotect: [b]\n", "account.yaml:4:11 error not-owned"),
]

FILE_CASES = [
    ("", "a.yaml:1:1 error nothing-declared"),
    ("# nothing\n", "a.yaml:1:1 error nothing-declared"),
    ("defaults: {description: x}\n", "a.yaml:1:1 error nothing-declared"),
    ("tunnels:\n", "a.yaml:1:1 error nothing-declared"),
    ("tunnels: {}\n", "a.yaml:1:10 error wrong-type"),
    ("- name: a\n", "a.yaml:1:1 error wrong-type"),
    ("tunnels: []\nbgp: {}\n", "a.yaml:2:1 error unknown-key"),
    ("tunnels: []\naccount_id: x\n", "a.yaml:2:1 error unknown-key"),
]


@pytest.mark.parametrize(("tunnels", "expected"), TUNNEL_CASES)
def test_a_wrong_tunnel_is_told_at_its_place(tunnels: tuple[str, ...], expected: str):
    assert found(files(*tunnels)) == ["a.yaml:" + expected]


@pytest.mark.parametrize(("account", "expected"), ACCOUNT_CASES)
def test_a_wrong_account_is_told_at_its_place(account: str, expected: str):
    assert found(files(*a(), account=account)) == [expected]


@pytest.mark.parametrize(("text", "expected"), FILE_CASES)
def test_a_wrong_file_is_told_at_its_place(text: str, expected: str):
    assert found(texts({"a.yaml": text})) == [expected]


def two_accounts(second: str = ACCOUNT) -> Loaded:
    read = [
        AccountFiles(n, n, SourceFile(f"{n}/account.yaml", t.encode()), (SourceFile(f"{n}/a.yaml", b"tunnels: []"),))
        for n, t in (("lab", ACCOUNT), ("prod", second))
    ]
    return load(Tree(tuple(read), ()), TODAY)


def test_an_account_id_stands_once():
    assert found(two_accounts()) == ["prod/account.yaml:1:13 error duplicate-account"]


def test_an_account_id_in_capitals_is_lowered_so_it_is_the_same_account():
    loaded = two_accounts(ACCOUNT.replace(ID, ID.upper()))
    assert found(loaded) == ["prod/account.yaml:1:13 error duplicate-account"]
    assert [account.account_id for account in loaded.accounts] == [ID, ID]


@pytest.mark.parametrize(
    "unseen",
    ["\u200b", "\u200d", "\u2060", "\ufeff", "\xad", "\u200f", "\u202e", "\u2066", "\u034f", "\ufe0f", "\u3164"],
)
def test_names_that_look_the_same_are_duplicates(unseen: str):
    loaded = files(tunnel("lon-a", 1), tunnel(f'"lon{unseen}-a"', 2))
    assert "a.yaml:7:11 error duplicate-name" in found(loaded)
    (problem,) = (d for d in loaded.diagnostics if d.code == "duplicate-name")
    assert "a.yaml:2:11 declares it already. They differ in characters that nobody sees" in problem.detail


def test_an_unseen_character_is_shown_and_warned_of():
    loaded = files(tunnel("lon-a", 1), tunnel('"lon-b\xad"', 2))
    assert [d.summary for d in loaded.diagnostics] == ['the name "lon-b\\xad" has special characters']


def test_a_line_end_of_a_block_is_no_part_of_a_name_or_path():
    block = "|\n      %s"
    (own,) = files(*a(name=block % "a", renamed_from=block % "b", psk=f"\n      file: {block % '  keys/a'}")).desired
    declared = own.tunnels["a"]
    assert (declared.name, declared.renamed_from, declared.psk) == ("a", "b", FileRef("keys/a"))


def with_unread(*names: str, text: str = "tunnels: []\n", account: str = ACCOUNT) -> Loaded:
    own, file = SourceFile("t/account.yaml", account.encode()), SourceFile("t/a.yaml", text.encode())
    unread = tuple(Unread(f"t/{name}", f"/repo/t/{name}") for name in names)
    return load(Tree((AccountFiles("default", "t", own, (file,), unread),), ()), TODAY)


def test_a_file_that_was_meant_to_be_read_is_an_error():
    (problem,) = with_unread("lon.yaml ").diagnostics
    assert str(problem) == (
        't/lon.yaml :1:1: error: "lon.yaml " is not read, but has a name like a file of tunnels. What is not read is '
        "not declared, and a tunnel that nobody declares may be deleted. Let its name end in .yaml, without a dot in "
        "front of it or of its folder, or move it out of the account's folder. [unread-file]"
    )


KEPT = ("keys/a.json", "keys/a.json.0123abcd.new", "keys/b.yaml.key", "keys/b.yaml.key.pending", "keys/b.yaml.key.json")


@pytest.mark.parametrize(
    "psk",
    [
        ("{file: keys/a}", "{generate: true, deliver_to: {file: ./keys/b.yaml.key}}"),
        ("{file: /repo/t/keys/a}", "{generate: cloudflare, deliver_to: {file: ../t/keys/b.yaml.key}}"),
    ],
)
def test_a_key_and_what_a_sink_keeps_beside_it_are_no_unread_files(psk: tuple[str, str]):
    text = "tunnels:\n" + tunnel("a", 1, psk=psk[0]) + tunnel("b", 2, psk=psk[1])
    assert found(with_unread(*KEPT, "keys/b.yaml.key.pending.0123abcd.new", text=text)) == []
    others = ("keys/c.json", "keys/a.yaml.json", "keys/b.yaml.key.bak", "b.yaml.key")
    assert found(with_unread(*others, text=text)) == [f"t/{name}:1:1 error unread-file" for name in sorted(others)]


@pytest.mark.parametrize(
    "text",
    [
        "tunnels:\n" + tunnel("a", 1, psk="{file: keys/a, of: b}"),
        "tunnels:\n" + tunnel("a", 1, bgp="{customer_asn: 1, md5_key: {file: keys/a, of: b}}"),
        "defaults: {bgp: {md5_key: {file: keys/a, of: b}}}\ntunnels: []\n",
        "tunnels: [x]\n",
        "tunnels: {}\n",
        "tunnels: [\n",
    ],
)
def test_nobody_is_told_to_move_a_record_while_the_reference_to_its_key_is_wrong(text: str):
    problems = found(with_unread("keys/a.json", "keys/a.json.0123abcd.new", "lon.yaml~", text=text))
    assert [p for p in problems if "unread-file" in p] == ["t/lon.yaml~:1:1 error unread-file"]
    assert len(problems) == 2


def test_nobody_is_told_so_while_the_reference_in_the_accounts_defaults_is_wrong():
    account = ACCOUNT + "defaults: {bgp: {md5_key: {file: keys/a, of: b}}}\n"
    problems = found(with_unread("keys/a.json", account=account))
    assert [p.rpartition(" ")[2] for p in problems] == ["unknown-key"]


def test_no_key_is_ever_shown():
    runs = [files(*t) for t, _ in TUNNEL_CASES]
    assert not [d for run in runs for d in run.diagnostics if "hunter2" in str(d)]


def test_all_problems_are_told_in_one_run_across_files():
    wrong = {
        "a.yaml": "tunnels:\n" + tunnel("a", 1, bgp="{customer_asn: x}") + tunnel("b", 2, psk="hunter2", bad="1"),
        "b.yaml": "tunnels:\n" + tunnel("a", 1, customer_endpoint="198.51.100.9"),
        "c.yaml": "tunnels: [\n",
    }
    assert found(texts(wrong, "account_id: x\n")) == [
        "a.yaml:6:25 error wrong-type",
        "a.yaml:12:10 error literal-psk",
        "a.yaml:13:5 error unknown-key",
        "account.yaml:1:1 error missing-field",
        "account.yaml:1:13 error bad-account-id",
        "b.yaml:2:11 error duplicate-name",
        "b.yaml:5:24 error overlapping-network",
        "c.yaml:1:11 error syntax",
    ]


def test_a_wrong_default_is_told_once_and_where_it_stands():
    head = "defaults: {cloudflare_endpoint: nowhere, bgp: {customer_asn: x}}\n"
    loaded = files(tunnel("a", 1, cloudflare_endpoint=""), tunnel("b", 2, cloudflare_endpoint=""), head=head)
    assert found(loaded) == ["a.yaml:1:33 error bad-address", "a.yaml:1:62 error wrong-type"]


def test_both_places_of_a_duplicate_are_shown():
    (problem,) = files(tunnel("a", 1), tunnel("a", 2)).diagnostics
    assert str(problem) == (
        'a.yaml:7:11: error: a second tunnel named "a". a.yaml:2:11 declares it already. '
        "Names are unique in an account: change one of them. [duplicate-name]"
    )


def test_a_misspelt_key_gets_a_suggestion():
    (problem,) = files(*a(custmer_endpoint="x")).diagnostics
    assert problem.summary == 'unknown key "custmer_endpoint"'
    assert problem.detail.startswith('Did you mean "customer_endpoint"? ')


def test_chains_of_renames_are_fine():
    assert found(files(tunnel("b", 1, renamed_from="a"), tunnel("c", 2, renamed_from="b"))) == []


def test_a_declared_former_name_is_fine():
    assert found(files(tunnel("b", 1, renamed_from="a"), tunnel("a", 2))) == []


def test_the_same_identity_on_another_endpoint_is_fine():
    identity = "{fqdn_id: x.1.custom.ipsec.cloudflare.com}"
    one = tunnel("a", 1, custom_remote_identities=identity)
    assert found(files(one, tunnel("b", 2, cloudflare_endpoint="203.0.113.2", custom_remote_identities=identity))) == []


def test_a_field_rule_may_match_a_declared_tunnel():
    account = ACCOUNT + "ignore: [{name: a, reason: y, fields: [health_check.rate], until: 2026-05-04}]\n"
    assert found(files(*a(), account=account)) == []


def test_more_tunnels_or_rules_than_a_file_can_hold_are_one_problem():
    assert found(texts({"a.yaml": "tunnels:\n" + "- {}\n" * 20_000})) == ["a.yaml:2:1 error out-of-range"]
    rules = "ignore:\n" + "- {name: b, reason: c}\n" * 1_001
    assert found(files(*a(), account=ACCOUNT + rules)) == ["account.yaml:4:1 error out-of-range"]


def with_unknown_keys(number: int) -> Loaded:
    return texts({"a.yaml": "tunnels: []\n" + "".join(f"k{i}: 1\n" for i in range(number))})


def test_what_is_not_told_of_a_file_is_counted():
    many = with_unknown_keys(60_000).diagnostics
    assert [d.code for d in many] == ["unknown-key"] * 100 + ["more-problems"]
    assert str(many[-1]) == (
        "a.yaml:102:7: error: 59,900 more problems in this file. "
        "Only the first are shown. Correct them, then look again. [more-problems]"
    )
    assert sum(len(str(d)) for d in many) < 20_000


def test_a_hundred_problems_are_all_told():
    assert [d.code for d in with_unknown_keys(100).diagnostics] == ["unknown-key"] * 100
    assert with_unknown_keys(101).diagnostics[-1].summary == "1 more problem in this file"


def test_problems_that_are_not_shown_of_the_text_and_of_its_rules_are_one_number():
    same = "".join(tunnel("a", 1) for _ in range(300))  # 299 names and 299 networks, and 299 pairs to warn of
    loaded = texts({"a.yaml": f"tunnels:\n{same}" + "".join(f"k{i}: 1\n" for i in range(300))})
    assert [(d.severity, d.summary) for d in loaded.diagnostics if d.code == "more-problems"] == [
        ("error", "798 more problems in this file"),
        ("warning", "199 more warnings in this file"),
    ]
    assert len(loaded.diagnostics) == 202


def test_no_more_than_a_thousand_problems_are_told_in_all_and_no_warning_hides_an_error():
    of_file = "tunnels:\n" + "".join(tunnel("a b", 1, bad="1") for _ in range(60))
    loaded = texts({f"f{number:02}.yaml": of_file for number in range(40)})
    told = {severity: [d for d in loaded.diagnostics if d.severity == severity] for severity in ("error", "warning")}
    assert [len(told["error"]), len(told["warning"])] == [1_000 + 11, 1_000 + 11]
    numbers = [sum(d.count for d in found) for found in told.values()]
    assert numbers == [40 * 60 + 2 * (40 * 60 - 1), 40 * 60 + 40 * 60 - 1]
    assert [str(d.summary) for d in loaded.diagnostics if d.location is None] == [
        "5,400 more problems in other files",
        "3,600 more warnings in other files",
    ]


def test_many_warnings_are_counted_too():
    loaded = files(*(tunnel(f"a{n:03}", n, psk="") for n in range(250)))
    assert [d.code for d in loaded.diagnostics] == ["no-psk"] * 100 + ["more-problems"]
    assert (loaded.diagnostics[-1].severity, loaded.diagnostics[-1].summary) == (
        "warning",
        "150 more warnings in this file",
    )


ANYTHING = (
    """~ '' x 5 '5' true [] [~] [[x]] {} {a:~} {env:~} {saved:[]} {reason:{}} {customer_asn:} [{name:a}] 1.2.3.4"""
)


@pytest.mark.parametrize("value", ANYTHING.split())
def test_whatever_stands_in_a_field_is_read_or_told_at_its_place(value: str):
    value = value.replace(":", ": ")
    for field in Tunnel.model_fields:
        item = tunnel("a", 1, **{field: value})
        line = next(n for n, text in enumerate(item.splitlines(), 2) if text.lstrip(" -").startswith(f"{field}:"))
        assert {d.location.line for d in files(item).diagnostics if d.severity == "error"} <= {2, line}
    for field in AccountFile.model_fields.keys() - {"account_id", "prune"}:
        loaded = files(*a(), account=f"{ACCOUNT}{field}: {value}\n")
        assert {d.location.line for d in loaded.diagnostics if d.severity == "error"} <= {3}


OWNED = ACCOUNT + "owns: ['lon-*', ' a ', 'e\u0301', 'o\u0308*']\n"


def test_what_is_owned_by_name_or_beginning_is_fine():
    names = ["lon-a", "lon-", "a", "\xe9", "\xf6-a"]
    loaded = files(
        *(tunnel(n, i, renamed_from="lon-old" if n == "a" else "") for i, n in enumerate(names)), account=OWNED
    )
    assert [line for line in found(loaded) if "odd-name" not in line] == []


def test_a_former_name_that_is_not_owned_is_told_at_its_line():
    (problem,) = files(tunnel("a", 1, renamed_from="par-a"), account=OWNED).diagnostics
    assert str(problem) == (
        'a.yaml:6:19: error: "par-a" is a former name and not owned. `owns` in account.yaml leaves it to other files. '
        "Add its name there, or take it out here. [not-owned]"
    )


def test_where_owns_itself_is_wrong_no_name_is_blamed():
    assert found(files(*a(), account=ACCOUNT + "owns: ['l*n']\n")) == ["account.yaml:3:8 error bad-owned-name"]
