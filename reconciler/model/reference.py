"""How a file says where a key is, and where a new one goes. A pre-shared key itself is refused, and never shown."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, JsonValue, ModelWrapValidatorHandler, model_validator

from reconciler.model import checks
from reconciler.model.problems import did_you_mean
from reconciler.model.written import ANY_SCALAR, Written, scalar

EXTERNAL = "external"

FilePath = Annotated[str, *scalar(checks.filled, type="string", minLength=1)]
SinkPath = Annotated[str, *scalar(checks.sink_path, type="string", minLength=1)]
Argv = Annotated[list[Annotated[str, *scalar(checks.argument, type=ANY_SCALAR)]], Field(min_length=1)]
Variable = Annotated[str, *scalar(checks.variable, type="string", pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
Maker = Annotated[str, *scalar(checks.generate, enum=[True, checks.CLOUDFLARE], default=True)]
Age = Annotated[int, *scalar(checks.age, type=["string", "integer"], pattern="^[1-9][0-9]*[dw]?$", minimum=1)]


def _exactly_one(*names: str) -> list[JsonValue]:
    """What an editor is told of mappings that hold exactly one of some keys."""
    return [{"type": "object", "required": [name]} for name in names]


class Sink(Written):
    """Where a new key is delivered: a file, or a command that takes it on standard input."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _exactly_one("file", "command")})

    file: SinkPath | None = None
    command: Argv | None = None

    @model_validator(mode="after")
    def _says_one_place(self) -> Self:
        _one_of(self, "file", "command")
        return self


class Psk(Written):
    """Where the pre-shared key is; never the key. Nothing is set in it where the key is `external`."""

    model_config = ConfigDict(
        json_schema_extra={
            "type": ["object", "string"],
            "oneOf": [{"const": EXTERNAL}, *_exactly_one("env", "file", "command", "generate")],
            "dependentRequired": {"generate": ["deliver_to"], "deliver_to": ["generate"]},
        }
    )

    env: Annotated[Variable | None, Field(description="Name of the environment variable that holds the key.")] = None
    file: Annotated[FilePath | None, Field(description="File that holds the key, relative to this file.")] = None
    command: Annotated[
        Argv | None, Field(description="Program and arguments that print the key; needs --allow-commands.")
    ] = None
    generate: Annotated[Maker | None, Field(description="Who makes the key.")] = None
    deliver_to: Annotated[Sink | None, Field(description="Where the new key is stored before it is used.")] = None
    rotate_after: Annotated[Age | None, Field(description="Age at which reports call the key overdue: 90d, 12w.")] = (
        None
    )

    @model_validator(mode="wrap")
    @classmethod
    def _says_one_place(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if value == EXTERNAL:
            return handler({})
        if isinstance(value, str):
            raise checks.literal_psk(did_you_mean(value, (EXTERNAL,)))
        found = handler(value)
        _one_of(found, "env", "file", "command", "generate")
        if (found.generate is None) != (found.deliver_to is None):
            remedy = "A generated key needs both: {generate: true, deliver_to: {file: PATH}}."
            raise checks.wrong("bad-reference", "generate and deliver_to belong together", remedy)
        return found


class Md5Ref(Written):
    """A BGP MD5 key, or where it is."""

    # (A plan compares the key, and a plan runs no command.)
    model_config = ConfigDict(
        json_schema_extra={
            "type": ["object", *ANY_SCALAR],
            "oneOf": [{"type": [*ANY_SCALAR]}, *_exactly_one("env", "file")],
        }
    )

    env: Annotated[Variable | None, Field(description="Name of the environment variable that holds the key.")] = None
    file: Annotated[FilePath | None, Field(description="File that holds the key, relative to this file.")] = None

    @model_validator(mode="after")
    def _says_one_place(self) -> Self:
        _one_of(self, "env", "file")
        return self


def _one_of(found: Written, *names: str) -> None:
    """Refuses a mapping without exactly one of some keys."""
    if sum(getattr(found, name) is not None for name in names) != 1:
        remedy = f"Write exactly one of {', '.join(names)}."
        raise checks.wrong("bad-reference", "a reference that does not say one place", remedy)
