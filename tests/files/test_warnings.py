"""Warnings of what Cloudflare's guides rule out, at their exact place. All that is not named here is fine."""

import pytest

from tests.files.test_consistency import (
    ACCOUNT,
    ACCOUNT_CASES,
    FILE_CASES,
    TUNNEL_CASES,
    a,
    files,
    found,
    texts,
    tunnel,
    two_accounts,
    with_unknown_keys,
    with_unread,
)

CODES = """
bad-account-id bad-address bad-age bad-date bad-identity bad-md5-key bad-owned-name bad-prefix bad-prefix-length
bad-reference bad-variable duplicate-account duplicate-identity duplicate-name empty-value expired-rule
glued-comment host-bits ignored-and-declared literal-psk literal-token long-name missing-field
more-problems no-age no-psk not-a-host not-in-defaults not-owned not-public nothing-declared odd-name out-of-range
overlapping-network public-interface removed-and-declared rename-claimed-twice rename-cycle rename-to-itself
reserved-asn same-endpoint-pair same-endpoints second-address similar-name target-ignored target-is-own-side
unknown-field unknown-key unknown-value unread-file wrong-type
"""
REQUEST = "{type: request, direction: unidirectional, target: %s}"


def inner(text: str) -> tuple[str, ...]:
    return a(interface_address=text)


GUIDES = [
    (inner("10.0.0.0/30"), "5:24 warning not-a-host"),
    (inner("10.0.0.3/30"), "5:24 warning not-a-host"),
    (inner("172.16.0.7/30"), "5:24 warning not-a-host"),
    (inner("172.32.0.0/31"), "5:24 warning public-interface"),
    (inner("192.0.2.0/31"), "5:24 warning public-interface"),
    (inner("169.254.239.1/30"), "5:24 warning public-interface"),
    (a(interface_address6="2001:db8::1/127"), "6:25 warning second-address"),
    (a(interface_address6="2001:DB8::FFFF/127"), "6:25 warning second-address"),
    *(
        (a(**{path: address}), f"{line} warning not-public")
        for path, line in (("cloudflare_endpoint", "3:26"), ("customer_endpoint", "4:24"))
        for address in (
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.1.1",
            "127.0.0.1",
            "224.0.0.5",
            "239.255.255.255",
            "0.0.0.0",  # noqa: S104 - nothing is bound to it
            "fd00::1",
            "FE80::1",
            "::1",
            "ff02::1",
            '"::"',
            "::ffff:10.0.0.1",
        )
    ),
    (a(customer_endpoint="203.0.113.1"), "4:24 warning same-endpoints"),
    (a(cloudflare_endpoint="2001:db8:0::1", customer_endpoint="2001:DB8::1"), "4:24 warning same-endpoints"),
    *(
        (a(bgp=f"{{customer_asn: {asn}}}"), "6:25 warning reserved-asn")
        for asn in (0, 13335, 23456, 65535, 65552, 131071, 4294967295)
    ),
    (a(health_check="{target: 192.0.2.9}"), "6:28 warning target-ignored"),
    (a(health_check="{type: reply, direction: unidirectional, target: 192.0.2.9}"), "6:68 warning target-ignored"),
    (
        a(health_check="{type: request, direction: bidirectional, target: {saved: 192.0.2.9}}"),
        "6:69 warning target-ignored",
    ),
    (a(health_check=REQUEST % "10.0.1.0"), "6:70 warning target-is-own-side"),
    (a(health_check=REQUEST % "203.0.113.1"), "6:70 warning target-is-own-side"),
    (
        a(interface_address6="fd00::/127", health_check=REQUEST % "'fd00:0::'"),
        "7:70 warning target-is-own-side",
    ),
    (a(description="rack #7"), "6:23 warning glued-comment"),
    (a(description="rack 4  #7 # why"), "6:26 warning glued-comment"),
    (a(description="#7"), "6:18 warning glued-comment"),
    (a(description="7 #8"), "6:20 warning glued-comment"),
    (a(description="büro #7"), "6:23 warning glued-comment"),
    (a(description="&x rack #7"), "6:26 warning glued-comment"),
    (a(description="rack\n      two #7"), "7:11 warning glued-comment"),
    (a(name="a #b"), "2:13 warning glued-comment"),
    (a(renamed_from="b #c"), "6:21 warning glued-comment"),
    (a(psk="{file: keys/a #1\n    }"), "6:24 warning glued-comment"),
    (a(psk="{command: [pass, show #1\n    ]}"), "6:32 warning glued-comment"),
    (a(bgp="{customer_asn: 1, md5_key: a #b\n    }"), "6:39 warning glued-comment"),
    (a(bgp="\n      md5_key: a #b\n      customer_asn: 1 #c"), "7:18 warning glued-comment"),
    ((tunnel("lon-a", 1), tunnel("Lon-A", 2)), "7:11 warning similar-name"),
    ((tunnel("gross", 1), tunnel("GROSS", 2), tunnel("x", 3)), "7:11 warning similar-name"),
    (a(psk="{env: A, rotate_after: 90d}"), "6:33 warning no-age"),
    (a(psk="{file: a.key, rotate_after: 90d}"), "6:38 warning no-age"),
    (a(psk="{command: [pass], rotate_after: 90d}"), "6:42 warning no-age"),
    (a(psk="{generate: true, deliver_to: {command: [pass]}, rotate_after: 90d}"), "6:72 warning no-age"),
]

FINE = [
    inner("10.0.0.1/30"),
    inner("10.0.0.2/30"),
    inner("10.0.0.1/31"),
    inner("172.31.255.254/31"),
    inner("192.168.0.0/31"),
    inner("169.254.240.0/31"),
    inner("169.254.255.254/31"),
    a(interface_address6="2001:db8::2/127"),
    *(
        a(customer_endpoint=address)
        for address in (
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.9",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "169.253.0.1",
            "192.169.0.1",
            "198.18.0.1",
            "223.255.255.255",
            "2001:db8::1",
            "2606:4700::1",
            "::ffff:198.51.100.1",
        )
    ),
    *(
        a(bgp=f"{{customer_asn: {asn}}}")
        for asn in (1, 13334, 13336, 64496, 64512, 65534, 65536, 65551, 131072, 4200000000, 4294967294)
    ),
    a(health_check=REQUEST % "192.0.2.9"),
    a(health_check=REQUEST % "10.0.1.1"),
    a(health_check=REQUEST % "198.51.100.1"),
    a(health_check="{type: request, target: 192.0.2.9}"),
    a(health_check="{direction: bidirectional}"),
    a(health_check="{type: reply, target: ''}"),
    (tunnel("lon-a", 1), tunnel("lon-b", 2)),
    a(description="rack # 7"),
    a(description="rack#7"),
    a(description="rack ## 7"),
    a(description="rack #"),
    a(description="'rack' #7"),
    a(description="'rack #7'"),
    a(description="|\n      rack #7"),
    a(description="''\n    #name: b"),
    a(interface_address="10.0.1.0/31 #own"),
    a(replay_protection="true #yes"),
    a(psk="external #why"),
    a(psk="{generate: true, deliver_to: {file: a.key}, rotate_after: 90d}"),
    a(psk="{generate: cloudflare, deliver_to: {file: a.key}, rotate_after: 90d}"),
    a(psk="{generate: cloudflare, deliver_to: {command: [pass]}, rotate_after: 90d}"),
    a(bgp="{customer_asn: 1} #why"),
]


@pytest.mark.parametrize(("tunnels", "expected"), GUIDES)
def test_what_the_guides_rule_out_is_warned_of_at_its_place(tunnels: tuple[str, ...], expected: str):
    assert found(files(*tunnels)) == ["a.yaml:" + expected]


@pytest.mark.parametrize("tunnels", FINE)
def test_nothing_else_is_warned_of(tunnels: tuple[str, ...]):
    assert found(files(*tunnels)) == []


def test_all_is_told_of_one_tunnel():
    wrong = {
        "customer_endpoint": "203.0.113.1",
        "interface_address": "192.0.2.0/30",
        "health_check": "{direction: bidirectional, target: 192.0.2.0}",
    }
    assert found(files(*a(**wrong))) == [
        "a.yaml:4:24 warning same-endpoints",
        "a.yaml:5:24 warning not-a-host",
        "a.yaml:5:24 warning public-interface",
        "a.yaml:6:54 warning target-ignored",
        "a.yaml:6:54 warning target-is-own-side",
    ]


DEFAULTS = "cloudflare_endpoint: 10.1.1.1, bgp: {customer_asn: 13335}, health_check: {target: {saved: 192.0.2.9}}"
TWO = (tunnel("a", 1, cloudflare_endpoint=""), tunnel("b", 2, cloudflare_endpoint=""))
THREE = [
    "warning not-public",
    "warning reserved-asn",
    "warning target-ignored",
]


def test_a_default_is_warned_of_once_and_where_it_stands():
    columns = ("33", "63", "94")
    loaded = files(*TWO, head=f"defaults: {{{DEFAULTS}}}\n")
    assert found(loaded) == [f"a.yaml:1:{c} {what}" for c, what in zip(columns, THREE, strict=True)]
    loaded = files(*TWO, account=f"{ACCOUNT}defaults: {{{DEFAULTS}}}\n")
    assert found(loaded) == [f"account.yaml:3:{c} {what}" for c, what in zip(columns, THREE, strict=True)]


def test_what_a_tunnel_has_instead_of_a_default_is_warned_of_there():
    loaded = files(tunnel("a", 1, bgp="{customer_asn: 0}"), head="defaults: {bgp: {customer_asn: 65010}}\n")
    assert found(loaded) == ["a.yaml:7:25 warning reserved-asn"]


@pytest.mark.parametrize(
    ("head", "bgp", "place"),
    [
        ("defaults: {bgp: {customer_asn: 65010}, description: &x AS0}\n", "{<<: {customer_asn: 0}}", "7:15"),
        ("defaults: {bgp: &x {customer_asn: 0}}\n", "*x", "7:10"),
    ],
)
def test_what_comes_through_an_alias_or_a_merge_is_told_where_it_is_used(head: str, bgp: str, place: str):
    assert found(files(*a(bgp=bgp), head=head)) == [f"a.yaml:{place} warning reserved-asn"]


def test_a_comment_glued_to_a_text_of_an_account_is_warned_of():
    account = (
        ACCOUNT + "protect: [x, a #b\n]\nremoved:\n- y #z\n#- z\nignore:\n- {name: v, reason: w}  #x\n- name: q #r\n"
    )
    assert found(files(*a(), account=account + "  reason: s #t\n")) == [
        f"account.yaml:{place} warning glued-comment" for place in ("3:16", "6:5", "10:11", "11:13")
    ]


def test_a_comment_that_may_be_a_key_is_not_shown():
    (problem,) = files(*a(bgp="{customer_asn: 1, md5_key: hunter2 #hunter3\n    }")).diagnostics
    assert "hunter" not in str(problem)


def test_a_warning_says_what_to_do():
    (problem,) = files(*inner("10.0.0.4/30")).diagnostics
    assert str(problem) == (
        'a.yaml:5:24: warning: "10.0.0.4/30" is the network address of its /30. No host can have it. '
        "Write Cloudflare's side: 10.0.0.5/30 or 10.0.0.6/30. [not-a-host]"
    )


def test_both_places_of_names_that_differ_in_case_are_shown():
    (problem,) = files(tunnel("lon-a", 1), tunnel("LON-A", 2)).diagnostics
    assert str(problem) == (
        'a.yaml:7:11: warning: the name "LON-A" differs from another one in case only. "lon-a" at a.yaml:2:11 is '
        "another tunnel. Is one of them a slip? [similar-name]"
    )


def test_every_code_is_produced():
    tunnels = [t for t, _ in TUNNEL_CASES + GUIDES]
    runs = [files(*t) for t in tunnels] + [files(*a(), account=t) for t, _ in ACCOUNT_CASES]
    runs += [texts({"a.yaml": t}) for t, _ in FILE_CASES]
    runs += [two_accounts(), with_unknown_keys(10_001), with_unread("lon.yaml~")]
    assert {d.code for run in runs for d in run.diagnostics} == {*CODES.split()}
