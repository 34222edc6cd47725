"""The forms in which a file says where a pre-shared key is; a key itself is refused and never shown."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import WrapValidator, with_config
from typing_extensions import TypedDict

from reconciler.desired import values
from reconciler.desired.scalars import CLOSED, Age, Argv, FilePath, Generate, Variable, doc

EXTERNAL = "external"


def _one_of(names: tuple[str, ...]) -> WrapValidator:
    """A validator for a mapping that must have exactly one of some keys."""

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        found = handler(value)
        if sum(name in found for name in names) != 1:
            remedy = f"Write exactly one of {', '.join(names)}."
            raise values.wrong("bad-reference", "a reference that does not say one place", remedy)
        return found

    return WrapValidator(check)


@with_config(CLOSED)
class SinkKeys(TypedDict, total=False):
    """Where a new key is delivered: a file, or a command that takes it on standard input."""

    file: FilePath
    command: Argv


Sink = Annotated[SinkKeys, _one_of(("file", "command"))]


@with_config(CLOSED)
class PskKeys(TypedDict, total=False):
    """Where the pre-shared key is; never the key."""

    env: Annotated[Variable, doc("Name of the environment variable that holds the key.")]
    file: Annotated[FilePath, doc("File that holds the key, relative to this file.")]
    command: Annotated[Argv, doc("Program and arguments that print the key; needs --allow-commands.")]
    generate: Annotated[Generate, doc("Who makes the key.")]
    deliver_to: Annotated[Sink, doc("Where the new key is stored before it is used.")]
    rotate_after: Annotated[Age, doc("Age at which reports call the key overdue: 90d, 12w.")]


def _psk(value: Any, handler: Callable[[Any], Any]) -> Any:
    if isinstance(value, str):
        if value == EXTERNAL:
            return {EXTERNAL: True}
        raise values.literal_key()
    found = handler(value)
    if found and ("generate" in found) != ("deliver_to" in found):
        remedy = "A generated key needs both: {generate: true, deliver_to: {file: PATH}}."
        raise values.wrong("bad-reference", "generate and deliver_to belong together", remedy)
    return found


Psk = Annotated[
    Annotated[PskKeys, _one_of(("env", "file", "command", "generate"))],
    WrapValidator(_psk, json_schema_input_type=PskKeys | Literal["external"]),
]
