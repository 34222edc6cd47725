"""Saved live lists, for plans without a token: `plan --save-live` and `plan --live`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event

from reconciler.cli.context import Halt, halt
from reconciler.cli.write import write_file
from reconciler.model.desired import Desired
from reconciler.model.live import ListUntrusted, Live, live_from_result

_VERSION = "1.0"


def write_live(path: Path, lists: Mapping[str, Live], stop: Event) -> bool:
    """Save lists by account id, a file with mode 0600: they may hold BGP MD5 keys. Returns whether it is a file.

    Raises:
        Halt: It can't be written.
    """
    accounts = {i: {"ipsec_tunnels": [dict(t.raw) for t in live.tunnels.values()]} for i, live in lists.items()}
    document = {"format_version": _VERSION, "kind": "saved-live", "accounts": accounts}
    return write_file(path, json.dumps(document, indent=2, sort_keys=True) + "\n", stop, private=True)


def read_live(path: Path, data: bytes, every: Iterable[Desired]) -> dict[str, Live]:
    """The saved lists of these accounts by account id, trusted by the same rules as an answer of the API.

    Args:
        path: The file, for messages.
        data: What stands in it.
        every: The accounts.

    Raises:
        Halt: It holds no lists, or lacks a whole one for one of the accounts.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as wrong:
        raise _halt(path, str(wrong)) from None
    wanted = tuple(every)
    accounts = _accounts(path, document, wanted)
    lists = {}
    for desired in wanted:
        account = desired.account
        try:
            lists[account.account_id] = live_from_result(accounts.get(account.account_id))
        except ListUntrusted as wrong:
            raise _halt(path, f"it holds no whole list of account {account.name}: {wrong}") from None
    return lists


def _accounts(path: Path, document: object, wanted: Sequence[Desired]) -> dict[str, object]:
    """The lists by account id. For one account, the API's own answer will do too."""
    if not isinstance(document, dict):
        raise _halt(path, "it is not a file that --save-live wrote")
    if document.get("success") is True and not document.get("errors") and len(wanted) == 1:
        return {wanted[0].account.account_id: document.get("result")}
    accounts = document.get("accounts")
    if document.get("kind") != "saved-live" or not isinstance(accounts, dict):
        raise _halt(path, "it is not a file that --save-live wrote")
    if document.get("format_version") != _VERSION:
        raise _halt(path, "it is of another version")
    return accounts


def _halt(path: Path, why: str) -> Halt:
    return halt(
        "error", "saved-live", f"the saved list {path} can't be used", f"{why}. Write it again: plan --save-live."
    )
