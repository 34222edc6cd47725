"""Several accounts: precedence of outcomes, independence, shared tokens; and what reads only."""

import json
import os
import re
import shutil
import subprocess
from itertools import product

import pytest

from reconciler.report.outcome import EXIT_CODES, worst
from reconciler.simulator.faults import FaultKind, apply_fault
from reconciler.simulator.message import failure
from tests.cli.world import ID, OTHER_ID, TOKEN, World, tunnel
from tests.strangers import foreign_edit

PRECEDENCE = ["auth", "error", "blocked", "plan_changed", "rejected", "changes", "ok"]


@pytest.mark.parametrize(("one", "two"), list(product(PRECEDENCE, PRECEDENCE)))
def test_of_two_outcomes_the_first_of_the_documented_order_wins(one: str, two: str) -> None:
    first = min(one, two, key=PRECEDENCE.index)
    assert worst((one, two)) == first
    assert worst((one, two), written=True) == ("ok" if first == "ok" else "partial")


@pytest.mark.parametrize("other", EXIT_CODES)
def test_what_wins_over_everything(other: str) -> None:
    for written in (False, True):
        for strong in ("internal", "interrupted"):
            expected = other if other in ("usage", "invalid", "internal") else strong
            assert worst((strong, other), written=written) == expected or strong == "internal"
        assert worst(("partial", other), written=written) == (
            other if other in ("usage", "invalid", "internal", "interrupted") else "partial"
        )


def test_no_account_is_ok() -> None:
    assert worst(()) == "ok"


def two(world: World, **lab: object) -> None:
    world.account("prod")
    world.account("lab", account_id=OTHER_ID, **lab)
    world.declare(tunnel(1), file="prod/a.yaml")
    world.declare(tunnel(2), file="lab/a.yaml")


def outcomes(ran) -> dict[str, str]:
    return {a["account"]: a["outcome"] for a in ran.json["accounts"]}


def failing(world: World, account_id: str, status: int) -> None:
    def answer(sim, request):
        if account_id in request.path:
            sim.note(request, status)
            return failure(status, 10000 if status in {401, 403} else 1000 + status, "simulated refusal")
        return sim.handle(request)

    world.answer = answer


def test_accounts_fail_independently(world: World) -> None:
    two(world)
    failing(world, OTHER_ID, 404)
    ran = world.run("plan", "-o", "json")
    assert (ran.code, outcomes(ran)) == (1, {"lab": "error", "prod": "ok"})
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, outcomes(ran)) == (7, {"lab": "error", "prod": "ok"})
    assert set(world.names()) == {"t001"}


def test_the_calls_of_all_accounts_count_before_and_after(world: World) -> None:
    two(world)
    world.live(tunnel(2), account=OTHER_ID)
    assert "\nApply makes: 3 lists, 1 create\n" in world.run("plan").out
    assert "\nCalls made: 3 lists, 1 create, in " in world.run("apply", "--auto-approve").out
    assert "Calls made" not in world.run("apply", "--auto-approve").out


def test_the_lists_of_an_account_that_apply_leaves_alone_count_and_not_its_writes(world: World) -> None:
    two(world, paused={"reason": "freeze"})
    assert "\nApply makes: 3 lists, 1 create\n" in world.run("plan").out
    assert "\nCalls made: 3 lists, 1 create, in " in world.run("apply", "--auto-approve").out


def test_a_blocked_account_does_not_stop_the_others(world: World) -> None:
    two(world, paused={"reason": "freeze"})
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, outcomes(ran)) == (7, {"lab": "blocked", "prod": "ok"})
    ran = world.run("apply", "-o", "json")
    assert (ran.code, outcomes(ran)) == (5, {"lab": "blocked", "prod": "ok"})


def test_a_failed_account_outweighs_a_missing_approval(world: World) -> None:
    two(world)
    failing(world, OTHER_ID, 404)
    assert world.run("apply").code == 1


def test_accounts_that_share_a_refused_token_stop_together(world: World) -> None:
    two(world)
    failing(world, OTHER_ID, 401)
    ran = world.run("plan", "-o", "json", "--parallelism", "1")
    assert (ran.code, outcomes(ran)) == (9, {"lab": "auth", "prod": "auth"})
    assert world.calls == ["GET"]


def test_accounts_with_tokens_of_their_own_do_not(world: World) -> None:
    two(world, token={"env": "LAB_TOKEN"})
    failing(world, OTHER_ID, 401)
    ran = world.run("apply", "--auto-approve", "-o", "json", env={"LAB_TOKEN": "another-token"})
    assert (ran.code, outcomes(ran)) == (7, {"lab": "auth", "prod": "ok"})


def test_one_invalid_account_stops_all_that_were_selected(world: World) -> None:
    two(world)
    world.declare(tunnel(2, nope=1), file="lab/a.yaml")
    assert world.run("apply", "--auto-approve").code == 3
    assert world.calls == []
    assert world.run("apply", "--auto-approve", "--account", "prod").code == 0
    assert world.run("apply", "--auto-approve", "--account", "prod", "--account", "lab").code == 3


def test_a_file_that_is_misspelt_deletes_nothing_and_stops_its_account_alone(world: World) -> None:
    two(world)
    assert world.run("apply", "--auto-approve").code == 0
    (world.root / "tunnels/lab/a.yaml").rename(world.root / "tunnels/lab/a.ymal")
    world.write("tunnels/lab/rest.yaml", "tunnels: []\n")
    ran = world.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, world.calls) == (3, [])
    assert [(d["code"], d["file"]) for d in ran.json["diagnostics"]] == [("unread-file", "tunnels/lab/a.ymal")]
    assert world.run("plan", "--account", "prod").code == 0
    assert world.run("import", "--account", "lab").code == 3


def test_the_accounts_for_a_matrix(world: World) -> None:
    two(world, token={"env": "LAB_TOKEN"})
    ran = world.bare("accounts", "-o", "json", env={"CLOUDFLARE_API_TOKEN": None})
    assert ran.code == 0
    assert [(a["account"], a["account_id"], a["token"]["env"]) for a in ran.json["accounts"]] == [
        ("lab", OTHER_ID, "LAB_TOKEN"),
        ("prod", ID, "CLOUDFLARE_API_TOKEN"),
    ]


# reading only

READING = [
    ["validate"],
    ["validate", "--strict"],
    ["accounts"],
    ["schema"],
    ["plan"],
    ["plan", "--out", "p.json"],
    ["plan", "--detailed-exitcode"],
    ["plan", "--server-check"],
    ["plan", "--baseline", "HEAD"],
    ["plan", "--save-live", "l.json"],
    ["plan", "--target", "t00*"],
    ["plan", "--allow-delete", "t005"],
    ["plan", "--no-delete"],
    ["plan", "--server-check", "--out", "p.json", "--save-live", "l.json", "--baseline", "HEAD", "--no-delete"],
    ["drift"],
    ["drift", "--baseline", "HEAD"],
    ["drift", "--previous", "d.json"],
    ["import", "--force"],
    ["psk", "status"],
    ["apply"],
    ["psk", "set", "t001"],
    ["psk", "rotate", "t001"],
]


@pytest.mark.parametrize("argv", READING, ids=" ".join)
def test_what_reads_never_writes(world: World, argv: list[str]) -> None:
    world.live(tunnel(1), tunnel(2), tunnel(5), tunnel(6))
    world.account(prune=True)
    key = {"generate": True, "deliver_to": {"command": ["sh", "-c", "touch ran"]}}
    world.declare(tunnel(1, description="x"), tunnel(2), tunnel(3, psk={"command": ["touch", "ran"]}))
    git(world)
    world.declare(tunnel(1, psk=key), tunnel(2, description="y"), tunnel(3, psk={"command": ["touch", "ran"]}))
    ran = world.run("drift", "-o", "json=d.json")
    before = world.sim.snapshot()["accounts"]
    for more in ([], ["--parallelism", "1"], ["-v", "-o", "json"]):
        ran = world.run(*argv, *more)
        assert ran.code in (0, 2, 3, 5), ran
        assert set(world.calls) <= {"GET", "ROUTES", "PUT?", "POST?"}
        if "--server-check" not in argv:
            assert set(world.calls) <= {"GET", "ROUTES"}
    now = world.sim.snapshot()["accounts"]
    assert now.get(ID) == before.get(ID)
    assert not (world.root / "ran").exists()


def git(world: World, message: str = "x") -> None:
    base = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for argv in (["init", "-q"], ["add", "tunnels"], ["commit", "-q", "--allow-empty", "-m", message]):
        subprocess.run([*base, *argv], cwd=world.root, check=True, capture_output=True)  # noqa: S603


def test_a_baseline_tells_git_from_drift(world: World) -> None:
    world.live(tunnel(1, description="by hand"), tunnel(2), tunnel(9))
    world.declare(tunnel(1), tunnel(2))
    git(world)
    world.declare(tunnel(1), tunnel(2, description="in git"), tunnel(3))
    causes = {"t001": "drift", "t002": "git", "t003": "git", "t009": "drift"}
    for command, code in (("plan", 0), ("drift", 2)):
        ran = world.run(command, "--baseline", "HEAD", "-o", "json")
        assert ran.code == code
        assert {c["name"]: c["cause"] for c in ran.account["changes"]} == causes
    assert ran.account["drifted"] == 2


def test_differences_that_only_git_made_are_no_drift(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    git(world)
    world.declare(tunnel(1, description="in git"))
    assert world.run("drift", "--baseline", "HEAD").code == 0
    assert world.run("drift").code == 2


def test_what_git_changed_since_the_last_apply_waits_and_what_a_hand_changed_is_drift(world: World) -> None:
    world.live(tunnel(1), tunnel(2, description="by hand"), tunnel(3, description="by hand"))
    world.declare(tunnel(1), tunnel(2), tunnel(3))
    git(world, "applied")
    world.declare(tunnel(1, description="in git"), tunnel(2), tunnel(3, description="in git"))
    git(world, "not applied yet")
    ran = world.run("drift", "--baseline", "HEAD~1", "-o", "json")
    told = {c["name"]: (c["cause"], c["class"]) for c in ran.account["changes"]}
    assert told == {"t001": ("git", "changed"), "t002": ("drift", "changed"), "t003": ("both", "changed")}
    assert (ran.code, ran.account["drifted"], ran.json["summary"]["unchanged"]) == (2, 2, 0)
    head, *blocks = world.run("drift", "--baseline", "HEAD~1").out.split("\n\n")
    assert head == (
        "2 of 3 tunnels drifted (0.0 % in sync), 0 unmanaged, 0 missing, 0 not checked, 1 waiting for apply."
    )
    # Not since when it is live: nobody touched it there.
    assert "\n      only git changed it: waits for apply\n" in blocks[3]
    assert "\n      changed live 20" in blocks[1]
    assert "\n      changed in git and on Cloudflare, changed live 20" in blocks[2]


def test_a_commit_that_waits_for_apply_alone_is_no_drift(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    git(world, "applied")
    world.declare(tunnel(1, description="in git"))
    git(world, "not applied yet")
    ran = world.run("drift", "--baseline", "HEAD~1")
    told = "No drift: 0 tunnels in sync, 0 unmanaged, 0 missing, 0 not checked, 1 waiting for apply.\n"
    assert (ran.code, ran.out.startswith(told), "To revert" in ran.out) == (0, True, False)
    # Seen from the commit itself git changed nothing: live is not what it said.
    assert world.run("drift", "--baseline", "HEAD").code == 2


@pytest.mark.parametrize("ref", ["nope", "--help", "HEAD:x"])
def test_a_baseline_that_can_not_be_read_is_an_error(world: World, ref: str) -> None:
    world.declare(tunnel(1))
    git(world)
    ran = world.run("drift", f"--baseline={ref}")
    assert ran.code == 1
    assert "baseline" in ran.out


def test_a_drift_has_a_history(world: World) -> None:
    world.live(tunnel(1, description="by hand"), tunnel(2, description="by hand"))
    world.declare(tunnel(1), tunnel(2))
    assert world.run("drift", "-o", "json=1.json").code == 2
    foreign_edit(world.sim, ID, "t002", {"description": ""})
    world.live(tunnel(3))
    ran = world.run("drift", "--previous", "1.json", "-o", "json")
    assert {c["name"]: (c["class"], c["severity"], c["age"]) for c in ran.account["changes"]} == {
        "t001": ("changed", "cosmetic", "persisting"),
        "t003": ("unmanaged", "security", "new"),
    }
    assert [r["name"] for r in ran.account["resolved"]] == ["t002"]
    told = world.run("drift", "--previous", "1.json").out.splitlines()
    assert told[1] == "Since the last report: 1 new, 1 persisting, 1 resolved."
    assert "Since the last report" not in world.run("drift").out


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"format_version": "9"}', "[" * 100_000], ids=range(6))
@pytest.mark.parametrize("argv", [["drift", "--previous", "r.json"], ["render", "r.json"]], ids=lambda a: a[0])
def test_a_broken_report_is_an_error(world: World, argv: list[str], content: str) -> None:
    world.declare(tunnel(1))
    world.write("r.json", content)
    ran = world.run(*argv)
    assert ran.code == 1
    assert "r.json" in ran.out


def test_the_patch_of_a_drift_report_ends_the_drift(world: World) -> None:
    world.live(tunnel(1, description="by hand"), tunnel(2, health_check={"rate": "high"}))
    world.declare(tunnel(1), tunnel(2))
    ran = world.run("drift", "--patch", "p.patch", "-o", "json")
    assert (ran.code, ran.account["ways_out"]["accept_command"]) == (2, "git apply p.patch")
    assert world.read("p.patch") == ran.account["ways_out"]["accept"]
    subprocess.run(["git", "apply", "p.patch"], cwd=world.root, check=True)  # noqa: S607
    assert world.run("drift", "--patch", "p.patch").code == 0
    assert world.read("p.patch") == ""


def test_a_drift_report_gives_the_commands_that_accept_it_not_the_patch_between_its_lines(world: World) -> None:
    world.live(tunnel(1, description="by hand"))
    world.declare(tunnel(1))
    git(world)
    where = f"--base-url {world.base_url} --account prod --baseline HEAD"
    command = f"reconciler drift {where} --patch drift.patch\n    git apply drift.patch"
    text = world.run("drift", "--baseline", "HEAD").out
    assert f"  To accept it, which makes the files equal to Cloudflare:\n    {command}\n" in text
    assert "@@" not in text


def test_a_patch_that_cannot_be_written_is_an_error_and_the_drift_is_told(world: World) -> None:
    world.live(tunnel(1, description="by hand"))
    world.declare(tunnel(1))
    ran = world.run("drift", "--patch", "tunnels/prod/b.yaml")
    assert (ran.code, "Choose a file outside" in ran.err) == (64, True)
    ran = world.run("drift", "--patch", "/dev/full")
    assert (ran.code, "/dev/full can't be written" in ran.out, "by hand" in ran.out) == (1, True, True)


def test_a_patch_shows_no_token_that_somebody_put_into_a_description(world: World) -> None:
    world.live(tunnel(1, description=f"token {TOKEN}"))
    world.declare(tunnel(1))
    assert world.run("drift", "--patch", "p.patch").code == 2
    patch = world.read("p.patch")
    assert ("description: token ***}" in patch, TOKEN in patch) == (True, False)


def test_what_a_patch_leaves_out_is_told_where_a_patch_is_shown(world: World) -> None:
    keyed = {"bgp": {"customer_asn": 1, "md5_key": "a key"}}
    world.live(*(tunnel(n, **keyed, description="by hand") for n in (1, 2)))
    world.declare(tunnel(1, **keyed), tunnel(2, **keyed))
    assert "Not in the patch" not in world.run("drift").out
    told = "Not in the patch: t001, t002: the patch would show a BGP MD5 key that stands in its lines or beside them"
    assert told in world.run("drift", "--patch", "p.patch").out
    assert told in world.run("drift", "-o", "json").account["notes"]  # which holds the patch


def test_a_strangers_tunnel_stays_unmanaged_when_git_turns_prune_on(world: World) -> None:
    world.account(prune=False)
    world.live(tunnel(1), tunnel(9))
    world.declare(tunnel(1))
    git(world)
    world.account(prune=True)
    ran = world.run("drift", "--baseline", "HEAD", "-o", "json")
    assert (ran.code, ran.json["summary"]["unmanaged"], ran.account["drifted"]) == (2, 1, 1)
    text = world.run("drift", "--baseline", "HEAD").out
    assert ("1 unmanaged" in text, "made on Cloudflare, and git prunes it now" in text) == (True, True)


def test_plan_and_patch_of_a_drift_report_are_about_the_same_files(world: World) -> None:
    world.live(tunnel(1, description="by hand"))
    world.declare(tunnel(1))
    git(world)
    undisturbed = world.run("drift", "--baseline", "HEAD", "-o", "json").account["ways_out"]["accept"]
    real = shutil.which("git")
    edit = f"echo '# edited meanwhile' >>{world.root}/tunnels/prod/a.yaml"
    world.write("bin/git", f'#!/bin/sh\n{edit}\nexec {real} "$@"\n', 0o755)
    path = f"{world.root / 'bin'}:{os.environ['PATH']}"
    ran = world.run("drift", "--baseline", "HEAD", "-o", "json", env={"PATH": path})
    assert "# edited meanwhile" in world.read("tunnels/prod/a.yaml")
    assert ran.account["ways_out"]["accept"] == undisturbed


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_git_gets_no_credentials_of_cloudflare(world: World, command: str) -> None:
    world.account(token={"env": "PROD_TOKEN"})
    world.declare(tunnel(1, psk={"env": "KEY_OF_T001"}))
    git(world)
    real = shutil.which("git")
    world.write("bin/git", f'#!/bin/sh\nenv >>{world.root}/env\nexec {real} "$@"\n', 0o755)
    path = f"{world.root / 'bin'}:{os.environ['PATH']}"
    secret = dict.fromkeys(
        ("PROD_TOKEN", "KEY_OF_T001", "CLOUDFLARE_API_KEY", "CF_API_TOKEN", "COPY"), "a-secret-token"
    )
    ran = world.run(command, "--baseline", "HEAD", env={**secret, "PATH": path, "GIT_ASKPASS": "/bin/true"})
    seen = world.read("env")
    assert (ran.code, "a-secret-token" in seen, "GIT_ASKPASS=/bin/true\n" in seen) == (
        2 * (command == "drift"),
        False,
        True,
    )


def test_a_saved_report_is_drawn_again(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1, description="x"))
    for form in ("text", "markdown", "html", "github", "json"):
        direct = world.run("plan", "-o", "json=r.json", "-o", form)
        # Only the run itself says when its page was made, and tells a command with its own options.
        own = rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC · | --base-url {world.base_url}"
        found = re.findall(own, direct.out)
        assert (world.bare("render", "r.json", "-o", form).out, len(found)) == (
            re.sub(own, "", direct.out),
            int(form in ("html", "markdown")),
        )
        assert world.calls == []


def test_a_report_of_a_broken_list_names_the_account(world: World) -> None:
    world.declare(tunnel(1))
    world.answer = lambda sim, request: apply_fault(FaultKind.NULL_RESULT, sim, request)
    ran = world.run("drift", "-o", "json")
    assert (ran.code, ran.account["error"]["code"]) == (1, "list-untrusted")
    assert TOKEN not in json.dumps(ran.json)
