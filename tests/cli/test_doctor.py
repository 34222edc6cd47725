"""`doctor`: each of its lines when all is well and when it is not, and what it never does."""

from pathlib import Path

import pytest
from jsonschema import validate

from reconciler.cli import about
from reconciler.model.document import schema_of
from reconciler.model.scratch import MARKER
from reconciler.render import render
from reconciler.render.json import report_from_json
from reconciler.report.values import Report
from reconciler.simulator.message import Reply
from tests.cli.test_accounts import git
from tests.cli.test_proxy import IN_URL, NO_OTHER
from tests.cli.world import ID, OTHER_ID, TOKEN, Ran, World, tunnel

BGP = {"bgp": {"customer_asn": 65010}}
GIVE = "Give an HTTP proxy, such as http://proxy.example:3128, or unset it."
AGAIN = "again in a network that holds their addresses, which removes them first, or delete them by hand."
NO_FILES = {"CLOUDFLARE_API_TOKEN": TOKEN, **NO_OTHER, "SSL_CERT_FILE": None, "SSL_CERT_DIR": None}

Line = tuple[str, str, str | None]


@pytest.fixture
def estate(world: World) -> World:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1), tunnel(2))
    return world


def lines(ran: Ran) -> dict[str, Line]:
    """Severity, summary and remedy of each check, of this machine and of the only account."""
    validate(ran.json, schema_of(Report))
    found = [*ran.json.get("checks", ()), *(check for account in ran.json["accounts"] for check in account["checks"])]
    return {check["name"]: (check["severity"], check["summary"], check["remedy"]) for check in found}


def line(world: World, name: str, *argv: str, code: int = 0, env: dict[str, str | None] | None = None) -> Line:
    """One check of a run against the server that ends with this exit code."""
    ran = world.run("doctor", "--json", *argv, env=env)
    assert (ran.code, ran.err) == (code, "")
    return lines(ran)[name]


def test_a_well_account_is_asked_by_one_list_and_a_write_of_nothing(estate: World) -> None:
    git(estate)
    ran = estate.run("doctor")
    assert (ran.code, ran.err, ran.out.splitlines()[-1]) == (0, "", "Doctor: 14 checks, all ok.")
    assert (estate.calls, estate.bodies) == (["GET", "PUT?"], [{"ipsec_tunnels": []}])
    told = [row for row in ran.out.splitlines() if row.startswith("  ")]
    assert [row[:25].rstrip() for row in told] == [
        "  ok       version",
        "  ok       python",
        "  ok       files",
        "  ok       git",
        "  ok       proxy",
        "  ok       token",
        "  ok       read",
        "  ok       write",
        "  ok       clock",
        "  ok       latency",
        "  ok       rate limit",
        "  ok       fields",
        "  ok       sessions",
        "  ok       leftovers",
    ]
    assert told[2:7] == [
        "  ok       files         1 account, 2 tunnels",
        "  ok       git           all below tunnels is committed",
        "  ok       proxy         none is needed on this machine",
        "  ok       token         CLOUDFLARE_API_TOKEN is set",
        "  ok       read          the token may read: 2 live tunnels",
    ]


# Before there is anything


def test_a_new_user_learns_what_is_missing(world: World) -> None:
    ran = world.bare("doctor", "--json", env={"CLOUDFLARE_API_TOKEN": None})
    assert (ran.code, ran.json["outcome"], ran.json["accounts"]) == (3, "invalid", [])
    (problem,) = ran.json["diagnostics"]
    assert (problem["code"], problem["summary"]) == ("no-account", "the folder tunnels does not exist")
    found = lines(ran)
    assert found["files"] == ("error", "1 error, told above", None)
    assert found["token"] == (
        "error",
        "the environment variable CLOUDFLARE_API_TOKEN is not set",
        "Set it to a Cloudflare API token, or try the tool without one: add --sandbox.",
    )


def test_the_sandbox_needs_no_token_and_is_not_written(estate: World) -> None:
    ran = estate.bare("doctor", "--sandbox=box.json", "--json", env={"CLOUDFLARE_API_TOKEN": None})
    assert (ran.code, ran.json["sandbox"], lines(ran)["token"]) == (0, True, ("ok", "the sandbox needs none", None))
    assert lines(ran)["write"] == ("ok", "the token may write", None)
    assert not (estate.root / "box.json").exists()


@pytest.mark.parametrize("argv", [["-o", "markdown"], ["-o", "html=x.html"], ["--account", "nobody"], ["extra"]])
def test_a_wrong_command_line(estate: World, argv: list[str]) -> None:
    assert (estate.run("doctor", *argv).code, estate.calls) == (64, [])


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--measure", "--account", "prod"], "doctor --measure needs exactly one --account NAME, and --network CIDR"),
        (["--measure", "--network", "10.99.0.0/29"], "doctor --measure needs exactly one --account NAME"),
        (["--network", "10.99.0.0/29"], "--network belongs to doctor --measure"),
        (["--endpoint", "203.0.113.1"], "--endpoint belongs to doctor --measure"),
        (["--beside-live"], "--beside-live belongs to doctor --measure"),
        (["--auto-approve"], "--auto-approve belongs to doctor --measure"),
        (["--endpoint", "nonsense"], "--endpoint: 'nonsense' is not an IP address"),
        *(
            (["--network", network], f"--network: '{network}' is not an IPv4 network of /29 or larger")
            for network in ("10.99.0.0/30", "10.99.0.1/29", "fd00::/64", "nonsense")
        ),
    ],
)
def test_what_only_a_measurement_takes(estate: World, argv: list[str], said: str) -> None:
    ran = estate.run("doctor", *argv)
    assert (ran.code, estate.calls) == (64, [])
    assert said in " ".join(ran.err.split())


# This machine


def test_the_versions_are_told(estate: World) -> None:
    severity, summary, _ = line(estate, "python")
    assert severity == "ok"
    assert summary.split("; ")[1] == ", ".join(f"{name} {number}" for name, number in about.versions().items())


def test_a_library_that_is_not_installed(estate: World) -> None:
    estate.patch.setattr(about, "LIBRARIES", ("pydantic", "nothing-of-that-name"))
    assert line(estate, "python", code=1) == (
        "error",
        "nothing-of-that-name not installed",
        "Install the program anew, with what it requires.",
    )


def test_files_with_a_warning(estate: World) -> None:
    estate.declare(tunnel(1), tunnel(2, name="a-name-of-more-than-15-characters"))
    assert line(estate, "files") == ("warning", "1 account, 2 tunnels; 1 warning, told above", None)


def test_wrong_files_are_told_as_validate_does_and_their_account_is_asked_all_the_same(estate: World) -> None:
    estate.declare(tunnel(1), tunnel(2, nonsense=1))
    estate.become(tokens={})
    ran = estate.run("doctor", "--json")
    assert (ran.code, ran.json["diagnostics"]) == (3, estate.run("validate", "--json").json["diagnostics"])
    assert lines(ran)["files"] == ("error", "1 error, told above", None)
    assert lines(ran)["read"][0] == "error"


def test_an_account_whose_own_file_is_wrong_is_not_asked(estate: World) -> None:
    estate.account(account_id="nonsense")
    ran = estate.run("doctor", "--json")
    assert (ran.code, ran.json["accounts"], estate.calls) == (3, [], [])


def test_files_that_are_not_committed(estate: World) -> None:
    git(estate)
    estate.declare(tunnel(1))
    estate.write("tunnels/prod/b.yaml", "tunnels: []")
    estate.write("elsewhere", "")
    assert line(estate, "git") == (
        "warning",
        "2 files not as committed: tunnels/prod/a.yaml, tunnels/prod/b.yaml",
        "Commands go by the files as they are, not by a commit.",
    )


def test_no_repository_and_no_git(estate: World) -> None:
    severity, summary, _ = line(estate, "git")
    assert severity == "warning"
    assert summary.startswith("Git says: fatal: not a git repository")
    assert line(estate, "git", env={"PATH": "/nonexistent"}) == (
        "warning",
        "The program git is not there. Install it; --baseline needs it",
        None,
    )


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "none"),
        ({"HTTPS_PROXY": f"http://user:{IN_URL}@proxy.example:3128"}, "http://proxy.example:3128"),
        ({"ALL_PROXY": "proxy.example"}, "http://proxy.example"),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "api.cloudflare.com"}, "none"),
    ],
)
def test_the_proxy_is_told_without_its_credentials(world: World, env: dict[str, str], said: str) -> None:
    ran = world.bare("doctor", "--json", env={**NO_FILES, **env})
    assert lines(ran)["proxy"] == ("ok", said, None)
    assert "user" not in ran.out
    assert "pr0xy" not in ran.out + ran.err


def test_a_proxy_that_can_not_be_used(estate: World) -> None:
    proxy = {"HTTPS_PROXY": f"socks5://user:{IN_URL}@proxy.example"}
    ran = estate.bare("doctor", "--json", env={**NO_FILES, **proxy})
    assert (ran.code, ran.json["accounts"][0]["outcome"]) == (1, "error")
    assert lines(ran)["proxy"] == lines(ran)["read"]
    assert lines(ran)["proxy"] == (
        "error",
        "the proxy in HTTPS_PROXY can't be used",
        f"It is a SOCKS proxy, which is not supported. {GIVE}",
    )


def test_the_certificates_that_the_environment_names(world: World) -> None:
    named = str(world.write("ca.pem", Path(pytest.importorskip("certifi").where()).read_text()))
    certificates = [
        lines(world.bare("doctor", "--json", env={**NO_FILES, **env}))["certificates"]
        for env in ({}, {"SSL_CERT_FILE": named}, {"SSL_CERT_FILE": "missing.pem"})
    ]
    assert certificates == [
        ("ok", "certifi's", None),
        ("ok", f"SSL_CERT_FILE: {named}", None),
        (
            "error",
            "the TLS certificates can't be read: No such file or directory",
            "Correct SSL_CERT_FILE or SSL_CERT_DIR, or unset it.",
        ),
    ]


# An account


def test_a_missing_token_is_one_line_and_other_accounts_are_asked_all_the_same(estate: World) -> None:
    estate.declare(tunnel(3), file="lab/a.yaml")
    estate.account("lab", account_id=OTHER_ID, token={"env": "LAB_TOKEN"})
    ran = estate.run("doctor", "--json")
    assert (ran.code, ran.json["outcome"]) == (9, "auth")
    lab, prod = ran.json["accounts"]
    assert [check["summary"] for check in lab["checks"]] == ["the environment variable LAB_TOKEN is not set"]
    assert (lab["outcome"], prod["outcome"], prod["account_id"]) == ("auth", "ok", ID)
    assert estate.calls == ["GET", "PUT?"]
    only = estate.run("doctor", "--account", "prod", "--json")
    assert (only.code, [account["account"] for account in only.json["accounts"]]) == (0, ["prod"])


def test_a_token_that_can_not_be_one(estate: World) -> None:
    assert line(estate, "token", code=9, env={"CLOUDFLARE_API_TOKEN": '"quoted"'}) == (
        "error",
        "the value of CLOUDFLARE_API_TOKEN stands in quotes",
        "The quotes are part of the value: set it without them.",
    )
    assert estate.calls == []


def test_a_token_that_is_refused_is_not_asked_whether_it_may_write(estate: World) -> None:
    estate.become(tokens={})
    ran = estate.run("doctor", "--json")
    assert (ran.code, estate.calls, "write" in lines(ran)) == (9, ["GET"], False)
    assert lines(ran)["read"] == (
        "error",
        "Authentication error [10000] (ray 0000000000000001-SIM)",
        "Check the token and its permission: Magic Transit or Magic WAN, read to plan, write to apply.",
    )
    assert lines(ran)["clock"][0] == "ok"


def test_a_token_that_may_only_read_is_enough_to_plan(estate: World) -> None:
    estate.declare(tunnel(3), file="lab/a.yaml")
    estate.account("lab", account_id=OTHER_ID)
    estate.become(tokens={TOKEN: "read"})
    ran = estate.run("doctor", "--json")
    assert (ran.code, estate.calls) == (0, ["GET", "GET", "PUT?", "PUT?"])
    for account in ran.json["accounts"]:
        (check,) = [check for check in account["checks"] if check["name"] == "write"]
        assert (check["severity"], check["summary"]) == ("warning", "the token may not write [10000]")
        assert check["remedy"].startswith("To plan and to report drift no more is needed.")


def test_a_list_that_can_not_be_trusted_and_an_account_beside_it(estate: World) -> None:
    estate.declare(tunnel(3), file="lab/a.yaml")
    estate.account("lab", account_id=OTHER_ID)

    def answer(sim, request):
        if OTHER_ID in request.path:
            return Reply(200, {}, b'{"success": true, "errors": [], "result": {"ipsec_tunnels": 7}}')
        return sim.handle(request)

    estate.answer = answer
    ran = estate.run("doctor", "--json")
    lab, prod = ran.json["accounts"]
    assert (ran.code, lab["outcome"], prod["outcome"]) == (1, "error", "ok")
    assert lab["checks"][1]["summary"] == "the answer holds no list of tunnels [list-untrusted]"


def test_the_calls_that_are_left(estate: World) -> None:
    estate.become(rate_limit=(20, 60))
    assert line(estate, "rate limit") == (
        "warning",
        "19 calls left for the next 60 s",
        "A run waits when they are used up. All tokens of a user share them with the dashboard.",
    )


def test_what_the_live_tunnels_show(world: World) -> None:
    world.become(server_fields=True, names_unique="no")
    world.live(tunnel(1, **BGP), tunnel(2, name="reconciler-doctor-1", description=MARKER), tunnel(3, **BGP))
    world.account(owns=["t001"])
    world.declare(tunnel(1, **BGP))
    found = lines(world.run("doctor", "--json"))
    assert {name: found[name] for name in ("fields", "sessions", "leftovers")} == {
        "fields": (
            "warning",
            "2 fields that this version does not know: health_check.x_jitter, x_new_field",
            "They are no drift, and updates send them as they are. A newer version may know them.",
        ),
        "sessions": ("warning", "0 of 1 BGP session up; down: t001", "Look at the other ends of these tunnels."),
        "leftovers": (
            "warning",
            "left by a measurement: reconciler-doctor-1 (10.0.2.0/31)",
            f"Run reconciler doctor --base-url {world.base_url} --measure {AGAIN}",
        ),
    }


# How it looks


@pytest.mark.parametrize("width", [60, 80])
def test_its_lines_fit_a_terminal_and_what_to_do_stands_below(estate: World, width: int) -> None:
    ran = estate.run("doctor", "--json", env={"CLOUDFLARE_API_TOKEN": None})
    rows = render(report_from_json(ran.out), "text", width=width).splitlines()
    assert max(map(len, rows)) <= width
    assert (
        rows[-3:]
        == {
            60: ["                         --sandbox.", "", "Doctor: 6 checks, 1 error, 1 warning."],
            80: ["                         without one: add --sandbox.", "", "Doctor: 6 checks, 1 error, 1 warning."],
        }[width]
    )


def test_where_lines_may_be_long_each_check_is_one(estate: World) -> None:
    text = estate.run("doctor", env={"CLOUDFLARE_API_TOKEN": None}).out
    assert text.splitlines()[-3] == (
        "  error    token         the environment variable CLOUDFLARE_API_TOKEN is not set. Set it to a Cloudflare API "
        "token, or try the tool without one: add --sandbox."
    )
