"""The YAML files as desired state: of the selected accounts now, and of all at `--baseline`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from reconciler.cli.context import Context, Halt, halt
from reconciler.cli.named import refuse_files
from reconciler.cli.options import UsageError, near, unheard
from reconciler.files.load import Loaded, load
from reconciler.files.tree import Tree, read_tree
from reconciler.model.canonical import tunnel_name
from reconciler.model.desired import Declared, Desired
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Diagnostic, has_errors, warning
from reconciler.model.tunnel import SENSITIVE_PATHS

_NAMED = 10


def load_files(ctx: Context, tree: Tree | None = None) -> tuple[Desired, ...]:
    """Desired state of the selected accounts; what is wrong with it, and the baseline, go to the context.

    Args:
        ctx: Surroundings.
        tree: The files, for who needs them for more than this: they are read once, since somebody may edit them.

    Raises:
        Halt: `invalid` when the files of a selected account are wrong; the baseline can't be read.
        UsageError: `--account` names none, or an output is one of the files.
    """
    tree = read_tree(Path(ctx.options.dir)) if tree is None else tree
    loaded = load(tree, ctx.now().date())
    refuse_files(ctx.options, tree, loaded.desired)  # of all accounts: an output must not replace anybody's file
    ctx.every = loaded.desired
    for desired in ctx.every:
        watch_md5_keys(ctx, desired.tunnels.values())
    others = {  # the files of accounts that are not selected; what is wrong there is not this run's concern
        file.path
        for account in tree.accounts
        if ctx.options.account and account.name not in ctx.options.account
        for file in (*account.files, *account.unread, *((account.account_file,) if account.account_file else ()))
    }
    found = [d for d in loaded.diagnostics if d.location is None or d.location.file not in others]
    if where := ctx.options.origin("dir"):  # a problem without a place is about the folder as a whole
        found = [d if d.location else replace(d, summary=d.summary + where) for d in found]
    ctx.diagnostics = (*_unheard(ctx), *found)
    if has_errors(ctx.diagnostics) or (ctx.options.strict and ctx.diagnostics):
        raise Halt("invalid")
    every = selected(ctx, loaded)
    for name in ctx.options.allow_delete:
        # A name that no tunnel has is only warned of, once the list shows that. This one the files rule out: whoever
        # names it expects a delete that will not be, or stands in the wrong folder.
        if not any(desired.account.is_owned(tunnel_name(name)) for desired in every):
            raise UsageError(f"--allow-delete {name}: `owns` leaves that tunnel to other files, so it stays here")
    ctx.baseline = _baseline_of(ctx)
    return every


def _unheard(ctx: Context) -> Iterator[Diagnostic]:
    """Warnings about variables that somebody meant for this program; what a file names is somebody's own."""
    found = {name: remedy for name in ctx.env if (remedy := unheard(name))}
    if not found:
        return
    for name in sorted(found.keys() - {name for desired in ctx.every for name in desired.variables}):
        yield warning("unknown-variable", f"the environment variable {name} does nothing", found[name])


def selected(ctx: Context, loaded: Loaded) -> tuple[Desired, ...]:
    """Desired state of the accounts that `--account` names, or of all.

    Raises:
        UsageError: It names one that is not there.
    """
    known = [d.account.name for d in loaded.desired]
    for name in ctx.options.account:
        if name not in known:
            hint = near(name, tuple(known)) or f". There: {', '.join(known[:_NAMED]) or 'none'}."
            named = f"{name!r}{ctx.options.origin('account')} in {ctx.options.dir}{ctx.options.origin('dir')}"
            raise UsageError(f"there is no account {named}{hint}")
    return tuple(d for d in loaded.desired if not ctx.options.account or d.account.name in ctx.options.account)


def with_md5_keys(ctx: Context, every: Iterable[Desired]) -> tuple[Desired, ...]:
    """The accounts with the MD5 keys that references name, as far as they can be read here.

    They are watched from then on, before anything is sent: an error may quote one.
    """
    found = tuple(every)
    if not any(tunnel.references for desired in found for tunnel in desired.tunnels.values()):
        return found
    from reconciler.secrets.resolve import with_md5_keys

    found = tuple(with_md5_keys(desired, ctx.env) for desired in found)
    for desired in found:
        watch_md5_keys(ctx, (tunnel for tunnel in desired.tunnels.values() if tunnel.references))
    return found


def watch_md5_keys(ctx: Context, tunnels: Iterable[Declared | LiveTunnel]) -> None:
    """Have messages that quote a sensitive setting of these tunnels, such as an MD5 key, withheld."""
    found = (tunnel.settings.get(path) for tunnel in tunnels for path in SENSITIVE_PATHS)
    ctx.output.redactor.watch(*{secret for secret in found if isinstance(secret, str)})


def _baseline_of(ctx: Context) -> dict[str, Desired] | None:
    """Desired state at `--baseline REF` by account id; a root that was not there yet declared nothing.

    None when it was not asked for. None with a warning when the files there are wrong: a change that repairs them must
    still get its plan.

    Raises:
        Halt: The ref or the repository can't be read.
    """
    ref = ctx.options.baseline
    if ref is None:
        return None
    from reconciler.files.gitref import read_tree_at
    from reconciler.files.load import load
    from reconciler.secrets.program import child_environment

    try:
        tree = read_tree_at(ref, Path(ctx.options.dir), child_environment(ctx.env, ctx.every))
    except ValueError as wrong:
        raise halt("error", "baseline", f"the baseline {ref} can't be read", f"{wrong}.") from None
    loaded = load(tree, ctx.now().date())
    if tree.accounts and has_errors(loaded.diagnostics):
        first = next(d for d in loaded.diagnostics if d.severity == "error")
        detail = f"No cause is given for any change. The first problem there: {first}"
        ctx.diagnostics += (warning("baseline-invalid", f"the files at {ref} are wrong", detail),)
        return None
    return {d.account.account_id: d for d in with_md5_keys(ctx, loaded.desired)}
