import subprocess
from pathlib import Path

import pytest

import reconciler
from reconciler.cli import about
from reconciler.cli.about import installed_from, on_github
from tests.cli.world import ID, OTHER_ID, World, tunnel

TOOL = f"acme/tool@{'a1' * 20}"
WORKFLOWS = [f".github/workflows/{name}.yml" for name in ("plan", "apply", "drift", "psk")]
ACCOUNT = ["tunnels/prod/account.yaml", "tunnels/prod/tunnels.yaml"]
SCHEMAS = ["account.schema.json", "tunnels.schema.json"]
NEW = ("init", "--account", "prod", "--account-id", ID, "--uses", TOOL)


def files(world: World) -> dict[str, str]:
    """All that stands in the repository."""
    found = (p for p in world.root.rglob("*") if p.is_file() and not p.name.startswith(".stream"))
    return {str(p.relative_to(world.root)): p.read_text() for p in found}


def test_a_new_repository_is_valid_and_says_what_is_next(world: World) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=world.root, check=True)  # noqa: S607
    ran = world.bare(*NEW)
    written = [*SCHEMAS, *ACCOUNT, *WORKFLOWS, ".gitignore"]
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.split("\n\nNext:\n")[0].splitlines() == [f"wrote  {name}" for name in written]
    assert {name for name in files(world) if not name.startswith(".git/")} == {*written}
    assert "1. Check the files: reconciler validate --account prod\n" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert world.bare("validate", "--strict").code == 0


def test_a_second_time_it_keeps_everything(world: World) -> None:
    world.bare(*NEW)
    for name in files(world):
        (world.root / name).write_text(world.read(name) + "\n")
    before = files(world)
    for argv in (NEW, ("init",)):
        ran = world.bare(*argv)
        assert ran.code == 0
        assert "wrote" not in ran.out
        assert f"kept   {ACCOUNT[0]}\n" in ran.out
        assert files(world) == before


def test_an_id_that_is_not_given_is_asked_for_by_validate_and_by_the_next_steps(world: World) -> None:
    assert "1. Put the id of your account into tunnels/prod/account.yaml, as its" in world.bare("init").out
    ran = world.bare("validate")
    assert (ran.code, "tunnels/prod/account.yaml:3:13: error" in ran.out) == (3, True)
    assert f"1. Put {ID} into" in world.bare(*NEW).out


def test_an_id_without_a_name_is_that_of_the_account_that_it_begins(world: World) -> None:
    assert world.bare("init", "--account-id", ID).code == 0
    assert f"account_id: {ID}\n" in world.read("tunnels/prod/account.yaml")
    assert "--account-id needs exactly one --account NAME" in world.bare("import", "--account-id", OTHER_ID).err


def test_another_id_than_that_of_a_kept_account_is_told(world: World) -> None:
    world.bare(*NEW)
    ran = world.bare("init", "--account", "prod", "--account-id", OTHER_ID)
    assert f"has another id than\n     {OTHER_ID}: see which one is right." in ran.out


def test_the_example_of_a_tunnel_is_valid_where_its_marks_are_taken_away(world: World) -> None:
    world.bare(*NEW)
    text = world.read(ACCOUNT[1])
    head, example = text.split("tunnels: []\n")
    world.write(ACCOUNT[1], f"{head}tunnels:\n" + example.replace("#  ", "  ", 1).replace("\n#", "\n"))
    ran = world.bare("validate", "--strict", "--json")
    assert (ran.code, ran.account["managed"]) == (0, 1)


def test_the_workflows_call_the_tool_that_is_named_for_the_folder_that_is_named(world: World) -> None:
    world.bare(*NEW, "--dir", "./net/ipsec/")
    plan, apply, *_ = (world.read(name) for name in WORKFLOWS)
    assert f"uses: acme/tool/.github/workflows/plan.yml@{'a1' * 20} # v0.1.0\n" in plan
    assert "      directory: net/ipsec\n" in plan
    assert "paths: [net/ipsec/**]\n" in apply
    assert "/net/ipsec/**/keys/*\n" in world.read(".gitignore")
    assert world.bare("validate", "--strict", "--dir", "net/ipsec").code == 0


def test_a_tool_of_unknown_origin_is_to_be_filled_in_and_names_no_repository_of_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.cli.init.installed_from", lambda: None)
    ran = world.bare("init")
    assert "Name this tool's repository on GitHub, and the commit" in ran.out
    assert "reconciler init --uses OWNER/REPO@COMMIT\n" in ran.out
    assert f"uses: OWNER/RECONCILER/.github/workflows/plan.yml@{'0' * 40} " in world.read(WORKFLOWS[0])


def test_a_tool_that_is_named_later_is_filled_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.cli.init.installed_from", lambda: None)
    world.bare("init")
    assert "wrote" not in world.bare("init").out
    world.write(WORKFLOWS[0], world.read(WORKFLOWS[0]) + "# mine\n")
    ran = world.bare("init", "--uses", TOOL)
    assert [line for line in ran.out.splitlines() if line.startswith("wrote")] == [f"wrote  {n}" for n in WORKFLOWS]
    assert "--uses" not in ran.out
    assert f"uses: acme/tool/.github/workflows/plan.yml@{'a1' * 20} # v0.1.0\n" in world.read(WORKFLOWS[0])
    assert world.read(WORKFLOWS[0]).endswith("# mine\n")


@pytest.mark.parametrize("value", ["", "acme", "acme/tool", "acme/tool@v1", "acme/tool@1234567", "a/b/c@" + "0" * 40])
def test_a_tool_is_named_with_its_whole_commit(world: World, value: str) -> None:
    ran = world.bare("init", "--uses", value)
    assert (ran.code, "with all 40 digits of the commit" in ran.err) == (64, True)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://github.com/acme/tool", "acme/tool"),
        ("https://github.com/acme/tool.git", "acme/tool"),
        ("https://token@git.example.com/acme/a.tool.git/", "acme/a.tool"),
        ("git@github.com:acme/tool.git", "acme/tool"),
        ("ssh://git@github.com/acme/tool.git", "acme/tool"),
        ("/srv/git/tool.git", None),
        ("file:///srv/git/tool", None),
        ("https://github.com/tool", None),
        ("https://example.com/a/group/tool", None),
    ],
)
def test_the_address_that_was_installed_from_names_the_repository(url: str, named: str | None) -> None:
    assert on_github(url, "c0ffee") == (named and f"{named}@c0ffee")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def test_a_checkout_names_its_origin_and_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "__file__", str(tmp_path / "reconciler/__init__.py"))
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "x")
    assert installed_from() is None
    git(tmp_path, "remote", "add", "origin", "git@github.com:acme/tool.git")
    assert installed_from() == f"acme/tool@{git(tmp_path, 'rev-parse', 'HEAD')}"


def test_an_installer_s_record_names_the_repository_or_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "__file__", str(tmp_path / "site-packages/reconciler/__init__.py"))
    record = {"url": "https://github.com/acme/tool.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}
    monkeypatch.setattr(about, "direct_url", lambda: record)
    assert installed_from() == "acme/tool@c0ffee"
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "remote", "add", "origin", "https://github.com/acme/tool")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "x")
    monkeypatch.setattr(about, "direct_url", lambda: {"url": tmp_path.as_uri(), "dir_info": {}})
    assert installed_from() == f"acme/tool@{git(tmp_path, 'rev-parse', 'HEAD')}"
    monkeypatch.setattr(about, "direct_url", dict)
    assert installed_from() is None


def test_lines_that_a_kept_gitignore_lacks_are_named(world: World) -> None:
    world.write(".gitignore", "/plan.json\n/live.json\n/drift.patch\n")
    ran = world.bare(*NEW)
    assert "kept   .gitignore\n" in ran.out
    assert (
        " 1. Add to .gitignore: /.reconciler/ /md5.env /tunnels/**/keys/* !/tunnels/**/keys/*.enc "
        in f" {' '.join(ran.out.split())} "
    )


def test_a_kept_workflow_of_something_else_is_told(world: World) -> None:
    world.write(WORKFLOWS[0], "name: plan\n")
    said = " ".join(world.bare(*NEW).out.split())
    assert f"1. What was kept does not call this tool: {WORKFLOWS[0]}. Give it another name" in said
    assert world.read(WORKFLOWS[0]) == "name: plan\n"


def test_beside_accounts_that_are_there_only_the_rest_is_written(world: World) -> None:
    world.declare(tunnel(1), file="lab/a.yaml")
    ran = world.bare("init")
    assert "kept   tunnels/lab/account.yaml\n" in ran.out
    assert not (world.root / "tunnels/prod").exists()
    assert world.bare("init", "--account", "prod", "--account-id", OTHER_ID).code == 0
    assert world.bare("validate", "--strict").code == 0


def test_what_is_live_is_imported_into_the_new_account_as_if_import_had_made_it(world: World) -> None:
    world.live(*(tunnel(n, description="one text") for n in (1, 2)))
    world.bare(*NEW)
    ran = world.run("import")
    assert ran.code == 0
    assert "note: Removed tunnels/prod/tunnels.yaml, of an earlier import or init." in ran.out
    assert {name for name in files(world) if name.startswith("tunnels/")} == {ACCOUNT[0], "tunnels/prod/imported.yaml"}
    assert "\ndefaults:\n  cloudflare_endpoint: 203.0.113.1\n  description: one text\n" in world.read(ACCOUNT[0])
    assert "# yaml-language-server: $schema=../../tunnels.schema.json\n" in world.read("tunnels/prod/imported.yaml")
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_what_was_changed_in_the_new_account_is_not_imported_over(world: World) -> None:
    world.live(*(tunnel(n, description="one text") for n in (1, 2)))
    world.bare(*NEW)
    for name in ACCOUNT:
        world.write(name, world.read(name) + "# mine\n")
    before = files(world)
    assert world.run("import").code == 0
    assert {name: files(world)[name] for name in ACCOUNT} == {name: before[name] for name in ACCOUNT}
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_an_account_without_tunnels_keeps_the_example_of_one(world: World) -> None:
    world.bare(*NEW)
    before = files(world)
    assert world.run("import").code == 0
    assert files(world) == before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--dir", "/srv/tunnels"), "give a plain folder below this one"),
        (("--dir", "../tunnels"), "give a plain folder below this one"),
        (("--dir", "my tunnels"), "give a plain folder below this one"),
        (("--account", "a/b"), "can't be a folder name here"),
        (("--account", "prod", "--account-id", "12"), "--account-id needs 32 hexadecimal digits"),
        (("--account", "prod", "--account", "lab"), "one --account"),
    ],
)
def test_what_can_not_be_begun_is_refused_before_anything_is_written(
    world: World, argv: tuple[str, ...], said: str
) -> None:
    ran = world.bare("init", *argv)
    assert (ran.code, said in ran.err, files(world)) == (64, True, {})


def test_workflows_that_github_would_not_read_are_not_written(world: World, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)  # noqa: S607
    world.root = tmp_path / "below"
    world.root.mkdir()
    ran = world.bare(*NEW)
    assert (ran.code, "begin a repository here: git init" in ran.err, files(world)) == (64, True, {})


def test_a_place_that_can_not_be_written_is_an_error(world: World) -> None:
    world.write(".github", "a file")
    ran = world.bare(*NEW)
    assert (ran.code, ".github/workflows/plan.yml can't be written" in ran.out) == (1, True)
