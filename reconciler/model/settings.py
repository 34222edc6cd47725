"""The forms that a tunnel's settings take on their way; the table in `tunnel` says what to do with each.

    raw        {"name": "lon-a", "bgp": {"customer_asn": 65010, "extra_prefixes": null}, "modified_on": …}
    canonical  {"name": "lon-a", "bgp.customer_asn": 65010, "health_check.rate": "mid", …}
    body       {"name": "lon-a", "bgp": {"customer_asn": 65010}, "health_check": {"rate": "mid", …}}

In the canonical form a missing path is unset, and the API's defaults are filled in: equality of meaning is `==`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.model.canonical import Value, WrongType
from reconciler.model.tunnel import DEFAULTS, PATHS, READ_ONLY, SETTINGS, TUNNEL, WHOLE, Clear, Section, Setting, covers

Settings = Mapping[str, Value]
"""Dotted path to canonical value."""

_JSON_TYPES = {type(None): "null", bool: "a boolean", str: "a string", list: "a list", dict: "an object"}


def canonical(tunnel: Mapping[str, Any]) -> dict[str, Value]:
    """The canonical settings of a tunnel in the API's nested form; what can't be read in it counts as unset."""
    return readable(tunnel)[0]


def readable(tunnel: Mapping[str, Any]) -> tuple[dict[str, Value], dict[str, str]]:
    """The canonical settings of a tunnel in the API's nested form, and what can't be read, by path: `bgp is a list`.

    A setting can't be read when it has an impossible JSON type, an object when it lacks what it can't be without. What
    is in no table is passed over.
    """
    wrong: dict[str, str] = {}
    return DEFAULTS | _read(tunnel, TUNNEL, wrong), wrong


def _read(written: Mapping[str, Any], section: Section, wrong: dict[str, str]) -> dict[str, Value]:
    """The settings of one object and of the objects in it; what can't be read goes to `wrong`."""
    out: dict[str, Value] = {}
    settings, sections = section.settings, section.sections
    for key, value in written.items():
        if value is None:
            continue
        if setting := settings.get(key):
            try:
                read = setting.read(value)
            except WrongType as refused:
                wrong[setting.path] = _wrong(setting.path, refused.value)
                continue
            if read is not None:
                out[setting.path] = read
        elif inner := sections.get(key):
            value = {inner.short: value} if inner.short and isinstance(value, str) else value  # noqa: PLW2901
            if isinstance(value, dict):
                out |= _read(value, inner, wrong)
            else:
                wrong[inner.path] = _wrong(inner.path, value)
    # Servers written in Go list an object that is unset with zeros in it. (AS 0 is reserved, RFC 7607, so no session
    # can have it: a zero with nothing beside it says that there is no BGP.)
    if section.whole and not any(out.values()):
        return {}
    if section.whole:
        lacking = [s.path for s in settings.values() if s.required and s.path not in out and s.path not in wrong]
        wrong |= {path: _wrong(path, None) for path in lacking}
    return out


def _wrong(path: str, value: object) -> str:
    """What is wrong with a setting; the value itself may be a secret."""
    return f"{path} is {_JSON_TYPES.get(type(value), 'a number')}"


def has_bgp(settings: Settings) -> bool:
    """Whether a tunnel with these settings has a BGP session at all."""
    return "bgp.customer_asn" in settings


def below(paths: Iterable[str]) -> frozenset[str]:
    """The settings that these paths name, or that stand in the objects that they name."""
    return frozenset(path for rule in paths for path in SETTINGS if covers(rule, path))


def nested(settings: Settings) -> dict[str, Any]:
    """The settings in the API's nested form, as a create sends them. Nothing in it is null (API: null is refused).

    A health-check target is in object form (API: the header `x-magic-new-hc-target: true` asks for that form).
    """
    out: dict[str, Any] = {}
    for path in SETTINGS:
        if path in settings:
            _put(out, path, settings[path])
    return out


def update_body(observed: Mapping[str, Any], target: Settings) -> dict[str, Any]:
    """What a PUT sends so that it is right whether the server merges or replaces.

    (API: the method and the schema say that the body replaces the tunnel, Cloudflare's own examples send one field and
    show the others kept.) So it holds every observed key that is neither unset nor read-only, known or not, at any
    depth, overlaid with the target. What is set live and not in the target is cleared as the table says. The pre-shared
    key is never part of it: Cloudflare's examples of a PUT without one show the key kept.

    A setting that can't be read goes back as it was observed: a tunnel with one is only written where a rule leaves
    that setting alone.

    Args:
        observed: The tunnel as listed.
        target: What it shall have.
    """
    body: dict[str, Any] = _without_unset(observed)
    for path in READ_ONLY:
        _drop(body, path)
    now, wrong = readable(observed)
    unreadable = below(wrong)
    for path, setting in SETTINGS.items():
        if path in unreadable:
            continue
        if path in target:
            _put(body, path, target[path])
        else:
            _clear(body, setting, now.get(path))
    for name, paths in WHOLE.items():
        if target.keys().isdisjoint(paths) and unreadable.isdisjoint(paths):
            _drop(body, name)
    return body


def _clear(body: dict[str, Any], setting: Setting, now: Value | None) -> None:
    """Has an update clear a setting that the target leaves unset: an MD5 key by its absence, a text by `""`."""
    if setting.clear is Clear.OMIT:
        _drop(body, setting.path)
    elif now is not None:
        _put(body, setting.path, () if isinstance(now, tuple) else "")


def _without_unset(value: Any, path: str = "") -> Any:
    """A copy of what is listed without its nulls (API: a null in a request is refused) and known texts that are empty.

    Some servers list what is unset as `""`, and may refuse the same `""` where they expect an address. In a field that
    is not in the table it may mean something, and goes back.
    """
    if isinstance(value, list):  # what stands in it is in no table, so only nulls go
        return [_without_unset(inner, f"{path}*.") for inner in value if inner is not None]
    if not isinstance(value, Mapping):
        return value
    kept = {key: _without_unset(inner, f"{path}{key}.") for key, inner in value.items() if inner is not None}
    return {key: inner for key, inner in kept.items() if inner not in ("", {}) or f"{path}{key}" not in PATHS}


def _put(body: dict[str, Any], path: str, value: Value) -> None:
    *parents, leaf = path.split(".")
    for key in parents:
        if not isinstance(body.get(key), dict):  # it is missing, or a target in its short form
            body[key] = {}
        body = body[key]
    body[leaf] = list(value) if isinstance(value, tuple) else value


def _drop(body: dict[str, Any], path: str) -> None:
    """Takes a key away, and an object that is empty without it."""
    key, _, rest = path.partition(".")
    inner = body.get(key)
    if rest and isinstance(inner, dict):
        _drop(inner, rest)
    if not rest or inner == {}:
        body.pop(key, None)
