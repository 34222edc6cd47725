"""`reconciler init`: writes a new repository of tunnels into the current folder. What is there stays as it is.

The files stand in `repository/` as they are for this program's example name, `acme/reconciler`; here only names are put
into them. So the docs show them, and the tests audit them, exactly as users get them.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from posixpath import normpath
from textwrap import TextWrapper

import reconciler
from reconciler.cli.about import installed_from
from reconciler.cli.begin import NO_ID, begun, new_account, template
from reconciler.cli.context import Context
from reconciler.cli.named import create_file, replace_file
from reconciler.cli.options import UsageError
from reconciler.files.schema import json_schema
from reconciler.files.tree import Tree, read_tree
from reconciler.model.desired import Account

_WORKFLOWS = ("plan", "apply", "drift", "psk")
_ACCOUNT = "prod"
_EXAMPLE, _EXAMPLE_VERSION = "acme/reconciler@0123456789abcdef0123456789abcdef01234567", "v0.1.0"
CHECK = "Tunnels / Validate"
_NO_TOOL = f"OWNER/RECONCILER@{'0' * 40}"
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def run(ctx: Context) -> int:
    """Write the files, say of each whether it was written or kept, and end with what to do next."""
    folder = normpath(ctx.options.dir)
    _check_place(folder)
    root = Path(folder)
    tree = read_tree(root) if root.exists() else Tree((), ())
    new = _new_account(ctx, tree)
    for kind in ("account", "tunnels"):  # first: where they are, the files of the account name them
        _write(ctx, root.parent / f"{kind}.schema.json", json.dumps(json_schema(kind), indent=2) + "\n")
    for known in tree.accounts:
        ctx.output.stdout.write(f"kept   {known.account_file.path if known.account_file else known.folder}\n")
    if new:
        for path, text in begun(ctx, root / new.name, new.account_id).items():
            _write(ctx, path, text)
    tool = ctx.options.uses or installed_from() or _NO_TOOL
    for name in _WORKFLOWS:
        path, text = Path(f".github/workflows/{name}.yml"), workflow(name, tool, folder)
        if tool != _NO_TOOL and _call(name, _NO_TOOL) in (there := _there(path)):  # of an earlier init that knew none
            replace_file(path, there.replace(_call(name, _NO_TOOL), _call(name, tool)))
            ctx.output.stdout.write(f"wrote  {path}\n")
        else:
            _write(ctx, path, text)
    ignored = template("gitignore").replace("/tunnels/", f"/{folder}/")
    _write(ctx, Path(".gitignore"), ignored)
    ctx.output.stdout.write("\nNext:\n")
    wrap = TextWrapper(ctx.width(ctx.output.stdout) or 80, break_long_words=False, break_on_hyphens=False)
    wrap.subsequent_indent = "     "
    for number, step in enumerate(_next(ctx, ignored.splitlines()), 1):
        wrap.initial_indent = f"  {number}. "
        ctx.output.stdout.write(f"{wrap.fill(ctx.to_copy(step))}\n")
    return 0


def workflow(name: str, tool: str, folder: str) -> str:
    """A caller's workflow: its example with the tool (`owner/name@commit`) and the folder of the tunnels put in."""
    text = template(f"{name}.yml").replace(_call(name, _EXAMPLE), _call(name, tool))
    text = text.replace(_EXAMPLE_VERSION, f"v{reconciler.__version__}")
    return text.replace("[tunnels/**]", f"[{folder}/**]").replace("directory: tunnels", f"directory: {folder}")


def _call(name: str, tool: str) -> str:
    repository, _, commit = tool.partition("@")
    return f"{repository}/.github/workflows/{name}.yml@{commit}"


def _check_place(folder: str) -> None:
    """Refuse a place in which GitHub would not find the workflows, or they not the files.

    Raises:
        UsageError: It is such a place.
    """
    if not _FOLDER.fullmatch(folder):
        raise UsageError(f"--dir {folder}: give a plain folder below this one, which is to be the repository's root")
    here = Path.cwd()
    above = next((p for p in here.parents if (p / ".git").exists()), None)
    if above and not (here / ".git").exists():
        raise UsageError(
            f"this folder lies in the repository {above}, and GitHub reads workflows at its root only. "
            "Run it there, with --dir for the folder of the tunnels, or begin a repository here: git init"
        )


def _new_account(ctx: Context, tree: Tree) -> Account | None:
    """The account to begin: the named one, or else one where there is none yet."""
    names, known = ctx.options.account, {account.name for account in tree.accounts}
    if len(names) > 1:
        raise UsageError("init begins one account: give one --account NAME")
    if known and not known.isdisjoint(names or known):
        return None
    return new_account(ctx, tree, names[0] if names else _ACCOUNT, ctx.options.account_id)


def _write(ctx: Context, path: Path, text: str) -> None:
    ctx.output.stdout.write(f"{'wrote' if create_file(path, text) else 'kept '}  {path}\n")


def _next(ctx: Context, ignored: list[str]) -> Iterator[str]:
    """What is left to do by hand, by what stands in the files now: they may be of an earlier run."""
    accounts = [a.account_file for a in read_tree(Path(ctx.options.dir)).accounts if a.account_file]
    wanted = ctx.options.account_id or "the id of your account"
    unnamed = [account.path for account in accounts if NO_ID.encode() in account.data]
    if unnamed:
        yield f"Put {wanted} into {unnamed[0]}, as its account_id."
    elif ctx.options.account_id and not any(wanted.lower().encode() in a.data.lower() for a in accounts):
        yield f"The account.yaml that was kept has another id than {wanted}: see which one is right."
    workflows = {f".github/workflows/{name}.yml": f"/workflows/{name}.yml@" for name in _WORKFLOWS}
    if others := [path for path, call in workflows.items() if call not in _there(Path(path))]:
        yield f"What was kept does not call this tool: {', '.join(others)}. Give it another name, and run init again."
    if any(_NO_TOOL.partition("@")[0] in _there(Path(path)) for path in workflows):
        yield (
            "Name this tool's repository on GitHub, and the commit that the workflows are to call: "
            "reconciler init --uses OWNER/REPO@COMMIT"
        )
    there = _there(Path(".gitignore")).splitlines()
    if lacks := [line for line in ignored if line not in there and not line.startswith("#")]:
        yield f"Add to .gitignore: {' '.join(lacks)}"
    if not Path(".git").exists():
        yield "Make a repository of this folder: git init"
    yield "Check the files: reconciler validate"
    yield "Write down what is live: reconciler import"
    yield (
        "On GitHub, before the first push, in Settings, Environments: make plan, drift and apply, each with a secret "
        "CLOUDFLARE_API_TOKEN (in plan and drift a token that can only read)."
    )
    yield f'In Settings, Rules: let main require a pull request and the check "{CHECK}".'


def _there(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
