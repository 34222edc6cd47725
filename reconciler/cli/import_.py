"""`reconciler import`: writes YAML for what is live, so that a plan right after is empty.

Its own files begin with a marker. Only such files, in the account's folder itself, are written anew with `--force`, and
those that are no longer needed are removed: they would declare tunnels twice. What somebody moved below a folder, or
took the marker from, is theirs, and what it declares is not imported again. With what `init` began an account, and
nobody changed since, it does as if nothing was there.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from unicodedata import normalize

from reconciler.cli.begin import begun, new_account, schema_line
from reconciler.cli.clients import Clients
from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.files import selected, watch_md5_keys
from reconciler.cli.named import refuse_files, replace_file, write_file
from reconciler.cli.planning import live_tunnels, side_by_side
from reconciler.files.dump import MARKER, Dumped, Layout, account_text, add_ignores, dump
from reconciler.files.load import load
from reconciler.files.tree import AccountFiles, SourceFile, Tree, is_read, read_regular, read_tree
from reconciler.model.checks import is_md5_key
from reconciler.model.desired import Desired, EnvRef
from reconciler.model.live import Live
from reconciler.model.problems import Diagnostic, has_errors
from reconciler.model.problems import count as counted
from reconciler.model.settings import Settings
from reconciler.plan.scope import owned
from reconciler.report.values import AccountReport, Report

_ONLY_WHEN_EMPTY = frozenset({"no-tunnel-file", "no-account"})
"""Codes of what is wrong with an account only until something is imported."""
_LISTED = 3
_KEYS_MARKER = "# Live BGP MD5 keys, written by `reconciler import --md5-keys`"
_SECRET = 8  # what the action masks: shorter values turn up in a log by chance


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
    md5_keys = _Md5Keys(ctx, tree) if ctx.options.md5_keys else None
    for desired, _ in selected:
        watch_md5_keys(ctx, desired.tunnels.values())
    with Clients(ctx, [desired.account for desired, _ in selected]) as clients:
        lives = side_by_side(ctx, selected, lambda t: live_tunnels(ctx, clients, t[0].account))
    accounts: list[AccountReport] = []
    for (desired, files), live in zip(selected, lives, strict=True):
        if isinstance(live, AccountReport):
            accounts.append(live)
            continue
        try:
            accounts.append(_write(ctx, desired, files, live, md5_keys))
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


class _Md5Keys:
    """The file of `--md5-keys`: a line `NAME=value` for each key, as the secret `RECONCILER_ENV` takes them.

    A variable that a file names must not get the key of another tunnel: apply would set it. So each belongs to the
    account whose import wrote the lines that name it, until these lines are gone, or to nobody's import.

    Args:
        ctx: Surroundings.
        tree: All files.

    Raises:
        Halt: Something stands there that no import wrote, or that one did and `--force` is missing.
    """

    def __init__(self, ctx: Context, tree: Tree) -> None:
        self._ctx = ctx
        self._path = Path(ctx.options.md5_keys or "")
        old = self._path.read_bytes().decode("utf-8", "replace") if self._path.is_file() else ""
        if old and not (old.startswith(_KEYS_MARKER) and ctx.options.force):
            summary = f"{self._path} exists already; nothing was written"
            remedy = "Give another file, or add --force if an import with --md5-keys wrote it."
            raise halt("error", "file-exists", summary, remedy)
        self._values = dict(line.split("=", 1) for line in old.split("\n") if "=" in line and not line.startswith("#"))
        self._owners: defaultdict[str, set[str]] = defaultdict(set)
        imported = {str(path) for account in tree.accounts for path in _imported(account)}
        for desired in load(tree, ctx.now().date()).desired:
            self._owners[desired.account.token_env].add("")
            for tunnel in desired.tunnels.values():
                owner = desired.account.name if tunnel.location.file in imported else ""
                for reference in (tunnel.psk, *tunnel.references.values()):
                    if isinstance(reference, EnvRef):
                        self._owners[reference.name].add(owner)

    def variables(self, account: str, live: Live) -> dict[str, EnvRef]:
        """By tunnel, the variable of its key: `MD5_LON_A`. No name that begins so steers a shell or a runner."""
        found: dict[str, EnvRef] = {}
        taken = {name for name, owners in self._owners.items() if owners - {account}}
        for name, tunnel in sorted(live.by_name().items()):
            if is_md5_key(str(tunnel.settings.get("bgp.md5_key", ""))):
                letters = normalize("NFKD", name).encode("ascii", "ignore").decode().upper()
                base = f"MD5_{re.sub('[^A-Z0-9]+', '_', letters).strip('_') or 'KEY'}"
                names = (f"{base}{f'_{n}' if n > 1 else ''}" for n in count(1))
                found[name] = EnvRef(next(free for free in names if free not in taken))
                taken.add(found[name].name)
        return found

    def write(self, account: str, keys: Mapping[str, str]) -> None:
        """Put an account's keys, by variable, in the place of those that its former import wrote."""
        for owners in self._owners.values():
            owners.discard(account)
        for name in keys:
            self._owners[name].add(account)
        self._values = {name: key for name, key in {**self._values, **keys}.items() if self._owners[name]}
        lines = [f"{_KEYS_MARKER}. Without this line, --force leaves it."]
        lines += [f"{name}={key}" for name, key in sorted(self._values.items())]
        write_file(self._path, "\n".join([*lines, ""]), self._ctx.stop, private=True)


def _write(ctx: Context, desired: Desired, files: AccountFiles, live: Live, md5_keys: _Md5Keys | None) -> AccountReport:
    folder = Path(files.folder)
    mine, not_owned = owned(live, desired.account)
    live = live._replace(tunnels={tunnel.id: tunnel for tunnel in mine})
    own, old = files.account_file, _imported(files)
    if live.tunnels:  # what init began with, and nobody changed, has done its work
        as_begun = {str(path): text.encode() for path, text in begun(ctx, folder, desired.account.account_id).items()}
        own = None if own and own.data == as_begun.get(own.path) else own
        old += [Path(file.path) for file in files.files if file.data == as_begun.get(file.path)]
    beside = tuple(f for f in files.files if Path(f.path) not in old)
    names = live.by_name()
    # A declared rename that was not applied yet: the live tunnel still has its old name, and is declared.
    renamed = {t.renamed_from for t in desired.tunnels.values() if t.renamed_from and t.name not in names}
    taken = {path.name.lower() for path in folder.glob("*") if path not in old}
    variables = md5_keys.variables(desired.account.name, live) if md5_keys else {}
    layout = Layout(ctx.options.split == "prefix", taken, schema_line(ctx, folder, "tunnels"), variables)
    found = dump(live, own, {*desired.tunnels, *renamed}, beside, layout)
    new = own is None
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
    _prove(ctx, files._replace(account_file=own, files=beside), texts, found.tunnels)
    keys = {name: str(key) for name in found.tunnels if (key := names[name].settings.get("bgp.md5_key"))}
    if md5_keys:
        md5_keys.write(desired.account.name, {variables[name].name: key for name, key in keys.items()})
    done = _done(ctx, keys.values())
    if own is not files.account_file:  # first: what stands in its defaults is not in the files
        replace_file(Path(own.path), own.data.decode())
        done.append(f"Wrote {own.path}, with `prune: false`." if new else f"Added rules under `ignore` to {own.path}.")
    for path, text in texts.items():
        replace_file(path, text, private=True)
    gone = [path for path in old if path not in texts]
    for path in gone:
        path.unlink()
    return replace(_report(desired, live, found, [*texts], gone, done), not_owned=not_owned)


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


def _done(ctx: Context, keys: Collection[str]) -> list[str]:
    """Where the MD5 keys of an account went."""
    path = ctx.options.md5_keys
    if not keys:
        return []
    if not path:
        why = "think before you commit them, or import again with --force --md5-keys FILE"
        return [f"BGP MD5 keys stand there in clear ({len(keys):,} in all): {why}."]
    notes = [f"Wrote the BGP MD5 keys ({len(keys):,} in all) to {path} with mode 0600: apply needs its variables."]
    short = sum(len(key.strip()) < _SECRET for key in keys)
    notes += [f"Shorter than the {_SECRET} characters that RECONCILER_ENV asks for: {short} of them."] if short else []
    return notes


def _report(
    desired: Desired, live: Live, found: Dumped, written: list[Path], gone: list[Path], done: list[str]
) -> AccountReport:
    declared = f"{len(found.tunnels):,} of {counted(len(live.tunnels), 'live tunnel')}"
    notes = ["Wrote no file of tunnels: nothing that is live is left to declare."]
    if written:
        notes = [f"Wrote {_listed(written)} with mode 0600, for {declared}."]
    notes += done
    notes += [f"Removed {_listed(gone)}, of an earlier import or init."] if gone else []
    notes += [f"Ignored, because no file can declare it: {glob}: {why}" for glob, why in found.ignored.items()]
    return AccountReport(
        account=desired.account.name,
        account_id=desired.account.account_id,
        outcome="ok",
        notes=tuple(notes),
        total=len(live.tunnels),
        managed=len(desired.tunnels) + len(found.tunnels),
    )


def _listed(paths: list[Path]) -> str:
    """`tunnels/prod/lon.yaml, tunnels/prod/par.yaml`, or `45 files in tunnels/prod`."""
    return ", ".join(map(str, paths)) if len(paths) <= _LISTED else f"{len(paths)} files in {paths[0].parent}"
