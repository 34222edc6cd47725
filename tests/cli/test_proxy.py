"""Proxies that can't be used, and the password in a proxy's URL."""

import pytest

from tests.cli.world import World, tunnel

NO_OTHER = dict.fromkeys(
    ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")
)
API = ("--base-url", "https://127.0.0.1:9")
IN_URL = "pr0xy-S3cret%2F%2B%C3%A4"
PASSWORD = "pr0xy-S3cret/+ä"  # noqa: S105 - the same, decoded
HEADER = "dXNlcjpwcjB4eS1TM2NyZXQvK8Ok"  # what the proxy gets: user and password in base64


@pytest.mark.parametrize("argv", [["plan"], ["apply", "--auto-approve"], ["drift"], ["psk", "status"]], ids=str)
@pytest.mark.parametrize(
    ("variable", "url", "why"),
    [
        ("HTTPS_PROXY", f"socks5://user:{IN_URL}@127.0.0.1:9", "It is a SOCKS proxy, which is not supported."),
        ("https_proxy", f"http://user:{IN_URL}@127.0.0.1:port", "It is not the URL of a proxy"),
        ("ALL_PROXY", f"gopher://user:{IN_URL}@127.0.0.1:9", "Its scheme is neither http nor https."),
    ],
)
def test_a_proxy_that_can_not_be_used_is_named(
    world: World, argv: list[str], variable: str, url: str, why: str
) -> None:
    world.declare(tunnel(1))
    ran = world.bare(*argv, *API, "-o", "json", env={**NO_OTHER, variable: url})
    assert (ran.code, ran.json["outcome"]) == (1, "error")
    (problem,) = [d for d in ran.json["diagnostics"] if d["severity"] == "error"]
    assert (problem["code"], problem["summary"]) == ("bad-proxy", f"the proxy in {variable} can't be used")
    assert problem["detail"].startswith(why)
    assert "pr0xy" not in ran.out + ran.err


def test_the_sandbox_needs_no_proxy(world: World) -> None:
    world.declare(tunnel(1))
    assert world.bare("plan", "--sandbox=box.json", env={**NO_OTHER, "ALL_PROXY": "socks5://127.0.0.1:9"}).code == 0


@pytest.mark.parametrize("shape", [IN_URL, PASSWORD, HEADER])
def test_the_password_of_a_proxy_is_hidden_wherever_it_is_repeated(world: World, shape: str) -> None:
    world.declare(tunnel(1))
    env = {**NO_OTHER, "HTTPS_PROXY": f"http://user:{IN_URL}@127.0.0.1:9"}
    ran = world.bare("plan", "--account", f"a {shape} b", env=env)
    assert ran.code == 64
    assert "*** b' in tunnels" in ran.err
    assert shape not in ran.err
