"""Desired state at a git ref, for `--baseline`."""

from pathlib import Path

from reconciler.cli.context import Context, halt
from reconciler.core.desired import Desired
from reconciler.core.diagnostic import has_errors
from reconciler.desired.gitref import read_tree_at
from reconciler.desired.load import load


def read_baseline(ctx: Context, ref: str) -> dict[str, Desired]:
    """Desired state at the ref, by account id; a root that was not there yet declared nothing.

    Raises:
        Halt: The ref or the repository can't be read, or the files there are wrong.
    """
    try:
        tree = read_tree_at(ref, Path(ctx.options.dir))
    except ValueError as wrong:
        raise halt("error", "baseline", f"the baseline {ref} can't be read", f"{wrong}.") from None
    loaded = load(tree, ctx.now().date())
    if tree.accounts and has_errors(loaded.diagnostics):
        first = next(d for d in loaded.diagnostics if d.severity == "error")
        detail = f"{first}. Choose a ref whose files are valid, or leave --baseline out."
        raise halt("error", "baseline", f"the files at the baseline {ref} are wrong", detail)
    return {d.account.account_id: d for d in loaded.desired}
