"""Digests: two plans, or two changes, are the same exactly when their digests are.

A plan is often made twice: for people, who approve it, and again right before apply carries it out. Equal digests then
show that what is done is what was approved, though files and tunnels were read again in between.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from reconciler.model.desired import CommandRef, EnvRef, FileRef, Generated, PskRef
from reconciler.model.settings import Settings
from reconciler.model.tunnel import SENSITIVE_PATHS, WHOLE, covers
from reconciler.plan.diff import Action, Change
from reconciler.plan.plan import Plan


def plan_digest(plan: Plan) -> str:
    """`sha256:` and the hash of everything that decides what apply does.

    It covers the account, the API's base URL (or `sandbox`), the changes and the observed settings of the tunnels they
    touch, and the waves of a rollout. It does not cover times, places in files, read-only and unknown fields; nor what
    `owns`, `ignore` and `prune` say, since all that comes of these is which changes there are.
    """
    content: dict[str, Any] = {
        "account_id": plan.desired.account.account_id,
        "base": plan.options.base,
        "changes": [_content(c) for c in plan.changes],
    }
    if names := sorted(plan.without_psk):
        content["keyless"] = names
    rollout, waves = plan.desired.account.rollout, plan.phases.waves
    if rollout is not None and waves:
        refs = [[[change.ref for change in group] for group in (*wave.first, *wave.groups)] for wave in waves]
        settings = rollout._asdict() | {"waves": refs, "probe": rollout.probe and rollout.probe.argv}
        content["rollout"] = {name: value for name, value in settings.items() if value is not None}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _content(change: Change) -> dict[str, Any]:
    """What the digest covers of a change. "key" is an old word for its ref: another one would change every digest."""
    content: dict[str, Any] = {"action": change.action.value, "key": change.ref, "name": change.name}
    if change.live:
        content["observed"] = _values(change.before)
    if change.declared:
        content["wanted"] = {**_values(change.target), **_new_references(change)}
    if change.action is Action.CREATE and change.declared and change.declared.psk:
        content["psk"] = _reference(change.declared.psk)
    return content


def _new_references(change: Change) -> dict[str, list[str]]:
    """The references of keys in what only the files have: a tunnel to create, an object to add.

    They stand for the keys, so that a plan is the same where these can be read and where they can't. In all else a key
    that can't be read is as it is live.
    """
    references = change.declared.references if change.declared else {}
    new = [field.path for field in change.fields if field.path in WHOLE and field.before is None]
    return {path: _reference(where) for path, where in references.items() if any(covers(name, path) for name in new)}


def change_digest(change: Change) -> str:
    """`sha256:` and the hash of one update: its tunnel, and the values before and after of what it writes."""
    before, after = _values(change.before), _values(change.target)
    content = [change.ref, [[path, before.get(path), after.get(path)] for path in change.paths]]
    return f"sha256:{sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}"


def _values(settings: Settings) -> Mapping[str, Any]:
    """The settings, sensitive ones as their hash, so that a change of a key is seen and the key is not."""
    hidden = {p: settings[p] for p in SENSITIVE_PATHS if settings.get(p)}
    hashes = {p: sha256(str(v).encode(errors="surrogatepass")).hexdigest() for p, v in hidden.items()}
    return {**settings, **hashes}


def _reference(psk: PskRef) -> list[str]:
    """What a create's key reference says, without folders, which differ from checkout to checkout."""
    match psk:
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
