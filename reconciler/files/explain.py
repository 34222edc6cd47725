"""Validation errors as diagnostics with a place and a remedy, and the value without its wrong parts.

The second lets the other rules look at what is right in a wrong file, so that one run tells every problem. No
message holds the value of an unknown key or of a key.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

from reconciler.files.consistency import Gone
from reconciler.model.account import AccountFile, TunnelFile
from reconciler.model.checks import literal_psk
from reconciler.model.problems import MAX_LISTED, Diagnostic, Level, did_you_mean, error, nearest, shown, unlisted
from reconciler.model.reference import EXTERNAL, Psk
from reconciler.model.tunnel import Defaults, Tunnel
from reconciler.model.written import Plain, Written, keys_of, model_of
from reconciler.yaml.read import Document

Error = Mapping[str, Any]
Loc = tuple[str | int, ...]

_LENGTHS = {
    "too_short": (
        "empty-value",
        "an empty list where something is needed",
        "Write at least one item, or remove the key.",
    ),
    "too_long": ("out-of-range", "a list with far too many items", "Split it, or remove what stands there twice."),
}
_SHAPES = {"model_type": "a mapping", "list_type": "a list"}
_SECRET = re.compile(r"psk|pks|pre.?shared|secret|passw|(^|_)key$|^key", re.IGNORECASE)
_SIMPLE = re.compile(r"[\w.:/-]{1,40}")
_PSK_WORDS = ("psk", "ipsec_psk", "pre_shared_key")
_NOTHING = "An empty file never means that nothing is wanted. If that is meant, write `tunnels: []`."
_MEANT_PSK = did_you_mean("psk", ("psk",))
_OWN_KEYS = Tunnel.model_fields.keys() - Defaults.model_fields.keys()


def _model(path: Loc, root: type[Written]) -> type[Written]:
    """The model of a mapping, of a list's items, or of what a scalar stands in."""
    model = root
    for part in path:
        if isinstance(part, str):
            model = model_of(keys_of(model)[part].annotation) or model
    return model


def _known(parent: Loc, root: type[Written]) -> tuple[str, ...]:
    """The keys that can stand in a mapping."""
    return tuple(keys_of(_model(parent, root)))


def _unknown(found: Error, root: type[Written]) -> tuple[str, str, str]:
    *parent, name = found["loc"]
    known = _known(tuple(parent), root)
    where = next((part for part in reversed(parent) if isinstance(part, str)), "")
    near = did_you_mean(name, known)
    if where == "md5_key" and name in Psk.model_fields:
        detail = "A plan compares MD5 keys, and it runs no command and makes no key. Write {env: NAME} or {file: PATH}."
        return "unknown-key", f"{shown(name)} can't stand in md5_key", detail
    if where in ("psk", "md5_key", "deliver_to", "token"):  # the name may be a key
        return "unknown-key", f"an unknown key in {where}", f"{near}It can hold {', '.join(known)}."
    # `pre_shared_key: s3cret` is somebody's key in the repository, which weighs more than its name.
    of_tunnel = where in ("tunnels", "defaults") or (root is TunnelFile and not parent)
    may_be_psk = isinstance(found["input"], str) and found["input"] != EXTERNAL and near in ("", _MEANT_PSK)
    if of_tunnel and may_be_psk and (_SECRET.search(name) or did_you_mean(name, _PSK_WORDS)):
        problem = literal_psk().context or {}
        return "literal-psk", problem["summary"], problem["detail"]
    if where == "defaults" and name in _OWN_KEYS:
        return "not-in-defaults", f"{shown(name)} can't stand in defaults", "Write it in each tunnel."
    if not parent and (name in _OWN_KEYS or name in Defaults.model_fields):
        return (
            "unknown-key",
            f"{shown(name)} stands outside tunnels and defaults",
            "Indent it below one of them.",
        )
    if not parent and name in (*AccountFile.model_fields, "tunnels"):
        file = "a file beside account.yaml" if name == "tunnels" else "account.yaml"
        return "unknown-key", f"{shown(name)} can't stand in this file", f"It belongs in {file}."
    if not parent and not near and isinstance(found["input"], dict):  # often meant as a place for an anchor
        near = "What tunnels share belongs below defaults. "
    return "unknown-key", f"unknown key {shown(name)}", f"{near}Known here: {', '.join(known)}."


def _words(found: Error, root: type[Written]) -> tuple[str, str, str]:
    kind, loc = found["type"], found["loc"]
    if kind == "extra_forbidden":
        return _unknown(found, root)
    if loc == ("tunnels",) and (kind == "missing" or found["input"] is None):
        return "nothing-declared", "this file declares no tunnels", _NOTHING
    if kind == "missing":
        name = str(loc[-1])
        meaning = keys_of(_model(loc[:-1], root))[str(name)].description
        return "missing-field", f"{shown(name)} is missing", f"It is required: add it. {meaning or ''}".strip()
    if kind in _LENGTHS:
        return _LENGTHS[kind]
    if kind in _SHAPES:
        given = {list: "a list", dict: "a mapping", type(None): "nothing"}.get(type(found["input"]), "text")
        if type(found["input"]) is Plain and found["input"].lower() not in ("true", "false"):
            given = "a number"
        remedy = f"Write {_SHAPES[kind]} here, as in `{_example(found, root)}`."
        return "wrong-type", f"{given} where {_SHAPES[kind]} belongs", remedy
    return kind, found["ctx"]["summary"], found["ctx"]["detail"]  # an error of our own, from `model.checks`


def _example(found: Error, root: type[Written]) -> str:
    """What belongs in a place where something else stands: `removed: [a]`, `bgp: {customer_asn: …}`, `- name: …`."""
    loc, value = found["loc"], found["input"]
    if not loc:
        return "tunnels: [{name: …}]" if root is TunnelFile else "prune: true"
    name = loc[-1]
    outer, inner = _model(loc[:-1], root), _model(loc, root)
    mapping = f"{'name' if 'name' in inner.model_fields else next(iter(inner.model_fields))}: …"
    if isinstance(name, int):
        return f"- {mapping}"
    if found["type"] == "model_type":
        return f"{name}: {{{mapping}}}"
    if inner is not outer:
        return f"{name}: [{{{mapping}}}]"
    # The words of a command are not shown: people put keys there.
    known = name != "command" and isinstance(value, str) and _SIMPLE.fullmatch(value)
    return f"{name}: [{value if known else '…'}]"


def _meant(found: Error, root: type[Written]) -> str:
    """The key that was probably meant by an unknown one."""
    if found["type"] != "extra_forbidden":
        return ""
    *parent, name = found["loc"]
    return nearest(name, _known(tuple(parent), root))


def explain(document: Document, errors: Sequence[Error], root: type[Written]) -> list[Diagnostic]:
    """One diagnostic for each of pydantic's errors, at its place in the file.

    Args:
        document: The file that was validated.
        errors: As `ValidationError.errors()` gives them; reported up to a limit, then how many more there are.
        root: The model of the whole file.
    """
    out = []
    first = errors[:MAX_LISTED]
    misspelt = {(*found["loc"][:-1], meant) for found in first if (meant := _meant(found, root))}
    for found in first:
        if found["type"] == "missing" and found["loc"] in misspelt:
            continue  # `purne: true` is one mistake, and is told once
        code, summary, detail = _words(found, root)
        key = code in ("unknown-key", "not-in-defaults", "nothing-declared")
        out.append(error(code, summary, detail, document.location(found["loc"], key=key)))
    if rest := errors[MAX_LISTED:]:
        out.append(unlisted(len(rest), Level.ERROR, document.location(rest[0]["loc"])))
    return out


def without(value: Any, errors: Iterable[Error], model: type[Written]) -> tuple[Any, Gone]:
    """A file's value, not changed, without each top-level key that an error is about, and these keys.

    Args:
        value: The file's value.
        errors: As `ValidationError.errors()` gives them.
        model: The model of the whole file.
    """
    file: set[str] = set()
    defaults: set[str] = set()
    tunnels: dict[int, set[str]] = {}
    lost: set[int] = set()
    for found in errors:
        loc: Loc = found["loc"]
        match loc:
            case ():
                return {}, Gone({*model.model_fields})
            case ("tunnels", int(index)):
                lost.add(index)
                continue
            case ("tunnels", int(index), str(key), *_):
                gone = tunnels.setdefault(index, set())
            case ("defaults", str(key), *_):
                gone = defaults
            case _:
                gone, key = file, str(loc[0])
        gone.add(key)
        meant = _meant(found, model) if loc[-1] == key else ""
        if meant and meant not in reduce(getitem, loc[:-1], value):  # misspelt, not missing
            gone.add(meant)
        if _SECRET.search(key):  # a key under a wrong name: do not say as well that the tunnel has none
            gone.add("psk")
    root = {k: v for k, v in value.items() if k not in file}
    if isinstance(root.get("defaults"), dict):
        root["defaults"] = {k: v for k, v in root["defaults"].items() if k not in defaults}
    if isinstance(root.get("tunnels"), list):
        root["tunnels"] = [
            {} if i in lost else {k: v for k, v in item.items() if k not in tunnels.get(i, ())}
            for i, item in enumerate(root["tunnels"])
        ]
    return root, Gone(file, defaults, {**tunnels, **dict.fromkeys(lost)})
