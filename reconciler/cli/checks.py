"""What the grammar of the command line can't say: values that are empty, options that can't go together."""

from argparse import Namespace

from reconciler.cli.options import UsageError

_NAMED = {
    "dir": "a folder name",
    "sandbox": "a file name",
    "out": "a file name",
    "live": "a file name",
    "save_live": "a file name",
    "plan": "a file name",
    "previous": "a file name",
    "state": "a file name",
    "target": "a pattern",
    "baseline": "a commit",
}


def check(options: Namespace) -> None:
    """Look at values that are empty and options that can't go together; `base_url` gets its one spelling.

    Raises:
        UsageError: Something is wrong.
    """
    to_stdout = [name for name, path in options.output if path is None]
    if len(to_stdout) > 1:
        raise UsageError(f"only one output can go to standard output; give a PATH for one of: {', '.join(to_stdout)}")
    if options.sandbox is not None and options.base_url is not None:
        raise UsageError("--sandbox and --base-url can't go together")
    _check_empty(options)
    if options.base_url is not None:
        options.base_url = _base_url(options.base_url)
    if options.command == "plan" and options.live and (options.server_check or options.save_live):
        raise UsageError("--live is offline: it can't go with --server-check or --save-live")
    if options.command == "import" and (options.account_id is not None) and len(options.account) != 1:
        raise UsageError("--account-id needs exactly one --account NAME")
    if options.command == "psk" and options.action != "status" and not options.names:
        raise UsageError(f"psk {options.action} needs the name of at least one tunnel")


def _check_empty(options: Namespace) -> None:
    """An empty value is a variable that was not set in a script, never the wish to go without."""
    for name, wanted in _NAMED.items():
        if getattr(options, name, None) == "":
            raise UsageError(f"--{name.replace('_', '-')} needs {wanted}")
    if "" in getattr(options, "allow_delete", ()):
        raise UsageError("--allow-delete needs a name")


def _base_url(text: str) -> str:
    from reconciler.api.baseurl import check_base_url

    try:
        return check_base_url(text)
    except ValueError as refused:
        raise UsageError(f"--base-url: {refused}") from None
