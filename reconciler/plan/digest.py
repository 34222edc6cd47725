"""The digest of a plan: equal only if the same would be done to the same tunnels."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from reconciler.model.desired import CommandRef, EnvRef, FileRef, Generated, KeyRef
from reconciler.model.fields import FIELDS
from reconciler.model.tunnel import Settings
from reconciler.plan.change import Action, Change
from reconciler.plan.diff import wanted

_SENSITIVE = tuple(path for path, field in FIELDS.items() if field.sensitive)


def plan_digest(account_id: str, base: str, changes: Iterable[Change], keyless: Iterable[str] = ()) -> str:
    """`sha256:` and the hash of everything that decides what apply does.

    It covers the account, the API's base URL (or `sandbox`), the changes and the observed settings of the
    tunnels they touch. It does not cover times, places in files, read-only and unknown fields.

    Args:
        account_id: Cloudflare's account id.
        base: The base URL, or `sandbox`.
        changes: In any order.
        keyless: Names of tunnels that have no key yet and get one from Cloudflare.
    """
    content: dict[str, Any] = {
        "account_id": account_id,
        "base": base,
        "changes": [_content(c) for c in sorted(changes, key=lambda c: (c.name, c.key))],
    }
    if names := sorted(keyless):
        content["keyless"] = names
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _content(change: Change) -> dict[str, Any]:
    content: dict[str, Any] = {"action": change.action.value, "key": change.key, "name": change.name}
    if change.live:
        content["observed"] = _values(change.live.settings)
    if change.declared:
        content["wanted"] = _values(wanted(change))
    if change.action is Action.CREATE and change.declared and change.declared.key:
        content["psk"] = _reference(change.declared.key)
    return content


def _values(settings: Settings) -> Mapping[str, Any]:
    """The settings, sensitive ones as their hash, so that a change of a key is seen and the key is not."""
    hidden = {p: settings[p] for p in _SENSITIVE if settings.get(p)}
    hashes = {p: sha256(str(v).encode(errors="surrogatepass")).hexdigest() for p, v in hidden.items()}
    return {**settings, **hashes}


def _reference(key: KeyRef) -> list[str]:
    """What a create's key reference says, without folders, which differ from checkout to checkout."""
    match key:
        case EnvRef(name):
            return ["env", name]
        case FileRef(path):
            return ["file", path.replace("\\", "/").rpartition("/")[2]]
        case CommandRef(argv, _):
            return ["command", *argv]
        case Generated(by, sink):
            return ["generate", by, *_reference(sink)]
        case _:
            return ["external"]
