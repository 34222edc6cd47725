"""Desired state at a git ref, for `--baseline`."""

from pathlib import Path

from reconciler.cli.context import Context, halt
from reconciler.files.gitref import read_tree_at
from reconciler.files.load import load
from reconciler.model.desired import Desired
from reconciler.model.problems import has_errors, warning


def read_baseline(ctx: Context, ref: str) -> dict[str, Desired] | None:
    """Desired state at the ref, by account id; a root that was not there yet declared nothing.

    None, with a warning, when the files there are wrong: a change that repairs them must still get its plan.

    Raises:
        Halt: The ref or the repository can't be read.
    """
    try:
        tree = read_tree_at(ref, Path(ctx.options.dir))
    except ValueError as wrong:
        raise halt("error", "baseline", f"the baseline {ref} can't be read", f"{wrong}.") from None
    loaded = load(tree, ctx.now().date())
    if tree.accounts and has_errors(loaded.diagnostics):
        first = next(d for d in loaded.diagnostics if d.severity == "error")
        detail = f"No cause is given for any change. The first problem there: {first}"
        ctx.diagnostics = (*ctx.diagnostics, warning("baseline-invalid", f"the files at {ref} are wrong", detail))
        return None
    return {d.account.account_id: d for d in loaded.desired}
