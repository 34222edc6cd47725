"""JSON Schemas of the YAML files, for editors, from the models that check them: of each kind, and of either."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from reconciler.model.account import AccountFile, TunnelFile


class _ForEditors(GenerateJsonSchema):
    """Without what would only be noise to people: titles made from names, and defaults that say nothing.

    Not the one of `model.document`, which is for what the program writes: nothing there has a default to a reader, and
    a key is required unless it may be left out. In a file a key is required that has no default.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic calls it so
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        found = super().model_schema(schema)
        del found["title"]
        return found

    def default_schema(self, schema: Any) -> dict[str, Any]:
        if schema.get("default") in (None, ""):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


_FILES: dict[str, tuple[str, Any]] = {
    "account": ("account.yaml", AccountFile),
    "tunnels": ("a file of tunnels", TunnelFile),
    "files": ("account.yaml, or a file of tunnels", AccountFile | TunnelFile),
}


def json_schema(kind: str = "files") -> dict[str, Any]:
    """A JSON Schema (2020-12) of `account`, `tunnels` or, where an editor can't tell them apart, of either `files`.

    With the schema of its own kind an editor offers the keys that a file can hold and no others.
    """
    description, model = _FILES[kind]
    return {
        **TypeAdapter(model).json_schema(schema_generator=_ForEditors),
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": f"reconciler: {description}",
        "description": description,
    }
