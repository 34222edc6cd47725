"""The saved plan: what was approved, so that apply can tell whether it is still what would be done."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.model.tunnel import SETTINGS
from reconciler.plan.build import Plan
from reconciler.plan.diff import Change

SAVED_VERSION = "1.0"
"""Version of the file's format; a file of another version is refused."""


def saved_plan(plans: Iterable[Plan]) -> dict[str, Any]:
    """The plans of all selected accounts as JSON. It holds no secret.

    The digests decide; the rest is there to be read, and to name what differs later.
    """
    return {
        "format_version": SAVED_VERSION,
        "kind": "saved-plan",
        "accounts": [_account(plan) for plan in sorted(plans, key=lambda p: p.desired.account.name)],
    }


def _account(plan: Plan) -> dict[str, Any]:
    account = plan.desired.account
    return {
        "account": account.name,
        "account_id": account.account_id,
        "base": plan.options.base,
        "digest": plan.digest,
        "changes": [_change(c) for c in plan.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    observed = change.live.settings if change.live else {}
    return {
        "action": change.action.value,
        "name": change.name,
        "previous_name": change.previous_name,
        "id": change.id,
        "fields": [
            {"path": f.path, "before": f.before, "after": f.after, "sensitive": f.sensitive} for f in change.fields
        ],
        "observed": {
            path: list(value) if isinstance(value, tuple) else value
            for path, value in sorted(observed.items())
            if not SETTINGS[path].sensitive
        },
    }


def check_saved(document: object, plans: Iterable[Plan]) -> tuple[str, ...]:
    """Compares a saved plan with the plans computed now: what differs, in sentences; empty when they are the same.

    Only equal sets of accounts with equal digests pass, and only when the rest says the same: so a malformed or forged
    file can at most be refused, and what was read in it is what is done.

    Args:
        document: Whatever JSON the file holds.
        plans: The plans of all selected accounts.

    Returns:
        One sentence a difference. They may quote names from the file.
    """
    now = {entry["account"]: entry for entry in saved_plan(plans)["accounts"]}
    then = _accounts(document)
    if then is None:
        return ("the file is not a saved plan of this version",)
    out: list[str] = []
    for name in sorted(now.keys() | then.keys()):
        if name not in then:
            out.append(f"account {name} is not in the saved plan")
        elif name not in now:
            out.append(f"account {name} is in the saved plan only")
        elif then[name].get("digest") != now[name]["digest"]:
            out.extend(_explain(name, then[name], now[name]))
        elif then[name] != now[name]:
            out.append(f"the saved plan of account {name} was changed after it was written")
    return tuple(out)


def _accounts(document: object) -> dict[str, Mapping[str, Any]] | None:
    if not isinstance(document, dict) or document.get("format_version") != SAVED_VERSION:
        return None
    entries = document.get("accounts")
    if document.get("kind") != "saved-plan" or not isinstance(entries, list):
        return None
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        name = entry.get("account") if isinstance(entry, dict) else None
        if not isinstance(name, str) or name in found:
            return None
        found[name] = entry
    return found


def _explain(account: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    out = [f"{key} of account {account} is another one" for key in ("account_id", "base") if then.get(key) != now[key]]
    before, after = _by_key(then.get("changes")), _by_key(now["changes"])
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        name = str((new or old or {}).get("name"))
        if old is None:
            out.append(f"{account}: {name} would be changed now and was not before")
        elif new is None:
            out.append(f"{account}: {name} would not be changed now")
        elif old != new:
            out.extend(_explain_change(account, name, old, new))
    # A sensitive value or a key's reference is in the digest and nowhere else.
    return out or [f"{account}: a value that is not shown, or the file, was changed"]


def _by_key(changes: object) -> dict[str, Mapping[str, Any]]:
    items = [c for c in changes if isinstance(c, dict)] if isinstance(changes, list) else []
    return {str(c.get("id") or f"+{c.get('name')}"): c for c in items}


def _explain_change(account: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in ("action", "name", "previous_name"):
        if old.get(key) != new[key]:
            yield f"{account}: {key} of {name} is now {new[key]}"
    before, after = _values(old), _values(new)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield f"{account}: {path} of {name} is not what it was"


def _values(change: Mapping[str, Any]) -> dict[str, object]:
    """What was observed and what is to be written, by path, as far as the entry is well-formed."""
    observed, fields = change.get("observed"), change.get("fields")
    out: dict[str, object] = {}
    if isinstance(observed, dict):
        out.update((str(path), [value]) for path, value in observed.items())
    for item in fields if isinstance(fields, list) else ():
        if isinstance(item, dict):
            path = str(item.get("path"))
            out[path] = [out.get(path), item]
    return out


def saved_plan_schema() -> dict[str, Any]:
    """The JSON Schema of a saved plan."""
    text, maybe = {"type": "string"}, {"type": ["string", "null"]}
    field = _object({"path": text, "before": {}, "after": {}, "sensitive": {"type": "boolean"}})
    change = _object(
        {
            "action": {"enum": ["create", "update", "delete"]},
            "name": text,
            "previous_name": maybe,
            "id": maybe,
            "fields": {"type": "array", "items": field},
            "observed": {"type": "object"},
        }
    )
    account = _object(
        {
            "account": text,
            "account_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "base": text,
            "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
            "changes": {"type": "array", "items": change},
        }
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Saved plan",
        **_object(
            {
                "format_version": {"const": SAVED_VERSION},
                "kind": {"const": "saved-plan"},
                "accounts": {"type": "array", "items": account},
            }
        ),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
