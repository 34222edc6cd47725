"""The scalars of the files as pydantic types: how each is checked, and what an editor's schema says of it."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from reconciler.core.fields import FIELDS
from reconciler.desired import addresses, values

CLOSED = ConfigDict(extra="forbid", strict=True)


def doc(description: str, default: object = None) -> Any:
    """A field's description and default, for editors."""
    extra: Any = {} if default is None else {"default": default}
    return Field(description=description, json_schema_extra=extra)


def _of(path: str) -> tuple[Callable[[Any], str], dict[str, Any]]:
    choices = FIELDS[path].choices
    return values.choice(*choices), {"type": "string", "enum": list(choices)}


_RATE, _TYPE, _DIRECTION = (_of(f"health_check.{leaf}") for leaf in ("rate", "type", "direction"))
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_STRING: dict[str, Any] = {"type": "string", "minLength": 1}

Text = Annotated[str, PlainValidator(values.text), WithJsonSchema(_SCALAR)]
Name = Annotated[str, PlainValidator(values.filled), WithJsonSchema(_SCALAR)]
Flag = Annotated[bool, PlainValidator(values.flag), WithJsonSchema({"type": "boolean"})]
Endpoint = Annotated[str, PlainValidator(addresses.endpoint), WithJsonSchema(_STRING)]
OptionalEndpoint = Annotated[str, PlainValidator(addresses.optional_endpoint), WithJsonSchema({"type": "string"})]
Interface = Annotated[
    str, PlainValidator(addresses.interface), WithJsonSchema({"type": "string", "pattern": "/3[01]$"})
]
Interface6 = Annotated[
    str, PlainValidator(addresses.interface6), WithJsonSchema({"type": "string", "pattern": "^$|/127$"})
]
Prefix = Annotated[str, PlainValidator(addresses.prefix), WithJsonSchema({"type": "string", "pattern": "/[0-9]+$"})]
Md5Key = Annotated[str, PlainValidator(values.md5_key), WithJsonSchema(_SCALAR)]
Fqdn = Annotated[
    str,
    PlainValidator(addresses.fqdn),
    WithJsonSchema({"type": "string", "pattern": r"^$|\.custom\.ipsec\.cloudflare\.com$"}),
]
Asn = Annotated[
    int,
    PlainValidator(values.number(0, values.MAX_ASN)),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": values.MAX_ASN}),
]
Percent = Annotated[
    int,
    PlainValidator(values.number(0, values.MAX_PERCENT)),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": values.MAX_PERCENT}),
]
Count = Annotated[int, PlainValidator(values.number(0, 1_000_000)), WithJsonSchema({"type": "integer", "minimum": 0})]
Rate = Annotated[str, PlainValidator(_RATE[0]), WithJsonSchema(_RATE[1])]
Type = Annotated[str, PlainValidator(_TYPE[0]), WithJsonSchema(_TYPE[1])]
Direction = Annotated[str, PlainValidator(_DIRECTION[0]), WithJsonSchema(_DIRECTION[1])]
Variable = Annotated[
    str,
    PlainValidator(values.variable),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}),
]
AccountId = Annotated[
    str, PlainValidator(values.account_id), WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{32}$"})
]
Day = Annotated[
    date,
    PlainValidator(values.day),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
]
Age = Annotated[
    int,
    PlainValidator(values.age),
    WithJsonSchema({"type": ["string", "integer"], "pattern": "^[1-9][0-9]*[dw]?$", "minimum": 1}),
]
Parking = Annotated[str, PlainValidator(addresses.parking), WithJsonSchema({"type": "string"})]
FieldPath = Annotated[
    str,
    PlainValidator(values.field_path),
    WithJsonSchema({"type": "string", "enum": list(values.FIELD_PATHS)}),
]
Argv = Annotated[
    list[Annotated[str, PlainValidator(values.word), WithJsonSchema(_SCALAR)]],
    Field(min_length=1),
]
FilePath = Annotated[str, PlainValidator(values.filled), WithJsonSchema(_STRING)]
Generate = Annotated[
    str, PlainValidator(values.generate), WithJsonSchema({"enum": [True, values.CLOUDFLARE], "default": True})
]
