"""What an account begins with, by `init` or by `import`: its place beside the others, and its first files."""

import os
import re
from importlib.resources import files
from pathlib import Path

from reconciler.cli.context import Context
from reconciler.cli.options import UsageError
from reconciler.files.dump import account_text
from reconciler.files.load import load
from reconciler.files.tree import Tree
from reconciler.model.checks import is_account_id
from reconciler.model.desired import Account
from reconciler.model.problems import Location

NO_ID = "PUT-YOUR-ACCOUNT-ID-HERE"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def new_account(ctx: Context, tree: Tree, name: str, account_id: str | None) -> Account:
    """An account that has no folder yet and deletes nothing; without an id `NO_ID` stands for it.

    Raises:
        UsageError: It can't stand beside the others.
    """
    root = Path(ctx.options.dir)
    if not _NAME.fullmatch(name):
        raise UsageError(f"--account {name!r} can't be a folder name here: use letters, digits, '.', '_' and '-'")
    account_id = account_id.lower() if account_id else NO_ID  # as in account.yaml
    if account_id != NO_ID and not is_account_id(account_id):
        raise UsageError("--account-id needs 32 hexadecimal digits")
    if any(a.name == name for a in tree.accounts):
        raise UsageError(f"there is an account {name!r} already: import it without --account-id")
    for other in load(tree, ctx.now().date()).accounts:
        if other.account_id == account_id:
            raise UsageError(f"account {other.name!r} has this --account-id already: import it with --account alone")
    if any(Path(a.folder) == root for a in tree.accounts):
        raise UsageError(f"{root} is the folder of an account, and no account can lie below another")
    return Account(name, account_id, prune=False, location=Location(f"{root / name}/account.yaml"))


def schema_line(ctx: Context, folder: Path, kind: str) -> str:
    """What tells an editor which keys there are, if the schema was saved beside the root of the files."""
    schema = Path(ctx.options.dir).absolute().parent / f"{kind}.schema.json"
    return f"# yaml-language-server: $schema={os.path.relpath(schema, folder)}\n" if schema.is_file() else ""


def begun(ctx: Context, folder: Path, account_id: str) -> dict[Path, str]:
    """The files with which `init` begins an account. As long as nobody changed one, `import` writes it anew."""
    return {
        folder / "account.yaml": account_text(account_id, head=schema_line(ctx, folder, "account")),
        folder / "tunnels.yaml": schema_line(ctx, folder, "tunnels") + template("tunnels.yaml"),
    }


def template(name: str) -> str:
    """A file of a new repository, as it is for this program's example name."""
    return files("reconciler.cli").joinpath("repository", name).read_text(encoding="utf-8")
