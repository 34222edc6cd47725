"""The forms in which a file says where a pre-shared key is; a key itself is refused and never shown."""

from collections.abc import Callable
from typing import Any

from reconciler.files.scalars import AGE, ARGV, FILE_PATH, GENERATE, VARIABLE
from reconciler.files.shapes import Json, Key, Record
from reconciler.model import checks as values

EXTERNAL = "external"

Handler = Callable[[Any], Any]


_SOURCES = ("env", "file", "command", "generate")
_SINKS = ("file", "command")


def _one_of(found: Any, names: tuple[str, ...]) -> None:
    """Refuses a mapping without exactly one of some keys."""
    if sum(name in found for name in names) != 1:
        remedy = f"Write exactly one of {', '.join(names)}."
        raise values.wrong("bad-reference", "a reference that does not say one place", remedy)


def _sink(value: Any, handler: Handler) -> Any:
    found = handler(value)
    _one_of(found, _SINKS)
    return found


def _psk(value: Any, handler: Handler) -> Any:
    if isinstance(value, str):
        if value == EXTERNAL:
            return {EXTERNAL: True}
        raise values.literal_key()
    found = handler(value)
    _one_of(found, _SOURCES)
    if ("generate" in found) != ("deliver_to" in found):
        remedy = "A generated key needs both: {generate: true, deliver_to: {file: PATH}}."
        raise values.wrong("bad-reference", "generate and deliver_to belong together", remedy)
    return found


def _exactly_one(names: tuple[str, ...]) -> list[Json]:
    """What `_one_of` asks for, in the words of JSON Schema."""
    return [{"required": [name]} for name in names]


SINK = Record(
    "SinkKeys",
    "Where a new key is delivered: a file, or a command that takes it on standard input.",
    {"file": Key(FILE_PATH), "command": Key(ARGV)},
    wrap=_sink,
    rules={"oneOf": _exactly_one(_SINKS)},
)

PSK = Record(
    "PskKeys",
    "Where the pre-shared key is; never the key.",
    {
        "env": Key(VARIABLE, "Name of the environment variable that holds the key."),
        "file": Key(FILE_PATH, "File that holds the key, relative to this file."),
        "command": Key(ARGV, "Program and arguments that print the key; needs --allow-commands."),
        "generate": Key(GENERATE, "Who makes the key."),
        "deliver_to": Key(SINK, "Where the new key is stored before it is used."),
        "rotate_after": Key(AGE, "Age at which reports call the key overdue: 90d, 12w."),
    },
    wrap=_psk,
    instead=({"type": "string", "const": EXTERNAL},),
    rules={
        "oneOf": _exactly_one(_SOURCES),
        "dependentRequired": {"generate": ["deliver_to"], "deliver_to": ["generate"]},
    },
)
