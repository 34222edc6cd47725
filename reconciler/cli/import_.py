"""`reconciler import`: writes YAML for what is live, so that a plan right after is empty.

Its own files begin with a marker. Only such files, in the account's folder itself, are written anew with `--force`, and
those that are no longer needed are removed: they would declare tunnels twice. What somebody moved below a folder, or
took the marker from, is theirs, and what it declares is not imported again.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.files import new_account, schema_line, selected
from reconciler.cli.named import refuse_files, replace_file
from reconciler.cli.planning import live_tunnels, side_by_side
from reconciler.files.dump import Dumped, account_text, add_ignores, dump
from reconciler.files.layout import MARKER, Layout
from reconciler.files.load import load
from reconciler.files.tree import AccountFiles, SourceFile, Tree, is_read, read_regular, read_tree
from reconciler.model.desired import Desired
from reconciler.model.live import Live
from reconciler.model.problems import Diagnostic, has_errors
from reconciler.model.settings import Settings
from reconciler.report.values import AccountReport, Report

_ONLY_WHEN_EMPTY = frozenset({"no-tunnel-file", "no-account"})
"""Codes of what is wrong with an account only until something is imported."""
_LISTED = 3


def run(ctx: Context) -> Report:
    """Import every selected account, or a new one with `--account-id`."""
    root = Path(ctx.options.dir)
    account_id = ctx.options.account_id
    # Only a new account needs no folder yet: without one the folder's own problem says how to begin.
    tree = read_tree(root) if account_id is None or root.exists() else Tree((), ())
    selected = _known_accounts(ctx, tree) if account_id is None else [_new_account(ctx, root, tree, account_id)]
    for _, files in selected:
        existing = _imported(files)
        if existing and not ctx.options.force:
            summary = f"{existing[0]} was written by an earlier import; nothing was written"
            remedy = "Add --force to write the files of that import anew. What was changed in them is lost then."
            raise halt("error", "file-exists", summary, remedy)
    with Clients(ctx, [desired.account for desired, _ in selected]) as clients:
        lives = side_by_side(ctx, selected, lambda t: live_tunnels(clients, t[0].account))
    accounts: list[AccountReport] = []
    for (desired, files), live in zip(selected, lives, strict=True):
        if isinstance(live, AccountReport):
            accounts.append(live)
            continue
        try:
            accounts.append(_write(ctx, desired, files, live))
        except Halt as stopped:  # what was written before is said all the same
            raise Halt(stopped.outcome, stopped.diagnostics, accounts) from None
    if accounts and all(account.outcome == "ok" for account in accounts):
        notes = (*accounts[-1].notes, "Next: reconciler plan")  # no full stop: people copy it
        accounts[-1] = replace(accounts[-1], notes=notes)
    return ctx.report(accounts)


def _new_account(ctx: Context, root: Path, tree: Tree, account_id: str) -> tuple[Desired, AccountFiles]:
    account = new_account(ctx, tree, ctx.options.account[0], account_id)
    folder = root / account.name
    files = AccountFiles(account.name, str(folder), None, ())
    others = {p for p in folder.rglob("*") if is_read(p.relative_to(root).parts)} - {*_imported(files)}
    if others:
        summary = f"{min(others)} exists already, and would belong to the new account; nothing was written"
        raise halt("error", "file-exists", summary, "Move it away, or give the account another name.")
    return Desired(account, {}), files


def _known_accounts(ctx: Context, tree: Tree) -> list[tuple[Desired, AccountFiles]]:
    """The selected accounts. One without tunnel files yet is what import is for.

    Raises:
        Halt: Files are wrong.
        UsageError: An output is one of the files.
    """
    read = tree
    if ctx.options.force:  # what is wrong in files that are about to be written anew is in nobody's way
        old = {str(path) for account in tree.accounts for path in _imported(account)}
        rest = (a._replace(files=tuple(f for f in a.files if f.path not in old)) for a in tree.accounts)
        read = tree._replace(accounts=tuple(rest))
    loaded = load(read, ctx.now().date())
    refuse_files(ctx.options, tree, loaded.desired)
    wrong = tuple(d for d in loaded.diagnostics if d.code not in _ONLY_WHEN_EMPTY)
    if has_errors(wrong) or not loaded.accounts:
        raise Halt("invalid", wrong or loaded.diagnostics)
    files = {a.name: a for a in tree.accounts}
    return [(d, files[d.account.name]) for d in selected(ctx, loaded)]


def _imported(files: AccountFiles) -> list[Path]:
    """The files that an import wrote."""
    found = []
    for path in Path(files.folder).glob("*.yaml"):
        with suppress(OSError):  # a link or a pipe is not ours
            if read_regular(str(path)).startswith(MARKER.encode()):
                found.append(path)
    return sorted(found)


def _write(ctx: Context, desired: Desired, files: AccountFiles, live: Live) -> AccountReport:
    folder, old = Path(files.folder), _imported(files)
    beside = tuple(f for f in files.files if Path(f.path) not in old)
    names = live.by_name()
    # A declared rename that was not applied yet: the live tunnel still has its old name, and is declared.
    renamed = {t.renamed_from for t in desired.tunnels.values() if t.renamed_from and t.name not in names}
    taken = {path.name.lower() for path in folder.glob("*") if path not in old}
    layout = Layout(ctx.options.split == "prefix", taken, schema_line(ctx, folder, "tunnels"))
    found = dump(live, files.account_file, {*desired.tunnels, *renamed}, beside, layout)
    own = files.account_file
    if own is None:
        head = schema_line(ctx, folder, "account")
        text = account_text(desired.account.account_id, found.ignored, found.defaults, head)
        own = SourceFile(str(folder / "account.yaml"), text.encode())
    elif found.ignored:
        added = add_ignores(own, found.ignored)
        if isinstance(added, Diagnostic):
            raise Halt("error", (added,))
        own = SourceFile(own.path, added.encode())
    texts = {folder / name: text for name, text in found.files.items()}
    wanted = {name: names[name].settings for name in found.names}
    _prove(ctx, files._replace(account_file=own, files=beside), texts, wanted)
    for path, text in texts.items():
        replace_file(path, text, private=True)
    gone = [path for path in old if path not in texts]
    for path in gone:
        path.unlink()
    if own is not files.account_file:
        replace_file(Path(own.path), own.data.decode())
    return _report(desired, live, found, [*texts], gone)


def _prove(ctx: Context, files: AccountFiles, texts: Mapping[Path, str], wanted: Mapping[str, Settings]) -> None:
    """Refuse to write what would make the account's files wrong together, or would not declare what is live.

    Raises:
        Halt: Nothing was written.
    """
    sources = (*files.files, *(SourceFile(str(path), text.encode()) for path, text in texts.items()))
    tree = Tree((files._replace(files=sources, unread=()),), ())
    found = load(tree, ctx.now().date())
    if has_errors(found.diagnostics):
        raise Halt("invalid", [d for d in found.diagnostics if d.severity == "error"])
    read = found.desired[0].tunnels
    if wrong := [name for name, settings in wanted.items() if name not in read or read[name].settings != settings]:
        summary = f"what was to be written for {wrong[0]!r} would not declare what is live; nothing was written"
        raise halt("internal", "import", summary, "This is a bug. Please report it; --split none may get round it.")


def _report(desired: Desired, live: Live, found: Dumped, written: list[Path], gone: list[Path]) -> AccountReport:
    tunnels = live.by_name()
    keys = sum(bool(tunnels[name].settings.get("bgp.md5_key")) for name in found.names)
    warning = f"; BGP MD5 keys stand there in clear ({keys} in all), so think before you commit it" if keys else ""
    declared = f"{len(found.names)} of {len(live.tunnels)} live tunnels"
    notes = ["Wrote no file: nothing that is live is left to declare."]
    if written:
        notes = [f"Wrote {_listed(written)} with mode 0600, for {declared}{warning}."]
    notes += [f"Removed {_listed(gone)}, of an earlier import."] if gone else []
    notes += [f"Ignored, because no file can declare it: {one.name}: {one.reason}" for one in found.ignored]
    return AccountReport(
        account=desired.account.name,
        account_id=desired.account.account_id,
        outcome="ok",
        notes=tuple(notes),
        total=len(live.tunnels),
        managed=len(desired.tunnels) + len(found.names),
    )


def _listed(paths: list[Path]) -> str:
    """`tunnels/prod/lon.yaml, tunnels/prod/par.yaml`, or `45 files in tunnels/prod`."""
    return ", ".join(map(str, paths)) if len(paths) <= _LISTED else f"{len(paths)} files in {paths[0].parent}"
