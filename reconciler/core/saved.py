"""The saved plan: what was approved, so that apply can tell whether it is still what would be done."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.change import Change
from reconciler.core.fields import FIELDS
from reconciler.core.plan import Plan

SAVED_VERSION = "1.0"
"""Version of the file's format; a file of another version is refused."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a saved plan is refused.

    Attributes:
        message: What differs, in one sentence. It may quote names from the file.
        account: Where it differs.
        tunnel: Which tunnel differs, when one does.
        field: Which field of it, when one does.
    """

    message: str
    account: str | None = None
    tunnel: str | None = None
    field: str | None = None


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
            if not FIELDS[path].sensitive
        },
    }


def check_saved(document: object, plans: Iterable[Plan]) -> tuple[Mismatch, ...]:
    """Compares a saved plan with the plans computed now; empty when they are the same.

    Only equal sets of accounts with equal digests pass, and only when the rest says the same: so a malformed or forged
    file can at most be refused, and what was read in it is what is done.

    Args:
        document: Whatever JSON the file holds.
        plans: The plans of all selected accounts.
    """
    now = {entry["account"]: entry for entry in saved_plan(plans)["accounts"]}
    then = _accounts(document)
    if then is None:
        return (Mismatch("the file is not a saved plan of this version"),)
    out: list[Mismatch] = []
    for name in sorted(now.keys() | then.keys()):
        if name not in then:
            out.append(Mismatch(f"account {name} is not in the saved plan", name))
        elif name not in now:
            out.append(Mismatch(f"account {name} is in the saved plan only", name))
        elif then[name].get("digest") != now[name]["digest"]:
            out.extend(_explain(name, then[name], now[name]))
        elif then[name] != now[name]:
            out.append(Mismatch(f"the saved plan of account {name} was changed after it was written", name))
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


def _explain(account: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Mismatch]:
    out = [
        Mismatch(f"{key} of account {account} is another one", account, None, key)
        for key in ("account_id", "base")
        if then.get(key) != now[key]
    ]
    before, after = _by_key(then.get("changes")), _by_key(now["changes"])
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        name = str((new or old or {}).get("name"))
        if old is None:
            out.append(Mismatch(f"{account}: {name} would be changed now and was not before", account, name))
        elif new is None:
            out.append(Mismatch(f"{account}: {name} would not be changed now", account, name))
        elif old != new:
            out.extend(_explain_change(account, name, old, new))
    # A sensitive value or a key's reference is in the digest and nowhere else.
    return out or [Mismatch(f"{account}: a value that is not shown, or the file, was changed", account)]


def _by_key(changes: object) -> dict[str, Mapping[str, Any]]:
    items = [c for c in changes if isinstance(c, dict)] if isinstance(changes, list) else []
    return {str(c.get("id") or f"+{c.get('name')}"): c for c in items}


def _explain_change(account: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Mismatch]:
    for key in ("action", "name", "previous_name"):
        if old.get(key) != new[key]:
            yield Mismatch(f"{account}: {key} of {name} is now {new[key]}", account, name, key)
    before, after = _values(old), _values(new)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield Mismatch(f"{account}: {path} of {name} is not what it was", account, name, path)


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
