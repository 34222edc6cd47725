"""`reconciler import`: writes YAML for what is live, so that a plan right after is empty."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.files import selected
from reconciler.cli.options import UsageError
from reconciler.cli.planning import observe, side_by_side
from reconciler.cli.remote import Remote
from reconciler.cli.write import replace_file
from reconciler.core.desired import Account, Desired
from reconciler.core.diagnostic import Diagnostic, Location, has_errors
from reconciler.core.live import Live
from reconciler.core.report import AccountReport, Report
from reconciler.desired.adopt import add_ignores
from reconciler.desired.dump import Ignored, account_text, dump
from reconciler.desired.load import load
from reconciler.desired.tree import AccountFiles, Tree, read_tree
from reconciler.reports.accounts import report_of, unread

_IMPORTED = re.compile(r"imported(-\d+)?\.yaml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ID = re.compile(r"[0-9a-f]{32}")
_ONLY_WHEN_EMPTY = frozenset({"no-tunnel-file", "no-account"})


def run(ctx: Context) -> Report:
    """Import every selected account, or a new one with `--account-id`."""
    root = Path(ctx.options.dir)
    tree = read_tree(root) if root.exists() else Tree((), ())
    new = ctx.options.account_id is not None
    targets = [_new_account(ctx, root, tree)] if new else _known_accounts(ctx, tree)
    for _, files in targets:
        _refuse_overwriting(ctx, files)
    with Remote(ctx, [desired.account for desired, _ in targets]) as remote:
        lives = side_by_side(ctx, targets, lambda t: observe(remote, t[0].account))
    accounts = []
    for (desired, files), live in zip(targets, lives, strict=True):
        if isinstance(live, Live):
            accounts.append(_write(desired, files, live))
        else:
            accounts.append(unread(desired.account, live))
    return report_of("import", accounts, ctx.diagnostics, sandbox=ctx.sandbox)


def _new_account(ctx: Context, root: Path, tree: Tree) -> tuple[Desired, AccountFiles]:
    name, account_id = ctx.options.account[0], ctx.options.account_id
    if not _NAME.fullmatch(name):
        raise UsageError(f"--account {name!r} can't be a folder name here: use letters, digits, '.', '_' and '-'")
    if not _ID.fullmatch(account_id):
        raise UsageError("--account-id needs 32 lower-case hexadecimal digits")
    if any(a.name == name for a in tree.accounts):
        raise UsageError(f"there is an account {name!r} already: import it without --account-id")
    for other in load(tree, ctx.now().date()).accounts:
        if other.account_id == account_id:
            raise UsageError(f"account {other.name!r} has this --account-id already: import it with --account alone")
    if any(Path(a.folder) == root for a in tree.accounts):
        raise UsageError(f"{root} is the folder of an account, and no account can lie below another")
    folder = str(root / name)
    account = Account(name, account_id, prune=False, location=Location(f"{folder}/account.yaml"))
    return Desired(account, {}), AccountFiles(name, folder, None, ())


def _known_accounts(ctx: Context, tree: Tree) -> list[tuple[Desired, AccountFiles]]:
    """The selected accounts. One without tunnel files yet is what import is for.

    Raises:
        Halt: Files are wrong.
    """
    loaded = load(_without_imported(tree) if ctx.options.force else tree, ctx.now().date())
    wrong = tuple(d for d in loaded.diagnostics if d.code not in _ONLY_WHEN_EMPTY)
    if has_errors(wrong) or not loaded.accounts:
        raise Halt("invalid", wrong or loaded.diagnostics)
    names = {a.name for a in selected(ctx, loaded.accounts)}
    files = {a.name: a for a in tree.accounts}
    return [(d, files[d.account.name]) for d in loaded.desired if d.account.name in names]


def _without_imported(tree: Tree) -> Tree:
    """The tree without the files that are about to be overwritten, so that what is wrong in them is in nobody's way."""

    def rest(files: AccountFiles) -> AccountFiles:
        old = {str(path) for path in _imported(files)}
        return replace(files, files=tuple(f for f in files.files if f.path not in old))

    return replace(tree, accounts=tuple(rest(a) for a in tree.accounts))


def _imported(files: AccountFiles) -> list[Path]:
    return sorted(p for p in Path(files.folder).glob("imported*.yaml") if _IMPORTED.fullmatch(p.name))


def _refuse_overwriting(ctx: Context, files: AccountFiles) -> None:
    existing = _imported(files)
    if existing and not ctx.options.force:
        summary = f"{existing[0]} exists already; nothing was written"
        raise halt("error", "file-exists", summary, "Add --force to overwrite it.")


def _write(desired: Desired, files: AccountFiles, live: Live) -> AccountReport:
    folder = Path(files.folder)
    found = dump(live, files.account_file, set(desired.tunnels))
    account_file = _account_text(desired, files, found.ignored)
    written = []
    for i, text in enumerate(found.texts):
        path = folder / ("imported.yaml" if i == 0 else f"imported-{i + 1}.yaml")
        replace_file(path, text, private=True)
        written.append(str(path))
    for path in _imported(files):
        if str(path) not in written:
            path.unlink()
    if account_file is not None:
        replace_file(folder / "account.yaml", account_file)
    return _report(desired, live, written, [f"{i.name}: {i.reason}" for i in found.ignored])


def _account_text(desired: Desired, files: AccountFiles, ignored: Sequence[Ignored]) -> str | None:
    """The new text of `account.yaml`, or None when it stays as it is.

    Raises:
        Halt: Its `ignore` list can't be added to by a program.
    """
    source = files.account_file
    if source is None:
        return account_text(desired.account.account_id, ignored)
    if not ignored:
        return None
    text = add_ignores(source, ignored)
    if isinstance(text, Diagnostic):
        raise Halt("error", (text,))
    return text


def _report(desired: Desired, live: Live, written: list[str], ignored: list[str]) -> AccountReport:
    keys = sum(bool(t.settings.get("bgp.md5_key")) for t in live.tunnels.values())
    warning = f"; {keys} BGP MD5 keys stand there in clear, so think before you commit it" if keys else ""
    notes = [f"Wrote {', '.join(written)} with mode 0600, for {len(live.tunnels)} live tunnels{warning}."]
    notes += [f"Ignored, because no file can declare it: {line}" for line in ignored]
    account = desired.account
    return AccountReport(
        account.name, account.account_id, "ok", notes=tuple(notes), total=len(live.tunnels), managed=len(live.tunnels)
    )
