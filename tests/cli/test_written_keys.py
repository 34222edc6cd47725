"""Keys and tokens that stand in the files by mistake: refused, and shown in no format."""

import pytest

from tests.cli.test_leaks import FORMATS, HEAD
from tests.cli.world import ID, World

KEY = "Qw7hunter2xyz"
MISSPELT = ("pks", "spk", "psw", "p_sk", "sk", "ps", "pass", "auth", "ike", "sekret", "PSK", "shared", "k")
LINES = [
    *(f"{word}: {KEY}" for word in MISSPELT),
    *(f'"{word}": "{KEY}"' for word in ("pks", "auth")),
    f"pks:\n      {KEY}",
    f"pks: |\n      {KEY}",
    f"pks: [{KEY}]",
    f"health_check: {{rate: mid, pks: {KEY}, type: reply}}",
    f"health_check:\n      {{rate: mid,\n      pks:\n      {KEY}}}",
    f"pks: {KEY}: x",
    f"pks: 'a {KEY}",
    f"psk: !{KEY} x",
    f"psk: *{KEY}",
    f"psk: &{KEY}",
    f"psk: #{KEY}",
    f"psk: '{KEY}' # {KEY}",
    f"psk: @{KEY}",
    f"psk: %{KEY}",
    f"psk: |{KEY}",
    f"psk: ? {KEY}",
    f"colour: red # {KEY}",
]


@pytest.mark.parametrize("line", LINES)
def test_a_key_in_a_tunnel_file_is_refused_and_not_shown(world: World, line: str) -> None:
    world.account()
    world.write("tunnels/prod/a.yaml", f"{HEAD}    {line}\n    nope: 1\n")
    for name in FORMATS:
        ran = world.run("validate", "-o", name, "-v")
        assert (ran.code, KEY in ran.out + ran.err) == (3, False)


@pytest.mark.parametrize("word", ["tokne", "toekn", "api_tokn", "token", "auth"])
@pytest.mark.parametrize("value", [KEY, f"!{KEY} x", f"*{KEY}", f"[{KEY}]", f"{{value: {KEY}}}"])
def test_a_token_in_an_account_file_is_refused_and_not_shown(world: World, word: str, value: str) -> None:
    world.write("tunnels/prod/account.yaml", f"account_id: {ID}\nprune: true\n{word}: {value}\n")
    world.write("tunnels/prod/a.yaml", HEAD)
    for name in FORMATS:
        ran = world.run("validate", "-o", name, "-v")
        assert (ran.code, KEY in ran.out + ran.err) == (3, False)
