"""What a message says to do, told of one slip in an account's file or in a file of tunnels."""

from datetime import date

import pytest
from pydantic_core import PydanticCustomError

from reconciler.files.load import load
from reconciler.files.tree import AccountFiles, SourceFile, Tree
from reconciler.model import checks

ACCOUNT = "account_id: 023e105f4ecef8ad9ca31a8372d0c353\nprune: true\n"
TUNNELS = """\
tunnels:
  - name: a
    cloudflare_endpoint: 203.0.113.1
    customer_endpoint: 198.51.100.1
    interface_address: 10.20.0.0/31
    psk: external
"""
LITERAL = "Whoever reads the repository knows it: replace the key, and write {env: NAME} or external instead."
PSK_KEYS = "It can hold env, file, command, generate, deliver_to, rotate_after."
GLUED = (
    "What begins with a # behind a blank is not part of the value. Put the text in quotes if it should be, "
    "else write a blank behind the #."
)


def messages(account: str = ACCOUNT, tunnels: str = TUNNELS) -> list[str]:
    """Each problem's place, summary and detail."""
    tree = Tree(
        (
            AccountFiles(
                "prod",
                ".",
                SourceFile("account.yaml", account.encode()),
                (SourceFile("a.yaml", tunnels.encode()),),
            ),
        ),
        (),
    )
    return [f"{d.location} {d.summary}. {d.detail}" for d in load(tree, date(2026, 12, 1)).diagnostics]


def test_a_missing_key_is_told_with_what_it_means() -> None:
    assert messages(account=ACCOUNT.replace("prune: true\n", "")) == [
        (
            'account.yaml:1:1 "prune" is missing. It is required: add it. Delete live tunnels that no file declares '
            "(true), or only report them (false)."
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "bgp",
            "bgp: 5",
            "a.yaml:7:10 a number where a mapping belongs. Write a mapping here, as in `bgp: {customer_asn: …}`.",
        ),
        (
            "bgp",
            "bgp: {customer_asn: 1, extra_prefixes: 10.9.0.0/16}",
            "a.yaml:7:44 text where a list belongs. Write a list here, as in `extra_prefixes: [10.9.0.0/16]`.",
        ),
        (
            "top",
            "- name: a",
            "a.yaml:1:1 a list where a mapping belongs. Write a mapping here, as in `tunnels: [{name: …}]`.",
        ),
        (
            "top",
            "tunnels: {a: {}}",
            "a.yaml:1:10 a mapping where a list belongs. Write a list here, as in `tunnels: [{name: …}]`.",
        ),
        ("top", "tunnels: [a]", "a.yaml:1:11 text where a mapping belongs. Write a mapping here, as in `- name: …`."),
    ],
)
def test_where_a_mapping_or_a_list_belongs_an_example_stands(old: str, new: str, expected: str) -> None:
    tunnels = f"{TUNNELS}    {new}\n" if old == "bgp" else f"{new}\n"
    assert messages(tunnels=tunnels) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("removed: a", "account.yaml:3:10 text where a list belongs. Write a list here, as in `removed: [a]`."),
        ("removed: '3'", "account.yaml:3:10 text where a list belongs. Write a list here, as in `removed: [3]`."),
        ("removed: 'a b'", "account.yaml:3:10 text where a list belongs. Write a list here, as in `removed: […]`."),
        (
            "limits: 3",
            (
                "account.yaml:3:9 a number where a mapping belongs. "
                "Write a mapping here, as in `limits: {max_deletes: …}`."
            ),
        ),
    ],
)
def test_an_account_s_example_is_made_of_what_was_written(line: str, expected: str) -> None:
    assert messages(account=f"{ACCOUNT}{line}\n") == [expected]


@pytest.mark.parametrize(
    ("psk", "expected"),
    [
        ("extern", f'a.yaml:6:10 a pre-shared key where a reference belongs. Did you mean "external"? {LITERAL}'),
        ("hunter2", f"a.yaml:6:10 a pre-shared key where a reference belongs. {LITERAL}"),
        ("{enviroment: X}", f'a.yaml:6:11 an unknown key in psk. Did you mean "env"? {PSK_KEYS}'),
        ("{hunter2: X}", f"a.yaml:6:11 an unknown key in psk. {PSK_KEYS}"),
    ],
)
def test_a_misspelt_reference_to_a_key_is_understood_and_no_key_is_told(psk: str, expected: str) -> None:
    assert messages(tunnels=TUNNELS.replace("external", psk)) == [expected]


def test_one_misspelt_key_of_an_account_is_one_error() -> None:
    assert messages(account=ACCOUNT.replace("prune", "purne")) == [
        (
            'account.yaml:2:1 unknown key "purne". Did you mean "prune"? Known here: account_id, token, prune, '
            "removed, protect, owns, paused, ignore, limits, parking, rollout, windows, defaults."
        )
    ]


@pytest.mark.parametrize("key", ["name", "cloudflare_endpoint", "interface_address", "psk", "tunnels"])
def test_one_misspelt_key_of_a_tunnel_is_one_error(key: str) -> None:
    (message,) = messages(tunnels=TUNNELS.replace(f"{key}:", f"{key}x:"))
    assert f'"{key}x"' in message or message.endswith(LITERAL)


def test_a_misspelt_key_beside_the_right_one_takes_nothing_away() -> None:
    found = messages(tunnels=f"tunnel: []\n{TUNNELS}    renamed_from: a\n")
    assert [message.split(" ")[0] for message in found] == ["a.yaml:1:1", "a.yaml:8:19"]


def test_a_place_for_anchors_is_told_of_defaults() -> None:
    assert messages(tunnels="x: &a {bgp: {customer_asn: 1}}\n" + TUNNELS) == [
        'a.yaml:1:1 unknown key "x". What tunnels share belongs below defaults. Known here: defaults, tunnels.'
    ]


def test_a_text_that_is_a_comment_alone_is_warned_of() -> None:
    assert messages(tunnels=f"{TUNNELS}    description: #1 site\n") == [
        f"a.yaml:7:18 a comment that may be meant as text. {GLUED}"
    ]


def test_a_comment_with_a_blank_or_behind_a_mapping_is_a_comment() -> None:
    assert messages(tunnels=f"{TUNNELS}    description: # none yet\n    bgp: #1\n      customer_asn: 65010\n") == []


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (
            "{days: [saturday], from: '22:00', to: '04:00', zone: UTC}",
            (
                'account.yaml:3:19 "saturday" is not one of the possible values. Did you mean "sat"? '
                "It can be mon or tue or wed or thu or fri or sat or sun."
            ),
        ),
        (
            "{days: [sat], from: '24:00', to: '04:00', zone: UTC}",
            'account.yaml:3:31 "24:00" is not a time of day. Write hours and minutes from 00:00 to 23:59, like 22:00.',
        ),
        (
            "{days: [sat], from: '22:00', to: '24:01', zone: UTC}",
            'account.yaml:3:44 "24:01" is not a time of day. Write hours and minutes from 00:00 to 24:00, like 22:00.',
        ),
        (
            "{days: [sat], from: '22:00', to: 22:00, zone: UTC}",
            (
                "account.yaml:3:11 from and to are the same time. "
                "It would never open. For the whole day write from 00:00 to 24:00."
            ),
        ),
        (
            "{days: [sat], from: '22:00', to: '04:00', zone: Europe/Lodnon}",
            (
                'account.yaml:3:59 "Europe/Lodnon" is not a time zone. Did you mean "Europe/London"? '
                "Write a name of the IANA time zone database, like Europe/London or UTC."
            ),
        ),
        (
            "{days: [sat], from: '22:00', to: '04:00', zone: London}",
            (
                'account.yaml:3:59 "London" is not a time zone. Did you mean "Europe/London"? '
                "Write a name of the IANA time zone database, like Europe/London or UTC."
            ),
        ),
        (
            "{days: [sat], from: '22:00', to: '04:00', zone: localtime}",
            (
                'account.yaml:3:59 "localtime" is not a time zone. '
                "Write a name of the IANA time zone database, like Europe/London or UTC."
            ),
        ),
        (
            "{days: [sat], from: '22:00', to: '04:00'}",
            'account.yaml:3:11 "zone" is missing. It is required: add it. Whose clock, by its name: Europe/London.',
        ),
        (
            "{days: [sat], to: '04:00', zone: UTC}",
            'account.yaml:3:11 "from" is missing. It is required: add it. When it opens, as 22:00.',
        ),
    ],
)
def test_what_is_wrong_with_a_window(window: str, expected: str) -> None:
    assert messages(account=f"{ACCOUNT}windows: [{window}]\n") == [expected]


@pytest.mark.parametrize("zone", ["Europe", "../../etc/passwd", "/etc/passwd", "right/UTC", "Europe/Lo\u0000ndon", ""])
def test_what_is_not_a_zone(zone: str) -> None:
    with pytest.raises(PydanticCustomError):
        checks.zone(zone)


def test_a_machine_without_zone_data_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("zoneinfo.available_timezones", set)
        found = messages(
            account=f"{ACCOUNT}windows: [{{days: [sat], from: '22:00', to: '23:00', zone: Europe/Nowhere}}]\n"
        )
    assert found == [
        (
            "account.yaml:3:59 this machine has no data on time zones. "
            "Install the package tzdata: that of the operating system, or that of Python."
        )
    ]


def test_windows_that_are_commented_out_are_an_error() -> None:
    assert messages(account=f"{ACCOUNT}windows:\n") == [
        "account.yaml:3:9 nothing where a list belongs. Write a list here, as in `windows: [{days: …}]`."
    ]
