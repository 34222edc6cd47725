import os
import subprocess
from pathlib import Path

import pytest

from reconciler.files.gitref import GitError, read_tree_at
from reconciler.files.tree import read_tree


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)  # noqa: S603, S607


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder `tunnels` committed as `HEAD~1`, with one more file at `HEAD`."""
    folder = tmp_path / "tunnels"
    (folder / "prod" / "eu").mkdir(parents=True)
    (folder / "prod" / "account.yaml").write_text("prune: true\n")
    (folder / "prod" / "eu" / "ä b.yaml").write_text("tunnels: []\n")
    (folder / "README.md").write_text("read me")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    (folder / "prod" / "new.yaml").write_text("tunnels: []\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "two")
    return folder


def test_head_reads_as_the_working_tree_does(root: Path):
    assert read_tree_at("HEAD", root, os.environ) == read_tree(root)


def test_an_earlier_ref_lacks_what_came_later(root: Path):
    (account,) = read_tree_at("HEAD~1", root, os.environ).accounts
    assert [(f.path, f.data) for f in account.files] == [(f"{root}/prod/eu/ä b.yaml", b"tunnels: []\n")]


def test_what_is_not_committed_does_not_count(root: Path):
    before = read_tree(root)
    (root / "prod" / "new.yaml").write_text("changed")
    (root / "prod" / "other.yaml").write_text("tunnels: []\n")
    assert read_tree_at("HEAD", root, os.environ) == before


def test_problems_of_the_layout_name_the_users_folder(root: Path):
    (root / "prod" / "eu" / "account.yaml").write_text("prune: true\n")
    git(root, "add", ".")
    git(root, "commit", "-m", "nested")
    assert read_tree_at("HEAD", root, os.environ).diagnostics == read_tree(root).diagnostics
    assert str(root) in str(read_tree(root).diagnostics[0])


def test_a_folder_that_is_not_there_is_an_empty_baseline(root: Path):
    tree = read_tree_at("HEAD", root.parent / "elsewhere" / "deep", os.environ)
    assert (tree.accounts, tree.diagnostics) == ((), ())


def test_the_root_of_the_repository_can_be_the_folder(root: Path):
    assert [a.name for a in read_tree_at("HEAD", root.parent, os.environ).accounts] == ["tunnels/prod"]


def test_the_same_names_are_read_as_in_the_working_tree(root: Path):
    names = ("#x.yaml", "y.YML", ".z.yaml", "v.yaml~", "w.yaml.bak", "u.json", "t.ymal", ".old/s.yaml", ".r.yaml.swp")
    for name in (*names, ".git2/x", ".github/q.yml", "README.md"):
        (root / "prod" / name).parent.mkdir(exist_ok=True)
        (root / "prod" / name).write_text("tunnels: []\n")
    git(root, "add", ".")
    git(root, "commit", "-m", "names")
    tree = read_tree_at("HEAD", root, os.environ)
    assert tree == read_tree(root)
    assert [Path(u.path).name for u in tree.accounts[0].unread] == [
        "q.yml",
        "s.yaml",
        ".z.yaml",
        "t.ymal",
        "u.json",
        "v.yaml~",
        "w.yaml.bak",
    ]


def test_what_is_not_read_may_be_large(root: Path, monkeypatch: pytest.MonkeyPatch):
    (root / "prod" / "notes.json").write_text("x" * 5_000)
    git(root, "add", ".")
    git(root, "commit", "-m", "large")
    monkeypatch.setattr("reconciler.files.gitref.MAX_TOTAL", 4_000)
    assert read_tree_at("HEAD", root, os.environ) == read_tree(root)


@pytest.mark.parametrize("name", ["link.yaml", "link", ".link.yaml", "link.yaml.bak"])
def test_links_are_refused(root: Path, name: str):
    (root / "prod" / name).symlink_to("new.yaml")
    git(root, "add", ".")
    git(root, "commit", "-m", "link")
    (problem,) = read_tree_at("HEAD", root, os.environ).diagnostics
    assert (problem.code, str(problem.location)) == ("linked-file", f"{root}/prod/{name}:1:1")


@pytest.mark.parametrize("name", [".#lon.yaml", ".link"])
def test_other_hidden_links_are_nobodys_business(root: Path, name: str):
    (root / "prod" / name).symlink_to("somebody@host.1234")
    git(root, "add", ".")
    git(root, "commit", "-m", "link")
    assert read_tree_at("HEAD", root, os.environ).diagnostics == ()


@pytest.mark.parametrize("ref", ["--help", "-h", "", "a b", "HEAD:tunnels", "x\ny"])
def test_what_is_no_ref_never_reaches_git(root: Path, ref: str):
    with pytest.raises(GitError, match="not a git ref"):
        read_tree_at(ref, root, os.environ)


def test_an_unknown_ref_says_what_to_do(root: Path):
    with pytest.raises(GitError, match="Fetch it first"):
        read_tree_at("nowhere", root, os.environ)


def test_no_repository_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(GitError, match="needs a git repository"):
        read_tree_at("HEAD", tmp_path, os.environ)


def test_no_git_says_so(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitError, match="git is not there"):
        read_tree_at("HEAD", root, os.environ)
