import os
import socket
from pathlib import Path

import pytest

from reconciler.files.tree import Tree, read_tree


def plant(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def codes(tree: Tree) -> list[str]:
    return [d.code for d in tree.diagnostics]


def shape(tree: Tree) -> dict[str, list[str]]:
    return {account.name: [file.data.decode() for file in account.files] for account in tree.accounts}


def test_files_are_grouped_by_account_in_sorted_order(tmp_path: Path):
    plant(
        tmp_path,
        "prod/z.yml",
        "prod/account.yaml",
        "prod/eu/a.yaml",
        "prod/b.YAML",
        "lab/account.yml",
        "lab/x.yaml",
    )
    tree = read_tree(tmp_path)
    assert tree.diagnostics == ()
    assert shape(tree) == {"lab": ["lab/x.yaml"], "prod": ["prod/b.YAML", "prod/eu/a.yaml", "prod/z.yml"]}


def test_accounts_stand_in_order_of_name(tmp_path: Path):
    tree = read_tree(
        plant(tmp_path, *(f"{name}/{file}.yaml" for name in ("a/b", "a-b", "B") for file in ("account", "x")))
    )
    assert [account.name for account in tree.accounts] == ["B", "a-b", "a/b"]


def test_one_account_in_the_root_is_called_default(tmp_path: Path):
    tree = read_tree(plant(tmp_path, "account.yaml", "a/b.yaml"))
    assert shape(tree) == {"default": ["a/b.yaml"]}


def test_paths_are_shown_as_the_root_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plant(tmp_path, "tunnels/p/account.yaml", "tunnels/p/a.yaml")
    monkeypatch.chdir(tmp_path)
    (account,) = read_tree(Path("tunnels")).accounts
    assert (account.folder, account.files[0].path) == ("tunnels/p", "tunnels/p/a.yaml")


@pytest.mark.parametrize("name", ["acount.yaml", "accounts.yml", "acconut.yaml", "Account.yaml"])
def test_a_misspelt_account_file_is_one_error(tmp_path: Path, name: str):
    found = read_tree(plant(tmp_path, f"p/{name}", "p/a.yaml", "p/q/b.yaml"), Path()).diagnostics
    said = 'error: this file belongs to no account. Did you mean "account.yaml"? [no-account]'
    assert [str(one) for one in found] == [f"p/{name}:1:1: {said}"]


def test_a_file_beside_a_misspelt_account_s_folder_is_an_error_too(tmp_path: Path):
    plant(tmp_path, "p/acount.yaml", "p/a.yaml", "q/b.yaml", "q/mount.yaml", "r/account.yaml", "r/accounts.yaml")
    found = read_tree(tmp_path, Path()).diagnostics
    assert [one.location.file for one in found] == ["p/acount.yaml", "q/b.yaml", "q/mount.yaml"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), ["no-account"]),
        (("README.md",), ["no-account"]),
        (("a.yaml",), ["no-account"]),
        (("p/account.yaml", "p/a.yaml", "q/b.yaml"), ["no-account"]),
        (("p/account.yaml",), ["no-tunnel-file"]),
        (("p/account.yaml", "p/account.yml", "p/a.yaml"), ["two-account-files"]),
        (("p/account.yaml", "p/a.yaml", "p/q/account.yaml", "p/q/b.yaml"), ["nested-account"]),
        (("account.yaml", "a.yaml", "p/account.yaml"), ["nested-account"]),
        (("account.yaml", "p/account.yaml", "p/a.yaml"), ["nested-account"]),
        (("p/account.yaml", "p/a.yaml", "p/q/account.yaml", "p/q/r/account.yaml"), ["nested-account"] * 2),
    ],
)
def test_layout(tmp_path: Path, names: tuple[str, ...], expected: list[str]):
    assert codes(read_tree(plant(tmp_path, *names))) == expected


MEANT = [
    "lon.ymal",
    "lon.yaml.bak",
    "lon.yaml~",
    ".lon.yaml",
    "lon.json",
    "lon.yaml.j2",
    "lon.YAML.txt",
    "lon.yaml ",
    "#lon.yaml#",
    "lon.yaml.orig",
    "lon.yml.disabled",
    ".lon.yml",
    "LON.JSON",
    "lon.yam",
    "lon.yamll",
    "lon.yaaml",
    "lon.aml",
    "lon.yanl",
    "lon.yalm",
    "lon.ayml",
    "lon.ml",
    "lon.ymll",
    "lon.yl",
    "lon.myl",
    "lon.YAM",
    "lon.y\u0430ml",
    "eu/lon.ymal",
    ".eu/lon.yaml",
    "eu/.old/uk/lon.yaml",
    ".eu/account.yaml",
    ".github/lon.yaml",
    "eu/.venv/lon.yaml",
    ".vscode/tasks.json",
    ".lon.yaml.swp/lon.yaml",
    ".#lon/lon.yaml",
    ".~lock.lon#/lon.yaml",
    "..old/lon.yaml",
    "..lon.yaml",
]
OTHERS = [
    "README.md",
    ".gitkeep",
    ".gitignore",
    "lon.txt",
    "lon",
    "yaml",
    "yml",
    "lon.toml",
    "lon.html",
    "lon.yield",
    "lon.lmay",
    "notes about yaml.md",
    ".lon.yaml.swp",
    ".lon.yaml.swo",
    ".lon.yaml.un~",
    ".#lon.yaml",
    ".~lock.lon.yaml#",
    ".lon.yaml.kate-swp",
    ".git/config.yaml",
    ".reconciler/sandbox.json",
    "eu/.git/refs/heads/lon.yaml",
    "..2026_05_04_08_15_16.123456789/lon.yaml",
]


@pytest.mark.parametrize("name", MEANT)
def test_a_name_that_was_meant_to_be_read_is_unread(tmp_path: Path, name: str):
    plant(tmp_path, "p/account.yaml", "p/a.yaml", f"p/{name}")
    (account,) = read_tree(tmp_path).accounts
    assert [(u.path, u.absolute) for u in account.unread] == [(f"{tmp_path}/p/{name}",) * 2]
    assert [file.path for file in account.files] == [f"{tmp_path}/p/a.yaml"]


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_nobodys_business(tmp_path: Path, name: str):
    plant(tmp_path, "p/account.yaml", "p/a.yaml", f"p/{name}")
    tree = read_tree(tmp_path)
    assert (tree.accounts[0].unread, tree.diagnostics) == ((), ())


@pytest.mark.parametrize("name", [".github/workflows/plan.yml", ".vscode/settings.json", ".venv/lib/x.yaml"])
def test_folders_of_tools_are_skipped_in_the_root_alone(tmp_path: Path, name: str):
    plant(tmp_path, "p/account.yaml", "p/a.yaml", f"p/{name}")
    (account,) = read_tree(tmp_path / "p").accounts
    assert account.unread == ()
    (account,) = read_tree(tmp_path).accounts
    assert [u.path for u in account.unread] == [f"{tmp_path}/p/{name}"]


@pytest.mark.parametrize("target", ["..2026_05_04_08_15_16.123456789", "."])
def test_a_mounted_volume_is_read_through_its_links(tmp_path: Path, target: str):
    home = plant(tmp_path, "..2026_05_04_08_15_16.123456789/account.yaml", "..2026_05_04_08_15_16.123456789/a.yaml")
    (home / "..data").symlink_to(target)
    for name in ("account.yaml", "a.yaml"):
        (home / name).symlink_to(f"..2026_05_04_08_15_16.123456789/{name}")
    tree = read_tree(home)
    assert (codes(tree), shape(tree)) == ([], {"default": ["..2026_05_04_08_15_16.123456789/a.yaml"]})


@pytest.mark.parametrize("name", MEANT)
def test_only_what_lies_below_an_account_can_be_unread(tmp_path: Path, name: str):
    tree = read_tree(plant(tmp_path, "p/account.yaml", "p/a.yaml", f"q/{name}"))
    assert (tree.accounts[0].unread, tree.diagnostics) == ((), ())


def test_an_unread_file_in_the_root_belongs_to_the_only_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plant(tmp_path, "t/account.yaml", "t/a.yaml", "t/b.yaml.bak")
    monkeypatch.chdir(tmp_path)
    (account,) = read_tree(Path("t")).accounts
    assert [(u.path, u.absolute) for u in account.unread] == [("t/b.yaml.bak", f"{tmp_path}/t/b.yaml.bak")]


@pytest.mark.parametrize("kind", ["link to a file", "link to nothing", "link to a folder", "pipe"])
def test_an_unread_name_counts_whatever_stands_behind_it(tmp_path: Path, kind: str):
    path = plant(tmp_path, "p/account.yaml", "p/a.yaml") / "p/lon.yaml.bak"
    targets = {"link to a file": "a.yaml", "link to nothing": "nothing", "link to a folder": "."}
    path.symlink_to(targets[kind]) if kind in targets else os.mkfifo(path)
    assert [u.path for u in read_tree(tmp_path).accounts[0].unread] == [str(path)]


def test_a_hidden_link_to_a_folder_is_refused_below_an_account_only(tmp_path: Path):
    plant(tmp_path, "p/account.yaml", "p/a.yaml")
    (tmp_path / "p/.more").symlink_to("..")
    (tmp_path / ".more").symlink_to("p")
    assert [str(d.location) for d in read_tree(tmp_path).diagnostics] == [f"{tmp_path}/p/.more:1:1"]


def test_a_folder_is_looked_into_whatever_its_name_is(tmp_path: Path):
    plant(tmp_path, "p/account.yaml", "p/lon.json/a.yaml", "p/lon.yaml.d/b.yaml")
    assert shape(read_tree(tmp_path)) == {"p": ["p/lon.json/a.yaml", "p/lon.yaml.d/b.yaml"]}


def test_files_of_a_nested_account_are_nobodys(tmp_path: Path):
    tree = read_tree(plant(tmp_path, "p/account.yaml", "p/a.yaml", "p/q/account.yaml", "p/q/b.yaml", "p/q/r/c.yaml"))
    assert shape(tree) == {"p": ["p/a.yaml"]}


@pytest.mark.parametrize("name", ["absent", "file", "a\0b"])
def test_a_root_that_is_no_folder_is_an_error(tmp_path: Path, name: str):
    (tmp_path / "file").write_text("")
    found = read_tree(tmp_path / name)
    assert codes(found) == ["no-account"]
    assert found.diagnostics[0].detail.endswith("reconciler import --account NAME --account-id ID.")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return plant(tmp_path, "tree/account.yaml", "tree/a.yaml", "secret.yaml") / "tree"


def test_a_pipe_is_refused_without_waiting(home: Path):
    os.mkfifo(home / "x.yaml")
    assert codes(read_tree(home)) == ["unreadable"]


def test_a_folder_named_like_a_file_is_refused(home: Path):
    (home / "x.yaml").mkdir()
    assert codes(read_tree(home)) == ["unreadable"]


def test_a_socket_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(home)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("x.yaml")
        assert codes(read_tree(home)) == ["unreadable"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("../secret.yaml", ["unreadable"]),
        ("/dev/zero", ["unreadable"]),
        ("/etc/passwd", ["unreadable"]),
        ("x.yaml", ["unreadable"]),
        ("absent", ["unreadable"]),
        ("a.yaml", []),
    ],
)
def test_links_stay_inside(home: Path, target: str, expected: list[str]):
    (home / "x.yaml").symlink_to(target)
    assert codes(read_tree(home)) == expected


@pytest.mark.parametrize("target", ["..", ".", "/"])
def test_a_link_to_a_folder_is_refused(home: Path, target: str):
    (home / "more").symlink_to(target)
    assert codes(read_tree(home)) == ["linked-folder"]


def test_a_link_to_itself_is_no_folder(home: Path):
    (home / "loop").symlink_to("loop")
    assert codes(read_tree(home)) == []


def test_a_root_that_is_a_link_is_read(home: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(home)
    assert codes(read_tree(tmp_path / "link")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["a.yaml", "more"])
def test_what_may_not_be_read_is_an_error(home: Path, name: str):
    (home / "more").mkdir()
    (home / name).chmod(0)
    assert codes(read_tree(home)) == ["unreadable"]
    (home / name).chmod(0o700)


def test_an_account_file_that_cannot_be_read_keeps_its_account(home: Path):
    (home / "account.yaml").unlink()
    (home / "account.yaml").symlink_to("absent")
    tree = read_tree(home)
    assert (codes(tree), tree.accounts[0].account_file) == (["unreadable"], None)


def test_a_file_over_one_mebibyte_is_refused(home: Path):
    (home / "a.yaml").write_bytes(b"#" * (1 << 20))
    assert codes(read_tree(home)) == []
    (home / "a.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    assert codes(read_tree(home)) == ["file-too-large"]


@pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_TOTAL"])
def test_too_much_in_all_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch, limit: str):
    monkeypatch.setattr(f"reconciler.files.tree.{limit}", 1)
    tree = read_tree(home)
    assert (codes(tree), tree.accounts) == (["too-many-files"], ())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a\n::error::x.yaml", r"a\n::error::x.yaml"),
        (b"\x1b[2J.yaml", r"\x1b[2J.yaml"),
        (b"\xff.yaml", r"\xff.yaml"),
        ("\u202e.yaml".encode(), r"\u202e.yaml"),
        ("caf\u00e9.yaml".encode(), "caf\u00e9.yaml"),
    ],
)
def test_strange_names_are_shown_safely(home: Path, name: bytes, shown: str):
    (home / os.fsdecode(name)).write_bytes(b"")
    assert f"{home}/{shown}" in [file.path for file in read_tree(home).accounts[0].files]
